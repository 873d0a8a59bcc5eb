//! Names that are safe in a path, a URL and an SQL identifier, because nothing else can be written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no {what}: {rule}")]
pub struct InvalidId {
    /// The kind of id that was expected.
    pub what: &'static str,
    /// The text, cut to 80 characters, control characters escaped.
    pub given: String,
    /// What is allowed.
    pub rule: &'static str,
}

impl InvalidId {
    fn new(what: &'static str, given: &str, rule: &'static str) -> Self {
        let given = given.chars().take(80).flat_map(char::escape_default).collect();
        Self { what, given, rule }
    }
}

const SEGMENT_RULE: &str = "use 1 to 63 lower-case letters, digits and single hyphens, a letter first";
const PATH_RULE: &str = "write it as domain/name, each of 1 to 63 lower-case letters, digits and single hyphens, a letter first";

fn is_segment(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes[bytes.len() - 1] != b'-'
        && !text.contains("--")
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:expr, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks and takes a text.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                if ($valid)(text) { Ok(Self(text.into())) } else { Err(InvalidId::new($what, text, $rule)) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

fn is_path(text: &str) -> bool {
    text.split_once('/').is_some_and(|(domain, name)| is_segment(domain) && is_segment(name))
}

id!(
    /// An agency of the city, for example `health-department`.
    AgencyId, "agency id", SEGMENT_RULE, is_segment
);
id!(
    /// A plugin's name, `domain-format`, for example `transport-gtfs`.
    PluginName, "plugin name", SEGMENT_RULE, is_segment
);
id!(
    /// A port that a plugin emits to, for example `readings`.
    Port, "port", SEGMENT_RULE, is_segment
);
id!(
    /// A channel, `domain/name`, for example `environment/observations`.
    ChannelId, "channel id", PATH_RULE, is_path
);
id!(
    /// A connector, `domain/name`, for example `environment/air-stations`.
    ConnectorId, "connector id", PATH_RULE, is_path
);

id!(
    /// A route, `domain/name`, for example `environment/aqi`.
    RouteId, "route id", PATH_RULE, is_path
);

impl RouteId {
    /// The name under which its records, rejections and calls are kept: routes and connectors have their names from one pool, so
    /// whoever wrote a record is told by one word.
    pub fn as_connector(&self) -> ConnectorId {
        ConnectorId(self.0.clone())
    }
}

macro_rules! path_parts {
    ($name:ident) => {
        impl $name {
            /// The part before the slash.
            pub fn domain(&self) -> &str {
                self.0.split_once('/').map_or("", |(domain, _)| domain)
            }

            /// The part after the slash.
            pub fn name(&self) -> &str {
                self.0.split_once('/').map_or("", |(_, name)| name)
            }
        }
    };
}
path_parts!(ChannelId);
path_parts!(ConnectorId);

/// A schema and its version, `domain/name.vN`, for example `transport/stops.v1`. N starts at 1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaId {
    name: Box<str>,
    version: u32,
}

impl SchemaId {
    const RULE: &'static str = "write it as domain/name.vN, for example transport/stops.v1";

    /// Checks and takes `domain/name.vN`.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::new("schema id", text, Self::RULE);
        let (name, version) = text.rsplit_once(".v").ok_or_else(invalid)?;
        let canonical = !version.starts_with('0') && version.bytes().all(|b| b.is_ascii_digit());
        let version = version.parse::<u32>().ok().filter(|v| canonical && *v >= 1).ok_or_else(invalid)?;
        if is_path(name) { Ok(Self { name: name.into(), version }) } else { Err(invalid()) }
    }

    /// `domain/name`, without the version.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, from 1.
    pub fn version(&self) -> u32 {
        self.version
    }
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.v{}", self.name, self.version)
    }
}

impl fmt::Debug for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl FromStr for SchemaId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl Serialize for SchemaId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SchemaId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_hold_only_what_is_safe_everywhere() {
        for good in ["transport/stops", "a/b", "e-gov/dossier-steps", "x1/y2"] {
            assert_eq!(ChannelId::new(good).unwrap().as_str(), good);
        }
        let long = format!("a/{}", "b".repeat(64));
        for bad in [
            "",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "A/b",
            "a/../b",
            "a/b%2e",
            "a/b\0",
            "a/b\r\n",
            "a/\u{202e}b",
            "-a/b",
            "a-/b",
            "a--b/c",
            "1/b",
            long.as_str(),
        ] {
            assert!(ChannelId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn schema_ids_carry_a_version_in_one_spelling() {
        let id = SchemaId::new("transport/stop-times.v12").unwrap();
        assert_eq!((id.name(), id.version(), id.to_string().as_str()), ("transport/stop-times", 12, "transport/stop-times.v12"));
        for bad in ["transport/stops", "transport/stops.v0", "transport/stops.v01", "transport/stops.v", "transport/stops.v+1", "stops.v1"]
        {
            assert!(SchemaId::new(bad).is_err(), "{bad:?}");
        }
    }
}
