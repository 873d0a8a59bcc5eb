//! Globs on file names: `*` is any run of characters, `?` is one, everything else is itself.

/// A glob such as `*.txt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    /// Takes a pattern. A slash can never match, so it is refused.
    pub fn new(pattern: &str) -> Option<Self> {
        (!pattern.is_empty() && !pattern.contains(['/', '\\', '\0'])).then(|| Self(pattern.to_owned()))
    }

    /// Whether a file's name fits. Linear in the name times the number of stars.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) = (self.0.chars().collect(), name.chars().collect());
        let (mut p, mut n) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    retry = Some((p + 1, n));
                    p += 1;
                }
                Some(c) if *c == '?' || *c == name[n] => {
                    p += 1;
                    n += 1;
                }
                _ => match retry {
                    Some((after_star, from)) => {
                        retry = Some((after_star, from + 1));
                        p = after_star;
                        n = from + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match_and_nothing_else_does() {
        for (pattern, name, expected) in [
            ("*.txt", "a.txt", true),
            ("*.txt", ".txt", true),
            ("*.txt", "a.txt.part", false),
            ("*", "", true),
            ("LD_*_??.txt", "LD_Tram_01.txt", true),
            ("LD_*_??.txt", "LD_Tram_1.txt", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("[a]", "a", false),
            ("trạm?.txt", "trạmấ.txt", true),
        ] {
            assert_eq!(NamePattern::new(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
        assert_eq!(NamePattern::new("a/b"), None);
    }
}
