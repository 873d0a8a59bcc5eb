//! The symbols of measured parameters: Circular 10/2021/TT-BTNMT, appendix 15, table 34.

use std::borrow::Cow;

/// In the circular's spelling, but `PM2.5` with a point: the circular's comma is the decimal mark of its language.
const SYMBOLS: [&str; 25] = [
    "Flow", "Temp", "Color", "pH", "TSS", "COD", "NH4", "TP", "TN", "TOC", "Cl", "RH", "P", "NO", "NO2", "CO", "SO2", "O2", "H2S", "NH3", "VHg",
    "PM", "O3", "PM10", "PM2.5",
];

const MAX_SYMBOL_BYTES: usize = 32;

/// One spelling for one parameter: case and decimal mark are folded. A symbol that the circular does not list is kept as it
/// came, for stations measure more than the circular asks for.
pub(crate) fn canonical(given: &str) -> Result<Cow<'_, str>, String> {
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ',' | '-' | '_' | '+');
    if given.is_empty() || given.len() > MAX_SYMBOL_BYTES || !given.chars().all(usable) {
        return Err("the first field is no parameter symbol: letters, digits and . , - _ +, at most 32".to_owned());
    }
    // Cobalt is not carbon monoxide.
    if given == "Co" {
        return Ok(Cow::Borrowed(given));
    }
    let pointed = given.replace(',', ".");
    match SYMBOLS.iter().find(|symbol| symbol.eq_ignore_ascii_case(&pointed)) {
        Some(symbol) => Ok(Cow::Borrowed(symbol)),
        None => Ok(Cow::Borrowed(given)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_parameter_has_one_spelling() {
        for (given, expected) in [
            ("PM2,5", "PM2.5"),
            ("PM2.5", "PM2.5"),
            ("pm2,5", "PM2.5"),
            ("PH", "pH"),
            ("flow", "Flow"),
            ("CO", "CO"),
            ("Co", "Co"),
            ("WindSpd", "WindSpd"),
            ("X1,2", "X1,2"),
        ] {
            assert_eq!(canonical(given).unwrap(), expected);
        }
        for symbol in SYMBOLS {
            assert_eq!(canonical(symbol).unwrap(), symbol);
        }
        for bad in ["", "a b", "<script>", "độ", &"x".repeat(33)] {
            assert!(canonical(bad).is_err(), "{bad}");
        }
    }
}
