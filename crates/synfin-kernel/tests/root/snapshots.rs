//! The list of sockets, beside what `ss` prints.

use std::{
    collections::BTreeSet,
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
};

use synfin_kernel::{Namespace, Processes, Snapshot, Socket, SocketTimer};
use synfin_wire::State;

use crate::world::isolated;

/// One line of `ss -Htan`: state, queues, both addresses.
type Line = (String, u32, u32, String, String);

fn ss() -> BTreeSet<Line> {
    let output = Command::new("ss").args(["-Htan"]).output().expect("ss (iproute2)");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let [state, receive, send, local, remote, ..] = fields[..] else { panic!("{line}") };
            let queue = |text: &str| text.parse().unwrap();
            (state.into(), queue(receive), queue(send), canonical(local), canonical(remote))
        })
        .collect()
}

/// `ss` prints mapped addresses as they are, and `*` for any of either family.
fn canonical(text: &str) -> String {
    let (ip, port) = text.rsplit_once(':').unwrap();
    let ip = match ip.trim_matches(['[', ']']) {
        "*" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        ip => ip.parse::<IpAddr>().unwrap().to_canonical(),
    };
    let any = if ip.is_unspecified() { "any".to_owned() } else { ip.to_string() };
    format!("{any} {}", if port == "*" { "0" } else { port })
}

fn ours(snapshot: &Snapshot) -> BTreeSet<Line> {
    let address = |address: SocketAddr| {
        let ip = if address.ip().is_unspecified() { "any".to_owned() } else { address.ip().to_string() };
        format!("{ip} {}", address.port())
    };
    let name = |state| match state {
        State::Established => "ESTAB",
        State::FinWait1 => "FIN-WAIT-1",
        State::FinWait2 => "FIN-WAIT-2",
        State::SynReceived => "SYN-RECV",
        State::Closed => "UNCONN",
        State::SynSent
        | State::Listen
        | State::CloseWait
        | State::LastAck
        | State::Closing
        | State::TimeWait => State::name(state),
    };
    snapshot
        .sockets
        .iter()
        .map(|one| {
            (
                name(one.state).into(),
                one.receive_queue,
                one.send_queue,
                address(one.local),
                address(one.remote),
            )
        })
        .collect()
}

#[test]
fn the_same_as_ss() {
    isolated(|| {
        let mut kept = Vec::new();
        let mut listeners = Vec::new();
        for address in ["127.0.0.1:0", "[::1]:0", "[::]:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            for n in 0..40 {
                let to: IpAddr =
                    if address.contains("::1") { "::1".parse().unwrap() } else { Ipv4Addr::LOCALHOST.into() };
                let mut client = TcpStream::connect((to, port)).unwrap();
                let (server, _) = listener.accept().unwrap();
                match n % 4 {
                    // TIME-WAIT, CLOSE-WAIT with FIN-WAIT-2, ESTABLISHED with something in the queue
                    0 => drop((client, server)),
                    1 => {
                        drop(client);
                        kept.push(server);
                    }
                    2 => {
                        client.write_all(b"unread").unwrap();
                        kept.extend([client, server]);
                    }
                    _ => {
                        server.shutdown(std::net::Shutdown::Write).unwrap();
                        kept.extend([client, server]);
                    }
                }
            }
            listeners.push(listener);
        }
        // When the last acknowledgements are here (Linux may delay them by 40 ms), nothing changes within the minute
        // of TIME-WAIT.
        let is_moving = |one: &Socket| matches!(one.state, State::FinWait1 | State::LastAck | State::Closing);
        while Snapshot::take(&Namespace::Current).unwrap().sockets.iter().any(is_moving) {
            std::thread::yield_now();
        }
        let (before, snapshot, after) = (ss(), Snapshot::take(&Namespace::Current).unwrap(), ss());
        assert_eq!(before, after, "nothing moves");
        assert_eq!(ours(&snapshot), before);
        assert_eq!(snapshot.unknown, 0);
        let states: BTreeSet<_> = snapshot.sockets.iter().map(|one| one.state.name()).collect();
        assert_eq!(
            states,
            ["CLOSE-WAIT", "ESTABLISHED", "FIN-WAIT-2", "LISTEN", "TIME-WAIT"].into(),
            "the list is worth comparing"
        );
        let mut processes = Processes::default();
        processes.refresh();
        for one in &snapshot.sockets {
            match one.timer {
                Some(SocketTimer::TimeWait(left)) => {
                    assert!(left.as_secs() <= 60, "{one:?}");
                    assert_eq!(one.inode, 0);
                }
                _ => assert_eq!(processes.owner(one.inode).map(|owner| owner.pid), Some(std::process::id())),
            }
        }
    });
}

#[test]
fn of_another_namespace() {
    isolated(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let path =
            format!("/proc/{}/task/{}/ns/net", std::process::id(), rustix::thread::gettid().as_raw_nonzero());
        // From a thread that is not in it.
        let other = std::thread::spawn(move || {
            let current =
                Namespace::Pid(std::process::id()).enter(|| ()).map(|()| Namespace::Path(path.into()));
            Snapshot::take(&current.unwrap()).unwrap()
        });
        let snapshot = other.join().unwrap();
        assert_eq!(snapshot.namespace, Namespace::Current.inode().unwrap());
        assert_eq!(snapshot.sockets.len(), 1);
        assert_eq!(snapshot.sockets[0].local, listener.local_addr().unwrap());
    });
}
