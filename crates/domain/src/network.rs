//! Networks: from where a key may be used, and which address a call comes from when proxies stand in between.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// A network in CIDR notation, as in `10.0.0.0/8` or `2001:db8::/32`; an address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Reads one. Bits behind the prefix are ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.ok().map(|network: IpNet| Self(network.trunc()))
    }

    /// Whether an address lies in it. IPv4 written as IPv6 is IPv4.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The address that a call comes from. `forwarded` is what `X-Forwarded-For` says, in the order of its entries: each proxy adds the
/// address it was called from at the end. Only what trusted proxies added is believed, so it is read from its end up to the first
/// address that is not a trusted proxy; whatever a caller wrote there itself stands before that.
pub fn caller_address<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[Network],
) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut caller = peer.to_canonical();
    for entry in forwarded.rev() {
        if !is_trusted(caller) {
            break;
        }
        // Something that is no address: the last proxy that made sense is all that is known.
        let Some(address) = address_of(entry) else { break };
        caller = address;
    }
    caller
}

/// An entry of `X-Forwarded-For`: an address, which some proxies write with a port.
fn address_of(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let address: IpAddr = entry
        .parse()
        .or_else(|_| entry.parse::<std::net::SocketAddr>().map(|address| address.ip()))
        .ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        Network::parse(text).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_of_both_families_are_read_and_contain_what_is_in_them() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.200.1.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.9/30", "192.0.2.11", "192.0.2.12"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("::1", "::1", "::2"),
            ("0.0.0.0/0", "::ffff:203.0.113.1", "2001:db8::1"),
        ] {
            assert!(network(text).contains(address(inside)), "{text} {inside}");
            assert!(!network(text).contains(address(outside)), "{text} {outside}");
        }
        assert_eq!(network("192.0.2.9/30").to_string(), "192.0.2.8/30");
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0",
            "example.com",
            "10.0.0.0/",
            "2001:db8::/129",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_trusted_proxies_added_is_believed() {
        let trusted = [network("10.0.0.0/8"), network("2001:db8:ffff::/48")];
        let from = |peer: &str, forwarded: &str| {
            let entries: Vec<&str> = forwarded.split(',').filter(|entry| !entry.is_empty()).collect();
            caller_address(address(peer), entries.into_iter(), &trusted).to_string()
        };
        assert_eq!(from("203.0.113.5", ""), "203.0.113.5");
        assert_eq!(
            from("203.0.113.5", "10.1.1.1"),
            "203.0.113.5",
            "a stranger may claim what they like"
        );
        assert_eq!(from("10.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(from("::ffff:10.0.0.1", "198.51.100.7:4711"), "198.51.100.7");
        assert_eq!(from("10.0.0.1", "[2001:db8::7]:4711"), "2001:db8::7");
        assert_eq!(
            from("10.0.0.1", "192.0.2.1, 198.51.100.7, 10.0.0.2"),
            "198.51.100.7",
            "the caller's own claim stands before what the first proxy saw"
        );
        assert_eq!(from("10.0.0.1", "198.51.100.7, unknown"), "10.0.0.1");
        assert_eq!(from("10.0.0.1", ""), "10.0.0.1", "a proxy that calls itself");
    }

    proptest! {
        /// Whatever a caller writes into the header, it cannot move the address that the outermost proxy saw.
        #[test]
        fn a_callers_own_entries_change_nothing(lies in proptest::collection::vec("[0-9a-f:.,\\[\\] ]{0,20}", 0..5)) {
            let trusted = [network("10.0.0.0/8")];
            let entries: Vec<&str> = lies.iter().map(String::as_str).chain(["198.51.100.7", "10.0.0.2"]).collect();
            prop_assert_eq!(caller_address(address("10.0.0.1"), entries.into_iter(), &trusted), address("198.51.100.7"));
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = (Network::parse(&text), address_of(&text));
        }
    }
}
