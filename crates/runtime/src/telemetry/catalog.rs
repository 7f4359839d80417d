//! Every metric, with what it means: the HELP lines of `/metrics`, and `deploy/METRICS.md`.
//!
//! A test scrapes all roles after a run: what is not here fails it, and so does what a dashboard or an alert uses and nobody exports.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// What Prometheus makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size, with `_bucket`, `_sum` and `_count`.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name; `_seconds` says the unit, `_total` that it grows.
    pub name: &'static str,
    /// What Prometheus makes of it.
    pub kind: Kind,
    /// Its labels. None names a person or a message.
    pub labels: &'static [&'static str],
    /// Which role exports it.
    pub role: &'static str,
    /// What it says.
    pub help: &'static str,
}

use Kind::{Counter, Gauge, Histogram};

const fn metric(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    role: &'static str,
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        labels,
        role,
        help,
    }
}

/// Every metric, by role.
pub const METRICS: &[Metric] = &[
    metric(
        "turnpike_build_info",
        Gauge,
        &["version"],
        "every",
        "1; which version runs",
    ),
    metric(
        "turnpike_up",
        Gauge,
        &["probe"],
        "every",
        "1 while this part of the process is well, as in /readyz",
    ),
    metric(
        "turnpike_db_connections",
        Gauge,
        &["state"],
        "every",
        "connections of the pool to PostgreSQL: in_use, idle, and callers that are waiting for one",
    ),
    metric(
        "turnpike_db_connections_max",
        Gauge,
        &[],
        "every",
        "connections that the pool may have",
    ),
    metric(
        "turnpike_broker_connected",
        Gauge,
        &[],
        "every that publishes",
        "1 while there is a connection to publish over",
    ),
    metric(
        "turnpike_broker_blocked",
        Gauge,
        &[],
        "every that publishes",
        "1 while RabbitMQ takes nothing, being short of memory or disk",
    ),
    metric(
        "turnpike_published_total",
        Counter,
        &["outcome"],
        "every that publishes",
        "messages published to the broker, by what became of them",
    ),
    metric(
        "turnpike_publish_round_seconds",
        Histogram,
        &[],
        "every that publishes",
        "from a batch's first publish to its last confirm",
    ),
    metric(
        "turnpike_session_failures_total",
        Counter,
        &["session"],
        "every",
        "connections that broke and were opened again",
    ),
    metric(
        "turnpike_spans_lost_total",
        Counter,
        &[],
        "every",
        "spans that could not be exported in time",
    ),
    metric(
        "turnpike_http_request_seconds",
        Histogram,
        &["path", "method", "status"],
        "ingest",
        "from a request's headers to its answer",
    ),
    metric(
        "turnpike_ingest_batch_seconds",
        Histogram,
        &[],
        "ingest",
        "to take a batch of submissions in, commit included",
    ),
    metric(
        "turnpike_ingest_submissions_total",
        Counter,
        &[],
        "ingest",
        "submissions taken in or refused, over HTTP and AMQP",
    ),
    metric(
        "turnpike_ingest_flagged_total",
        Counter,
        &["check"],
        "ingest",
        "messages that the fraud guard let pass with a flag",
    ),
    metric(
        "turnpike_ingest_jobs_lost_total",
        Counter,
        &[],
        "ingest",
        "jobs that could not be published at once; the scheduler rings for them",
    ),
    metric(
        "turnpike_intake_deliveries_total",
        Counter,
        &[],
        "ingest",
        "submissions that came over AMQP",
    ),
    metric(
        "turnpike_intake_rejected_total",
        Counter,
        &["code"],
        "ingest",
        "AMQP messages set aside as unusable",
    ),
    metric(
        "turnpike_webhooks_total",
        Counter,
        &["outcome"],
        "ingest",
        "webhooks of Meta, by what became of them",
    ),
    metric(
        "turnpike_webhook_answer_seconds",
        Histogram,
        &[],
        "ingest",
        "from a webhook of Meta to its answer",
    ),
    metric(
        "turnpike_webhook_commit_seconds",
        Histogram,
        &[],
        "ingest",
        "to commit a batch of webhooks",
    ),
    metric(
        "turnpike_webhook_commits_total",
        Counter,
        &[],
        "ingest",
        "commits of webhooks; many share one",
    ),
    metric(
        "turnpike_released_total",
        Counter,
        &[],
        "scheduler",
        "messages handed to the broker",
    ),
    metric(
        "turnpike_expired_total",
        Counter,
        &[],
        "scheduler",
        "messages that came too late",
    ),
    metric(
        "turnpike_release_late_seconds",
        Histogram,
        &[],
        "scheduler",
        "from a message's time to its release",
    ),
    metric(
        "turnpike_release_pass_seconds",
        Histogram,
        &[],
        "scheduler",
        "of one release pass",
    ),
    metric(
        "turnpike_campaign_filled_total",
        Counter,
        &[],
        "scheduler",
        "recipients of campaigns that became messages",
    ),
    metric(
        "turnpike_campaign_fill_seconds",
        Histogram,
        &[],
        "scheduler",
        "of one pass that made messages of recipients",
    ),
    metric(
        "turnpike_campaign_alarms_total",
        Counter,
        &["code"],
        "scheduler",
        "campaigns that paused themselves, by why",
    ),
    metric(
        "turnpike_rung_again_total",
        Counter,
        &[],
        "scheduler",
        "jobs published again because nobody took them",
    ),
    metric(
        "turnpike_leases_expired_total",
        Counter,
        &[],
        "scheduler",
        "attempts that outlived their lease and became uncertain",
    ),
    metric(
        "turnpike_holds_ended_total",
        Counter,
        &["outcome"],
        "scheduler",
        "uncertain attempts whose hold ended: unknown or resent",
    ),
    metric(
        "turnpike_holds_prolonged_total",
        Counter,
        &[],
        "scheduler",
        "uncertain attempts whose hold goes on because no webhooks come for their number",
    ),
    metric(
        "turnpike_accounts_compared_total",
        Counter,
        &["outcome"],
        "scheduler",
        "accounts whose templates, numbers and limits were compared with Meta's",
    ),
    metric(
        "turnpike_scheduler_failures_total",
        Counter,
        &["duty"],
        "scheduler",
        "passes that failed, by duty",
    ),
    metric(
        "turnpike_jobs_waiting",
        Gauge,
        &["lane"],
        "scheduler",
        "jobs in RabbitMQ that no sender took yet",
    ),
    metric(
        "turnpike_oldest_due_seconds",
        Gauge,
        &[],
        "scheduler",
        "how long the message that is longest due has waited, paused numbers included",
    ),
    metric(
        "turnpike_messages_under_way",
        Gauge,
        &["number", "state", "lane"],
        "scheduler",
        "messages that are not final: parked, queued, sending, uncertain; up to 10,000 each",
    ),
    metric(
        "turnpike_flow_rows_waiting",
        Gauge,
        &["number"],
        "scheduler",
        "messages of broadcasts and campaigns that wait for their turn",
    ),
    metric(
        "turnpike_number_throughput",
        Gauge,
        &["number"],
        "scheduler",
        "messages per second that Meta grants",
    ),
    metric(
        "turnpike_number_pace_ahead_seconds",
        Gauge,
        &["number"],
        "scheduler",
        "for how long ahead slots are given out; 0 is idle",
    ),
    metric(
        "turnpike_number_paused",
        Gauge,
        &["number"],
        "scheduler",
        "1 while nothing goes from it",
    ),
    metric(
        "turnpike_messaging_limit",
        Gauge,
        &["scope"],
        "scheduler",
        "people in a moving 24 hours; infinite where it is unlimited",
    ),
    metric(
        "turnpike_messaging_limit_used",
        Gauge,
        &["scope"],
        "scheduler",
        "people written to in the moving 24 hours",
    ),
    metric(
        "turnpike_balance_reserved",
        Gauge,
        &[],
        "scheduler",
        "reserved of all prepaid balances, in units of their currencies",
    ),
    metric(
        "turnpike_inbox_waiting",
        Gauge,
        &[],
        "scheduler",
        "webhooks of Meta that are not applied yet, up to 10,000",
    ),
    metric(
        "turnpike_inbox_lag_seconds",
        Gauge,
        &[],
        "scheduler",
        "how long the first of them has waited",
    ),
    metric(
        "turnpike_events_behind",
        Gauge,
        &["way"],
        "scheduler",
        "events that the broker does not have, or that nobody looked through for webhooks",
    ),
    metric(
        "turnpike_deliveries_waiting",
        Gauge,
        &[],
        "scheduler",
        "webhooks to customers that are not over, up to 10,000",
    ),
    metric(
        "turnpike_endpoints",
        Gauge,
        &["status"],
        "scheduler",
        "webhook endpoints that are failing or disabled",
    ),
    metric(
        "turnpike_ailments",
        Gauge,
        &["check", "severity"],
        "scheduler",
        "what `turnpike doctor` finds; 0 is well",
    ),
    metric(
        "turnpike_watch_seconds",
        Histogram,
        &[],
        "scheduler",
        "to look at the ledger for these",
    ),
    metric(
        "turnpike_media_uploads_total",
        Counter,
        &["outcome"],
        "sender",
        "files handed to Meta before the messages that name them",
    ),
    metric(
        "turnpike_queue_wait_seconds",
        Histogram,
        &["lane"],
        "sender",
        "from a message's release to the sender that took its job",
    ),
    metric(
        "turnpike_accept_to_post_seconds",
        Histogram,
        &["lane"],
        "sender",
        "from a message's acceptance to its first POST, of messages that were not for later",
    ),
    metric(
        "turnpike_sender_posts_total",
        Counter,
        &["outcome"],
        "sender",
        "POSTs to Meta that ended: accepted, rejected, unknown",
    ),
    metric(
        "turnpike_sender_post_seconds",
        Histogram,
        &["outcome"],
        "sender",
        "from a POST's first byte to its outcome",
    ),
    metric(
        "turnpike_sender_retries_total",
        Counter,
        &["reason"],
        "sender",
        "refused attempts that will be repeated",
    ),
    metric(
        "turnpike_sender_late_seconds",
        Histogram,
        &[],
        "sender",
        "from a slot to the moment its POST set out",
    ),
    metric(
        "turnpike_sender_admitted_total",
        Counter,
        &["lane"],
        "sender",
        "messages that got a slot",
    ),
    metric(
        "turnpike_sender_gated_total",
        Counter,
        &["reason"],
        "sender",
        "messages that a gate turned away or made wait",
    ),
    metric(
        "turnpike_sender_given_back_total",
        Counter,
        &[],
        "sender",
        "slots given up because they had passed",
    ),
    metric(
        "turnpike_sender_in_flight",
        Gauge,
        &["lane"],
        "sender",
        "messages with a slot whose POST has not ended",
    ),
    metric(
        "turnpike_sender_waiting",
        Gauge,
        &["lane"],
        "sender",
        "messages in memory that wait for a slot",
    ),
    metric(
        "turnpike_sender_dead_jobs_total",
        Counter,
        &[],
        "sender",
        "jobs that could not be read",
    ),
    metric(
        "turnpike_sender_quarantined_total",
        Counter,
        &[],
        "sender",
        "messages set aside because handling them failed",
    ),
    metric(
        "turnpike_sender_breaker_open",
        Gauge,
        &[],
        "sender",
        "1 while Meta's host is left alone because too many calls failed",
    ),
    metric(
        "turnpike_sender_unrecorded_total",
        Counter,
        &[],
        "sender",
        "outcomes that the ledger would not take; their leases run out",
    ),
    metric(
        "turnpike_receipts_pass_seconds",
        Histogram,
        &[],
        "receipts",
        "of one pass through the inbox",
    ),
    metric(
        "turnpike_receipts_bodies_total",
        Counter,
        &[],
        "receipts",
        "webhooks of Meta applied",
    ),
    metric(
        "turnpike_receipts_updates_total",
        Counter,
        &["kind"],
        "receipts",
        "what they held",
    ),
    metric(
        "turnpike_receipts_findings_total",
        Counter,
        &["finding"],
        "receipts",
        "what applying them came upon",
    ),
    metric(
        "turnpike_receipts_unread_fields_total",
        Counter,
        &["field"],
        "receipts",
        "kinds of webhooks that this version does not read",
    ),
    metric(
        "turnpike_receipts_set_aside_total",
        Counter,
        &[],
        "receipts",
        "elements that could not be applied",
    ),
    metric(
        "turnpike_events_told_total",
        Counter,
        &[],
        "notifier",
        "events that the broker has",
    ),
    metric(
        "turnpike_events_unconfirmed_total",
        Counter,
        &[],
        "notifier",
        "events that it did not confirm; they are told again",
    ),
    metric(
        "turnpike_deliveries_total",
        Counter,
        &["outcome"],
        "notifier",
        "attempts of webhooks to customers: delivered, failed, gone",
    ),
    metric(
        "turnpike_delivery_seconds",
        Histogram,
        &["outcome"],
        "notifier",
        "of one attempt",
    ),
    metric(
        "turnpike_delivery_lag_seconds",
        Histogram,
        &[],
        "notifier",
        "from an event to its webhook's success, at the first attempt",
    ),
    metric(
        "turnpike_deliveries_in_flight",
        Gauge,
        &[],
        "notifier",
        "webhooks under way",
    ),
    metric(
        "turnpike_endpoints_disabled_total",
        Counter,
        &["reason"],
        "notifier",
        "webhook endpoints that were given up",
    ),
];

