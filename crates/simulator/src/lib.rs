//! A faithful, fault-injecting stand-in for Meta's WhatsApp Cloud API: for tests, demos and your own CI.
//!
//! It answers POSTs as Meta does, sends the webhooks that follow, and keeps a ledger of its own. It is the **referee**: it shares
//! no code with the pipeline it judges, so a mistake in a rule is not made twice. What is modelled, and where Meta's own
//! text is silent, is a switch in [`Config`]; what goes wrong is a list of [`Fault`]s.
//!
//! # Meta's side
//!
//! | call | |
//! |---|---|
//! | `POST /{version}/{phone_number_id}/messages` | the version may be left out. Judged in the order token (190), number (100/33), shape (100, 131008, 131009), template (132001, 132000, 132012, 132015, 132016), faults, limits (131056, 130429, messaging limit) |
//! | `GET /{version}/{phone_number_id}`, `GET /{version}/{waba_id}` | with `fields` |
//! | `GET /{version}/{waba_id}/phone_numbers`, `…/message_templates` | with `fields`, `limit`, `after`; templates also by `name` and `status` |
//! | `POST …/{waba_id}/message_templates`, `POST …/{template_id}`, `DELETE …/{waba_id}/message_templates?name=` | review takes [`Config::review_ms`], then a webhook tells; a name with `rejected` in it is rejected |
//! | `POST …/{phone_number_id}/register`, `deregister`, `request_code`, `verify_code`, and the two-step PIN | |
//! | `POST …/{phone_number_id}/media`, `GET`, `DELETE …/{media_id}` | files of Meta's types and sizes; they and their addresses end as [`MediaRules`] say; a message that names one that is over, or another number's, gets 131053 |
//!
//! Webhooks go to [`Config::webhook_url`], signed with `X-Hub-Signature-256` over the exact bytes, several updates in
//! one POST, several POSTs at once, and again with growing gaps until they are answered with 200.
//!
//! # Limits
//!
//! * **Throughput**: messages per second of a number, in and out together, in any one-second window of arrivals. An
//!   arrival is the moment at which the head of the request was read. Always measured, and a violation above the limit; refused
//!   with 130429 when [`Limits::enforce_throughput`] is on.
//! * **Pair rate**: 45 at once, then one per 6 s from a number to a user, else 131056.
//! * **Messaging limit**: unique recipients of a portfolio in a moving day, outside the customer service window.
//! * **Customer service window**: free-form messages need an inbound message ([`Inbound`]) within a day, else 131047.
//!
//! [`Limits::day_ms`] is the length of a day, so that 24 hours can pass in a second.
//!
//! # Control interface
//!
//! | call | |
//! |---|---|
//! | `GET /_sim/health` | `{"ok": true}` |
//! | `GET /_sim/report` | [`Report`]: what was accepted and refused, busiest seconds, unique recipients, duplicates, webhooks, violations, and the verdict `ok` |
//! | `GET /_sim/ledger?after=N&limit=M` | `{"entries": [`[`Entry`]`…], "next": N}` |
//! | `GET`, `PUT /_sim/faults` | the list of [`Fault`]s in force; a PUT replaces it, with fresh budgets |
//! | `PUT /_sim/config` | a JSON merge patch of [`Config`]: `webhook_url`, `numbers`, `limits`, `templates`, … |
//! | `POST /_sim/inbound` | [`Inbound`]: a user writes; answers `{"wamid": …}` |
//! | `POST /_sim/media` | `{"phone_number_id", "mime_type", "content": <base64>}`: a file that a user sent; answers `{"id": …}` |
//! | `POST /_sim/media/expire` | every file is over |
//! | `POST /_sim/template` | `{"name", "language", "event"}`: `PAUSED`, `REINSTATED`, `DISABLED` … and the webhook that tells |
//! | `POST /_sim/tell` | `{"waba_id", "field", "value"}`: any other webhook about an account |
//! | `POST /_sim/verify-webhook` | Meta's check of the webhook's URL, as when it is saved |
//! | `POST /_sim/reset` | forgets what happened; configuration and faults stay |
//!
//! # In a test
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use simulator::{Config, Fault, FaultKind, Inbound, Number, Simulator};
//!
//! let meta = Simulator::start(Config {
//!     numbers: vec![Number::new("2000001", "+15550001111", "1000001")],
//!     faults: vec![Fault::new(FaultKind::LostResponse).times(1)],
//!     ..Config::default()
//! })
//! .await?;
//!
//! meta.inbound(&Inbound::text("2000001", "+14155550100", "hello"))?;
//! // … send something to meta.base_url() …
//! let report = meta.wait_for(Duration::from_secs(5), |report| report.inbound == 1).await?;
//! assert!(report.ok);
//! meta.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod clock;
mod config;
mod error;
mod fault;
mod graph_error;
mod handle;
mod http;
mod ledger;
mod limits;
mod media;
mod referee;
mod report;
mod request;
mod running;
mod state;
mod wamid;
mod webhook;

pub use config::{Config, Delay, FreeFormOutsideWindow, Limits, Number, Template, Tier, Webhooks};
pub use error::{Error, NotYet};
pub use fault::{Fault, FaultKind};
pub use handle::Handle;
pub use ledger::{Entry, Kind};
pub use limits::Busiest;
pub use media::{MediaReport, MediaRules};
pub use referee::Inbound;
pub use report::{
    Duplicates, NumberReport, PortfolioReport, Report, Violation, ViolationKind, Violations, WebhookReport,
};
pub use request::validate;
pub use running::{Running, Simulator, serve};
