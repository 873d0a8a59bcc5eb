//! The vendors' tutorial: every command on its page, in its order, in an empty folder, once for each language.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use lienthong_tests::program;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

const TUTORIAL: &str = include_str!("../../../plugins/TUTORIAL.md");

/// A first build of all that there is, on a slow machine with much to do.
const PATIENCE: Duration = Duration::from_secs(1200);

#[tokio::test]
async fn a_vendor_gets_to_a_running_connector_in_rust() {
    follow("rust").await;
}

#[tokio::test]
#[ignore = "builds two components of 12 MB, a minute or two: `make tutorials`"]
async fn a_vendor_gets_to_a_running_connector_in_javascript() {
    follow("js").await;
}

#[tokio::test]
#[ignore = "builds two components of 18 MB, a minute or two: `make tutorials`"]
async fn a_vendor_gets_to_a_running_connector_in_python() {
    follow("python").await;
}

/// The commands for one language: the blocks for all of them, and its own.
fn commands(language: &str) -> String {
    let own = format!("sh {language}");
    let mut commands = String::new();
    let mut within = None;
    for line in TUTORIAL.lines() {
        match (line.strip_prefix("```"), within) {
            (Some(fence), None) => within = Some(fence == "sh" || fence == own),
            (Some(_), Some(_)) => within = None,
            (None, Some(true)) => commands.extend([line, "\n"]),
            (None, _) => {}
        }
    }
    assert!(commands.contains(&format!("--lang {language}")), "the tutorial has no commands for {language}");
    commands
}

async fn follow(language: &str) {
    let folder = empty_folder(language);
    // Nobody is to wait for the same machine code twice.
    if language != "rust" {
        share_machine_code(&folder);
    }
    let program = program::lienthong();
    let mut path = std::ffi::OsString::from(program.parent().unwrap());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{}", commands(language));
    let mut command = Command::new("bash");
    program::no_keys_of_ours(&mut command);
    command.args(["-euo", "pipefail", "-c", &script]).current_dir(&folder).env("PATH", path).env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let child = command.spawn().unwrap();
    let group = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    let Ok(output) = tokio::time::timeout(PATIENCE, child.wait_with_output()).await else {
        kill_process_group(group, Signal::KILL).unwrap();
        panic!("the tutorial in {language} came to no end; what it made is in {}", folder.display());
    };
    let output = output.unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}\n{complained}", output.status);

    // What the page promises of each step.
    let mut rest = &*said;
    for promise in [
        "1 ok, 0 failed",
        "did not come: {\"port\":\"observations\",\"record\":{",
        "not yet\n",
        "1 ok, 0 failed",
        "\"station\":\"KK03\"",
        "\npassed\n",
        "signed by ltpub_",
        "1 channel, 1 connector",
        "environment/observations",
    ] {
        let place = rest.find(promise).unwrap_or_else(|| panic!("{promise:?} is missing in\n{rest}\n{complained}"));
        rest = &rest[place + promise.len()..];
    }
    assert_eq!(rest.split_whitespace().next(), Some("1"), "one record is in the channel\n{said}");
}

/// The same place each time, so that compilers find what they compiled the last time.
fn empty_folder(language: &str) -> PathBuf {
    let folder = program::lienthong().parent().and_then(Path::parent).unwrap().join("tutorial").join(language);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{}: {error}", folder.display()),
        _ => std::fs::create_dir_all(&folder).unwrap(),
    }
    folder
}

/// Lets the hub find what `plugin test` compiled.
fn share_machine_code(folder: &Path) {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))).unwrap().join("lienthong/machine-code");
    std::fs::create_dir_all(folder.join("data/cache")).unwrap();
    std::os::unix::fs::symlink(cache, folder.join("data/cache/plugins")).unwrap();
}
