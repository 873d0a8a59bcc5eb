//! Another version of a plugin: installed while messages come, refused for good reasons, rolled back, and kept over a restart.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lienthong_tests::client::Client;
use lienthong_tests::hub::{Hub, connector_status};
use lienthong_tests::ledger;
use lienthong_tests::program::{Said, argument, run};
use lienthong_tests::versions::{REPLIES, SILENT, Vendor, city, component, slow_to_compile};
use lienthong_tests::wait::until;
use tokio::task::JoinSet;

const MESSAGES: &str = "/v1/connectors/trial/guest/messages";

async fn install(hub: &Hub, file: &Path) -> Said {
    run(&["plugin", "install", argument(file), "--data", argument(&hub.city().data())]).await
}

async fn installed(hub: &Hub, file: &Path) -> String {
    let said = install(hub, file).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    said.stdout
}

/// What a refusal says. What ran goes on.
async fn refused(hub: &Hub, file: &Path) -> String {
    let said = install(hub, file).await;
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    said.stderr
}

async fn version(operator: &Client) -> String {
    connector_status(operator, "trial/guest").await["plugin_version"].as_str().unwrap().to_owned()
}

fn trusting(vendor: &Vendor) -> String {
    format!("plugins:\n  trust: [{{ vendor: Tests, key: {} }}]\n", vendor.public)
}

/// Clients that send messages, each one record, one after the other.
struct Senders {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    senders: JoinSet<(u64, u64)>,
}

impl Senders {
    fn start(client: &Client) -> Self {
        let (stop, sent, mut senders) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default(), JoinSet::new());
        for nth in 0..4 {
            let (client, stop, sent) = (client.clone(), stop.clone(), sent.clone());
            senders.spawn(async move {
                let (mut replies, mut receipts) = (0, 0);
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let record = format!(r#"{{"id":"c{nth}-0-{n}","n":{n},"value":1}}"#);
                    let answer = client.post(MESSAGES, "text/plain", record).send().await.expect(200);
                    // One version replies itself, and for the other the hub does.
                    *(if answer.header("content-type") == "application/json" { &mut receipts } else { &mut replies }) += 1;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
                (replies, receipts)
            });
        }
        Self { stop, sent, senders }
    }

    /// Waits until so many more messages were answered.
    async fn answered(&self, more: u64) {
        let wanted = self.sent.load(Ordering::Relaxed) + more;
        until("messages are answered", || async { (self.sent.load(Ordering::Relaxed) >= wanted).then_some(()) }).await;
    }

    /// How many answers were replies, and how many receipts.
    async fn stop(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        self.senders.join_all().await.into_iter().fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_installed_rolled_back_and_kept_while_messages_come() {
    let keys = tempfile::tempdir().unwrap();
    let vendor = Vendor::new(keys.path(), "vendor").await;
    let first = component(REPLIES, "1.0.0", |manifest| manifest);
    let town = city(&trusting(&vendor), "", &first);
    let signature = vendor.signed("first.wasm", &first).await.with_extension("wasm.sig");
    std::fs::copy(signature, town.path().join("plugins/test-guest.wasm.sig")).unwrap();
    let second = vendor.signed("second.wasm", &component(SILENT, "2.0.0", |manifest| manifest)).await;

    let mut hub = Hub::start(town).await;
    let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
    let senders = Senders::start(&sender);
    senders.answered(20).await;
    let said = installed(&hub, &second).await;
    assert!(said.contains("trial/guest: 1.0.0 → 2.0.0") && said.contains(&format!("signed with {}", vendor.public)), "{said}");
    assert_eq!(version(&operator).await, "2.0.0");
    senders.answered(20).await;
    let (replies, receipts) = senders.stop().await;
    assert!(replies >= 20 && receipts >= 20, "{replies} of the first version, {receipts} of the second");
    // Nothing was lost, nothing doubled, and there is no gap.
    let log = ledger::read_log(&sender, "trial/one").await;
    let offsets: Vec<u64> = log.keys().copied().collect();
    assert_eq!(offsets, (0..replies + receipts).collect::<Vec<_>>());
    assert_eq!(log.values().map(|(id, _)| id).collect::<BTreeSet<_>>().len() as u64, replies + receipts);

    hub.kill().await;
    hub.start_again().await;
    assert_eq!(version(&operator).await, "2.0.0", "the choice outlives a hub that was killed");
    let status = connector_status(&operator, "trial/guest").await;
    assert_eq!(status["plugin_signed_by"], vendor.public);
    assert!(status["plugin_since"].is_string(), "{status}");

    let senders = Senders::start(&sender);
    let data = hub.city().data();
    let said = run(&["plugin", "rollback", "test-guest", "--data", argument(&data), "--reason", "it forgets to reply"]).await;
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "trial/guest: 2.0.0 → 1.0.0\n"), "{}", said.stderr);
    senders.answered(20).await;
    senders.stop().await;
    assert_eq!(version(&operator).await, "1.0.0");
    let list = run(&["plugin", "list", "--data", argument(&data)]).await.stdout;
    assert!(list.contains("test-guest 1.0.0") && list.contains("it forgets to reply") && !list.contains("2.0.0"), "{list}");
    assert!(hub.log().contains("it forgets to reply"), "the reason is logged");
    let said = run(&["plugin", "rollback", "trial/guest", "--data", argument(&data)]).await;
    assert!(said.code == Some(1) && said.stderr.contains("no version before"), "{}", said.stderr);
    hub.terminate().await;
    hub.start_again().await;
    assert_eq!(version(&operator).await, "1.0.0");

