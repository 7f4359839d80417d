//! What a message costs its organization: prices by the recipient's country and the message's category.
//!
//! The card is the operator's own, and need not be Meta's price list. **Invariant:** the longest prefix of the recipient's number
//! that the card has for the category decides, and nothing else does; what the card has no row for, or a row of zero, is free.

use std::collections::HashMap;

use crate::category::Category;
use crate::money::Amount;
use crate::recipient::Recipient;

/// A row of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The country, or a part of its numbers.
    pub prefix: Prefix,
    /// For messages of this category.
    pub category: Category,
    /// For one message.
    pub price: Amount,
}

/// How the numbers of a country begin: `+` and its calling code, or a longer part (`+1876` is Jamaica, inside `+1`). The empty prefix
/// stands for every number that no other row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(String);

impl Prefix {
    /// Reads `+` and 1 to 15 digits, the first not zero; or nothing at all.
    pub fn parse(text: &str) -> Option<Self> {
        let Some(digits) = text.strip_prefix('+') else {
            return text.is_empty().then(|| Self(String::new()));
        };
        let fits = (1..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        fits.then(|| Self(text.to_owned()))
    }

    /// With the `+`; empty for the default.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An organization's prices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateCard {
    prices: HashMap<Category, HashMap<String, Amount>>,
    /// The longest prefix there is, in bytes.
    longest: usize,
}

impl RateCard {
    /// A card of these rows; of two for the same prefix and category the later one counts.
    pub fn new(rates: impl IntoIterator<Item = Rate>) -> Self {
        let mut card = Self::default();
        for rate in rates {
            card.longest = card.longest.max(rate.prefix.0.len());
            let prices = card.prices.entry(rate.category).or_default();
            prices.insert(rate.prefix.0, rate.price);
        }
        card
    }

    /// What one message costs; `None` when it is free.
    pub fn price(&self, recipient: &Recipient, category: Category) -> Option<Amount> {
        let (number, prices) = (recipient.as_str(), self.prices.get(&category)?);
        let longest = self.longest.min(number.len());
        let price = (0..=longest).rev().find_map(|length| prices.get(&number[..length]))?;
        (*price > Amount::ZERO).then_some(*price)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(prefix: &str, category: Category, micros: i64) -> Rate {
        Rate {
            prefix: Prefix::parse(prefix).unwrap(),
            category,
            price: Amount::from_micros(micros),
        }
    }

    fn price(card: &RateCard, number: &str, category: Category) -> Option<i64> {
        let price = card.price(&Recipient::parse(number).unwrap(), category);
        price.map(Amount::micros)
    }

    #[test]
    fn the_longest_prefix_decides_and_the_default_is_the_shortest() {
        let card = RateCard::new([
            rate("", Category::Marketing, 90),
            rate("+1", Category::Marketing, 25),
            rate("+1876", Category::Marketing, 70),
            rate("+1", Category::Utility, 4),
        ]);

        assert_eq!(price(&card, "+16505550100", Category::Marketing), Some(25));
        assert_eq!(price(&card, "+18765550100", Category::Marketing), Some(70));
        assert_eq!(price(&card, "+4915112345678", Category::Marketing), Some(90));
        assert_eq!(price(&card, "+18765550100", Category::Utility), Some(4));
    }

    #[test]
    fn what_has_no_row_or_one_of_zero_is_free() {
        let card = RateCard::new([
            rate("", Category::Utility, 5),
            rate("+49", Category::Utility, 0),
            rate("+1", Category::Marketing, 25),
        ]);

        assert_eq!(price(&card, "+4915112345678", Category::Utility), None);
        assert_eq!(price(&card, "+4915112345678", Category::Marketing), None);
        assert_eq!(price(&card, "+16505550100", Category::Service), None);
        assert_eq!(price(&RateCard::default(), "+16505550100", Category::Marketing), None);
    }

    #[test]
    fn a_prefix_is_a_plus_and_digits_or_nothing() {
        for (text, is_one) in [
            ("", true),
            ("+1", true),
            ("+998901234567890", true),
            ("+", false),
            ("1", false),
            ("+0", false),
            ("+1a", false),
            ("+9989012345678901", false),
            (" +1", false),
            ("+１", false),
        ] {
            assert_eq!(Prefix::parse(text).is_some(), is_one, "{text:?}");
        }
    }

    /// Few digits, so that prefixes meet.
    fn any_rate() -> impl Strategy<Value = Rate> {
        let prefix = prop_oneof![1 => Just(String::new()), 9 => "\\+[12][123]{0,5}"];
        let category = proptest::sample::select(Category::ALL.to_vec());
        (prefix, category, 0..1000_i64).prop_map(|(prefix, category, micros)| rate(&prefix, category, micros))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn the_price_is_that_of_the_longest_row_that_fits_however_the_card_is_written(
            rates in proptest::collection::vec(any_rate(), 0..40),
            number in "\\+[12][123]{6,9}",
            category in proptest::sample::select(Category::ALL.to_vec()),
        ) {
            let card = RateCard::new(rates.clone());

            let fitting = rates.iter().filter(|rate| rate.category == category && number.starts_with(rate.prefix.as_str()));
            // `max_by_key` takes the last of equals, as the card does.
            let longest = fitting.max_by_key(|rate| rate.prefix.as_str().len());
            let expected = longest.map(|rate| rate.price.micros()).filter(|price| *price > 0);
            prop_assert_eq!(price(&card, &number, category), expected);
        }
    }
}
