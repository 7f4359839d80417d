//! Addresses that strangers name: customers' webhooks, links to media. May this machine, or Meta for us, call them?
//!
//! Whoever may name an address can otherwise make us call our own database, or a cloud's metadata service (server-side request
//! forgery). A [`Destination`] is an address that was looked at: https, a usual port, no credentials, and a host that is not a
//! literal address inside. A *name* can still point inside, today or tomorrow; so whoever connects asks [`objection`] about the very
//! address it connects to (crate `outbound`).
//!
//! The address is read by the same rules as the HTTP client reads it (the URL standard), so `http://0x7f.1`, `http://2130706433` and
//! `http://0177.0.0.1` are 127.0.0.1 here as there.

mod address;
mod policy;

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

pub use address::objection;
pub use policy::{Network, Policy, PolicyError};

/// Longest address in bytes.
pub const MAX_LENGTH: usize = 2048;

/// Ports that an address may name without [`Policy::any_port`].
const PORTS: [u16; 2] = [443, 8443];

/// Endings of names that never mean a machine of the public internet (RFC 6761, RFC 6762, RFC 9476 and habit).
const INNER_ENDINGS: [&str; 10] = [
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "arpa",
    "onion",
];

/// An address that may be called as far as it can be told from the address alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination(Url);

impl Destination {
    /// Looks at an address. Ask again whenever it is used: the policy may have changed since it was stored.
    pub fn parse(address: &str, policy: &Policy) -> Result<Self, Refused> {
        if address.len() > MAX_LENGTH {
            return Err(Refused::TooLong);
        }
        // The URL standard drops tabs and newlines, and turns backslashes; an honest address has none.
        if address.contains(|letter: char| letter.is_control() || letter.is_whitespace() || letter == '\\') {
            return Err(Refused::Unreadable);
        }
        let url = Url::parse(address).map_err(|_| Refused::Unreadable)?;
        match url.scheme() {
            "https" => {}
            "http" if policy.plain_http => {}
            _ => return Err(Refused::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        let port = url.port_or_known_default().ok_or(Refused::Port)?;
        let allowed = policy.any_port || PORTS.contains(&port) || (policy.plain_http && port == 80);
        if !allowed {
            return Err(Refused::Port);
        }
        match url.host().ok_or(Refused::Unreadable)? {
            Host::Ipv4(address) => literal(address.into(), policy)?,
            Host::Ipv6(address) => literal(address.into(), policy)?,
            Host::Domain(name) => public_name(name, policy)?,
        }
        Ok(Self(url))
    }

    /// The address as the HTTP client takes it.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the host is an address itself, and not a name.
    pub fn has_literal_address(&self) -> bool {
        !matches!(self.0.host(), Some(Host::Domain(_)))
    }

    /// The host alone, for logs and for limits per host.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn literal(address: IpAddr, policy: &Policy) -> Result<(), Refused> {
    objection(address, &policy.networks).map_or(Ok(()), |what| Err(Refused::Address { what }))
}

/// A name with a dot whose ending is not one for inner names. Where networks of one's own are allowed, their names are too.
fn public_name(name: &str, policy: &Policy) -> Result<(), Refused> {
    if !policy.networks.is_empty() {
        return Ok(());
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    match name.rsplit_once('.') {
        Some((_, ending)) if !INNER_ENDINGS.contains(&ending) => Ok(()),
        _ => Err(Refused::InnerName),
    }
}

/// Why an address may not be called. Says what would be taken, and nothing of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not an address with a host.
    #[error("not an address; give one like https://example.com/path, without spaces and backslashes")]
    Unreadable,
    /// Longer than [`MAX_LENGTH`].
    #[error("longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// Neither https nor an allowed http.
    #[error("only https:// is called")]
    Scheme,
    /// A user name or password.
    #[error("it holds a user name or a password; leave them out")]
    Credentials,
    /// A port that no public web service uses.
    #[error("only the ports 443 and 8443 are called")]
    Port,
    /// A name of an inner network.
    #[error("the host is not a name of the public internet")]
    InnerName,
    /// A name that points nowhere.
    #[error("the host's name has no address; is it spelled right?")]
    Unknown,
    /// An address that is not public.
    #[error("the host's address is not public: {what}")]
    Address {
        /// What it is instead.
        what: &'static str,
    },
}

#[cfg(test)]
mod tests;
