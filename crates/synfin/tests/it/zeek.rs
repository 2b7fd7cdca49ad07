//! Zeek's own baselines as the judge of connections: their ends, packets, bytes, states and histories.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use synfin_capture::Reader;
use synfin_flow::{Config, Connection, Sink, Tracker};
use synfin_wire::Observation;

use crate::captures;

/// What both say about a connection, by the addresses of its originator and responder.
type Rows = BTreeMap<(String, String), Vec<Row>>;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Row {
    orig_packets: u64,
    resp_packets: u64,
    orig_ip_bytes: u64,
    resp_ip_bytes: u64,
    orig_bytes: u64,
    resp_bytes: u64,
    state: String,
    history: String,
}

#[derive(Default)]
struct Connections(Vec<Connection>);

impl Sink for Connections {
    fn connection(&mut self, connection: Connection) {
        self.0.push(connection);
    }
}

fn ours(file: &Path, check_checksums: bool) -> Rows {
    let mut reader = Reader::open(file).unwrap();
    let mut sink = Connections::default();
    // Zeek waits 5 s for more after a close.
    let config = Config { check_checksums, linger_ns: 5_000_000_000, ..Config::default() };
    let mut tracker = Tracker::new(config);
    while let Some(record) = reader.next_record().unwrap() {
        tracker.observe(&Observation::Frame(record.frame), &mut sink);
    }
    tracker.finish(&mut sink);
    let mut rows = Rows::new();
    for connection in sink.0 {
        let (state, history) = connection.zeek();
        let (client, server) = (&connection.client, &connection.server);
        let key = (client.address.to_string(), server.address.to_string());
        rows.entry(key).or_default().push(Row {
            orig_packets: client.sent.packets,
            resp_packets: server.sent.packets,
            orig_ip_bytes: client.sent.ip_bytes,
            resp_ip_bytes: server.sent.ip_bytes,
            orig_bytes: client.sent.payload_bytes + client.sent.missed_bytes,
            resp_bytes: server.sent.payload_bytes + server.sent.missed_bytes,
            state: state.to_owned(),
            history: history.to_owned(),
        });
    }
    rows
}

fn theirs() -> BTreeMap<(String, bool), Rows> {
    let Some(folder) = captures::folder() else { return BTreeMap::new() };
    let table = std::fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let mut files: BTreeMap<(String, bool), Rows> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let f: Vec<&str> = line.split('\t').collect();
        let number = |text: &str| text.parse().unwrap_or(0);
        let address = |ip: &str, port: &str| {
            let ip: std::net::IpAddr = ip.parse().unwrap();
            std::net::SocketAddr::new(ip, port.parse().unwrap()).to_string()
        };
        let row = Row {
            orig_packets: number(f[12]),
            orig_ip_bytes: number(f[13]),
            resp_packets: number(f[14]),
            resp_ip_bytes: number(f[15]),
            orig_bytes: number(f[7]),
            resp_bytes: number(f[8]),
            state: f[9].to_owned(),
            history: f[11].replace('-', ""),
        };
        let key = (address(f[2], f[3]), address(f[4], f[5]));
        files.entry((f[0].to_owned(), f[1] == "check")).or_default().entry(key).or_default().push(row);
    }
    files
}

/// Where we and Zeek differ, and why. A capture that is not here must give the same rows.
const DIFFERENT: [(&str, usize, &str); 10] = [
    (
        "chksums/localhost-bad-chksum.pcap",
        2,
        "the SYN with a bad checksum does not make its sender the responder for us",
    ),
    ("ftp/fake-long-commands.pcap", 1, "X is about the content of FTP"),
    ("globus-url-copy.pcap", 1, "Zeek stops at the third packet of a GridFTP data channel"),
    (
        "ldap/missing_krbtgt_ldap_request.pcapng",
        1,
        "an IP length of 0, left by segmentation offload, counts as 0 for Zeek",
    ),
    (
        "pop3/pop3.pcap",
        6,
        "a refused SYN that is sent again with the same number is a new connection for Zeek",
    ),
    ("mixed-vlan-mpls.pcap", 1, "what only acknowledgements show of an unseen end counts as missed for us"),
    ("pppoe-over-qinq.pcap", 1, "six checksums are wrong for us and for tshark"),
    ("tcp/retransmit-timeout.pcapng", 2, "Zeek gives up after five minutes of silence"),
    ("tunnels/Teredo.pcap", 6, "Zeek ends a connection at its first RST and begins another at what follows"),
    ("tunnels/gre-aruba-amsdu.pcap", 1, "an ephemeral port makes its owner the client for us"),
];

#[test]
fn the_connections_are_those_of_zeek() {
    let Some(folder) = captures::folder() else { return };
    let mut complaints = Vec::new();
    for ((file, checks), mut theirs) in theirs() {
        let mut ours = ours(&folder.join(&file), checks);
        let keys: BTreeSet<_> = theirs.keys().chain(ours.keys()).cloned().collect();
        let mut different = 0;
        let mut details = String::new();
        for key in keys {
            let mut theirs = theirs.remove(&key).unwrap_or_default();
            let mut ours = ours.remove(&key).unwrap_or_default();
            theirs.sort();
            ours.sort();
            if theirs != ours {
                different += theirs.len();
                details += &format!("\n  {key:?}\n   zeek {theirs:?}\n   ours {ours:?}");
            }
        }
        let known = DIFFERENT.iter().find(|(name, ..)| *name == file).map_or(0, |(_, count, _)| *count);
        if different != known {
            complaints.push(format!("{file}: {different} different, {known} known{details}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
