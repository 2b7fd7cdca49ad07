//! Packets around real bytes, for those who may not capture: what a TCP would have sent over loopback.

use std::net::SocketAddr;

use synfin_capture::{Interface, WriteError, Writer};
use synfin_wire::tcp::{Flags, Header, OptionsBuf, TcpOption};
use synfin_wire::{Frame, InterfaceId, LinkType, SeqNumber, checksum};

use super::exchange::Exchange;

/// Time between two packets, in nanoseconds.
const STEP_NS: u64 = 20_000;

/// What loopback's MTU of 65536 bytes leaves to a segment with timestamps.
const SEGMENT_LEN: usize = 65_483;

/// The window that Linux announces first on loopback.
const WINDOW: u16 = 65_495;

/// A pcapng file of an exchange: handshake, request, response, acknowledgements, and the server closing first.
pub(super) fn capture(exchange: &Exchange) -> Result<Vec<u8>, WriteError> {
    let mut bytes = Vec::new();
    write(exchange, &mut bytes)?;
    Ok(bytes)
}

fn write(exchange: &Exchange, bytes: &mut Vec<u8>) -> Result<(), WriteError> {
    let mut made = Made {
        writer: Writer::new(bytes, "made packets"),
        interface: Interface { name: Some("made".into()), ..Interface::new(LinkType::RAW) },
        at_ns: exchange.at_ns,
        number: 0,
        ends: [End::new(exchange.client, 0x1000_0000), End::new(exchange.server, 0x2000_0000)],
    };
    let (client, server) = (0, 1);
    made.send(client, Flags::SYN, &[])?;
    made.send(server, Flags::SYN | Flags::ACK, &[])?;
    made.send(client, Flags::ACK, &[])?;
    made.send(client, Flags::PSH | Flags::ACK, &exchange.request)?;
    made.send(server, Flags::ACK, &[])?;
    for part in exchange.response.chunks(SEGMENT_LEN) {
        made.send(server, Flags::PSH | Flags::ACK, part)?;
        made.send(client, Flags::ACK, &[])?;
    }
    made.send(server, Flags::FIN | Flags::ACK, &[])?;
    made.send(client, Flags::FIN | Flags::ACK, &[])?;
    made.send(server, Flags::ACK, &[])?;
    made.writer.finish()
}

struct Made<'a> {
    writer: Writer<&'a mut Vec<u8>>,
    interface: Interface,
    at_ns: u64,
    number: u64,
    ends: [End; 2],
}

/// One end: its address and `snd.nxt`.
struct End {
    address: SocketAddr,
    next: SeqNumber,
}

impl End {
    fn new(address: SocketAddr, initial: u32) -> Self {
        Self { address, next: SeqNumber(initial) }
    }
}

impl Made<'_> {
    fn send(&mut self, from: usize, flags: Flags, payload: &[u8]) -> Result<(), WriteError> {
        let [client, server] = &mut self.ends;
        let (sender, receiver) = if from == 0 { (client, server) } else { (server, client) };
        let mut options = OptionsBuf::new();
        if flags.syn() {
            let mss = u16::try_from(SEGMENT_LEN + 12).unwrap_or(u16::MAX);
            for option in [TcpOption::MaximumSegmentSize(mss), TcpOption::SackPermitted] {
                // Both together take 6 of 40 bytes.
                let _fits = options.push(&option);
            }
        }
        let header = Header {
            source_port: sender.address.port(),
            destination_port: receiver.address.port(),
            seq: sender.next,
            ack: if flags.ack() { receiver.next } else { SeqNumber(0) },
            flags,
            window: WINDOW,
            ..Header::default()
        };
        let mut segment = vec![0; synfin_wire::tcp::HEADER_LEN + options.padded().len()];
        let _len = header.emit(&options, &mut segment);
        segment.extend_from_slice(payload);
        Header::fill_checksum(&mut segment, sender.address.ip(), receiver.address.ip());
        let taken = payload.len() + usize::from(flags.syn()) + usize::from(flags.fin());
        sender.next += u32::try_from(taken).unwrap_or_default();
        let packet = ipv4(sender.address, receiver.address, &segment);
        self.number += 1;
        self.at_ns += STEP_NS;
        let frame = Frame {
            number: self.number,
            at_ns: self.at_ns,
            link: LinkType::RAW,
            interface: InterfaceId(0),
            direction: None,
            original_len: u32::try_from(packet.len()).unwrap_or(u32::MAX),
            bytes: &packet,
            fate: synfin_wire::Fate::default(),
        };
        self.writer.write_frame(&frame, &self.interface, None)
    }
}

/// An IPv4 packet around a segment. The demonstration runs on 127.0.0.1.
fn ipv4(source: SocketAddr, destination: SocketAddr, segment: &[u8]) -> Vec<u8> {
    let octets = |address: SocketAddr| match address {
        SocketAddr::V4(address) => address.ip().octets(),
        SocketAddr::V6(_) => [127, 0, 0, 1],
    };
    let len = u16::try_from(20 + segment.len()).unwrap_or_default().to_be_bytes();
    let mut header =
        [[0x45, 0], len, [0, 0], [0x40, 0], [64, synfin_wire::dissect::PROTOCOL_TCP], [0, 0]].concat();
    header.extend(octets(source));
    header.extend(octets(destination));
    let sum = checksum::checksum(&header).to_be_bytes();
    for (to, from) in header.iter_mut().skip(10).zip(sum) {
        *to = from;
    }
    [&header, segment].concat()
}
