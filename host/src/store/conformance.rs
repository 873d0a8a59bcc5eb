//! What every store must keep, whatever database is beneath: one suite for all. Each function gets a way to open the same
//! store again and again.

mod attachments;
mod quarantine;
mod routes;
mod runs_and_keys;

use std::collections::BTreeSet;
use std::time::Duration;

use lienthong_core::decode::{DecodeLimits, Decoder};
use lienthong_core::id::{AgencyId, ChannelId, ConnectorId, SchemaId};
use lienthong_core::log::{Origin, Position, StoredBatch};
use lienthong_core::record::{Envelope, ValidBatch, Violation};
use lienthong_core::schema::ChannelSchema;
use lienthong_core::time::Timestamp;
use tokio::time::Instant;

pub(crate) use attachments::{attached, attachment, attachments_count_with_their_group_or_never};
pub(crate) use quarantine::{the_quarantine_keeps_items_whole, the_quarantine_knows_the_message_of_an_item};
pub(crate) use routes::{
    dead_letters_are_kept_until_they_are_delivered, states_are_paged_in_the_order_of_their_keys,
    states_move_with_their_checkpoint_or_not_at_all,
};
pub(crate) use runs_and_keys::{a_run_is_recorded_with_its_group_or_not_at_all, hours_add_up_and_pauses_stay, runs_and_keys_are_kept};

use super::{
    Advance, Append, Error, Group, Outcome, Part, QuarantineFilter, Range, Receipt, Refusal, Rejection, Remember, Sequence, Store,
};

/// 2026-11-23T00:00:00Z.
pub(crate) const NOON: Timestamp = Timestamp::from_micros(1_795_392_000_000_000);

pub(crate) fn channel(name: &str) -> ChannelId {
    ChannelId::new(name).unwrap()
}

pub(crate) fn origin() -> Origin {
    Origin { agency: AgencyId::new("weather-office").unwrap(), connector: Some(ConnectorId::new("weather/stations").unwrap()) }
}

/// Records as their channel's schema lets them through.
pub(crate) fn batch(records: impl IntoIterator<Item = String>) -> ValidBatch {
    batch_with(records.into_iter().map(|record| (record, None)))
}

pub(crate) fn batch_with(records: impl IntoIterator<Item = (String, Option<Envelope>)>) -> ValidBatch {
    let id = SchemaId::new("weather/readings.v3").unwrap();
    let schema = ChannelSchema::compile(id.clone(), serde_json::json!({ "type": "object" }), &[]).unwrap();
    let mut decoder = Decoder::new(DecodeLimits::default());
    let mut batch = ValidBatch::new(id);
    for (record, envelope) in records {
        batch.push(schema.validate(&mut decoder, record.as_bytes()).unwrap(), envelope);
    }
    batch
}

pub(crate) fn numbered(range: std::ops::Range<u64>) -> ValidBatch {
    batch(range.map(|n| format!("{{\"n\":{n}}}")))
}

pub(crate) fn append(to: &str, batch: ValidBatch) -> Append {
    Append { channel: channel(to), batch }
}

pub(crate) fn rejection(of: &str, bytes: &[u8]) -> Rejection {
    let violation = Violation { pointer: "/n".into(), keyword: "type".into(), message: "is no number".into() };
    let schema = SchemaId::new("weather/readings.v3").unwrap();
    Rejection { channel: channel(of), schema, bytes: bytes.to_vec(), violation, message_name: None }
}

pub(crate) fn group(appends: Vec<Append>) -> Group {
    Group { appends, ..Group::new(NOON, origin()) }
}

pub(crate) fn part(appends: Vec<Append>, rejections: Vec<Rejection>) -> Part {
    Part { received_at: NOON, origin: origin(), appends, rejections }
}

pub(crate) fn keyed(key: &str, body: u8) -> Remember {
    Remember { scope: "weather-office".into(), key: key.into(), body_hash: [body; 32], note: vec![body] }
}