/// Counters with labels that begin at zero too, so that a rate over them is there before the first one counts.
const ZEROS: &[(&str, &str, &[&str])] = &[
    ("turnpike_published_total", "outcome", &["confirmed"]),
    ("turnpike_session_failures_total", "session", &["publisher"]),
    ("turnpike_webhooks_total", "outcome", &["kept"]),
    ("turnpike_holds_ended_total", "outcome", &["unknown", "resent"]),
    (
        "turnpike_sender_posts_total",
        "outcome",
        &["accepted", "rejected", "unknown"],
    ),
    ("turnpike_sender_retries_total", "reason", &["not_sent"]),
    ("turnpike_sender_gated_total", "reason", &["expired"]),
    ("turnpike_deliveries_total", "outcome", &["delivered", "failed", "gone"]),
];

/// Lets what these roles export begin at zero; called once, when they start. What only shows when it first changes would be missing
/// from a dashboard until then, and an alert could not tell nothing from zero.
pub fn begin(roles: &[&str]) {
    super::metrics::install();
    let mine = |metric: &&Metric| metric.role.starts_with("every") || roles.contains(&metric.role);
    for metric in METRICS.iter().filter(mine) {
        match metric.kind {
            Counter if metric.labels.is_empty() => metrics::counter!(metric.name).increment(0),
            Gauge if metric.labels.is_empty() => metrics::gauge!(metric.name).increment(0.0),
            Counter => {
                let zeros = ZEROS.iter().filter(|(name, ..)| *name == metric.name);
                for (name, label, value) in
                    zeros.flat_map(|(name, label, values)| values.iter().map(move |value| (*name, *label, *value)))
                {
                    metrics::counter!(name, label => value).increment(0);
                }
            }
            Gauge | Histogram => {}
        }
    }
}

