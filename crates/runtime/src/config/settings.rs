//! One struct per concern; a program reads those it needs and no others.

use std::fmt;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

use super::env::Reader;

/// Where the ledger is.
#[derive(Clone, Debug)]
pub struct Database {
    /// `postgres://…`, with its password.
    pub url: SecretString,
}

impl Database {
    /// Reads `TURNPIKE_DATABASE_URL`.
    pub fn from_env(reader: &mut Reader) -> Option<Self> {
        let url = reader.parse(
            "TURNPIKE_DATABASE_URL",
            "a PostgreSQL address: postgres://…",
            |value| has_scheme(value, &["postgres", "postgresql"]).then(|| SecretString::from(value)),
        )?;
        Some(Self { url })
    }
}

/// Where the broker is, and the first word of our names in it.
#[derive(Clone, Debug)]
pub struct Amqp {
    /// `amqp://…` or `amqps://…`, with its password.
    pub url: SecretString,
    /// First word of every exchange and queue.
    pub prefix: String,
}

impl Amqp {
    /// Reads `TURNPIKE_AMQP_URL` and `TURNPIKE_AMQP_PREFIX`.
    pub fn from_env(reader: &mut Reader) -> Option<Self> {
        let url = reader.parse(
            "TURNPIKE_AMQP_URL",
            "an AMQP address: amqp://… or amqps://…",
            |value| has_scheme(value, &["amqp", "amqps"]).then(|| SecretString::from(value)),
        );
        let prefix = reader.parse("TURNPIKE_AMQP_PREFIX", "1 to 40 of a-z, 0-9, _ - and .", |value| {
            let allowed =
                |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"_-.".contains(&letter);
            ((1..=40).contains(&value.len()) && value.bytes().all(allowed)).then(|| value.to_owned())
        });
        Some(Self {
            url: url?,
            prefix: prefix?,
        })
    }
}

/// The key that encrypts secrets at rest and peppers API keys: 32 bytes.
#[derive(Clone)]
pub struct SecretKey(
    /// The bytes themselves.
    pub [u8; 32],
);

impl SecretKey {
    /// Reads `TURNPIKE_SECRET_KEY`.
    pub fn from_env(reader: &mut Reader) -> Option<Self> {
        let expected = "exactly 32 bytes in base64 (44 characters)";
        reader.parse("TURNPIKE_SECRET_KEY", expected, |value| {
            let bytes = data_encoding::BASE64.decode(value.trim().as_bytes()).ok()?;
            Some(Self(bytes.try_into().ok()?))
        })
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey([hidden])")
    }
}

/// Where the HTTP API listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http {
    /// Address and port; port 0 takes a free one.
    pub addr: SocketAddr,
}

impl Http {
    /// Reads `TURNPIKE_HTTP_ADDR`.
    pub fn from_env(reader: &mut Reader) -> Option<Self> {
        let addr = address(reader, "TURNPIKE_HTTP_ADDR")?;
        Some(Self { addr })
    }
}

/// Proxies whose word counts about where a call comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxies {
    /// Networks in CIDR notation, as they were given.
    pub networks: Vec<String>,
}

impl Proxies {
    /// Reads `TURNPIKE_TRUSTED_PROXIES`; `is_network` tells a network from another text.
    pub fn from_env(reader: &mut Reader, is_network: impl Fn(&str) -> bool) -> Option<Self> {
        if reader.optional("TURNPIKE_TRUSTED_PROXIES").is_none() {
            return Some(Self { networks: Vec::new() });
        }
        let expected = "networks, separated by commas, as in 10.0.0.0/8,192.0.2.7";
        reader.parse("TURNPIKE_TRUSTED_PROXIES", expected, |value| {
            let networks: Vec<String> = value.split(',').map(|network| network.trim().to_owned()).collect();
            let all = networks.iter().all(|network| is_network(network));
            all.then_some(Self { networks })
        })
    }
}

/// Where health and metrics are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Address and port; port 0 takes a free one.
    pub addr: SocketAddr,
}

impl Admin {
    /// Reads `TURNPIKE_ADMIN_ADDR`.
    pub fn from_env(reader: &mut Reader) -> Option<Self> {
        let addr = address(reader, "TURNPIKE_ADMIN_ADDR")?;
        Some(Self { addr })
    }
}

/// Where Meta's Graph API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Without a slash at the end.
    pub base_url: String,
    /// `v26.0`.
    pub version: String,
}

impl Meta {
    /// Reads `TURNPIKE_META_BASE_URL` and `TURNPIKE_META_VERSION`.
    pub fn from_env(reader: &mut Reader) -> Option<Self> {
        let base_url = reader.parse(
            "TURNPIKE_META_BASE_URL",
            "an HTTP address: https://… or http://…",
            |value| has_scheme(value, &["https", "http"]).then(|| value.trim_end_matches('/').to_owned()),
        );
        let version = reader.parse("TURNPIKE_META_VERSION", "v, a number, a point and a number", |value| {
            let (major, minor) = value.strip_prefix('v')?.split_once('.')?;
            let number = |part: &str| !part.is_empty() && part.bytes().all(|letter| letter.is_ascii_digit());
            (number(major) && number(minor)).then(|| value.to_owned())
        });
        Some(Self {
            base_url: base_url?,
            version: version?,
        })
    }
}

