//! Brings an organization's balance and rate card to what is declared.

use deadpool_postgres::Transaction;
use domain::Amount;
use domain::declaration::Organization;
use domain::rate_card::Rate;

use super::{FIND, TOP_UP, currency};
use crate::Error;
use crate::statement::statement;
use crate::tenancy::{Applied, ApplyError, Change};

/// Opens the balance where it is declared and there is none, with its first money; replaces the card where one is given.
///
/// The balance of an account that exists is not touched, whatever the file says: money moves by top-ups only.
pub(crate) async fn declare(
    tx: &Transaction<'_>,
    organization_id: i64,
    organization: &Organization,
    applied: &mut Applied,
) -> Result<(), ApplyError> {
    let slug = &organization.slug;
    let declared = organization.currency();
    if let (Some(first), Some(declared)) = (organization.balance(), &declared) {
        let opened = statement!("balance/open", "opening a balance")
            .run(tx, &[&organization_id, &declared.as_str()])
            .await?;
        if opened > 0 && first > Amount::ZERO {
            TOP_UP.run(tx, &[&organization_id, &first.micros()]).await?;
        }
        let change = if opened > 0 { Change::Created } else { Change::Unchanged };
        applied.add(format!("balance of {slug}"), change);
    }
    if let (Some(row), Some(declared)) = (FIND.row(tx, &[&organization_id]).await?, declared) {
        let known = currency(&row)?;
        if known != declared {
            return Err(ApplyError::Currency {
                organization: slug.clone(),
                known,
                declared,
            });
        }
    }
    if !organization.rate.is_empty() {
        let rates: Vec<Rate> = organization.rate.iter().filter_map(|rate| rate.to_rate()).collect();
        let change = card(tx, organization_id, &rates).await?;
        applied.add(format!("rate card of {slug}"), change);
    }
    Ok(())
}

async fn card(tx: &Transaction<'_>, organization_id: i64, rates: &[Rate]) -> Result<Change, Error> {
    let prefixes: Vec<&str> = rates.iter().map(|rate| rate.prefix.as_str()).collect();
    let categories: Vec<i16> = rates.iter().map(|rate| rate.category.code()).collect();
    let prices: Vec<i64> = rates.iter().map(|rate| rate.price.micros()).collect();
    let row = statement!("balance/card", "declaring a rate card")
        .row(tx, &[&organization_id, &prefixes, &categories, &prices])
        .await?
        .expect("a SELECT of two expressions is one row");
    Ok(match (row.get("changed"), row.get("existed")) {
        (false, _) => Change::Unchanged,
        (true, true) => Change::Updated,
        (true, false) => Change::Created,
    })
}
