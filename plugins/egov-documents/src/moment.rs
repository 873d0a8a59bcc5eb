use lienthong_sdk::vietnam;

/// What the regulation writes, then what is met beside it.
const DAYS: &[&str] = &["yyyy/MM/dd", "yyyy-MM-dd", "dd/MM/yyyy"];
const MOMENTS: &[&str] = &["yyyy/MM/dd HH:mm:ss", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-ddTHH:mm:ss", "dd/MM/yyyy HH:mm:ss"];

/// A day as RFC 3339 `full-date`. Where a time follows it, the time is checked and left out.
pub(crate) fn day(text: &str) -> Option<String> {
    vietnam::date(text, DAYS).or_else(|| moment(text).map(|moment| moment[..10].to_owned()))
}

/// A local moment as RFC 3339 at +07:00, which it may also say itself.
pub(crate) fn moment(text: &str) -> Option<String> {
    vietnam::moment(text.strip_suffix("+07:00").unwrap_or(text), MOMENTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_read_as_they_are_met() {
        for text in ["2026/11/23", "2026-11-23", "23/11/2026", "2026/11/23 17:19:16", "2026-11-23T17:19:16+07:00"] {
            assert_eq!(day(text).as_deref(), Some("2026-11-23"), "{text}");
        }
        for text in ["2026/11/23 17:19:16", "2026-11-23T17:19:16", "2026-11-23T17:19:16+07:00", "23/11/2026 17:19:16"] {
            assert_eq!(moment(text).as_deref(), Some("2026-11-23T17:19:16+07:00"), "{text}");
        }
        for bad in ["", "N/A", "2026/11/31", "2026/11/23 25:00:00", "11/23/2026", "2026-11-23T17:19:16Z", "+07:00", "2026/1/2"] {
            assert_eq!((day(bad), moment(bad)), (None, None), "{bad}");
        }
    }
}
