//! Tells a turn's changes to the broker, in order, without those that no queue wants.
//!
//! Most of what telling costs is the broker taking each event in, and most installations bind a queue to few kinds of events or to none.
//! So the first event of each kind in a turn goes alone and asks whether a queue took it; if none did, the others of its kind in this
//! turn are not published. With nobody listening, a turn of a thousand changes costs as many publishes as it has kinds.
//!
//! **Invariant:** a queue that was bound before a change was committed gets it: each turn asks anew, after its changes were read.

use std::collections::HashMap;

use broker::{Failure, Outgoing, Published, Unroutable};
use store::events::{Change, Turn};

use crate::Notifier;

/// How far a turn came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Changes from the first on that are settled: the broker has them, or no queue wants them.
    pub(crate) settled: usize,
    /// How many of them no queue wants.
    pub(crate) unheard: usize,
}

impl Notifier {
    /// Publishes a turn's changes up to the first that is not confirmed.
    pub(crate) async fn publish(&self, turn: &Turn<'_>) -> Told {
        let (mut listeners, mut told) = (HashMap::new(), Told::default());
        while let Some(next) = turn.changes.get(told.settled) {
            let rest = &turn.changes[told.settled..];
            let asked = rest
                .iter()
                .take_while(|change| listeners.contains_key(change.kind.as_str()));
            let run = &rest[..asked.count()];
            if run.is_empty() {
                let Some(has_listeners) = self.ask(next, &turn.slug).await else {
                    return told;
                };
                listeners.insert(next.kind.as_str(), has_listeners);
                told.settled += 1;
                told.unheard += usize::from(!has_listeners);
                continue;
            }
            let (wanted, unheard): (Vec<usize>, Vec<usize>) =
                (0..run.len()).partition(|place| listeners[run[*place].kind.as_str()]);
            let batch = wanted
                .iter()
                .map(|place| self.outgoing(&run[*place], &turn.slug, Unroutable::IsFine));
            let published = self.publisher.publish(batch.collect()).await;
            let failed = wanted.iter().zip(&published).find(|(_, one)| !one.is_confirmed());
            let settled = failed.map_or(run.len(), |(place, _)| *place);
            told.settled += settled;
            told.unheard += unheard.iter().filter(|place| **place < settled).count();
            if failed.is_some() {
                return told;
            }
        }
        told
    }

    /// Publishes one change and says whether a queue took it; none when that is not known.
    async fn ask(&self, change: &Change, slug: &str) -> Option<bool> {
        let question = self.outgoing(change, slug, Unroutable::Fails);
        match self.publisher.publish(vec![question]).await.as_slice() {
            [Published::Confirmed] => Some(true),
            [Published::Failed(Failure::Unroutable)] => Some(false),
            _ => None,
        }
    }

    fn outgoing(&self, change: &Change, slug: &str, unroutable: Unroutable) -> Outgoing {
        let event = change.event(slug);
        Outgoing {
            unroutable,
            ..Outgoing::new(&self.exchange, event.routing_key(slug), &event.id, event.encode())
        }
    }
}
