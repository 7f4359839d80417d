//! What a run may end like. Everything else about a history holds always.

use domain::{Delivery, State};

/// How messages may end, given what the test did to them. The default: all accepted, all read.
#[derive(Debug, Clone)]
pub struct Expectations {
    /// States that messages may be in at the end. `Uncertain` is not final, but its hold may be longer than a test.
    pub states: Vec<State>,
    /// How far every message that Meta accepted must have come; `None` when the test withheld webhooks.
    pub delivered: Option<Delivery>,
    /// The test withheld answers and webhooks, so what Meta accepted may be uncertain or unknown to the ledger.
    pub silent: bool,
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            states: vec![State::Accepted],
            delivered: Some(Delivery::Read),
            silent: false,
        }
    }
}

impl Expectations {
    /// Messages may end like this too.
    #[must_use]
    pub fn or(mut self, state: State) -> Self {
        self.states.push(state);
        self
    }
}
