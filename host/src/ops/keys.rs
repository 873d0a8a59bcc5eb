//! API keys: `lt_<id>_<secret>_<crc>`. The secret is 43 base-62 digits from the system's random source (256 bits); the
//! store keeps only an HMAC-SHA-256 of the key under a pepper that lies in a file beside the database.

use std::io;
use std::path::Path;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use lienthong_core::id::{AgencyId, ChannelId};
use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::roster::Roster;
use crate::disk;
use crate::store::{self, KeyOwner, KeyRow, Store};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH: usize = 10;
const SECRET_LENGTH: usize = 43;

/// What keys the store's hashes. Mode 0600, made at the first start.
#[derive(Clone)]
pub struct Pepper(Arc<[u8; 32]>);

impl Pepper {
    /// Reads `<folder>/secrets/key-pepper`, or makes it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        disk::secret(folder, "key-pepper", "no key is valid").map(|pepper| Self(Arc::new(pepper)))
    }

    fn hash(&self, key: &str) -> [u8; 32] {
        #[allow(clippy::expect_used)]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0[..]).expect("HMAC takes keys of any length");
        mac.update(key.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// A set of channels: `*`, `transport/*` or one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelPattern(String);

impl ChannelPattern {
    /// Checks and takes a pattern.
    pub fn new(text: &str) -> Result<Self, String> {
        let domain = text.strip_suffix("/*");
        let valid =
            text == "*" || domain.is_some_and(|domain| ChannelId::new(&format!("{domain}/x")).is_ok()) || ChannelId::new(text).is_ok();
        if valid { Ok(Self(text.to_owned())) } else { Err(format!("`{text}` names no channels: write `*`, `domain/*` or `domain/name`")) }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `*`
    pub(super) fn holds_all(&self) -> bool {
        self.0 == "*"
    }

    pub(super) fn holds(&self, channel: &ChannelId) -> bool {
        self.0 == "*" || self.0 == channel.as_str() || self.0.strip_suffix("/*").is_some_and(|domain| domain == channel.domain())
    }
}

impl TryFrom<String> for ChannelPattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

impl From<ChannelPattern> for String {
    fn from(pattern: ChannelPattern) -> Self {
        pattern.0
    }
}

/// Who a valid key speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The key's public part.
    pub key_id: String,
    /// The hub's operators, or an agency.
    pub owner: KeyOwner,
    read: Vec<String>,
    write: Vec<String>,
}

impl Principal {
    /// The operator on the hub's own machine, who needs no key.
    pub fn local_operator() -> Self {
        Self { key_id: "local".into(), owner: KeyOwner::Operator, read: vec![], write: vec![] }
    }

    /// The agency, if it is one's key.
    pub fn agency(&self) -> Option<&AgencyId> {
        match &self.owner {
            KeyOwner::Agency(agency) => Some(agency),
            KeyOwner::Operator => None,
        }
    }

    /// Whether the key itself is bound to reading this channel; the city's grants decide besides.
    pub fn key_reads(&self, channel: &ChannelId) -> bool {
        bound_to(&self.read, channel)
    }

    /// Whether the key itself is bound to writing this channel; the city's grants decide besides.
    pub fn key_writes(&self, channel: &ChannelId) -> bool {
        bound_to(&self.write, channel)
    }
}

fn bound_to(patterns: &[String], channel: &ChannelId) -> bool {
    patterns.iter().any(|text| ChannelPattern::new(text).is_ok_and(|pattern| pattern.holds(channel)))
}

/// Why no one may enter with this key.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// It is no key, not one of ours, expired or revoked; which of these is not told.
    #[error("the key is not valid")]
    Invalid,
    /// The store did not answer, so the answer is no.
    #[error("keys cannot be checked now: {0}")]
    Unchecked(#[from] store::Error),
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// It could never open anything.
    #[error("{0}")]
    Refused(String),
    /// The system's random source.
    #[error("the system gives no random bytes: {0}")]
    Random(#[from] io::Error),
}

/// What a new key shall be.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// The agency it speaks for; none for an operator's key.
    #[schema(value_type = Option<String>)]
    pub agency: Option<AgencyId>,
    /// Channels it may read, of those the agency is granted. All of them unless given.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub read: Option<Vec<ChannelPattern>>,
    /// Channels it may write, of those the agency is granted. All of them unless given.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub write: Option<Vec<ChannelPattern>>,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// For the operator's eyes.
    #[serde(default)]
    pub note: String,
}

/// A key lasts so long at most, where it ends at all.
const LONGEST_US: i64 = 100 * 365 * 86_400_000_000;

impl NewKey {
    /// What is wrong with it in any city.
    ///
    /// # Errors
    /// An operator's key with channels; an end that is past, or a hundred years away.
    pub fn check(&self, now: Timestamp) -> Result<(), String> {
        if self.agency.is_none() && [&self.read, &self.write].into_iter().flatten().any(|patterns| !patterns.is_empty()) {
            return Err("an operator's key reads and writes no records: leave the channels out, or name the agency whose key it is".into());
        }
        match self.expires_at {
            Some(end) if end <= now => Err("the key would have ended before it is made: give it more time".into()),
            Some(end) if end > now.plus_micros(LONGEST_US) => {
                Err("a key ends within a hundred years (`100y`): give it less, or no end at all".into())
            }
            _ => Ok(()),
        }
    }
}

/// A key that was just made.
#[derive(Debug)]
pub struct Made {
    /// As operators see it.
    pub info: KeyInfo,
    /// The key itself: the only time anyone sees it.
    pub key: String,
    /// What it does not open today.
    pub warnings: Vec<String>,
}

/// A key as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeyInfo {
    /// Its public part.
    pub id: String,
    /// The agency; null for an operator's key.
    #[schema(value_type = Option<String>)]
    pub agency: Option<AgencyId>,
    /// Channels it may read.
    pub read: Vec<String>,
    /// Channels it may write.
    pub write: Vec<String>,
    /// For the operator's eyes.
    pub note: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// Makes a key. Without a roster, whether the city has the agency and the channels is not checked.
pub async fn create(store: &Store, pepper: &Pepper, roster: Option<&Roster>, new: NewKey, now: Timestamp) -> Result<Made, NotMade> {
    new.check(now).map_err(NotMade::Refused)?;
    let warnings = roster.map_or(Ok(Vec::new()), |roster| roster.check(&new, now)).map_err(NotMade::Refused)?;
    let (id, secret) = (random_digits(ID_LENGTH)?, random_digits(SECRET_LENGTH)?);
    let body = format!("lt_{id}_{secret}");
    let key = format!("{body}_{}", checksum(&body));
    let operator = new.agency.is_none();
    let texts = |patterns: Option<Vec<ChannelPattern>>| match patterns {
        Some(patterns) => patterns.into_iter().map(String::from).collect(),
        None if operator => Vec::new(),
        None => vec!["*".to_owned()],
    };
    let row = KeyRow {
        id,
        owner: new.agency.map_or(KeyOwner::Operator, KeyOwner::Agency),
        hash: pepper.hash(&key),
        read: texts(new.read),
        write: texts(new.write),
        note: new.note,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
    };
    store.insert_key(row.clone()).await?;
    Ok(Made { info: info(row), key, warnings })
}

/// All keys, revoked ones too.
pub async fn list(store: &Store) -> Result<Vec<KeyInfo>, store::Error> {
    Ok(store.keys().await?.into_iter().map(info).collect())
}

/// Revokes a key; false if there is none of this id.
pub async fn revoke(store: &Store, id: &str, now: Timestamp) -> Result<bool, store::Error> {
    store.revoke_key(id, now).await
}

/// Who comes with this key.
pub fn check(store: &Store, pepper: &Pepper, key: &str, now: Timestamp) -> Result<Principal, Denied> {
    let id = key_id(key).ok_or(Denied::Invalid)?;
    let row = store.key(id)?.ok_or(Denied::Invalid)?;
    let same = bool::from(row.hash[..].ct_eq(&pepper.hash(key)[..]));
    if same && alive(&row, now) {
        Ok(Principal { key_id: row.id, owner: row.owner, read: row.read, write: row.write })
    } else {
        Err(Denied::Invalid)
    }
}

/// Whether the key of somebody who entered before would still let them in.
pub fn check_again(store: &Store, principal: &Principal, now: Timestamp) -> Result<(), Denied> {
    let row = store.key(&principal.key_id)?.ok_or(Denied::Invalid)?;
    if alive(&row, now) { Ok(()) } else { Err(Denied::Invalid) }
}

fn alive(row: &KeyRow, now: Timestamp) -> bool {
    row.revoked_at.is_none() && row.expires_at.is_none_or(|end| now < end)
}

/// The public part of a text that has the form of a key. The checksum spares the store look-ups of mistyped ones.
fn key_id(key: &str) -> Option<&str> {
    let (body, crc) = key.rsplit_once('_')?;
    let (id, secret) = body.strip_prefix("lt_")?.split_once('_')?;
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_alphanumeric());
    (digits(id, ID_LENGTH) && digits(secret, SECRET_LENGTH) && crc == checksum(body)).then_some(id)
}

fn checksum(body: &str) -> String {
    format!("{:08x}", crc32fast::hash(body.as_bytes()))
}

fn random_digits(length: usize) -> io::Result<String> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        // 248 is the largest multiple of 62 in a byte: beyond it digits would not be equally likely.
        let digits = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(DIGITS[usize::from(byte % 62)]));
        text.extend(digits.take(length - text.len()));
    }
    Ok(text)
}

