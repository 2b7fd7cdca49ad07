//! Attempts that come to nothing.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket_with, sockopt},
};
use synfin_kernel::{Event, Report};
use synfin_wire::State;

use crate::world::{Watch, ip, isolated, sysctl};

#[test]
fn a_closed_port() {
    isolated(|| {
        let mut watch = Watch::begin();
        let closed: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let socket =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let client: SocketAddr = "127.0.0.1:7002".parse().unwrap();
        bind(&socket, &client).unwrap();
        assert_eq!(connect(&socket, &closed), Err(Errno::CONNREFUSED));
        drop(socket);
        watch.catch_up();
        assert_eq!(watch.chain(client), "CLOSED SYN-SENT CLOSED (reset received)");
        let reason = watch.events().find_map(|event| match event {
            Event::ResetSent(reset) if reset.subject.local == closed => reset.reason.name,
            _ => None,
        });
        assert_eq!(reason, Some("NO_SOCKET"));
    });
}

/// Makes 10.9.9.2 an address to which packets leave, and from which nothing ever comes back.
fn dig_black_hole() {
    ip("link add v0 type veth peer name v1");
    ip("addr add 10.9.9.1/24 dev v0");
    ip("link set v0 up");
    ip("link set v1 up");
    ip("neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev v0");
}

/// Nobody answers: packets leave, and nothing ever comes back.
#[test]
fn a_black_hole() {
    isolated(|| {
        dig_black_hole();
        let mut watch = Watch::begin();
        let socket = socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )
        .unwrap();
        // In milliseconds: at its first timeout it gives up.
        sockopt::set_tcp_user_timeout(&socket, 1).unwrap();
        let hole: SocketAddr = "10.9.9.2:80".parse().unwrap();
        assert_eq!(connect(&socket, &hole), Err(Errno::INPROGRESS));
        let is_end = |report: &Report| matches!(report, Report::Change(change) if change.change.remote == hole && change.change.to == State::Closed);
        watch.until("the end of the attempt", is_end);
        let client = watch.changes().find(|change| change.change.remote == hole).unwrap().change.local;
        assert_ne!(client.port(), 0, "SYN-SENT is told with its port");
        assert_eq!(watch.chain(client), "CLOSED SYN-SENT CLOSED (error 110)");
    });
}

/// The queue of connections to accept is full: SYNs are not answered, and sent again.
#[test]
fn the_accept_queue_overflows() {
    isolated(|| {
        let mut watch = Watch::begin();
        let listener =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let address: SocketAddr = "127.0.0.1:7003".parse().unwrap();
        bind(&listener, &address).unwrap();
        // A queue of 0 takes one.
        listen(&listener, 0).unwrap();
        let first = TcpStream::connect(address).unwrap();
        let second = socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )
        .unwrap();
        bind(&second, &"127.0.0.1:7004".parse::<SocketAddr>().unwrap()).unwrap();
        assert_eq!(connect(&second, &address), Err(Errno::INPROGRESS));
        let client: SocketAddr = "127.0.0.1:7004".parse().unwrap();
        watch.until("the SYN once more", |report| {
            matches!(report, Report::Event(Event::Retransmit(retransmit)) if retransmit.subject.local == client)
        });
        assert_eq!(watch.chain(client), "CLOSED SYN-SENT");
        assert_eq!(watch.chain(address), "LISTEN SYN-RECEIVED ESTABLISHED", "only of the first");
        let listener = TcpListener::from(listener);
        let (_taken, _) = listener.accept().unwrap();
        watch.until_state(client, State::Established);
        drop((first, second));
    });
}

/// A process that gives up before there is an answer.
#[test]
fn the_client_loses_patience() {
    isolated(|| {
        dig_black_hole();
        let mut watch = Watch::begin();
        let hole: SocketAddr = "10.9.9.2:80".parse().unwrap();
        assert!(TcpStream::connect_timeout(&hole, Duration::from_millis(1)).is_err());
        watch.catch_up();
        let client = watch.changes().find(|change| change.change.remote == hole).unwrap().change.local;
        assert_eq!(watch.chain(client), "CLOSED SYN-SENT CLOSED");
    });
}

/// There is no port to be had: the attempt ends before its SYN, and is told nevertheless.
#[test]
fn no_port_is_left() {
    isolated(|| {
        sysctl("ip_local_port_range", "20000 20000");
        let mut watch = Watch::begin();
        // A listener's port is none for the range to give, so it needs one of its own.
        let listener = TcpListener::bind("127.0.0.1:7005").unwrap();
        let server = listener.local_addr().unwrap();
        let _first = TcpStream::connect(server).unwrap();
        let second = TcpStream::connect(server);
        assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrNotAvailable);
        // What catches up takes a port, too.
        sysctl("ip_local_port_range", "20000 30000");
        watch.catch_up();
        let changes: Vec<_> = watch
            .changes()
            .filter(|change| change.change.remote == server && change.change.local.port() == 0)
            .collect();
        assert_eq!(crate::world::chain(&changes), "CLOSED [SYN-SENT] CLOSED");
    });
}