/// Tells the recorder what each metric means.
pub(super) fn describe() {
    for Metric { name, kind, help, .. } in METRICS {
        let unit = if name.ends_with("_seconds") {
            Unit::Seconds
        } else {
            Unit::Count
        };
        match kind {
            Counter => describe_counter!(*name, unit, *help),
            Gauge => describe_gauge!(*name, unit, *help),
            Histogram => describe_histogram!(*name, unit, *help),
        }
    }
}

/// The table as a document.
pub fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\nWhat every role serves at `/metrics`. Times are in seconds, everything else counts. Labels never name a person or a message. What a\n\
         scheduler says of the ledger every scheduler says: take the maximum over them, not the sum. A counter appears when it first counts.\n\n\
         This file is made from `runtime::telemetry::catalog`, and a test compares.\n\n| metric | kind | labels | role | says |\n|---|---|---|---|---|\n",
    );
    for Metric {
        name,
        kind,
        labels,
        role,
        help,
    } in METRICS
    {
        let kind = format!("{kind:?}").to_lowercase();
        let labels = labels.join(", ");
        text.push_str(&format!("| `{name}` | {kind} | {labels} | {role} | {help} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_say_kind_and_unit() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            assert!(metric.name.starts_with("turnpike_"), "{}", metric.name);
            assert_eq!(
                metric.name.ends_with("_total"),
                metric.kind == Counter,
                "{}",
                metric.name
            );
            assert!(
                metric.kind != Histogram || metric.name.ends_with("_seconds"),
                "{}",
                metric.name
            );
        }
    }
}
