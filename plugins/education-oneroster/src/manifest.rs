//! manifest.csv: the version, and for each file whether it is there and whether it holds all or what changed.

use std::collections::BTreeMap;
use std::io::Read;

use lienthong_sdk::Failure;
use lienthong_sdk::tables::{Column, Format, Rows};

/// The file's name.
pub(crate) const FILE: &str = "manifest.csv";

const COLUMNS: &[Column] = &[&["propertyName"], &["value"]];

/// A manifest has some thirty properties.
const MAX_PROPERTIES: usize = 1_000;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All there is.
    Bulk,
    /// What changed since the last exchange.
    Delta,
    /// Nobody says: there is no manifest.
    Unstated,
}

/// The versions that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V1_0,
    V1_1,
    V1_2,
}

/// A manifest.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) version: Version,
    properties: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads it whole.
    pub(crate) fn read(content: impl Read) -> Result<Self, Failure> {
        let mut rows = Rows::open(FILE, content, Format::default())?;
        rows.require(COLUMNS, &["propertyName", "value"])?;
        let places = rows.places(COLUMNS);
        let mut properties = BTreeMap::new();
        while let Some(row) = rows.next(&places)? {
            let in_manifest = |reason: String| refused(&reason);
            let name = row.text(0, "propertyName").map_err(in_manifest)?;
            let value = row.text(1, "value").map_err(in_manifest)?.to_owned();
            // Some publishers copy the asterisks of the standard's table.
            let name = name.trim_end_matches('*').to_ascii_lowercase();
            if properties.get(&name).is_some_and(|known| *known != value) {
                return Err(refused(&format!("it has two values for {}", shown(&name))));
            }
            properties.insert(name, value);
            if properties.len() > MAX_PROPERTIES {
                return Err(refused(&format!("it has more than {MAX_PROPERTIES} properties")));
            }
        }
        let stated = properties.get("oneroster.version").filter(|stated| !stated.is_empty());
        let stated = stated.ok_or_else(|| refused("it does not say oneroster.version"))?;
        let is = |version: &str| stated.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let version = match () {
            () if is("1.0") => Version::V1_0,
            () if is("1.1") => Version::V1_1,
            () if is("1.2") => Version::V1_2,
            () => return Err(refused(&format!("oneroster.version is {}: 1.1 and 1.2 are read", shown(stated)))),
        };
        Ok(Self { version, properties })
    }

    /// What the manifest says of a file: none where it is to be absent.
    pub(crate) fn mode(&self, file: &str, is_there: bool) -> Result<Option<Mode>, Failure> {
        let property = format!("file.{}", file.strip_suffix(".csv").unwrap_or(file));
        match self.properties.get(&property.to_ascii_lowercase()).map(|stated| stated.to_ascii_lowercase()).as_deref() {
            Some("bulk") => Ok(Some(Mode::Bulk)),
            Some("delta") => Ok(Some(Mode::Delta)),
            Some("absent") => Ok(None),
            None | Some("") if !is_there => Ok(None),
            None | Some("") => Err(refused(&format!("{file} is there, but {property} does not say whether it is bulk or delta"))),
            Some(other) => Err(refused(&format!("{property} is {}, which is none of absent, bulk, delta", shown(other)))),
        }
    }

    /// What the sending system is called.
    pub(crate) fn source_system(&self) -> Option<&str> {
        let property =
            |name| self.properties.get(name).map(String::as_str).filter(|value| !value.is_empty() && value.chars().count() <= 256);
        property("source.systemname").or_else(|| property("source.systemcode"))
    }
}

fn refused(why: &str) -> Failure {
    Failure::InvalidInput(format!("{FILE}: {why}"))
}

/// A value of the manifest, short enough for a message.
fn shown(value: &str) -> String {
    format!("`{}`", value.chars().take(40).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Result<Manifest, String> {
        Manifest::read(format!("propertyName,value\n{lines}").as_bytes()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_manifest_says_version_and_files() {
        let manifest =
            read("Oneroster.Version,1.2.1\nfile.roles*,Bulk\nfile.users,delta\nfile.orgs,absent\nsource.systemCode,QLTH\n").unwrap();
        assert_eq!((manifest.version, manifest.source_system()), (Version::V1_2, Some("QLTH")));
        assert_eq!(manifest.mode("roles.csv", true), Ok(Some(Mode::Bulk)));
        assert_eq!(manifest.mode("users.csv", false), Ok(Some(Mode::Delta)));
        assert_eq!(manifest.mode("orgs.csv", true), Ok(None));
        assert_eq!(manifest.mode("classes.csv", false), Ok(None));
        assert!(manifest.mode("classes.csv", true).is_err());
    }

    #[test]
    fn what_a_manifest_gets_wrong_is_named() {
        for (lines, expected) in [
            ("manifest.version,1.0\n", "does not say oneroster.version"),
            ("oneroster.version,2.0\n", "oneroster.version is `2.0`: 1.1 and 1.2 are read"),
            ("oneroster.version,1.10\n", "1.1 and 1.2 are read"),
            ("oneroster.version,1.1\nfile.orgs,bulk\nfile.orgs,delta\n", "two values for `file.orgs`"),
        ] {
            let why = read(lines).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
        let manifest = read("oneroster.version,1.1\nfile.orgs,all\n").unwrap();
        assert!(manifest.mode("orgs.csv", true).unwrap_err().to_string().contains("file.orgs is `all`, which is none of"));
        assert!(Manifest::read(&b"name,value\n"[..]).unwrap_err().to_string().contains("manifest.csv lacks the column propertyName"));
    }
}
