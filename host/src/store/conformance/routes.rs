//! What routes keep: states of keys, which move with their checkpoint, and dead letters.

use lienthong_core::id::{ConnectorId, RouteId};

use super::super::{Advance, GivenUp, Group, KeyState, LetterFilter, Outcome, Redrive, Redriven, Refusal, Store};
use super::{adds_up, append, at, channel, committed, group, numbered};

fn state(owner: &str, key: &str, state: Option<&str>) -> KeyState {
    KeyState { owner: owner.into(), key: key.into(), state: state.map(|state| state.as_bytes().to_vec()) }
}

fn advance(expected: Option<u64>) -> Option<Advance> {
    Some(Advance { owner: "route:a".into(), expected, cursor: b"x".to_vec() })
}

pub(crate) async fn states_move_with_their_checkpoint_or_not_at_all(open: impl AsyncFn() -> Store) {
    let store = open().await;
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    let first = Group {
        advance: advance(None),
        states: vec![state("route:a", "k1", Some("1")), state("route:a", "k2", Some("2")), state("route:b", "k1", Some("other"))],
        ..group(vec![append("a/one", numbered(0..3))])
    };
    committed(store.commit(first).await);
    // Whoever comes with an old version changes nothing: neither records nor states.
    for expected in [None, Some(7)] {
        let late = Group {
            advance: advance(expected),
            states: vec![state("route:a", "k1", Some("late")), state("route:a", "k3", Some("late"))],
            ..group(vec![append("a/one", numbered(3..5))])
        };
        assert_eq!(store.commit(late).await, Outcome::Refused(Refusal::CheckpointMoved));
    }
    // A channel that is not there refuses the whole group, after its states were written.
    let nowhere = Group {
        advance: advance(Some(1)),
        states: vec![state("route:a", "k1", Some("nowhere"))],
        ..group(vec![append("z/none", numbered(0..1))])
    };
    assert!(matches!(store.commit(nowhere).await, Outcome::Refused(Refusal::UnknownChannel(_))));
    let next = Group {
        advance: advance(Some(1)),
        states: vec![state("route:a", "k1", Some("one")), state("route:a", "k2", None), state("route:a", "k9", None)],
        ..group(vec![])
    };
    committed(store.commit(next).await);
    store.close().await.unwrap();

    let store = open().await;
    let kept = store.states("route:a", &["k1", "k2", "k3"]).await.unwrap();
    assert_eq!(kept.into_iter().collect::<Vec<_>>(), [("k1".to_owned(), b"one".to_vec())]);
    assert_eq!(store.states("route:b", &["k1"]).await.unwrap()["k1"], b"other");
    assert_eq!(store.states("route:a", &[]).await.unwrap().len(), 0);
    assert_eq!(store.checkpoint("route:a").await.unwrap().unwrap().version, 2);
    adds_up(&store).await;
}

pub(crate) async fn states_are_paged_in_the_order_of_their_keys(open: impl AsyncFn() -> Store) {
    let store = open().await;
    let states = ["b", "", "ạ", "a"].iter().map(|key| state("route:a", key, Some("s"))).chain([state("route:b", "aa", Some("s"))]);
    committed(store.commit(Group { advance: advance(None), states: states.collect(), ..group(vec![]) }).await);
    let (mut keys, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.states_after("route:a", after.as_deref(), 2).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        keys.extend(page.into_iter().map(|(key, _)| key));
    }
    assert_eq!(keys, ["", "a", "b", "ạ"]);
}

pub(crate) async fn dead_letters_are_kept_until_they_are_delivered(open: impl AsyncFn() -> Store) {
    let store = open().await;
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    let (route, sink) = (RouteId::new("a/route").unwrap(), ConnectorId::new("a/sink").unwrap());
    let letter = |offset| GivenUp {
        route: route.clone(),
        sink: sink.clone(),
        channel: channel("a/one"),
        at: at(1, offset),
        attempts: 3,
        reason: format!("no room for {offset}"),
    };
    let settled = |expected, letters: Vec<GivenUp>| Group { advance: advance(expected), given_up: letters, ..group(vec![]) };
    committed(store.commit(settled(None, vec![letter(4), letter(7)])).await);
    // A batch that somebody else settled leaves no letter behind.
    assert_eq!(store.commit(settled(None, vec![letter(8)])).await, Outcome::Refused(Refusal::CheckpointMoved));
    committed(store.commit(settled(Some(1), vec![letter(9)])).await);
    let filter = LetterFilter { route: None, sink: None, before: None, limit: 2 };
    let page = store.dead_letters(&filter).await.unwrap();
    assert_eq!(page.iter().map(|letter| (letter.id, letter.given_up.at.offset)).collect::<Vec<_>>(), [(3, 9), (2, 7)]);
    let rest = store.dead_letters(&LetterFilter { before: Some(2), ..filter.clone() }).await.unwrap();
    assert_eq!((rest.len(), &rest[0].given_up), (1, &letter(4)));
    let other = RouteId::new("a/other").unwrap();
    assert_eq!(store.dead_letters(&LetterFilter { route: Some(other.clone()), ..filter.clone() }).await.unwrap(), []);

    let mut redrives = store.redrives();
    redrives.mark_unchanged();
    assert_eq!(store.redrive(Redrive::All(Some(other))).await.unwrap(), 0);
    assert_eq!(store.redrive(Redrive::One(2)).await.unwrap(), 1);
    assert!(redrives.has_changed().unwrap());
    let next = store.next_redrive(&route, &sink).await.unwrap().unwrap();
    assert_eq!((next.id, next.redrive), (2, true));
    store.settle_letter(2, Redriven::Dead("still no room".into())).await.unwrap();
    assert_eq!(store.next_redrive(&route, &sink).await.unwrap(), None);
    assert_eq!(store.redrive(Redrive::All(None)).await.unwrap(), 3);
    store.close().await.unwrap();

    // What shall be delivered once more is known after a restart, the oldest first.
    let store = open().await;
    assert_eq!(store.next_redrive(&route, &sink).await.unwrap().unwrap().id, 1);
    store.settle_letter(1, Redriven::Delivered).await.unwrap();
    let second = store.next_redrive(&route, &sink).await.unwrap().unwrap();
    assert_eq!((second.id, second.given_up.attempts, second.given_up.reason.as_str()), (2, 4, "still no room"));
    assert_eq!(store.dead_letter_counts().await.unwrap(), [(route.clone(), sink.clone(), 2)]);
    // No number is given twice.
    store.settle_letter(3, Redriven::Delivered).await.unwrap();
    committed(store.commit(settled(Some(2), vec![letter(10)])).await);
    assert_eq!(store.dead_letters(&filter).await.unwrap()[0].id, 4);
}
