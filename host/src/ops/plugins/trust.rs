//! Whose signature is on a plugin, and whether the city trusts it.
//!
//! A signature travels beside its file, as `FILE.sig`: two words, the public key and the signature. So what is signed is what is stored,
//! hashed and run, to the byte, its manifest within it, and nothing of an unknown file has to be read to find out who vouches for it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use lienthong_core::city::Plugins;

use crate::toolchain::signing::{PublicKey, Purpose, Signature, SigningKey};

/// What follows the name of a signed file.
pub const ENDING: &str = ".sig";

/// The longest file of a signature, bytes.
const LONGEST: usize = 1_024;

/// Who signed some bytes, as their signature says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The signer's public key.
    pub key: PublicKey,
    /// Over the bytes of the component.
    pub signature: Signature,
}

/// Why a city does not trust a plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// There is no signature.
    #[error("nobody signed it")]
    Unsigned,
    /// A key that the city does not list.
    #[error("the key that signed it ({key}) is not among those that the city trusts")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A key that the city lists for another vendor.
    #[error("the key that signed it is that of {trusted}, but its manifest says that it comes from {says}")]
    OtherVendor {
        /// Whose key it is.
        trusted: String,
        /// What the manifest says.
        says: String,
    },
}

/// Why a signature cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("the signature {path} cannot be read: {source}")]
    Io {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no signature.
    #[error("{path} is no signature of `lienthong plugin sign`: {why}")]
    Form {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It is one of other bytes.
    #[error("the signature {path} is not of this file: one of the two was changed; get both from the vendor again")]
    Broken {
        /// Where it is.
        path: PathBuf,
    },
}

impl Signed {
    /// Signs a component.
    pub fn sign(key: &SigningKey, component: &[u8]) -> Self {
        Self { key: key.public(), signature: key.sign(Purpose::Package, component) }
    }

    /// The signature beside a file, where there is one, held against the file's bytes.
    ///
    /// # Errors
    /// It cannot be read, is none, or is of other bytes.
    pub fn beside(file: &Path, component: &[u8]) -> Result<Option<Self>, Error> {
        let path = beside(file);
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { path, source }),
        };
        let signed: Self = text.parse().map_err(|why| Error::Form { path: path.clone(), why })?;
        if signed.key.verifies(Purpose::Package, component, &signed.signature) { Ok(Some(signed)) } else { Err(Error::Broken { path }) }
    }
}

/// Where the signature of a file lies.
pub fn beside(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(ENDING);
    path.into()
}

impl std::fmt::Display for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n{}", self.key, self.signature)
    }
}

impl std::str::FromStr for Signed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let (Some(key), Some(signature), None) = (words.next(), words.next(), words.next()) else {
            return Err("it holds two words, a public key and a signature".into());
        };
        Ok(Self { key: key.parse().map_err(said)?, signature: signature.parse().map_err(said)? })
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Whether the city trusts whoever signed a plugin of this vendor. What it does with one that it does not trust is its own matter.
///
/// # Errors
/// Why not.
pub fn judge(city: &Plugins, vendor: &str, signed_by: Option<&PublicKey>) -> Result<(), Distrust> {
    let key = signed_by.ok_or(Distrust::Unsigned)?;
    let of_key: Vec<_> = city.trust.iter().filter(|trusted| trusted.key.parse::<PublicKey>().is_ok_and(|own| own == *key)).collect();
    match of_key.as_slice() {
        [] => Err(Distrust::UnknownKey { key: key.to_string() }),
        all if all.iter().any(|trusted| trusted.vendor == vendor) => Ok(()),
        [first, ..] => Err(Distrust::OtherVendor { trusted: first.vendor.clone(), says: vendor.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use lienthong_core::city::{Recordings, TrustedKey, Unsigned};

    use super::*;

    #[test]
    fn a_signature_beside_a_file_holds_for_its_bytes_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (file, key) = (folder.path().join("x.wasm"), SigningKey::create(&folder.path().join("key")).unwrap());
        assert_eq!(Signed::beside(&file, b"bytes").unwrap(), None);
        let signed = Signed::sign(&key, b"bytes");
        std::fs::write(beside(&file), signed.to_string()).unwrap();
        assert_eq!(Signed::beside(&file, b"bytes").unwrap(), Some(signed));
        assert!(matches!(Signed::beside(&file, b"bytes."), Err(Error::Broken { .. })));
        std::fs::write(beside(&file), "ltpub_00").unwrap();
        assert!(matches!(Signed::beside(&file, b"bytes"), Err(Error::Form { .. })));
    }

    #[test]
    fn a_key_counts_for_the_vendor_that_the_city_lists_it_for() {
        let folder = tempfile::tempdir().unwrap();
        let key = |name: &str| SigningKey::create(&folder.path().join(name)).unwrap().public();
        let (known, other) = (key("known"), key("other"));
        let trust = vec![TrustedKey { vendor: "A".into(), key: known.to_string() }];
        let city = Plugins { trust, unsigned: Some(Unsigned::Refuse), recordings: Recordings::default() };
        assert_eq!(judge(&city, "A", Some(&known)), Ok(()));
        assert_eq!(judge(&city, "A", None), Err(Distrust::Unsigned));
        assert_eq!(judge(&city, "A", Some(&other)), Err(Distrust::UnknownKey { key: other.to_string() }));
        assert_eq!(judge(&city, "B", Some(&known)), Err(Distrust::OtherVendor { trusted: "A".into(), says: "B".into() }));
    }
}
