//! What lies in a lake table, without asking the hub.

use std::path::Path;
use std::process::Stdio;

use lienthong_examples::demo::delta_log::{self, Table};
use serde_json::Value;
use tokio::process::Command;

use crate::city::City;
use crate::object_store;

/// Reads the Delta log of a channel's table.
pub fn table(data: &Path, channel: &str) -> Table {
    delta_log::read(&data.join("lake").join(channel)).unwrap_or_else(|error| panic!("the table of {channel}: {error:#}"))
}

/// Asks DuckDB and delta-rs. A table in an object store is always read so, with the tools of the trials; one in the data folder
/// with the Python named by LIENTHONG_LAKE_PYTHON, and none where the variable is not set.
/// Fails where the engines disagree or an offset occurs twice.
pub async fn other_engines(city: &City, channel: &str, sum_column: &str) -> Option<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("lake_check.py");
    let mut command = match city.bucket() {
        None => Command::new(std::env::var_os("LIENTHONG_LAKE_PYTHON")?),
        Some(bucket) => {
            let mut command = Command::new(object_store::tools().join("python3"));
            command.env("AWS_ACCESS_KEY_ID", object_store::KEY_ID).env("AWS_SECRET_ACCESS_KEY", object_store::SECRET);
            command.env("AWS_ENDPOINT_URL", format!("http://{}", bucket.store)).env("AWS_REGION", "us-east-1");
            command
        }
    };
    let table = match city.bucket() {
        None => city.data().join("lake").join(channel),
        Some(bucket) => format!("{}/{channel}", bucket.at).into(),
    };
    command.arg(script).arg(table).arg(sum_column).arg(format!("{channel}:1")).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap_or_else(|error| panic!("the engines can not be asked: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the engines do not agree on {channel}:\n{stdout}{stderr}");
    Some(serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}")))
}
