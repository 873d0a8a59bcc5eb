use serde::{Deserialize, Serialize};

/// What the index is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Pollutant {
    #[serde(rename = "PM2.5")]
    Pm25,
    #[serde(rename = "PM10")]
    Pm10,
    O3,
    #[serde(rename = "CO")]
    Co,
    #[serde(rename = "SO2")]
    So2,
    #[serde(rename = "NO2")]
    No2,
}

impl Pollutant {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Pm25, Self::Pm10, Self::O3, Self::Co, Self::So2, Self::No2];

    /// By the parameter's symbol; none for a parameter that is not in the index.
    pub fn of(parameter: &str) -> Option<Self> {
        match parameter {
            "PM2.5" => Some(Self::Pm25),
            "PM10" => Some(Self::Pm10),
            "O3" => Some(Self::O3),
            "CO" => Some(Self::Co),
            "SO2" => Some(Self::So2),
            "NO2" => Some(Self::No2),
            _ => None,
        }
    }

    /// Fine dust is averaged over twelve hours, the gases over the hour itself.
    pub fn is_dust(self) -> bool {
        matches!(self, Self::Pm25 | Self::Pm10)
    }
}
