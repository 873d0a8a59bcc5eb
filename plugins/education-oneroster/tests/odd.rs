//! Whatever comes, it ends in records that fit, rejections, or a clear failure.

#![allow(clippy::unwrap_used)] // Also in what tests share.

mod shared;

use education_oneroster::Rosters;
use lienthong_sdk::testing::Hub;
use proptest::prelude::*;
use serde_json::json;
use shared::{PORTS, bundle_with, file_of, files, misfit, school, zipped};

/// A field of a bundle: mostly what fits somewhere, now and then what fits nowhere.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["", "A", "active", "tobedeleted", "inactive", "2026-09-05", "2026-02-30", "2026-09-05T00:00:00Z",
            "2026-09-05T23:59:59.999+07:00", "2026-09-05T24:00:00Z", "true", "FALSE", "student", "Teacher", "ext:x", "ext:", "school", "homeroom",
            "term", "fully graded", "1e308", "1e309", "-0", "8.5", "2027", "\"a,b\"", "\",\"", "\"{LDAP:x},{y:z}\"", "{x}", "Nguyễn Thị Thử"])
            .prop_map(str::to_owned),
        1 => prop::sample::select(vec![256usize, 257, 1024, 1025, 8192, 8193, 40_000]).prop_map(|length| "ộ".repeat(length)),
        2 => "\\PC{0,12}".prop_map(|text| format!("\"{}\"", text.replace('"', "\"\""))),
        1 => "[\\x00-\\x20a]{0,4}".prop_map(|text| format!("\"{text}\"")),
    ]
}

/// A row of a fixture's file with some fields odd.
fn odd_file(bundle: &'static str, port: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let kept = files(bundle).into_iter().find(|(name, _)| name == file_of(port)).map(|(_, bytes)| bytes).unwrap();
    let mut reader = csv_rows(&kept);
    let header = reader.remove(0);
    let row = (any::<prop::sample::Index>(), prop::collection::vec((any::<prop::sample::Index>(), field()), 0..3));
    prop::collection::vec(row, 0..12).prop_map(move |rows| {
        let mut lines = vec![header.join(",")];
        for (which, odd) in rows {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let mut row: Vec<String> = which.get(&reader).iter().map(quoted).collect();
            for (place, value) in odd {
                let at = place.index(row.len());
                row[at] = value;
            }
            lines.push(row.join(","));
        }
        lines.join("\n").into_bytes()
    })
}

fn csv_rows(bytes: &[u8]) -> Vec<Vec<String>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn rows_in(bytes: &[u8]) -> usize {
    let blank = |row: &csv::ByteRecord| row.iter().all(|field| field.trim_ascii().is_empty());
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    reader.byte_records().filter(|row| !blank(row.as_ref().unwrap())).count()
}

