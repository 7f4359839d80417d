//! Webhooks come often, late, in any order, before the answer they belong to, with bad signatures, or never.

use anyhow::Result;
use domain::State;
use serde_json::{Value, json};

use super::scene::{Scene, plan};
use super::{Figures, Size};
use crate::history::Expectations;
use crate::load::Ways;
use crate::run::with;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Duplicated,
    Shuffled,
    Early,
    Late,
    Lost,
    BadSignature,
    Thousands,
}

pub(super) const ALL: [(&str, &str, Fault); 7] = [
    (
        "webhooks-duplicated",
        "every webhook comes eleven times",
        Fault::Duplicated,
    ),
    ("webhooks-shuffled", "statuses in any order", Fault::Shuffled),
    (
        "webhooks-early",
        "sent before the answer, every third answer lost",
        Fault::Early,
    ),
    (
        "webhooks-late",
        "after every hold is over, every third answer lost",
        Fault::Late,
    ),
    ("webhooks-lost", "one message in a hundred hears nothing", Fault::Lost),
    (
        "webhooks-signature",
        "every fifth badly signed at first",
        Fault::BadSignature,
    ),
    ("webhooks-thousands", "up to 1,000 in a body", Fault::Thousands),
];

const ROLES: [&str; 6] = ["ingest", "ingest", "scheduler", "receipts", "receipts", "sender"];
/// How late the late ones are.
const LATE_MS: u64 = 15_000;

pub(super) async fn play(fault: Fault, size: Size) -> Result<Figures> {
    let plan = with(plan(), set_up(fault));
    let mut scene = Scene::begin(plan, &ROLES, Ways::HttpAndAmqp, size).await?;
    scene.until_posted_more(size.messages as u64).await?;
    if fault == Fault::Late {
        // Holds end while their webhooks are on the way.
        scene
            .until("messages that end as unknown", async || {
                scene.run.overdue("state = 40").await?;
                Ok(scene.run.count(State::Unknown).await? > 0)
            })
            .await?;
    }
    scene.fault();
    let report = scene.run.stack.meta.report();
    let struck = match fault {
        Fault::Thousands => report.webhooks.posts_ok,
        Fault::Early => report.accepted,
        _ => report.faults.values().sum(),
    };
    let expectations = Expectations {
        delivered: (fault != Fault::Lost).then_some(domain::Delivery::Read),
        ..Expectations::default()
    };
    scene.end_with(struck, &expectations).await
}

fn set_up(fault: Fault) -> Value {
    let faults = |faults: Value| json!({"faults": faults, "latency": {"min_ms": 20, "max_ms": 200}});
    match fault {
        Fault::Duplicated => faults(json!([{"kind": "duplicated", "times": 10}])),
        Fault::Shuffled => faults(json!([{"kind": "statuses_shuffled"}])),
        Fault::Early => json!({
            "webhooks": {"sent_before_response": true, "batch_flush_ms": 1},
            "faults": [{"kind": "lost_response", "probability": 0.33}],
            "latency": {"min_ms": 0, "max_ms": 30}
        }),
        Fault::Late => faults(json!([
            {"kind": "lost_response", "probability": 0.33},
            {"kind": "late", "by_ms": LATE_MS}
        ])),
        Fault::Lost => faults(json!([{"kind": "no_statuses", "probability": 0.01}])),
        Fault::BadSignature => faults(json!([{"kind": "bad_signature", "probability": 0.2}])),
        Fault::Thousands => json!({"webhooks": {"batch_max": 1000, "batch_flush_ms": 2000}}),
    }
}
