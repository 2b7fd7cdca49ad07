//! Real traffic, with tshark as the oracle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use synfin_messages::{Carrier, Conversation, Detail, Message};
use synfin_wire::Side;

/// Heads as soon as they are whole, and segments put in order.
const PREFERENCES: [&str; 4] = [
    "http.desegment_body:FALSE",
    "tcp.reassemble_out_of_order:TRUE",
    "tcp.relative_sequence_numbers:TRUE",
    "tcp.check_checksum:FALSE",
];

const FIELDS: [&str; 14] = [
    "frame.number",
    "tcp.stream",
    "tcp.srcport",
    "tcp.seq",
    "tcp.flags.syn",
    "tcp.payload",
    "http.request.method",
    "http.request.uri",
    "http.request.version",
    "http.response.code",
    "tls.handshake.type",
    "tls.handshake.extensions_server_name",
    "tls.handshake.extensions_alpn_str",
    "tls.handshake.ciphersuite",
];

/// What one of tshark's rows says of a packet.
struct Row {
    fields: Vec<String>,
}

impl Row {
    fn text(&self, name: &str) -> &str {
        let at = FIELDS.iter().position(|field| *field == name).expect("a field asked for");
        self.fields.get(at).map_or("", String::as_str)
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.text(name).split('|').filter(|value| !value.is_empty())
    }

    fn number(&self, name: &str) -> u64 {
        self.values(name).next().and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    fn payload(&self) -> Vec<u8> {
        let hex = self.text("tcp.payload").as_bytes();
        hex.chunks_exact(2)
            .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).expect("hex"))
            .collect()
    }
}

fn captures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    let is_there = folder.is_dir();
    if !is_there {
        println!("skipped: there is no folder of captures at {}", folder.display());
    }
    is_there.then_some(folder)
}

/// tshark's view of a file; `None` where there is no tshark.
fn tshark(file: &Path, decode_as: &[&str]) -> Option<Vec<Row>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-Y", "tcp", "-T", "fields", "-E", "aggregator=|"]);
    for (option, values) in [("-o", &PREFERENCES[..]), ("-e", &FIELDS), ("-d", decode_as)] {
        command.args(values.iter().flat_map(|value| [option, value]));
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "tshark does not run: {error}");
            println!("skipped: tshark does not run: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| Row { fields: line.split('\t').map(str::to_owned).collect() })
        .collect();
    Some(rows)
}

/// The messages as lines, by tshark: stream, sender's port, and what is said.
fn as_tshark_says(rows: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        let whence = format!("{}/{}", row.text("tcp.stream"), row.text("tcp.srcport"));
        // HTTP/0.9 has no version, and is none of ours.
        let versions = row.values("http.request.version").filter(|version| version.contains("HTTP/1."));
        let requests = row.values("http.request.method").zip(row.values("http.request.uri")).zip(versions);
        for ((method, uri), _) in requests {
            lines.push(format!("{whence} {method} {uri}"));
        }
        lines.extend(row.values("http.response.code").map(|status| format!("{whence} {status}")));
        let alpn: Vec<_> = row.values("tls.handshake.extensions_alpn_str").collect();
        for kind in row.values("tls.handshake.type") {
            match kind {
                "1" => {
                    let name = row.text("tls.handshake.extensions_server_name");
                    lines.push(format!("{whence} client hello for {name:?} {alpn:?}"));
                }
                "2" => {
                    let suite = row.text("tls.handshake.ciphersuite");
                    let suite =
                        u16::from_str_radix(suite.trim_start_matches("0x"), 16).expect("one cipher suite");
                    lines.push(format!("{whence} server hello {suite:#06x} {alpn:?}"));
                }
                _ => {}
            }
        }
    }
    lines.sort();
    lines
}

/// One direction, put in order the plain way.
#[derive(Default)]
struct Stream {
    port: String,
    /// Relative sequence number of the next byte to hand over.
    expected: Option<u64>,
    /// Relative sequence number of the first byte -> its bytes and their packet.
    waiting: BTreeMap<u64, (Vec<u8>, Carrier)>,
}

impl Stream {
    fn on_row(&mut self, row: &Row) {
        let seq = row.number("tcp.seq") + row.number("tcp.flags.syn");
        let frame = row.number("frame.number");
        let bytes = row.payload();
        row.text("tcp.srcport").clone_into(&mut self.port);
        self.expected.get_or_insert(seq);
        if self.waiting.get(&seq).is_none_or(|(known, _)| known.len() < bytes.len()) {
            self.waiting.insert(seq, (bytes, Carrier { at_ns: frame * 1000, frame }));
        }
    }

    /// Hands over what is in order, and, when nothing more will come, what waits behind holes.
    fn hand_over(&mut self, from: Side, is_over: bool, to: &mut Conversation, out: &mut impl FnMut(Message)) {
        let expected = self.expected.get_or_insert(0);
        while let Some(entry) = self.waiting.first_entry() {
            let first = *entry.key();
            if first > *expected {
                if !is_over {
                    return;
                }
                to.on_gap(from, first - *expected, out);
                *expected = first;
            }
            let (bytes, carrier) = entry.remove();
            let known = usize::try_from(*expected - first).expect("a segment's length").min(bytes.len());
            to.on_bytes(from, *expected, &bytes[known..], carrier, out);
            *expected += (bytes.len() - known) as u64;
        }
    }
}

