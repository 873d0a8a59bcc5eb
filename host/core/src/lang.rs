//! The languages in which the hub speaks to people.

/// A language of reports and pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Vietnamese.
    Vi,
}

impl Lang {
    /// From a `--lang` argument, a locale (`vi`, `vi_VN.UTF-8`) or an `Accept-Language` header (`vi-VN,vi;q=0.9`):
    /// Vietnamese where it begins so, else English.
    pub fn from_locale(text: &str) -> Self {
        match text.split(['_', '.', '-', ',', ';']).next() {
            Some("vi") => Self::Vi,
            _ => Self::En,
        }
    }

    /// ISO 639-1.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Vi => "vi",
        }
    }
}
