//! Everything that derives from the host's secret by a keyed hash: initial sequence numbers (RFC 6528), offsets of
//! timestamp clocks (RFC 7323 section 5.4), ports (RFC 6056), SYN cookies (RFC 4987).

use core::hash::Hasher;
use core::net::{IpAddr, SocketAddr};

use siphasher::sip::SipHasher24;
use synfin_wire::SeqNumber;

use crate::options::TimestampClock;
use crate::time::Instant;

/// The secret, and what it is used for.
#[derive(Clone, Copy)]
pub(crate) struct Secret([u8; 16]);

/// Uses of the secret: a hash for one of them tells nothing of another.
#[derive(Clone, Copy)]
pub(crate) enum Use {
    SequenceNumber = 1,
    Timestamp,
    Port,
    Cookie,
    Table,
}

impl Secret {
    pub(crate) fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    /// The hash of both addresses and `extra` for one use.
    pub(crate) fn hash(&self, purpose: Use, local: SocketAddr, remote: SocketAddr, extra: u64) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write_u8(purpose as u8);
        for address in [local, remote] {
            match address.ip() {
                IpAddr::V4(ip) => hasher.write_u128(ip.to_ipv6_mapped().to_bits()),
                IpAddr::V6(ip) => hasher.write_u128(ip.to_bits()),
            }
            hasher.write_u16(address.port());
        }
        hasher.write_u64(extra);
        hasher.finish()
    }

    /// ISN = M + F(localip, localport, remoteip, remoteport, secretkey).
    // RFC 9293 MUST-8: driven by a clock of 4 microseconds; SHLD-1, MUST-9: with a keyed pseudo-random function.
    pub(crate) fn initial_sequence_number(
        &self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> SeqNumber {
        let clock = now.as_nanos() / 4000;
        // Both wrap: only the low bits count.
        SeqNumber(self.hash(Use::SequenceNumber, local, remote, 0) as u32) + clock as u32
    }

    /// The clock of the timestamps between two addresses and ports.
    pub(crate) fn timestamp_clock(&self, local: SocketAddr, remote: SocketAddr) -> TimestampClock {
        TimestampClock::new(self.hash(Use::Timestamp, local, remote, 0) as u32)
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    /// RFC 9293 MUST-8, SHLD-1; RFC 6528 section 3.
    #[test]
    fn sequence_numbers_follow_the_clock_and_differ_by_connection() {
        let secret = Secret::new([7; 16]);
        let at = |us: u64, port| {
            secret.initial_sequence_number(Instant::from_nanos(us * 1000), address(port), address(80))
        };
        assert_eq!(at(400, 1), at(0, 1) + 100);
        assert_ne!(at(0, 1), at(0, 2));
        // RFC 9293 MUST-9: another secret, other numbers.
        let other = Secret::new([8; 16]);
        assert_ne!(other.initial_sequence_number(Instant::ZERO, address(1), address(80)), at(0, 1));
    }

    /// RFC 7323 section 5.4, and section 7.1 on what a common clock would tell: each connection's begins elsewhere.
    #[test]
    fn timestamps_differ_by_connection_and_by_secret() {
        let shows = |key, port| {
            let secret = Secret::new([key; 16]);
            secret.timestamp_clock(address(port), address(80)).at(Instant::ZERO)
        };
        let shown: std::collections::BTreeSet<u32> =
            [(7, 1), (7, 2), (8, 1)].map(|(k, p)| shows(k, p)).into();
        assert_eq!(shown.len(), 3);
        assert_eq!(
            shows(7, 1),
            shows(7, 1),
            "RFC 6191 section 3: the same for both lives of one pair of sockets"
        );
    }
}
