//! What the columns of OneRoster may hold, as the schemas of the ports have it.

use lienthong_sdk::tables::value::at_most;
use lienthong_sdk::vietnam;
use serde::Serialize;

pub(crate) use lienthong_sdk::tables::value::number;

/// So many names in one field are no list any more.
const MAX_ITEMS: usize = 1_000;

/// An identifier.
pub(crate) fn id<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
    at_most(256, text, name)
}

/// A name or another short text.
pub(crate) fn text<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
    at_most(1_024, text, name)
}

/// A comment or a description.
pub(crate) fn comment<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
    at_most(8_192, text, name)
}

/// Identifiers or short names with commas between them.
pub(crate) fn list<'r>(text: &'r str, name: &str) -> Result<Vec<&'r str>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(|item| id(item, name));
    let items: Vec<&str> = items.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    match items.len() {
        0 if !text.is_empty() => Err(format!("{name} has commas and nothing between them")),
        count if count > MAX_ITEMS => Err(format!("{name} has more than {MAX_ITEMS} items")),
        _ => Ok(items),
    }
}

/// How another system knows a user.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct UserId<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'r str>,
    identifier: &'r str,
}

/// `{type:identifier}` with commas between them; an identifier without braces has no type.
pub(crate) fn user_ids<'r>(text: &'r str, name: &str) -> Result<Vec<UserId<'r>>, String> {
    let items = list(text, name)?.into_iter();
    let user_id = |item: &'r str| {
        let (r#type, identifier) = match item.strip_prefix('{').and_then(|item| item.strip_suffix('}')) {
            Some(inner) => inner.split_once(':').ok_or_else(|| format!("{name} has an item that is not {{type:identifier}}"))?,
            None => ("", item),
        };
        let (r#type, identifier) = (Some(r#type.trim()).filter(|t| !t.is_empty()), identifier.trim());
        if identifier.is_empty() { Err(format!("{name} has an empty identifier")) } else { Ok(UserId { r#type, identifier }) }
    };
    items.map(user_id).collect()
}

/// `true` or `false`.
pub(crate) fn flag(text: &str, name: &str) -> Result<Option<bool>, String> {
    match text {
        "" => Ok(None),
        _ if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        _ if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        _ => Err(format!("{name} is neither true nor false")),
    }
}

/// A day, `yyyy-MM-dd`.
pub(crate) fn date(text: &str, name: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    day(text).map(Some).ok_or_else(|| format!("{name} is no day yyyy-MM-dd"))
}

/// A year, `yyyy`.
pub(crate) fn year(text: &str, name: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(Some).ok_or_else(|| format!("{name} is no year yyyy"))
}

/// A moment as RFC 3339. The standard wants all moments in UTC, so one without an offset is UTC; OneRoster 1.0 writes only the day,
/// which stands for its beginning.
pub(crate) fn moment(text: &str, name: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let whole = match text.split_once('T') {
        None => day(text).map(|day| format!("{day}T00:00:00Z")),
        Some((date, time)) => day(date).filter(|_| is_time(time)).map(|_| match time.ends_with('Z') || time.contains(['+', '-']) {
            true => text.to_owned(),
            false => format!("{text}Z"),
        }),
    };
    whole.map(Some).ok_or_else(|| format!("{name} is no moment yyyy-MM-ddTHH:mm:ssZ"))
}

fn day(text: &str) -> Option<String> {
    vietnam::date(text, &["yyyy-MM-dd"])
}

/// `HH:mm:ss`, perhaps a fraction, perhaps `Z` or an offset.
fn is_time(text: &str) -> bool {
    let number = |text: Option<&str>, below: u8| {
        let two = text.filter(|t| t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit()));
        two.and_then(|t| t.parse::<u8>().ok()).is_some_and(|n| n < below)
    };
    let clock = number(text.get(0..2), 24) && number(text.get(3..5), 60) && number(text.get(6..8), 60);
    let colons = text.get(2..3) == Some(":") && text.get(5..6) == Some(":");
    let Some(rest) = text.get(8..).filter(|_| clock && colons) else { return false };
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if !(1..=9).contains(&(fraction.len() - zone.len())) {
                return false;
            }
            zone
        }
    };
    match zone.strip_prefix(['+', '-']) {
        None => matches!(zone, "" | "Z"),
        Some(offset) => offset.len() == 5 && number(offset.get(0..2), 24) && offset.get(2..3) == Some(":") && number(offset.get(3..5), 60),
    }
}

/// One of the standard's words, in any case and written as the standard writes it; or a word of somebody's own, `ext:…`.
fn word<'r>(words: &[&'static str], text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(word) = words.iter().find(|word| text.eq_ignore_ascii_case(word)) {
        return Ok(Some(word));
    }
    let own = text.strip_prefix("ext:").filter(|own| (1..=60).contains(&own.len()));
    let sound = own.is_some_and(|own| own.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b)));
    if sound { Ok(Some(text)) } else { Err(format!("{name} is none of {}", words.join(", "))) }
}