fn pupil_field() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["", "5A1", "Nam", "nữ", "NU", "29/02/2016", "29/02/2015", "1/1/2016", "000000000001", "'000000000001", "79",
            "Kinh", "Nguyễn Thị Thử", "K'Mẫu"]).prop_map(str::to_owned),
        1 => "(a\u{302}\u{323}|e\u{301}|\u{a0}){0,20}",
        1 => prop::sample::select(vec![64usize, 65, 128, 129, 256, 257]).prop_map(|length| "ộ".repeat(length)),
        1 => "\\PC{0,12}".prop_map(|text| format!("\"{}\"", text.replace('"', "\"\""))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_end_well_as_a_message_and_as_a_file(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let mut hub = Hub::new().settings(school());
        let _ = hub.receive(&Rosters, &bytes);
        prop_assert_eq!(misfit(&hub), None);
        for file in ["users.csv", "manifest.csv"] {
            let mut hub = Hub::new();
            let _ = hub.receive(&Rosters, &bundle_with("bulk-1.1", file, &bytes));
            prop_assert_eq!(misfit(&hub), None);
        }
    }

    #[test]
    fn an_archive_damaged_anywhere_ends_well_too(places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut in any::<prop::sample::Index>()) {
        let mut body = zipped(&files("bulk-1.2"));
        for (place, byte) in places {
            let at = place.index(body.len());
            body[at] = byte;
        }
        let mut hub = Hub::new().settings(school());
        let _ = hub.receive(&Rosters, &body);
        body.truncate(cut.index(body.len()));
        let _ = hub.receive(&Rosters, &body);
        prop_assert_eq!(misfit(&hub), None);
    }

    #[test]
    fn a_row_of_an_odd_bundle_is_a_record_that_fits_or_a_rejection(
        orgs in odd_file("delta-1.1", "orgs"), users in odd_file("delta-1.1", "users"),
        enrollments in odd_file("delta-1.1", "enrollments"), results in odd_file("delta-1.1", "results"),
    ) {
        let rows = [&orgs, &users, &enrollments, &results].map(|bytes| rows_in(bytes)).iter().sum::<usize>();
        let mut all = files("delta-1.1");
        for (name, bytes) in &mut all {
            match name.as_str() {
                "orgs.csv" => bytes.clone_from(&orgs),
                "users.csv" => bytes.clone_from(&users),
                "enrollments.csv" => bytes.clone_from(&enrollments),
                "results.csv" => bytes.clone_from(&results),
                _ => {}
            }
        }
        let mut hub = Hub::new();
        hub.receive(&Rosters, &zipped(&all)).unwrap();
        prop_assert_eq!(misfit(&hub), None);
        prop_assert_eq!(PORTS.iter().map(|port| hub.count(port)).sum::<usize>() + hub.rejects().len(), rows);
    }

    #[test]
    fn so_is_one_of_an_odd_bulk_of_1_2(
        classes in odd_file("bulk-1.2", "classes"), users in odd_file("bulk-1.2", "users"), roles in odd_file("bulk-1.2", "roles"),
        sessions in odd_file("bulk-1.2", "academic-sessions"), courses in odd_file("bulk-1.2", "courses"),
        line_items in odd_file("bulk-1.2", "line-items"), results in odd_file("bulk-1.2", "results"), lenient in any::<bool>(),
    ) {
        let odd = [("classes", classes), ("users", users), ("roles", roles), ("academic-sessions", sessions), ("courses", courses),
            ("line-items", line_items), ("results", results)];
        let rows = odd.iter().map(|(_, bytes)| rows_in(bytes)).sum::<usize>();
        let mut all = files("bulk-1.2");
        let replace = |(name, bytes): &mut (String, Vec<u8>)| {
            if let Some((_, new)) = odd.iter().find(|(port, _)| file_of(port) == name) {
                bytes.clone_from(new);
            }
        };
        all.iter_mut().for_each(replace);
        let mut hub = Hub::new().settings(json!({ "allow_active_in_bulk": lenient }));
        hub.receive(&Rosters, &zipped(&all)).unwrap();
        prop_assert_eq!(misfit(&hub), None);
        let counted: usize = odd.iter().map(|(port, _)| hub.count(port)).sum();
        prop_assert_eq!(counted + hub.rejects().len(), rows);
    }

    #[test]
    fn a_row_of_an_odd_sheet_is_a_pupil_with_a_class_or_a_rejection(
        rows in prop::collection::vec(prop::collection::vec((any::<prop::sample::Index>(), pupil_field()), 0..3), 0..12), crlf in any::<bool>(),
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let good = ["5A1", "99", "Nguyễn Thị Thử", "01/01/2016", "Nam", "Đang học", "05/09/2026", "Kinh", "", "000000000001"];
        let mut lines = vec!["Mã lớp,Mã học sinh,Họ tên,Ngày sinh,Giới tính,Trạng thái HS,Ngày nhập trạng thái,Dân tộc,Loại khuyết tật,Số định danh cá nhân".to_owned()];
        for odd in &rows {
            let mut row = good.map(str::to_owned);
            odd.iter().for_each(|(place, value)| row[place.index(10)].clone_from(value));
            lines.push(row.join(","));
        }
        let mut hub = Hub::new().settings(school());
        hub.receive(&Rosters, lines.join(end).as_bytes()).unwrap();
        prop_assert_eq!(misfit(&hub), None);
        prop_assert_eq!(hub.count("users") + hub.rejects().len(), rows.len());
        prop_assert_eq!(hub.count("users"), hub.count("enrollments"));
    }
}
