//! Base64 in lines of 76 characters (RFC 2045), as most systems break it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Characters of a line.
const LINE: usize = 76;

/// The lines, with a line feed between.
pub fn lines(bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let lines: Vec<&str> = (0..encoded.len()).step_by(LINE).map(|at| &encoded[at..encoded.len().min(at + LINE)]).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_broken_into_lines_is_whole() {
        for length in [0, 1, 56, 57, 58, 114, 115, 1000] {
            let bytes: Vec<u8> = (0..length).map(|place| place as u8).collect();
            let text = lines(&bytes);
            assert!(text.lines().all(|line| (1..=LINE).contains(&line.len())), "{text}");
            assert_eq!(STANDARD.decode(text.replace('\n', "")).unwrap(), bytes);
        }
    }
}
