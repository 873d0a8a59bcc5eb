//! Whatever is sent ends as records that fit, rejections, or a clear failure.

#![allow(clippy::unwrap_used)] // Also in what tests share.

mod folding;
mod schemas;

use std::path::Path;
use std::sync::LazyLock;

use folding::fold;
use health_bhyt::{Bhyt, EPISODES, ITEMS};
use lienthong_sdk::testing::Hub;
use proptest::prelude::*;
use schemas::misfit;

static PLAIN: LazyLock<String> =
    LazyLock::new(|| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/episodes.plain.txt")).unwrap());

/// What fields may hold, and must not.
fn odd() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "", " ", "0", "1", "2", "3", "-1", "0.5", "0.0005", "1,5", "99999999999999999999", "1e9", ";", "a;b", ";;a;", "20261120", "202611200730",
            "20260230", "000000000000", "198000000000", "198005001200", "&lt;b&gt;", "<![CDATA[<x>]]>", "<b/>", "<b>1</b>", "&amp;", "&#0;", "&x;", "]]&gt;",
            "<!-- -->", "<?x?>", "</MA_LK>", "LK-1", "ZZ4680000000001;ZZ4680000000002", "  đệm  ", "\u{feff}", "1\n2",
        ]).prop_map(str::to_owned),
        1 => prop::sample::select(vec![64usize, 65, 100, 101, 255, 256, 1_024, 1_025, 16_384, 16_385, 140_000]).prop_map(|length| "ộ".repeat(length)),
        1 => prop::sample::select(vec![256usize, 257]).prop_map(|count| "1;".repeat(count)),
        1 => "\\PC{0,20}".prop_map(|text| text.replace(['<', '&'], "")),
    ]
}

/// The whole text of the place-th element that has text and no elements.
fn leaf(text: &str, place: prop::sample::Index) -> (usize, usize) {
    let ends: Vec<usize> = text
        .match_indices("</")
        .map(|(at, _)| at)
        .filter(|at| text[..*at].rfind('>').is_some_and(|from| !text[from..*at].contains('\n')))
        .collect();
    let end = ends[place.index(ends.len())];
    (text[..end].rfind('>').unwrap() + 1, end)
}

