//! What the public may read of the ledger. Every statement here names the organization, so one tenant never sees another's rows.

mod broadcasts;
mod limits;
mod messages;
mod story;
mod windows;

use domain::{Delivery, State};
use tokio_postgres::Row;

use crate::Error;

pub use broadcasts::{BroadcastView, Count};
pub use limits::{Limits, MOST_COUNTED, NumberLimit, Pause, ScopeLimit};
pub(crate) use messages::floor;
pub use messages::{AttemptView, EventView, FallbackView, Filter, MessageView, Progress};
pub use story::{FlowPlace, Story};
pub use windows::SenderNumber;

/// State and delivery of a row that has both columns.
pub(crate) fn codes(row: &Row) -> Result<(State, Delivery), Error> {
    let (state, delivery): (i16, i16) = (row.get("state"), row.get("delivery"));
    let unreadable = |what, found: i16| Error::Unreadable {
        what,
        found: found.to_string(),
    };
    Ok((
        State::from_code(state).ok_or_else(|| unreadable("message.state", state))?,
        Delivery::from_code(delivery).ok_or_else(|| unreadable("message.delivery", delivery))?,
    ))
}
