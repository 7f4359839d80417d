//! `turnpike ingest`, `scheduler`, `sender`, `receipts` and `notifier`: one role of the pipeline in a process of its own.

use anyhow::Result;
use clap::Args;

use crate::exit::Exit;
use crate::process;
use crate::roles::Role;

#[derive(Debug, Args)]
pub(crate) struct Options {}

pub(crate) async fn run(role: Role, _: &Options) -> Result<Exit> {
    Box::pin(process::run(&[role], process::Migrate::No)).await
}

/// The one line about a role.
pub(crate) fn about(role: Role) -> &'static str {
    match role {
        Role::Ingest => "Role: take messages in over HTTP and AMQP, and Meta's webhooks",
        Role::Scheduler => "Role: do what is due because time passed: release, retry, resolve, expire",
        Role::Sender => "Role: decide, admit and post messages to Meta, within every limit",
        Role::Receipts => "Role: apply Meta's webhooks: statuses, inbound messages, STOP words, account updates",
        Role::Notifier => "Role: tell others what happened, on the events exchange and by webhooks",
    }
}

/// What follows its options.
pub(crate) fn help(role: Role) -> String {
    let (does, needs) = match role {
        Role::Ingest => (
            "Validates, keeps and only then acknowledges what other systems hand in, and publishes a job for it.\n\
             Answers Meta's webhooks within milliseconds by keeping them for `turnpike receipts`.\n\
             Prints `listening on http://ADDR` once it serves.",
            "TURNPIKE_META_APP_SECRET and TURNPIKE_META_VERIFY_TOKEN; TURNPIKE_HTTP_ADDR says where to listen",
        ),
        Role::Scheduler => (
            "Releases scheduled messages and flows, re-rings what a broker lost, resolves attempts whose outcome is\n\
             unknown, expires what is late, makes partitions ahead. At least one must run; several share the numbers.",
            "nothing more",
        ),
        Role::Sender => (
            "Consumes jobs: load, decide, admit, post, record. Limits are counted in PostgreSQL, so replicas share them\n\
             exactly. On SIGTERM it finishes what it has in hand, at most 60 s.",
            "TURNPIKE_META_BASE_URL and TURNPIKE_META_VERSION only when Meta is elsewhere, as a simulator is",
        ),
        Role::Receipts => (
            "Works through the inbox of Meta's webhooks: who got it, who read it, who wrote (which opens the service\n\
             window), who wants no more, and what Meta changed about templates, numbers and limits.",
            "nothing more",
        ),
        Role::Notifier => (
            "Publishes every event to the exchange `turnpike.events`, in order and without gaps per organization, at least once;\n\
             and delivers it as a signed webhook to every endpoint that wants it, again and again for more than a day.",
            "TURNPIKE_OUTBOUND_ALLOW where customers' systems are not on the public internet",
        ),
    };
    format!(
        "{does}\n\n\
         Example:\n  turnpike {name}\n\n\
         Any number of replicas may run. Needs TURNPIKE_DATABASE_URL, TURNPIKE_AMQP_URL and TURNPIKE_SECRET_KEY, and {needs}.\n\
         /healthz, /readyz and /metrics are at TURNPIKE_ADMIN_ADDR; with port 0 the address is in the log.",
        name = role.name()
    )
}
