//! From a frame down to the TCP segment in it, through tags, tunnels and extension headers.
//!
//! A frame is walked layer by layer: each layer says what comes next and where it begins. The innermost TCP
//! segment is the one that is found, so that a connection inside a tunnel is seen as its endpoints see it. The walk
//! is bounded in depth, never allocates, and needs no more of a frame than was captured: what was cut off is known
//! by its length on the wire.

mod ip;
mod link;
mod tunnel;
mod wlan;

use core::net::IpAddr;

use crate::LinkType;
use crate::tcp::{Segment, SegmentError};

/// Deepest nesting of layers that is followed. Real frames have fewer than ten; a tunnel in a tunnel in a tunnel
/// without end is an attack.
const MAX_LAYERS: usize = 24;

/// Protocol number of TCP in IP headers.
pub const PROTOCOL_TCP: u8 = 6;

/// What a frame holds.
#[derive(Clone, Copy, Debug)]
pub enum Dissected<'a> {
    /// A TCP segment, and the IP packet around it.
    Tcp(Ip, Segment<'a>),
    /// A fragment of an IP packet: what it holds shows once all of them are together.
    Fragment(Ip, Fragment<'a>),
    /// An intact frame without TCP in it.
    Other,
}

/// The innermost IP header, as far as it concerns TCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ip {
    /// Source address. IPv4-mapped IPv6 addresses are given as IPv4.
    pub source: IpAddr,
    /// Destination address, likewise.
    pub destination: IpAddr,
    /// Length of the IP packet on the wire in bytes, header included.
    pub total_len: u32,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// DSCP and ECN: the second byte of an IPv4 header, the traffic class of IPv6.
    pub traffic_class: u8,
    /// Identification; `None` for IPv6 packets that are not fragments.
    pub identification: Option<u32>,
}

/// A fragment of an IP packet (RFC 791 section 3.2, RFC 8200 section 4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment<'a> {
    /// Protocol of the payload, by number.
    pub protocol: u8,
    /// Where the piece belongs, in bytes.
    pub offset: u32,
    /// Whether more of them follow.
    pub more: bool,
    /// The piece, as far as it was captured.
    pub payload: &'a [u8],
    /// Its length on the wire in bytes.
    pub payload_len: u32,
}

/// Why the way down to TCP is barred.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DissectError {
    /// The link type is not one that is understood.
    #[error("frames of {0} are not understood")]
    UnknownLink(LinkType),
    /// A header is not whole: the capture, or the packet itself, ends in it.
    #[error("{layer} header is cut off: {have} of {needed} bytes")]
    CutOff {
        /// Which header.
        layer: Layer,
        /// Bytes that it takes, as far as is known.
        needed: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A header contradicts itself.
    #[error("{layer} header is malformed")]
    Malformed {
        /// Which header.
        layer: Layer,
    },
    /// The TCP header is.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// Layers upon layers.
    #[error("more than {MAX_LAYERS} layers are nested")]
    TooDeep,
}

/// A layer below TCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Layer {
    /// The header that the link type gives every frame.
    Link,
    /// IEEE 802.1Q or 802.1ad tag.
    Vlan,
    /// IEEE 802.11 with its LLC.
    Wlan,
    /// LLC and SNAP.
    Llc,
    /// MPLS label.
    Mpls,
    /// PPP or PPPoE.
    Ppp,
    /// IPv4, or IPv6 with its extension headers.
    Ip,
    /// UDP around a tunnel.
    Udp,
    /// A tunnel's own header.
    Tunnel,
}

impl core::fmt::Display for Layer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Link => "link",
            Self::Vlan => "VLAN",
            Self::Wlan => "802.11",
            Self::Llc => "LLC",
            Self::Mpls => "MPLS",
            Self::Ppp => "PPP",
            Self::Ip => "IP",
            Self::Udp => "UDP",
            Self::Tunnel => "tunnel",
        })
    }
}

/// Finds the TCP segment in a frame that was `original_len` bytes long on the wire, of which `bytes` were captured.
///
/// There is one result for almost every frame; an aggregate of 802.11 (A-MSDU) gives one for each packet in it. It is
/// an error when a header on the way is cut off or cannot be true, or the link type is not understood.
#[must_use]
pub fn dissect(link: LinkType, bytes: &[u8], original_len: u32) -> Found<'_> {
    Found { next: Some(link::first(link, Extent::new(bytes, original_len))), rest: None }
}

