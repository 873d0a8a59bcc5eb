//! Transforms and sinks in JavaScript and Python, called as routes call them.

use std::path::{Path, PathBuf};

use lienthong_core::city::Limits;
use lienthong_core::time::Timestamp;

use super::super::call::{Cause, Failure};
use super::super::{Batch, Engine, EngineOptions, ItemStatus, Keyed, Plugin};
use super::{Kept, call};
use crate::toolchain::{self, Options};

/// Builds a guest under `tests/plugins`, unless it is there, and makes it ready. Both are kept where `make test` keeps plugins: they
/// take minutes.
async fn guest(name: &str) -> (Engine, Plugin) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plugins").join(name);
    let built = toolchain::build(&source, &plugins(), &Options::default()).unwrap();
    ready(std::fs::read(built.path).unwrap()).await
}

fn plugins() -> PathBuf {
    std::env::var_os("LIENTHONG_PLUGINS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugins"), PathBuf::from)
}

/// A component made ready, by machine code that is kept.
pub(super) async fn ready(component: Vec<u8>) -> (Engine, Plugin) {
    let machine_code = plugins().with_file_name("machine-code");
    let options = EngineOptions { compile_in_parallel: true, ..EngineOptions::new(&machine_code) };
    let engine = Engine::new(options).unwrap();
    // The trials of the whole hub compile some of the same, and may do so at this moment.
    let lock = std::fs::File::create(machine_code.join(".lock")).unwrap();
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await.unwrap().unwrap();
    let plugin = engine.load(component).await.unwrap();
    drop(lock);
    (engine, plugin)
}

async fn a_transform_works_and_its_defect_has_a_message(name: &str, defect: &str, place: &str) {
    let (_engine, plugin) = guest(name).await;
    assert!(plugin.facts().is_pure(), "{:?}", plugin.facts().imports);
    let group = |records: &str, state: Option<&str>| Keyed {
        key: "k".into(),
        state: state.map(|state| state.as_bytes().to_vec()),
        records: records.into(),
    };
    let now = Timestamp::from_micros(5_000);
    let apply = |groups| plugin.apply(call(Kept::default(), Limits::default()), now, groups);

    let groups = vec![group("{\"n\":1}\n{\"n\":2}\n{\"n\":0.5}\n", Some("4")), group("", None)];
    let (folded, _) = apply(groups).await.unwrap();
    let outputs: Vec<&[u8]> = folded.iter().map(|one| &one.outputs[0].records[..]).collect();
    assert_eq!(outputs[0], b"{\"key\":\"k\",\"sum\":7,\"now\":5}\n");
    assert_eq!(outputs[1], b"{\"key\":\"k\",\"sum\":0,\"now\":5}\n");
    assert_eq!((folded[0].state.as_deref(), folded[0].rejects[0].reason.as_str()), (Some(&b"7"[..]), "n is no whole number"));

    let failed = apply(vec![group("{\"n\":-1}\n", None)]).await.unwrap_err();
    let Cause::Plugin(Failure::Internal(why)) = &failed.cause else { panic!("{failed:?}") };
    assert!(why.starts_with(defect) && why.contains(place), "{why}");
}

#[tokio::test]
async fn a_transform_in_javascript() {
    a_transform_works_and_its_defect_has_a_message("javascript-transform", "RangeError: n is negative", "apply").await;
}

#[tokio::test]
async fn a_transform_in_python() {
    a_transform_works_and_its_defect_has_a_message("python-transform", "ValueError: n is negative", "in fold").await;
}

async fn a_sink_answers_for_each_record(name: &str) {
    let (_engine, plugin) = guest(name).await;
    let batch = Batch {
        channel: "c/d".into(),
        ids: vec!["a".into(), "b".into(), "c".into()],
        records: b"{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n".to_vec(),
    };
    let (statuses, used) = plugin.deliver(call(Kept::default(), Limits::default()), batch, "key".into()).await.unwrap();
    assert!(matches!(&statuses[..], [ItemStatus::Delivered, ItemStatus::Retry(b), ItemStatus::Refused(c)] if b == "b" && c == "no room"));
    assert_eq!(used.log_lines, 1);
}

#[tokio::test]
async fn a_sink_in_typescript() {
    a_sink_answers_for_each_record("javascript").await;
}

#[tokio::test]
async fn a_sink_in_python() {
    a_sink_answers_for_each_record("python").await;
}
