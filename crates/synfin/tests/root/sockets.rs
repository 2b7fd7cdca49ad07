//! `synfin sockets` beside `ss`: the same sockets, states, queues and processes.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use crate::namespace::{self, ip};
use crate::trace::synfin;

/// Of each kind of connection, so many.
const MANY: usize = 40;

fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Waits for the peer's FIN.
fn end_of(stream: &mut TcpStream) {
    stream.read_to_end(&mut Vec::new()).unwrap();
}

/// What `ss -Htanp` lists: protocol of the address, state, queues, both addresses, process numbers.
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
        "UNCONN" => "CLOSED".to_owned(),
        other => other.to_owned(),
    };
    let (received, sent, local, remote) = (word(), word(), word(), word());
    let pids: BTreeSet<_> = line.split("pid=").skip(1).filter_map(|rest| rest.split(',').next()).collect();
    let remote = remote.replace(":*", ":0").replace("*:", "[::]:");
    format!("{state} {received} {sent} {} {remote} {pids:?}", local.replace("*:", "[::]:"))
}

/// What we list, in the same words.
fn ours() -> BTreeSet<String> {
    let ran = synfin(["sockets", "-antp", "--format", "json"]);
    let sockets = ran.objects("socket");
    let address = |end: &serde_json::Value| {
        let ip: std::net::IpAddr = end["ip"].as_str().unwrap().parse().unwrap();
        let port = u16::try_from(end["port"].as_u64().unwrap()).unwrap();
        SocketAddr::new(ip, port).to_string()
    };
    let lines = sockets.iter().map(|socket| {
        let pids: BTreeSet<_> =
            socket["process"]["pid"].as_u64().map(|pid| pid.to_string()).into_iter().collect();
        format!(
            "{} {} {} {} {} {pids:?}",
            socket["state"].as_str().unwrap(),
            socket["receive_queue"],
            socket["send_queue"],
            address(&socket["local"]),
            address(&socket["remote"])
        )
    });
    let lines: BTreeSet<_> = lines.collect();
    assert_eq!(lines.len(), sockets.len(), "some are listed twice");
    lines
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
        "ESTABLISHED",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "LAST-ACK",
        "LISTEN",
        "SYN-SENT",
        "TIME-WAIT",
    ];
    assert_eq!(states, expected.into());
    assert!(ours.len() > 400, "{}", ours.len());
    let differences: Vec<_> = ours.symmetric_difference(&before).collect();
    assert!(differences.is_empty(), "{differences:#?}");
    drop((kept, waiting, any));
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
