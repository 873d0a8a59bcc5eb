use chrono::DateTime;
use serde::Deserialize;

use crate::Pollutant;

/// A station's clock may be so far ahead.
const AHEAD_MS: i64 = 3_600_000;

/// One record of `environment/observations`, as far as the index needs it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Observation {
    parameter: String,
    value: Option<f64>,
    unit: String,
    observed_at: String,
    status: String,
}

/// What the index takes of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    pub(crate) pollutant: Pollutant,
    /// Hours since 1970-01-01T00:00Z.
    pub(crate) hour: i64,
    /// µg/m³
    pub(crate) concentration: f64,
}

impl Observation {
    /// None for what is no part of the index: another parameter, a device that calibrates or is at fault, no value.
    pub(crate) fn reading(&self, now_ms: u64) -> Result<Option<Reading>, String> {
        let Some(pollutant) = Pollutant::of(&self.parameter).filter(|_| self.status == "measuring") else { return Ok(None) };
        let Some(value) = self.value else { return Ok(None) };
        if value < 0.0 {
            return Err("the concentration is negative: the device needs calibration".into());
        }
        let factor = match self.unit.to_lowercase().as_str() {
            "ug/m3" | "µg/m3" | "μg/m3" | "ug/nm3" | "µg/nm3" | "μg/nm3" | "ug/m³" | "µg/m³" | "μg/m³" => 1.0,
            "mg/m3" | "mg/nm3" | "mg/m³" => 1_000.0,
            _ => return Err("the unit must be ug/m3 or mg/m3: the index is defined for mass".into()),
        };
        let at = DateTime::parse_from_rfc3339(&self.observed_at).map_err(|e| format!("the time of observation: {e}"))?;
        if at.timestamp_millis() > i64::try_from(now_ms).unwrap_or(i64::MAX).saturating_add(AHEAD_MS) {
            return Err("it was observed more than an hour from now: the station's clock is wrong".into());
        }
        Ok(Some(Reading { pollutant, hour: at.timestamp().div_euclid(3_600), concentration: value * factor }))
    }
}
