//! Ed25519 (RFC 8032) signatures of what vendors hand over: packages and reports.
//!
//! A key is a file of the vendor's, PKCS#8 in PEM as `openssl genpkey -algorithm ed25519` writes it too, which nobody else may
//! read. Public keys and signatures are one word each, to be put into a letter, a tender or a city's files.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;

const PUBLIC_PREFIX: &str = "ltpub_";
const SIGNATURE_PREFIX: &str = "ltsig_";

/// What is signed. It is part of what the signature covers, so that one for a report never passes for one of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A plugin to be installed.
    Package,
    /// A report of `lienthong plugin certify`.
    Report,
}

impl Purpose {
    fn covers(self, bytes: &[u8]) -> Vec<u8> {
        let name = match self {
            Self::Package => "package",
            Self::Report => "report",
        };
        [b"lienthong ", name.as_bytes(), b" 1\0", bytes].concat()
    }
}

/// Why a key, a public key or a signature cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be used.
    #[error("the key {path} cannot be used: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read it.
    #[error("the key {path} may be read by others (mode {mode:o}): run `chmod 600` on it, and make a new one if anybody did")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// No Ed25519 key in PKCS#8 and PEM.
    #[error("{path} holds no Ed25519 key in PKCS#8 and PEM; `lienthong plugin key new` makes one")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// No public key or signature.
    #[error("`{given}` is no {what}: it begins with `{prefix}`, and {digits} hexadecimal digits follow")]
    Text {
        /// What was given.
        given: String,
        /// What it should be.
        what: &'static str,
        /// How it begins.
        prefix: &'static str,
        /// What follows.
        digits: usize,
    },
    /// The library's own.
    #[error("no key could be made")]
    Made,
}

/// A vendor's own key. Shows nothing of itself.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Makes a key and keeps it in a new file, mode 0600. A file that is there is left alone.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::generate().map_err(|_| Error::Made)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| Error::Made)?;
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(pkcs8.as_ref()));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(pem.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|source| Error::Io { path: path.to_owned(), source })?;
        Ok(Self(pair))
    }

    /// Reads a key. Refused where others may read the file, too.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let mode = fs::metadata(path).map_err(io)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Error::Exposed { path: path.to_owned(), mode });
        }
        let no_key = || Error::NoKey { path: path.to_owned() };
        let pem = fs::read(path).map_err(io)?;
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| no_key())?;
        Ed25519KeyPair::from_pkcs8(pkcs8.secret_pkcs8_der()).map(Self).map_err(|_| no_key())
    }

    /// The key that others verify with.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs bytes for one purpose.
    pub fn sign(&self, purpose: Purpose, bytes: &[u8]) -> Signature {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.sign(&purpose.covers(bytes)).as_ref());
        Signature(signature)
    }
}

/// A key to verify with: `ltpub_` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Whether the key's owner signed these bytes for this purpose.
    pub fn verifies(&self, purpose: Purpose, bytes: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(&purpose.covers(bytes), &signature.0).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, PUBLIC_PREFIX, &self.0)
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        read_hex(text, "public key", PUBLIC_PREFIX).map(Self)
    }
}

/// A signature: `ltsig_` and 128 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, SIGNATURE_PREFIX, &self.0)
    }
}

impl FromStr for Signature {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        read_hex(text, "signature", SIGNATURE_PREFIX).map(Self)
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, prefix: &str, bytes: &[u8]) -> fmt::Result {
    f.write_str(prefix)?;
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn read_hex<const N: usize>(text: &str, what: &'static str, prefix: &'static str) -> Result<[u8; N], Error> {
    let wrong = || Error::Text { given: text.chars().take(160).collect(), what, prefix, digits: 2 * N };
    let digits = text.strip_prefix(prefix).filter(|digits| digits.len() == 2 * N).ok_or_else(wrong)?.as_bytes();
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).ok_or_else(wrong);
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_signs_after_it_was_read_again_and_for_one_purpose_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vendor.key");
        let made = SigningKey::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = SigningKey::read(&path).unwrap();
        let public: PublicKey = made.public().to_string().parse().unwrap();
        assert_eq!(public, read.public());

        let signature: Signature = read.sign(Purpose::Report, b"passed").to_string().parse().unwrap();
        assert!(public.verifies(Purpose::Report, b"passed", &signature));
        assert!(!public.verifies(Purpose::Package, b"passed", &signature));
        assert!(!public.verifies(Purpose::Report, b"passed.", &signature));
        let other = SigningKey::create(&folder.path().join("other.key")).unwrap().public();
        assert!(!other.verifies(Purpose::Report, b"passed", &signature));
    }

    #[test]
    fn a_key_is_never_overwritten_and_never_shared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vendor.key");
        SigningKey::create(&path).unwrap();
        let before = fs::read(&path).unwrap();
        let said = |result: Result<SigningKey, Error>| result.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said(SigningKey::create(&path)).contains("exists"));
        assert_eq!(fs::read(&path).unwrap(), before);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(said(SigningKey::read(&path)).contains("may be read by others (mode 640)"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        assert!(said(SigningKey::read(&path)).contains("holds no Ed25519 key"));
    }

    /// RFC 8032, 7.1, test 2; with the key file as OpenSSL writes it.
    #[test]
    fn a_key_of_another_program_is_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("openssl.key");
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let der: Vec<u8> = format!("302e020100300506032b657004220420{seed}")
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        fs::write(&path, format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let key = SigningKey::read(&path).unwrap();
        assert_eq!(key.public().to_string(), "ltpub_3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    }

    #[test]
    fn what_is_no_key_or_signature_is_said_to_be_none() {
        for wrong in ["", "ltpub_", "3d40", &format!("ltpub_{}", "g".repeat(64)), &format!("ltpub_{}", "é".repeat(32))] {
            let error = wrong.parse::<PublicKey>().unwrap_err().to_string();
            assert!(error.contains("no public key: it begins with `ltpub_`, and 64 hexadecimal digits follow"), "{error}");
        }
        assert!("ltsig_00".parse::<Signature>().is_err());
    }
}
