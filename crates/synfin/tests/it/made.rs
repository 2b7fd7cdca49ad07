//! Captures that are made on the spot: HTTP exchanges whose every packet is known.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use synfin_capture::{Interface, Writer};
use synfin_wire::tcp::{Flags, HEADER_LEN, Header, OptionsBuf};
use synfin_wire::{Frame, InterfaceId, LinkType, SeqNumber, checksum};

/// Packets of one [`exchange`].
pub(crate) const PACKETS: usize = 10;

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Protocol numbers in IP.
const TCP: u8 = 6;
const UDP: u8 = 17;
const REQUEST: &[u8] = b"GET /page HTTP/1.1\r\nHost: made\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Time between the packets of an exchange, in nanoseconds.
const STEP_NS: u64 = 1_000_000;

/// One packet and its time.
pub(crate) struct Made {
    at_ns: u64,
    bytes: Vec<u8>,
}

impl Made {
    /// Changes a bit on the way: the TCP checksum is wrong from here on.
    pub(crate) fn spoil(&mut self) {
        *self.bytes.last_mut().unwrap() ^= 1;
    }
}

/// So many bytes of something else than TCP, at this nanosecond.
pub(crate) fn noise(len: usize, at_ns: u64) -> Made {
    Made { at_ns, bytes: ipv4(UDP, CLIENT, SERVER, &vec![0; len]) }
}

/// A connection from this port to port 80 that begins at this second: handshake, request, response, close.
pub(crate) fn exchange(port: u16, at_s: u64) -> Vec<Made> {
    let mut next = [SeqNumber(1_000), SeqNumber(2_000)];
    let steps: [(usize, Flags, &[u8]); PACKETS] = [
        (0, Flags::SYN, &[]),
        (1, Flags::SYN | Flags::ACK, &[]),
        (0, Flags::ACK, &[]),
        (0, Flags::PSH | Flags::ACK, REQUEST),
        (1, Flags::ACK, &[]),
        (1, Flags::PSH | Flags::ACK, RESPONSE),
        (0, Flags::ACK, &[]),
        (0, Flags::FIN | Flags::ACK, &[]),
        (1, Flags::FIN | Flags::ACK, &[]),
        (0, Flags::ACK, &[]),
    ];
    let made = steps.into_iter().zip(1..).map(|((from, flags, payload), n)| {
        let (source, destination) =
            if from == 0 { ((CLIENT, port), (SERVER, 80)) } else { ((SERVER, 80), (CLIENT, port)) };
        let header = Header {
            source_port: source.1,
            destination_port: destination.1,
            seq: next[from],
            ack: if flags.ack() { next[1 - from] } else { SeqNumber(0) },
            flags,
            window: 65_535,
            ..Header::default()
        };
        let mut segment = vec![0; HEADER_LEN];
        let _len = header.emit(&OptionsBuf::new(), &mut segment);
        segment.extend_from_slice(payload);
        Header::fill_checksum(&mut segment, IpAddr::V4(source.0), IpAddr::V4(destination.0));
        next[from] += payload.len() as u32 + u32::from(flags.syn()) + u32::from(flags.fin());
        Made {
            at_ns: at_s * 1_000_000_000 + n * STEP_NS,
            bytes: ipv4(TCP, source.0, destination.0, &segment),
        }
    });
    made.collect()
}

fn ipv4(protocol: u8, source: Ipv4Addr, destination: Ipv4Addr, segment: &[u8]) -> Vec<u8> {
    let len = (20 + segment.len() as u16).to_be_bytes();
    let mut header = vec![0x45, 0, len[0], len[1], 0, 0, 0x40, 0, 64, protocol, 0, 0];
    header.extend(source.octets());
    header.extend(destination.octets());
    let sum = checksum::checksum(&header).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    [&header, segment].concat()
}

/// A pcapng file of these packets, in the order of time.
pub(crate) fn capture(packets: impl IntoIterator<Item = Made>) -> Vec<u8> {
    let mut packets: Vec<Made> = packets.into_iter().collect();
    packets.sort_by_key(|packet| packet.at_ns);
    let interface = Interface { name: Some("made".into()), ..Interface::new(LinkType::RAW) };
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, "made");
    for (packet, number) in packets.iter().zip(1..) {
        let frame = Frame {
            number,
            at_ns: packet.at_ns,
            link: LinkType::RAW,
            interface: InterfaceId(0),
            direction: None,
            original_len: packet.bytes.len() as u32,
            bytes: &packet.bytes,
            fate: synfin_wire::Fate::default(),
        };
        writer.write_frame(&frame, &interface, None).unwrap();
    }
    writer.finish().unwrap();
    file
}

/// A folder with `one.pcapng` and `two.pcapng`, whose exchanges alternate in time, and `all.pcapng` with those of both.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let odd = || (0..3).flat_map(|n| exchange(1_001 + 2 * n, 1 + 2 * u64::from(n)));
    let even = || (0..3).flat_map(|n| exchange(1_002 + 2 * n, 2 + 2 * u64::from(n)));
    write(folder.path(), "one.pcapng", &capture(odd()));
    write(folder.path(), "two.pcapng", &capture(even()));
    write(folder.path(), "all.pcapng", &capture(odd().chain(even())));
    folder
}

pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join(name), bytes).unwrap();
}
