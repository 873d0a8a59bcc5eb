//! The city's texts and places in them.

/// One text of the city, kept so that a finding can show its line.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative to the city's folder, with `/`.
    pub(super) name: String,
    pub(super) text: String,
}

/// All texts that were read; a [`Place`] points into them.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<Source>);

impl Sources {
    pub(super) fn add(&mut self, name: String, text: String) -> FileId {
        self.0.push(Source { name, text });
        FileId(self.0.len() - 1)
    }

    pub(super) fn get(&self, file: FileId) -> &Source {
        &self.0[file.0]
    }
}

/// A text's place in [`Sources`]. Files are read in the order in which findings shall be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(usize);

/// Where something stands: 1-based line and column, counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: FileId,
    pub(super) line: u32,
    pub(super) column: u32,
    /// Characters, on this line; 1 where the extent does not matter.
    pub(super) width: u32,
}

impl Place {
    /// The first character of a file.
    pub(super) fn start(file: FileId) -> Self {
        Self { file, line: 1, column: 1, width: 1 }
    }
}

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}