    // With no hub, on the folder, after the city was checked with it.
    hub.terminate().await;
    let (file, folder) = (argument(&second).to_owned(), hub.city().path());
    let said = run(&["plugin", "install", &file, "--data", argument(&data)]).await;
    assert!(said.code == Some(1) && said.stderr.contains("--city"), "{}", said.stderr);
    let said = run(&["plugin", "install", &file, "--data", argument(&data), "--city", argument(&folder)]).await;
    assert!(said.code == Some(0) && said.stdout.contains("will run from the next start in trial/guest"), "{}{}", said.stdout, said.stderr);
    hub.start_again().await;
    assert_eq!(version(&operator).await, "2.0.0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_city_does_not_trust_or_cannot_give_is_not_installed() {
    let keys = tempfile::tempdir().unwrap();
    let (vendor, stranger) = (Vendor::new(keys.path(), "vendor").await, Vendor::new(keys.path(), "stranger").await);
    let first = component(REPLIES, "1.0.0", |manifest| manifest);
    let town = city(&trusting(&vendor), "    settings: {}\n", &first);
    // The folder's own plugin is held to the same.
    let check = async |city: &lienthong_tests::city::City| run(&["check", argument(&city.path()), "--lang", "en"]).await;
    let said = check(&town).await;
    assert!(said.code == Some(1) && said.stdout.contains("plugin `test-guest` may not run: nobody signed it"), "{}", said.stdout);
    let signature = vendor.signed("first.wasm", &first).await.with_extension("wasm.sig");
    std::fs::copy(signature, town.path().join("plugins/test-guest.wasm.sig")).unwrap();
    assert_eq!(check(&town).await.code, Some(0));

    let hub = Hub::start(town).await;
    let (sender, operator) = (hub.agency("sender").await, hub.operator().await);
    let second = component(SILENT, "2.0.0", |manifest| manifest);
    let words = refused(&hub, &vendor.unsigned("unsigned.wasm", &second)).await;
    assert!(words.contains("test-guest 2.0.0 is not installed: nobody signed it; ask the vendor"), "{words}");
    let words = refused(&hub, &stranger.signed("strange.wasm", &second).await).await;
    assert!(words.contains(&stranger.public) && words.contains("is not among those that the city trusts"), "{words}");
    let changed = vendor.signed("changed.wasm", &second).await;
    std::fs::write(&changed, component(SILENT, "2.0.1", |manifest| manifest)).unwrap();
    let words = refused(&hub, &changed).await;
    assert!(words.contains("is not of this file"), "{words}");
    let other = component(SILENT, "2.0.0", |manifest| manifest.replace("\"Tests\"", "\"Others\""));
    let words = refused(&hub, &vendor.signed("other.wasm", &other).await).await;
    assert!(words.contains("is that of Tests, but its manifest says that it comes from Others"), "{words}");

    // It is trusted, and wants more than it was given.
    let wants = component(SILENT, "2.1.0", |manifest| {
        manifest
            + "[ports.extra]\nschema = \"tests/things.v1\"\n[egress]\nhttp = true\nhosts = [\"https://x.vn\"]\n\
               [settings]\ntype = \"object\"\nrequired = [\"station\"]\nproperties = { station = { type = \"string\" } }\n"
    });
    let words = refused(&hub, &vendor.signed("wants.wasm", &wants).await).await;
    for part in [
        "trial/guest: 1.0.0 → 2.1.0",
        "2.1.0 newly emits tests/things.v1 to the port `extra`: the connector has no channel for it",
        "2.1.0 newly asks for https://x.vn: the connector's `egress:` does not cover it: add \"https://x.vn\" there",
        "2.1.0 takes other settings: the connector's do not fit them",
    ] {
        assert!(words.contains(part), "`{part}` is not in {words}");
    }
    // It can be read, and not be compiled: its table is larger than any place for one.
    let broken = component(&format!("{SILENT}\n(table 70000 funcref)"), "2.2.0", |manifest| manifest);
    let words = refused(&hub, &vendor.signed("broken.wasm", &broken).await).await;
    assert!(words.contains("it is not installed, and what ran goes on"), "{words}");

    assert_eq!(version(&operator).await, "1.0.0");
    sender.post(MESSAGES, "text/plain", r#"{"id":"c0-0-0","n":0,"value":1}"#).send().await.expect(200);
    assert_eq!(ledger::read_log(&sender, "trial/one").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_killed_while_it_installs_comes_back_with_what_it_ran() {
    let keys = tempfile::tempdir().unwrap();
    let vendor = Vendor::new(keys.path(), "vendor").await;
    let town = city("plugins: { unsigned: allow }\n", "", &component(REPLIES, "1.0.0", |manifest| manifest));
    let mut hub = Hub::start(town).await;
    let operator = hub.operator().await;
    let slow = vendor.unsigned("slow.wasm", &slow_to_compile("2.0.0"));
    let (data, path) = (hub.city().data(), argument(&slow).to_owned());
    let installing = tokio::spawn(async move { run(&["plugin", "install", &path, "--data", argument(&data)]).await });
    let hub_pid = hub.pid().as_raw_nonzero();
    until("the hub compiles", || async {
        assert!(!installing.is_finished(), "it was installed before anybody could see it compiled");
        let tasks = std::fs::read_dir(format!("/proc/{hub_pid}/task")).ok()?;
        let children = |task: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(task.ok()?.path().join("children")).ok();
        tasks.filter_map(children).any(|children| !children.trim().is_empty()).then_some(())
    })
    .await;
    hub.kill().await;
    let said = installing.await.unwrap();
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    hub.start_again().await;
    assert_eq!(version(&operator).await, "1.0.0");
    let said = installed(&hub, &slow).await;
    assert!(said.contains("1.0.0 → 2.0.0") && said.contains("unsigned"), "{said}");
    assert_eq!(version(&operator).await, "2.0.0");
}
