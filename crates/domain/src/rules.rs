//! The gates, one file each, and the decision that passes a message through them in order: the first no wins.
//!
//! A rule is a pure function from facts and the time to `Option<Verdict>`; `None` means "nothing against it". The same rules
//! run twice: at the door, where what can be refused at once is refused at once, and in the sender, where it counts.

pub mod account;
pub mod expiry;
pub mod flow;
pub mod fraud_guard;
pub mod frequency_cap;
pub mod opt_out;
pub mod quiet_hours;
pub mod quota;
pub mod sender_number;
pub mod template;
pub mod tier;
pub mod trace;
pub mod window;

use chrono::{DateTime, Utc};

use crate::category::Category;
use crate::policy::PolicyFacts;
use crate::reason::Reason;
use crate::template::{Mismatch, TemplateStatus};
pub use trace::{Step, trace};
pub use window::Window;

/// What may become of a message now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every gate is open.
    Send,
    /// Not now. Burns no attempt.
    Defer {
        /// Look again then; `None` when something else (its flow) will move it.
        until: Option<DateTime<Utc>>,
        /// Why it waits.
        reason: Reason,
    },
    /// Not as it is, but as the template that its sender gave for this case; every gate is asked about that one anew.
    FallBack {
        /// The no that the template answers.
        reason: Reason,
    },
    /// Never.
    Drop {
        /// Why not.
        reason: Reason,
    },
}

impl Verdict {
    fn drop(reason: Reason) -> Option<Self> {
        Some(Self::Drop { reason })
    }

    fn wait(until: DateTime<Utc>, reason: Reason) -> Option<Self> {
        Some(Self::Defer {
            until: Some(until),
            reason,
        })
    }
}

/// Everything the rules look at, as it was when the facts were read.
#[derive(Debug, Clone)]
pub struct Facts {
    /// `Service` for a session message, else the template's category.
    pub category: Category,
    /// Not to be sent from then on.
    pub expires_at: DateTime<Utc>,
    /// The flow it belongs to, if any.
    pub flow: Option<FlowStatus>,
    /// The recipient asked this organization not to write.
    pub opted_out: bool,
    /// The recipient asked this organization for no marketing; everything else may go.
    pub opted_out_of_marketing: bool,
    /// The sender number.
    pub number: NumberFacts,
    /// Meta restricted the WABA.
    pub account_restricted: bool,
    /// Only for template messages.
    pub template: Option<TemplateFacts>,
    /// Only for session messages: the service window with this recipient.
    pub window: Window,
    /// Only for session messages: there is a template to send once the window is closed.
    pub has_fallback: bool,
    /// What the organization's own policies look at.
    pub policies: PolicyFacts,
}

/// Whether a flow's rows may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowStatus {
    /// They may.
    Running,
    /// They wait for `resume`.
    Paused,
    /// They never will.
    Canceled,
}

impl FlowStatus {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
        }
    }

    /// The status of a word in the database.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Running, Self::Paused, Self::Canceled]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// A sender number, as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberFacts {
    /// Meta's status is `CONNECTED`.
    pub connected: bool,
    /// Held until then: an operator's pause or a throttle of Meta's.
    pub paused_until: Option<DateTime<Utc>>,
}

/// A template, as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateFacts {
    /// There is none of that name and language.
    Missing,
    /// It is there.
    Known {
        /// Where it stands with Meta.
        status: TemplateStatus,
        /// Whether the message's parameters fit.
        fit: Result<(), Mismatch>,
    },
}

/// Passes a message through the gates: canceled or paused flow, expired, opt-out, fraud guard, sender number, account, template,
/// window, frequency cap, quiet hours.
/// Limits that many messages share (tier, pace, pair, balance) are not here: they are counted under locks, in `admit`; nor is the
/// quota, which is counted at the door. [`trace`](trace()) tells the same story to its end.
pub fn decide(facts: &Facts, now: DateTime<Utc>) -> Verdict {
    let mut nos = trace::RULES.iter().filter_map(|rule| (rule.no)(facts, now));
    nos.next().unwrap_or(Verdict::Send)
}

#[cfg(test)]
mod tests;
