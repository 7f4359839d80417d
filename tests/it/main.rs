//! Whole programs against real PostgreSQL, real RabbitMQ and the simulator, which is the referee: it shares no rule with the
//! pipeline and keeps a ledger of its own. Each module is a promise of the README.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod balance;
mod campaigns;
mod events_survive;
mod every_route;
mod inbound;
mod limits;
mod logs;
mod media;
mod nothing_lost;
mod outside;
mod stop_means_stop;
mod stopping;
mod templates;
mod tenant_doors;
mod watched;
