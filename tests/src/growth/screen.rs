//! A table on the screen, a row as soon as it is measured.

/// Column titles, which also say how wide each column is.
pub struct Table(Vec<&'static str>);

impl Table {
    /// Prints the titles.
    pub fn new(title: &str, columns: &[&'static str]) -> Self {
        println!("\n{title}\n{}", columns.join("  "));
        Self(columns.to_vec())
    }

    /// Prints a row, as many values as there are titles.
    pub fn row(&self, values: &[String]) {
        let cells: Vec<_> =
            self.0.iter().zip(values).map(|(title, value)| format!("{value:>width$}", width = title.chars().count())).collect();
        println!("{}", cells.join("  "));
    }
}
