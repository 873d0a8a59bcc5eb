//! What an operator meets beside the API: the command line, the data folder, the log.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use lienthong_tests::city::City;
use lienthong_tests::hub::{Hub, channel_status, landed};
use lienthong_tests::program::{argument, lienthong, run};
use lienthong_tests::wait::until;
use serde_json::{Value, json};

use crate::towns;

const READINGS: &str = "/v1/channels/air/readings/records";
const NDJSON: &str = "application/x-ndjson";

/// Runs a command of the program as it is for `customize`, to its end.
fn run_as(arguments: &[&str], customize: impl FnOnce(&mut Command)) -> (Option<i32>, String, String) {
    let mut command = Command::new(lienthong());
    command.args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    customize(&mut command);
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_no_file_names_any_more_is_told_with_what_it_holds() {
    let mut hub = Hub::start(towns::air()).await;
    let (environment, operator) = (hub.agency("environment").await, hub.operator().await);
    let body = "{\"station\":\"a\",\"value\":1}\n{\"station\":\"b\",\"value\":2}\n{\"station\":\"c\"}\n";
    environment.post(READINGS, NDJSON, body).send().await.expect(200);
    landed(&operator, "air/readings", 2).await;
    assert!(hub.terminate().await.success());

    let air = std::fs::read_to_string(hub.city().path().join("air.yaml")).unwrap();
    let cut = air.replace("  air/readings:\n    schema: air/readings.v1\n    key: [/station]\n    time: /at\n", "");
    let cut: String = cut.lines().filter(|line| !line.contains("channel: air/readings")).map(|line| format!("{line}\n")).collect();
    hub.city().write("air.yaml", &cut);
    hub.start_again().await;

    assert!(hub.log().contains("the city's files do not name this channel"), "{}", hub.log());
    let status = channel_status(&operator, "air/readings").await;
    let told = ["listed", "schema", "accepted", "stored", "quarantined", "landed", "pending", "sums_hold"].map(|name| &status[name]);
    assert_eq!(told, [&json!(false), &Value::Null, &json!(3), &json!(2), &json!(1), &json!(2), &json!(0), &json!(true)]);
    assert_eq!(channel_status(&operator, "air/secrets").await["listed"], true);
    let metrics = operator.get("/metrics").send().await.expect(200).text();
    for line in [
        "lienthong_channel_listed{channel=\"air/readings\"} 0",
        "lienthong_channel_listed{channel=\"air/secrets\"} 1",
        "lienthong_channel_stored_total{channel=\"air/readings\"} 2",
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line} is not in\n{metrics}");
    }
    let data = hub.city().data();
    let said = run(&["status", "--data", argument(&data)]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let (_, others) = said.stdout.split_once("NOT IN THE CITY'S FILES").unwrap_or_else(|| panic!("{}", said.stdout));
    assert!(others.contains("air/readings") && !others.contains("air/secrets"), "{}", said.stdout);
    environment.get(READINGS).send().await.problem(404, "channel");

    // Named again, it goes on where it was.
    assert!(hub.terminate().await.success());
    hub.city().write("air.yaml", &air);
    hub.start_again().await;
    environment.post(READINGS, NDJSON, "{\"station\":\"d\",\"value\":1}\n").send().await.expect(200);
    landed(&operator, "air/readings", 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stops_reading_early_is_no_fault() {
    let hub = Hub::start(towns::air()).await;
    let data = hub.city().data();
    let city = hub.city().path();
    for arguments in [
        &["status", "--data", argument(&data)][..],
        &["status", "--json", "--data", argument(&data)],
        &["key", "list", "--data", argument(&data)],
        &["check", argument(&city)],
        &["schema", "list"],
        &["schema", "show", "environment/observations.v1"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, _, stderr) = run_as(arguments, |command| {
            command.stdout(writer);
        });
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user_is_told_that_it_is_another_user() {
    use std::os::unix::process::CommandExt;
    let hub = Hub::start(towns::air()).await;
    let data = hub.city().data();
    let root = rustix::process::geteuid().is_root();
    // Root may open everything, so it asks as somebody else; anybody else shuts the folder to themselves.
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(if root { 0o700 } else { 0o000 })).unwrap();
    // Somebody else may not even enter the folder where the program was built.
    let program = hub.city().folder().join("lienthong");
    std::fs::copy(lienthong(), &program).unwrap();
    std::fs::set_permissions(hub.city().folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).stdin(Stdio::null());
        if root {
            command.uid(65_534).gid(65_534);
        }
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let answers = [
        ask(&["status", "--data", argument(&data)]),
        ask(&["key", "list", "--data", argument(&data)]),
        ask(&["key", "create", "--operator", "--data", argument(&data)]),
        ask(&["key", "revoke", "0000000000", "--data", argument(&data)]),
    ];
    let city = hub.city().path();
    let serve = ask(&["serve", "--city", argument(&city), "--data", argument(&data), "--listen", "127.0.0.1:0"]);
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    for (code, stderr) in answers {
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains("belongs to the user that runs the hub"), "{stderr}");
        assert!(!stderr.contains("no hub") && !stderr.contains("no hub's folder"), "{stderr}");
    }
    assert_eq!((serve.0, serve.1.matches("ermission denied").count()), (Some(1), 1), "{}", serve.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_in_place_of_the_data_folder_is_told_once() {
    let city = towns::air();
    let file = city.folder().join("file");
    std::fs::write(&file, "x").unwrap();
    let said = run(&["serve", "--city", argument(&city.path()), "--data", argument(&file), "--listen", "127.0.0.1:0"]).await;
    assert_eq!((said.code, said.stderr.matches("File exists").count()), (Some(1), 1), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_hub_writes_is_its_users_alone() {
    let hub = Hub::start(towns::air()).await;
    let data = hub.city().data();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (environment, operator) = (hub.agency("environment").await, hub.operator().await);
    environment.post(READINGS, NDJSON, "{\"station\":\"a\",\"value\":1}\n").send().await.expect(200);
    landed(&operator, "air/readings", 1).await;
    let mut open = Vec::new();
    let mut seen = 0;
    look(&data, &mut |path, mode| {
        seen += 1;
        if mode & 0o077 != 0 {
            open.push(format!("{} {mode:o}", path.display()));
        }
    });
    assert!(seen > 10, "{seen} files");
    assert_eq!(open, Vec::<String>::new());
    assert!(hub.log().contains("others on this machine may look into the data folder"), "{}", hub.log());
}

/// Everything below a folder.
fn look(folder: &Path, see: &mut impl FnMut(&Path, u32)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        see(&path, meta.permissions().mode() & 0o777);
        if meta.is_dir() {
            look(&path, see);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_says_where_it_looked_for_plugins_and_goes_on_after_a_broken_one() {
    let feed = "127.0.0.1:9".parse().unwrap();
    let city = towns::connected(feed);
    let path = city.path();
    let missing = run(&["check", "--lang", "en", argument(&path)]).await;
    let folder = path.join("plugins");
    assert!(
        missing.stdout.contains(&format!("looked in `{}`, which does not exist: give `--plugins`", folder.display())),
        "{}",
        missing.stdout
    );
    std::fs::create_dir(&folder).unwrap();
    let empty = run(&["check", "--lang", "en", argument(&path)]).await;
    assert!(empty.stdout.contains("which holds none: give `--plugins`"), "{}", empty.stdout);

    std::fs::File::create(folder.join("environment-tt10.wasm")).unwrap().write_all(b"\0asm and then nothing").unwrap();
    city.write("transport.yaml", "channels:\n  transport/stops: { schema: transport/stops.v9 }\n");
    let broken = run(&["check", "--lang", "en", argument(&path)]).await;
    assert_eq!(broken.code, Some(1));
    let place = format!("{}:1:1: error: this file holds no plugin that can be used", folder.join("environment-tt10.wasm").display());
    assert!(broken.stdout.contains(&place), "{}", broken.stdout);
    assert!(broken.stdout.contains("transport.yaml:2:30"), "{}", broken.stdout);
    assert!(!broken.stdout.contains("no plugin called"), "{}", broken.stdout);
    let served = run(&["serve", "--city", argument(&path), "--data", argument(&city.data()), "--listen", "127.0.0.1:0"]).await;
    assert!(served.code == Some(1) && served.stderr.contains(&place) && served.stderr.contains("transport.yaml:2:30"), "{}", served.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_speaks_the_language_that_was_asked_for_to_its_last_word() {
    let city = towns::air();
    let path = city.path();
    let vietnamese = run(&["check", "--lang", "vi", argument(&path)]).await;
    assert!(vietnamese.stdout.ends_with(": hợp lệ, 5 cơ quan, 2 kênh, 0 bộ kết nối, 0 tuyến, 5 mục cấp quyền\n"), "{}", vietnamese.stdout);
    let english = run(&["check", "--lang", "en", argument(&path)]).await;
    assert!(english.stdout.ends_with(": ok, 5 agencies, 2 channels, 0 connectors, 0 routes, 5 grants\n"), "{}", english.stdout);
    let french = run(&["check", "--lang", "fr", argument(&path)]).await;
    assert!(french.code == Some(2) && french.stderr.contains("`en` or `vi`"), "{}", french.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_line_of_a_plugin_names_the_file_and_a_failed_poll_is_told_once() {
    // Nothing listens where the feed should be.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hub = Hub::start_with_plugins(towns::connected(nowhere)).await;
    let name = "LamDong_TramA_KK01_20261123090500.txt";
    let inbox = hub.city().data().join("inbox/air");
    std::fs::write(inbox.join(format!("{name}.part")), "\n").unwrap();
    std::fs::rename(inbox.join(format!("{name}.part")), inbox.join(name)).unwrap();
    until("the file is consumed", || async { inbox.join("done").join(name).exists().then_some(()) }).await;
    let log = std::fs::read_to_string(hub.city().log()).unwrap();
    let line = log.lines().find(|line| line.contains("the file holds no readings")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(name), "{line}");

    until("two polls failed", || async {
        let log = std::fs::read_to_string(hub.city().log()).unwrap();
        (log.matches("a poll failed").count() >= 2).then_some(())
    })
    .await;
    let log = std::fs::read_to_string(hub.city().log()).unwrap();
    let (failed, warned) = (log.matches("a poll failed").count(), log.lines().filter(|line| line.contains(&nowhere.to_string())).count());
    // The one under way may not be told yet.
    assert!(warned <= failed + 1 && warned >= failed, "{failed} failed polls, {warned} lines about them\n{log}");
    for noise in ["snap.build", "wasmtime", "buoyant_kernel", "delta_kernel"] {
        assert!(!log.contains(noise), "{noise} stands in the log:\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_of_the_log_that_is_none_is_refused() {
    let city = towns::air();
    let (path, data) = (city.path(), city.data());
    let arguments = ["serve", "--city", argument(&path), "--data", argument(&data), "--listen", "127.0.0.1:0"];
    let (code, _, stderr) = run_as(&arguments, |command| {
        command.env("LIENTHONG_LOG", "info,nonsense");
    });
    assert_eq!(code, Some(1));
    assert!(stderr.contains("LIENTHONG_LOG: `nonsense` is no level: write error, warn, info"), "{stderr}");
    assert!(!data.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_that_closes_stops_the_hub_in_order() {
    let mut hub = Hub::start(towns::air()).await;
    let status = hub.hang_up().await;
    assert!(status.success(), "{status}");
    assert!(!hub.city().data().join("hub.addr").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_property_that_changed_its_type_is_told_at_the_start() {
    let mut hub = Hub::start(towns::air()).await;
    let (environment, operator) = (hub.agency("environment").await, hub.operator().await);
    environment.post(READINGS, NDJSON, "{\"station\":\"a\",\"value\":1}\n").send().await.expect(200);
    landed(&operator, "air/readings", 1).await;
    assert!(!hub.log().contains("keeps the types"), "{}", hub.log());
    assert!(hub.terminate().await.success());
    change(
        hub.city(),
        "schemas/air/readings.v1.json",
        "schemas/air/readings.v2.json",
        &[(r#""value": { "type": "number", "minimum": -50, "maximum": 2000 }"#, r#""value": { "type": "string" }"#)],
    );
    change(hub.city(), "air.yaml", "air.yaml", &[("schema: air/readings.v1", "schema: air/readings.v2")]);
    hub.start_again().await;
    environment.post(READINGS, NDJSON, "{\"station\":\"a\",\"value\":\"high\"}\n").send().await.expect(200);
    landed(&operator, "air/readings", 2).await;
    assert!(hub.log().contains("value: Double in the table, Text in the schema"), "{}", hub.log());
}

fn change(city: &City, from: &str, to: &str, replacements: &[(&str, &str)]) {
    let mut text = std::fs::read_to_string(city.path().join(from)).unwrap();
    for (old, new) in replacements {
        assert!(text.contains(old), "{from} has no {old}");
        text = text.replace(old, new);
    }
    city.write(to, &text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_checked_in_the_same_way_while_no_hub_runs() {
    let mut hub = Hub::start(towns::air()).await;
    for running in [true, false] {
        if !running {
            hub.kill().await;
        }
        let data = hub.city().data();
        let create = |options: &'static [&'static str]| {
            let arguments: Vec<String> =
                ["key", "create", "--data", argument(&data)].iter().chain(options).map(|&part| part.to_owned()).collect();
            async move { run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await }
        };
        for (options, words) in [
            (&["--agency", "nobody"][..], "no agency `nobody`"),
            (&["--agency", "health", "--read", "air/nothing"], "no channel `air/nothing`"),
            (&["--agency", "health", "--write", "water/*"], "no channel `water/*`"),
            (&["--operator", "--read", "air/*"], "an operator's key reads and writes no records"),
            (&["--agency", "health", "--expires", "0d"], "ended before"),
            (&["--agency", "health", "--expires", "100000y"], "a hundred years"),
        ] {
            let said = create(options).await;
            assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{options:?}");
            assert!(said.stderr.contains(words), "{options:?}: {}", said.stderr);
        }
        for (options, words) in [
            (&["--agency", "health", "--write", "air/readings"][..], "warning: health has no grant to write air/readings today"),
            (&["--agency", "former"], "warning: former has no grant today"),
            (&["--agency", "health", "--expires", "100y"], ""),
        ] {
            let said = create(options).await;
            assert_eq!(said.code, Some(0), "{options:?}: {}", said.stderr);
            assert!(said.stdout.starts_with("lt_") && said.stderr.contains(words), "{options:?}: {}", said.stderr);
            assert_eq!(said.stderr.contains("warning"), !words.is_empty(), "{options:?}: {}", said.stderr);
        }
    }
}
