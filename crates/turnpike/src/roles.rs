//! The roles: what each one is for, which variables it needs beyond the common ones, and how it is started.
//!
//! **Invariant:** a role is started the same way alone and among all: `turnpike run` is nothing but every role in one process.

mod ingest;
mod notifier;
mod receipts;
mod scheduler;
mod sender;

use anyhow::Result;
use domain::destination::Policy;
use runtime::config::{self, Http, MetaApp, Proxies, Reader, TestMeta};

use crate::process::Shared;
use crate::settings;

/// One role. Any number of replicas of each may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ingest,
    Scheduler,
    Sender,
    Receipts,
    Notifier,
}

/// Every role, in the order of a message's life.
pub(crate) const ALL: [Role; 5] = [
    Role::Ingest,
    Role::Scheduler,
    Role::Sender,
    Role::Receipts,
    Role::Notifier,
];

/// What a role needs beyond what every role needs.
#[derive(Debug)]
pub(crate) enum Settings {
    Ingest {
        http: Http,
        app: MetaApp,
        outbound: Policy,
        proxies: Proxies,
        test_meta: TestMeta,
        meta: config::Meta,
    },
    Scheduler {
        meta: config::Meta,
    },
    Sender {
        meta: config::Meta,
        journal: config::Journal,
        test_meta: TestMeta,
    },
    Receipts,
    Notifier {
        outbound: Policy,
    },
}

impl Role {
    /// The subcommand, and the word in logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Scheduler => "scheduler",
            Self::Sender => "sender",
            Self::Receipts => "receipts",
            Self::Notifier => "notifier",
        }
    }

    /// As PostgreSQL shows it in `pg_stat_activity`.
    pub(crate) fn application(self) -> &'static str {
        match self {
            Self::Ingest => "turnpike ingest",
            Self::Scheduler => "turnpike scheduler",
            Self::Sender => "turnpike sender",
            Self::Receipts => "turnpike receipts",
            Self::Notifier => "turnpike notifier",
        }
    }

    /// Connections to PostgreSQL at most. On a small machine about 20 over all roles is right.
    pub(crate) fn connections(self) -> usize {
        match self {
            Self::Ingest | Self::Sender => 8,
            Self::Scheduler | Self::Receipts | Self::Notifier => 4,
        }
    }

    /// The name under which it reports its health.
    pub(crate) fn probe(self) -> &'static str {
        match self {
            Self::Ingest => "intake",
            other => other.name(),
        }
    }

    /// Whether it has anything to say to the broker.
    pub(crate) fn publishes(self) -> bool {
        self != Self::Receipts
    }

    /// Reads its own variables.
    pub(crate) fn read(self, reader: &mut Reader) -> Option<Settings> {
        match self {
            Self::Ingest => {
                let (http, app) = (Http::from_env(reader), MetaApp::from_env(reader));
                let outbound = settings::outbound(reader);
                let (proxies, test_meta) = (Proxies::from_env(reader, is_network), TestMeta::from_env(reader));
                let meta = config::Meta::from_env(reader);
                Some(Settings::Ingest {
                    http: http?,
                    app: app?,
                    outbound: outbound?,
                    proxies: proxies?,
                    test_meta: test_meta?,
                    meta: meta?,
                })
            }
            Self::Scheduler => {
                let meta = config::Meta::from_env(reader)?;
                Some(Settings::Scheduler { meta })
            }
            Self::Sender => {
                let (meta, journal) = (config::Meta::from_env(reader), config::Journal::from_env(reader));
                let test_meta = TestMeta::from_env(reader);
                Some(Settings::Sender {
                    meta: meta?,
                    journal: journal?,
                    test_meta: test_meta?,
                })
            }
            Self::Receipts => Some(Settings::Receipts),
            Self::Notifier => Some(Settings::Notifier {
                outbound: settings::outbound(reader)?,
            }),
        }
    }
}

/// Whether a text is a network that calls may come from.
pub(crate) fn is_network(text: &str) -> bool {
    domain::network::Network::parse(text).is_some()
}

/// Starts a role: builds what it works with and hands it to a task that the shutdown waits for.
pub(crate) async fn start(settings: Settings, shared: &Shared) -> Result<()> {
    match settings {
        Settings::Ingest {
            http,
            app,
            outbound,
            proxies,
            test_meta,
            meta,
        } => {
            let beside = ingest::Beside {
                outbound,
                proxies,
                test_meta,
                meta,
            };
            ingest::start(http, app, beside, shared).await?;
        }
        Settings::Scheduler { meta } => scheduler::start(&meta, shared)?,
        Settings::Sender {
            meta,
            journal,
            test_meta,
        } => sender::start(&meta, &test_meta, journal, shared)?,
        Settings::Receipts => receipts::start(shared),
        Settings::Notifier { outbound } => notifier::start(outbound, shared)?,
    }
    Ok(())
}