/// Declares a vocabulary of the standard.
macro_rules! vocabulary {
    ($($(#[$doc:meta])* $name:ident: $($word:literal)+;)+) => {$(
        $(#[$doc])*
        pub(crate) fn $name<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
            word(&[$($word),+], text, name)
        }
    )+};
}

vocabulary! {
    /// What an organisation is.
    org_type: "department" "school" "district" "local" "state" "national";
    /// Who a person is: the words of 1.0, 1.1 and 1.2 together.
    role: "administrator" "aide" "counselor" "districtAdministrator" "guardian" "parent" "principal" "proctor" "relative"
        "siteAdministrator" "student" "systemAdministrator" "teacher";
    /// How much a role weighs.
    role_type: "primary" "secondary";
    /// What a class is.
    class_type: "homeroom" "scheduled";
    /// What a session is.
    session_type: "gradingPeriod" "semester" "schoolYear" "term";
    /// How far marking is.
    score_status: "exempt" "fully graded" "not submitted" "partially graded" "submitted";
}

/// What became of a record since the last exchange. `inactive` is a word of OneRoster 1.0.
pub(crate) fn status<'r>(text: &'r str, name: &str) -> Result<Option<&'r str>, String> {
    let words = ["active", "tobedeleted", "inactive"];
    match words.iter().find(|word| text.eq_ignore_ascii_case(word)) {
        Some(word) => Ok(Some(word)),
        None if text.is_empty() => Ok(None),
        None => Err(format!("{name} is neither active nor tobedeleted")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_as_the_standard_writes_them() {
        assert_eq!(role("STUDENT", "n"), Ok(Some("student")));
        assert_eq!(role("districtadministrator", "n"), Ok(Some("districtAdministrator")));
        assert_eq!((role("ext:librarian", "n"), role("", "n")), (Ok(Some("ext:librarian")), Ok(None)));
        assert_eq!(class_type("lab", "classType").unwrap_err(), "classType is none of homeroom, scheduled");
        assert_eq!(status("ToBeDeleted", "n"), Ok(Some("tobedeleted")));
        for bad in ["pupil", "ext:", "ext:a b", "ext:ộ", "student teacher"] {
            assert!(role(bad, "n").is_err(), "{bad}");
        }
        assert!(status("deleted", "n").is_err());
    }

    #[test]
    fn moments_are_rfc_3339() {
        for (given, expected) in [
            ("2026-09-05T07:00:00.000Z", "2026-09-05T07:00:00.000Z"),
            ("2026-09-05T07:00:00+07:00", "2026-09-05T07:00:00+07:00"),
            ("2026-09-05T07:00:00", "2026-09-05T07:00:00Z"),
            ("2026-09-05T07:00:00.5", "2026-09-05T07:00:00.5Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
        ] {
            assert_eq!(moment(given, "n").unwrap().as_deref(), Some(expected));
        }
        assert_eq!(moment("", "n"), Ok(None));
        for bad in [
            "2026-02-29",
            "05/09/2026",
            "2026-09-05T24:00:00Z",
            "2026-09-05T07:60:00Z",
            "2026-09-05T07:00Z",
            "2026-09-05T07:00:00.Z",
            "2026-09-05T07:00:00+7",
            "2026-09-05T07:00:00+24:00",
            "2026-09-05T07:00:00ộ",
            "2026-09-05Tộộộộộộ",
            "2026-09-05 07:00:00",
            "T",
        ] {
            assert!(moment(bad, "n").is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_have_commas_between_their_items() {
        assert_eq!(list(" 10, 11,,12 ", "n"), Ok(vec!["10", "11", "12"]));
        assert_eq!(list("", "n"), Ok(vec![]));
        assert!(list(" ,", "n").is_err());
        assert!(list(&"a,".repeat(1_001), "n").is_err());
        assert!(list(&format!("a,{}", "ộ".repeat(257)), "n").is_err());
        let user_id = |r#type, identifier| UserId { r#type, identifier };
        assert_eq!(
            user_ids("{LDAP: lan01},{Fed:x:y},77", "n"),
            Ok(vec![user_id(Some("LDAP"), "lan01"), user_id(Some("Fed"), "x:y"), user_id(None, "77")])
        );
        for bad in ["{lan01}", "{LDAP:}", "{}"] {
            assert!(user_ids(bad, "n").is_err(), "{bad}");
        }
    }

    #[test]
    fn flags_and_years_are_what_they_say() {
        assert_eq!((flag("TRUE", "n"), flag("false", "n"), flag("", "n")), (Ok(Some(true)), Ok(Some(false)), Ok(None)));
        assert!(flag("yes", "n").is_err());
        assert_eq!((year("2027", "n"), year("", "n")), (Ok(Some(2027)), Ok(None)));
        for bad in ["27", "2026-2027", "+202", "20261"] {
            assert!(year(bad, "n").is_err(), "{bad}");
        }
    }
}
