//! Connections written down a packet a line, and the frames that they are.
//!
//! A line reads `[MS] C|S FLAGS SEQ [ack N] [len N] [win N] [mss N] [ws N] [sackok] [ts VALUE ECHO] [sack L-R …] [id N]
//! [on N] [bad] [data TEXT]`: at `MS` milliseconds (one after the last packet, where it is left out) client or server
//! sends FLAGS from relative sequence number SEQ; `on` is the interface, `bad` a wrong checksum, and `data` takes the
//! rest of the line. Payload that is not given is made from its place in the stream, so that it is the same when it is
//! sent again.

use std::net::{IpAddr, SocketAddr};

use synfin_wire::checksum::checksum;
use synfin_wire::tcp::{Flags, Header, OptionsBuf, SackBlock, TcpOption};
use synfin_wire::{Frame, InterfaceId, LinkType, SeqNumber, Side};

/// When stories begin, in nanoseconds since the epoch.
pub(crate) const START_NS: u64 = 1_700_000_000_000_000_000;

/// A frame of raw IP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    pub(crate) at_ns: u64,
    pub(crate) interface: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Sent {
    pub(crate) fn frame(&self, number: u64) -> Frame<'_> {
        Frame {
            number,
            at_ns: self.at_ns,
            link: LinkType::RAW,
            interface: InterfaceId(self.interface),
            direction: None,
            original_len: self.bytes.len() as u32,
            bytes: &self.bytes,
            fate: synfin_wire::Fate::default(),
        }
    }
}

/// What a packet is to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Say<'a> {
    pub(crate) at_ns: u64,
    pub(crate) from: Side,
    pub(crate) flags: Flags,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) payload: &'a [u8],
    pub(crate) window: u16,
    pub(crate) options: OptionsBuf,
    pub(crate) id: u16,
    pub(crate) interface: u32,
    pub(crate) is_bad: bool,
}

/// Two ends and what they send.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// Initial sequence numbers.
    pub(crate) iss: (u32, u32),
    pub(crate) frames: Vec<Sent>,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self::between("10.0.0.1:40000", "10.0.0.2:80")
    }

    pub(crate) fn between(client: &str, server: &str) -> Self {
        Self {
            client: client.parse().unwrap(),
            server: server.parse().unwrap(),
            iss: (1000, 77_000),
            frames: Vec::new(),
        }
    }

    pub(crate) fn script(script: &str) -> Self {
        let mut wire = Self::new();
        wire.play(script);
        wire
    }

    pub(crate) fn play(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.line(line);
        }
    }

    fn line(&mut self, line: &str) {
        let (line, text) = match line.split_once(" data ") {
            Some((line, text)) => (line, Some(text.replace("\\r", "\r").replace("\\n", "\n"))),
            None => (line, None),
        };
        let mut words = line.split_whitespace().peekable();
        let at_ns = match words.next_if(|word| word.parse::<f64>().is_ok()) {
            Some(ms) => START_NS + (ms.parse::<f64>().unwrap() * 1e6).round() as u64,
            None => self.frames.last().map_or(START_NS, |sent| sent.at_ns + 1_000_000),
        };
        let from = match words.next() {
            Some("C") => Side::Client,
            Some("S") => Side::Server,
            other => panic!("who sends? {other:?} in {line:?}"),
        };
        let flags = words.next().unwrap().split(',').fold(Flags::NONE, |flags, name| {
            flags
                | Flags::NAMED.iter().find(|(_, known)| *known == name).unwrap_or_else(|| panic!("{line}")).0
        });
        let relative: i64 = words.next().unwrap().parse().unwrap();
        let (own, peer) = match from {
            Side::Client => (self.iss.0, self.iss.1),
            Side::Server => (self.iss.1, self.iss.0),
        };
        let mut say = Say {
            at_ns,
            from,
            flags,
            seq: own.wrapping_add(relative as u32),
            ack: 0,
            payload: &[],
            window: 60_000,
            options: OptionsBuf::new(),
            id: 0,
            interface: 1,
            is_bad: false,
        };
        let mut payload: Vec<u8> = text.unwrap_or_default().into_bytes();
        while let Some(word) = words.next() {
            let mut number = || words.next().unwrap().parse::<i64>().unwrap_or_else(|_| panic!("{line}"));
            match word {
                "ack" => say.ack = peer.wrapping_add(number() as u32),
                "len" => payload = (relative..relative + number()).map(filler).collect(),
                "win" => say.window = number() as u16,
                "id" => say.id = number() as u16,
                "on" => say.interface = number() as u32,
                "bad" => say.is_bad = true,
                "mss" => say.options.push(&TcpOption::MaximumSegmentSize(number() as u16)).unwrap(),
                "ws" => say.options.push(&TcpOption::WindowScale(number() as u8)).unwrap(),
                "sackok" => say.options.push(&TcpOption::SackPermitted).unwrap(),
                "ts" => {
                    let (value, echo_reply) = (number() as u32, number() as u32);
                    say.options.push(&TcpOption::Timestamps { value, echo_reply }).unwrap();
                }
                "sack" => {
                    let mut blocks = Vec::new();
                    while let Some(block) = words.next_if(|word| word.contains('-')) {
                        let (left, right) = block.split_once('-').unwrap();
                        let place = |n: &str| SeqNumber(peer) + n.parse::<u32>().unwrap();
                        blocks.push(SackBlock { left: place(left), right: place(right) });
                    }
                    assert_eq!(say.options.push_sack(&blocks), blocks.len());
                }
                other => panic!("what is {other:?} in {line:?}?"),
            }
        }
        say.payload = &payload;
        self.say(&say);
    }

    pub(crate) fn say(&mut self, say: &Say<'_>) {
        let (source, destination) = match say.from {
            Side::Client => (self.client, self.server),
            Side::Server => (self.server, self.client),
        };
        let bytes = packet(source, destination, say);
        self.frames.push(Sent { at_ns: say.at_ns, interface: say.interface, bytes });
    }
}

