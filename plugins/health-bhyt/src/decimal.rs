//! Money and quantities, exact to the last decimal.

use std::fmt;

use serde::{Serialize, Serializer};

/// A number of at most fifteen digits, three of them decimals, in thousandths. Fifteen digits are also what a double keeps to the letter,
/// so that a reader of the JSON has the number that the hospital wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Decimal(i64);

const MAX_THOUSANDTHS: i64 = 999_999_999_999_999;

impl Decimal {
    pub(crate) const HUNDRED: Self = Self(100_000);

    /// Digits, perhaps a sign before them, perhaps a point and decimals; of those beyond `decimals` only zeros.
    pub(crate) fn read(text: &str, decimals: usize) -> Option<Self> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || fraction.bytes().skip(decimals).any(|b| b != b'0') {
            return None;
        }
        let thousandths: i64 = format!("{:0<3.3}", fraction).parse().ok()?;
        let value = whole.parse::<i64>().ok()?.checked_mul(1_000)?.checked_add(thousandths)?;
        (value <= MAX_THOUSANDTHS).then_some(Self(sign * value))
    }

    /// What it adds to a sum.
    pub(crate) fn thousandths(self) -> i128 {
        self.0.into()
    }

    /// Whether it is `quantity` × `price` × `percent`, rounded to hundredths. Where the product lies in the middle of two hundredths, either is
    /// taken: the decisions do not say which way to round.
    pub(crate) fn is_product(self, quantity: Self, price: Self, percent: Self) -> bool {
        let exact = product(quantity, price, percent);
        (self.thousandths() * 100_000_000 - exact).abs() <= 500_000_000
    }
}

/// In units of 10⁻¹¹.
fn product(quantity: Decimal, price: Decimal, percent: Decimal) -> i128 {
    quantity.thousandths() * price.thousandths() * percent.thousandths()
}

/// A number of thousandths as money is written: with two decimals, or three where it has them.
pub(crate) struct Money(pub(crate) i128);

impl Money {
    /// `quantity` × `price`, rounded to hundredths.
    pub(crate) fn product(quantity: Decimal, price: Decimal) -> Self {
        let exact = product(quantity, price, Decimal::HUNDRED);
        let half = if exact < 0 { -500_000_000 } else { 500_000_000 };
        Self((exact + half) / 1_000_000_000 * 10)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, thousandths) = (self.0.unsigned_abs() / 1_000, self.0.unsigned_abs() % 1_000);
        match thousandths % 10 {
            0 => write!(f, "{sign}{whole}.{:02}", thousandths / 10),
            _ => write!(f, "{sign}{whole}.{thousandths:03}"),
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 1_000 {
            0 => serializer.serialize_i64(self.0 / 1_000),
            // Exact: see above.
            _ => serializer.serialize_f64(self.0 as f64 / 1_000.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::read(text, 3).unwrap()
    }

    #[test]
    fn numbers_are_digits_and_a_point() {
        for (text, expected) in [
            ("0", Some(0)),
            ("12", Some(12_000)),
            ("0012.5", Some(12_500)),
            ("-1.25", Some(-1_250)),
            ("1.250000", Some(1_250)),
            ("999999999999.999", None),
            ("999999999999.99", Some(999_999_999_999_990)),
            ("1000000000000", None),
            ("99999999999999999999", None),
            ("1.255", None),
            ("1,5", None),
            ("1.000.000", None),
            ("1e3", None),
            ("+1", None),
            ("--1", None),
            (".5", None),
            ("5.", None),
            ("1 000", None),
            ("\u{661}", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(Decimal::read(text, 2).map(|d| d.0), expected, "{text}");
        }
        assert_eq!(Decimal::read("999999999999.999", 3).map(|d| d.0), Some(MAX_THOUSANDTHS));
    }

    #[test]
    fn amounts_are_quantity_times_price_to_the_hundredth() {
        for (amount, quantity, price, percent, is) in [
            ("1250000", "1", "1250000", "100", true),
            ("1250000", "1", "1200000", "100", false),
            ("333.33", "0.333", "1001", "100", true),
            ("333.34", "0.333", "1001", "100", false),
            ("0.01", "0.005", "1", "100", true),
            ("0", "0.005", "1", "100", true),
            ("0.02", "0.005", "1", "100", false),
            ("-10", "-2", "5", "100", true),
            ("16.5", "1", "50", "33", true),
            ("50", "1", "50", "33", false),
            ("999999999999.99", "999999999999", "999999999999.999", "100", false),
        ] {
            let [amount, quantity, price, percent] = [amount, quantity, price, percent].map(decimal);
            assert_eq!(amount.is_product(quantity, price, percent), is, "{amount:?}");
        }
        assert_eq!(Money::product(decimal("0.333"), decimal("1001")).to_string(), "333.33");
        assert_eq!(Money::product(decimal("-0.005"), decimal("1")).to_string(), "-0.01");
        assert_eq!((Money(1_250_000_000).to_string(), Money(-1_255).to_string()), ("1250000.00".to_owned(), "-1.255".to_owned()));
    }

    proptest! {
        #[test]
        fn json_has_every_decimal_to_the_letter(thousandths in -MAX_THOUSANDTHS..=MAX_THOUSANDTHS) {
            let json = serde_json::to_string(&Decimal(thousandths)).unwrap();
            prop_assert_eq!(Decimal::read(&json, 3), Some(Decimal(thousandths)), "{}", json);
            let double: f64 = json.parse().unwrap();
            prop_assert_eq!((double * 1_000.0).round() as i64, thousandths);
        }

        #[test]
        fn what_is_rounded_is_taken(quantity in 0i64..10_000_000_000, price in 0i64..10_000_000_000) {
            let (quantity, price) = (Decimal(quantity), Decimal(price));
            let Money(rounded) = Money::product(quantity, price);
            if let Some(amount) = i64::try_from(rounded).ok().map(Decimal) {
                prop_assert!(amount.is_product(quantity, price, Decimal::HUNDRED));
                prop_assert!(!Decimal(amount.0 + 20).is_product(quantity, price, Decimal::HUNDRED));
            }
        }
    }
}
