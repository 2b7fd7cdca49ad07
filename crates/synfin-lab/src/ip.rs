//! IP around segments, and the one ICMP message that a link sends (RFC 791, 792, 1191, 4443, 8200).
//!
//! What arrives is read by [`synfin_wire::dissect`]; here is what is written, and what a host checks below TCP.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use etherparse::{
    Icmpv4Header, Icmpv4Slice, Icmpv4Type, Icmpv6Header, Icmpv6Slice, Icmpv6Type, IpNumber, Ipv4Header,
    Ipv4HeaderSlice, Ipv6FlowLabel, Ipv6Header, icmpv4,
};
use synfin_tcp::Ecn;
use synfin_wire::checksum::checksum;

/// What the IP header of a packet says besides addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub(crate) ttl: u8,
    pub(crate) dscp: u8,
    pub(crate) ecn: Ecn,
    pub(crate) identification: u16,
}

/// A packet around a payload. `None` where that is longer than a packet may be, or the families differ.
pub(crate) fn packet(
    source: IpAddr,
    destination: IpAddr,
    protocol: IpNumber,
    fields: Fields,
    payload: &[u8],
) -> Option<Bytes> {
    let class = fields.dscp << 2 | bits(fields.ecn);
    let mut bytes = Vec::with_capacity(40 + payload.len());
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let len = u16::try_from(payload.len()).ok()?;
            let (source, destination) = (source.octets(), destination.octets());
            let mut header = Ipv4Header::new(len, fields.ttl, protocol, source, destination).ok()?;
            header.dscp = (class >> 2).try_into().ok()?;
            header.ecn = (class & 3).try_into().ok()?;
            // Path MTU discovery (RFC 1191): nobody may fragment it.
            header.dont_fragment = true;
            header.identification = fields.identification;
            header.header_checksum = header.calc_header_checksum();
            bytes.extend_from_slice(&header.to_bytes());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = Ipv6Header {
                traffic_class: class,
                flow_label: Ipv6FlowLabel::ZERO,
                payload_length: u16::try_from(payload.len()).ok()?,
                next_header: protocol,
                hop_limit: fields.ttl,
                source: source.octets(),
                destination: destination.octets(),
            };
            bytes.extend_from_slice(&header.to_bytes());
        }
        _ => return None,
    }
    bytes.extend_from_slice(payload);
    Some(bytes.into())
}

fn bits(ecn: Ecn) -> u8 {
    match ecn {
        Ecn::NotEct => 0,
        Ecn::Ect1 => 1,
        Ecn::Ect0 => 2,
        Ecn::Ce => 3,
    }
}

/// What the last two bits of a traffic class say.
pub(crate) fn ecn(traffic_class: u8) -> Ecn {
    match traffic_class & 3 {
        0 => Ecn::NotEct,
        1 => Ecn::Ect1,
        2 => Ecn::Ect0,
        _ => Ecn::Ce,
    }
}

/// Marks a packet "congestion experienced", if its sender understands that (RFC 3168 section 5).
pub(crate) fn mark_congestion(packet: &mut [u8]) -> bool {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => {
            let Some(class) = packet.get_mut(1).filter(|class| **class & 3 != 0) else { return false };
            *class |= 3;
            fill_ipv4_checksum(packet);
            true
        }
        Some(6) => {
            // The traffic class lies across two bytes; its last two bits are bits 5 and 4 of the second.
            let Some(second) = packet.get_mut(1).filter(|second| **second & 0x30 != 0) else { return false };
            *second |= 0x30;
            true
        }
        _ => false,
    }
}

fn fill_ipv4_checksum(packet: &mut [u8]) {
    if let Some(field) = packet.get_mut(10..12) {
        field.fill(0);
    }
    let sum = packet.get(..20).map(checksum).unwrap_or_default();
    if let Some(field) = packet.get_mut(10..12) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
}

/// Whether the header is one that a host takes: of a known version, whole, and for IPv4 undamaged.
pub(crate) fn is_intact(packet: &[u8]) -> bool {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => Ipv4HeaderSlice::from_slice(packet).is_ok_and(|header| {
            checksum(header.slice()) == 0 && usize::from(header.total_len()) <= packet.len()
        }),
        Some(6) => packet.len() >= 40,
        _ => false,
    }
}

/// Says to the sender of a packet that it was too big: "fragmentation needed" (RFC 1191 section 4) or "packet too big"
/// (RFC 4443 section 3.2), from an address on the way.
pub(crate) fn too_big(packet_too_big: &[u8], mtu: u32) -> Option<Bytes> {
    let fields = Fields { ttl: 64, dscp: 0, ecn: Ecn::NotEct, identification: 0 };
    match packet_too_big.first().map(|byte| byte >> 4) {
        Some(4) => {
            let header = Ipv4HeaderSlice::from_slice(packet_too_big).ok()?;
            // The header and 8 bytes of what follows (RFC 792).
            let quoted = packet_too_big.get(..header.slice().len() + 8)?;
            let next_hop_mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
            let kind =
                Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::FragmentationNeeded {
                    next_hop_mtu,
                });
            let message = [&Icmpv4Header::with_checksum(kind, quoted).to_bytes()[..], quoted].concat();
            packet(ROUTER_V4.into(), header.source_addr().into(), IpNumber::ICMP, fields, &message)
        }
        Some(6) => {
            let source: [u8; 16] = packet_too_big.get(8..24)?.try_into().ok()?;
            // As much as fits into 1280 bytes.
            let quoted = packet_too_big.get(..packet_too_big.len().min(1232))?;
            let kind = Icmpv6Type::PacketTooBig { mtu };
            let header = Icmpv6Header::with_checksum(kind, ROUTER_V6.octets(), source, quoted).ok()?;
            let message = [&header.to_bytes()[..], quoted].concat();
            packet(ROUTER_V6.into(), Ipv6Addr::from(source).into(), IpNumber::IPV6_ICMP, fields, &message)
        }
        _ => None,
    }
}

