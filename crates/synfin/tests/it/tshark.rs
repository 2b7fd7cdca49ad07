//! tshark as the judge of which packets there are, and of their numbers.

use std::path::Path;
use std::process::Command;

use synfin_capture::Reader;
use synfin_flow::{Config, Connection, Packet, Sink, Tracker};
use synfin_wire::tcp::Flags;
use synfin_wire::{Observation, Side};

use crate::captures;

/// What both say about a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Row {
    frame: u64,
    connection: u64,
    source_port: u16,
    destination_port: u16,
    flags: u16,
    seq: u32,
    ack: u32,
    len: u32,
}

/// What ICMP errors quote is no packet.
fn rows_of_tshark(file: &Path) -> Vec<Row> {
    let fields = ["tcp.stream", "tcp.srcport", "tcp.dstport", "tcp.flags", "tcp.seq", "tcp.ack", "tcp.len"];
    let mut command = Command::new("tshark");
    command.args(["-r".as_ref(), file.as_os_str()]);
    command.args(["-Y", "tcp and not icmp and not icmpv6", "-T", "fields", "-e", "frame.number"]);
    // Teredo between peers has no port to be known by: tshark looks for it only when told to.
    command.args(["-o", "tcp.desegment_tcp_streams:FALSE", "--enable-heuristic", "teredo_udp"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().expect("tshark is installed by `make test`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().flat_map(rows_of_frame).collect()
}

/// A frame with several packets has their values side by side in each field, joined by commas.
fn rows_of_frame(line: &str) -> Vec<Row> {
    let number = |field: &str| match field.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).unwrap(),
        None => field.parse().unwrap_or_default(),
    };
    let (frame, fields) = line.split_once('\t').unwrap();
    let fields: Vec<Vec<u64>> =
        fields.split('\t').map(|field| field.split(',').map(number).collect()).collect();
    let row = |n: usize| {
        let flags = fields[3][n] as u16;
        // tshark shows the field even where the flag does not give it a meaning.
        let ack = if flags & Flags::ACK.bits() == 0 { 0 } else { fields[5][n] as u32 };
        Row {
            frame: number(frame),
            connection: fields[0][n],
            source_port: fields[1][n] as u16,
            destination_port: fields[2][n] as u16,
            flags,
            seq: fields[4][n] as u32,
            ack,
            len: fields[6][n] as u32,
        }
    };
    (0..fields[0].len()).map(row).collect()
}

#[derive(Default)]
struct Rows(Vec<Row>);

impl Sink for Rows {
    fn packet(&mut self, connection: &Connection, packet: &Packet) {
        let (client, server) = (connection.client.address.port(), connection.server.address.port());
        let (source_port, destination_port) =
            if packet.from == Side::Client { (client, server) } else { (server, client) };
        self.0.push(Row {
            frame: packet.n,
            connection: connection.id - 1,
            source_port,
            destination_port,
            flags: packet.flags.bits(),
            // tshark counts modulo 2^32, we go on counting.
            seq: packet.seq as u32,
            ack: packet.ack.unwrap_or_default() as u32,
            len: packet.len,
        });
    }
}

fn our_rows(file: &Path) -> Vec<Row> {
    let mut reader = Reader::open(file).unwrap();
    // tshark never forgets a connection.
    let mut tracker = Tracker::new(Config { linger_ns: u64::MAX, ..Config::default() });
    let mut rows = Rows::default();
    while let Some(record) = reader.next_record().unwrap() {
        tracker.observe(&Observation::Frame(record.frame), &mut rows);
    }
    tracker.finish(&mut rows);
    rows.0
}

#[test]
fn the_same_packets_in_every_capture() {
    let mut differences = Vec::new();
    for file in captures::all() {
        let (theirs, ours) = (rows_of_tshark(&file), our_rows(&file));
        let name = file.file_name().unwrap().display();
        if theirs.len() != ours.len() {
            differences.push(format!("{name}: tshark has {} packets, we have {}", theirs.len(), ours.len()));
        }
        for (theirs, ours) in theirs.iter().zip(&ours).filter(|(theirs, ours)| theirs != ours).take(3) {
            differences.push(format!("{name}:\n  tshark {theirs:?}\n  synfin {ours:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
