//! Which internet addresses may be called on a stranger's word.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Network;

/// IPv4 ranges that are not the public internet, and what they are (IANA special-purpose registry).
const SPECIAL_V4: &[(Ipv4Addr, u8, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a carrier's inner network"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud's metadata service"),
    (
        Ipv4Addr::new(169, 254, 0, 0),
        16,
        "link-local, where clouds keep their metadata",
    ),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks of networks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// The only IPv6 range that is handed out as public addresses; everything else is refused without a list. In it, these are special.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const SPECIAL_V6: &[(Ipv6Addr, u8, &str)] = &[
    // Teredo (an IPv4 address in disguise), ORCHID, benchmarks, anycast of protocols.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved for protocols"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    (
        Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0),
        16,
        "6to4, an IPv4 address in disguise",
    ),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
];

/// Why `address` may not be called: what it is, in a few words; `None` for a public address and for one in `allowed`.
///
/// An IPv4 address wrapped in IPv6 (mapped, compatible, NAT64, 6to4, Teredo) is refused for what it is wrapped in: an honest
/// name has no reason to hide there.
pub fn objection(address: IpAddr, allowed: &[Network]) -> Option<&'static str> {
    if allowed.iter().any(|network| network.contains(address)) {
        return None;
    }
    match address {
        IpAddr::V4(address) => {
            let special = SPECIAL_V4.iter().find(|(base, bits, _)| same_v4(*base, address, *bits));
            special.map(|(_, _, what)| *what)
        }
        IpAddr::V6(address) if address == Ipv6Addr::LOCALHOST => Some("this machine"),
        IpAddr::V6(address) if !same_v6(GLOBAL_V6.0, address, GLOBAL_V6.1) => Some("not in the public part of IPv6"),
        IpAddr::V6(address) => {
            let special = SPECIAL_V6.iter().find(|(base, bits, _)| same_v6(*base, address, *bits));
            special.map(|(_, _, what)| *what)
        }
    }
}

/// Whether the first `bits` of both are the same.
pub(super) fn same_v4(one: Ipv4Addr, other: Ipv4Addr, bits: u8) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
    (one.to_bits() ^ other.to_bits()) & mask == 0
}

/// Whether the first `bits` of both are the same.
pub(super) fn same_v6(one: Ipv6Addr, other: Ipv6Addr, bits: u8) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    (one.to_bits() ^ other.to_bits()) & mask == 0
}
