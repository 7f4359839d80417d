//! Updates that wait for their time, and the batch that is being filled. No IO; time is an argument.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::update::Scheduled;

#[derive(Debug)]
struct Waiting {
    seq: u64,
    scheduled: Scheduled,
}

impl Waiting {
    fn key(&self) -> (u64, u64) {
        (self.scheduled.due_ns, self.seq)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Orders updates by due time and packs those that are due.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: BinaryHeap<Reverse<Waiting>>,
    pushed: u64,
    open: Vec<Scheduled>,
    opened_ns: u64,
}

impl Outbox {
    pub(crate) fn push(&mut self, scheduled: Scheduled) {
        self.pushed += 1;
        self.waiting.push(Reverse(Waiting {
            seq: self.pushed,
            scheduled,
        }));
    }

    /// A batch that should leave now: it is full, or has waited long enough, or somebody waits for it.
    pub(crate) fn next_batch(&mut self, now_ns: u64, batch_max: usize, flush_ns: u64) -> Option<Vec<Scheduled>> {
        let mut urgent = false;
        while self.open.len() < batch_max
            && !urgent
            && self
                .waiting
                .peek()
                .is_some_and(|next| next.0.scheduled.due_ns <= now_ns)
        {
            let Reverse(Waiting { scheduled, .. }) = self.waiting.pop()?;
            urgent = scheduled.tried.is_some();
            if self.open.is_empty() {
                self.opened_ns = now_ns;
            }
            self.open.push(scheduled);
        }
        let full = self.open.len() >= batch_max;
        let waited = !self.open.is_empty() && now_ns >= self.opened_ns.saturating_add(flush_ns);
        (full || waited || urgent).then(|| std::mem::take(&mut self.open))
    }

    /// When [`Outbox::next_batch`] should be asked again, if nothing is pushed before.
    pub(crate) fn wakes_at_ns(&self, flush_ns: u64) -> Option<u64> {
        let due = self.waiting.peek().map(|next| next.0.scheduled.due_ns);
        let flush = (!self.open.is_empty()).then(|| self.opened_ns.saturating_add(flush_ns));
        [due, flush].into_iter().flatten().min()
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;
    use tokio::sync::oneshot;

    use super::*;
    use crate::config::Number;
    use crate::webhook::update::Update;

    fn scheduled(due_ns: u64) -> Scheduled {
        Scheduled {
            due_ns,
            update: Update::Inbound {
                number: Arc::new(Number::new("1", "+15550001111", "10")),
                contact: None,
                message: Arc::new(Value::Null),
            },
            bad_signature: false,
            tried: None,
        }
    }

    fn outbox(dues: &[u64]) -> Outbox {
        let mut outbox = Outbox::default();
        for &due in dues {
            outbox.push(scheduled(due));
        }
        outbox
    }

    fn dues(batch: Option<Vec<Scheduled>>) -> Option<Vec<u64>> {
        batch.map(|batch| batch.iter().map(|scheduled| scheduled.due_ns).collect())
    }

    #[test]
    fn a_batch_waits_for_company_but_not_for_ever() {
        let mut outbox = outbox(&[10, 12, 50]);

        assert_eq!(dues(outbox.next_batch(10, 100, 5)), None);
        assert_eq!(outbox.wakes_at_ns(5), Some(12));
        assert_eq!(dues(outbox.next_batch(12, 100, 5)), None);
        assert_eq!(outbox.wakes_at_ns(5), Some(15));
        assert_eq!(dues(outbox.next_batch(15, 100, 5)), Some(vec![10, 12]));
        assert_eq!(outbox.wakes_at_ns(5), Some(50));
    }

    #[test]
    fn a_full_batch_leaves_at_once_in_due_order() {
        let mut outbox = outbox(&[3, 1, 2]);

        assert_eq!(dues(outbox.next_batch(9, 2, 1_000)), Some(vec![1, 2]));
        assert_eq!(dues(outbox.next_batch(9, 2, 1_000)), None);
    }

    #[test]
    fn an_update_that_somebody_waits_for_does_not_wait() {
        let mut outbox = outbox(&[5]);
        let (tried, _waiter) = oneshot::channel();
        outbox.push(Scheduled {
            tried: Some(tried),
            ..scheduled(1)
        });

        assert_eq!(dues(outbox.next_batch(9, 50, 1_000)), Some(vec![1]));
        assert_eq!(dues(outbox.next_batch(9, 50, 1_000)), None);
    }
}
