//! Where a file was measured: from its name, or from the connector's settings.

use serde::Serialize;

/// A station and whose it is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    pub(crate) station: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) province: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) facility: Option<String>,
}

/// What a file system allows, and the schema's limit; a longer name comes from no station.
const MAX_FILE_NAME_CHARS: usize = 255;

/// The schema's limit for station, province and facility.
const MAX_PART_CHARS: usize = 128;

/// The part after the last slash, if it is a name.
pub(crate) fn file_name(name: &str) -> Option<&str> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    (!last.is_empty() && last.chars().count() <= MAX_FILE_NAME_CHARS).then_some(last)
}

impl Place {
    /// A setting goes before the file's name, which the circular wants as
    /// `<Province>_<Facility>_<Station>_<yyyyMMddHHmmss>.txt`. Only the station must be known.
    pub(crate) fn find(
        file: Option<&str>,
        station: Option<String>,
        province: Option<String>,
        facility: Option<String>,
    ) -> Result<Self, String> {
        let named = file.and_then(Self::from_name);
        let (named_station, named_province, named_facility) = match named {
            Some(place) => (Some(place.station), place.province, place.facility),
            None => (None, None, None),
        };
        let station = station.or(named_station).ok_or_else(|| {
            let name = file.unwrap_or("no name");
            format!(
                "`{name}` does not say which station it is from: name it Province_Facility_Station_yyyyMMddHHmmss.txt, or set `station`"
            )
        })?;
        Ok(Self { station, province: province.or(named_province), facility: facility.or(named_facility) })
    }

    /// Province and station have no underscore in them; what a facility's name has is its own.
    fn from_name(file: &str) -> Option<Self> {
        let (stem, extension) = file.rsplit_once('.')?;
        let (rest, moment) = stem.rsplit_once('_')?;
        let (rest, station) = rest.rsplit_once('_')?;
        let (province, facility) = rest.split_once('_')?;
        let dated = moment.len() == 14 && moment.bytes().all(|b| b.is_ascii_digit());
        let sound = |part: &&str| !part.is_empty() && part.chars().count() <= MAX_PART_CHARS;
        let whole = extension.eq_ignore_ascii_case("txt") && dated && [province, facility, station].iter().all(sound);
        whole.then(|| Self { station: station.to_owned(), province: Some(province.to_owned()), facility: Some(facility.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str) -> Option<(String, Option<String>, Option<String>)> {
        Place::find(Some(file), None, None, None).ok().map(|p| (p.station, p.province, p.facility))
    }

    #[test]
    fn a_file_name_says_province_facility_and_station() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(found("LamDong_TramA_KK01_20251123101500.txt"), Some(("KK01".into(), some("LamDong"), some("TramA"))));
        assert_eq!(found("LamDong_Nha_may_A_KK01_20251123101500.TXT"), Some(("KK01".into(), some("LamDong"), some("Nha_may_A"))));
        for bad in [
            "",
            "readings.txt",
            "A_B_C.txt",
            "A_B_C_2025.txt",
            "_B_C_20251123101500.txt",
            "A_B__20251123101500.txt",
            "A_B_C_20251123101500.csv",
        ] {
            assert_eq!(found(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_is_what_follows_the_last_slash() {
        for (given, name) in
            [("a/b.txt", Some("b.txt")), ("C:\\a\\b.txt", Some("b.txt")), ("b.txt", Some("b.txt")), ("a/", None), ("", None)]
        {
            assert_eq!(file_name(given), name, "{given}");
        }
        assert_eq!(file_name(&"ộ".repeat(255)).map(str::len), Some(765));
        assert_eq!(file_name(&"a".repeat(256)), None);
        assert_eq!(found(&format!("A_{}_C_20251123101500.txt", "b".repeat(129))), None);
    }

    #[test]
    fn settings_go_before_the_name() {
        let place = Place::find(Some("LamDong_TramA_KK01_20251123101500.txt"), None, Some("Lâm Đồng".into()), None).unwrap();
        assert_eq!(
            (place.station.as_str(), place.province.as_deref(), place.facility.as_deref()),
            ("KK01", Some("Lâm Đồng"), Some("TramA"))
        );
        assert_eq!(Place::find(None, Some("KK09".into()), None, None).unwrap().station, "KK09");
        assert!(Place::find(None, None, Some("LamDong".into()), None).is_err());
    }
}
