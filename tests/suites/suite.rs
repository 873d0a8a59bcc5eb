//! Public test suites, fetched into a cache. Compiled into each crate that holds itself against one.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of a suite that `tests/suites/fetch` knows; none where it cannot be had, which the test must say by skipping: plainly, and
/// never where `CI` is set.
pub(crate) fn suite(name: &str) -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let script = above.map(|folder| folder.join("tests/suites/fetch")).find(|script| script.is_file()).expect("a part of the sources");
    let output = Command::new(script).arg(name).output().unwrap();
    if output.status.success() {
        return Some(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end()));
    }
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(std::env::var_os("CI").is_none(), "the suite `{name}` could not be fetched: {why}");
    eprintln!("SKIPPED: the public suite `{name}` could not be fetched, so nothing was held against it: {why}");
    None
}
