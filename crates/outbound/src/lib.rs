//! HTTP calls to addresses that strangers name: customers' webhooks, links.
//!
//! **Invariant:** no connection is opened to an address that [`domain::destination::objection`] objects to. A literal address was
//! judged by [`Destination::parse`]; a name is resolved here, every answer is judged, and the connection goes to the judged answer, so
//! that a name which points elsewhere a moment later (DNS rebinding) gains nothing. When resolving fails, nothing is called.
//! Redirects are not followed, proxies of the environment are not asked, and an answer's body is read up to a cap.

mod resolver;

use std::time::Duration;

use domain::destination::{Destination, Policy, Refused, objection};
pub use reqwest::{Error as CallError, Method, StatusCode, header};
use reqwest::{RequestBuilder, Response};

use resolver::Resolver;
pub use resolver::{Lookup, NotPublic, SystemLookup};

/// Sets up [`Client`]s.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// What is allowed beyond the public internet over https.
    pub policy: Policy,
    /// For resolving, TCP and TLS together.
    pub connect_timeout: Duration,
    /// For a whole call.
    pub total_timeout: Duration,
    /// How the client names itself.
    pub user_agent: String,
}

impl ClientConfig {
    /// Under `policy`, with 5 s to connect and 10 s in all.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(10),
            user_agent: concat!("turnpike/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Why a call cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address may not be called.
    #[error("the address may not be called: {0}")]
    Refused(#[from] Refused),
    /// The client could not be built.
    #[error("setting up the HTTP client; are the system's CA certificates (ca-certificates) installed?")]
    Setup(#[source] reqwest::Error),
}

/// An HTTP client for addresses that strangers name. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    policy: Policy,
}

impl Client {
    /// A client that asks the system's resolver.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        Self::with_lookup(config, SystemLookup)
    }

    /// A client that asks `lookup` for the addresses of names: for tests of what a hostile name server could answer.
    pub fn with_lookup(config: ClientConfig, lookup: impl Lookup) -> Result<Self, Error> {
        // An error means that somebody else installed a provider before, which is all that is needed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .user_agent(config.user_agent)
            .connect_timeout(config.connect_timeout)
            .timeout(config.total_timeout)
            .dns_resolver(Resolver::new(lookup, config.policy.networks.clone()))
            .build()
            .map_err(Error::Setup)?;
        Ok(Self {
            http,
            policy: config.policy,
        })
    }

    /// Looks at an address as [`Client::request`] will: to be asked when an address is registered.
    pub fn check(&self, address: &str) -> Result<Destination, Refused> {
        Destination::parse(address, &self.policy)
    }

    /// Begins a call. The address is judged again here, however it was stored.
    pub fn request(&self, method: Method, address: &str) -> Result<RequestBuilder, Error> {
        let destination = self.check(address)?;
        Ok(self.http.request(method, destination.as_str()))
    }
}

/// Looks at what the name in an address points to now, so that a registration is refused at once and not only every call.
///
/// # Errors
/// When the name points nowhere, or somewhere that may not be called.
pub async fn look_up(destination: &Destination, policy: &Policy, lookup: &impl Lookup) -> Result<(), Refused> {
    if destination.has_literal_address() {
        return Ok(());
    }
    let addresses = lookup.lookup(destination.host()).await.map_err(|_| Refused::Unknown)?;
    if addresses.is_empty() {
        return Err(Refused::Unknown);
    }
    let mut objections = addresses
        .iter()
        .filter_map(|address| objection(address.ip(), &policy.networks));
    objections.next().map_or(Ok(()), |what| Err(Refused::Address { what }))
}

/// Reads an answer's body up to `cap` bytes and lets the rest be.
pub async fn read_at_most(mut answer: Response, cap: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        let room = cap - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == cap {
            break;
        }
    }
    Ok(body)
}

/// Whether a call failed because its name points to an address that may not be called.
pub fn is_refusal(error: &reqwest::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<NotPublic>() {
            return true;
        }
        source = error.source();
    }
    false
}