/// The messages as lines, by us.
fn as_we_say(rows: &[Row]) -> (Vec<String>, Vec<Message>) {
    let mut lines = Vec::new();
    let mut all = Vec::new();
    let mut connections: BTreeMap<u64, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        connections.entry(row.number("tcp.stream")).or_default().push(row);
    }
    for (stream, rows) in connections {
        let messages = converse(&rows);
        for (port, message) in messages {
            let whence = format!("{stream}/{port}");
            let what = match &message.detail {
                Detail::HttpRequest(request) => {
                    // tshark shows a target with spaces in it up to the first one.
                    let target = request.target.split(' ').next().unwrap_or_default();
                    format!("{} {target}", request.method)
                }
                Detail::HttpResponse(response) => response.status.to_string(),
                Detail::TlsClientHello(hello) => {
                    let name = hello.server_name.as_deref().unwrap_or_default();
                    format!("client hello for {name:?} {:?}", hello.alpn)
                }
                Detail::TlsServerHello(hello) => {
                    let alpn: Vec<_> = hello.alpn.iter().collect();
                    format!("server hello {:#06x} {alpn:?}", hello.cipher_suite)
                }
                other => format!("{other:?}"),
            };
            lines.push(format!("{whence} {what}"));
            all.push(message);
        }
    }
    lines.sort();
    (lines, all)
}

/// Feeds one connection as its packets come; whoever sends the first is the client. With each message the port of its
/// sender.
fn converse(rows: &[&Row]) -> Vec<(String, Message)> {
    let (mut client, mut server) = (Stream::default(), Stream::default());
    let mut conversation = Conversation::new();
    let mut messages = Vec::new();
    let mut out = |message| messages.push(message);
    for row in rows {
        let is_client = client.port.is_empty() || client.port == row.text("tcp.srcport");
        let (from, stream) =
            if is_client { (Side::Client, &mut client) } else { (Side::Server, &mut server) };
        stream.on_row(row);
        stream.hand_over(from, false, &mut conversation, &mut out);
    }
    client.hand_over(Side::Client, true, &mut conversation, &mut out);
    server.hand_over(Side::Server, true, &mut conversation, &mut out);
    conversation.on_close(&mut out);
    let port = |side| if side == Side::Client { client.port.clone() } else { server.port.clone() };
    messages.into_iter().map(|message| (port(message.from), message)).collect()
}

fn compare(file: &str, decode_as: &[&str]) -> Option<Vec<Message>> {
    let rows = tshark(&captures()?.join(file), decode_as)?;
    let (ours, messages) = as_we_say(&rows);
    assert_eq!(ours, as_tshark_says(&rows), "{file}");
    assert!(!ours.is_empty(), "{file} holds messages");
    Some(messages)
}

#[test]
fn http_is_told_as_tshark_tells_it() {
    for (file, decode_as) in [
        ("http/concurrent-range-requests.pcap", &[][..]),
        ("http/connect-with-smtp.pcap", &[]),
        ("http/http-post-large.pcap", &["tcp.port==5000,http"]),
        ("http/http-to-ssh.pcap", &["tcp.port==22,http"]),
        ("http/zeek-image-post-1080-8000-x.pcap", &["tcp.port==8000,http"]),
        ("wikipedia.pcap", &[]),
        ("mixed-vlan-mpls.pcap", &[]),
        ("tunnels/vxlan-encapsulated-http.pcap", &[]),
        ("chksums/localhost-bad-chksum.pcap", &[]),
    ] {
        compare(file, decode_as);
    }
}

#[test]
fn hellos_are_told_as_tshark_tells_them() {
    for (file, decode_as) in [
        ("tls/imap-starttls.pcap", &[][..]),
        ("tls/pop3-starttls.pcap", &[]),
        ("tls/irc-starttls.pcap", &["tcp.port==6667,tls"]),
        ("mysql/encrypted.pcap", &[]),
        ("mysql/tls-13-amazon-rds.pcap", &[]),
    ] {
        compare(file, decode_as);
    }
}

#[test]
fn a_large_post_is_measured_with_its_packets() {
    let Some(messages) = compare("http/http-post-large.pcap", &["tcp.port==5000,http"]) else { return };
    let [request, response, ..] = &messages[..] else { panic!("{messages:?}") };
    // By tshark: 4, 6 and 7 carry a request with a Content-Length of 61484, 9 to 15 a response with 60321 bytes.
    let frames = |message: &Message| message.packets.iter().collect::<Vec<_>>();
    let Detail::HttpRequest(asked) = &request.detail else { panic!("{request:?}") };
    assert_eq!((frames(request), asked.body_bytes, request.complete), (vec![4, 6, 7], 61_484, true));
    let Detail::HttpResponse(answer) = &response.detail else { panic!("{response:?}") };
    assert_eq!((frames(response), answer.body_bytes, response.complete), (vec![9, 11, 13, 15], 60_321, true));
    assert_eq!((answer.request, answer.timing.request_sent_ns), (Some(request.n), Some(7000)));
}
