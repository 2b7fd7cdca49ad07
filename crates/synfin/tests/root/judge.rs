//! tshark, capturing beside the trace: which packets there were.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// UDP ports of datagrams that say where the interesting packets begin and end.
const BEGIN: u16 = 9;
const END: u16 = 10;

const FIELDS: [&str; 7] =
    ["udp.dstport", "tcp.stream", "tcp.srcport", "tcp.flags", "tcp.seq", "tcp.ack", "tcp.len"];

/// A TCP packet, as tshark and synfin both describe it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) connection: u64,
    pub(crate) is_from_server: bool,
    pub(crate) flags: u64,
    pub(crate) seq: u64,
    /// 0 without the flag that gives it a meaning.
    pub(crate) ack: u64,
    pub(crate) len: u64,
}

/// A capture on loopback that has begun.
pub(crate) struct Tshark {
    process: Child,
    lines: BufReader<ChildStdout>,
}

fn send(port: u16) {
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"mark", ("127.0.0.1", port)).unwrap();
}

impl Tshark {
    /// Starts it, and waits until it sees what passes.
    pub(crate) fn start() -> Self {
        let mut command = Command::new("tshark");
        command.args(["-q", "-n", "-l", "-i", "lo", "-B", "64", "-o", "tcp.desegment_tcp_streams:FALSE"]);
        command.args(["-f", "tcp port 8080 or udp port 9 or udp port 10", "-T", "fields"]);
        command.args(FIELDS.iter().flat_map(|field| ["-e", field]));
        let mut process =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("`make test` installs it");
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let has_begun = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // Marks, until the first one is seen.
            scope.spawn(|| {
                while !has_begun.load(Ordering::Relaxed) {
                    send(BEGIN);
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            has_begun.store(true, Ordering::Relaxed);
            assert!(line.starts_with("9\t"), "{line:?}");
        });
        Self { process, lines }
    }

    /// Every TCP packet since the start.
    pub(crate) fn finish(mut self) -> Vec<Row> {
        send(END);
        let mut rows = Vec::new();
        for line in (&mut self.lines).lines() {
            let line = line.unwrap();
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[0].parse() {
                Ok(END) => break,
                Ok(_) => continue,
                Err(_) => rows.push(row(&fields)),
            }
        }
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        rows
    }
}

fn row(fields: &[&str]) -> Row {
    let number = |n: usize| match fields[n].strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).unwrap(),
        None => fields[n].parse().unwrap(),
    };
    let flags = number(3);
    Row {
        connection: number(1) + 1,
        is_from_server: number(2) == 8080,
        flags,
        seq: number(4),
        ack: if flags & ACK == 0 { 0 } else { number(5) },
        len: number(6),
    }
}

pub(crate) const FIN: u64 = 1;
pub(crate) const SYN: u64 = 2;
pub(crate) const RST: u64 = 4;
pub(crate) const ACK: u64 = 16;

/// Bits of the flags by their names (RFC 9293, section 3.1, and RFC 3168).
const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];

/// A `packet` object in the same form.
pub(crate) fn row_of_json(packet: &serde_json::Value) -> Row {
    let bit = |name: &str| 1 << NAMES.iter().position(|known| *known == name).unwrap();
    let number = |key: &str| packet[key].as_u64().unwrap_or_default();
    Row {
        connection: number("connection"),
        is_from_server: packet["from"] == "server",
        flags: packet["flags"].as_str().unwrap().split(',').map(bit).sum(),
        seq: number("seq"),
        ack: number("ack"),
        len: number("len"),
    }
}