fn committed(outcome: Outcome) -> Receipt {
    match outcome {
        Outcome::Committed(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn at(epoch: u32, offset: u64) -> Position {
    Position { epoch, offset }
}

pub(crate) fn lines(batches: &[StoredBatch]) -> Vec<(u64, String)> {
    batches
        .iter()
        .flat_map(|b| b.records().map(|(offset, bytes, _)| (offset, String::from_utf8(bytes.to_vec()).unwrap())).collect::<Vec<_>>())
        .collect()
}

/// The whole channel, page by page.
pub(crate) async fn everything(store: &Store, of: &ChannelId) -> Vec<StoredBatch> {
    let (mut from, mut all) = (Position::START, Vec::new());
    loop {
        let page = store.read(of, from, 10_000, 4 << 20).await.unwrap();
        let Some(last) = page.last() else { return all };
        from = last.end();
        all.extend(page);
    }
}

/// P4 and P3 in one: every sum adds up, and what is read is what was counted, without a gap.
pub(crate) async fn adds_up(store: &Store) {
    for sums in store.sums().await.unwrap() {
        assert_eq!(sums.accepted, sums.stored + sums.open + sums.discarded, "{sums:?}");
        let all = everything(store, &sums.channel).await;
        assert_eq!(sums.stored, all.iter().map(|b| u64::from(b.count)).sum::<u64>(), "{sums:?}");
        assert_eq!(sums.bytes, all.iter().map(|b| b.ndjson.len() as u64).sum::<u64>(), "{sums:?}");
        let mut next = Position::START;
        for batch in &all {
            if batch.first.epoch > next.epoch {
                next = at(batch.first.epoch, 0);
            }
            assert_eq!(batch.first, next, "{}", sums.channel);
            assert_eq!(batch.records().count(), batch.count as usize);
            next = batch.end();
        }
        if sums.next.offset > 0 {
            assert_eq!(sums.next, next, "{}", sums.channel);
        }
        assert_eq!(store.end(&sums.channel), Some(sums.next));
    }
}

pub(crate) async fn offsets_are_dense_under_many_writers(open: impl AsyncFn() -> Store) {
    let store = open().await;
    store.ensure_channels(&[channel("a/one"), channel("a/two")]).await.unwrap();
    let writers = (0..64_u64).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut ranges = Vec::new();
            for n in 0..8 {
                let two = append("a/two", batch([format!("{{\"w\":{writer},\"n\":{n}}}")]));
                let one = append("a/one", numbered(0..writer % 3 + 1));
                ranges.extend(committed(store.commit(group(vec![two, one])).await).ranges);
            }
            ranges
        })
    });
    let mut taken = BTreeSet::new();
    for writer in writers.collect::<Vec<_>>() {
        for range in writer.await.unwrap() {
            for offset in range.first..range.first + range.count {
                assert!(taken.insert((range.channel.clone(), offset)), "{range:?} was given twice");
            }
        }
    }
    adds_up(&store).await;
    assert_eq!(store.end(&channel("a/two")), Some(at(1, 512)));
    assert_eq!(taken.len() as u64, 512 + store.end(&channel("a/one")).unwrap().offset);
    let seen: BTreeSet<_> = lines(&everything(&store, &channel("a/two")).await).into_iter().map(|(_, text)| text).collect();
    assert_eq!(seen.len(), 512);
}

pub(crate) async fn checkpoints_move_by_compare_and_set(open: impl AsyncFn() -> Store) {
    let store = open().await;
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    let step = |expected, cursor: &str| Group {
        advance: Some(Advance { owner: "weather/stations".into(), expected, cursor: cursor.into() }),
        ..group(vec![append("a/one", numbered(0..1))])
    };
    let refused = Outcome::Refused(Refusal::CheckpointMoved);
    assert_eq!(store.commit(step(Some(1), "x")).await, refused, "none is there yet");
    committed(store.commit(step(None, "first")).await);
    assert_eq!(store.commit(step(None, "again")).await, refused);
    committed(store.commit(step(Some(1), "second")).await);
    assert_eq!(store.commit(step(Some(1), "late")).await, refused);
    let checkpoint = store.checkpoint("weather/stations").await.unwrap().unwrap();
    assert_eq!((checkpoint.cursor.as_slice(), checkpoint.version, checkpoint.updated_at), (&b"second"[..], 2, NOON));
    assert_eq!(store.end(&channel("a/one")), Some(at(1, 2)), "a refused group leaves no record");
    let races = (0..16).map(|_| {
        let (store, group) = (store.clone(), step(Some(2), "race"));
        tokio::spawn(async move { matches!(store.commit(group).await, Outcome::Committed(_)) })
    });
    let mut won = 0;
    for race in races.collect::<Vec<_>>() {
        won += u32::from(race.await.unwrap());
    }
    assert_eq!(won, 1);
    assert_eq!(store.checkpoint("nobody").await.unwrap(), None);
    adds_up(&store).await;
}

