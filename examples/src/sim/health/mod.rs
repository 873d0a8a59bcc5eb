//! Health: a hospital whose system speaks HL7 over MLLP, and posts its insured episodes.

pub mod hl7;
pub mod hospital;
pub mod insurance;
pub mod mllp;

use super::chance::Chance;
use super::clock::{self, LocalTime};
use super::people::Person;

/// What messages about patients become.
pub const PATIENTS: &str = "health/patients";
/// What messages about visits become.
pub const ENCOUNTERS: &str = "health/encounters";
/// What results become.
pub const OBSERVATIONS: &str = "health/observations";
/// What messages about appointments become.
pub const APPOINTMENTS: &str = "health/appointments";
/// What vaccinations become.
pub const IMMUNIZATIONS: &str = "health/immunizations";
/// What insured episodes of care become.
pub const EPISODES: &str = "health/insurance-episodes";
/// What the medicines and services of an episode become.
pub const ITEMS: &str = "health/insurance-items";

/// Somebody who is admitted: one in each step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// Who it is.
    pub person: Person,
    /// When the visit began.
    pub admitted_at: LocalTime,
    /// Of birth, `yyyyMMdd`.
    pub born: String,
    /// What it is, by ICD-10 and in words.
    pub disease: (&'static str, &'static str),
    /// Tells visits apart.
    pub number: u32,
}

const DISEASES: [(&str, &str); 4] = [
    ("J18.9", "Viêm phổi, không đặc hiệu"),
    ("A91", "Sốt xuất huyết Dengue"),
    ("K35.8", "Viêm ruột thừa cấp"),
    ("I10", "Tăng huyết áp nguyên phát"),
];

impl Visitor {
    /// Whoever is admitted in a step.
    pub fn draw(seed: u64, step: i64) -> Self {
        let mut chance = Chance::new(seed, &[step as u64, 0x4e17]);
        let number = (step.rem_euclid(1_000_000)) as u32;
        let person = Person::draw(&mut chance, number);
        let born = format!("{}{:02}{:02}", 1940 + chance.below(80), 1 + chance.below(12), 1 + chance.below(28));
        Self { person, admitted_at: clock::at_step(step), born, disease: DISEASES[chance.below(DISEASES.len())], number }
    }

    /// The hospital's number of the patient.
    pub fn patient_id(&self) -> String {
        format!("BN{:08}", self.number)
    }

    /// The number of the visit, which is that of the insured episode (MA_LK).
    pub fn visit_id(&self) -> String {
        format!("LK{}-{:06}", self.admitted_at.format("%Y"), self.number)
    }
}
