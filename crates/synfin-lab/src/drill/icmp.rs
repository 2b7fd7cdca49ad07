//! ICMP messages of a script as bytes, and back: what a host reads of them (RFC 792, 1191, 4443).

use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use etherparse::IpNumber;
use synfin_tcp::{Ecn, IcmpError, IcmpMessage, Unreachable};
use synfin_wire::SeqNumber;
use synfin_wire::checksum::{Sum, checksum};

use super::script::Icmp;
use crate::ip;

/// Codes of "destination unreachable" by packetdrill's names: for IPv4.
const UNREACHABLE_V4: [(&str, u8); 16] = [
    ("net_unreachable", 0),
    ("host_unreachable", 1),
    ("protocol_unreachable", 2),
    ("port_unreachable", 3),
    ("frag_needed", 4),
    ("source_route_failed", 5),
    ("net_unknown", 6),
    ("host_unknown", 7),
    ("source_host_isolated", 8),
    ("net_prohibited", 9),
    ("host_prohibited", 10),
    ("net_unreachable_for_tos", 11),
    ("host_unreachable_for_tos", 12),
    ("packet_filtered", 13),
    ("precedence_violation", 14),
    ("precedence_cutoff", 15),
];

/// For IPv6.
const UNREACHABLE_V6: [(&str, u8); 5] = [
    ("no_route", 0),
    ("admin_prohibited", 1),
    ("not_neighbour", 2),
    ("address_unreachable", 3),
    ("port_unreachable", 4),
];

/// Codes of "time exceeded" and "parameter problem" for IPv6.
const TIME_EXCEEDED_V6: [(&str, u8); 2] = [("exceeded_hop_limit", 0), ("exceeded_frag_time", 1)];
const PARAMETER_V6: [(&str, u8); 3] =
    [("header_field", 0), ("unknown_next_header", 1), ("unknown_option", 2)];

/// Type and code of a message by its names.
fn numbers(icmp: &Icmp, is_ipv6: bool) -> Option<(u8, u8)> {
    let (kind, codes): (u8, &[(&str, u8)]) = match (icmp.kind.as_str(), is_ipv6) {
        ("unreachable", false) => (3, &UNREACHABLE_V4),
        ("source_quench", false) => (4, &[]),
        ("time_exceeded", false) => (11, &[]),
        ("parameter_problem", false) => (12, &[]),
        ("unreachable", true) => (1, &UNREACHABLE_V6),
        ("packet_too_big", true) => (2, &[]),
        ("time_exceeded", true) => (3, &TIME_EXCEEDED_V6),
        ("parameter_problem", true) => (4, &PARAMETER_V6),
        (kind, _) => (kind.strip_prefix("type_")?.parse().ok()?, &[]),
    };
    let Some(code) = &icmp.code else { return Some((kind, 0)) };
    if let Some(number) = code.strip_prefix("code_") {
        return Some((kind, number.parse().ok()?));
    }
    codes.iter().find(|(name, _)| name == code).map(|(_, number)| (kind, *number))
}

/// Whether the names are known.
pub(crate) fn is_known(icmp: &Icmp, is_ipv6: bool) -> bool {
    numbers(icmp, is_ipv6).is_some()
}

/// A message for `local` about a segment that it sent to `remote`. `seq` is the number on the wire.
pub(crate) fn packet(icmp: &Icmp, local: SocketAddr, remote: SocketAddr, seq: u32) -> Option<Bytes> {
    let (kind, code) = numbers(icmp, local.is_ipv6())?;
    let (_, len) = icmp.about;
    let mut quoted = [local.port().to_be_bytes(), remote.port().to_be_bytes()].concat();
    quoted.extend(seq.to_be_bytes());
    let fields = ip::Fields { ttl: 64, dscp: 0, ecn: Ecn::NotEct, identification: 0 };
    // The length that the quoted header tells is that of the whole segment, of which 8 octets are quoted.
    let mut whole = quoted.clone();
    whole.resize(20 + usize::from(len), 0);
    let about = ip::packet(local.ip(), remote.ip(), IpNumber::TCP, fields, &whole)?;
    let about = about.get(..about.len() - whole.len() + quoted.len())?;
    let mut message = vec![kind, code, 0, 0];
    let mtu = icmp.mtu.unwrap_or_default();
    message.extend(mtu.to_be_bytes());
    message.extend_from_slice(about);
    let protocol = if local.is_ipv6() { IpNumber::IPV6_ICMP } else { IpNumber::ICMP };
    let sum = match (remote.ip(), local.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => checksum(&message),
        (source, destination) => pseudo_checksum(source, destination, &message),
    };
    message.get_mut(2..4)?.copy_from_slice(&sum.to_be_bytes());
    ip::packet(remote.ip(), local.ip(), protocol, fields, &message)
}

/// The checksum of ICMPv6, over a pseudo-header too (RFC 4443 section 2.3).
fn pseudo_checksum(source: IpAddr, destination: IpAddr, message: &[u8]) -> u16 {
    let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut sum = Sum::pseudo_header(source, destination, IpNumber::IPV6_ICMP.0, len);
    sum.add_bytes(message);
    sum.finish()
}

/// What a packet says about a segment of ours, if it is an ICMP error.
pub(crate) fn read(packet: &[u8]) -> Option<IcmpError> {
    let (message, is_ipv6) = match packet.first().map(|byte| byte >> 4) {
        Some(4) if packet.get(9) == Some(&IpNumber::ICMP.0) => {
            let header = usize::from(packet.first()? & 15) * 4;
            (packet.get(header..)?, false)
        }
        Some(6) if packet.get(6) == Some(&IpNumber::IPV6_ICMP.0) => (packet.get(40..)?, true),
        _ => return None,
    };
    let mtu = u32::from_be_bytes(message.get(4..8)?.try_into().ok()?);
    let (kind, code) = (*message.first()?, *message.get(1)?);
    let unreachable = IcmpMessage::Unreachable;
    let said = match (is_ipv6, kind, code) {
        // RFC 1191 section 4: the MTU is in the low half, where a router says it.
        (false, 3, 4) => IcmpMessage::TooBig { mtu: mtu & 0xffff },
        (false, 3, code) => unreachable(match code {
            0 | 6 | 11 => Unreachable::Network,
            2 => Unreachable::Protocol,
            3 => Unreachable::Port,
            5 => Unreachable::SourceRoute,
            9 | 10 | 13 => Unreachable::Prohibited,
            _ => Unreachable::Host,
        }),
        (false, 4, _) => IcmpMessage::SourceQuench,
        (false, 11, _) | (true, 3, _) => unreachable(Unreachable::TimeExceeded),
        (false, 12, _) | (true, 4, _) => unreachable(Unreachable::ParameterProblem),
        (true, 1, code) => unreachable(match code {
            0 => Unreachable::Network,
            1 => Unreachable::Prohibited,
            4 => Unreachable::Port,
            _ => Unreachable::Host,
        }),
        (true, 2, _) => IcmpMessage::TooBig { mtu },
        _ => return None,
    };
    let quoted = ip::quoted(message.get(8..)?)?;
    let (local, remote, seq) = (quoted.local, quoted.remote, SeqNumber(quoted.seq));
    Some(IcmpError { local, remote, seq, message: said })
}
