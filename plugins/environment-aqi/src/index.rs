use crate::Pollutant;

/// The index at each breakpoint.
const INDEX: [f64; 8] = [0.0, 50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0];

/// Concentrations at which the index has these values, µg/m³ (Decision 1459/QĐ-TCMT, table 2); of ozone, those of one hour.
const fn breakpoints(pollutant: Pollutant) -> [f64; 8] {
    match pollutant {
        Pollutant::Pm25 => [0.0, 25.0, 50.0, 80.0, 150.0, 250.0, 350.0, 500.0],
        Pollutant::Pm10 => [0.0, 50.0, 150.0, 250.0, 350.0, 420.0, 500.0, 600.0],
        Pollutant::O3 => [0.0, 160.0, 200.0, 300.0, 400.0, 800.0, 1_000.0, 1_200.0],
        Pollutant::Co => [0.0, 10_000.0, 30_000.0, 45_000.0, 60_000.0, 90_000.0, 120_000.0, 150_000.0],
        Pollutant::So2 => [0.0, 125.0, 350.0, 550.0, 800.0, 1_600.0, 2_100.0, 2_630.0],
        Pollutant::No2 => [0.0, 100.0, 200.0, 700.0, 1_200.0, 2_350.0, 3_100.0, 3_850.0],
    }
}

/// The index of a concentration in µg/m³, rounded to a whole number; 500 beyond the last breakpoint.
pub fn index(pollutant: Pollutant, concentration: f64) -> u16 {
    let points = breakpoints(pollutant);
    let steps = points.windows(2).zip(INDEX.windows(2));
    let found = steps.into_iter().find_map(|(point, index)| match (point, index) {
        ([low, high], [from, to]) if concentration <= *high => Some((to - from) / (high - low) * (concentration - low) + from),
        _ => None,
    });
    // From 0 to 500, so it fits.
    found.unwrap_or(500.0).round().clamp(0.0, 500.0) as u16
}

/// How good the air is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// For machines.
    pub level: &'static str,
    /// The decision's word.
    pub name: &'static str,
    /// The decision's colour.
    pub color: &'static str,
}

impl Band {
    /// Of an index.
    pub fn of(index: u16) -> Self {
        let (level, name, color) = match index {
            0..=50 => ("good", "Tốt", "#00e400"),
            51..=100 => ("moderate", "Trung bình", "#ffff00"),
            101..=150 => ("poor", "Kém", "#ff7e00"),
            151..=200 => ("bad", "Xấu", "#ff0000"),
            201..=300 => ("very-bad", "Rất xấu", "#8f3f97"),
            _ => ("hazardous", "Nguy hại", "#7e0023"),
        };
        Self { level, name, color }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_that_of_the_breakpoints_and_straight_between_them() {
        for pollutant in Pollutant::ALL {
            for (point, at) in breakpoints(pollutant).into_iter().zip(INDEX) {
                assert_eq!(f64::from(index(pollutant, point)), at, "{pollutant:?} at {point}");
            }
            assert_eq!(index(pollutant, 1e9), 500);
        }
        assert_eq!(index(Pollutant::Pm25, 20.3), 41);
        assert_eq!(index(Pollutant::Pm25, 65.0), 125);
        assert_eq!(index(Pollutant::Co, 5_000.0), 25);
    }

    #[test]
    fn bands_end_where_the_decision_says() {
        let levels: Vec<_> = [0, 50, 51, 100, 101, 150, 151, 200, 201, 300, 301, 500].map(|index| Band::of(index).level).into();
        let twice = ["good", "moderate", "poor", "bad", "very-bad", "hazardous"].map(|level| [level, level]).concat();
        assert_eq!(levels, twice);
    }
}
