//! What can be wrong with a pipeline that runs: how it is called, what it means, and what helps.
//!
//! `turnpike doctor` lists what it finds; the scheduler counts the same in `turnpike_ailments`.

/// One thing that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ailment {
    /// The word in `turnpike doctor`, in the metric's label `check`, and in `store/sql/watch/ailments.sql`.
    pub check: &'static str,
    /// Whether messages or promises suffer, or somebody should merely have a look.
    pub severity: Severity,
    /// One sentence, after the subject.
    pub means: &'static str,
    /// The next step.
    pub action: &'static str,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody should have a look.
    Attention,
    /// Messages wait or a promise is broken.
    Wrong,
}

impl Severity {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::Wrong => "WRONG",
        }
    }
}

use Severity::{Attention, Wrong};

/// Everything that is looked for.
pub const AILMENTS: &[Ailment] = &[
    ailment(
        "silent_messages",
        Wrong,
        "messages were accepted by Meta more than an hour ago and no status came since",
        "look whether Meta's webhooks arrive: the app's webhook URL and its subscription to the WABA, and `turnpike receipts`",
    ),
    ailment(
        "parked_overdue",
        Wrong,
        "messages are due and nobody releases them",
        "look whether `turnpike scheduler` runs and what it logs; `turnpike limits` shows whether the number is held back",
    ),
    ailment(
        "queued_overdue",
        Wrong,
        "messages wait for a sender for minutes",
        "look whether `turnpike sender` runs and keeps up: turnpike_jobs_waiting, turnpike_sender_breaker_open",
    ),
    ailment(
        "sending_overdue",
        Wrong,
        "attempts outlived their lease",
        "look whether `turnpike scheduler` runs: it calls such attempts uncertain",
    ),
    ailment(
        "uncertain_overdue",
        Wrong,
        "uncertain attempts outlived their hold",
        "look whether `turnpike scheduler` runs: it ends holds; `turnpike resolve` decides one by hand",
    ),
    ailment(
        "flow_stalled",
        Wrong,
        "a broadcast or campaign has rows to release and was not served for minutes",
        "look whether its number is paused (`turnpike limits`) and whether `turnpike scheduler` keeps up",
    ),
    ailment(
        "limit_miscounted",
        Wrong,
        "a messaging limit counts other than its members are",
        "this is a defect: keep the database's state and report it; `UPDATE limit_scope` to the count of its members mends it",
    ),
    ailment(
        "partition_missing",
        Wrong,
        "messages of tomorrow have no partition of their own",
        "look whether `turnpike scheduler` runs and why its upkeep fails; `turnpike migrate` makes partitions too",
    ),
    ailment(
        "default_partition_used",
        Attention,
        "messages are in the default partition, which retention never drops",
        "they are safe; partitions were not made in time, see `turnpike scheduler`'s log of those days",
    ),
    ailment(
        "webhooks_behind",
        Wrong,
        "webhooks of Meta wait for a minute and more to be applied",
        "look whether `turnpike receipts` runs and keeps up; start another one",
    ),
    ailment(
        "webhooks_set_aside",
        Attention,
        "webhooks of Meta of the last day hold something that could not be read",
        "see webhook_inbox.set_aside; a newer version may read it",
    ),
    ailment(
        "events_untold",
        Wrong,
        "events wait for a minute and more to be told to the broker",
        "look whether `turnpike notifier` runs and the broker answers (`turnpike check`)",
    ),
    ailment(
        "deliveries_overdue",
        Wrong,
        "webhooks to customers are due for minutes and nobody delivers them",
        "look whether `turnpike notifier` runs and keeps up; start another one",
    ),
    ailment(
        "endpoint_disabled",
        Attention,
        "a customer's webhook endpoint was given up",
        "tell its owner; `turnpike webhook update ID --enable` and `turnpike webhook replay ID --since …` when it is well again",
    ),
    ailment(
        "endpoint_failing",
        Attention,
        "a customer's webhook endpoint has taken nothing for an hour",
        "tell its owner; `turnpike webhook log ID` shows why",
    ),
    ailment(
        "account_restricted",
        Attention,
        "Meta restricts a WABA",
        "see the WhatsApp Manager; its messages wait",
    ),
    ailment(
        "number_held",
        Attention,
        "a sender number has been paused for more than an hour from now, or without an end",
        "`turnpike limits` says why; `turnpike number resume` when the cause is cleared",
    ),
];

const fn ailment(check: &'static str, severity: Severity, means: &'static str, action: &'static str) -> Ailment {
    Ailment {
        check,
        severity,
        means,
        action,
    }
}

/// The ailment of this name.
pub fn find(check: &str) -> Option<&'static Ailment> {
    AILMENTS.iter().find(|ailment| ailment.check == check)
}
