//! What an operator allows beyond the public internet over https.

use std::net::IpAddr;
use std::str::FromStr;

use super::address::{same_v4, same_v6};

/// The operator's exceptions. The default allows none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// `http://` too.
    pub plain_http: bool,
    /// Ports other than 443 and 8443 too.
    pub any_port: bool,
    /// Networks that are called although they are not public, and with them names that are not.
    pub networks: Vec<Network>,
}

/// All addresses that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether `address` is one of them. An IPv4 address in an IPv6 coat is in no IPv4 network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => same_v4(base, address, self.bits),
            (IpAddr::V6(base), IpAddr::V6(address)) => same_v6(base, address, self.bits),
            _ => false,
        }
    }
}

/// A word of a policy that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither `http`, nor `any-port`, nor a network like 10.0.0.0/8")]
pub struct PolicyError(String);

impl FromStr for Policy {
    type Err = PolicyError;

    /// Words between commas: `http`, `any-port`, networks. Nothing is the strict policy.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut policy = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "http" => policy.plain_http = true,
                "any-port" => policy.any_port = true,
                network => policy.networks.push(network.parse()?),
            }
        }
        Ok(policy)
    }
}

impl FromStr for Network {
    type Err = PolicyError;

    /// `10.0.0.0/8`, `fd00::/8`; an address alone is a network of one.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || PolicyError(text.to_owned());
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits.parse::<u8>().map_err(|_| bad())?)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| bad())?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        match bits.unwrap_or(width) {
            bits if bits <= width => Ok(Self { base, bits }),
            _ => Err(bad()),
        }
    }
}
