//! What ICMP says of segments of ours (RFC 9293 section 3.9.2.2).
//!
//! What a connection does with it is in `connection/icmp.rs`.

use core::fmt;
use core::net::SocketAddr;

use synfin_wire::SeqNumber;

/// An ICMP error about a segment of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpError {
    /// Our address, as the quoted segment has it.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// Sequence number of the quoted segment.
    pub seq: SeqNumber,
    /// What it says.
    pub message: IcmpMessage,
}

/// What an ICMP error says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum IcmpMessage {
    /// Destination unreachable, time exceeded, parameter problem.
    Unreachable(Unreachable),
    /// The packet was too big for a link with this MTU in bytes.
    TooBig {
        /// Next-hop MTU; 0 where an old router does not say.
        mtu: u32,
    },
    /// Source quench, which nobody is to send or to heed.
    SourceQuench,
}

/// Why a destination could not be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unreachable {
    /// No route to the network (code 0).
    Network,
    /// No route to the host (code 1).
    Host,
    /// The host has no such protocol (code 2).
    Protocol,
    /// The port is closed (code 3).
    Port,
    /// A source route failed (code 5).
    SourceRoute,
    /// Someone forbids it (codes 9, 10, 13).
    Prohibited,
    /// The time to live ran out.
    TimeExceeded,
    /// A header field was wrong.
    ParameterProblem,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "network unreachable",
            Self::Host => "host unreachable",
            Self::Protocol => "protocol unreachable",
            Self::Port => "port unreachable",
            Self::SourceRoute => "source route failed",
            Self::Prohibited => "communication prohibited",
            Self::TimeExceeded => "time to live exceeded",
            Self::ParameterProblem => "parameter problem",
        })
    }
}

impl Unreachable {
    /// Whether RFC 9293 section 3.9.2.2 calls it a hard error: codes 2 to 4, and codes 1 and 4 of IPv6. The prohibitions of
    /// IPv4 (RFC 1812 section 5.2.7.1) came later, and are what code 1 of IPv6 is.
    pub(crate) fn is_hard(self) -> bool {
        matches!(self, Self::Protocol | Self::Port | Self::Prohibited)
    }
}
