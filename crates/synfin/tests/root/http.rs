//! Traces of curl and nginx, packet for packet what tshark saw beside them.

use serde_json::Value;

use crate::judge::{ACK, FIN, RST, Row, SYN, Tshark, row_of_json};
use crate::namespace;
use crate::trace::{Ran, synfin};
use crate::web::{LARGE, Web};

const FILTER: &str = "tcp port 8080";

/// Traces curl fetching this URL.
fn trace(options: &[&str], curl: &[&str]) -> Ran {
    let args = ["trace"].iter().chain(options).chain(&[FILTER, "--", "curl", "-s", "-o", "/dev/null"]);
    synfin(args.chain(curl))
}

const JSON: [&str; 6] = ["-i", "lo", "--format", "json", "--show", "connections,packets,messages"];

/// Traces with tshark beside it, and compares packet for packet.
fn compare(options: &[&str], curl: &[&str]) -> (Ran, Vec<Row>) {
    let tshark = Tshark::start();
    let ran = trace(options, curl);
    let theirs = tshark.finish();
    let ours: Vec<Row> = ran.objects_of("packet").iter().map(row_of_json).collect();
    // Two packets that the ends send at the same moment may pass two captures in either order.
    let [ours_sent, theirs_sent] = [&ours, &theirs].map(|rows| {
        let (server, client): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_from_server);
        [client, server]
    });
    assert_eq!(ours_sent, theirs_sent);
    assert_eq!(ran.objects_of("summary")[0]["packets_dropped"], 0);
    (ran, theirs)
}

fn status_of_response(ran: &Ran) -> Value {
    ran.objects_of("message").iter().find(|message| message["kind"] == "http-response").unwrap()["http"]["status"]
        .clone()
}

#[test]
fn one_ladder_with_everything_from_syn_to_fin() {
    if !namespace::enter("http::one_ladder_with_everything_from_syn_to_fin") {
        return;
    }
    let _web = Web::start();
    let tshark = Tshark::start();
    let ran = trace(&["-i", "lo"], &["http://127.0.0.1:8080/"]);
    let theirs = tshark.finish();
    let ladder = ran.fine();
    assert_eq!(ladder.lines().filter(|line| line.starts_with('#')).count(), 1, "{ladder}");
    let arrows: Vec<&str> = ladder.lines().filter(|line| line.contains(['▶', '◀'])).collect();
    assert_eq!(arrows.len(), theirs.len(), "{ladder}");
    for (arrow, packet) in arrows.iter().zip(&theirs) {
        assert_eq!(arrow.contains('◀'), packet.is_from_server, "{arrow}");
        assert_eq!(arrow.contains("SYN"), packet.flags & SYN != 0, "{arrow}");
        assert_eq!(arrow.contains("FIN"), packet.flags & FIN != 0, "{arrow}");
        assert_eq!(arrow.contains("RST"), packet.flags & RST != 0, "{arrow}");
    }
    // In this order, whatever is between.
    let mut rest = ladder.as_str();
    let story = [
        "SYN-SENT",
        "SYN  ",
        "SYN,ACK",
        "SYN-RECEIVED",
        "ESTABLISHED",
        "GET /",
        "200 OK",
        "FIN-WAIT-1",
        "FIN",
        "CLOSE-WAIT",
        "FIN",
        "TIME-WAIT",
        "CLOSED",
    ];
    for part in story {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part} is missing:\n{ladder}")).1;
    }
    assert!(ladder.lines().all(|line| line.chars().count() <= 80), "{ladder}");
    assert!(ladder.contains(&format!("= {} packets", theirs.len())), "{ladder}");
    assert!(!ladder.contains('\x1b'));

    let (ran, theirs) = compare(&JSON, &["http://127.0.0.1:8080/"]);
    assert_eq!(theirs.iter().map(|row| row.flags).take(3).collect::<Vec<_>>(), [SYN, SYN | ACK, ACK]);
    assert_eq!(ran.last_states(), ["TIME-WAIT", "CLOSED"]);
    assert_eq!(status_of_response(&ran), 200);
}

