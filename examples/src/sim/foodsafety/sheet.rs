//! The sheet of a round of inspections as a clerk saves it: with commas or semicolons, with a byte order mark or without, with a title or
//! none.

use crate::sim::chance::Chance;
use crate::sim::clock::LocalTime;
use crate::sim::ledger::Sent;

const HEADINGS: [&str; 12] = [
    "STT",
    "Số biên bản",
    "Ngày kiểm tra",
    "Cơ quan kiểm tra",
    "Tên cơ sở",
    "Loại hình",
    "Mã phường/xã",
    "Kết quả",
    "Hành vi vi phạm",
    "Căn cứ pháp lý",
    "Tiền phạt (đồng)",
    "Hạn khắc phục",
];
/// Inspections of a round.
const INSPECTIONS: usize = 8;
/// A sheet with this remainder has a bad inspection.
const BAD_EVERY: u64 = 3;
/// The wards of Đà Lạt since 1 July 2025.
const WARDS: [&str; 5] = ["24778", "24781", "24787", "24805", "24846"];
const KINDS: [&str; 4] = ["Dịch vụ ăn uống", "Bếp ăn tập thể", "Sản xuất", "Kinh doanh"];
/// What is found, by which provision, and what it costs.
const VIOLATIONS: [[&str; 3]; 4] = [
    ["Người chế biến thức ăn không đeo găng tay", "Điểm a khoản 1 Điều 9 Nghị định 115/2018/NĐ-CP", "1.000.000"],
    ["Không lưu mẫu thức ăn", "khoản 2 Điều 15 Nghị định 115/2018/NĐ-CP", "5.000.000 đ"],
    ["Không có giấy chứng nhận", "Điều 18 NĐ 115/2018", "30000000"],
    ["Thiếu sổ theo dõi", "", ""],
];

/// The sheet of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectionSheet {
    /// The file.
    pub text: String,
    /// Its inspections.
    pub inspections: Sent,
}

impl InspectionSheet {
    /// The sheet of a turn.
    pub fn draw(seed: u64, number: u64, at: &LocalTime) -> Self {
        let mut chance = Chance::new(seed, &[number, 0xf00d]);
        let bad = number.is_multiple_of(BAD_EVERY).then(|| chance.below(INSPECTIONS));
        let (day, until) = (at.format("%d/%m/%Y").to_string(), (*at + chrono::Duration::days(7)).format("%d/%m/%Y").to_string());
        let mut rows: Vec<Vec<String>> = vec![HEADINGS.map(str::to_owned).to_vec()];
        for nth in 0..INSPECTIONS {
            let found = VIOLATIONS.iter().filter(|_| chance.below(4) == 0).collect::<Vec<_>>();
            // A clerk slips: a day that no month has.
            let day = if bad == Some(nth) { "31/02/2026".to_owned() } else { day.clone() };
            let result = if found.is_empty() { "Đạt" } else { "Không đạt" };
            let ward = WARDS[chance.below(WARDS.len())];
            let (kind, name) = (KINDS[chance.below(KINDS.len())], format!("\"Cơ sở Giả Định, số {}\"", chance.below(900) + 100));
            let none = ["", "", ""];
            for [what, basis, fine] in found.iter().copied().chain(found.is_empty().then_some(&none)) {
                rows.push(vec![
                    rows.len().to_string(),
                    format!("{:04}/BB-ATTP", number * INSPECTIONS as u64 + nth as u64 + 1),
                    day.clone(),
                    "Đội An toàn thực phẩm Ví Dụ".to_owned(),
                    name.clone(),
                    kind.to_owned(),
                    ward.to_owned(),
                    result.to_owned(),
                    (*what).to_owned(),
                    (*basis).to_owned(),
                    (*fine).to_owned(),
                    if found.is_empty() { String::new() } else { until.clone() },
                ]);
            }
        }
        let (mark, title, separator) = match number % 3 {
            0 => ("\u{feff}", "", ","),
            1 => ("", "KẾT QUẢ KIỂM TRA AN TOÀN THỰC PHẨM;;;;;;;;;;;\r\n", ";"),
            _ => ("", "", ","),
        };
        let rows: String = rows.iter().map(|row| row.join(separator) + "\r\n").collect();
        let inspections = Sent { good: (INSPECTIONS - usize::from(bad.is_some())) as u64, bad: bad.is_some().into() };
        Self { text: format!("{mark}{title}{rows}"), inspections }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sim::clock;

    #[test]
    fn a_sheet_has_its_inspections_and_at_times_a_bad_one() {
        let at = clock::at_seconds(1_795_401_899);
        for number in 0..12 {
            let sheet = InspectionSheet::draw(1, number, &at);
            assert_eq!(sheet, InspectionSheet::draw(1, number, &at));
            let cells = |row: &str| row.split([',', ';']).nth(1).unwrap_or_default().to_owned();
            let rows: Vec<&str> = sheet.text.lines().filter(|line| line.contains("/BB-ATTP")).collect();
            let reports: BTreeSet<String> = rows.iter().map(|row| cells(row)).collect();
            assert_eq!(reports.len() as u64, sheet.inspections.all());
            assert_eq!(rows.iter().any(|row| row.contains("31/02/2026")), sheet.inspections.bad == 1);
        }
    }
}
