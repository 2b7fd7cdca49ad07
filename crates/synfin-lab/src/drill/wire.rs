//! Between packets of a script and bytes: what goes in is built here, what comes out is read here.

use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use etherparse::IpNumber;
use synfin_tcp::Ecn;
use synfin_wire::dissect::{Dissected, dissect};
use synfin_wire::tcp::{HEADER_LEN, Header, MAX_OPTIONS_LEN, OptionsBuf};
use synfin_wire::{LinkType, SeqNumber, tcp};

use super::script::{EcnField, IpFields, Tcp, TcpOption};
use crate::ip;

/// A segment that came out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    /// When, in nanoseconds since the script began.
    pub(crate) at_ns: u64,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) traffic_class: u8,
    pub(crate) ttl: u8,
    pub(crate) header: Header,
    pub(crate) options: Vec<TcpOption>,
    pub(crate) payload: Bytes,
    /// Whether the checksums of IP and TCP are right.
    pub(crate) is_intact: bool,
}

/// Reads a packet that came out; `None` if it is no segment.
pub(crate) fn read(at_ns: u64, packet: &Bytes) -> Option<Seen> {
    let len = u32::try_from(packet.len()).ok()?;
    let Some(Ok(Dissected::Tcp(header, segment))) = dissect(LinkType::RAW, packet, len).next() else {
        return None;
    };
    let is_intact =
        ip::is_intact(packet) && segment.has_valid_checksum(header.source, header.destination) == Some(true);
    Some(Seen {
        at_ns,
        source: SocketAddr::new(header.source, segment.header.source_port),
        destination: SocketAddr::new(header.destination, segment.header.destination_port),
        traffic_class: header.traffic_class,
        ttl: header.ttl,
        header: segment.header,
        options: options(segment.options.as_bytes()),
        payload: Bytes::copy_from_slice(segment.payload),
        is_intact,
    })
}

/// The options as they stand, `nop` and `eol` too. What lies after a broken one is one unknown option.
fn options(mut bytes: &[u8]) -> Vec<TcpOption> {
    let mut list = Vec::new();
    while let [kind, rest @ ..] = bytes {
        match kind {
            0 => {
                list.push(TcpOption::Eol);
                bytes = rest;
            }
            1 => {
                list.push(TcpOption::Nop);
                bytes = rest;
            }
            _ => {
                let len = rest.first().map_or(0, |len| usize::from(*len));
                let Some(data) = bytes.get(2..len) else {
                    list.push(TcpOption::Other(*kind, rest.to_vec()));
                    break;
                };
                list.push(option(*kind, data));
                bytes = bytes.get(len..).unwrap_or_default();
            }
        }
    }
    list
}

fn option(kind: u8, data: &[u8]) -> TcpOption {
    let word = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).map(u32::from_be_bytes).ok();
    let known = match (kind, data) {
        (2, [high, low]) => Some(TcpOption::Mss(u16::from_be_bytes([*high, *low]))),
        (3, [shift]) => Some(TcpOption::WindowScale(*shift)),
        (4, []) => Some(TcpOption::SackPermitted),
        (5, blocks) if !blocks.is_empty() && blocks.len().is_multiple_of(8) => blocks
            .chunks_exact(8)
            .map(|block| Some((word(block.get(..4)?)?, word(block.get(4..)?)?)))
            .collect::<Option<_>>()
            .map(TcpOption::Sack),
        (8, times) if times.len() == 8 => times
            .split_at_checked(4)
            .and_then(|(value, echo)| Some(TcpOption::Timestamps(word(value)?, word(echo)?))),
        _ => None,
    };
    known.unwrap_or_else(|| TcpOption::Other(kind, data.to_vec()))
}

/// The bytes of options, padded with zeros to whole words.
fn option_bytes(options: &[TcpOption]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for option in options {
        let mut tagged = |kind: u8, data: &[u8]| {
            bytes.extend([kind, u8::try_from(data.len() + 2).unwrap_or(u8::MAX)]);
            bytes.extend_from_slice(data);
        };
        match option {
            TcpOption::Eol => bytes.push(0),
            TcpOption::Nop => bytes.push(1),
            TcpOption::Mss(mss) => tagged(2, &mss.to_be_bytes()),
            TcpOption::WindowScale(shift) => tagged(3, &[*shift]),
            TcpOption::SackPermitted => tagged(4, &[]),
            TcpOption::Sack(blocks) => {
                let edges = blocks.iter().flat_map(|(left, right)| [left.to_be_bytes(), right.to_be_bytes()]);
                tagged(5, &edges.flatten().collect::<Vec<_>>());
            }
            TcpOption::Timestamps(value, echo) => {
                tagged(8, &[value.to_be_bytes(), echo.to_be_bytes()].concat());
            }
            TcpOption::Other(kind, data) => tagged(*kind, data),
        }
    }
    bytes.resize(bytes.len().next_multiple_of(4).min(MAX_OPTIONS_LEN), 0);
    bytes
}

/// A segment as bytes. Its numbers are those of the wire.
pub(crate) fn segment(
    source: SocketAddr,
    destination: SocketAddr,
    fields: IpFields,
    tcp: &Tcp,
    payload: &[u8],
) -> Option<Bytes> {
    let bytes = option_bytes(tcp.options.as_deref().unwrap_or_default());
    let options = OptionsBuf::of(&tcp::Options::new(&bytes, bytes.len()));
    let header = Header {
        source_port: source.port(),
        destination_port: destination.port(),
        seq: SeqNumber(tcp.seq),
        ack: SeqNumber(tcp.ack.unwrap_or_default()),
        flags: tcp.flags,
        // Without a word about it there is no room.
        window: tcp.window.unwrap_or_default(),
        urgent_pointer: tcp.urgent_pointer,
        ..Header::default()
    };
    let mut segment = vec![0; HEADER_LEN + MAX_OPTIONS_LEN];
    let len = header.emit(&options, &mut segment)?;
    segment.truncate(len);
    segment.extend_from_slice(payload);
    Header::fill_checksum(&mut segment, source.ip(), destination.ip());
    ip::packet(source.ip(), destination.ip(), IpNumber::TCP, ip_fields(fields), &segment)
}

fn ip_fields(fields: IpFields) -> ip::Fields {
    let tos = fields.tos.unwrap_or_default();
    let ecn = match fields.ecn {
        None => ip::ecn(tos),
        Some(EcnField::NotEct | EcnField::Ect01) => Ecn::NotEct,
        Some(EcnField::Ect0) => Ecn::Ect0,
        Some(EcnField::Ect1) => Ecn::Ect1,
        Some(EcnField::Ce) => Ecn::Ce,
    };
    // packetdrill's own default for what it sends.
    ip::Fields { ttl: fields.ttl.unwrap_or(255), dscp: tos >> 2, ecn, identification: 0 }
}

/// The octet at a place of a stream: a pattern that shows where an octet belongs, with a period of a prime number.
pub(crate) fn octet(offset: u64) -> u8 {
    // Below 251 always.
    u8::try_from(offset % 251).unwrap_or_default()
}

/// Octets of the pattern that stands for `...` where something is written, from a place in the stream on.
#[must_use]
pub fn pattern(offset: u64, len: usize) -> Bytes {
    (offset..).take(len).map(octet).collect::<Vec<_>>().into()
}

/// Whether both are of one family.
pub(crate) fn is_same_family(a: IpAddr, b: IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4()
}
