//! What goes wrong: each fault with a probability, a filter and a budget, set by configuration or at run time.
//!
//! A fault strikes at one of three places: before the message is accepted ([`Refusal`]), in the answer to an accepted
//! message ([`Answer`]), or in its webhooks ([`Twist`]).

use serde::{Deserialize, Serialize};

mod in_force;
mod kind;
mod target;

pub(crate) use in_force::Faults;
pub use kind::FaultKind;
pub(crate) use kind::{Answer, Refusal, Twist};
pub(crate) use target::Target;

/// One thing that goes wrong, and for whom.
///
/// As JSON: `{"kind": "lost_response", "probability": 0.1, "count": 3}`,
/// `{"kind": "failed", "code": 131026, "recipients": ["*7"]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What happens.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Share of the matching messages that are struck.
    #[serde(default = "always")]
    pub probability: f64,
    /// Only these recipients: digits, with `*` before or after them for "ends with" or "begins with". All when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// Only these sender numbers (`phone_number_id`). All when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
    /// Strike at most so often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

fn always() -> f64 {
    1.0
}

impl Fault {
    /// A fault that strikes every message.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            probability: always(),
            recipients: Vec::new(),
            numbers: Vec::new(),
            count: None,
        }
    }

    /// Strikes only this share of the messages.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Strikes at most `count` times.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Strikes only this recipient; see [`Fault::recipients`] for patterns.
    #[must_use]
    pub fn to(mut self, recipient: impl Into<String>) -> Self {
        self.recipients.push(recipient.into());
        self
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if (0.0..=1.0).contains(&self.probability) {
            Ok(())
        } else {
            Err(format!(
                "faults: probability {} of {} is not between 0 and 1",
                self.probability,
                self.kind.name()
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_reads_the_json_that_it_writes() {
        let fault = Fault::new(FaultKind::Error {
            code: 131_057,
            http_status: Some(500),
        })
        .to("*7")
        .times(2);

        let written = serde_json::to_value(&fault).unwrap();

        assert_eq!(written["kind"], "error");
        assert_eq!(written["code"], 131_057);
        assert_eq!(serde_json::from_value::<Fault>(written).unwrap(), fault);
    }

    #[test]
    fn defaults_fill_what_json_leaves_out() {
        let fault: Fault = serde_json::from_value(json!({ "kind": "timeout_after_accept" })).unwrap();

        assert_eq!(fault, Fault::new(FaultKind::TimeoutAfterAccept { hold_ms: 60_000 }));
    }
}