fn info(row: KeyRow) -> KeyInfo {
    let agency = match row.owner {
        KeyOwner::Agency(agency) => Some(agency),
        KeyOwner::Operator => None,
    };
    KeyInfo {
        id: row.id,
        agency,
        read: row.read,
        write: row.write,
        note: row.note,
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_texts_of_the_form_with_a_right_checksum_are_looked_up() {
        let body = format!("lt_{}_{}", random_digits(ID_LENGTH).unwrap(), random_digits(SECRET_LENGTH).unwrap());
        let key = format!("{body}_{}", checksum(&body));
        assert_eq!(key_id(&key), Some(&key[3..13]));
        let mut mistyped = key.clone().into_bytes();
        mistyped[20] = if mistyped[20] == b'a' { b'b' } else { b'a' };
        for bad in ["", "lt_", "lt___", &key[1..], &key[..key.len() - 1], &String::from_utf8(mistyped).unwrap(), &format!("{key} ")] {
            assert_eq!(key_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn patterns_hold_their_channels_and_no_others() {
        let channel = ChannelId::new("transport/stops").unwrap();
        for (pattern, holds) in
            [("*", true), ("transport/*", true), ("transport/stops", true), ("transport/trips", false), ("trans/*", false)]
        {
            assert_eq!(ChannelPattern::new(pattern).unwrap().holds(&channel), holds, "{pattern}");
        }
        for bad in ["", "**", "transport", "*/stops", "transport/**", "../*"] {
            assert!(ChannelPattern::new(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_key_that_can_never_open_anything_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(store::Options::new(dir.path())).await.unwrap();
        let pepper = Pepper::open(dir.path()).unwrap();
        let roster = json!({
            "agencies": ["health", "stranger"],
            "channels": ["air/readings", "air/secrets"],
            "grants": [
                { "agency": "health", "channel": "air/readings", "read": true, "write": false, "until": null },
                { "agency": "health", "channel": "air/secrets", "read": true, "write": false, "until": "2026-01-01T00:00:00Z" },
            ],
        });
        std::fs::write(dir.path().join("hub.roster"), roster.to_string()).unwrap();
        let roster = Roster::read(dir.path()).unwrap().unwrap();
        let now = Timestamp::parse("2026-11-23T09:00:00Z").unwrap();
        let try_make = async |new: serde_json::Value| {
            let new: NewKey = serde_json::from_value(new).unwrap();
            keys_create(&store, &pepper, &roster, new, now).await
        };
        for (new, words) in [
            (json!({ "agency": "nobody" }), "no agency `nobody`"),
            (json!({ "agency": "health", "read": ["air/nothing"] }), "no channel `air/nothing`"),
            (json!({ "agency": "health", "write": ["water/*"] }), "no channel `water/*`"),
            (json!({ "read": ["air/*"] }), "an operator's key reads and writes no records"),
            (json!({ "agency": "health", "expires_at": "2026-11-23T09:00:00Z" }), "ended before"),
            (json!({ "expires_at": "2200-01-01T00:00:00Z" }), "a hundred years"),
        ] {
            let refused = try_make(new.clone()).await.unwrap_err();
            assert!(refused.contains(words), "{new}: {refused}");
        }
        assert_eq!(list(&store).await.unwrap(), []);
        for (new, warnings) in [
            (json!({}), 0),
            (json!({ "agency": "health" }), 0),
            (json!({ "agency": "health", "read": ["*"], "write": [] }), 0),
            (json!({ "agency": "health", "read": ["air/readings", "air/secrets"], "write": ["*"] }), 2),
            (json!({ "agency": "stranger" }), 1),
        ] {
            assert_eq!(try_make(new.clone()).await.unwrap().warnings.len(), warnings, "{new}");
        }
        let operator = list(&store).await.unwrap().into_iter().find(|key| key.agency.is_none()).unwrap();
        assert_eq!((operator.read.len(), operator.write.len()), (0, 0));
    }

    async fn keys_create(store: &Store, pepper: &Pepper, roster: &Roster, new: NewKey, now: Timestamp) -> Result<Made, String> {
        create(store, pepper, Some(roster), new, now).await.map_err(|error| error.to_string())
    }

    #[test]
    fn the_pepper_is_made_once_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let first = Pepper::open(dir.path()).unwrap();
        assert_eq!(first.hash("x"), Pepper::open(dir.path()).unwrap().hash("x"));
        let path = dir.path().join("secrets/key-pepper");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        assert!(Pepper::open(dir.path()).is_err());
    }
}
