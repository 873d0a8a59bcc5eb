//! What a vendor does before there is a city: hold a plugin against fixtures, record a call, certify, sign.

use std::fs;
use std::path::{Path, PathBuf};

use lienthong_examples::sim::transport::feed::Feed;
use lienthong_tests::feed_server::FeedServer;
use lienthong_tests::guest;
use lienthong_tests::program::{Said, argument, plugins, run};

/// A folder of fixtures with one of a monitoring station's file.
fn station(folder: &Path) -> PathBuf {
    let fixture = folder.join("fixtures/one-file");
    fs::create_dir_all(&fixture).unwrap();
    fs::write(fixture.join("case.toml"), "name = \"LamDong_Tram_KK04_20261123092000.txt\"\n").unwrap();
    fs::write(fixture.join("message.txt"), "PM2.5\t19.9\tug/m3\t20261123092000\t00\nPM10\thigh\tug/m3\t20261123092000\t00\n").unwrap();
    fixture
}

async fn plugin(command: &str, component: &Path, rest: &[&str]) -> Said {
    run(&[&["plugin", command, argument(component)], rest].concat()).await
}

#[tokio::test]
async fn a_fixture_says_what_differs_field_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let (fixture, component) = (station(folder.path()), plugins().join("environment-tt10.wasm"));
    let fixtures = folder.path().join("fixtures");
    let test = |rest: &'static [&'static str]| {
        let arguments = [&["--fixtures", argument(&fixtures)], rest].concat();
        let component = component.clone();
        async move { plugin("test", &component, &arguments).await }
    };
    let said = test(&[]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("it has no expect.ndjson yet: `--update` writes what came"), "{said:?}");
    let said = test(&["--update"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let expected = fs::read_to_string(fixture.join("expect.ndjson")).unwrap();
    assert!(expected.contains("\"parameter\":\"PM2.5\"") && expected.contains("\"at\":\"line 2\""), "{expected}");
    let said = test(&[]).await;
    assert_eq!(said.code, Some(0), "{said:?}");

    fs::write(fixture.join("expect.ndjson"), expected.replace("19.9", "20.1")).unwrap();
    let said = test(&[]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("  line 1 differs\n    /record/value: expected 20.1, got 19.9\n"), "{said:?}");
    // Settings are those of the manifest here, too.
    fs::write(fixture.join("settings.json"), "{\"separator\":\"comma\"}").unwrap();
    let said = test(&[]).await;
    assert!(said.stderr.contains("the settings do not fit the `[settings]` of plugin.toml: /separator"), "{said:?}");
}

#[tokio::test]
async fn a_call_in_the_real_world_becomes_a_fixture_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/sample-gtfs-feed");
    let feed = FeedServer::start("\"v7\"", Feed::read(&sample).unwrap().zip().unwrap()).await;
    let (component, origin) = (plugins().join("transport-gtfs.wasm"), format!("http://{}", feed.address()));
    let (settings, fixture) = (folder.path().join("settings.json"), folder.path().join("fixtures/first"));
    fs::write(&settings, format!("{{\"url\":\"{origin}/gtfs.zip\"}}")).unwrap();
    let settings = ["--settings", argument(&settings), "--record", argument(&fixture)];

    let said = plugin("run", &component, &[&settings[..2], &["--egress", "https://example.vn"]].concat()).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains(&format!("egress: [\"{origin}\"]")), "a denial names the line that allows it: {said:?}");
    assert!(feed.seen().is_empty());

    let said = plugin("run", &component, &[&settings[..], &["--egress", &origin]].concat()).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let records = said.stdout.lines().count();
    assert!(records == 53 && said.stderr.contains(&format!("{records} records;")), "{} records: {}", records, said.stderr);
    assert_eq!(feed.seen().len(), 1);
    drop(feed);

    let fixtures = folder.path().join("fixtures");
    let said = plugin("test", &component, &["--fixtures", argument(&fixtures)]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("53 records, 54 lines"), "{said:?}");
    let said = plugin("certify", &component, &["--fixtures", argument(&fixtures)]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("  upstream         passed  4 failures"), "{said:?}");
    assert!(said.stdout.contains("  kill and resume  passed  after 1 kill"), "{said:?}");

    let exchange = fs::read_to_string(fixture.join("http.jsonl")).unwrap();
    fs::write(fixture.join("http.jsonl"), exchange.replace("gtfs.zip", "other.zip")).unwrap();
    let said = plugin("test", &component, &["--fixtures", argument(&fixtures)]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains(&format!("  no exchange is left that answers GET {origin}/gtfs.zip\n")), "{said:?}");
    assert!(said.stdout.contains(&format!("  nobody asked for GET {origin}/other.zip\n")), "{said:?}");
}

#[tokio::test]
async fn a_plugin_that_breaks_is_told_why_and_what_was_found_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // It says something and breaks, whatever it is sent.
    let guest = guest::receiver(include_str!("../../plugins/panic.wat"), "lienthong:connector/receiver-plugin@1.0.0");
    fs::write(at("guest.wasm"), guest).unwrap();
    fs::create_dir_all(at("schemas/tests")).unwrap();
    fs::write(at("schemas/tests/things.v1.json"), "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}").unwrap();
    fs::create_dir_all(at("fixtures/one")).unwrap();
    fs::write(at("fixtures/one/message.txt"), "x").unwrap();
    fs::write(at("fixtures/one/expect.ndjson"), "").unwrap();

    let said = plugin("key", &at("vendor.key"), &[]).await;
    let public = said.stdout.trim().to_owned();
    assert!(public.starts_with("ltpub_"), "{said:?}");
    assert_eq!(plugin("key", &at("vendor.key"), &["--public"]).await.stdout, said.stdout);
    assert_ne!(plugin("key", &at("vendor.key"), &[]).await.code, Some(0), "a key is not overwritten");

    let (report, key) = (at("report.json"), at("vendor.key"));
    let said = plugin("certify", &at("guest.wasm"), &["--report", argument(&report), "--key", argument(&key)]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stdout.contains("  garbage          FAILED  one, nothing as the message: the plugin broke (wasm `unreachable`"),
        "{said:?}"
    );
    assert!(said.stdout.ends_with("FAILED\n") && said.stderr.contains(&format!("signed by {public}")), "{said:?}");
    assert_eq!(fs::read_to_string(at("report.txt")).unwrap(), said.stdout);

    let verify = ["plugin", "certify", "--verify", argument(&report), "--key", &public];
    let guest = at("guest.wasm");
    let verified = run(&[&verify[..], &[argument(&guest)]].concat()).await;
    assert_eq!(verified.code, Some(1), "what failed has not passed because somebody signed it");
    assert!(verified.stdout.contains(&format!("FAILED\nsigned by {public}")), "{verified:?}");
    let other = run(&[&verify[..], &[argument(&plugins().join("environment-tt10.wasm"))]].concat()).await;
    assert!(other.stderr.contains("the report is about the component"), "{other:?}");
    let text = fs::read_to_string(&report).unwrap();
    fs::write(&report, text.replace("\"passed\": false", "\"passed\": true")).unwrap();
    let forged = run(&verify).await;
    assert!(forged.code == Some(1) && forged.stderr.contains("did not sign this text"), "{forged:?}");
}
