//! What tells one connection from another: its two addresses, the same whichever end sends.

use std::net::{IpAddr, SocketAddr};

/// Two addresses without direction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    low: Address,
    high: Address,
}

/// An IPv4 address takes its IPv4-mapped form: they are the same anyway.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
struct Address(u128, u16);

impl Key {
    pub(crate) fn new(one: SocketAddr, other: SocketAddr) -> Self {
        let (one, other) = (Address::from(one), Address::from(other));
        Self { low: one.min(other), high: one.max(other) }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Self(ip.to_bits(), address.port())
    }
}
