//! A fixture: a folder with what a call is given, and what is to come of it.
//!
//! | file | of | what it is |
//! |---|---|---|
//! | `message.*` | a receiver | the message's bytes |
//! | `cursor` | a source | where it resumes; without the file it begins |
//! | `groups.ndjson` | a transform | a group a line: `{"key", "state", "records"}` |
//! | `records.ndjson` | a sink | what it delivers |
//! | `case.toml` | all | `interface`, `now`, and what of the input is no bytes; every key may be missing |
//! | `settings.json` | all | the connector's settings; `{}` without the file |
//! | `http.jsonl` | all | what the world answers, an [`Exchange`] a line |
//! | `expect.ndjson` | all | what is to come of it, as [`super::line`] writes it |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use lienthong_core::manifest::{Interface, Manifest};
use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pipeline::intake::lines;
use crate::wasm::{Exchange, Keyed, Octets, Replay};

/// When nothing else is said, calls happen at this moment: 2026-01-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
/// Records that a source is asked for, as the hub does.
const MAX_RECORDS: u32 = 10_000;

const EXPECTED: &str = "expect.ndjson";

/// One call, and what is to come of it.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// Its folder's name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// When the call happens.
    pub now: Timestamp,
    /// The connector's settings.
    pub settings: Value,
    /// What the call is given.
    pub input: Input,
    /// What the world answers.
    pub exchanges: Vec<Exchange>,
    /// What is to come of it; nothing is known yet without the file.
    pub expected: Option<Vec<Value>>,
}

/// What a call is given.
#[derive(Debug, Clone)]
pub enum Input {
    /// For a receiver.
    Message {
        /// The bytes.
        body: Vec<u8>,
        /// The file's name.
        name: Option<String>,
        /// The media type that the sender declared.
        content_type: Option<String>,
    },
    /// For a source.
    Poll {
        /// The cursor.
        since: Option<Vec<u8>>,
        /// About so many records are wanted.
        max_records: u32,
    },
    /// For a transform.
    Groups(Vec<Keyed>),
    /// For a sink.
    Batch {
        /// Where the records are from.
        channel: String,
        /// One a record.
        ids: Vec<String>,
        /// One a line.
        records: Vec<u8>,
        /// The idempotency key.
        key: String,
    },
}

/// `case.toml`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    interface: Option<Interface>,
    now: Option<Timestamp>,
    name: Option<String>,
    content_type: Option<String>,
    max_records: Option<u32>,
    channel: Option<String>,
    key: Option<String>,
}

/// A line of `groups.ndjson`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<Octets>,
    #[serde(default)]
    records: Vec<Value>,
}

/// Every fixture below a folder, in the order of their names.
///
/// # Errors
/// The file that cannot be used, and why; a folder without any fixture.
pub fn read_all(folder: &Path, manifest: &Manifest) -> anyhow::Result<Vec<Fixture>> {
    let entries = fs::read_dir(folder).with_context(|| format!("the fixtures {}", folder.display()))?;
    let mut folders = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    if folders.is_empty() {
        bail!("{} holds no fixture: make a folder in it with what a call is given, for example first/message.txt", folder.display());
    }
    folders.iter().map(|folder| Fixture::read(folder, manifest)).collect()
}

impl Fixture {
    /// A call at the usual moment, without settings, in a world that answers nothing.
    pub fn new(name: &str, input: Input) -> Self {
        let settings = Value::Object(serde_json::Map::new());
        Self { name: name.into(), folder: PathBuf::new(), now: NOW, settings, input, exchanges: Vec::new(), expected: None }
    }

