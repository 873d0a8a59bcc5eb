//! Any bytes, and bodies shaped like real ones of which anything may be odd.

use egov_dossiers::Dossiers;
use lienthong_sdk::http::Response;
use lienthong_sdk::testing::Hub;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{misfit, read, records};

const NAMES: [&str; 44] = [
    "MaHoSo",
    "MaTTHC",
    "TenTTHC",
    "MaLinhVuc",
    "ChuHoSo",
    "LoaiDoiTuong",
    "MaDoiTuong",
    "Email",
    "SoDienThoai",
    "TrichYeuHoSo",
    "NgayTiepNhan",
    "NgayHenTra",
    "TrangThaiHoSo",
    "NgayTra",
    "HinhThuc",
    "DonViXuLy",
    "GhiChu",
    "NgayCapNhat",
    "TaiLieuNop",
    "DanhSachLePhi",
    "DanhSachTepDinhKemKhac",
    "DanhSachHoSoBoSung",
    "DanhSachGiayToKetQua",
    "NguoiXuLy",
    "ThoiDiemXuLy",
    "NoiDungXuLy",
    "TrangThai",
    "NgayBatDau",
    "TepDinhKemId",
    "TenTepDinhKem",
    "IsDeleted",
    "DuongDanTaiTepTin",
    "TenPhiLePhi",
    "Gia",
    "TenGiayTo",
    "SoLuong",
    "HoSoBoSungId",
    "NgayBoSung",
    "DanhSachGiayToBoSung",
    "DanhSachLePhiBoSung",
    "GiayToId",
    "Ten",
    "",
    "a/b~c",
];

/// A value that fits somewhere, or nowhere.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => prop::sample::select(vec![
            json!(null), json!(""), json!("  "), json!(0), json!(1), json!(10), json!(-1), json!(1.5), json!(1e300), json!(true), json!(false),
            json!("True"), json!("False"), json!("0"), json!("4"), json!("50.000"), json!("1.5"), json!("20251124080000"), json!(20251124080000u64),
            json!("24/11/2025 08:00:00"), json!("20250229000000"), json!("00000000000000"), json!(u64::MAX), json!("000.00.17.H36-251124-0001"),
            json!("H36.17.00.000-251124-0001"), json!("H36.17-251199-0001"), json!([]), json!({}),
        ]),
        1 => prop::sample::select(vec![64usize, 65, 512, 513, 1024, 1025, 2048, 2049, 8000, 8001]).prop_map(|length| json!("ộ".repeat(length))),
        2 => "\\PC{0,12}".prop_map(Value::from),
        1 => "[\\x00-\\x20\"\\\\]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(NAMES.to_vec()), inner), 0..5).prop_map(object),
        ]
    })
}

fn object(members: Vec<(&str, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

/// A dossier or a step in order but for a few members: what is odd everywhere is always rejected and shows nothing.
fn item() -> impl Strategy<Value = Value> {
    let odd = prop::collection::vec((prop::sample::select(NAMES.to_vec()), value()), 0..4);
    (any::<bool>(), odd).prop_map(|(is_step, odd)| {
        let mut item = if is_step {
            json!({ "MaHoSo": "H36.17-251124-0001", "ThoiDiemXuLy": "20251124090000", "TrangThai": "4" })
        } else {
            json!({ "MaHoSo": "000.00.17.H36-251124-0001", "MaTTHC": "1.004194", "TrangThaiHoSo": "4" })
        };
        for (name, value) in odd {
            item[name] = value;
        }
        item
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_item_is_a_record_that_fits_or_a_rejection_kept_whole(items in prop::collection::vec(item(), 0..8), pretty in any::<bool>(), wrapped in any::<bool>()) {
        let body = if wrapped { json!({ "data": items, "isUpdating": "False" }) } else { json!(items) };
        let bytes = if pretty { serde_json::to_vec_pretty(&body) } else { serde_json::to_vec(&body) }.unwrap();
        let mut hub = Hub::new();
        let reply = hub.receive(&Dossiers, &bytes).unwrap().unwrap();
        prop_assert_eq!(misfit(&hub), None);
        prop_assert_eq!(records(&hub) + hub.rejects().len(), items.len());
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        prop_assert_eq!(answer["result"].as_array().unwrap().len(), items.len());
        prop_assert_eq!(answer["error_code"] == json!(0), hub.rejects().is_empty());
        for reject in hub.rejects() {
            let pointer = reject.at.clone().unwrap();
            let index: usize = pointer.split('/').nth(if wrapped { 2 } else { 1 }).unwrap().parse().unwrap();
            prop_assert_eq!(&serde_json::from_slice::<Value>(&reject.bytes).unwrap(), &items[index]);
            prop_assert!(reject.reason.contains("missing") || body.pointer(&pointer).is_some(), "{} in {}", pointer, body);
        }
    }

    #[test]
    fn any_bytes_end_in_records_that_fit_or_rejections_or_a_failure(bytes in prop::collection::vec(any::<u8>(), 0..2_000), json in "[\\[\\]{}\",:\\\\a0 \n]{0,60}") {
        for body in [&bytes[..], json.as_bytes(), &[&b"{\"data\":["[..], &bytes].concat(), &[b"[", json.as_bytes(), b"]"].concat()] {
            let mut hub = Hub::new();
            let _ = hub.receive(&Dossiers, body);
            prop_assert_eq!(misfit(&hub), None);
            let page = Response::new(200, Vec::new(), std::io::Cursor::new(body.to_vec()));
            let mut hub = Hub::new().settings(json!({ "url": "https://motcua.example.vn/", "from": "2025-11-24" })).at(1_764_000_000_000).answer(Ok(page));
            let _ = hub.poll(&Dossiers, None);
            prop_assert_eq!(misfit(&hub), None);
        }
    }

    #[test]
    fn a_push_damaged_anywhere_ends_well_too(
        name in prop::sample::select(vec!["sync.json", "steps.json", "unnamed.json", "unnamed-step.json"]),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = read(name);
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        let mut hub = Hub::new();
        let _ = hub.receive(&Dossiers, &bytes);
        prop_assert_eq!(misfit(&hub), None);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(Hub::new().receive(&Dossiers, &bytes).is_err() || bytes.last().is_some_and(|b| b"]}\n ".contains(b)), "a body that was cut is no body");
    }

    #[test]
    fn any_cursor_is_a_cursor_or_the_beginning(bytes in prop::collection::vec(any::<u8>(), 0..200), page in any::<u64>(), size in any::<u32>(), from_ms in any::<u64>(), until_ms in any::<Option<u64>>(), total in any::<Option<u64>>(), now in any::<u64>()) {
        let url = "https://motcua.example.vn/";
        let cursor = json!({ "url": url, "from": null, "from_ms": from_ms, "until_ms": until_ms, "page": page, "size": size, "total": total, "seen": [] });
        for since in [bytes, cursor.to_string().into_bytes()] {
            let answer = json!({ "total": 1, "data": [{ "MaHoSo": "H36.17-251124-0001" }] }).to_string().into_bytes();
            let mut hub = Hub::new().settings(json!({ "url": url })).at(now).answer(Ok(Response::new(200, Vec::new(), std::io::Cursor::new(answer))));
            let _ = hub.poll(&Dossiers, Some(&since));
        }
    }
}
