//! Random sequences of everything a store can be asked, held against a model in a page of code.

use std::collections::{BTreeMap, BTreeSet};

use lienthong_core::id::ChannelId;
use proptest::prelude::*;
use proptest::sample::Index;

use super::conformance::{adds_up, append, at, batch, channel, everything, group, keyed, part, rejection};
use super::{Advance, CallId, Group, Options, Outcome, Receipt, Refusal, Store};

const CHANNELS: [&str; 3] = ["a/one", "a/two", "b/three"];

#[derive(Debug, Clone)]
struct Content {
    appends: Vec<(usize, u64)>,
    rejections: Vec<usize>,
}

#[derive(Debug, Clone)]
enum Step {
    Commit { content: Content, publish: Option<Index>, key: Option<(u8, u8)>, advance: Option<(u8, Option<u64>)> },
    Stage { call: Option<Index>, content: Content },
    Abandon(Index),
    OpenEpoch(usize),
    Reopen,
}

fn content() -> impl Strategy<Value = Content> {
    // A fourth channel does not exist; it is rare, for it refuses the whole group.
    let to = prop_oneof![12 => 0..3_usize, 1 => Just(3)];
    (prop::collection::vec((to, 0..5_u64), 0..4), prop::collection::vec(0..3_usize, 0..3))
        .prop_map(|(appends, rejections)| Content { appends, rejections })
}

fn step() -> impl Strategy<Value = Step> {
    let key = prop::option::of((0..4_u8, 0..2_u8));
    let advance = prop::option::of((0..2_u8, prop::option::of(1..4_u64)));
    prop_oneof![
        6 => (content(), prop::option::of(any::<Index>()), key, advance)
            .prop_map(|(content, publish, key, advance)| Step::Commit { content, publish, key, advance }),
        4 => (prop::option::of(any::<Index>()), content()).prop_map(|(call, content)| Step::Stage { call, content }),
        1 => any::<Index>().prop_map(Step::Abandon),
        1 => (0..3_usize).prop_map(Step::OpenEpoch),
        1 => Just(Step::Reopen),
    ]
}

/// A call's records and rejections.
type Staged = (Vec<(ChannelId, String)>, Vec<ChannelId>);

#[derive(Default)]
struct Model {
    records: BTreeMap<ChannelId, Vec<(u32, u64, String)>>,
    next: BTreeMap<ChannelId, (u32, u64)>,
    open: BTreeMap<ChannelId, u64>,
    staged: BTreeMap<CallId, Staged>,
    keys: BTreeMap<u8, (u8, Receipt)>,
    checkpoints: BTreeMap<u8, u64>,
    written: u64,
}

impl Model {
    /// New records, their channels, and the batches that carry them.
    fn fill(&mut self, content: &Content) -> (Vec<(ChannelId, String)>, Vec<super::Append>) {
        let (mut records, mut appends) = (Vec::new(), Vec::new());
        for (to, count) in &content.appends {
            let name = CHANNELS.get(*to).copied().unwrap_or("z/none");
            let texts: Vec<_> = (0..*count).map(|i| format!("{{\"r\":{}}}", self.written + i)).collect();
            self.written += count;
            records.extend(texts.iter().map(|text| (channel(name), text.clone())));
            appends.push(append(name, batch(texts)));
        }
        (records, appends)
    }

    fn knows(&self, records: &[(ChannelId, String)]) -> bool {
        records.iter().all(|(channel, _)| self.next.contains_key(channel))
    }

    fn store(&mut self, records: Vec<(ChannelId, String)>, rejections: &[ChannelId]) {
        for (channel, text) in records {
            let next = self.next.get_mut(&channel).unwrap();
            self.records.entry(channel).or_default().push((next.0, next.1, text));
            next.1 += 1;
        }
        for channel in rejections {
            *self.open.entry(channel.clone()).or_default() += 1;
        }
    }
}

