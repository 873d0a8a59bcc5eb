//! "Did you mean …?"

use super::findings::Hint;

/// The name that was most likely meant, or what there is.
pub(super) fn hint<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<Hint> {
    let known: Vec<&str> = known.into_iter().collect();
    Some(match nearest(given, &known) {
        Some(name) => Hint::Nearest(name.to_owned()),
        None => Hint::Known(known.iter().map(|name| (*name).to_owned()).collect()),
    })
}

/// The known name that was most likely meant.
pub fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    // Longer texts are no misspelt names, and the distance is quadratic.
    if given.len() > 200 {
        return None;
    }
    let lower = given.to_lowercase().replace('_', "-");
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    let allowed = (given.chars().count() / 3).clamp(1, 4);
    let by_distance = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &plain(name)), *name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name);
    // The right name in the wrong domain, or the other way round: `environment/stops` for `transport/stops`.
    let tail = |name: &str| name.rsplit('/').next().map(plain);
    by_distance.or_else(|| known.iter().copied().find(|name| name.contains('/') && tail(name) == tail(given)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_proposed_and_a_far_one_is_not() {
        let known = ["environment/observations", "transport/stops", "time_per_call", "key"];
        for (given, meant) in [
            ("environment/observation", Some("environment/observations")),
            ("enviroment/observatoins", Some("environment/observations")),
            ("environment/stops", Some("transport/stops")),
            ("time-per-call", Some("time_per_call")),
            ("keys", Some("key")),
            ("agency", None),
            ("k", None),
        ] {
            assert_eq!(nearest(given, &known), meant, "{given}");
        }
    }
}
