//! `synfin sockets` beside `ss`: the same sockets, states, queues and processes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use serde_json::Value;
use synfin_wire::tcp::Flags;

use crate::handmade::{HERE, Peer, Sent};
use crate::namespace::{self, ip};
use crate::trace::synfin;

/// Of each kind of connection, so many.
const MANY: usize = 40;
const MANY_PORTS: u16 = 40;

fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Waits for the peer's FIN.
fn end_of(stream: &mut TcpStream) {
    stream.read_to_end(&mut Vec::new()).unwrap();
}

/// What `ss -Htanp` lists: state, queues, both addresses, and name, process and number of each that holds it.
fn theirs() -> BTreeSet<String> {
    let output = Command::new("ss").arg("-Htanp").output().expect("`make test` installs it");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(line_of_ss).collect()
}

fn line_of_ss(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut word = || words.next().unwrap_or_default().to_owned();
    let state = match word().as_str() {
        "ESTAB" => "ESTABLISHED".to_owned(),
        "SYN-RECV" => "SYN-RECEIVED".to_owned(),
        other => other.to_owned(),
    };
    let (received, sent, local, remote) = (word(), word(), word(), word());
    // users:(("nginx",pid=811,fd=6),("nginx",pid=812,fd=6))
    let holders = line.split("(\"").skip(1).map(|rest| {
        let fields: Vec<_> = rest.split([',', ')']).take(3).collect();
        format!("{} {} {}", fields[0].trim_end_matches('"'), &fields[1][4..], &fields[2][3..])
    });
    let holders: BTreeSet<_> = holders.collect();
    format!("{state} {received} {sent} {} {} {holders:?}", canonical(&local), canonical(&remote))
}

/// `ss` prints mapped addresses as they are, and a star for any port, and for any address of either family.
fn canonical(end: &str) -> String {
    let (ip, port) = end.rsplit_once(':').unwrap();
    let ip: IpAddr = if ip == "*" { "::" } else { ip.trim_matches(['[', ']']) }.parse().unwrap();
    SocketAddr::new(ip.to_canonical(), if port == "*" { 0 } else { port.parse().unwrap() }).to_string()
}

/// An address of ours in the same words.
fn address(end: &Value) -> String {
    let ip: IpAddr = end["ip"].as_str().unwrap().parse().unwrap();
    let port = u16::try_from(end["port"].as_u64().unwrap()).unwrap();
    SocketAddr::new(ip, port).to_string()
}

