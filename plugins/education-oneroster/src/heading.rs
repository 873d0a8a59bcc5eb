//! How the headings of Vietnamese sheets are compared: without regard to case, to how diacritics are encoded and whether they were
//! kept, and to remarks such as `(dd/mm/yyyy)` or `*`.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Whether a heading is the name of a column.
pub(crate) fn same(heading: &str, name: &str) -> bool {
    plain(heading) == plain(name)
}

/// Words of a text as plain small letters and digits, up to the first parenthesis.
pub(crate) fn plain(text: &str) -> String {
    let text = text.split('(').next().unwrap_or_default();
    let letters = text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).map(|c| if c == 'đ' { 'd' } else { c });
    let spaced: String = letters.map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_is_the_same_however_it_was_typed() {
        let decomposed: String = "Mã học sinh".nfd().collect();
        for heading in ["Mã học sinh", "MÃ HỌC SINH", &decomposed, "Ma hoc sinh", " Mã  học\r\nsinh (*) ", "Mã học sinh*"] {
            assert!(same(heading, "Mã học sinh"), "{heading:?}");
        }
        assert!(same("So dinh danh ca nhan", "Số định danh cá nhân") && same("Ngày sinh (dd/mm/yyyy)", "Ngày sinh"));
        for heading in ["", "Mã lớp", "Mã học sinh 2", "(Mã học sinh)"] {
            assert!(!same(heading, "Mã học sinh"), "{heading:?}");
        }
    }
}
