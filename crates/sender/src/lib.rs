//! The sender: takes jobs, passes their messages through the gates, calls Meta, records what came of it.
//!
//! # A message's way
//!
//! 1. A **job** (a list of ids) comes from one of the two send queues. [`Lane`](domain::Lane)s never mix: each has its own
//!    channel, its own batches and its own places in flight. What is no job goes to the dead letters (`dead`).
//! 2. The **intake** puts jobs together to batches of up to 200 rows. The **desk** loads them with every fact in one statement,
//!    lets the rules of `domain` decide, and writes down what may not go: failed, or parked with a time and a reason. A row that
//!    is no longer queued is somebody else's; nothing is done about it.
//! 3. At the **gate** the rest waits in one line per sender number (`waiting`) until slots can be had. Admission (`store`) counts
//!    tier, pair and pace under locks, claims rows with their next attempt and gives each a slot, a moment on the ledger's clock.
//!    Rows without a slot stay in line for up to three seconds; beyond that they are parked.
//! 4. Right after that commit the **delivery** is acknowledged (`ticket`): from then on the ledger has the message, and its lease.
//! 5. The **poster** makes one POST at the slot. A slot that cannot be kept is given back, unattempted.
//! 6. The **aftermath** turns the outcome into a next step for the message, and for others where Meta throttles or closes
//!    something. The **recorder** writes both down in batches, fenced by the attempt, until the ledger has them.
//!
//! # Invariants
//!
//! * No POST without a committed claim that this process saw succeed; one claim is at most one POST.
//! * No limit lives here: any number of senders may run, and one that is killed wastes slots and nothing else.
//! * What a killed sender was about to do, and had done, its successor reads from its journal (`journal`, `rescue`).
//! * The machine's clock is only a stopwatch; every time that counts is the ledger's (`store::Reading`).
//! * After [`run`] has returned on a shutdown, no row of ours is left in `sending`: every POST ended and was recorded.

mod aftermath;
mod breaker;
mod dead;
mod desk;
mod error;
mod gate;
mod intake;
mod journal;
mod keepsakes;
mod lane;
mod lead;
mod media;
mod message;
mod metrics;
#[cfg(test)]
mod model;
mod post;
mod record;
mod rescue;
mod role;
mod ticket;
mod waiting;

pub use error::Error;
pub use role::{Config, Parts, run};