fn check(message: &[u8]) -> (Hub, bool) {
    let mut hub = Hub::new();
    let taken = hub.receive(&Bhyt, message).is_ok();
    assert_eq!(misfit(&hub), None);
    (hub, taken)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_end_in_records_or_a_failure(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        check(&bytes);
    }

    /// Fields of the documents, and of the envelope itself.
    #[test]
    fn odd_fields_cost_their_hoso_and_no_other(changes in prop::collection::vec((any::<prop::sample::Index>(), odd()), 1..4)) {
        let mut plain = PLAIN.clone();
        for (place, value) in changes {
            let (start, end) = leaf(&plain, place);
            plain.replace_range(start..end, &value);
        }
        let message = fold(&plain);
        let (hub, taken) = check(message.as_bytes());
        // A change to the envelope may cost the message; a change to a document never does.
        let envelope: String = plain.split("<NOIDUNGFILE>").map(|piece| piece.split_once("</NOIDUNGFILE>").map_or(piece, |(_, rest)| rest)).collect();
        let original: String = PLAIN.split("<NOIDUNGFILE>").map(|piece| piece.split_once("</NOIDUNGFILE>").map_or(piece, |(_, rest)| rest)).collect();
        if envelope == original {
            prop_assert!(taken);
            prop_assert_eq!(hub.count(EPISODES) + hub.rejects().len(), 3, "{:?}", hub.rejects());
        }
    }

    /// Anywhere, also where it breaks the XML.
    #[test]
    fn broken_documents_cost_their_hoso_and_no_other(part in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), cut in 0usize..40, insert in "[<>&;/a=\"'!\\[\\]?-]{0,4}") {
        let starts: Vec<usize> = PLAIN.match_indices("<NOIDUNGFILE>").map(|(at, tag)| at + tag.len()).collect();
        let start = starts[part.index(starts.len())];
        let length = PLAIN[start..].find("</NOIDUNGFILE>").unwrap();
        let document = &PLAIN[start..start + length];
        let boundary = |at: usize| (at..=document.len()).find(|at| document.is_char_boundary(*at)).unwrap();
        let from = boundary(place.index(document.len() + 1));
        let to = boundary((from + cut).min(document.len()));
        let broken = format!("{}{insert}{}", &document[..from], &document[to..]);
        let message = fold(&format!("{}{}{}", &PLAIN[..start], broken, &PLAIN[start + length..]));
        if let (hub, true) = check(message.as_bytes()) {
            prop_assert_eq!(hub.count(EPISODES) + hub.rejects().len(), 3);
        }
    }

    /// Prices with three decimals, amounts with two: the sum is exact, and a hundredth more or less is told with both figures.
    #[test]
    fn sums_hold_to_the_hundredth(items in prop::collection::vec((1i64..2_000_000, 0i64..3_000_000_000), 1..30), off in prop::sample::select(vec![0i128, 1, -1, 1_000_000])) {
        let decimal = |thousandths: i64| format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
        let money = |hundredths: i128| format!("{}{}.{:02}", if hundredths < 0 { "-" } else { "" }, hundredths.abs() / 100, hundredths.abs() % 100);
        let mut total = 0;
        let rows: String = items.iter().enumerate().map(|(index, (quantity, price))| {
            // To hundredths, half away from zero.
            let amount = (i128::from(*quantity) * i128::from(*price) + 5_000) / 10_000;
            total += amount;
            format!("<CHI_TIET_THUOC><MA_LK>A</MA_LK><STT>{}</STT><MA_THUOC>1</MA_THUOC><SO_LUONG>{}</SO_LUONG><DON_GIA>{}</DON_GIA><THANH_TIEN_BV>{}</THANH_TIEN_BV></CHI_TIET_THUOC>",
                index + 1, decimal(*quantity), decimal(*price), money(amount))
        }).collect();
        let part = |name: &str, document: String| format!("<FILEHOSO><LOAIHOSO>{name}</LOAIHOSO><NOIDUNGFILE>{document}</NOIDUNGFILE></FILEHOSO>");
        let summary = format!("<TONG_HOP><MA_LK>A</MA_LK><MA_CSKCB>68999</MA_CSKCB><NGAY_VAO>202611200730</NGAY_VAO><T_TONGCHI_BV>{}</T_TONGCHI_BV></TONG_HOP>", money(total + off));
        let medicines = format!("<CHITIEU_CHITIET_THUOC><DSACH_CHI_TIET_THUOC>{rows}</DSACH_CHI_TIET_THUOC></CHITIEU_CHITIET_THUOC>");
        let dossier = format!("<HOSO>{}{}</HOSO>", part("XML1", summary), part("XML2", medicines));
        let (hub, taken) = check(fold(&format!("<GIAMDINHHS><THONGTINHOSO><DANHSACHHOSO>{dossier}</DANHSACHHOSO></THONGTINHOSO></GIAMDINHHS>")).as_bytes());
        prop_assert!(taken);
        match off {
            0 => {
                prop_assert_eq!(hub.rejects(), []);
                prop_assert_eq!(hub.count(ITEMS), items.len());
                // What a reader adds up from the JSON, each amount to the hundredth, is the total.
                let hundredths = |value: &serde_json::Value| (value.as_f64().unwrap() * 100.0).round() as i128;
                let sum: i128 = hub.records(ITEMS).iter().map(|item| hundredths(&item["amount"])).sum();
                prop_assert_eq!(sum, total);
                prop_assert_eq!(hundredths(&hub.records(EPISODES)[0]["total_amount"]), total);
            }
            _ => {
                prop_assert_eq!(hub.count(EPISODES) + hub.count(ITEMS), 0);
                let reason = format!("T_TONGCHI_BV says {}, the items sum to {}", money(total + off), money(total));
                prop_assert_eq!(&hub.rejects()[0].reason, &reason);
            }
        }
    }
}
