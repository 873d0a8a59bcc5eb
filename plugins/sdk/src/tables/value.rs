//! What a column may hold. Each function is given the field's text and the column's name. What does not fit is rejected here
//! rather than left to the schema, for here its file and line are known.

/// A text of at most so many characters; none where it is empty.
///
/// # Errors
/// When it is longer.
pub fn at_most<'r>(max_chars: usize, text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
    if text.len() > max_chars && text.chars().count() > max_chars {
        return Err(format!("{name} has more than {max_chars} characters"));
    }
    Ok(Some(text).filter(|t| !t.is_empty()))
}

/// A whole number from 0.
///
/// # Errors
/// When it is anything else, or beyond 32 bits.
pub fn count(text: &str, name: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.map(Some).ok_or_else(|| format!("{name} is no whole number from 0"))
}

/// A decimal number with a point.
///
/// # Errors
/// When it is anything else, or beyond a double.
pub fn number(text: &str, name: &str) -> Result<Option<f64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    // What Rust reads beyond digits, "inf" and "nan", is no number of JSON.
    let decimal = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    let number = text.parse::<f64>().ok().filter(|n| decimal && n.is_finite());
    number.map(Some).ok_or_else(|| format!("{name} is no decimal number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_in_characters() {
        assert_eq!(at_most(5, "", "n"), Ok(None));
        assert!(at_most(512, &"ộ".repeat(512), "n").is_ok());
        assert_eq!(at_most(512, &"ộ".repeat(513), "n").unwrap_err(), "n has more than 512 characters");
    }

    #[test]
    fn numbers_are_numbers_of_json() {
        assert_eq!((number("-16.92", "n"), number("", "n")), (Ok(Some(-16.92)), Ok(None)));
        assert_eq!((count("0", "n"), count("", "n")), (Ok(Some(0)), Ok(None)));
        for bad in ["nan", "inf", "1e999", "1,5", "--1", "0x1"] {
            assert!(number(bad, "n").is_err(), "{bad}");
        }
        for bad in ["-1", "+1", "1.0", "4294967296"] {
            assert!(count(bad, "n").is_err(), "{bad}");
        }
    }
}
