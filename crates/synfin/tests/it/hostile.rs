//! Any bytes at all end in a value: the way of `synfin read`, from a file's bytes to every view of them.

use std::io::Cursor;

use proptest::prelude::*;
use synfin_capture::{Interface, Reader, Writer};
use synfin_flow::{Config, Tracker};
use synfin_view::{Format, Options, Printer, Show, View};
use synfin_wire::tcp::{Flags, Header, OptionsBuf, TcpOption};
use synfin_wire::{Frame, InterfaceId, LinkType, Observation, SeqNumber};

/// Reads the bytes as `synfin read` does, and shows everything that can be shown. Says how many connections there were.
fn read(bytes: Vec<u8>, format: Format) -> u64 {
    let Ok(mut reader) = Reader::from_read(Cursor::new(bytes), "any bytes") else { return 0 };
    let config = Config { kept_packets: 100, check_checksums: false, ..Config::default() };
    let mut tracker = Tracker::new(config);
    let show: Show = View::ALL.into_iter().collect();
    let mut printer = Printer::new(Vec::new(), Options { show, format, ..Options::default() });
    while let Ok(Some(record)) = reader.next_record() {
        tracker.observe(&Observation::Frame(record.frame), &mut printer);
    }
    while let Some(loss) = reader.poll_loss() {
        tracker.observe(&Observation::Loss(loss), &mut printer);
    }
    let summary = tracker.finish(&mut printer);
    printer.finish(&summary).unwrap();
    summary.connections
}

/// A capture of an exchange: handshake, request, response, close.
fn exchange() -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, "memory");
    let interface = Interface::new(LinkType::RAW);
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice();
    let response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".as_slice();
    let script = [
        (true, Flags::SYN, &b""[..]),
        (false, Flags::SYN | Flags::ACK, b""),
        (true, Flags::ACK, b""),
        (true, Flags::ACK, request),
        (false, Flags::ACK, response),
        (false, Flags::FIN | Flags::ACK, b""),
        (true, Flags::FIN | Flags::ACK, b""),
        (false, Flags::ACK, b""),
    ];
    let mut next = [1000u32, 5000];
    for (number, (from_client, flags, payload)) in (1..).zip(script) {
        let (me, you) = if from_client { (0, 1) } else { (1, 0) };
        let header = Header {
            source_port: [40_000, 80][me],
            destination_port: [40_000, 80][you],
            seq: SeqNumber(next[me]),
            ack: SeqNumber(next[you]),
            flags,
            window: 1000,
            ..Header::default()
        };
        next[me] += payload.len() as u32 + u32::from(flags.syn()) + u32::from(flags.fin());
        let mut options = OptionsBuf::new();
        options.push(&TcpOption::Timestamps { value: number as u32, echo_reply: 0 }).unwrap();
        let mut segment = vec![0; 32];
        header.emit(&options, &mut segment).unwrap();
        segment.extend_from_slice(payload);
        let len = (20 + segment.len() as u16).to_be_bytes();
        let hosts = [[10, 0, 0, 1], [10, 0, 0, 2]];
        let mut packet = vec![0x45, 0, len[0], len[1], 0, number as u8, 0, 0, 64, 6, 0, 0];
        packet.extend(hosts[me]);
        packet.extend(hosts[you]);
        packet.extend(segment);
        let frame = Frame {
            number,
            at_ns: number * 1_000_000,
            link: LinkType::RAW,
            interface: InterfaceId(0),
            direction: None,
            original_len: packet.len() as u32,
            bytes: &packet,
            fate: synfin_wire::Fate::default(),
        };
        writer.write_frame(&frame, &interface, None).unwrap();
    }
    writer.finish().unwrap();
    file
}

#[test]
fn the_intact_file_is_a_connection() {
    assert_eq!(read(exchange(), Format::Text), 1);
}

fn any_format() -> impl Strategy<Value = Format> {
    proptest::sample::select(&[Format::Text, Format::Json, Format::Csv])
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400), format in any_format()) {
        read(bytes, format);
    }

    #[test]
    fn a_damaged_file(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        format in any_format(),
    ) {
        let mut file = exchange();
        for (at, value) in damage {
            let at = at.index(file.len());
            file[at] = value;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        read(file, format);
    }
}