pub(crate) async fn a_key_is_done_once(open: impl AsyncFn() -> Store) {
    let store = open().await;
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    let with = |key: &str, body| Group {
        remember: Some(keyed(key, body)),
        rejections: vec![rejection("a/one", b"bad")],
        ..group(vec![append("a/one", numbered(0..3))])
    };
    let first = committed(store.commit(with("k", 1)).await);
    assert_eq!((first.ranges[0].first, first.ranges[0].count, first.quarantined, first.note.as_slice()), (0, 3, 1, &[1][..]));
    assert_eq!(store.commit(with("k", 1)).await, Outcome::Repeated(first.clone()));
    assert_eq!(store.commit(with("k", 2)).await, Outcome::Refused(Refusal::KeyReused));
    let twins = (0..16).map(|_| {
        let (store, group) = (store.clone(), with("twin", 5));
        tokio::spawn(async move { store.commit(group).await })
    });
    let (mut done, mut receipts) = (0, Vec::new());
    for twin in twins.collect::<Vec<_>>() {
        match twin.await.unwrap() {
            Outcome::Committed(receipt) => (done += 1, receipts.push(receipt)).1,
            Outcome::Repeated(receipt) => receipts.push(receipt),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(done, 1);
    assert!(receipts.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(store.end(&channel("a/one")), Some(at(1, 6)));
    let known = store.recall("weather-office", b"k").await.unwrap().unwrap();
    assert_eq!((known.receipt, known.body_hash), (first, [1; 32]));
    assert_eq!(store.recall("other-office", b"k").await.unwrap(), None);
    assert_eq!(store.sweep().await.unwrap(), 0, "whatever time the groups say they were received at");
    adds_up(&store).await;
}

pub(crate) async fn a_refused_group_leaves_the_others(open: impl AsyncFn() -> Store) {
    let store = open().await;
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    let groups = (0..32).map(|n| {
        let to = if n % 2 == 0 { "a/one" } else { "z/none" };
        // The unknown channel comes last, after the known one's counter has moved.
        let group = group(vec![append("a/one", numbered(0..1)), append(to, numbered(0..1))]);
        let store = store.clone();
        tokio::spawn(async move { store.commit(group).await })
    });
    for (n, group) in groups.collect::<Vec<_>>().into_iter().enumerate() {
        match group.await.unwrap() {
            Outcome::Committed(_) if n % 2 == 0 => {}
            Outcome::Refused(Refusal::UnknownChannel(unknown)) if n % 2 == 1 => assert_eq!(unknown, channel("z/none")),
            other => panic!("{n}: {other:?}"),
        }
    }
    assert_eq!(store.end(&channel("a/one")), Some(at(1, 32)));
    let staged = store.stage(store.begin_call(), part(vec![append("z/none", numbered(0..1))], vec![])).await;
    assert!(matches!(staged, Err(Error::Refused(Refusal::UnknownChannel(_)))), "{staged:?}");
    adds_up(&store).await;
}

/// However many groups the writer does together, each gets offsets of its own, in the order in which they were handed over.
pub(crate) async fn many_light_groups_keep_their_order(open: impl AsyncFn() -> Store) {
    let store = open().await;
    let (one, two) = (channel("a/one"), channel("b/two"));
    store.ensure_channels(&[one.clone(), two.clone()]).await.unwrap();
    let mut submitted = Vec::new();
    for n in 0..200 {
        let to = if n % 3 == 0 { "b/two" } else { "a/one" };
        let mut group = group(vec![append(to, numbered(n..n + 2)), append("a/one", numbered(n..n + 1))]);
        // One in fifty is none of the light ones, and done between them.
        group.remember = (n % 50 == 49).then(|| keyed(&n.to_string(), 1));
        submitted.push(store.submit(group).await);
    }
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (n, group) in (0..200).zip(submitted) {
        let ranges = committed(group.outcome().await).ranges;
        let range = |channel: &ChannelId, first, count| Range { channel: channel.clone(), epoch: 1, first, count };
        if n % 3 == 0 {
            assert_eq!(ranges, [range(&one, first.len() as u64, 1), range(&two, second.len() as u64, 2)], "{n}");
            first.push(n);
            second.extend([n, n + 1]);
        } else {
            assert_eq!(ranges, [range(&one, first.len() as u64, 3)], "{n}");
            first.extend([n, n + 1, n]);
        }
    }
    for (channel, expected) in [(&one, first), (&two, second)] {
        let expected: Vec<_> = (0..).zip(expected.into_iter().map(|n| format!("{{\"n\":{n}}}"))).collect();
        assert_eq!(lines(&everything(&store, channel).await), expected);
    }
    adds_up(&store).await;
}

pub(crate) async fn staged_output_appears_at_once_or_never(open: impl AsyncFn() -> Store) {
    let store = open().await;
    store.ensure_channels(&[channel("a/one"), channel("a/two")]).await.unwrap();
    let (call, abandoned, lost) = (store.begin_call(), store.begin_call(), store.begin_call());
    store
        .stage(call, part(vec![append("a/one", numbered(0..2)), append("a/two", numbered(0..1))], vec![rejection("a/one", b"r0")]))
        .await
        .unwrap();
    store.stage(abandoned, part(vec![append("a/one", numbered(100..103))], vec![rejection("a/one", b"gone")])).await.unwrap();
    committed(store.commit(group(vec![append("a/one", numbered(50..51))])).await);
    store.stage(call, part(vec![append("a/one", numbered(2..5))], vec![rejection("a/two", b"r1")])).await.unwrap();
    assert_eq!(store.end(&channel("a/one")), Some(at(1, 1)));
    assert_eq!(store.quarantine(QuarantineFilter::default()).await.unwrap(), []);

    let publish =
        Group { publish: Some(call), rejections: vec![rejection("a/one", b"r2")], ..group(vec![append("a/one", numbered(60..61))]) };
    let receipt = committed(store.commit(publish).await);
    let ranges: Vec<_> = receipt.ranges.iter().map(|r| (r.channel.as_str(), r.first, r.count)).collect();
    assert_eq!((ranges, receipt.quarantined), (vec![("a/one", 1, 6), ("a/two", 0, 1)], 3));
    let expected: Vec<_> = [50, 60, 0, 1, 2, 3, 4].iter().zip(0..).map(|(n, offset)| (offset, format!("{{\"n\":{n}}}"))).collect();
    assert_eq!(lines(&everything(&store, &channel("a/one")).await), expected);
    store.abandon(abandoned).await.unwrap();
    store.stage(lost, part(vec![append("a/two", numbered(7..9))], vec![])).await.unwrap();
    adds_up(&store).await;
    store.close().await.unwrap();

    let store = open().await;
    for call in [abandoned, lost, call] {
        let receipt = committed(store.commit(Group { publish: Some(call), ..group(vec![]) }).await);
        assert_eq!(receipt, Receipt::default());
    }
    let mut bytes = Vec::new();
    for entry in store.quarantine(QuarantineFilter::default()).await.unwrap() {
        bytes.push(store.quarantine_entry(entry.id).await.unwrap().unwrap().1);
    }
    bytes.sort();
    assert_eq!(bytes, [b"r0", b"r1", b"r2"]);
    adds_up(&store).await;
}

pub(crate) async fn pages_begin_and_end_where_asked(open: impl AsyncFn() -> Store) {
    let store = open().await;
    let one = channel("a/one");
    store.ensure_channels(std::slice::from_ref(&one)).await.unwrap();
    let said = |n: u64| Envelope { id: Some(format!("id-{n}")), ..Envelope::default() };
    for first in [0_u64, 10, 20] {
        let batch = batch_with((first..first + 10).map(|n| (format!("{{\"n\":{n}}}"), (n % 2 == 0 && n < 20).then(|| said(n)))));
        committed(store.commit(group(vec![append("a/one", batch)])).await);
    }
    for (from, max, expected) in [
        (0, 100, 0..30),
        (0, 1, 0..1),
        (5, 3, 5..8),
        (5, 10, 5..15),
        (9, 11, 9..20),
        (29, 5, 29..30),
        (30, 5, 30..30),
        (99, 5, 30..30),
        (7, 0, 7..7),
    ] {
        let page = store.read(&one, at(1, from), max, 1 << 20).await.unwrap();
        let expected: Vec<_> = expected.map(|n: u64| (n, format!("{{\"n\":{n}}}"))).collect();
        assert_eq!(lines(&page), expected, "{from} {max}");
        for (offset, _, envelope) in page.iter().flat_map(|b| b.records().collect::<Vec<_>>()) {
            let wanted = if offset % 2 == 0 && offset < 20 { said(offset) } else { Envelope::default() };
            assert_eq!(envelope.cloned().unwrap_or_default(), wanted, "{offset}");
        }
    }
    assert_eq!(store.read(&one, at(1, 0), 100, 1).await.unwrap().len(), 1, "one batch, however large");
    let cut = &store.read(&one, at(1, 3), 1, 1).await.unwrap()[0];
    assert_eq!((cut.first, cut.count, &cut.origin, cut.received_at, cut.schema_version), (at(1, 3), 1, &origin(), NOON, 3));
    assert_eq!(store.read(&channel("z/none"), at(1, 0), 1, 1).await.unwrap().len(), 0);

    // Longer than a block: split between records, and one record longer than a block would be stays whole.
    let wide = |n: u64| format!("{{\"n\":{n},\"t\":\"{}\"}}", "x".repeat(700_000));
    let many = batch((0..3).map(wide).chain((3..40_000).map(|n| format!("{{\"n\":{n},\"t\":\"a text of some length to fill blocks\"}}"))));
    let receipt = committed(store.commit(group(vec![append("a/one", many)])).await);
    assert_eq!((receipt.ranges[0].first, receipt.ranges[0].count), (30, 40_000));
    let all = everything(&store, &one).await;
    assert!(all.iter().all(|b| b.ndjson.len() <= 1 << 20));
    adds_up(&store).await;
    assert_eq!(
        lines(&store.read(&one, at(1, 30_029), 1, 1).await.unwrap())[0].1,
        "{\"n\":29999,\"t\":\"a text of some length to fill blocks\"}"
    );
}

pub(crate) async fn waits_end_when_a_record_comes(open: impl AsyncFn() -> Store) {
    let store = open().await;
    let one = channel("a/one");
    store.ensure_channels(std::slice::from_ref(&one)).await.unwrap();
    let soon = || Instant::now() + Duration::from_millis(5);
    let late = || Instant::now() + Duration::from_secs(60);
    assert_eq!(store.wait(&one, Position::START, soon()).await, None);
    assert_eq!(store.wait(&channel("z/none"), Position::START, soon()).await, None);
    for n in 0..200 {
        let waiting = tokio::spawn({
            let (store, one) = (store.clone(), one.clone());
            async move { store.wait(&one, at(1, n), late()).await }
        });
        committed(store.commit(group(vec![append("a/one", numbered(n..n + 1))])).await);
        assert_eq!(waiting.await.unwrap(), Some(at(1, n + 1)));
    }
    assert_eq!(store.wait(&one, Position::START, soon()).await, Some(at(1, 200)));
    // A new epoch without records wakes nobody, its first record does.
    store.open_epoch(&one, 0).await.unwrap();
    assert_eq!(store.wait(&one, at(1, 200), soon()).await, None);
    assert_eq!(store.wait(&one, at(1, 199), soon()).await, Some(at(2, 0)));
    committed(store.commit(group(vec![append("a/one", numbered(0..1))])).await);
    assert_eq!(store.wait(&one, at(1, 200), late()).await, Some(at(2, 1)));
}

pub(crate) async fn epochs_follow_each_other(open: impl AsyncFn() -> Store) {
    let store = open().await;
    let one = channel("a/one");
    store.ensure_channels(std::slice::from_ref(&one)).await.unwrap();
    committed(store.commit(group(vec![append("a/one", numbered(0..4))])).await);
    assert_eq!(store.open_epoch(&one, 0).await.unwrap(), at(2, 0));
    assert_eq!(store.open_epoch(&one, 7).await.unwrap(), at(7, 0));
    assert_eq!(store.end(&one), Some(at(7, 0)));
    assert_eq!(store.read(&one, at(1, 4), 10, 1000).await.unwrap().len(), 0);
    store.close().await.unwrap();

    let store = open().await;
    assert_eq!(store.end(&one), Some(at(7, 0)));
    let receipt = committed(store.commit(group(vec![append("a/one", numbered(10..12))])).await);
    assert_eq!(receipt.ranges[0].end(), at(7, 2));
    for (from, expected) in [
        (at(1, 2), vec![(1, 2), (7, 0)]),
        (at(1, 4), vec![(7, 0)]),
        (at(1, 99), vec![(7, 0)]),
        (at(3, 5), vec![(7, 0)]),
        (at(7, 1), vec![(7, 1)]),
        (at(8, 0), vec![]),
    ] {
        let firsts: Vec<_> = store.read(&one, from, 10, 1000).await.unwrap().iter().map(|b| (b.first.epoch, b.first.offset)).collect();
        assert_eq!(firsts, expected, "{from}");
    }
    let unknown = store.open_epoch(&channel("z/none"), 0).await;
    assert!(matches!(unknown, Err(Error::Refused(Refusal::UnknownChannel(_)))), "{unknown:?}");
    adds_up(&store).await;
}

pub(crate) async fn a_dropped_caller_breaks_nothing(open: impl AsyncFn() -> Store) {
    let store = open().await;
    let one = channel("a/one");
    store.ensure_channels(std::slice::from_ref(&one)).await.unwrap();
    for n in 0..64_u64 {
        let commit = store.commit(group(vec![append("a/one", numbered(n..n + 1))]));
        // Polled once, whatever the runtime's budget says, it stands in the queue or is done already.
        let mut commit = Box::pin(tokio::task::unconstrained(commit));
        let _ = futures::poll!(&mut commit);
    }
    committed(store.commit(group(vec![append("a/one", numbered(99..100))])).await);
    let clone = store.clone();
    adds_up(&store).await;
    store.close().await.unwrap();
    assert_eq!(clone.commit(group(vec![])).await, Outcome::Refused(Refusal::Closing));
    assert!(matches!(clone.read(&one, Position::START, 1, 1).await, Err(Error::Refused(Refusal::Closing))));
    let store = open().await;
    assert_eq!(store.end(&one), Some(at(1, 65)));
    adds_up(&store).await;
}

pub(crate) async fn a_sequence_goes_in_order_and_ends_where_one_fails(open: impl AsyncFn() -> Store) {
    let store = open().await;
    let one = channel("a/one");
    store.ensure_channels(std::slice::from_ref(&one)).await.unwrap();
    let sequence = Sequence::default();
    let piece = |to: &str, n: u64| Group {
        remember: Some(keyed(&n.to_string(), 1)),
        sequence: Some(sequence.clone()),
        ..group(vec![append(to, numbered(n..n + 1))])
    };
    // All of them wait for the writer at the same time, the large one too, which is packed beside the others.
    let large = Group {
        appends: vec![append("a/one", batch((0..3000).map(|n| format!("{{\"n\":1,\"note\":\"{n:0100}\"}}"))))],
        ..piece("a/one", 1)
    };
    let mut submitted = vec![store.submit(piece("a/one", 0)).await, store.submit(large).await];
    for (to, n) in [("a/one", 2), ("a/absent", 3), ("a/one", 4), ("a/one", 0), ("a/one", 5)] {
        submitted.push(store.submit(piece(to, n)).await);
    }
    let beside = store.submit(group(vec![append("a/one", numbered(9..10))])).await;
    let mut outcomes = Vec::new();
    for submitted in submitted {
        outcomes.push(submitted.outcome().await);
    }
    let firsts: Vec<u64> = outcomes.iter().take(3).map(|outcome| committed(outcome.clone()).ranges[0].first).collect();
    assert_eq!(firsts, [0, 1, 3001]);
    assert_eq!(outcomes[3], Outcome::Refused(Refusal::UnknownChannel(channel("a/absent"))));
    // What was known already is not answered either: its place in the order is lost.
    assert!(outcomes[4..].iter().all(|outcome| *outcome == Outcome::Refused(Refusal::OutOfSequence)), "{outcomes:?}");
    assert_eq!(committed(beside.outcome().await).ranges[0].first, 3002);
    assert_eq!(store.submit(piece("a/one", 6)).await.outcome().await, Outcome::Refused(Refusal::OutOfSequence));
    // Sent again, in a sequence of its own, each is done once.
    let again = Sequence::default();
    let piece = |n: u64| Group { sequence: Some(again.clone()), ..piece("a/one", n) };
    assert!(matches!(store.commit(piece(0)).await, Outcome::Repeated(_)));
    assert_eq!(committed(store.commit(piece(4)).await).ranges[0].first, 3003);
    adds_up(&store).await;
}
