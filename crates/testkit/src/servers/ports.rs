//! Free loopback ports.
//!
//! Below the range from which operating systems take the ports of outgoing connections (32768 and up on Linux, 49152 on
//! others): a server that is stopped and started again finds its port still free.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};
use rand::Rng;

const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A port that nobody listens on. Drawn at random, so that two checkouts asking at the same moment get two.
pub(super) fn free() -> Result<u16> {
    let mut random = rand::rng();
    for _ in 0..200 {
        let port = random.random_range(RANGE);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!(
        "found no free loopback port between {} and {}: end something that listens there",
        RANGE.start,
        RANGE.end
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_listened_on() {
        let port = free().unwrap();

        assert!(RANGE.contains(&port));
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
