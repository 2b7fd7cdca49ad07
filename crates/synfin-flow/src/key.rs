//! What tells one connection from another: its two addresses, the same whichever end sends, and the network namespace,
//! since 127.0.0.1 exists in each.

use std::net::{IpAddr, SocketAddr};

/// Two addresses without direction, in a network namespace (0: there is but one).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    low: Address,
    high: Address,
    namespace: u64,
}

/// An IPv4 address takes its IPv4-mapped form: they are the same anyway.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
struct Address(u128, u16);

impl Key {
    pub(crate) fn new(one: SocketAddr, other: SocketAddr, namespace: u64) -> Self {
        let (one, other) = (Address::from(one), Address::from(other));
        Self { low: one.min(other), high: one.max(other), namespace }
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
