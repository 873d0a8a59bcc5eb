//! What the battery found, in a form that can be signed, sent and checked.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use lienthong_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::rehearsal::fixture::Fixture;
use crate::toolchain::signing::{PublicKey, Purpose, Signature, SigningKey};
use crate::wasm::Facts;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// There is nothing that it could be tried on.
    NotApplicable,
}

/// One check, and why it ended so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What it is called.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why: what was held, or each thing that went wrong and what to do.
    pub reasons: Vec<String>,
}

/// Things that went wrong which a report names.
const REASONS: usize = 10;

impl Check {
    pub(super) fn of(name: &str, wrong: &[String], held: String) -> Self {
        if wrong.is_empty() {
            return Self { name: name.into(), verdict: Verdict::Passed, reasons: vec![held] };
        }
        let mut reasons = wrong[..wrong.len().min(REASONS)].to_vec();
        if wrong.len() > REASONS {
            reasons.push(format!("and {} more", wrong.len() - REASONS));
        }
        Self { name: name.into(), verdict: Verdict::Failed, reasons }
    }

    pub(super) fn not_applicable(name: &str, why: &str) -> Self {
        Self { name: name.into(), verdict: Verdict::NotApplicable, reasons: vec![why.into()] }
    }
}

/// What the work takes, on the machine that made the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Records that it was measured on, in one call.
    pub records: u64,
    /// Processor time for 1,000 records, microseconds.
    pub cpu_us_per_1000: u64,
    /// The most memory of that call, bytes.
    pub memory_peak_bytes: u64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (us, kib) = (self.cpu_us_per_1000, self.memory_peak_bytes >> 10);
        write!(
            f,
            "1,000 records take {}.{:02} ms of the processor; {} records at once took {kib} KiB",
            us / 1_000,
            us % 1_000 / 10,
            self.records
        )
    }
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When it was made.
    pub made_at: Timestamp,
    /// The version of the hub that made it.
    pub hub: String,
    /// Name, version and vendor, as the component says.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Who made it.
    pub vendor: String,
    /// SHA-256 of the component.
    pub sha256: String,
    /// What it exports.
    pub interfaces: Vec<String>,
    /// It can send HTTP requests.
    pub http: bool,
    /// How many fixtures, and the SHA-256 over all their files.
    pub fixtures: usize,
    /// See `fixtures`.
    pub fixtures_sha256: String,
    /// No check failed.
    pub passed: bool,
    /// Each check.
    pub checks: Vec<Check>,
    /// What it costs, where that could be measured.
    pub cost: Option<Cost>,
}