/// Goes on where a [`Fragment`] stopped, once its packet is whole: `ip` is that of its first fragment.
#[must_use]
pub fn dissect_reassembled(ip: Ip, protocol: u8, payload: &[u8]) -> Found<'_> {
    let extent = Extent::new(payload, 0);
    Found { next: Some(Ok(Next::IpPayload { ip, protocol, extent })), rest: None }
}

/// What a frame holds, one after the other.
pub struct Found<'a> {
    next: Option<Result<Next<'a>, DissectError>>,
    /// The parts of an aggregate that are still to come.
    rest: Option<Extent<'a>>,
}

impl<'a> Found<'a> {
    fn walk(&mut self, mut next: Next<'a>) -> Result<Dissected<'a>, DissectError> {
        for _ in 0..MAX_LAYERS {
            next = match next {
                Next::Ethernet(extent) => link::ethernet(extent)?,
                Next::EtherType(ether_type, extent) => link::ether_type(ether_type, extent)?,
                Next::Llc(extent) => link::llc(extent)?,
                Next::Ppp(extent) => link::ppp(extent)?,
                Next::Wlan(extent) => wlan::wlan(extent)?,
                Next::Aggregate(extent) => {
                    let (first, rest) = wlan::aggregate(extent)?;
                    self.rest = rest;
                    first
                }
                Next::Ip(extent) => ip::ip(extent)?,
                Next::IpPayload { ip, protocol: PROTOCOL_TCP, extent } => {
                    let segment = Segment::parse(extent.captured, extent.wire_len)?;
                    return Ok(Dissected::Tcp(ip, segment));
                }
                Next::IpPayload { protocol, extent, .. } => tunnel::inside(protocol, extent)?,
                Next::Done(dissected) => return Ok(dissected),
            };
        }
        Err(DissectError::TooDeep)
    }
}

impl<'a> Iterator for Found<'a> {
    type Item = Result<Dissected<'a>, DissectError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match self.next.take() {
            Some(next) => next,
            None => Ok(Next::Aggregate(self.rest.take()?)),
        };
        Some(next.and_then(|next| self.walk(next)))
    }
}

/// What comes next on the way down, and where it begins.
enum Next<'a> {
    Ethernet(Extent<'a>),
    EtherType(u16, Extent<'a>),
    Llc(Extent<'a>),
    Ppp(Extent<'a>),
    Wlan(Extent<'a>),
    Aggregate(Extent<'a>),
    Ip(Extent<'a>),
    IpPayload { ip: Ip, protocol: u8, extent: Extent<'a> },
    Done(Dissected<'a>),
}

impl Next<'_> {
    /// Nothing that could lead to TCP.
    const OTHER: Self = Self::Done(Dissected::Other);
}

/// The bytes from some header on: what was captured of them, and how many they were on the wire.
#[derive(Clone, Copy)]
struct Extent<'a> {
    captured: &'a [u8],
    wire_len: u32,
}

impl<'a> Extent<'a> {
    /// A length on the wire below what was captured is taken for an error of the capture.
    fn new(captured: &'a [u8], wire_len: u32) -> Self {
        Self { captured, wire_len: wire_len.max(u32::try_from(captured.len()).unwrap_or(u32::MAX)) }
    }

    /// What follows a header of `len` bytes.
    fn after(self, len: usize, layer: Layer) -> Result<Self, DissectError> {
        let Some(captured) = self.captured.get(len..) else {
            return Err(DissectError::CutOff { layer, needed: len, have: self.captured.len() });
        };
        // `len` bytes are there, and the wire had at least those.
        let wire_len = self.wire_len.saturating_sub(u32::try_from(len).unwrap_or(u32::MAX));
        Ok(Self { captured, wire_len })
    }

    /// The first `N` bytes, and what follows them.
    fn split<const N: usize>(self, layer: Layer) -> Result<(&'a [u8; N], Self), DissectError> {
        match self.captured.first_chunk() {
            Some(header) => Ok((header, self.after(N, layer)?)),
            None => Err(DissectError::CutOff { layer, needed: N, have: self.captured.len() }),
        }
    }

    /// The same bytes, ending where an inner length says, if that is sooner.
    fn limited(self, wire_len: u32) -> Self {
        let captured = self.captured.get(..wire_len as usize).unwrap_or(self.captured);
        Self { captured, wire_len: self.wire_len.min(wire_len) }
    }
}

#[cfg(test)]
mod tests;