    /// Reads one folder.
    ///
    /// # Errors
    /// The file that cannot be used, and why.
    pub fn read(folder: &Path, manifest: &Manifest) -> anyhow::Result<Self> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let case: Case = match optional(&folder.join("case.toml"))? {
            Some(bytes) => toml::from_str(&String::from_utf8_lossy(&bytes)).with_context(|| format!("{name}/case.toml"))?,
            None => Case::default(),
        };
        let message = message(folder)?;
        let settings = match optional(&folder.join("settings.json"))? {
            Some(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{name}/settings.json"))?,
            None => Value::Object(serde_json::Map::new()),
        };
        let interface = match case.interface {
            Some(interface) => interface,
            None => interface(folder, message.is_some(), manifest),
        };
        if !manifest.exports(interface) {
            bail!("{name} is for a {}, which the plugin is not: mend `interface` in its case.toml", interface.as_str());
        }
        let now = case.now.unwrap_or(NOW);
        let input = match interface {
            Interface::Receiver => {
                let body = message.with_context(|| format!("{name} has no `message.*`: put the message's bytes there"))?;
                Input::Message { body: fs::read(&body)?, name: case.name, content_type: case.content_type }
            }
            Interface::Source => {
                Input::Poll { since: optional(&folder.join("cursor"))?, max_records: case.max_records.unwrap_or(MAX_RECORDS) }
            }
            Interface::Transform => {
                let groups: Vec<Group> = json_lines(&folder.join("groups.ndjson"))?.unwrap_or_default();
                Input::Groups(groups.into_iter().map(Keyed::from).collect())
            }
            Interface::Sink => {
                let records = optional(&folder.join("records.ndjson"))?.unwrap_or_default();
                let channel = case.channel.unwrap_or_else(|| "rehearsal/records".into());
                Input::batch(channel, records, case.key.unwrap_or_else(|| format!("{name}-1")))
            }
        };
        let exchanges = json_lines(&folder.join("http.jsonl"))?.unwrap_or_default();
        let expected = json_lines(&folder.join(EXPECTED))?;
        Ok(Self { name, folder: folder.to_owned(), now, settings, input, exchanges, expected })
    }

    /// The world that it describes.
    pub fn replay(&self) -> Replay {
        Replay::new(self.now, self.exchanges.clone())
    }

    /// Writes what came of it as what is to come of it.
    ///
    /// # Errors
    /// The file that cannot be written.
    pub fn expect(&self, lines: &[Value]) -> io::Result<()> {
        write(&self.folder.join(EXPECTED), &ndjson(lines))
    }

    /// Writes all of it to its folder, which is made.
    ///
    /// # Errors
    /// A folder that is there already; the file that cannot be written.
    pub fn write(&self) -> io::Result<()> {
        if let Some(above) = self.folder.parent() {
            fs::create_dir_all(above)?;
        }
        fs::create_dir(&self.folder)?;
        let put = |name: &str, bytes: &[u8]| write(&self.folder.join(name), bytes);
        let mut case = format!("now = \"{}\"\n", self.now);
        let mut say = |key: &str, text: &str| case.push_str(&format!("{key} = {}\n", Value::from(text)));
        match &self.input {
            Input::Message { body, name, content_type } => {
                say("interface", "receiver");
                name.iter().for_each(|name| say("name", name));
                content_type.iter().for_each(|media_type| say("content_type", media_type));
                let extension = name.as_deref().and_then(|name| Path::new(name).extension()?.to_str()).unwrap_or("bin");
                put(&format!("message.{extension}"), body)?;
            }
            Input::Poll { since, max_records } => {
                say("interface", "source");
                case.push_str(&format!("max_records = {max_records}\n"));
                since.iter().try_for_each(|cursor| put("cursor", cursor))?;
            }
            Input::Groups(groups) => {
                say("interface", "transform");
                put("groups.ndjson", &ndjson(&groups.iter().map(Group::from).collect::<Vec<_>>()))?;
            }
            Input::Batch { channel, records, key, .. } => {
                say("interface", "sink");
                say("channel", channel);
                say("key", key);
                put("records.ndjson", records)?;
            }
        }
        put("case.toml", case.as_bytes())?;
        put("settings.json", format!("{:#}\n", self.settings).as_bytes())?;
        if !self.exchanges.is_empty() {
            put("http.jsonl", &ndjson(&self.exchanges))?;
        }
        self.expected.iter().try_for_each(|lines| put(EXPECTED, &ndjson(lines)))
    }
}

impl Input {
    /// Which interface it is for.
    pub const fn interface(&self) -> Interface {
        match self {
            Self::Message { .. } => Interface::Receiver,
            Self::Poll { .. } => Interface::Source,
            Self::Groups(_) => Interface::Transform,
            Self::Batch { .. } => Interface::Sink,
        }
    }

    /// Records for a sink, with the ids that the log would give them.
    pub fn batch(channel: String, records: Vec<u8>, key: String) -> Self {
        let ids = lines(&records).enumerate().map(|(place, _)| format!("{channel}:1:{place}")).collect();
        Self::Batch { channel, ids, records, key }
    }
}

impl From<Group> for Keyed {
    fn from(group: Group) -> Self {
        Self { key: group.key, state: group.state.map(|state| state.0), records: ndjson(&group.records) }
    }
}

impl From<&Keyed> for Group {
    fn from(group: &Keyed) -> Self {
        let records = lines(&group.records).filter_map(|line| serde_json::from_slice(line).ok()).collect();
        Self { key: group.key.clone(), state: group.state.clone().map(Octets), records }
    }
}

