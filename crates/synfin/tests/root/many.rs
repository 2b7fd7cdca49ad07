//! Many connections: none is lost.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::namespace;
use crate::trace::{Signal, Trace, packets_by_capinfos};
use crate::web::Web;

const CONNECTIONS: usize = 2_000;
/// How many at once.
const CLIENTS: usize = 8;

/// Fetches the page, reads to the end of the connection, and closes it.
fn fetch() {
    let mut stream = TcpStream::connect("127.0.0.1:8080").unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[test]
fn none_of_two_thousand_connections_is_lost() {
    if !namespace::enter("many::none_of_two_thousand_connections_is_lost") {
        return;
    }
    let web = Web::start();
    let (file, lines) = (web.folder.path().join("many.pcapng"), web.folder.path().join("many.json"));
    let (file_name, lines_name) = (file.to_str().unwrap(), lines.to_str().unwrap());
    let options = ["-i", "lo", "tcp port 8080", "--format", "json", "--show", "connections", "-w", file_name];
    let trace = Trace::start(options.into_iter().chain(["-o", lines_name]));
    let begun = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while begun.fetch_add(1, Ordering::Relaxed) < CONNECTIONS {
                    fetch();
                }
            });
        }
    });
    // Closing was done when it returned, over loopback: every packet is in the ring now.
    let mut ran = trace.end(Signal::INT);
    ran.fine();
    ran.stdout = std::fs::read_to_string(&lines).unwrap();
    let connections = ran.objects_of("connection");
    assert_eq!(connections.len(), CONNECTIONS);
    for connection in &connections {
        assert_eq!(connection["open"], "handshake", "{connection}");
        assert!(matches!(connection["close"].as_str(), Some("fin" | "fin-3")), "{connection}");
        assert_eq!(connection["messages"], 2, "{connection}");
        for side in ["from_client", "from_server"] {
            assert_eq!(connection[side]["missed_bytes"], 0, "{connection}");
        }
        let states = &connection["states"];
        assert_eq!(
            (&states["client"][4], &states["server"][5]),
            (&"LAST-ACK".into(), &"TIME-WAIT".into()),
            "{connection}"
        );
    }
    let summary = &ran.objects_of("summary")[0];
    assert_eq!(summary["connections"], CONNECTIONS);
    for lost in ["packets_dropped", "events_lost", "evicted", "malformed"] {
        assert_eq!(summary[lost], 0, "{summary}");
    }
    assert!(ran.objects_of("loss").is_empty());
    assert_eq!(packets_by_capinfos(&file), summary["frames"].as_u64().unwrap() as usize);
}
