//! From a field's text to what its property holds. Messages name the field and never quote it: what a field holds may be personal.

use lienthong_sdk::vietnam;

use crate::decimal::Decimal;
use crate::record::{Record, Value};
use crate::tables::{CODE, Field, Form, LONG_CODE, MAX_CARDS, MAX_VALUES};

const DAY: &[&str] = &["yyyyMMdd"];
const MOMENT: &[&str] = &["yyyyMMddHHmm"];

/// Puts a field that is not empty into the record. Cards are kept apart, for their fields are parallel lists.
pub(crate) fn put(field: &Field, text: String, record: &mut Record, cards: &mut Cards) -> Result<(), String> {
    let source = field.source;
    let value = match field.form {
        Form::Text(max_chars) => {
            if is_longer(&text, max_chars) {
                return Err(format!("{source} has more than {max_chars} characters"));
            }
            Value::Text(text)
        }
        Form::Codes => {
            let codes: Vec<String> = values(&text, source)?.map(str::to_owned).collect();
            if codes.iter().any(|code| is_longer(code, LONG_CODE)) {
                return Err(format!("{source} holds a code of more than {LONG_CODE} characters: put semicolons between codes"));
            }
            Value::Texts(codes)
        }
        Form::Moment => Value::Text(moment(&text, source)?),
        Form::Day => Value::Text(day(&text, source)?),
        Form::Days => Value::Texts(values(&text, source)?.map(|text| day(text, source)).collect::<Result<_, _>>()?),
        Form::DayOrMoment(name) => {
            if text.len() > 8 {
                record.push(name, Value::Text(moment(&text, source)?));
            }
            Value::Text(day(text.get(..8).unwrap_or(&text), source)?)
        }
        Form::Birth(name) => {
            let birth = birth(&text).ok_or_else(|| format!("{source} is no date yyyymmdd or yyyymmddHHMM, 00 for what is not known"))?;
            if let Some(moment) = birth.moment {
                record.push(name, Value::Text(moment));
            }
            let Some(date) = birth.date else { return Ok(()) };
            Value::Text(date)
        }
        Form::Gender => Value::Word(match text.as_str() {
            "1" => "male",
            "2" => "female",
            "3" => "unknown",
            _ => return Err(format!("{source} is none of 1, 2 and 3")),
        }),
        Form::Money => Value::Number(number(&text, 2, source)?),
        Form::Number => Value::Number(number(&text, 3, source)?),
        Form::Numbers => Value::Numbers(values(&text, source)?.map(|text| number(text, 3, source)).collect::<Result<_, _>>()?),
        Form::Percent => {
            let percent = number(&text, 3, source)?;
            if percent < Decimal::default() || percent > Decimal::HUNDRED {
                return Err(format!("{source} is no percentage from 0 to 100"));
            }
            Value::Number(percent)
        }
        Form::Whole(max) => {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            let whole = text.parse().ok().filter(|number| digits && *number <= max);
            Value::Whole(whole.ok_or_else(|| format!("{source} is no whole number from 0 to {max}"))?)
        }
        Form::Card(name) | Form::CardDay(name) => return cards.put(name, field, &text),
    };
    record.push(field.name, value);
    Ok(())
}

fn is_longer(text: &str, max_chars: usize) -> bool {
    text.len() > max_chars && text.chars().count() > max_chars
}

/// What stands between semicolons.
fn values<'t>(text: &'t str, source: &str) -> Result<impl Iterator<Item = &'t str>, String> {
    let values = || text.split(';').map(str::trim).filter(|value| !value.is_empty());
    match values().nth(MAX_VALUES) {
        Some(_) => Err(format!("{source} has more than {MAX_VALUES} values")),
        None => Ok(values()),
    }
}

fn moment(text: &str, source: &str) -> Result<String, String> {
    vietnam::moment(text, MOMENT).ok_or_else(|| format!("{source} is no time yyyymmddHHMM"))
}

fn day(text: &str, source: &str) -> Result<String, String> {
    vietnam::date(text, DAY).ok_or_else(|| format!("{source} is no date yyyymmdd"))
}

fn number(text: &str, decimals: usize, source: &str) -> Result<Decimal, String> {
    Decimal::read(text, decimals)
        .ok_or_else(|| format!("{source} is no number of at most 15 digits with a decimal point and at most {decimals} decimals"))
}

/// A date of birth as far as it is known (`1980`, `1980-05`, `1980-05-17`), and the moment where that is known.
#[derive(Debug, Default, PartialEq, Eq)]
struct Birth {
    date: Option<String>,
    moment: Option<String>,
}

