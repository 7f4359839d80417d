//! Identifiers. A message and a flow are named by UUIDv7, whose first 48 bits are milliseconds: the id itself is the range
//! key of the partitioned tables. Tenancy rows are named by the database's own integers.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! time_ordered_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id for something that came to be at `now`. Ids of different milliseconds sort by time.
            pub fn new(now: DateTime<Utc>) -> Self {
                let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
                Self(Uuid::new_v7(uuid::Timestamp::from_unix(
                    uuid::ContextV7::new(),
                    seconds,
                    now.timestamp_subsec_nanos(),
                )))
            }
        }

        impl $name {
            /// The time it begins with.
            pub fn at(self) -> DateTime<Utc> {
                let millis = i64::try_from(self.0.as_u128() >> 80).unwrap_or(0);
                DateTime::from_timestamp_millis(millis).unwrap_or_default()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

time_ordered_id! {
    /// One message: one recipient, one sender number.
    MessageId
}
time_ordered_id! {
    /// One flow: the rows of one broadcast or campaign on one sender number. A broadcast's public id is its flow's id.
    FlowId
}

time_ordered_id! {
    /// One campaign: many messages of one plan, in one flow per sender number and hour of the clock.
    CampaignId
}
time_ordered_id! {
    /// An endpoint of a customer that is told of events.
    EndpointId
}

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row_id! {
    /// The tenant.
    OrganizationId
}
row_id! {
    /// A sender number's row; Meta's name for it is the `phone_number_id`, which is text.
    NumberId
}
row_id! {
    /// A messaging-limit scope: the business portfolio, or the WABA where the portfolio is not known.
    ScopeId
}
row_id! {
    /// A template's row: one name in one language in one WABA.
    TemplateId
}
row_id! {
    /// A WhatsApp Business Account's row; Meta's own id of it is text.
    WabaId
}

/// Meta's id of an accepted message (`wamid.…`). Opaque: its length and alphabet are not documented.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wamid(pub String);

impl Wamid {
    /// The text as Meta gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Wamid {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Wamid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_carries_its_time_in_the_first_48_bits() {
        let now = DateTime::from_timestamp_millis(1_750_000_000_123).unwrap();

        let id = MessageId::new(now);

        assert_eq!(id.0.as_u128() >> 80, 1_750_000_000_123);
        assert_eq!(id.0.get_version_num(), 7);
        assert_eq!(id.at(), now);
    }

    #[test]
    fn ids_of_one_instant_differ() {
        let now = DateTime::from_timestamp_millis(1_750_000_000_123).unwrap();
        assert_ne!(MessageId::new(now), MessageId::new(now));
    }
}
