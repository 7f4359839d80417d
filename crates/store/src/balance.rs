//! Prepaid balances: reading one, putting money on it, and declaring it.
//!
//! What messages cost is reserved, spent and released where they are admitted and settled, in SQL (migrations/V0007).
//! **Invariant:** every change of a balance is an entry in the books, in the same transaction.

mod declare;

use chrono::{DateTime, Utc};
use domain::{Amount, Currency, OrganizationId};
use tokio_postgres::Row;

use crate::intake::NewAnswer;
use crate::intake::earlier_answers;
use crate::statement::{Statement, statement};
use crate::{Error, Store};

pub(crate) use declare::declare;

const FIND: Statement = statement!("balance/find", "reading a balance");
const TOP_UP: Statement = statement!("balance/top_up", "moving money to or from a balance");
const KEEP_ANSWER: Statement = statement!("balance/keep_answer", "keeping the answer to a top-up");

/// A prepaid balance. Available, reserved and spent are what was funded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Of all its amounts.
    pub currency: Currency,
    /// What messages can be paid from.
    pub available: Amount,
    /// For messages that are on their way, or whose fate is not known.
    pub reserved: Amount,
    /// For messages that Meta accepted.
    pub spent: Amount,
    /// All top-ups, less what was taken back.
    pub funded: Amount,
}

/// Money that comes, or goes when the amount is below zero.
#[derive(Debug, Clone, Copy)]
pub struct TopUp<'a> {
    /// Whose balance.
    pub organization: OrganizationId,
    /// How much.
    pub amount: Amount,
    /// The request's idempotency key and hash, when it has one.
    pub key: Option<(&'a str, [u8; 32])>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What came of a [`TopUp`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToppedUp {
    /// Done; how the balance is now.
    Now(Balance),
    /// The idempotency key got this answer before; perhaps to another request, as its hash tells. Nothing was moved.
    Before(NewAnswer),
    /// More was to be taken off than is available. Nothing was moved.
    TooMuch(Balance),
    /// The organization has no balance.
    NoBalance,
}

impl Store {
    /// An organization's balance; `None` when it has none and pays nothing.
    pub async fn balance(&self, organization: OrganizationId) -> Result<Option<Balance>, Error> {
        let client = self.client().await?;
        let row = FIND.row(&client, &[&organization.0]).await?;
        row.as_ref().map(balance).transpose()
    }

    /// Moves money once per idempotency key. `answer` is what a repeated request is to get: status and body.
    pub async fn top_up(
        &self,
        top_up: &TopUp<'_>,
        answer: impl Fn(&Balance) -> (u16, String) + Send,
    ) -> Result<ToppedUp, Error> {
        let doing = "topping a balance up";
        let organization = top_up.organization;
        let mut client = self.client().await?;
        loop {
            let tx = client.transaction().await.map_err(Error::while_doing(doing))?;
            if let Some((key, _)) = top_up.key {
                let mut earlier = earlier_answers(&tx, &[(organization, key.to_owned())]).await?;
                if let Some(earlier) = earlier.pop() {
                    return Ok(ToppedUp::Before(earlier));
                }
            }
            let moved = TOP_UP.row(&tx, &[&organization.0, &top_up.amount.micros()]).await?;
            let Some(moved) = moved else {
                let found = FIND.row(&tx, &[&organization.0]).await?;
                return found.map_or(Ok(ToppedUp::NoBalance), |row| balance(&row).map(ToppedUp::TooMuch));
            };
            let now = balance(&moved)?;
            if let Some((key, hash)) = top_up.key {
                let (status, body) = answer(&now);
                let status = i16::try_from(status).unwrap_or(500);
                let kept = KEEP_ANSWER
                    .run(
                        &tx,
                        &[&organization.0, &key, &hash.as_slice(), &status, &body, &top_up.now],
                    )
                    .await?;
                if kept == 0 {
                    // Somebody else was faster with this key, and committed: the next round finds the answer, or the key free again.
                    tx.rollback().await.map_err(Error::while_doing(doing))?;
                    continue;
                }
            }
            tx.commit().await.map_err(Error::while_doing(doing))?;
            return Ok(ToppedUp::Now(now));
        }
    }
}

fn balance(row: &Row) -> Result<Balance, Error> {
    let amount = |column: &str| Amount::from_micros(row.get(column));
    Ok(Balance {
        currency: currency(row)?,
        available: amount("available"),
        reserved: amount("reserved"),
        spent: amount("spent"),
        funded: amount("funded"),
    })
}

pub(crate) fn currency(row: &Row) -> Result<Currency, Error> {
    let code: &str = row.get("currency");
    Currency::parse(code).ok_or_else(|| Error::Unreadable {
        what: "balance_account.currency",
        found: code.to_owned(),
    })
}
