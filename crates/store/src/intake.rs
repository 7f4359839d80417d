//! The way in: what the rules at the door must know, and the insertion of a batch.
//!
//! **Invariant:** a batch is one statement, or one transaction where policies count its messages. Either everything in it is kept, with
//! its answers under their idempotency keys, or nothing is; there is no moment at which a row exists without the answer that a second
//! request with its key must get.

mod counted;
mod facts;
mod insert;
mod policies;
mod rates;

use deadpool_postgres::Client;

use crate::{Error, Store};

pub use counted::Footprint;
pub(crate) use counted::{count_quota, lock_quota};
pub use facts::{Facts, Limit, Number, Questions};
pub(crate) use facts::{opted_out, templates};
pub use insert::{Batch, Fallback, Free, NewAnswer, NewFlow, NewMessage, Start, Taken};
pub(crate) use insert::{earlier_answers, insert};
pub use policies::{PolicyAnswers, PolicyQuestions};
pub use rates::Purse;
pub(crate) use rates::rate_cards;

/// One batch's conversation with the ledger, on one connection: questions asked together travel together.
#[derive(Debug)]
pub struct Intake {
    client: Client,
}

impl Store {
    /// Takes a connection for one batch.
    pub async fn intake(&self) -> Result<Intake, Error> {
        Ok(Intake {
            client: self.client().await?,
        })
    }
}