/// Where the messages of test keys go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestMeta {
    /// A stand-in for the Graph API, without a slash at the end; `None` when there is none.
    pub base_url: Option<String>,
}

impl TestMeta {
    /// Reads `TURNPIKE_META_TEST_BASE_URL`.
    pub fn from_env(reader: &mut Reader) -> Option<Self> {
        let name = "TURNPIKE_META_TEST_BASE_URL";
        if reader.optional(name).is_none() {
            return Some(Self { base_url: None });
        }
        let expected = "an HTTP address other than Meta's: http://… or https://…";
        reader.parse(name, expected, |value| {
            // Whatever else is configured: a test never reaches a person.
            let is_stand_in = has_scheme(value, &["https", "http"]) && !value.contains("facebook.com");
            let base_url = Some(value.trim_end_matches('/').to_owned());
            is_stand_in.then_some(Self { base_url })
        })
    }
}

/// Where a sender keeps its attempt journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// A folder on a disk of this machine; `None` when it is off.
    pub folder: Option<PathBuf>,
}

impl Journal {
    /// Reads `TURNPIKE_SENDER_JOURNAL`.
    pub fn from_env(reader: &mut Reader) -> Option<Self> {
        if reader.optional("TURNPIKE_SENDER_JOURNAL").is_none() {
            let folder = Some(std::env::temp_dir().join("turnpike-journal"));
            return Some(Self { folder });
        }
        reader.parse("TURNPIKE_SENDER_JOURNAL", "a folder, or off", |value| {
            let folder = (value != "off").then(|| PathBuf::from(value));
            (!value.is_empty()).then_some(Self { folder })
        })
    }
}

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// Base address of a collector; `None` when nobody wants traces.
    pub url: Option<String>,
}

impl Otlp {
    /// Reads `TURNPIKE_OTLP_URL`.
    pub fn from_env(reader: &mut Reader) -> Option<Self> {
        if reader.optional("TURNPIKE_OTLP_URL").is_none() {
            return Some(Self { url: None });
        }
        reader.parse(
            "TURNPIKE_OTLP_URL",
            "an HTTP address: http://… or https://…",
            |value| {
                let url = Some(value.to_owned());
                has_scheme(value, &["https", "http"]).then_some(Self { url })
            },
        )
    }
}

/// What proves that a webhook comes from Meta.
#[derive(Clone, Debug)]
pub struct MetaApp {
    /// Key of the signature in `X-Hub-Signature-256`.
    pub app_secret: SecretString,
    /// The word of the subscription check.
    pub verify_token: SecretString,
}

impl MetaApp {
    /// Reads `TURNPIKE_META_APP_SECRET` and `TURNPIKE_META_VERIFY_TOKEN`.
    pub fn from_env(reader: &mut Reader) -> Option<Self> {
        let app_secret = reader.required("TURNPIKE_META_APP_SECRET");
        let verify_token = reader.required("TURNPIKE_META_VERIFY_TOKEN");
        Some(Self {
            app_secret: app_secret?.into(),
            verify_token: verify_token?.into(),
        })
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Directives of `tracing_subscriber::EnvFilter`, checked.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object per line.
    Json,
}

impl Log {
    /// Reads `TURNPIKE_LOG` and `TURNPIKE_LOG_FORMAT`; logs go to standard error, so that is the terminal asked for.
    pub fn from_env(reader: &mut Reader) -> Option<Self> {
        let filter = reader.parse(
            "TURNPIKE_LOG",
            "a level (error, warn, info, debug, trace) or levels per module",
            |value| EnvFilter::try_new(value).is_ok().then(|| value.to_owned()),
        );
        let format = match reader.optional("TURNPIKE_LOG_FORMAT") {
            None if std::io::stderr().is_terminal() => Some(LogFormat::Text),
            None => Some(LogFormat::Json),
            Some(_) => reader.parse("TURNPIKE_LOG_FORMAT", "text or json", |value| match value {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            }),
        };
        Some(Self {
            filter: filter?,
            format: format?,
        })
    }
}

fn address(reader: &mut Reader, name: &'static str) -> Option<SocketAddr> {
    reader.parse(name, "an IP address and a port", |value| value.parse().ok())
}

/// Whether `value` is `<scheme>://` and something after it.
fn has_scheme(value: &str, schemes: &[&str]) -> bool {
    value
        .split_once("://")
        .is_some_and(|(scheme, rest)| schemes.contains(&scheme) && !rest.is_empty())
}
