//! What a Delta table holds, read from its log as any engine would, without an engine.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

/// A table as its last version has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Rows of all files that are part of it.
    pub rows: u64,
    /// Files that are part of it.
    pub files: u64,
    /// Their paths below the table's folder.
    pub paths: Vec<String>,
    /// The last version each writing application committed.
    pub transactions: BTreeMap<String, i64>,
}

#[derive(Deserialize)]
struct Action {
    add: Option<Add>,
    remove: Option<Remove>,
    txn: Option<Txn>,
}

#[derive(Deserialize)]
struct Add {
    path: String,
    stats: Option<String>,
}

#[derive(Deserialize)]
struct Remove {
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Txn {
    app_id: String,
    version: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    num_records: u64,
}

/// Reads a table's log from its first version: files added less files removed. A folder without a log is an empty table.
///
/// # Errors
/// When the log can not be read, versions are missing, or a file's rows were not counted.
pub fn read(table: &Path) -> anyhow::Result<Table> {
    let folder = table.join("_delta_log");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Table::default()),
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    };
    let mut versions = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(digits) = name.strip_suffix(".json")
            && digits.len() == 20
            && let Ok(version) = digits.parse::<u64>()
        {
            versions.push((version, folder.join(name)));
        }
    }
    versions.sort();
    let mut files = BTreeMap::new();
    let mut transactions = BTreeMap::new();
    for (expected, (version, path)) in versions.iter().enumerate() {
        anyhow::ensure!(*version == expected as u64, "{} has no version {expected}", folder.display());
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let action: Action = serde_json::from_str(line).with_context(|| path.display().to_string())?;
            if let Some(Add { path: file, stats }) = action.add {
                let stats = stats.with_context(|| format!("{} adds {file} without statistics", path.display()))?;
                let stats: Stats =
                    serde_json::from_str(&stats).with_context(|| format!("the statistics of {file} in {}", path.display()))?;
                files.insert(file, stats.num_records);
            }
            if let Some(Remove { path: file }) = action.remove {
                files.remove(&file);
            }
            if let Some(Txn { app_id, version }) = action.txn {
                transactions.insert(app_id, version);
            }
        }
    }
    Ok(Table { rows: files.values().sum(), files: files.len() as u64, paths: files.into_keys().collect(), transactions })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(versions: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("_delta_log");
        std::fs::create_dir(&log).unwrap();
        for (version, text) in versions.iter().enumerate() {
            std::fs::write(log.join(format!("{version:020}.json")), text).unwrap();
        }
        // What else stands in a log: checkpoints, a hint, unfinished files.
        std::fs::write(log.join("_last_checkpoint"), "{}").unwrap();
        std::fs::write(log.join("00000000000000000001.checkpoint.parquet"), "").unwrap();
        std::fs::write(log.join(".tmp-1.json"), "{").unwrap();
        folder
    }

    #[test]
    fn rows_are_those_of_the_files_that_remain() {
        let folder = table(&[
            "{\"protocol\":{\"minReaderVersion\":1}}\n{\"metaData\":{\"id\":\"x\"}}\n",
            "{\"add\":{\"path\":\"_date=2026-11-23/a.parquet\",\"stats\":\"{\\\"numRecords\\\":10}\"}}\n{\"txn\":{\"appId\":\"c:1\",\"version\":9}}\n",
            "{\"add\":{\"path\":\"b.parquet\",\"stats\":\"{\\\"numRecords\\\":5}\"}}\n{\"txn\":{\"appId\":\"c:1\",\"version\":14}}\n",
            "{\"remove\":{\"path\":\"_date=2026-11-23/a.parquet\"}}\n{\"remove\":{\"path\":\"b.parquet\"}}\n{\"add\":{\"path\":\"ab.parquet\",\"stats\":\"{\\\"numRecords\\\":15}\"}}\n",
        ]);
        let expected =
            Table { rows: 15, files: 1, paths: vec!["ab.parquet".to_owned()], transactions: BTreeMap::from([("c:1".to_owned(), 14)]) };
        assert_eq!(read(folder.path()).unwrap(), expected);
    }

    #[test]
    fn no_log_is_no_rows_and_a_hole_is_an_error() {
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(read(empty.path()).unwrap(), Table::default());
        let folder = table(&["{}", "{}", "{}"]);
        std::fs::remove_file(folder.path().join("_delta_log/00000000000000000001.json")).unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().ends_with("has no version 1"));
    }
}
