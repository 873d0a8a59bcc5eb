//! The program `lienthong` and the compiled plugins: found, not built.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// The program: named by LIENTHONG_BIN, else the one built into the same target folder as this executable.
pub fn lienthong() -> PathBuf {
    if let Some(named) = std::env::var_os("LIENTHONG_BIN") {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "LIENTHONG_BIN names {}, which is no file", named.display());
        return named;
    }
    let own = std::env::current_exe().unwrap_or_else(|error| panic!("this executable does not know its own place: {error}"));
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join("lienthong")).find(|program| program.is_file());
    found.unwrap_or_else(|| {
        panic!("the hub's program is not beside {}: run `cargo build --workspace` first, or name it in LIENTHONG_BIN", own.display())
    })
}

/// Another file that is built beside the hub's program.
pub fn beside(name: &str) -> PathBuf {
    let file = lienthong().with_file_name(name);
    assert!(file.is_file(), "{} is missing: run `cargo build --workspace` first", file.display());
    file
}

/// The folder of compiled plugins, named by LIENTHONG_PLUGINS.
pub fn plugins() -> PathBuf {
    let Some(folder) = std::env::var_os("LIENTHONG_PLUGINS") else {
        panic!("LIENTHONG_PLUGINS is not set: it names the folder with the compiled plugins; `make test` builds them and sets it");
    };
    let folder = PathBuf::from(folder);
    for name in ["environment-tt10.wasm", "transport-gtfs.wasm"] {
        let path = folder.join(name);
        assert!(path.is_file(), "LIENTHONG_PLUGINS has no {name} ({} is missing): `make test` builds it", path.display());
    }
    folder
}

/// Where trials that use slow plugins keep their machine code, beside the compiled plugins: one in JavaScript or Python takes the hub a
/// minute of processor time.
pub fn machine_code() -> PathBuf {
    let folder = plugins().with_file_name("machine-code");
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

/// Waits until nobody else compiles plugins into [`machine_code`], and keeps others out until it is dropped.
pub fn lock_machine_code() -> std::fs::File {
    let path = machine_code().join(".lock");
    let file = std::fs::File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.lock().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file
}

/// Lets a hub with this data folder, which is made, take its machine code from [`machine_code`] and keep it there.
pub fn keep_machine_code(data: &Path) {
    let cache = data.join("cache");
    std::fs::create_dir_all(&cache)
        .and_then(|()| std::os::unix::fs::symlink(machine_code(), cache.join("plugins")))
        .unwrap_or_else(|error| panic!("{}: {error}", cache.display()));
}

/// Runs one command of the program to its end.
pub async fn run(arguments: &[&str]) -> Said {
    let mut command = Command::new(lienthong());
    command.args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap_or_else(|error| panic!("lienthong {arguments:?} can not be started: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_else(|error| panic!("lienthong {arguments:?} wrote no UTF-8: {error}"));
    Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A path as an argument.
pub fn argument(path: &Path) -> &str {
    path.to_str().unwrap_or_else(|| panic!("{} is no UTF-8", path.display()))
}
