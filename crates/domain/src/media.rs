//! Files that messages carry: what WhatsApp takes, told from a file's content and never from its name; and where a message's content
//! names a file.
//!
//! A caller uploads a file once and names it by its [`MediaId`] wherever Meta's API takes a media `id`. Meta's own ids belong to one
//! sender number and die after 30 days; the sender puts the right one in when it posts.

mod format;
mod inspect;
mod places;

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::{Serialize, Serializer};
use uuid::Uuid;

pub use format::{Format, Kind};
pub use inspect::{Inspected, Inspector, NotMedia};
pub use places::{Place, Target, fill, may_name_ours, places};

/// What our ids begin with, so that nobody takes them for Meta's, which are digits.
const PREFIX: &str = "med_";

/// How long Meta keeps an uploaded file (Meta's documentation, "Media").
pub const META_KEEPS: TimeDelta = TimeDelta::days(30);

/// An upload this close to its end is not used any more: a message may wait before it is posted, and Meta reads the file later still.
pub const RENEW_BEFORE: TimeDelta = TimeDelta::hours(12);

/// Our id of a file: `med_` and 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaId(pub Uuid);

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0.simple())
    }
}

impl Serialize for MediaId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A text that is no id of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a media id: expected med_ and 32 hex digits")]
pub struct NotAMediaId;

impl FromStr for MediaId {
    type Err = NotAMediaId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.len() == 32);
        let id = digits.and_then(|digits| Uuid::try_parse(digits).ok());
        // One spelling only: an id is looked for in texts.
        id.map(Self).filter(|id| id.to_string() == text).ok_or(NotAMediaId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_in_no_other_way() {
        let id = MediaId(Uuid::from_u128(0xabc));
        let text = "med_00000000000000000000000000000abc";

        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
        for other in [
            "",
            "med_",
            "00000000000000000000000000000abc",
            "med_00000000000000000000000000000ABC",
            "med_00000000-0000-0000-0000-000000000abc",
            "med_00000000000000000000000000000abg",
            "1234567890",
        ] {
            assert_eq!(other.parse::<MediaId>(), Err(NotAMediaId), "{other}");
        }
    }
}
