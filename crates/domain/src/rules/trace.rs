//! The gates in order, and what each says to one message: for those who ask why.
//!
//! **Invariant:** `RULES` is the only list of rules. [`decide`](super::decide) stops at its first no and [`trace`] goes on to its
//! end, so the two cannot disagree.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::frequency_cap::Frequency;
use super::quiet_hours::Night;
use super::window::Standing;
use super::{Facts, FlowStatus, TemplateFacts, Verdict};
use super::{account, expiry, flow, fraud_guard, frequency_cap, opt_out, quiet_hours, sender_number, template, window};
use crate::category::Category;

/// A gate.
pub(super) struct Rule {
    /// The name of its file.
    name: &'static str,
    /// Its no, or that it has nothing against the message.
    pub(super) no: fn(&Facts, DateTime<Utc>) -> Option<Verdict>,
    /// What it looks at, for people; null where it does not concern the message. Never more than the public may see.
    facts: fn(&Facts, DateTime<Utc>) -> Value,
}

/// Every gate, in the order in which a message passes them.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "flow",
        no: |facts, _| flow::rule(facts),
        facts: |facts, _| {
            facts
                .flow
                .map_or(Value::Null, |status| json!({"status": FlowStatus::as_str(status)}))
        },
    },
    Rule {
        name: "expiry",
        no: expiry::rule,
        facts: |facts, _| json!({"expires_at": text(facts.expires_at)}),
    },
    Rule {
        name: "opt_out",
        no: |facts, _| opt_out::rule(facts),
        facts: |facts, _| json!({"opted_out": facts.opted_out, "opted_out_of_marketing": facts.opted_out_of_marketing}),
    },
    // Before the gates that only make it wait: what waits is let in, and is not asked again.
    Rule {
        name: "fraud_guard",
        no: fraud_guard::rule,
        facts: |facts, _| match facts.policies.findings.as_slice() {
            [] => Value::Null,
            findings => json!({"findings": findings}),
        },
    },
    Rule {
        name: "sender_number",
        no: sender_number::rule,
        facts: |facts, now| {
            let paused_until = facts.number.paused_until.filter(|until| *until > now);
            json!({"connected": facts.number.connected, "paused_until": paused_until.map(text)})
        },
    },
    Rule {
        name: "account",
        no: account::rule,
        facts: |facts, _| json!({"restricted": facts.account_restricted}),
    },
    Rule {
        name: "template",
        no: template::rule,
        facts: |facts, _| facts.template.as_ref().map_or(Value::Null, of_template),
    },
    Rule {
        name: "window",
        no: window::rule,
        facts: |facts, now| match facts.category {
            Category::Service => of_window(facts, now),
            _ => Value::Null,
        },
    },
    Rule {
        name: "frequency_cap",
        no: frequency_cap::rule,
        facts: |facts, now| match &facts.policies.frequency {
            Some(frequency) if facts.category == Category::Marketing => of_frequency(frequency, now),
            _ => Value::Null,
        },
    },
    // Last: it is the only no that time alone turns into a yes.
    Rule {
        name: "quiet_hours",
        no: quiet_hours::rule,
        facts: |facts, now| match &facts.policies.quiet_hours {
            Some(night) if night.hours.categories.contains(&facts.category) => of_night(night, now),
            _ => Value::Null,
        },
    },
];

/// What one rule says.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name.
    pub rule: &'static str,
    /// Its no; `None` lets the message pass.
    pub no: Option<Verdict>,
    /// What it looked at; null where the rule does not concern the message.
    pub facts: Value,
}

/// Asks every rule, also those behind the first no.
pub fn trace(facts: &Facts, now: DateTime<Utc>) -> Vec<Step> {
    let ask = |rule: &Rule| Step {
        rule: rule.name,
        no: (rule.no)(facts, now),
        facts: (rule.facts)(facts, now),
    };
    RULES.iter().map(ask).collect()
}

fn of_template(template: &TemplateFacts) -> Value {
    match template {
        TemplateFacts::Missing => json!({"found": false}),
        TemplateFacts::Known { status, fit } => json!({
            "found": true,
            "status": status.as_str(),
            "mismatch": fit.as_ref().err().map(|wrong| json!({
                "field": wrong.field, "expected": wrong.expected, "given": wrong.given,
            })),
        }),
    }
}

fn of_window(facts: &Facts, now: DateTime<Utc>) -> Value {
    let ends_at = match facts.window.standing(now) {
        Standing::Within { until } => Some(until),
        Standing::Expired { at } => Some(at),
        Standing::NoInboundHistory => None,
    };
    json!({
        "last_inbound_at": facts.window.last_inbound_at.map(text),
        "window_expires_at": ends_at.map(text),
        "has_fallback": facts.has_fallback,
    })
}

fn of_frequency(frequency: &Frequency, now: DateTime<Utc>) -> Value {
    json!({
        "max": frequency.cap.max,
        "hours": frequency.cap.hours,
        "taken": frequency.taken(now),
        "frees_at": frequency.frees_at(now).map(text),
    })
}

fn of_night(night: &Night, now: DateTime<Utc>) -> Value {
    let zones: Vec<&str> = night.zones.all().iter().map(|zone| zone.name()).collect();
    json!({
        "start": night.hours.start.format("%H:%M").to_string(),
        "end": night.hours.end.format("%H:%M").to_string(),
        "zones": zones,
        "until": night.hours.until(night.zones, now).map(text),
    })
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
