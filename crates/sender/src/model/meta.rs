//! Meta, its answers and its webhooks.

use chrono::{DateTime, TimeDelta, Utc};
use domain::attempt::{Outcome, Rejection, Uncertainty};
use domain::{Delivery, MessageId};
use rand::Rng;
use rand::rngs::StdRng;

/// A POST as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) id: MessageId,
    pub(super) attempt: i32,
    pub(super) at: DateTime<Utc>,
    pub(super) accepted: bool,
    /// Our side will never hear of it: no answer came back, and none of its webhooks will.
    pub(super) withheld: bool,
}

/// A status on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) id: MessageId,
    pub(super) attempt: i32,
    pub(super) delivery: Delivery,
    pub(super) due: DateTime<Utc>,
}

/// Meta's side.
#[derive(Debug, Default)]
pub(super) struct Meta {
    pub(super) arrivals: Vec<Arrival>,
    pub(super) webhooks: Vec<Status>,
    /// While it is not well, most calls go wrong.
    pub(super) sick: bool,
}

pub(super) fn wamid(id: MessageId, attempt: i32) -> String {
    format!("wamid.{id}.{attempt}")
}

fn graph_error(code: i64) -> Vec<u8> {
    format!(r#"{{"error":{{"message":"no","type":"OAuthException","code":{code},"fbtrace_id":"A"}}}}"#).into_bytes()
}

fn lost(cause: &str) -> Outcome {
    Outcome::Unknown(Uncertainty {
        cause: cause.to_owned(),
        http_status: None,
        graph: None,
    })
}

impl Meta {
    /// A POST. What comes back is judged by the real judge.
    pub(super) fn post(&mut self, id: MessageId, attempt: i32, now: DateTime<Utc>, random: &mut StdRng) -> Outcome {
        let well = if self.sick { 0.3 } else { 0.9 };
        if random.random_bool(well) {
            self.arrive(id, attempt, now, true, false, random);
            let body = format!(r#"{{"messages":[{{"id":"{}"}}]}}"#, wamid(id, attempt));
            return ::meta::judge(200, body.as_bytes());
        }
        match random.random_range(0..8) {
            0 => {
                // It never began, and nothing arrived.
                Outcome::Rejected(Rejection::NotSent {
                    cause: "connect timeout".to_owned(),
                })
            }
            1 => self.refuse(id, attempt, now, (400, 131_026), random),
            2 => self.refuse(id, attempt, now, (429, 130_429), random),
            3 => self.refuse(id, attempt, now, (400, 131_056), random),
            // A 5xx says nothing: it was accepted, or it was not.
            4 => {
                let accepted = random.random_bool(0.5);
                self.arrive(id, attempt, now, accepted, false, random);
                ::meta::judge(500, &graph_error(131_016))
            }
            5 => {
                self.arrive(id, attempt, now, true, false, random);
                ::meta::judge(200, b"<html>ok</html>")
            }
            6 => {
                let accepted = random.random_bool(0.5);
                let withheld = random.random_bool(0.5);
                self.arrive(id, attempt, now, accepted, withheld, random);
                lost("response timeout")
            }
            _ => {
                self.arrive(id, attempt, now, true, false, random);
                lost("connection broke: connection reset")
            }
        }
    }

    fn refuse(
        &mut self,
        id: MessageId,
        attempt: i32,
        now: DateTime<Utc>,
        (status, code): (u16, i64),
        random: &mut StdRng,
    ) -> Outcome {
        self.arrive(id, attempt, now, false, false, random);
        ::meta::judge(status, &graph_error(code))
    }

    fn arrive(
        &mut self,
        id: MessageId,
        attempt: i32,
        at: DateTime<Utc>,
        accepted: bool,
        withheld: bool,
        random: &mut StdRng,
    ) {
        self.arrivals.push(Arrival {
            id,
            attempt,
            at,
            accepted,
            withheld,
        });
        if !accepted || withheld {
            return;
        }
        let ladder: &[Delivery] = match random.random_range(0..4) {
            0 => &[Delivery::Failed],
            1 => &[Delivery::Sent, Delivery::Delivered],
            2 => &[Delivery::Sent, Delivery::Failed, Delivery::Delivered, Delivery::Read],
            _ => &[Delivery::Sent, Delivery::Read],
        };
        for delivery in ladder {
            // Some are quick, a few are an hour late, some come twice; in any order.
            for _ in 0..random.random_range(1..3) {
                let late = if random.random_bool(0.9) { 30 } else { 4_000 };
                let due = at + TimeDelta::milliseconds(random.random_range(0..late * 1_000));
                self.webhooks.push(Status {
                    id,
                    attempt,
                    delivery: *delivery,
                    due,
                });
            }
        }
    }
}
