//! What the checker finds, and how it tells people.

use std::collections::BTreeMap;
use std::fmt;

use domain::MessageId;

/// Cases of one invariant that a summary shows.
const SHOWN: usize = 8;

/// What the pipeline promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Every answered id is a row; every row was answered, or its request is in doubt.
    Kept,
    /// Every row is in a final state, once; what is not final has an alarm.
    Ended,
    /// Meta accepted each message at most once; each attempt at most once where a resend was asked for.
    AcceptedOnce,
    /// At most one POST per attempt, and none for an attempt that was not committed.
    PostedOnce,
    /// Accepted in the ledger is accepted by Meta, and the other way round.
    Agreed,
    /// No window of one second holds more POSTs of a number than its throughput.
    Throughput,
    /// No moving day holds more unique recipients than the messaging limit.
    MessagingLimit,
    /// No person gets more at once than the pair rate allows.
    PairRate,
    /// Nothing free-form arrives while the service window is closed.
    ServiceWindow,
    /// The counts that limits rely on are true.
    Counted,
    /// An attempt never goes back.
    Fenced,
    /// Nothing before its time, after its time, or after it was called back.
    InTime,
    /// The delivery of a message is the highest of its events, and no webhook is lost.
    Delivery,
    /// No log holds a person's number or a secret.
    Private,
    /// Meta is addressed as the contract says.
    Addressed,
}

impl Invariant {
    /// Its place in the list of invariants, and what it says.
    fn label(self) -> &'static str {
        match self {
            Self::Kept => "I1 nothing lost, nothing invented",
            Self::Ended => "I2 one final state",
            Self::AcceptedOnce => "I3 accepted once",
            Self::PostedOnce => "I4 one POST per attempt",
            Self::Agreed => "I5 the ledger and Meta agree",
            Self::Throughput => "I6 throughput",
            Self::MessagingLimit => "I7 messaging limit",
            Self::PairRate => "I8 pair rate",
            Self::ServiceWindow => "I9 service window",
            Self::Counted => "I10 true counts",
            Self::Fenced => "I11 the fence",
            Self::InTime => "I12 in time",
            Self::Delivery => "I13 delivery",
            Self::Private => "I15 private logs",
            Self::Addressed => "the form of an address",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// One case in which an invariant is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub invariant: Invariant,
    /// The facts, in a sentence.
    pub detail: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// Takes note of a case.
pub(super) fn note(broken: &mut Vec<Broken>, invariant: Invariant, detail: impl Into<String>) {
    let detail = detail.into();
    broken.push(Broken { invariant, detail });
}

/// Takes note of a case about one message.
pub(super) fn note_of(broken: &mut Vec<Broken>, invariant: Invariant, id: MessageId, detail: impl fmt::Display) {
    note(broken, invariant, format!("message {id} {detail}"));
}

/// All cases for people: by invariant, how many, and the first of each.
pub fn summary(broken: &[Broken]) -> String {
    let mut by_invariant = BTreeMap::<_, Vec<_>>::new();
    for case in broken {
        by_invariant.entry(case.invariant).or_default().push(&case.detail);
    }
    let parts = by_invariant.into_iter().map(|(invariant, details)| {
        let shown: Vec<_> = details.iter().take(SHOWN).map(|detail| format!("  {detail}")).collect();
        let more = details.len().saturating_sub(SHOWN);
        let rest = if more > 0 {
            format!("\n  and {more} more")
        } else {
            String::new()
        };
        format!(
            "{invariant} is broken in {} cases:\n{}{rest}",
            details.len(),
            shown.join("\n")
        )
    });
    parts.collect::<Vec<_>>().join("\n")
}