fn birth(text: &str) -> Option<Birth> {
    if !text.bytes().all(|b| b.is_ascii_digit()) || !matches!(text.len(), 8 | 12) {
        return None;
    }
    let (date, time) = text.split_at(8);
    let (year, month, day) = (&date[..4], &date[4..6], &date[6..]);
    let is_timed = !matches!(time, "" | "0000");
    let known = match (month, day) {
        _ if is_timed => vietnam::date(date, DAY)?,
        ("00", "00") if year == "0000" => return Some(Birth::default()),
        // The known part must exist, the rest being the first of its kind.
        ("00", "00") => vietnam::date(&format!("{year}0101"), DAY)?[..4].to_owned(),
        (_, "00") => vietnam::date(&format!("{year}{month}01"), DAY)?[..7].to_owned(),
        _ => vietnam::date(date, DAY)?,
    };
    let moment = if is_timed { Some(vietnam::moment(text, MOMENT)?) } else { None };
    Some(Birth { date: Some(known), moment })
}

/// Parallel lists: the first value of each belongs to the first card, and so on.
#[derive(Debug, Default)]
pub(crate) struct Cards(Vec<List>);

#[derive(Debug)]
struct List {
    name: &'static str,
    source: &'static str,
    values: Vec<String>,
}

impl Cards {
    fn put(&mut self, name: &'static str, field: &Field, text: &str) -> Result<(), String> {
        if text.split(';').count() > MAX_CARDS {
            return Err(format!("{} has more than {MAX_CARDS} values", field.source));
        }
        let is_day = matches!(field.form, Form::CardDay(_));
        let read = |text: &str| match text {
            "" => Ok(String::new()),
            _ if is_day => day(text, field.source),
            _ if is_longer(text, CODE) => Err(format!("{} holds a code of more than {CODE} characters", field.source)),
            _ => Ok(text.to_owned()),
        };
        let values = text.split(';').map(str::trim).map(read).collect::<Result<_, _>>()?;
        self.0.push(List { name, source: field.source, values });
        Ok(())
    }

    /// One object a card. A value may be empty, as a card's last day is that is not known; to leave one out is a mistake.
    pub(crate) fn finish(self, record: &mut Record) -> Result<(), String> {
        let filled = |list: &List| list.values.iter().rposition(|value| !value.is_empty()).map_or(0, |last| last + 1);
        let count = self.0.iter().map(filled).max().unwrap_or(0);
        let mut cards = vec![Record::default(); count];
        for list in self.0 {
            if list.values.len() < count && filled(&list) > 0 {
                return Err(format!("{} has {} values where there are {count} cards", list.source, list.values.len()));
            }
            for (card, value) in cards.iter_mut().zip(list.values).filter(|(_, value)| !value.is_empty()) {
                card.push(list.name, Value::Text(value));
            }
        }
        if count > 0 {
            record.push("cards", Value::Objects(cards));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_birth_is_told_as_far_as_it_is_known() {
        let known = |date: &str, moment: Option<&str>| Some(Birth { date: Some(date.to_owned()), moment: moment.map(str::to_owned) });
        for (text, expected) in [
            ("19800517", known("1980-05-17", None)),
            ("198005170000", known("1980-05-17", None)),
            ("202611230845", known("2026-11-23", Some("2026-11-23T08:45:00+07:00"))),
            ("19800000", known("1980", None)),
            ("198000000000", known("1980", None)),
            ("198005000000", known("1980-05", None)),
            ("000000000000", Some(Birth::default())),
            ("198000170000", None),
            ("198000000845", None),
            ("198005000845", None),
            ("198013000000", None),
            ("198002300000", None),
            ("198005172400", None),
            ("17000000", None),
            ("1980", None),
            ("1980-05-17", None),
            ("", None),
        ] {
            assert_eq!(birth(text), expected, "{text}");
        }
    }

    #[test]
    fn cards_are_parallel_lists() {
        let field = |source, name| Field { source, name: "cards", form: Form::Card(name), required: false };
        let cards = |lists: &[(&'static str, &str)]| {
            let (mut cards, mut record) = (Cards::default(), Record::default());
            for (name, text) in lists {
                cards.put(name, &field("X", name), text)?;
            }
            cards.finish(&mut record).map(|()| serde_json::to_string(&record).unwrap())
        };
        assert_eq!(
            cards(&[("number", "A;B"), ("facility_code", "1;2")]).as_deref(),
            Ok(r#"{"cards":[{"number":"A","facility_code":"1"},{"number":"B","facility_code":"2"}]}"#)
        );
        assert_eq!(
            cards(&[("number", "A;B;"), ("facility_code", " ;2")]).as_deref(),
            Ok(r#"{"cards":[{"number":"A"},{"number":"B","facility_code":"2"}]}"#)
        );
        assert_eq!(
            cards(&[("number", "A;B"), ("facility_code", "1;")]).as_deref(),
            Ok(r#"{"cards":[{"number":"A","facility_code":"1"},{"number":"B"}]}"#)
        );
        assert_eq!(cards(&[("number", ";")]).as_deref(), Ok("{}"));
        assert_eq!(cards(&[("number", "A;B"), ("facility_code", "1")]).unwrap_err(), "X has 1 values where there are 2 cards");
    }
}