impl Report {
    /// Puts one together.
    ///
    /// # Errors
    /// A file of a fixture that cannot be read.
    pub fn new(facts: &Facts, fixtures: &[Fixture], found: (Vec<Check>, Option<Cost>), made_at: Timestamp) -> io::Result<Self> {
        let (checks, cost) = found;
        let about = &facts.manifest.plugin;
        Ok(Self {
            made_at,
            hub: env!("CARGO_PKG_VERSION").to_owned(),
            plugin: about.name.to_string(),
            version: about.version.clone(),
            vendor: about.vendor.clone(),
            sha256: facts.sha256_hex(),
            interfaces: facts.exports.iter().map(|interface| interface.as_str().to_owned()).collect(),
            http: facts.imports_http(),
            fixtures: fixtures.len(),
            fixtures_sha256: digest(fixtures)?,
            passed: checks.iter().all(|check| check.verdict != Verdict::Failed),
            checks,
            cost,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}, by {}", self.plugin, self.version, self.vendor)?;
        writeln!(f, "  component {}", self.sha256)?;
        writeln!(f, "  {} fixtures {}", self.fixtures, self.fixtures_sha256)?;
        writeln!(f, "  tried by lienthong {} on {}", self.hub, self.made_at)?;
        for check in &self.checks {
            let verdict = match check.verdict {
                Verdict::Passed => "passed",
                Verdict::Failed => "FAILED",
                Verdict::NotApplicable => "-",
            };
            for (place, reason) in check.reasons.iter().enumerate() {
                let (name, verdict) = if place == 0 { (check.name.as_str(), verdict) } else { ("", "") };
                writeln!(f, "  {name:<16} {verdict:<7} {reason}")?;
            }
        }
        write!(f, "{}", if self.passed { "passed" } else { "FAILED" })
    }
}

/// Over every file: its path from the fixtures' folder, its length, its bytes.
fn digest(fixtures: &[Fixture]) -> io::Result<String> {
    let mut hash = Sha256::new();
    for fixture in fixtures {
        let mut files = fs::read_dir(&fixture.folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
        files.retain(|path| path.is_file());
        files.sort();
        for path in files {
            let name = format!("{}/{}", fixture.name, path.file_name().unwrap_or_default().to_string_lossy());
            let bytes = fs::read(&path)?;
            for part in [name.as_bytes(), &bytes] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A report as a file has it. The signature covers the report's text exactly as it stands there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    report: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

/// Why a report cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum SignedError {
    /// It cannot be read.
    #[error("it is no report of `lienthong plugin certify`: {0}")]
    Form(String),
    /// Nobody signed it.
    #[error("nobody signed it: ask the vendor for one made with `--key`")]
    Unsigned,
    /// Somebody else did, or it was changed.
    #[error("the key {0} did not sign this text: somebody else did, or it was changed since")]
    Wrong(PublicKey),
}

impl Signed {
    /// Puts a report into its form, signed if there is a key.
    ///
    /// # Errors
    /// None that a report could cause.
    pub fn new(report: &Report, key: Option<&SigningKey>) -> serde_json::Result<Self> {
        let text = serde_json::to_string_pretty(report)?;
        let signature = key.map(|key| key.sign(Purpose::Report, text.as_bytes()).to_string());
        Ok(Self { key: key.map(|key| key.public().to_string()), signature, report: RawValue::from_string(text)? })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`SignedError::Form`].
    pub fn read(path: &Path) -> Result<Self, SignedError> {
        let form = |error: &dyn fmt::Display| SignedError::Form(error.to_string());
        let text = fs::read(path).map_err(|error| form(&error))?;
        serde_json::from_slice(&text).map_err(|error| form(&error))
    }

    /// The file's text.
    ///
    /// # Errors
    /// None that a report could cause.
    pub fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// The report, if the owner of this key signed it.
    ///
    /// # Errors
    /// All of [`SignedError`].
    pub fn verified(&self, key: &PublicKey) -> Result<Report, SignedError> {
        let signature = self.signature.as_deref().ok_or(SignedError::Unsigned)?;
        let signature: Signature = signature.parse().map_err(|error| SignedError::Form(format!("{error}")))?;
        if !key.verifies(Purpose::Report, self.report.get().as_bytes(), &signature) {
            return Err(SignedError::Wrong(*key));
        }
        serde_json::from_str(self.report.get()).map_err(|error| SignedError::Form(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            made_at: Timestamp::from_micros(0),
            hub: "0.1.0".into(),
            plugin: "a-b".into(),
            version: "1.0.0".into(),
            vendor: "Công ty A".into(),
            sha256: "00".into(),
            interfaces: vec!["receiver".into()],
            http: false,
            fixtures: 1,
            fixtures_sha256: "11".into(),
            passed: false,
            checks: vec![Check::of("garbage", &["one".into(), "two".into()], String::new())],
            cost: None,
        }
    }

    #[test]
    fn a_signed_report_is_read_again_and_a_changed_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::create(&folder.path().join("key")).unwrap();
        let path = folder.path().join("report.json");
        let text = Signed::new(&report(), Some(&key)).unwrap().text().unwrap();
        fs::write(&path, &text).unwrap();
        assert_eq!(Signed::read(&path).unwrap().verified(&key.public()).unwrap(), report());

        fs::write(&path, text.replace("\"passed\": false", "\"passed\": true")).unwrap();
        let error = Signed::read(&path).unwrap().verified(&key.public()).unwrap_err();
        assert!(matches!(error, SignedError::Wrong(_)), "{error}");
        fs::write(&path, &text).unwrap();
        let other = SigningKey::create(&folder.path().join("other")).unwrap().public();
        assert!(matches!(Signed::read(&path).unwrap().verified(&other), Err(SignedError::Wrong(_))));
        fs::write(&path, Signed::new(&report(), None).unwrap().text().unwrap()).unwrap();
        assert!(matches!(Signed::read(&path).unwrap().verified(&other), Err(SignedError::Unsigned)));
        fs::write(&path, "{}").unwrap();
        assert!(matches!(Signed::read(&path), Err(SignedError::Form(_))));
    }

    #[test]
    fn a_report_tells_each_reason() {
        let text = report().to_string();
        assert!(text.contains("  garbage          FAILED  one\n                           two\nFAILED"), "{text}");
    }
}
