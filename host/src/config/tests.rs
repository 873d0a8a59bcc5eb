//! The rendered reports are what people see, so they are the tests: each bad city has its snapshot. A city is written
//! as one text, `--- name` before each file, and really lies in a folder.

mod cities;
mod published;

use std::collections::BTreeMap;
use std::path::Path;

use lienthong_core::id::PluginName;
use lienthong_core::manifest::Manifest;
use lienthong_core::time::Timestamp;

use super::{Lang, Loaded, Report, load_at, render};

/// Noon of a day on which the cities below are looked at.
fn now() -> Timestamp {
    Timestamp::parse("2026-11-20T12:00:00+07:00").unwrap()
}

const STATION: &str = r#"
[plugin]
name = "station-text"
version = "1.0.0"
vendor = "Test"
license = "Apache-2.0"
description = "Stations' text files."
interfaces = ["receiver"]
[ports.readings]
schema = "air/readings.v1"
[settings]
type = "object"
additionalProperties = false
required = ["province"]
[settings.properties.province]
type = "string"
pattern = "^[A-Z]"
[settings.properties.separator]
enum = ["tab", "semicolon"]
[settings.properties.offset]
type = "integer"
minimum = 0
"#;

const FEED: &str = r#"
[plugin]
name = "bus-feed"
version = "1.0.0"
vendor = "Test"
license = "Apache-2.0"
description = "Timetables."
interfaces = ["source"]
[ports.stops]
schema = "bus/stops.v1"
[ports.trips]
schema = "bus/trips.v1"
[settings]
type = "object"
[egress]
http = true
reason = "fetches the feed"
"#;

const INDEX: &str = r#"
[plugin]
name = "air-index"
version = "1.0.0"
vendor = "Test"
license = "Apache-2.0"
description = "An index of readings."
interfaces = ["transform"]
[ports.index]
schema = "air/readings.v1"
"#;

const SPLIT: &str = r#"
[plugin]
name = "air-split"
version = "1.0.0"
vendor = "Test"
license = "Apache-2.0"
description = "Good and bad readings apart."
interfaces = ["transform"]
[ports.bad]
schema = "air/readings.v1"
[ports.good]
schema = "air/readings.v1"
"#;

const BOARD: &str = r#"
[plugin]
name = "board-http"
version = "1.0.0"
vendor = "Test"
license = "Apache-2.0"
description = "Delivers to a board."
interfaces = ["sink"]
[settings]
type = "object"
[egress]
http = true
reason = "delivers"
"#;

/// Imports HTTP without saying so.
const SLY: &str = r#"
[plugin]
name = "sly"
version = "1.0.0"
vendor = "Test"
license = "Apache-2.0"
description = "Says nothing of HTTP."
interfaces = ["receiver"]
[ports.readings]
schema = "air/readings.v1"
[settings]
type = "object"
[settings.properties.x]
pattern = "("
"#;

fn catalogue() -> BTreeMap<PluginName, (Manifest, bool)> {
    [(STATION, false), (FEED, true), (INDEX, false), (SPLIT, false), (BOARD, true), (SLY, true)]
        .into_iter()
        .map(|(text, http)| {
            let manifest = Manifest::parse(text).unwrap();
            (manifest.plugin.name.clone(), (manifest, http))
        })
        .collect()
}

/// What every city below has beside its own files, unless it writes them itself.
const CITY: &str = "title: Bảo Lộc\nagencies:\n  air-office: { title: Phòng Môi trường }\n  health: { title: Phòng Y tế }\n";
const READINGS: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "station": { "type": "string" },
    "observed_at": { "type": "string", "format": "date-time" },
    "value": { "type": "number" }
  },
  "required": ["station"],
  "additionalProperties": false
}
"#;
const STOPS: &str = r#"{ "type": "object", "properties": { "stop_id": { "type": "string" } }, "additionalProperties": false }"#;

/// Writes a city's files into a folder.
fn write(dir: &Path, files: &str) {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, text) in [("city.yaml", CITY), ("schemas/air/readings.v1.json", READINGS), ("schemas/bus/stops.v1.json", STOPS)] {
        all.insert(name.into(), text.into());
    }
    for part in files.split("--- ").skip(1) {
        let (name, text) = part.split_once('\n').unwrap_or((part, ""));
        all.insert(name.to_owned(), text.to_owned());
    }
    for (name, text) in all {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A file written as nothing is one the city lacks.
        if text != "(absent)\n" {
            std::fs::write(path, text).unwrap();
        }
    }
}

fn load(files: &str) -> Result<Loaded, Report> {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    load_at(dir.path(), &catalogue(), now())
}

/// The rendered findings, whether they let the city run or not.
fn report(files: &str, lang: Lang) -> String {
    match load(files) {
        Ok(loaded) if loaded.warnings.is_empty() => "nothing found\n".into(),
        Ok(loaded) => format!("the city may run\n\n{}", render(&loaded.warnings, lang)),
        Err(report) => report.render(lang),
    }
}
