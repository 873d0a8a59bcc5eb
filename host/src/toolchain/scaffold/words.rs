//! Names for types and fields, from those that a schema has.

/// `admin-units` → `AdminUnits`; a digit in front gets a letter before it.
pub(super) fn pascal(text: &str) -> String {
    let mut name = String::new();
    for part in text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()) {
        let mut letters = part.chars();
        name.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        name.extend(letters);
    }
    match name.chars().next() {
        None => "Empty".to_owned(),
        Some(first) if first.is_numeric() => format!("V{name}"),
        Some(_) => name,
    }
}

/// What one record of many is called: `Encounters` → `Encounter`. English, as the schemas' names are; where it does not know
/// better it leaves the word alone.
pub(super) fn one(many: &str) -> String {
    let keep = ["us", "ss", "is"];
    if let Some(stem) = many.strip_suffix("ies") {
        format!("{stem}y")
    } else if many.ends_with("sses") || many.ends_with("xes") || many.ends_with("ches") {
        many[..many.len() - 2].to_owned()
    } else if keep.iter().any(|end| many.ends_with(end)) {
        many.to_owned()
    } else {
        many.strip_suffix('s').unwrap_or(many).to_owned()
    }
}

/// ASCII letters, digits and underscores, a letter or underscore first: a field's name in every language, unless it is a keyword.
pub(super) fn is_plain(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The name made plain.
pub(super) fn plain(name: &str) -> String {
    let mut plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if !plain.starts_with(|c: char| c.is_ascii_alphabetic()) {
        plain.insert(0, 'x');
    }
    plain
}

/// A description as lines of at most so many characters.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else if let Some(line) = lines.last_mut() {
            if last > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_a_person_would_write_them() {
        assert_eq!(pascal("admin-units"), "AdminUnits");
        assert_eq!(pascal("00"), "V00");
        assert_eq!(pascal("replaced-by"), "ReplacedBy");
        let many = ["Encounters", "Classes", "Status", "DocumentStatus", "Facilities", "Boxes", "Courses"];
        let single = ["Encounter", "Class", "Status", "DocumentStatus", "Facility", "Box", "Course"];
        assert_eq!(many.map(one), single);
        assert!(is_plain("source_file") && !is_plain("x-source") && !is_plain("2d"));
        assert_eq!(plain("2D-code"), "x2d_code");
        assert_eq!(wrapped("a  bb ccc", 4), ["a bb", "ccc"]);
    }
}
