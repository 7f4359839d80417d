//! The ladder of a message: its state in the pipeline, how far its delivery came, and the one word the public sees.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a message is in the pipeline (design, "The life of a message"). Codes are those of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Not with the broker: in the future, held by its flow, deferred by a limit, or between attempts.
    Parked,
    /// A job for it was, or is being, published.
    Queued,
    /// An attempt is committed, with a slot and a lease.
    Sending,
    /// A POST may have happened.
    Uncertain,
    /// Meta has it.
    Accepted,
    /// Refused by a gate or by Meta.
    Failed,
    /// Not sent in time.
    Expired,
    /// Called back before it was handed over.
    Canceled,
    /// The outcome could not be learned. The only final state that may still be refined: a late webhook proves acceptance.
    Unknown,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Parked,
        Self::Queued,
        Self::Sending,
        Self::Uncertain,
        Self::Accepted,
        Self::Failed,
        Self::Expired,
        Self::Canceled,
        Self::Unknown,
    ];

    /// The code in the database.
    pub fn code(self) -> i16 {
        match self {
            Self::Parked => 10,
            Self::Queued => 20,
            Self::Sending => 30,
            Self::Uncertain => 40,
            Self::Accepted => 50,
            Self::Failed => 60,
            Self::Expired => 61,
            Self::Canceled => 62,
            Self::Unknown => 63,
        }
    }

    /// The state of a code in the database.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Whether the pipeline is done with the message. `Accepted` counts: what follows is delivery, told by webhooks.
    pub fn is_final(self) -> bool {
        self >= Self::Accepted
    }

    /// Whether the pipeline may move a message from `self` to `next`. A proof of acceptance (a webhook with our id) is not
    /// bound by this: it moves every state but a refusal to `Accepted`.
    pub fn may_become(self, next: Self) -> bool {
        use State::{Accepted, Canceled, Expired, Failed, Parked, Queued, Sending, Uncertain, Unknown};
        match self {
            Parked => matches!(next, Queued | Failed | Expired | Canceled | Accepted),
            Queued => matches!(next, Parked | Sending | Failed | Expired | Canceled | Accepted),
            Sending => matches!(next, Parked | Uncertain | Accepted | Failed),
            Uncertain => matches!(next, Parked | Accepted | Failed | Unknown),
            Unknown => matches!(next, Accepted | Failed),
            Accepted | Failed | Expired | Canceled => false,
        }
    }
}

/// How far Meta says the message came. The order is the rank: the view is the highest event seen, whatever order they came in.
/// `Failed` ranks below `Delivered` because both can arrive for one message (several devices), and any `delivered` means
/// that at least one device has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {
    /// No event yet.
    None,
    /// Left Meta's servers.
    Sent,
    /// Meta gave up.
    Failed,
    /// On a device.
    Delivered,
    /// Seen.
    Read,
    /// A voice note was played.
    Played,
}

impl Delivery {
    /// Every rank.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Sent,
        Self::Failed,
        Self::Delivered,
        Self::Read,
        Self::Played,
    ];

    /// The code in the database; comparing codes compares ranks.
    pub fn code(self) -> i16 {
        self as i16
    }

    /// The rank of a code in the database.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|delivery| delivery.code() == code)
    }

    /// The view over a set of events: their maximum.
    pub fn of(events: impl IntoIterator<Item = Self>) -> Self {
        events.into_iter().max().unwrap_or(Self::None)
    }
}

/// The word the public sees (contract, "Public statuses").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each variant is its own word, explained in the README")]
pub enum PublicStatus {
    Scheduled,
    Pending,
    Sending,
    Uncertain,
    Accepted,
    Sent,
    Delivered,
    Read,
    Failed,
    Expired,
    Canceled,
    Unknown,
}

impl PublicStatus {
    /// The public word for a message. `waits_for_its_time`: parked because its `scheduled_at` has not come.
    pub fn of(state: State, delivery: Delivery, waits_for_its_time: bool) -> Self {
        match state {
            State::Parked if waits_for_its_time => Self::Scheduled,
            State::Parked | State::Queued => Self::Pending,
            State::Sending => Self::Sending,
            State::Uncertain => Self::Uncertain,
            State::Accepted => match delivery {
                Delivery::None => Self::Accepted,
                Delivery::Sent => Self::Sent,
                Delivery::Failed => Self::Failed,
                Delivery::Delivered => Self::Delivered,
                Delivery::Read | Delivery::Played => Self::Read,
            },
            State::Failed => Self::Failed,
            State::Expired => Self::Expired,
            State::Canceled => Self::Canceled,
            State::Unknown => Self::Unknown,
        }
    }

    /// Every public status.
    pub const ALL: [Self; 12] = [
        Self::Scheduled,
        Self::Pending,
        Self::Sending,
        Self::Uncertain,
        Self::Accepted,
        Self::Sent,
        Self::Delivered,
        Self::Read,
        Self::Failed,
        Self::Expired,
        Self::Canceled,
        Self::Unknown,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Uncertain => "uncertain",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
        }
    }

    /// The status of a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl fmt::Display for PublicStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_delivery() -> impl Strategy<Value = Delivery> {
        proptest::sample::select(Delivery::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn the_view_does_not_depend_on_order_or_repetition(mut events in proptest::collection::vec(any_delivery(), 0..8), seed in any::<u64>()) {
            let view = Delivery::of(events.clone());
            let shift = usize::try_from(seed % 8).unwrap();
            if !events.is_empty() { let n = shift % events.len(); events.rotate_left(n); events.push(events[0]); }
            prop_assert_eq!(Delivery::of(events), view);
        }

        #[test]
        fn no_sequence_of_legal_steps_leaves_a_final_state_but_unknown(steps in proptest::collection::vec(proptest::sample::select(State::ALL.to_vec()), 0..40)) {
            let mut state = State::Parked;
            for next in steps {
                if state.may_become(next) {
                    prop_assert!(!state.is_final() || state == State::Unknown);
                    state = next;
                }
            }
        }
    }

    #[test]
    fn codes_round_trip() {
        for state in State::ALL {
            assert_eq!(State::from_code(state.code()), Some(state));
        }
        for delivery in Delivery::ALL {
            assert_eq!(Delivery::from_code(delivery.code()), Some(delivery));
        }
        for status in PublicStatus::ALL {
            assert_eq!(PublicStatus::parse(status.as_str()), Some(status));
        }
    }

    #[test]
    fn delivered_after_failed_is_delivered() {
        assert_eq!(
            Delivery::of([Delivery::Failed, Delivery::Delivered]),
            Delivery::Delivered
        );
    }
}
