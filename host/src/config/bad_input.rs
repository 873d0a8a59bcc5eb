//! Any files as a city: what must hold of them, for fuzzing and for the inputs that it found.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use lienthong_core::id::PluginName;
use lienthong_core::manifest::Manifest;
use lienthong_core::time::Timestamp;

use super::{Finding, Lang, load_at, render};

/// A city written as one text, `--- name` before each of its files: it is a city, or it is told what is wrong with it.
pub fn city(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let folder = tempfile::tempdir().unwrap();
    for part in format!("\n{text}").split("\n--- ").skip(1).take(16) {
        let (name, text) = part.split_once('\n').unwrap_or((part, ""));
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || name.contains('\0') || name.len() > 100 {
            continue;
        }
        let path = folder.path().join(name);
        // A name may be a file's and a folder's; the first stands.
        let _ = path.parent().map(std::fs::create_dir_all);
        let _ = std::fs::write(path, text);
    }
    let findings = match load_at(folder.path(), &plugins(), Timestamp::from_micros(1_795_000_000_000_000)) {
        Ok(loaded) => {
            assert!(loaded.city.channels.keys().all(|channel| loaded.schemas.contains_key(&loaded.city.channels[channel].schema)));
            loaded.warnings
        }
        Err(report) => {
            assert!(report.errors() > 0, "refused, and not told why");
            report.findings
        }
    };
    findings.iter().for_each(told);
    for lang in [Lang::En, Lang::Vi] {
        // What a file holds cannot write to the terminal that shows it.
        let shown = render(&findings, lang);
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
}

fn told(finding: &Finding) {
    assert!(finding.line >= 1 && finding.column >= 1);
    assert!([Lang::En, Lang::Vi].into_iter().all(|lang| !finding.message(lang).is_empty()));
}

fn plugins() -> BTreeMap<PluginName, (Manifest, bool)> {
    const LINES: &str = r#"
[plugin]
name = "lines"
version = "1.0.0"
vendor = "Test"
license = "Apache-2.0"
description = "Reads lines."
interfaces = ["receiver", "source"]
[ports.values]
schema = "air/readings.v1"
[settings]
type = "object"
additionalProperties = false
[settings.properties.province]
type = "string"
pattern = "^[A-Z]"
[egress]
http = true
reason = "fetches lines"
"#;
    let manifest = Manifest::parse(LINES).unwrap();
    [(manifest.plugin.name.clone(), (manifest, true))].into()
}

#[cfg(test)]
#[path = "../../../tests/fuzz/kept.rs"]
mod kept;

#[cfg(test)]
mod tests {
    #[test]
    fn kept_files_are_a_city_or_told_what_is_wrong() {
        super::kept::kept("city", super::city);
    }
}