/// The address of the link itself.
const ROUTER_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
const ROUTER_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0xfe);

/// The MTU and the quoted packet of an ICMP message that says "too big".
pub(crate) fn read_too_big(packet: &[u8]) -> Option<(u32, &[u8])> {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => {
            let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
            if header.protocol() != IpNumber::ICMP {
                return None;
            }
            let message = packet.get(header.slice().len()..)?;
            if checksum(message) != 0 {
                return None;
            }
            let slice = Icmpv4Slice::from_slice(message).ok()?;
            match slice.icmp_type() {
                Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::FragmentationNeeded {
                    next_hop_mtu,
                }) => Some((next_hop_mtu.into(), message.get(8..).unwrap_or_default())),
                _ => None,
            }
        }
        Some(6) => {
            if packet.get(6).copied() != Some(IpNumber::IPV6_ICMP.0) {
                return None;
            }
            let message = packet.get(40..)?;
            let (source, destination) =
                (packet.get(8..24)?.try_into().ok()?, packet.get(24..40)?.try_into().ok()?);
            let slice = Icmpv6Slice::from_slice(message).ok()?;
            match slice.icmp_type() {
                Icmpv6Type::PacketTooBig { mtu } if slice.is_checksum_valid(source, destination) => {
                    Some((mtu, message.get(8..).unwrap_or_default()))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The ports and the sequence number of a quoted segment, of which 8 bytes are certain, and its addresses.
pub(crate) fn quoted(packet: &[u8]) -> Option<Quoted> {
    let (source, destination, segment): (IpAddr, IpAddr, &[u8]) = match packet.first().map(|byte| byte >> 4) {
        Some(4) => {
            let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
            let rest = packet.get(header.slice().len()..)?;
            (header.source_addr().into(), header.destination_addr().into(), rest)
        }
        Some(6) => {
            let address = |at: usize| {
                let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
                Some(IpAddr::from(octets))
            };
            (address(8)?, address(24)?, packet.get(40..)?)
        }
        _ => return None,
    };
    let port = |at: usize| Some(u16::from_be_bytes(segment.get(at..at + 2)?.try_into().ok()?));
    let seq = u32::from_be_bytes(segment.get(4..8)?.try_into().ok()?);
    Some(Quoted { local: (source, port(0)?).into(), remote: (destination, port(2)?).into(), seq })
}

/// What an ICMP message says of the packet that it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Quoted {
    pub(crate) local: core::net::SocketAddr,
    pub(crate) remote: core::net::SocketAddr,
    pub(crate) seq: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: Fields = Fields { ttl: 64, dscp: 0, ecn: Ecn::Ect0, identification: 7 };

    fn addresses(is_v6: bool) -> (IpAddr, IpAddr) {
        if is_v6 {
            ([0xfd00, 0, 0, 0, 0, 0, 0, 1].into(), [0xfd00, 0, 0, 0, 0, 0, 0, 2].into())
        } else {
            ([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        }
    }

    #[test]
    fn marks_keep_the_header_intact() {
        for is_v6 in [false, true] {
            let (source, destination) = addresses(is_v6);
            let mut bytes = packet(source, destination, IpNumber::TCP, FIELDS, &[0; 20]).unwrap().to_vec();
            assert!(is_intact(&bytes));
            assert!(mark_congestion(&mut bytes));
            assert!(is_intact(&bytes));
            let plain = Fields { ecn: Ecn::NotEct, ..FIELDS };
            let mut bytes = packet(source, destination, IpNumber::TCP, plain, &[0; 20]).unwrap().to_vec();
            assert!(!mark_congestion(&mut bytes), "who does not understand marks gets none");
        }
    }

    #[test]
    fn too_big_is_told_of_the_segment_that_was() {
        for is_v6 in [false, true] {
            let (source, destination) = addresses(is_v6);
            let mut segment = vec![0; 1400];
            segment[..8].copy_from_slice(&[0x13, 0x88, 0, 80, 1, 2, 3, 4]);
            let bytes = packet(source, destination, IpNumber::TCP, FIELDS, &segment).unwrap();
            let told = too_big(&bytes, 1300).unwrap();
            assert!(is_intact(&told));
            let (mtu, about) = read_too_big(&told).unwrap();
            assert_eq!(mtu, 1300);
            let expected =
                Quoted { local: (source, 5000).into(), remote: (destination, 80).into(), seq: 0x0102_0304 };
            assert_eq!(quoted(about), Some(expected));
            let mut damaged = told.to_vec();
            *damaged.last_mut().unwrap() ^= 1;
            assert_eq!(read_too_big(&damaged), None);
        }
    }
}
