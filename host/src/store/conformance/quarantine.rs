//! Rejected items: whole, and with the name of the message that they came in.

use lienthong_core::id::ConnectorId;

use super::super::{Group, QuarantineFilter, Rejection, Store};
use super::{adds_up, channel, committed, group, origin, part, rejection};

pub(crate) async fn the_quarantine_keeps_items_whole(open: impl AsyncFn() -> Store) {
    let store = open().await;
    store.ensure_channels(&[channel("a/one"), channel("a/two")]).await.unwrap();
    let rejections: Vec<_> = (0..1_200_u32).map(|n| rejection(if n % 3 == 0 { "a/two" } else { "a/one" }, &vec![n as u8; 2_000])).collect();
    let receipt = committed(store.commit(Group { rejections, ..group(vec![]) }).await);
    assert_eq!((receipt.ranges.len(), receipt.quarantined), (0, 1_200));
    let call = store.begin_call();
    store.stage(call, part(vec![], (0..1_200_u32).map(|n| rejection("a/one", &n.to_be_bytes())).collect())).await.unwrap();
    committed(store.commit(Group { publish: Some(call), ..group(vec![]) }).await);
    let filter = |before, limit| QuarantineFilter { channel: Some(channel("a/two")), before, limit, ..QuarantineFilter::default() };
    let page = store.quarantine(filter(None, 2)).await.unwrap();
    assert_eq!(page.iter().map(|e| e.id).collect::<Vec<_>>(), [1_198, 1_195]);
    let next = store.quarantine(filter(Some(1_195), 1)).await.unwrap();
    let (entry, bytes) = store.quarantine_entry(next[0].id).await.unwrap().unwrap();
    assert_eq!(
        (entry.id, bytes, entry.origin.clone(), entry.violation.keyword.as_str()),
        (1_192, vec![1_191_u32 as u8; 2_000], origin(), "type")
    );
    assert_eq!(store.quarantine_entry(1_201 + 777).await.unwrap().unwrap().1, 777_u32.to_be_bytes());
    assert_eq!(store.quarantine_entry(9_999).await.unwrap(), None);
    let none = QuarantineFilter { keyword: Some("maximum".into()), ..QuarantineFilter::default() };
    assert_eq!(store.quarantine(none).await.unwrap(), []);
    let connector = Some(ConnectorId::new("weather/stations").unwrap());
    assert_eq!(store.quarantine(QuarantineFilter { connector, limit: 9_999, ..QuarantineFilter::default() }).await.unwrap().len(), 1_000);
    adds_up(&store).await;
}

pub(crate) async fn the_quarantine_knows_the_message_of_an_item(open: impl AsyncFn() -> Store) {
    let store = open().await;
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    let from = |name: &str, bytes: &[u8]| Rejection { message_name: Some(name.into()), ..rejection("a/one", bytes) };
    let rejections = vec![from("tram.txt", b"1"), rejection("a/one", b"2"), from("khác.txt", b"3")];
    committed(store.commit(Group { rejections, ..group(vec![]) }).await);
    let call = store.begin_call();
    store.stage(call, part(vec![], vec![from("tram.txt", b"4"), rejection("a/one", b"5")])).await.unwrap();
    committed(store.commit(Group { publish: Some(call), rejections: vec![from("tram.txt", b"6")], ..group(vec![]) }).await);
    let of = async |name: Option<&str>| {
        let filter = QuarantineFilter { message_name: name.map(str::to_owned), ..QuarantineFilter::default() };
        let mut found = Vec::new();
        for entry in store.quarantine(filter).await.unwrap() {
            let (same, bytes) = store.quarantine_entry(entry.id).await.unwrap().unwrap();
            assert_eq!(same, entry);
            found.push((String::from_utf8(bytes).unwrap(), entry.message_name));
        }
        found.sort();
        found
    };
    let item = |bytes: &str, name: Option<&str>| (bytes.to_owned(), name.map(str::to_owned));
    let [tram, other] = ["tram.txt", "khác.txt"].map(Some);
    assert_eq!(of(None).await, [item("1", tram), item("2", None), item("3", other), item("4", tram), item("5", None), item("6", tram)]);
    assert_eq!(of(tram).await, [item("1", tram), item("4", tram), item("6", tram)]);
    assert_eq!(of(other).await, [item("3", other)]);
    assert_eq!(of(Some("tram")).await, []);
}
