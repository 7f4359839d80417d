//! What messages cost, for organizations that pay: their purses come with their numbers, their rate cards when they changed.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use domain::rate_card::{Prefix, Rate};
use domain::{Amount, Category, Currency, OrganizationId, RateCard};
use tokio_postgres::Row;

use super::Intake;
use crate::Error;
use crate::statement::{Statement, statement};

const RATES: Statement = statement!("intake/rates", "reading rate cards");

/// What an organization has to pay from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purse {
    /// As it was read: others may spend from it at any time.
    pub available: Amount,
    /// Of all its amounts and prices.
    pub currency: Currency,
    /// Which version of the rate card holds.
    pub card_revision: i32,
}

impl Purse {
    /// Of a row that has one.
    pub(super) fn read(row: &Row) -> Result<Option<Self>, Error> {
        let Some(available) = row.get("available") else {
            return Ok(None);
        };
        Ok(Some(Self {
            available: Amount::from_micros(available),
            currency: crate::balance::currency(row)?,
            card_revision: row.get("card_revision"),
        }))
    }
}

impl Intake {
    /// The rate cards of these organizations; one without rows is missing.
    pub async fn rate_cards(
        &self,
        organizations: &[OrganizationId],
    ) -> Result<HashMap<OrganizationId, RateCard>, Error> {
        rate_cards(&self.client, organizations).await
    }
}

/// [`Intake::rate_cards`] on any connection.
pub(crate) async fn rate_cards(
    client: &impl GenericClient,
    organizations: &[OrganizationId],
) -> Result<HashMap<OrganizationId, RateCard>, Error> {
    let organizations: Vec<i64> = organizations.iter().map(|organization| organization.0).collect();
    let mut rates: HashMap<OrganizationId, Vec<Rate>> = HashMap::new();
    for row in RATES.rows(client, &[&organizations]).await? {
        let organization = OrganizationId(row.get("organization_id"));
        rates.entry(organization).or_default().push(rate(&row)?);
    }
    let cards = rates
        .into_iter()
        .map(|(organization, rates)| (organization, RateCard::new(rates)));
    Ok(cards.collect())
}

fn rate(row: &Row) -> Result<Rate, Error> {
    let (prefix, category): (&str, i16) = (row.get("prefix"), row.get("category"));
    let unreadable = |what, found: String| Error::Unreadable { what, found };
    Ok(Rate {
        prefix: Prefix::parse(prefix).ok_or_else(|| unreadable("rate.prefix", prefix.to_owned()))?,
        category: Category::from_code(category).ok_or_else(|| unreadable("rate.category", category.to_string()))?,
        price: Amount::from_micros(row.get("price")),
    })
}
