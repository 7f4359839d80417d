//! Webhooks: is this really Meta, and what does it say.
//!
//! [`verify`] looks at the bytes as they came in, before anything reads them. [`parse()`] flattens a delivery (up to 3 MB,
//! up to 1,000 updates of any mixture) into [`Update`]s.
//!
//! **Invariant:** one bad element never costs the others: it becomes [`Update::Malformed`] in its place, and every element of a
//! delivery becomes exactly one update.

mod account;
mod inbound;
mod parse;
mod preference;
mod signature;
mod status;
mod template;
mod user_id;

pub use account::{AccountUpdate, Ban, Capability, NumberQuality, Restriction, Violation};
pub use inbound::InboundMessage;
pub use parse::{ParseError, parse};
pub use preference::{Preference, UserPreference};
pub use signature::verify;
pub use status::{ReportedError, StatusUpdate, StatusWord};
pub use template::{TemplateCategory, TemplateQuality, TemplateStatus};
pub use user_id::UserIdUpdate;

/// One thing Meta tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// A message of ours was sent, delivered, read, or failed.
    Status(Box<StatusUpdate>),
    /// A person wrote.
    Inbound(Box<InboundMessage>),
    /// A template was approved, paused, disabled …
    TemplateStatus(Box<TemplateStatus>),
    /// A template's quality changed.
    TemplateQuality(Box<TemplateQuality>),
    /// A template's category changed, or will.
    TemplateCategory(Box<TemplateCategory>),
    /// A person stopped or resumed marketing in WhatsApp's own settings.
    UserPreference(Box<UserPreference>),
    /// A person has a new business-scoped user id.
    UserId(Box<UserIdUpdate>),
    /// A sender number's quality, limit or throughput changed.
    NumberQuality(Box<NumberQuality>),
    /// The business's limits changed.
    Capability(Box<Capability>),
    /// The WABA was restricted, banned, freed …
    AccountUpdate(Box<AccountUpdate>),
    /// An error that belongs to a sender number and to no message.
    ValueError {
        /// Meta's id of the WABA.
        waba_id: String,
        /// The sender number, where it is said.
        phone_number_id: Option<String>,
        /// The error.
        error: ReportedError,
    },
    /// A field, or a value of one, that this version does not read.
    Other {
        /// Meta's name of the field.
        field: String,
        /// Meta's id of the WABA.
        waba_id: String,
        /// When, by Meta's clock, where it is said.
        at: Option<chrono::DateTime<chrono::Utc>>,
        /// Its value as it came, in JSON.
        raw: String,
    },
    /// An element that cannot be read.
    Malformed {
        /// Where it stood: `messages.statuses`, `entry` …
        field: String,
        /// What is wrong with it, without anything it holds; may be logged.
        reason: String,
        /// The element as it came; may hold personal data.
        raw: String,
    },
}
