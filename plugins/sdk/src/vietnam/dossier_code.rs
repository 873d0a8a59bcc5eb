use std::fmt;

use super::{AgencyId, date};

/// The code of a dossier of public service: `<agency id>-<YYMMDD>-<number>`, as article 19 of Circular 01/2018/TT-VPCP has it
/// (`000.00.17.H36-251123-0001`), with the agency's id in either of its orders and of any number of levels.
///
/// The circular gives the number four digits; up to six are taken, for a counter that ran past 9999. Codes compare equal where they
/// name the same agency, day and number.
#[derive(Debug, Clone)]
pub struct DossierCode {
    given: String,
    agency: AgencyId,
    received_on: String,
    number: u32,
}

impl DossierCode {
    /// Reads one; none where the parts are not there, or the day does not exist.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, '-');
        let (number, day, agency) = (parts.next()?, parts.next()?, parts.next()?);
        let is_number = (4..=6).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        Some(Self {
            given: text.to_owned(),
            agency: AgencyId::read(agency)?,
            // Dossiers have had such codes since 2018: the century is not in doubt.
            received_on: date(&format!("20{day}"), &["yyyyMMdd"])?,
            number: is_number.then(|| number.parse().ok()).flatten()?,
        })
    }

    /// As it came.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// The agency that received the dossier.
    pub fn agency(&self) -> &AgencyId {
        &self.agency
    }

    /// The day of receipt, RFC 3339 `full-date`.
    pub fn received_on(&self) -> &str {
        &self.received_on
    }

    /// The dossier's number among those of its day.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl PartialEq for DossierCode {
    fn eq(&self, other: &Self) -> bool {
        (&self.agency, &self.received_on, self.number) == (&other.agency, &other.received_on, other.number)
    }
}

impl Eq for DossierCode {}

impl fmt::Display for DossierCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_one_in_both_orders_of_its_agency() {
        let code = |text| DossierCode::read(text).unwrap();
        let older = code("000.00.17.H36-251123-0001");
        assert_eq!((older.agency().normal(), older.received_on(), older.number()), ("H36.17", "2025-11-23", 1));
        assert_eq!(older.given(), "000.00.17.H36-251123-0001");
        for same in ["H36.17.00.000-251123-0001", "H36.17-251123-0001", "00.17.H36-251123-00001"] {
            assert_eq!(code(same), older, "{same}");
        }
        for other in ["H36.18-251123-0001", "H36.17-251124-0001", "H36.17-251123-0002"] {
            assert_ne!(code(other), older, "{other}");
        }
        assert_eq!(code("H36-240229-120345").number(), 120_345);
    }

    #[test]
    fn what_is_no_code_is_none() {
        for bad in [
            "",
            "--",
            "H36.17",
            "H36.17-251123",
            "251123-0001",
            "-251123-0001",
            "36.17-251123-0001",
            "H36.17-250229-0001",
            "H36.17-251301-0001",
            "H36.17-20251123-0001",
            "H36.17-2511-0001",
            "H36.17-251123-001",
            "H36.17-251123-1234567",
            "H36.17-251123-00x1",
            "H36.17-251123-+001",
            "H36.17-251123-0001-1",
            "H36.17 -251123-0001",
            "H36.17-25112\u{663}-0001",
            "h36.17-251123-0001",
        ] {
            assert!(DossierCode::read(bad).is_none(), "{bad}");
        }
    }
}
