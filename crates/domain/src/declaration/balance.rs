//! The part of a declaration that is about money: currency, prepaid balance, rate card. Without it an organization pays nothing.

use std::collections::HashSet;

use serde::Deserialize;

use super::Organization;
use crate::category::Category;
use crate::money::{Amount, Currency};
use crate::rate_card::{Prefix, Rate};

/// A row of the rate card.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateDeclaration {
    /// How the recipients' numbers begin, as in `+1`; left out, every number that no other row is about.
    #[serde(default)]
    pub prefix: String,
    /// `MARKETING`, `UTILITY`, `AUTHENTICATION` or `SERVICE`.
    pub category: String,
    /// For one message, as a decimal in a string: `"0.025"`.
    pub price: String,
}

impl RateDeclaration {
    /// The row; `None` when [`super::Declaration::check`] has something to say about it.
    pub fn to_rate(&self) -> Option<Rate> {
        Some(Rate {
            prefix: Prefix::parse(&self.prefix)?,
            category: Category::parse(&self.category)?,
            price: not_negative(&self.price)?,
        })
    }
}

impl Organization {
    /// The currency; `None` when there is none, or it is not one.
    pub fn currency(&self) -> Option<Currency> {
        Currency::parse(self.currency.as_deref()?)
    }

    /// What a new balance begins with; `None` when there is none, or it is not an amount.
    pub fn balance(&self) -> Option<Amount> {
        not_negative(self.balance.as_deref()?)
    }
}

fn not_negative(text: &str) -> Option<Amount> {
    Amount::parse(text).ok().filter(|amount| *amount >= Amount::ZERO)
}

/// Checks it all; `wrong` takes place, value and what was expected.
pub(super) fn check(organization: &Organization, at: &str, wrong: &mut impl FnMut(String, &str, &'static str)) {
    let amount = "an amount in quotes, with a point and up to 6 decimals, not below zero, as in \"0.025\"";
    let has_money = organization.balance.is_some() || !organization.rate.is_empty();
    match &organization.currency {
        None if has_money => wrong(format!("{at}: currency"), "", "given, although balance or rate is"),
        Some(text) if Currency::parse(text).is_none() => {
            wrong(
                format!("{at}: currency"),
                text,
                "three capital letters of ISO 4217, as in EUR",
            );
        }
        None | Some(_) => {}
    }
    if let Some(text) = organization
        .balance
        .as_deref()
        .filter(|text| not_negative(text).is_none())
    {
        wrong(format!("{at}: balance"), text, amount);
    }
    let mut seen = HashSet::new();
    for rate in &organization.rate {
        let at = format!("{at}, rate {} {}", rate.prefix, rate.category);
        if Prefix::parse(&rate.prefix).is_none() {
            wrong(
                format!("{at}: prefix"),
                &rate.prefix,
                "+ and a calling code, as in +1, or left out",
            );
        }
        if Category::parse(&rate.category).is_none() {
            wrong(
                format!("{at}: category"),
                &rate.category,
                "MARKETING, UTILITY, AUTHENTICATION or SERVICE",
            );
        }
        if not_negative(&rate.price).is_none() {
            wrong(format!("{at}: price"), &rate.price, amount);
        }
        if !seen.insert((&rate.prefix, rate.category.to_ascii_uppercase())) {
            wrong(
                format!("{at}: prefix"),
                &rate.prefix,
                "the only row for this prefix and category",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::declaration::Declaration;

    fn mistakes(organization: Value) -> Vec<String> {
        let mut organization = organization;
        (organization["slug"], organization["name"]) = (json!("acme"), json!("Acme"));
        let declaration: Declaration = serde_json::from_value(json!({"organization": [organization]})).unwrap();
        let mistakes = declaration.check().err().unwrap_or_default();
        mistakes.into_iter().map(|mistake| mistake.place).collect()
    }

    #[test]
    fn a_card_and_a_balance_in_one_currency_are_fine() {
        let organization = json!({"currency": "USD", "balance": "0", "rate": [
            {"category": "MARKETING", "price": "0.09"},
            {"prefix": "+1", "category": "marketing", "price": "0.025"},
            {"prefix": "+1", "category": "SERVICE", "price": "0"},
        ]});

        assert_eq!(mistakes(organization), Vec::<String>::new());
    }

    #[test]
    fn every_mistake_about_money_is_placed() {
        let rate =
            |prefix: &str, category: &str, price: &str| json!({"prefix": prefix, "category": category, "price": price});
        assert_eq!(
            mistakes(json!({"balance": "-1"})),
            ["organization acme: currency", "organization acme: balance"]
        );
        assert_eq!(mistakes(json!({"currency": "usd"})), ["organization acme: currency"]);
        assert_eq!(
            mistakes(
                json!({"currency": "USD", "rate": [rate("1", "SALE", "0,1"), rate("", "UTILITY", "1"), rate("", "utility", "2")]})
            ),
            [
                "organization acme, rate 1 SALE: prefix",
                "organization acme, rate 1 SALE: category",
                "organization acme, rate 1 SALE: price",
                "organization acme, rate  utility: prefix",
            ]
        );
    }

    #[test]
    fn a_price_must_be_in_quotes() {
        let declared = serde_json::from_value::<RateDeclaration>(json!({"category": "UTILITY", "price": 0.1}));
        assert!(declared.is_err(), "a float is not exact");
    }
}
