//! What a sender left behind that is gone: which of its claims still stand, and over which rows it died.
//!
//! **Invariant:** nothing here says that a POST was not made; whoever asks must know that from elsewhere.

use domain::{Category, MessageId, Reason, State};
use uuid::Uuid;

use crate::statement::{Statement, statement};
use crate::{Error, Reading, Store};

const GATES: Statement = statement!("admission/claimed_gates", "waiting for a dead sender's last admission");
const STANDING: Statement = statement!("rescue/standing", "looking which claims of a dead sender stand");
const COUNT_CRASHES: Statement = statement!("rescue/count_crashes", "counting over which messages a sender died");

/// Over how many deaths of a sender a message is set aside.
pub const MAX_CRASHES: i16 = 3;

/// A claim that the ledger still shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The message.
    pub id: MessageId,
    /// The admission it was claimed by.
    pub claim: Uuid,
    /// The attempt, which fences whatever is recorded of it.
    pub attempt: i32,
    /// How long an unknown outcome of it waits.
    pub category: Category,
    /// [`State::Sending`], or [`State::Uncertain`] when its lease ran out.
    pub state: State,
}

impl Store {
    /// The claims among these that still stand, and the ledger's clock. Waits for admissions of theirs that are still being committed.
    pub async fn standing_claims(&self, claims: &[(MessageId, Uuid)]) -> Result<(Vec<Standing>, Reading), Error> {
        let doing = "looking which claims of a dead sender stand";
        let (ids, claims): (Vec<Uuid>, Vec<Uuid>) = claims.iter().map(|(id, claim)| (id.0, *claim)).unzip();
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Error::while_doing(doing))?;
        GATES.rows(&transaction, &[&ids]).await?;
        // A statement of its own: it sees what was committed while the one before waited.
        let rows = STANDING.rows(&transaction, &[&ids, &claims]).await?;
        transaction.commit().await.map_err(Error::while_doing(doing))?;
        drop(client);
        let standing = rows.iter().map(|row| {
            let (category, state): (i16, i16) = (row.get("category"), row.get("state"));
            Ok(Standing {
                id: MessageId(row.get("id")),
                claim: row.get("claim"),
                attempt: row.get("attempt"),
                category: Category::from_code(category).ok_or_else(|| Error::Unreadable {
                    what: "a message's category",
                    found: category.to_string(),
                })?,
                state: State::from_code(state).ok_or_else(|| Error::Unreadable {
                    what: "a message's state",
                    found: state.to_string(),
                })?,
            })
        });
        Ok((standing.collect::<Result<_, Error>>()?, self.clock().await?))
    }

    /// Counts one death of a sender for each of these rows. Returns those that were set aside by it.
    pub async fn count_crashes(&self, ids: &[MessageId]) -> Result<Vec<MessageId>, Error> {
        let client = self.client().await?;
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let reason = Reason::Quarantined.to_string();
        let rows = COUNT_CRASHES.rows(&client, &[&ids, &MAX_CRASHES, &reason]).await?;
        let quarantined = rows.iter().filter(|row| row.get("quarantined"));
        Ok(quarantined.map(|row| MessageId(row.get("id"))).collect())
    }
}