/// What we list, in the same words.
fn ours() -> BTreeSet<String> {
    let ran = synfin(["sockets", "-antp", "--format", "json"]);
    ran.fine();
    let sockets = ran.objects_of("socket");
    let lines = sockets.iter().map(|socket| {
        let holders = socket["held_by"].as_array().map(Vec::as_slice).unwrap_or_default();
        let holders: BTreeSet<_> = holders
            .iter()
            .map(|one| format!("{} {} {}", one["name"].as_str().unwrap(), one["pid"], one["fd"]))
            .collect();
        let first = &socket["process"]["pid"];
        assert_eq!(first.is_null(), holders.is_empty(), "{socket}");
        format!(
            "{} {} {} {} {} {holders:?}",
            socket["state"].as_str().unwrap(),
            socket["receive_queue"],
            socket["send_queue"],
            address(&socket["local"]),
            address(&socket["remote"])
        )
    });
    let lines: BTreeSet<_> = lines.collect();
    assert_eq!(lines.len(), sockets.len(), "some are listed twice");
    let summary = ran.objects_of("summary").remove(0);
    let counted: u64 = summary["states"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!((counted, summary["sockets"].as_u64().unwrap()), (lines.len() as u64, lines.len() as u64));
    lines
}

/// The seconds that are left of each TIME-WAIT by its two addresses, as `ss` has them: `timer:(timewait,59sec,0)`, or
/// `1min` for all of 60.
fn time_waits_of_ss() -> BTreeMap<String, f64> {
    let output = Command::new("ss").args(["-Htano", "state", "time-wait"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let entry = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let left = words[4].split(',').nth(1).unwrap();
        let seconds = match left.strip_suffix("sec") {
            Some(seconds) => seconds.parse().unwrap(),
            None => left.strip_suffix("ms").map_or(60.0, |ms| ms.parse::<f64>().unwrap() / 1000.0),
        };
        (format!("{} {}", canonical(words[2]), canonical(words[3])), seconds)
    };
    text.lines().map(entry).collect()
}

/// The same by us.
fn time_waits() -> BTreeMap<String, f64> {
    let sockets = synfin(["sockets", "-ant", "--format", "json"]).objects_of("socket");
    let entry = |socket: &Value| {
        assert_eq!(socket["timer"], "timewait");
        let seconds = socket["timer_ns"].as_u64().unwrap() as f64 / 1e9;
        (format!("{} {}", address(&socket["local"]), address(&socket["remote"])), seconds)
    };
    sockets.iter().filter(|socket| socket["state"] == "TIME-WAIT").map(entry).collect()
}

#[test]
fn equal_to_ss_in_every_state() {
    if !namespace::enter("sockets::equal_to_ss_in_every_state") {
        return;
    }
    // Nobody has such an address here, so that a SYN stays unanswered.
    ip("route add 192.0.2.0/24 dev lo");
    let v4 = TcpListener::bind("127.0.0.1:0").unwrap();
    let v6 = TcpListener::bind("[::1]:0").unwrap();
    let any = TcpListener::bind("[::]:0").unwrap();
    let mut kept: Vec<TcpStream> = Vec::new();
    // Dual-stack: IPv4 over a socket of IPv6. And one that two processes hold, one of them twice.
    let port = any.local_addr().unwrap().port();
    let mapped = TcpStream::connect(("127.0.0.1", port)).unwrap();
    kept.extend([any.accept().unwrap().0, mapped.try_clone().unwrap(), mapped]);
    let mut other =
        Command::new("sleep").arg("1000").stdin(v4.try_clone().map(OwnedFd::from).unwrap()).spawn().unwrap();
    namespace::wait_for("sleep", || {
        let name = std::fs::read_to_string(format!("/proc/{}/comm", other.id())).unwrap();
        (name == "sleep\n").then_some(())
    });
    // Closed, and bound to a port: a socket, but no connection.
    let bound =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&bound, &SocketAddr::from(([127, 0, 0, 1], 9))).unwrap();
    // SYN-RECEIVED: nobody acknowledges the SYN-ACK. CLOSING: a FIN comes that does not acknowledge ours.
    let mut peer = Peer::make();
    let here = TcpListener::bind((HERE, 0)).unwrap();
    let port = here.local_addr().unwrap().port();
    for n in 0..MANY_PORTS {
        peer.begin(20_000 + n, port);
        let from = 30_000 + n;
        let (seq, ack) = peer.connect(from, port);
        let stream = here.accept().unwrap().0;
        stream.shutdown(Shutdown::Write).unwrap();
        peer.send(from, port, &Sent::new(seq, ack, Flags::FIN | Flags::ACK));
        kept.push(stream);
    }
    // Their packets cannot pass any more when they close.
    let (mut closing_last, mut closing_first) = (Vec::new(), Vec::new());
    for _ in 0..MANY {
        for listener in [&v4, &v6] {
            // ESTABLISHED, with bytes that wait to be read.
            let (mut client, server) = pair(listener);
            client.write_all(b"unread").unwrap();
            server.peek(&mut [0; 6]).unwrap();
            kept.extend([client, server]);
            // FIN-WAIT-2 and CLOSE-WAIT.
            let (client, mut server) = pair(listener);
            client.shutdown(Shutdown::Write).unwrap();
            end_of(&mut server);
            kept.extend([client, server]);
            // TIME-WAIT.
            let (client, mut server) = pair(listener);
            drop(client);
            end_of(&mut server);
            drop(server);
        }
        let (client, mut server) = pair(&v4);
        client.shutdown(Shutdown::Write).unwrap();
        end_of(&mut server);
        closing_last.push(server);
        kept.push(client);
        let (client, server) = pair(&v4);
        closing_first.push(client);
        kept.push(server);
    }
    // SYN-SENT.
    let waiting: Vec<_> = (0..MANY)
        .map(|_| {
            use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
            let _ = connect(&socket, &"192.0.2.9:80".parse::<SocketAddr>().unwrap());
            socket
        })
        .collect();
    ip("link set lo down");
    // LAST-ACK and FIN-WAIT-1: their FINs go nowhere.
    drop(closing_last);
    closing_first.iter().for_each(|stream| stream.shutdown(Shutdown::Write).unwrap());
    let before = theirs();
    let ours = ours();
    let states: BTreeSet<_> = ours.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let expected = [
        "CLOSE-WAIT",
        "CLOSING",
        "ESTABLISHED",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "LAST-ACK",
        "LISTEN",
        "SYN-RECEIVED",
        "SYN-SENT",
        "TIME-WAIT",
    ];
    assert_eq!(states, expected.into(), "CLOSED apart, which nobody lists");
    for state in expected.into_iter().filter(|state| *state != "LISTEN") {
        let count = ours.iter().filter(|line| line.starts_with(&format!("{state} "))).count();
        assert!(count >= MANY, "{count} in {state}");
    }
    let differences: Vec<_> = ours.symmetric_difference(&before).collect();
    assert!(differences.is_empty(), "{differences:#?}");
    // What is left of each TIME-WAIT: theirs is in whole seconds, and was asked for a moment earlier.
    let (theirs, ours) = (time_waits_of_ss(), time_waits());
    assert!(ours.len() >= 2 * MANY && ours.keys().eq(theirs.keys()), "{ours:#?}");
    for (ends, left) in &ours {
        let theirs = theirs[ends];
        assert!((theirs - 2.5..=theirs + 1.0).contains(left), "{ends}: {left} and {theirs}");
    }
    other.kill().unwrap();
    other.wait().unwrap();
    drop((kept, waiting, bound));
}

#[test]
fn the_letters_of_netstat() {
    if !namespace::enter("sockets::the_letters_of_netstat") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
    let (client, server) = pair(&listener);
    let lines = |letters: &str| {
        let ran = synfin(["sockets", "-q", letters, "port", "8080"]);
        ran.fine().lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let [all, listening, open] = ["-antp", "-lntp", "-ntp"].map(lines);
    assert_eq!((all.len(), listening.len(), open.len()), (3, 1, 2), "{all:#?}");
    let me = format!("{}/", std::process::id());
    assert!(all.iter().all(|line| line.starts_with("tcp ") && line.contains(&me)), "{all:#?}");
    assert!(listening[0].contains(" LISTEN ") && listening[0].contains("127.0.0.1:8080"));
    drop((client, server));
    let ran = synfin(["sockets", "-a", "port", "9"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, "0 sockets\n"));
}

/// A line of netstat's table: protocol, queues, both addresses, state and, where asked for, the process.
fn columns(line: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    if !matches!(words.first().map(String::as_str), Some("tcp" | "tcp6")) {
        return None;
    }
    // Ours has the timer between state and process: one word, or `timewait (45.12 s)`.
    if let Some(at) = words.iter().position(|word| word == "off") {
        words.remove(at);
    } else if let Some(at) = words.iter().position(|word| word.starts_with('(')) {
        words.drain(at - 1..=at + 1);
    }
    // netstat has no brackets around addresses of IPv6 that are numbers.
    for end in words.iter_mut().skip(3).take(2) {
        *end = end.replace(['[', ']'], "");
    }
    // Of a process netstat shows how it was called, which is not what the kernel calls it.
    if let Some((pid, _)) = words.get(6).and_then(|process| process.split_once('/')) {
        words[6] = pid.to_owned();
    }
    // Of a listener netstat does not know how many connections may wait; we have what `ss` has.
    if words.get(5).is_some_and(|state| state == "LISTEN") {
        words.remove(2);
    }
    Some(words)
}

#[test]
fn the_same_as_netstat_letter_by_letter() {
    if !namespace::enter("sockets::the_same_as_netstat_letter_by_letter") {
        return;
    }
    if Command::new("netstat").arg("--version").output().is_err() {
        println!("skipped: netstat is not installed");
        return;
    }
    let v4 = TcpListener::bind("127.0.0.1:80").unwrap();
    let v6 = TcpListener::bind("[::1]:8080").unwrap();
    let any = TcpListener::bind("[::]:8081").unwrap();
    let mut kept = Vec::new();
    for listener in [&v4, &v6] {
        let (mut client, server) = pair(listener);
        client.write_all(b"unread").unwrap();
        kept.extend([client, server]);
        let (client, mut server) = pair(listener);
        drop(client);
        end_of(&mut server);
    }
    kept.push(TcpStream::connect("127.0.0.1:8081").unwrap());
    let _waiting = any;
    for letters in ["-ant", "-nt", "-lnt", "-alnt", "-antp", "-nlpt", "-at", "-t"] {
        let lines = |text: String| text.lines().filter_map(columns).collect::<BTreeSet<_>>();
        let mut ours = lines(synfin(["sockets", "-q", letters]).fine());
        let netstat = Command::new("netstat").args([letters, "-W"]).stderr(Stdio::null()).output().unwrap();
        let mut theirs = lines(String::from_utf8(netstat.stdout).unwrap());
        if !letters.contains('n') {
            // Of the other names netstat asks name servers.
            for all in [&mut ours, &mut theirs] {
                all.retain(|line| {
                    line[0] == "tcp" && line[3].starts_with("localhost:") && line[4].starts_with("localhost:")
                });
            }
        }
        assert!(!ours.is_empty(), "{letters}: does /etc/hosts name localhost?");
        assert_eq!(ours, theirs, "{letters}");
    }
    drop(kept);
}
