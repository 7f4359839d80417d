//! A sender as a machine of steps, each of which may be its last. The order is that of `gate::round`, `gate::hear` and `post::attempt`.

use chrono::{DateTime, Utc};
use domain::attempt::Outcome;
use domain::{Category, MessageId};
use store::outcomes::Recorded;
use uuid::Uuid;

use crate::journal::Record;

/// What a process knows, and loses when it is killed.
#[derive(Debug, Default)]
pub(super) struct Sender {
    pub(super) work: Vec<Work>,
    /// Its journal: the page cache outlives it.
    pub(super) journal: Vec<Record>,
}

/// Something that it does next.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// A delivery was taken.
    Taken { delivery: u64, ids: Vec<MessageId> },
    /// Its rows passed the rules: say so in the journal, then claim.
    Judged { delivery: u64, ids: Vec<MessageId> },
    /// The journal has it: ask the ledger.
    Noted {
        delivery: u64,
        ids: Vec<MessageId>,
        claim: Uuid,
    },
    /// The claim was committed and we saw it: acknowledge the delivery.
    Admitted { delivery: u64, rows: Vec<Claimed> },
    /// The commit is in doubt: undo what may have come of it.
    Doubtful { claim: Uuid, ids: Vec<MessageId> },
    /// A row waits for its slot.
    Waiting(Claimed),
    /// It begins: from here on it cannot be called back.
    Begun(Claimed),
    /// It is on its way to Meta, and nobody knows how long.
    Answered(Claimed, Outcome),
    /// It ended; the journal must know before the ledger.
    Ended(Recorded),
    /// The ledger must know.
    Unrecorded(Recorded),
}

/// A row with a slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claimed {
    pub(super) id: MessageId,
    pub(super) claim: Uuid,
    pub(super) attempt: i32,
    pub(super) slot: DateTime<Utc>,
    pub(super) category: Category,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) failures: i32,
    /// When it was looked at last whether the slot can be kept.
    pub(super) begun_at: DateTime<Utc>,
}