/// The byte at a place of every stream.
fn filler(place: i64) -> u8 {
    b'a' + place.rem_euclid(26) as u8
}

/// The IP packet with a segment in it.
pub(crate) fn packet(source: SocketAddr, destination: SocketAddr, say: &Say<'_>) -> Vec<u8> {
    let header = Header {
        source_port: source.port(),
        destination_port: destination.port(),
        seq: SeqNumber(say.seq),
        ack: SeqNumber(say.ack),
        flags: say.flags,
        window: say.window,
        checksum: 0,
        urgent_pointer: 0,
    };
    let mut segment = vec![0; 60];
    let header_len = header.emit(&say.options, &mut segment).unwrap();
    segment.truncate(header_len);
    segment.extend_from_slice(say.payload);
    Header::fill_checksum(&mut segment, source.ip(), destination.ip());
    if say.is_bad {
        segment[16] ^= 0x55;
    }
    ip_packet(source.ip(), destination.ip(), say.id, None, &segment)
}

/// A piece of a fragmented packet: its offset in bytes, and whether more follow.
pub(crate) type Piece = (usize, bool);

/// An IP packet of TCP, or a fragment of one.
pub(crate) fn ip_packet(
    source: IpAddr,
    destination: IpAddr,
    id: u16,
    piece: Option<Piece>,
    payload: &[u8],
) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let fragment = piece.map_or(0x4000, |(offset, more)| u16::from(more) << 13 | (offset / 8) as u16);
            let mut bytes = vec![0x45, 0];
            bytes.extend_from_slice(&((20 + payload.len()) as u16).to_be_bytes());
            bytes.extend_from_slice(&id.to_be_bytes());
            bytes.extend_from_slice(&fragment.to_be_bytes());
            bytes.extend_from_slice(&[64, 6, 0, 0]);
            bytes.extend_from_slice(&source.octets());
            bytes.extend_from_slice(&destination.octets());
            let sum = checksum(&bytes).to_be_bytes();
            bytes[10..12].copy_from_slice(&sum);
            bytes.extend_from_slice(payload);
            bytes
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let extension: Vec<u8> = piece.map_or_else(Vec::new, |(offset, more)| {
                let mut header = vec![6, 0];
                header.extend_from_slice(&(offset as u16 | u16::from(more)).to_be_bytes());
                header.extend_from_slice(&u32::from(id).to_be_bytes());
                header
            });
            let mut bytes = vec![0x60, 0, 0, 0];
            bytes.extend_from_slice(&((extension.len() + payload.len()) as u16).to_be_bytes());
            bytes.extend_from_slice(&[if piece.is_some() { 44 } else { 6 }, 64]);
            bytes.extend_from_slice(&source.octets());
            bytes.extend_from_slice(&destination.octets());
            bytes.extend_from_slice(&extension);
            bytes.extend_from_slice(payload);
            bytes
        }
        _ => panic!("{source} and {destination} are of two families"),
    }
}

/// The frames as a capture file: pcap with nanoseconds, raw IP.
pub(crate) fn pcap(frames: &[Sent]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_3c4d_u32, 2 | 4 << 16, 0, 0, 262_144, 101] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for sent in frames {
        let (seconds, rest) = (sent.at_ns / 1_000_000_000, sent.at_ns % 1_000_000_000);
        let len = sent.bytes.len() as u32;
        for word in [seconds as u32, rest as u32, len, len] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&sent.bytes);
    }
    file
}
