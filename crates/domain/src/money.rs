//! Money: exact amounts in millionths of a currency's unit. Never a float.

use std::fmt;

use serde::{Serialize, Serializer};

/// Decimals that an amount may have.
const DECIMALS: usize = 6;
/// Millionths in a unit.
const UNIT: i64 = 1_000_000;
/// The largest amount that is read, in units: far from what 64 bits hold, so that sums of many amounts stay exact.
const MOST_UNITS: i64 = 1_000_000_000;

/// An amount in millionths of a unit of some [`Currency`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i64);

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an amount with a point and up to 6 decimals, at most 1000000000, as in 12.50")]
pub struct NotAnAmount;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many millionths.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// In millionths.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads a decimal, exactly: digits, perhaps a point and up to six more digits, perhaps a `-` in front. No exponent, no `+`, no
    /// separators between thousands: a text that somebody may read otherwise is no amount.
    ///
    /// # Errors
    /// When the text is anything else, or more than a billion units.
    pub fn parse(text: &str) -> Result<Self, NotAnAmount> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (units, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(units) || !is_number(decimals) || decimals.len() > DECIMALS {
            return Err(NotAnAmount);
        }
        let units: i64 = units.parse().map_err(|_| NotAnAmount)?;
        let micros: i64 = format!("{decimals:0<DECIMALS$}")
            .parse()
            .expect("six digits are far below 2^63");
        if units > MOST_UNITS || (units == MOST_UNITS && micros > 0) {
            return Err(NotAnAmount);
        }
        Ok(Self(sign * (units * UNIT + micros)))
    }

    /// The sum; at the ends of what 64 bits hold it stays there.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of it, when it covers `price`.
    #[must_use]
    pub fn spend(self, price: Self) -> Option<Self> {
        (self >= price).then(|| Self(self.0.saturating_sub(price.0)))
    }
}

/// As [`Amount::parse`] reads it: at least two decimals, and no zeros after them.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, micros) = (
            self.0.unsigned_abs() / UNIT.unsigned_abs(),
            self.0.unsigned_abs() % UNIT.unsigned_abs(),
        );
        let decimals = format!("{micros:0DECIMALS$}");
        let (two, rest) = decimals.split_at(2);
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{units}.{two}{}", rest.trim_end_matches('0'))
    }
}

/// A decimal in a string: JSON's numbers are floats to many readers.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A currency by its code of ISO 4217: three capital letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Currency(String);

impl Currency {
    /// Reads a code.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        fits.then(|| Self(text.to_owned()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_exactly_and_written_short() {
        for (text, micros, written) in [
            ("0", 0, "0.00"),
            ("0.025", 25_000, "0.025"),
            ("12.5", 12_500_000, "12.50"),
            ("100", 100_000_000, "100.00"),
            ("007.10", 7_100_000, "7.10"),
            ("0.000001", 1, "0.000001"),
            ("-0.05", -50_000, "-0.05"),
            ("-0", 0, "0.00"),
            ("1000000000", 1_000_000_000_000_000, "1000000000.00"),
        ] {
            let amount = Amount::parse(text).unwrap();
            assert_eq!(
                (amount.micros(), amount.to_string()),
                (micros, written.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_could_be_read_otherwise_is_no_amount() {
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "+1",
            "1,5",
            "1.5.0",
            "1e3",
            " 1",
            "1 ",
            "0x1",
            "--1",
            "1.0000001",
            "１",
            "NaN",
            "1000000000.000001",
            "1000000001",
            "99999999999999999999",
            "-1000000001",
        ] {
            assert_eq!(Amount::parse(text), Err(NotAnAmount), "{text:?}");
        }
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!(Currency::parse("EUR").unwrap().as_str(), "EUR");
        for text in ["", "eur", "EURO", "E1R", "ÉUR"] {
            assert_eq!(Currency::parse(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_is_written_is_read_back(micros in -1_000_000_000_000_000..=1_000_000_000_000_000_i64) {
            let amount = Amount::from_micros(micros);
            let text = amount.to_string();
            prop_assert_eq!(Amount::parse(&text), Ok(amount), "{}", text);
            let decimals = text.split_once('.').unwrap().1;
            prop_assert!(decimals.len() == 2 || (decimals.len() <= 6 && !decimals.ends_with('0')));
        }

        #[test]
        fn a_decimal_is_the_integer_of_its_digits(units in 0..1_000_000_000_i64, decimals in "[0-9]{1,6}") {
            let amount = Amount::parse(&format!("{units}.{decimals}")).unwrap();
            // The same, the long way: digit by digit.
            let mut micros = i128::from(units);
            for place in 0..6 {
                micros = micros * 10 + i128::from(decimals.as_bytes().get(place).map_or(0, |digit| digit - b'0'));
            }
            prop_assert_eq!(i128::from(amount.micros()), micros);
        }

        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = Amount::parse(&text);
        }

        #[test]
        fn no_more_is_spent_than_there_is(have in 0..10_000_i64, prices in proptest::collection::vec(1..500_i64, 0..100)) {
            let mut left = Amount::from_micros(have);
            let mut spent = 0;
            for price in prices.into_iter().map(Amount::from_micros) {
                match left.spend(price) {
                    Some(rest) => (left, spent) = (rest, spent + price.micros()),
                    None => prop_assert!(price > left),
                }
                prop_assert!(left >= Amount::ZERO);
                prop_assert_eq!(left.micros() + spent, have);
            }
        }
    }
}
