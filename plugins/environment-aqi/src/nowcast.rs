/// The NowCast of dust: hourly means of twelve hours, the newest first; none where an hour has no value. None without two of the newest
/// three (Decision 1459/QĐ-TCMT, 4.1).
pub fn nowcast(hours: &[Option<f64>; 12]) -> Option<f64> {
    if hours.iter().take(3).flatten().count() < 2 {
        return None;
    }
    let values = || hours.iter().flatten().copied();
    let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    let steadiness = if most > 0.0 { least / most } else { 1.0 };
    if steadiness <= 0.5 {
        return Some(hours.iter().zip(1..).map(|(value, i)| value.map_or(0.0, |c| 0.5_f64.powi(i) * c)).sum());
    }
    let weighed = |of: fn(f64) -> f64| -> f64 {
        hours.iter().zip(0..).map(|(value, i)| value.map_or(0.0, |c| steadiness.powi(i) * of(c))).sum()
    };
    Some(weighed(|c| c) / weighed(|_| 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_worked_case_of_the_decision() {
        let oldest_first = [26.9, 24.7, 20.5, 23.5, 19.5, 16.5, 19.0, 16.5, 20.3, 22.4, 19.6, 20.6];
        let mut hours = oldest_first.map(Some);
        hours.reverse();
        assert!((nowcast(&hours).unwrap() - 20.3).abs() < 0.05);
    }

    #[test]
    fn two_of_the_newest_three_hours_are_needed() {
        let some = |present: &[usize]| {
            let mut hours = [None; 12];
            present.iter().for_each(|hour| hours[*hour] = Some(10.0));
            nowcast(&hours)
        };
        assert_eq!(some(&[0, 3, 4, 5, 6, 7, 8, 9, 10, 11]), None);
        assert_eq!(some(&[]), None);
        assert!((some(&[0, 2]).unwrap() - 10.0).abs() < 1e-9);
        assert!((some(&[1, 2, 11]).unwrap() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_sudden_change_weighs_the_newest_hours_most() {
        let mut hours = [Some(10.0); 12];
        hours[0] = Some(100.0);
        // Half of the newest, and half of it less with each hour before.
        assert!((nowcast(&hours).unwrap() - (50.0 + 10.0 * (0.5 - 0.5_f64.powi(12)))).abs() < 1e-9);
        assert_eq!(nowcast(&[Some(0.0); 12]), Some(0.0));
    }

    proptest! {
        #[test]
        fn it_lies_between_nothing_and_the_highest_hour(hours in prop::array::uniform12(prop::option::of(0.0..1_000.0_f64))) {
            if let Some(value) = nowcast(&hours) {
                let most = hours.iter().flatten().copied().fold(0.0, f64::max);
                prop_assert!((0.0..=most + 1e-9).contains(&value), "{value} of {hours:?}");
            }
        }
    }
}