#[test]
fn a_large_page_folds() {
    if !namespace::enter("http::a_large_page_folds") {
        return;
    }
    let _web = Web::start();
    let (ran, theirs) = compare(&JSON, &["http://127.0.0.1:8080/large"]);
    let connection = ran.connection();
    let payload = connection["from_server"]["payload_bytes"].as_u64().unwrap();
    assert!(payload > LARGE as u64 && payload < LARGE as u64 + 500, "{payload}");
    assert!(theirs.len() > 30, "loopback took it in {} packets", theirs.len());

    let ladder = trace(&["-i", "lo"], &["http://127.0.0.1:8080/large"]);
    let lines = ladder.fine().lines().count();
    assert!(lines < 45, "{lines} lines for about {} packets:\n{}", theirs.len(), ladder.stdout);
    assert!(ladder.stdout.contains('⋮') || ladder.stdout.contains('×'), "{}", ladder.stdout);
}

#[test]
fn a_server_that_closes_is_the_one_in_time_wait() {
    if !namespace::enter("http::a_server_that_closes_is_the_one_in_time_wait") {
        return;
    }
    let _web = Web::start();
    // The end of a packed page in HTTP/1.0 is the end of the connection: curl waits for it.
    let (ran, _) = compare(&JSON, &["--http1.0", "--compressed", "http://127.0.0.1:8080/closing"]);
    assert_eq!(ran.last_states(), ["CLOSED", "TIME-WAIT"]);
    assert_eq!(status_of_response(&ran), 200);
}

#[test]
fn a_refused_port_is_an_attempt_and_curls_status_is_passed_on() {
    if !namespace::enter("http::a_refused_port_is_an_attempt_and_curls_status_is_passed_on") {
        return;
    }
    // Nobody listens there.
    let (ran, theirs) = compare(&JSON, &["http://127.0.0.1:8080/"]);
    assert_eq!(ran.status, 7, "curl: failed to connect");
    assert_eq!(theirs.iter().map(|row| row.flags).collect::<Vec<_>>(), [SYN, RST | ACK]);
    let connection = ran.connection();
    assert_eq!((&connection["open"], &connection["close"]), (&"attempt".into(), &"rst-by-server".into()));
    assert_eq!(ran.last_states()[0], "CLOSED");

    let _web = Web::start();
    let ran = trace(&JSON, &["-f", "http://127.0.0.1:8080/absent"]);
    assert_eq!(ran.status, 22, "curl -f: the server said no");
    assert_eq!(status_of_response(&ran), 404);
    let ran = synfin(["trace", "-i", "lo", FILTER, "--", "sh", "-c", "echo printed; kill -KILL $$"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (128 + 9, "printed\n"), "as a shell has it");
    let ran = synfin(["trace", "-i", "lo", FILTER, "--", "/nonexistent/program"]);
    assert_eq!(ran.status, 2);
    let told = "synfin: cannot run /nonexistent/program: No such file or directory (os error 2)\nhint: ";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn all_interfaces_at_once_show_each_packet_once() {
    if !namespace::enter("http::all_interfaces_at_once_show_each_packet_once") {
        return;
    }
    let _web = Web::start();
    let mut options = JSON;
    options[1] = "any";
    let (ran, _) = compare(&options, &["http://127.0.0.1:8080/"]);
    assert_eq!(ran.last_states(), ["TIME-WAIT", "CLOSED"]);
    let connection = ran.connection();
    assert_eq!(
        (&connection["open"], &connection["from_client"]["retransmitted"]),
        (&"handshake".into(), &0.into())
    );
}

#[test]
fn version_6_is_the_same() {
    if !namespace::enter("http::version_6_is_the_same") {
        return;
    }
    let _web = Web::start();
    let (ran, _) = compare(&JSON, &["http://[::1]:8080/"]);
    assert_eq!(ran.last_states(), ["TIME-WAIT", "CLOSED"]);
    assert_eq!(ran.connection()["server"]["ip"], "::1");
}

#[test]
fn other_traffic_does_not_keep_the_trace_from_ending() {
    if !namespace::enter("http::other_traffic_does_not_keep_the_trace_from_ending") {
        return;
    }
    let _web = Web::start();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let noise = std::thread::spawn(move || {
        // Never a pause that a trace could take for silence.
        while stopped.recv_timeout(std::time::Duration::from_millis(1))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            socket.send_to(b"noise", "127.0.0.1:9").unwrap();
        }
    });
    let args = ["trace", "-i", "lo", "--format", "json", "--show", "connections", "--", "curl", "-s", "-o"];
    let ran = synfin(args.iter().chain(&["/dev/null", "http://127.0.0.1:8080/"]));
    drop(stop);
    noise.join().unwrap();
    assert_eq!(ran.last_states(), ["TIME-WAIT", "CLOSED"]);
}
