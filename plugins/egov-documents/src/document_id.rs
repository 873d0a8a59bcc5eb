use lienthong_sdk::vietnam::AgencyId;

use crate::moment;

/// The one form of a document's id, for comparing: of `orgId,yyyy/MM/dd,number/notation` the agency's id in its normal form and the day as
/// the regulation writes it; of a UUID its small letters; of anything else what came.
pub(crate) fn normal(given: &str) -> String {
    structured(given).unwrap_or_else(|| if is_uuid(given) { given.to_ascii_lowercase() } else { given.to_owned() })
}

fn structured(given: &str) -> Option<String> {
    let mut parts = given.splitn(3, ',').map(str::trim);
    let (agency, day, code) = (parts.next()?, parts.next()?, parts.next()?);
    let agency = AgencyId::read(agency)?;
    let day = moment::day(day)?.replace('-', "/");
    (!code.is_empty()).then(|| format!("{},{day},{code}", agency.normal()))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn one_document_has_one_id() {
        for (given, expected) in [
            ("000.00.17.H36,2026/11/23,12/STN-VP", "H36.17,2026/11/23,12/STN-VP"),
            ("H36.17.00.000, 2026/11/23 ,12/STN-VP", "H36.17,2026/11/23,12/STN-VP"),
            ("H36,23/11/2026,1,2/UBND", "H36,2026/11/23,1,2/UBND"),
            ("6F1D2C30-0000-4000-8000-00000000000A", "6f1d2c30-0000-4000-8000-00000000000a"),
            ("H36,2026/02/30,12/UBND", "H36,2026/02/30,12/UBND"),
            ("h36,2026/11/23,12/UBND", "h36,2026/11/23,12/UBND"),
            ("H36,2026/11/23,", "H36,2026/11/23,"),
            ("6F1D2C30-0000-4000-8000-00000000000G", "6F1D2C30-0000-4000-8000-00000000000G"),
            ("12/UBND", "12/UBND"),
        ] {
            assert_eq!(normal(given), expected);
        }
    }
}
