//! What the sender counts. Labels never name a person or a message.

use std::time::Duration;

/// POSTs that ended, by `outcome`: accepted, rejected, unknown.
const POSTS: &str = "turnpike_sender_posts_total";
/// From a POST's first byte to its outcome, by `outcome`.
const POST_SECONDS: &str = "turnpike_sender_post_seconds";
/// From a slot to the moment its POST set out.
const LATE_SECONDS: &str = "turnpike_sender_late_seconds";
/// From a message's release to the sender that took its job, by `lane`.
const QUEUE_WAIT: &str = "turnpike_queue_wait_seconds";
/// From a message's acceptance to its first POST, by `lane`; of messages that were not for later.
const ACCEPT_TO_POST: &str = "turnpike_accept_to_post_seconds";
/// Refused attempts that will be repeated, by `reason`.
const RETRIES: &str = "turnpike_sender_retries_total";
/// Rows claimed, by `lane`.
const ADMITTED: &str = "turnpike_sender_admitted_total";
/// Rows that a gate turned away or made wait, by `reason`.
const GATED: &str = "turnpike_sender_gated_total";
/// Slots given up because they had passed before the POST could begin.
const GIVEN_BACK: &str = "turnpike_sender_given_back_total";
/// Claimed rows whose POST has not ended, by `lane`.
const IN_FLIGHT: &str = "turnpike_sender_in_flight";
/// Rows in memory that wait for a slot, by `lane`.
const WAITING: &str = "turnpike_sender_waiting";
/// Jobs that could not be read.
const DEAD: &str = "turnpike_sender_dead_jobs_total";
/// Rows that were set aside because handling them failed.
const QUARANTINED: &str = "turnpike_sender_quarantined_total";
/// 1 while calls to Meta's host are held back because too many failed.
const BREAKER: &str = "turnpike_sender_breaker_open";
/// Outcomes that the ledger would not take; their leases run out.
const UNRECORDED: &str = "turnpike_sender_unrecorded_total";

pub(crate) fn posted(outcome: &'static str, took: Duration) {
    metrics::counter!(POSTS, "outcome" => outcome).increment(1);
    metrics::histogram!(POST_SECONDS, "outcome" => outcome).record(took);
}

pub(crate) fn set_out(late: Duration) {
    metrics::histogram!(LATE_SECONDS).record(late);
}

/// What a message waited for before its POST: its turn in the queue, and everything since it was accepted.
pub(crate) fn waited(lane: &'static str, queue: Duration, accepted: Option<Duration>) {
    metrics::histogram!(QUEUE_WAIT, "lane" => lane).record(queue);
    if let Some(accepted) = accepted {
        metrics::histogram!(ACCEPT_TO_POST, "lane" => lane).record(accepted);
    }
}

pub(crate) fn retried(reason: &str) {
    metrics::counter!(RETRIES, "reason" => reason.to_owned()).increment(1);
}

pub(crate) fn admitted(lane: &'static str, rows: usize) {
    metrics::counter!(ADMITTED, "lane" => lane).increment(rows as u64);
}

pub(crate) fn gated(reason: &str) {
    metrics::counter!(GATED, "reason" => reason.to_owned()).increment(1);
}

pub(crate) fn given_back() {
    metrics::counter!(GIVEN_BACK).increment(1);
}

pub(crate) fn in_flight(lane: &'static str, rows: usize) {
    metrics::gauge!(IN_FLIGHT, "lane" => lane).set(rows as f64);
}

pub(crate) fn waiting(lane: &'static str, rows: usize) {
    metrics::gauge!(WAITING, "lane" => lane).set(rows as f64);
}

pub(crate) fn dead_jobs(jobs: usize) {
    metrics::counter!(DEAD).increment(jobs as u64);
}

pub(crate) fn quarantined() {
    metrics::counter!(QUARANTINED).increment(1);
}

pub(crate) fn breaker(open: bool) {
    metrics::gauge!(BREAKER).set(f64::from(u8::from(open)));
}

pub(crate) fn unrecorded() {
    metrics::counter!(UNRECORDED).increment(1);
}
