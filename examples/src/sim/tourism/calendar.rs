//! A calendar of events (iCalendar, RFC 5545), with what it should come to.

use chrono::Duration;

use crate::sim::chance::Chance;
use crate::sim::clock::LocalTime;
use crate::sim::ledger::Sent;

/// A calendar with this remainder has a bad event.
const BAD_EVERY: u64 = 3;
/// Nights of a market.
const NIGHTS: u32 = 4;

/// A calendar's text, and its occurrences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The file.
    pub text: String,
    /// What it should come to.
    pub events: Sent,
}

impl Calendar {
    /// The calendar of a turn, of what happens in the weeks after `at`. `name` is the calendar's own.
    pub fn draw(seed: u64, name: &str, number: u64, at: &LocalTime) -> Self {
        let mut chance = Chance::new(seed, &[number, 0x1ca1]);
        let day = |days: usize| *at + Duration::days(days as i64);
        let date = |at: &LocalTime| at.format("%Y%m%d").to_string();
        let evening = |at: &LocalTime| format!("TZID=Asia/Ho_Chi_Minh:{}T190000", date(at));
        let stamp = at.to_utc().format("%Y%m%dT%H%M%SZ").to_string();
        let id = |what: &str| format!("UID:{what}-{number}@dulich.example\r\nDTSTAMP:{stamp}\r\n");

        // A festival of days, a market of nights, of which one is left out and one is later, and a concert that does not take place.
        let festival = 5 + chance.below(20);
        let market = day(1 + chance.below(6));
        let (out, later) = (market + Duration::weeks(1), market + Duration::weeks(2));
        let mut components = vec![
            format!(
                "{}SUMMARY:Lễ hội Ví Dụ số {number}\r\nLOCATION:Quảng trường Ví Dụ\r\nGEO:11.9404;108.4583\r\nCATEGORIES:Lễ hội,Hoa\r\n\
                 DTSTART;VALUE=DATE:{}\r\nDTEND;VALUE=DATE:{}\r\n",
                id("le-hoi"),
                date(&day(festival)),
                date(&day(festival + 3)),
            ),
            format!(
                "{}SUMMARY:Chợ đêm Thí Dụ\r\nDTSTART;{}\r\nDURATION:PT4H\r\nRRULE:FREQ=WEEKLY;COUNT={NIGHTS}\r\nEXDATE;{}\r\n",
                id("cho-dem"),
                evening(&market),
                evening(&out),
            ),
            format!(
                "{}SUMMARY:Chợ đêm Thí Dụ (mở muộn)\r\nRECURRENCE-ID;{}\r\nDTSTART;TZID=Asia/Ho_Chi_Minh:{}T203000\r\nDURATION:PT3H\r\n",
                id("cho-dem"),
                evening(&later),
                date(&later),
            ),
            format!(
                "{}SUMMARY:Đêm nhạc Không Có\r\nDTSTART:{}\r\nSTATUS:CANCELLED\r\n",
                id("dem-nhac"),
                day(2 + chance.below(9)).to_utc().format("%Y%m%dT%H%M%SZ"),
            ),
        ];
        let bad = number.is_multiple_of(BAD_EVERY);
        if bad {
            components.push(format!("{}SUMMARY:Ngày không có\r\nDTSTART;VALUE=DATE:20260231\r\n", id("sai")));
        }
        let events: String = components.iter().map(|lines| format!("BEGIN:VEVENT\r\n{lines}END:VEVENT\r\n")).collect();
        let text =
            format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Ví Dụ//Lịch//VI\r\nX-WR-CALNAME:{name}\r\n{events}END:VCALENDAR\r\n");
        // The night that is left out is told as cancelled.
        Self { text, events: Sent { good: u64::from(NIGHTS) + 2, bad: bad.into() } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::clock;

    #[test]
    fn a_calendar_is_the_same_each_time_and_at_times_has_a_bad_event() {
        let at = clock::at_seconds(1_795_401_899);
        for number in 0..9 {
            let calendar = Calendar::draw(1, "Lịch", number, &at);
            assert_eq!(calendar, Calendar::draw(1, "Lịch", number, &at));
            assert_eq!(calendar.text.matches("BEGIN:VEVENT").count() as u64, 4 + calendar.events.bad);
            assert_eq!(calendar.events.bad, u64::from(number % 3 == 0));
            assert!(calendar.text.lines().all(|line| line.contains(':')), "{}", calendar.text);
        }
    }
}