/// The one that its files are for, of those that the plugin has.
fn interface(folder: &Path, message: bool, manifest: &Manifest) -> Interface {
    match manifest.plugin.interfaces[..] {
        [only] => only,
        _ if message => Interface::Receiver,
        _ if folder.join("groups.ndjson").is_file() => Interface::Transform,
        _ if folder.join("records.ndjson").is_file() => Interface::Sink,
        _ => Interface::Source,
    }
}

fn message(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut found = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    found.retain(|path| path.file_stem().is_some_and(|stem| stem == "message"));
    match &found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ => bail!("{} has several files `message.*`: a call is given one", folder.display()),
    }
}

fn optional(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// The file's lines as JSON; an error names the line.
fn json_lines<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<Option<Vec<T>>> {
    let Some(bytes) = optional(path)? else { return Ok(None) };
    let written = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    written
        .map(|(place, line)| serde_json::from_slice(line).with_context(|| format!("{} line {}", path.display(), place + 1)))
        .collect::<anyhow::Result<_>>()
        .map(Some)
}

fn ndjson<T: Serialize>(lines: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        // What is written here are names, numbers and texts: all of it is JSON.
        bytes.extend(serde_json::to_vec(line).unwrap_or_default());
        bytes.push(b'\n');
    }
    bytes
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(interfaces: &str) -> Manifest {
        let about = "name = \"a-b\"\nversion = \"1.0.0\"\nvendor = \"v\"\nlicense = \"ISC\"\ndescription = \"d\"";
        Manifest::parse(&format!("[plugin]\n{about}\ninterfaces = {interfaces}\n[ports.a]\nschema = \"x/y.v1\"\n")).unwrap()
    }

    #[test]
    fn a_fixture_of_each_interface_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = manifest("[\"source\", \"receiver\", \"transform\", \"sink\"]");
        let message = Input::Message { body: vec![0xff, 1], name: Some("a \"b\".txt".into()), content_type: None };
        let groups = Keyed { key: "k".into(), state: Some(vec![0xfe]), records: b"{\"a\":1}\n".to_vec() };
        let exchange = Exchange { method: "GET".into(), url: "https://a.vn/".into(), status: 200, ..Exchange::default() };
        let inputs = [
            message,
            Input::Poll { since: Some(b"7".to_vec()), max_records: 3 },
            Input::Groups(vec![groups]),
            Input::batch("a/b".into(), b"{\"a\":1}\n{\"a\":2}\n".to_vec(), "key".into()),
        ];
        for (place, input) in inputs.into_iter().enumerate() {
            let mut fixture = Fixture::new("one", input);
            fixture.folder = folder.path().join(place.to_string()).join("one");
            fixture.settings = serde_json::json!({ "station": "KK01" });
            fixture.exchanges = vec![exchange.clone()];
            fixture.expected = Some(vec![serde_json::json!({ "reply": "x" })]);
            fixture.write().unwrap();
            assert_eq!(fixture.write().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            let read = read_all(fixture.folder.parent().unwrap(), &manifest).unwrap();
            assert_eq!(format!("{:?}", read[0]), format!("{fixture:?}"));
        }
    }

    #[test]
    fn what_is_wrong_with_a_fixture_is_named_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = manifest("[\"receiver\"]");
        let error = || format!("{:#}", read_all(folder.path(), &manifest).unwrap_err());
        assert!(error().contains("holds no fixture: make a folder in it"), "{}", error());
        let one = folder.path().join("one");
        fs::create_dir(&one).unwrap();
        assert!(error().contains("one has no `message.*`"), "{}", error());
        fs::write(one.join("message.txt"), "x").unwrap();
        fs::write(one.join("http.jsonl"), "\n{\"method\":\"GET\"}\n").unwrap();
        assert!(error().contains("http.jsonl line 2: missing field `url`"), "{}", error());
        fs::remove_file(one.join("http.jsonl")).unwrap();
        fs::write(one.join("case.toml"), "interface = \"sink\"\n").unwrap();
        assert!(error().contains("one is for a sink, which the plugin is not"), "{}", error());
        fs::write(one.join("case.toml"), "nwo = 3\n").unwrap();
        assert!(error().contains("unknown field `nwo`"), "{}", error());
        fs::write(one.join("case.toml"), "").unwrap();
        fs::write(one.join("message.bin"), "x").unwrap();
        assert!(error().contains("several files `message.*`"), "{}", error());
    }
}
