//! The pupil sheet of the Ministry of Education (`C1-HocSinh`) as a clerk saves it: with commas or semicolons, as the spreadsheet has it.

use crate::sim::chance::Chance;
use crate::sim::clock::LocalTime;
use crate::sim::ledger::Sent;
use crate::sim::people::Person;

const HEADINGS: [&str; 11] = [
    "STT",
    "Mã lớp",
    "Mã học sinh",
    "Họ tên",
    "Ngày sinh (dd/mm/yyyy)",
    "Giới tính",
    "Trạng thái HS",
    "Ngày nhập trạng thái",
    "Dân tộc",
    "Loại khuyết tật",
    "Số định danh cá nhân",
];
/// Pupils of a class.
const PUPILS: usize = 14;
/// A sheet with this remainder has a bad row.
const BAD_EVERY: u64 = 3;

/// The sheet of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PupilSheet {
    /// The class.
    pub class: String,
    /// The file.
    pub text: String,
    /// Its rows.
    pub pupils: Sent,
}

impl PupilSheet {
    /// The sheet of a turn: the classes take turns, from 1A1 to 5A3.
    pub fn draw(seed: u64, number: u64, at: &LocalTime) -> Self {
        let place = number % 15;
        let class = format!("{}A{}", place / 3 + 1, place % 3 + 1);
        let born = 2020 - place / 3;
        let mut chance = Chance::new(seed, &[number, 0x59ee7]);
        let bad = number.is_multiple_of(BAD_EVERY).then(|| chance.below(PUPILS));
        let today = at.format("%d/%m/%Y").to_string();
        let mut rows: Vec<Vec<String>> = vec![HEADINGS.map(str::to_owned).to_vec()];
        for nth in 0..PUPILS {
            // Who was there a round ago is there again: a sheet is the whole class each time.
            let pupil = Person::draw(&mut Chance::new(seed, &[place, nth as u64, 0x599]), 20_000 + place as u32 * 100 + nth as u32);
            let mut id = pupil.national_id();
            if bad == Some(nth) {
                // A spreadsheet took it for a number and ate its zeros.
                id = id.trim_start_matches('0').to_owned();
            }
            let status = if chance.below(20) == 0 { "Chuyển đi trường khác" } else { "Đang học" };
            rows.push(vec![
                (nth + 1).to_string(),
                class.clone(),
                format!("99{:08}", pupil.number),
                pupil.full_name(),
                format!("{:02}/{:02}/{born}", nth * 2 + 1, nth % 12 + 1),
                if pupil.female { "Nữ" } else { "Nam" }.to_owned(),
                status.to_owned(),
                today.clone(),
                if pupil.middle.is_empty() { "K'Ho" } else { "Kinh" }.to_owned(),
                String::new(),
                id,
            ]);
        }
        // A title above the headings is what a clerk leaves there.
        let (title, separator) = if number.is_multiple_of(2) { ("", ",") } else { ("DANH SÁCH HỌC SINH;;;;;;;;;;\r\n", ";") };
        let rows: String = rows.iter().map(|row| row.join(separator) + "\r\n").collect();
        let pupils = Sent { good: (PUPILS - usize::from(bad.is_some())) as u64, bad: bad.is_some().into() };
        Self { class, text: format!("\u{feff}{title}{rows}"), pupils }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::clock;

    #[test]
    fn a_sheet_has_its_pupils_and_at_times_one_whose_number_lost_its_zeros() {
        let at = clock::at_seconds(1_795_401_899);
        for number in 0..30 {
            let sheet = PupilSheet::draw(1, number, &at);
            assert_eq!(sheet, PupilSheet::draw(1, number, &at));
            let rows: Vec<&str> = sheet.text.lines().filter(|line| line.contains(&sheet.class)).collect();
            assert_eq!(rows.len() as u64, sheet.pupils.all());
            let short = rows.iter().filter(|row| row.rsplit([',', ';']).next().unwrap().len() != 12).count();
            assert_eq!(short as u64, sheet.pupils.bad);
            assert_eq!(sheet.pupils.bad, u64::from(number % 3 == 0));
            assert!(rows.iter().all(|row| row.split([',', ';']).count() == HEADINGS.len()), "{}", sheet.text);
        }
    }
}
