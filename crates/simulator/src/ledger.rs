//! What was asked of the simulator and what it did: one entry per POST, append-only, in the order of decision.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod fingerprint;

pub(crate) use fingerprint::Fingerprint;

/// What a POST wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A template message.
    Template,
    /// Any other message.
    FreeForm,
    /// A mark that an inbound message was read.
    ReadMark,
    /// Nothing that could be understood.
    Unreadable,
}

/// One POST to `/messages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Place in the ledger, from 1.
    pub seq: u64,
    /// When its head was read, in nanoseconds since the simulator started.
    pub arrival_ns: u64,
    /// The same in Unix milliseconds.
    pub wall_ms: i64,
    /// The number in the path, known or not.
    pub phone_number_id: Arc<str>,
    /// Digits of the recipient, or a user id.
    pub recipient: Option<Arc<str>>,
    /// What it wanted.
    pub kind: Kind,
    /// Name of the template.
    pub template: Option<String>,
    /// `biz_opaque_callback_data`.
    pub opaque: Option<Arc<str>>,
    /// First half of the body's SHA-256, in hex.
    pub body_hash: String,
    /// Whether the message was accepted, that is: Meta would send it. Read marks count as accepted.
    pub accepted: bool,
    /// HTTP status of the answer; `None` when the answer was withheld.
    pub status: Option<u16>,
    /// Graph error code of the answer.
    pub code: Option<i64>,
    /// Name of the fault that struck before or in the answer.
    pub fault: Option<String>,
    /// Id of the accepted message.
    pub wamid: Option<Arc<str>>,
}

/// How an accepted message repeats an earlier one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Repetition {
    /// Entry that carried the very same opaque string.
    pub(crate) of_opaque: Option<u64>,
    /// Entry that carried the same message id (the opaque string between its first and second dot).
    pub(crate) of_message: Option<u64>,
}

/// Entries and the index that finds repetitions in constant time.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
    accepted_opaques: HashMap<Fingerprint, u64>,
    accepted_messages: HashMap<Fingerprint, u64>,
}

impl Ledger {
    pub(crate) fn next_seq(&self) -> u64 {
        self.entries.len() as u64 + 1
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        debug_assert_eq!(entry.seq, self.next_seq());
        self.entries.push(entry);
    }

    /// Remembers that the entry about to be written accepts this opaque string, and tells whether one did before.
    pub(crate) fn accept_opaque(&mut self, opaque: &str) -> Repetition {
        let seq = self.next_seq();
        let earlier = |index: &mut HashMap<Fingerprint, u64>, text: &str| {
            let first = *index.entry(Fingerprint::of(text.as_bytes())).or_insert(seq);
            (first != seq).then_some(first)
        };
        Repetition {
            of_opaque: earlier(&mut self.accepted_opaques, opaque),
            of_message: opaque
                .split('.')
                .nth(1)
                .and_then(|id| earlier(&mut self.accepted_messages, id)),
        }
    }

    /// Up to `limit` entries after number `after`.
    pub(crate) fn page(&self, after: u64, limit: usize) -> &[Entry] {
        let from = usize::try_from(after).unwrap_or(usize::MAX).min(self.entries.len());
        let rest = &self.entries[from..];
        &rest[..limit.min(rest.len())]
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(ledger: &Ledger) -> Entry {
        Entry {
            seq: ledger.next_seq(),
            arrival_ns: 0,
            wall_ms: 0,
            phone_number_id: "1".into(),
            recipient: None,
            kind: Kind::FreeForm,
            template: None,
            opaque: None,
            body_hash: String::new(),
            accepted: true,
            status: Some(200),
            code: None,
            fault: None,
            wamid: None,
        }
    }

    fn accept(ledger: &mut Ledger, opaque: &str) -> Repetition {
        let repetition = ledger.accept_opaque(opaque);
        ledger.push(entry(ledger));
        repetition
    }

    #[test]
    fn a_second_attempt_that_is_accepted_repeats_the_message_but_not_the_opaque_string() {
        let mut ledger = Ledger::default();

        assert_eq!(accept(&mut ledger, "1.a.1.mac"), Repetition::default());
        assert_eq!(accept(&mut ledger, "1.b.1.mac"), Repetition::default());
        assert_eq!(
            accept(&mut ledger, "1.a.2.cam"),
            Repetition {
                of_opaque: None,
                of_message: Some(1)
            }
        );
        assert_eq!(
            accept(&mut ledger, "1.a.1.mac"),
            Repetition {
                of_opaque: Some(1),
                of_message: Some(1)
            }
        );
    }

    #[test]
    fn an_opaque_string_of_another_form_has_no_message_id() {
        let mut ledger = Ledger::default();

        assert_eq!(accept(&mut ledger, "job-1"), Repetition::default());
        assert_eq!(
            accept(&mut ledger, "job-1"),
            Repetition {
                of_opaque: Some(1),
                of_message: None
            }
        );
    }

    #[test]
    fn pages_follow_each_other() {
        let mut ledger = Ledger::default();
        for _ in 0..5 {
            let entry = entry(&ledger);
            ledger.push(entry);
        }

        let seqs = |page: &[Entry]| page.iter().map(|entry| entry.seq).collect::<Vec<_>>();
        assert_eq!(seqs(ledger.page(0, 2)), [1, 2]);
        assert_eq!(seqs(ledger.page(2, 10)), [3, 4, 5]);
        assert!(ledger.page(99, 10).is_empty());
    }
}
