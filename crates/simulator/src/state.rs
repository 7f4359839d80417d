//! What all parts of a running simulator share: the clock, the referee, the way to the webhook engine, and a signal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::config::Config;
use crate::referee::Referee;
use crate::webhook::engine::Command;
use crate::webhook::update::Scheduled;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    referee: Mutex<Referee>,
    commands: mpsc::UnboundedSender<Command>,
    changes: watch::Sender<u64>,
}

impl State {
    /// The state and the end of the channel that the webhook engine reads.
    pub(crate) fn new(config: Config) -> (Arc<Self>, mpsc::UnboundedReceiver<Command>) {
        let clock = Clock::start();
        let (commands, receiver) = mpsc::unbounded_channel();
        let referee = Mutex::new(Referee::new(config, clock));
        (
            Arc::new(Self {
                clock,
                referee,
                commands,
                changes: watch::Sender::new(0),
            }),
            receiver,
        )
    }

    /// The referee, for one short decision. A panic elsewhere must not take the ledger away from whoever looks for its cause.
    pub(crate) fn referee(&self) -> MutexGuard<'_, Referee> {
        self.referee.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(self.referee().config())
    }

    /// Hands updates to the engine.
    pub(crate) fn deliver(&self, updates: Vec<Scheduled>) {
        if !updates.is_empty() {
            self.command(Command::Schedule(updates));
        }
    }

    pub(crate) fn command(&self, command: Command) {
        let _ = self.commands.send(command); // the engine is gone only when the simulator shuts down
    }

    /// Tells those who wait that the report is not what it was.
    pub(crate) fn note_change(&self) {
        self.changes.send_modify(|version| *version = version.wrapping_add(1));
    }

    pub(crate) fn watch_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