async fn run(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let open = async || Store::open(Options::new(folder.path())).await.unwrap();
    let mut store = open().await;
    let mut model = Model::default();
    let channels = CHANNELS.map(channel);
    store.ensure_channels(&channels).await.unwrap();
    model.next = channels.iter().map(|c| (c.clone(), (1, 0))).collect();
    let mut calls: Vec<CallId> = Vec::new();
    for step in steps {
        match step {
            Step::Reopen => {
                store.close().await.unwrap();
                store = open().await;
                model.staged.clear();
                calls.clear();
            }
            Step::OpenEpoch(which) => {
                let next = model.next.get_mut(&channels[which]).unwrap();
                *next = (next.0 + 1, 0);
                assert_eq!(store.open_epoch(&channels[which], 0).await.unwrap(), at(next.0, 0));
            }
            Step::Abandon(call) => {
                if !calls.is_empty() {
                    let call = *call.get(&calls);
                    store.abandon(call).await.unwrap();
                    model.staged.remove(&call);
                }
            }
            Step::Stage { call, content } => {
                let call = match call {
                    Some(call) if !calls.is_empty() => *call.get(&calls),
                    _ => {
                        calls.push(store.begin_call());
                        calls[calls.len() - 1]
                    }
                };
                let (records, appends) = model.fill(&content);
                let rejections = content.rejections.iter().map(|c| rejection(CHANNELS[*c], b"bad")).collect();
                let known = model.knows(&records);
                assert_eq!(store.stage(call, part(appends, rejections)).await.is_ok(), known);
                if known {
                    let staged = model.staged.entry(call).or_default();
                    staged.0.extend(records);
                    staged.1.extend(content.rejections.iter().map(|c| channels[*c].clone()));
                }
            }
            Step::Commit { content, publish, key, advance } => {
                let (mut records, appends) = model.fill(&content);
                let publish = publish.filter(|_| !calls.is_empty()).map(|call| *call.get(&calls));
                let asked = Group {
                    rejections: content.rejections.iter().map(|c| rejection(CHANNELS[*c], b"bad")).collect(),
                    publish,
                    remember: key.map(|(key, body)| keyed(&key.to_string(), body)),
                    advance: advance.map(|(owner, expected)| Advance { owner: owner.to_string(), expected, cursor: vec![owner] }),
                    ..group(appends)
                };
                let outcome = store.commit(asked).await;
                let known = key.and_then(|(key, body)| model.keys.get(&key).map(|known| (body == known.0, known.1.clone())));
                let moved = advance.is_some_and(|(owner, expected)| model.checkpoints.get(&owner).copied() != expected);
                match (outcome, known) {
                    (Outcome::Repeated(receipt), Some((true, first))) => assert_eq!(receipt, first),
                    (Outcome::Refused(Refusal::KeyReused), Some((false, _))) => {}
                    (Outcome::Refused(Refusal::CheckpointMoved), None) => assert!(moved),
                    (Outcome::Refused(Refusal::UnknownChannel(_)), None) => assert!(!moved && !model.knows(&records)),
                    (Outcome::Committed(receipt), None) => {
                        assert!(!moved && model.knows(&records));
                        let mut rejections: Vec<_> = content.rejections.iter().map(|c| channels[*c].clone()).collect();
                        if let Some((staged, rejected)) = publish.and_then(|call| model.staged.remove(&call)) {
                            records.extend(staged);
                            rejections.extend(rejected);
                        }
                        assert_eq!(receipt.quarantined, rejections.len() as u64);
                        let touched: BTreeSet<_> = records.iter().map(|(c, _)| c.clone()).collect();
                        assert_eq!(receipt.ranges.len(), touched.len());
                        for (range, channel) in receipt.ranges.iter().zip(touched) {
                            let count = records.iter().filter(|(c, _)| *c == channel).count() as u64;
                            assert_eq!(
                                (range.channel.clone(), range.count, (range.epoch, range.first)),
                                (channel.clone(), count, model.next[&channel])
                            );
                        }
                        model.store(records, &rejections);
                        if let Some((key, body)) = key {
                            model.keys.insert(key, (body, receipt));
                        }
                        if let Some((owner, _)) = advance {
                            *model.checkpoints.entry(owner).or_default() += 1;
                        }
                    }
                    (outcome, known) => panic!("{outcome:?} where the model knows {known:?}"),
                }
            }
        }
    }
    for sums in store.sums().await.unwrap() {
        assert_eq!(sums.open, model.open.get(&sums.channel).copied().unwrap_or_default());
        let next = model.next[&sums.channel];
        assert_eq!(sums.next, at(next.0, next.1));
        let mut stored = Vec::new();
        for batch in everything(&store, &sums.channel).await {
            let epoch = batch.first.epoch;
            stored.extend(batch.records().map(|(offset, bytes, _)| (epoch, offset, String::from_utf8(bytes.to_vec()).unwrap())));
        }
        assert_eq!(stored, model.records.remove(&sums.channel).unwrap_or_default());
    }
    for (owner, version) in model.checkpoints {
        assert_eq!(store.checkpoint(&owner.to_string()).await.unwrap().unwrap().version, version);
    }
    adds_up(&store).await;
    store.close().await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_does_what_its_model_says(steps in prop::collection::vec(step(), 1..40)) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(run(steps));
    }
}
