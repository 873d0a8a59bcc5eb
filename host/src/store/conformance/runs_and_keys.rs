//! Runs of connectors, and access keys.

use lienthong_core::id::{AgencyId, ConnectorId};

use super::super::{Group, KeyOwner, KeyRow, Outcome, Run, RunError, RunOutcome, Store};
use super::{NOON, append, channel, committed, group, keyed, numbered};

pub(crate) async fn runs_and_keys_are_kept(open: impl AsyncFn() -> Store) {
    let store = open().await;
    let connector = ConnectorId::new("weather/stations").unwrap();
    let run = |records| Run {
        id: 0,
        connector: connector.clone(),
        started_at: NOON,
        duration_us: 1_500,
        outcome: if records % 2 == 0 { RunOutcome::Ok } else { RunOutcome::Failed },
        records,
        rejected: 2,
        error: (records % 2 == 1).then(|| RunError { kind: "upstream".into(), text: "no answer".into() }),
        stderr_tail: "bye".into(),
    };
    for n in 0..105 {
        store.record_run(run(n)).await.unwrap();
    }
    let runs = store.runs(&connector, 1_000).await.unwrap();
    assert_eq!(runs.len(), 100);
    assert_eq!(runs[1], Run { id: 104, ..run(103) });

    let key = KeyRow {
        id: "k1".into(),
        owner: KeyOwner::Agency(AgencyId::new("weather-office").unwrap()),
        hash: [9; 32],
        read: vec!["a/one".into()],
        write: vec![],
        note: "for the test".into(),
        created_at: NOON,
        expires_at: Some(NOON.plus_micros(5)),
        revoked_at: None,
    };
    store.insert_key(key.clone()).await.unwrap();
    assert!(store.insert_key(key.clone()).await.is_err());
    store.insert_key(KeyRow { id: "k2".into(), owner: KeyOwner::Operator, expires_at: None, ..key.clone() }).await.unwrap();
    assert_eq!(store.key("k1").unwrap(), Some(key.clone()));
    assert_eq!(store.key("k9").unwrap(), None);
    assert!(store.revoke_key("k1", NOON.plus_micros(1)).await.unwrap());
    assert!(store.revoke_key("k1", NOON.plus_micros(2)).await.unwrap());
    assert!(!store.revoke_key("k9", NOON).await.unwrap());
    let keys = store.keys().await.unwrap();
    assert_eq!((keys.len(), keys[0].revoked_at, &keys[1].owner), (2, Some(NOON.plus_micros(1)), &KeyOwner::Operator));
}

pub(crate) async fn a_run_is_recorded_with_its_group_or_not_at_all(open: impl AsyncFn() -> Store) {
    let store = open().await;
    store.ensure_channels(&[channel("a/one")]).await.unwrap();
    let connector = ConnectorId::new("weather/stations").unwrap();
    let run = Run {
        id: 0,
        connector: connector.clone(),
        started_at: NOON,
        duration_us: 1,
        outcome: RunOutcome::Ok,
        records: 1,
        rejected: 0,
        error: None,
        stderr_tail: String::new(),
    };
    let with_run = |to: &str| Group { remember: Some(keyed("k", 1)), run: Some(run.clone()), ..group(vec![append(to, numbered(0..1))]) };
    assert!(matches!(store.commit(with_run("a/absent")).await, Outcome::Refused(_)));
    committed(store.commit(with_run("a/one")).await);
    assert!(matches!(store.commit(with_run("a/one")).await, Outcome::Repeated(_)));
    assert_eq!(store.runs(&connector, 10).await.unwrap(), [Run { id: 1, ..run }]);
}
