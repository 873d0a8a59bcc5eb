//! Runs of connectors, what they add up to, pauses, and access keys.

use lienthong_core::id::{AgencyId, ConnectorId};

use super::super::{Group, Hour, KeyOwner, KeyRow, Outcome, Pause, Run, RunError, RunOutcome, Store, Tally, hour_of};
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
        cpu_us: 700,
        egress_bytes: records,
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
        cpu_us: 5,
        egress_bytes: 7,
    };
    let with_run = |to: &str| Group { remember: Some(keyed("k", 1)), run: Some(run.clone()), ..group(vec![append(to, numbered(0..1))]) };
    assert!(matches!(store.commit(with_run("a/absent")).await, Outcome::Refused(_)));
    committed(store.commit(with_run("a/one")).await);
    assert!(matches!(store.commit(with_run("a/one")).await, Outcome::Repeated(_)));
    let tally = Tally { calls: 1, failures: 0, records: 1, rejected: 0, cpu_us: 5, egress_bytes: 7, newest_at: Some(NOON) };
    assert_eq!(store.hours().await.unwrap()[&connector], [Hour { hour: hour_of(NOON), tally }], "what repeats is no other call");
    assert_eq!(store.runs(&connector, 10).await.unwrap(), [Run { id: 1, ..run }]);
}

pub(crate) async fn hours_add_up_and_pauses_stay(open: impl AsyncFn() -> Store) {
    let (store, hour_us) = (open().await, 3_600_000_000);
    let [one, two] = ["a/one", "a/two"].map(|id| ConnectorId::new(id).unwrap());
    let run = |connector: &ConnectorId, hours: i64, records| Run {
        id: 0,
        connector: connector.clone(),
        started_at: NOON.plus_micros(hours * hour_us),
        duration_us: 1,
        outcome: if records > 0 { RunOutcome::Ok } else { RunOutcome::Failed },
        records,
        rejected: 1,
        error: None,
        stderr_tail: String::new(),
        cpu_us: 10,
        egress_bytes: 100,
    };
    for (connector, hours, records) in [(&one, 0, 3), (&one, 0, 0), (&one, 1, 5), (&two, 0, 0), (&one, 24 * 8 + 1, 0)] {
        store.record_run(run(connector, hours, records)).await.unwrap();
    }
    let first = Tally { calls: 2, failures: 1, records: 3, rejected: 2, cpu_us: 20, egress_bytes: 200, newest_at: Some(NOON) };
    let hours = store.hours().await.unwrap();
    assert_eq!(hours[&one][0], Hour { hour: hour_of(NOON), tally: first });
    assert_eq!((hours[&one].len(), hours[&two][0].tally.newest_at), (3, None));
    // What is older than a week and a day, seen from the connector's last hour, is forgotten.
    store.sweep().await.unwrap();
    let hours = store.hours().await.unwrap();
    assert_eq!((hours[&one].len(), hours[&one][0].hour, hours[&two].len()), (2, hour_of(NOON) + 1, 1));

    let pause = |seconds: i64, note: &str| Some(Pause { at: NOON.plus_micros(seconds * 1_000_000), note: note.into() });
    store.pause(&one, pause(0, "")).await.unwrap();
    store.pause(&one, pause(5, "again")).await.unwrap();
    store.pause(&two, pause(0, "x")).await.unwrap();
    store.pause(&two, None).await.unwrap();
    store.pause(&two, None).await.unwrap();
    let paused: Vec<_> = store.paused().await.unwrap().into_iter().collect();
    assert_eq!(paused, [(one, Pause { at: NOON, note: "again".into() })]);
}
