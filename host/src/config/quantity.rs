//! Amounts in messages, as people write them in configuration.

use super::problem::Unit;

/// `90s` for 90,000 milliseconds, `64MiB` for 67,108,864 bytes: the largest unit that stays whole.
pub(super) fn quantity(amount: u64, unit: Unit) -> String {
    let scales: &[(u64, &str)] = match unit {
        Unit::Milliseconds => &[(365 * 86_400_000, "y"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")],
        Unit::Bytes => &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")],
        Unit::Count => &[(1, "")],
    };
    for (factor, name) in scales {
        if amount >= *factor && amount.is_multiple_of(*factor) {
            return format!("{}{name}", amount / factor);
        }
    }
    "0".into()
}
