//! What lies in a lake table, without asking the hub.

use std::path::Path;
use std::process::Stdio;

use lienthong_examples::demo::delta_log::{self, Table};
use serde_json::Value;
use tokio::process::Command;

/// Reads the Delta log of a channel's table.
pub fn table(data: &Path, channel: &str) -> Table {
    delta_log::read(&data.join("lake").join(channel)).unwrap_or_else(|error| panic!("the table of {channel}: {error:#}"))
}

/// Asks DuckDB and delta-rs, with the Python named by LIENTHONG_LAKE_PYTHON; none where the variable is not set.
/// Fails where the engines disagree or an offset occurs twice.
pub async fn other_engines(data: &Path, channel: &str, sum_column: &str) -> Option<Value> {
    let python = std::env::var_os("LIENTHONG_LAKE_PYTHON")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("lake_check.py");
    let mut command = Command::new(&python);
    command.arg(script).arg(data.join("lake").join(channel)).arg(sum_column).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap_or_else(|error| panic!("{}: {error}", python.display()));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the engines do not agree on {channel}:\n{stdout}{stderr}");
    Some(serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}")))
}
