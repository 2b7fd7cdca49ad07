//! Every way to close a connection, with the exact states of both ends.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};
use synfin_wire::State;

use crate::world::{Pair, Watch, ip, isolated, sysctl};

const CLIENT_OPENS: &str = "CLOSED SYN-SENT ESTABLISHED";
const SERVER_OPENS: &str = "LISTEN SYN-RECEIVED ESTABLISHED";

/// Waits for the peer's FIN.
fn read_to_end(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
}

#[test]
fn the_client_closes_first() {
    isolated(|| {
        let Pair { mut watch, client, mut server, client_address, server_address, .. } = Pair::connect();
        drop(client);
        read_to_end(&mut server);
        drop(server);
        watch.until_state(client_address, State::TimeWait);
        watch.until_state(server_address, State::Closed);
        watch.catch_up();
        assert_eq!(watch.chain(client_address), format!("{CLIENT_OPENS} FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"));
        assert_eq!(watch.chain(server_address), format!("{SERVER_OPENS} CLOSE-WAIT LAST-ACK CLOSED"));
    });
}

#[test]
fn the_server_closes_first() {
    isolated(|| {
        let Pair { mut watch, mut client, server, client_address, server_address, .. } = Pair::connect();
        drop(server);
        read_to_end(&mut client);
        drop(client);
        watch.until_state(server_address, State::TimeWait);
        watch.until_state(client_address, State::Closed);
        watch.catch_up();
        assert_eq!(watch.chain(client_address), format!("{CLIENT_OPENS} CLOSE-WAIT LAST-ACK CLOSED"));
        assert_eq!(watch.chain(server_address), format!("{SERVER_OPENS} FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"));
    });
}

#[test]
fn over_ipv6_and_through_a_mapped_address() {
    isolated(|| {
        for address in ["[::1]:0", "[::ffff:127.0.0.1]:0"] {
            let Pair { mut watch, client, mut server, .. } = Pair::connect_to(address);
            let ends = [client.local_addr(), server.local_addr()].map(|end| {
                let end = end.unwrap();
                SocketAddr::new(end.ip().to_canonical(), end.port())
            });
            drop(client);
            read_to_end(&mut server);
            drop(server);
            watch.until_state(ends[1], State::Closed);
            watch.until_state(ends[0], State::TimeWait);
            assert_eq!(watch.chain(ends[0]), format!("{CLIENT_OPENS} FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"));
            assert_eq!(watch.chain(ends[1]), format!("{SERVER_OPENS} CLOSE-WAIT LAST-ACK CLOSED"));
        }
    });
}

/// The process has it open until after the peer's FIN: the full socket itself goes on into TIME-WAIT.
#[test]
fn half_closed() {
    isolated(|| {
        let Pair { mut watch, mut client, mut server, client_address, server_address, .. } = Pair::connect();
        client.shutdown(Shutdown::Write).unwrap();
        read_to_end(&mut server);
        server.write_all(b"still here").unwrap();
        drop(server);
        read_to_end(&mut client);
        watch.until_state(client_address, State::TimeWait);
        watch.until_state(server_address, State::Closed);
        drop(client);
        watch.catch_up();
        assert_eq!(watch.chain(client_address), format!("{CLIENT_OPENS} FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"));
        assert_eq!(watch.chain(server_address), format!("{SERVER_OPENS} CLOSE-WAIT LAST-ACK CLOSED"));
    });
}

#[test]
fn the_client_resets() {
    isolated(|| {
        let Pair { mut watch, client, server, client_address, server_address, .. } = Pair::connect();
        sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        drop(client);
        watch.until_state(server_address, State::Closed);
        watch.catch_up();
        drop(server);
        let sent = "(reset sent: TCP_STATE)";
        assert_eq!(watch.chain(client_address), format!("{CLIENT_OPENS} CLOSED {sent}"));
        assert_eq!(watch.chain(server_address), format!("{SERVER_OPENS} CLOSED (reset received)"));
    });
}

#[test]
fn the_server_resets() {
    isolated(|| {
        let Pair { mut watch, client, server, client_address, server_address, .. } = Pair::connect();
        sockopt::set_socket_linger(&server, Some(Duration::ZERO)).unwrap();
        drop(server);
        watch.until_state(client_address, State::Closed);
        watch.catch_up();
        drop(client);
        let sent = "(reset sent: TCP_STATE)";
        assert_eq!(watch.chain(client_address), format!("{CLIENT_OPENS} CLOSED (reset received)"));
        assert_eq!(watch.chain(server_address), format!("{SERVER_OPENS} CLOSED {sent}"));
    });
}

/// Closing with unread data is a reset too (RFC 9293 section 3.10.4, RFC 2525 section 2.17).
#[test]
fn the_server_closes_with_unread_data() {
    isolated(|| {
        let Pair { mut watch, mut client, server, client_address, server_address, .. } = Pair::connect();
        client.write_all(b"unread").unwrap();
        // It has arrived as soon as it can be looked at.
        server.peek(&mut [0; 6]).unwrap();
        drop(server);
        watch.until_state(client_address, State::Closed);
        watch.catch_up();
        drop(client);
        let sent = "(reset sent: TCP_ABORT_ON_CLOSE)";
        assert_eq!(watch.chain(client_address), format!("{CLIENT_OPENS} CLOSED (reset received)"));
        assert_eq!(watch.chain(server_address), format!("{SERVER_OPENS} CLOSED {sent}"));
    });
}

/// A socket connected to itself opens and closes simultaneously: every segment crosses its own answer.
#[test]
fn simultaneous_open_and_close() {
    isolated(|| {
        let mut watch = Watch::begin();
        let socket =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, &"127.0.0.1:7000".parse::<SocketAddr>().unwrap()).unwrap();
        connect(&socket, &"127.0.0.1:7000".parse::<SocketAddr>().unwrap()).unwrap();
        drop(socket);
        let address = "127.0.0.1:7000".parse().unwrap();
        watch.until_state(address, State::TimeWait);
        watch.catch_up();
        assert_eq!(
            watch.chain(address),
            "CLOSED SYN-SENT SYN-RECEIVED ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT"
        );
    });
}

/// Closed by one process without an answer: CLOSED follows on FIN-WAIT-2, but there was never a TIME-WAIT.
#[test]
fn the_server_never_closes() {
    isolated(|| {
        sysctl("tcp_fin_timeout", "1");
        let Pair { mut watch, client, server, client_address, server_address, .. } = Pair::connect();
        drop(client);
        watch.until_state(client_address, State::Closed);
        watch.catch_up();
        assert_eq!(
            watch.chain(client_address),
            format!("{CLIENT_OPENS} FIN-WAIT-1 FIN-WAIT-2 CLOSED (expired)")
        );
        assert_eq!(watch.chain(server_address), format!("{SERVER_OPENS} CLOSE-WAIT"));
        drop(server);
    });
}

/// The same from the other side: the server closes, and its client never does.
#[test]
fn the_client_never_closes() {
    isolated(|| {
        sysctl("tcp_fin_timeout", "1");
        let Pair { mut watch, client, server, client_address, server_address, .. } = Pair::connect();
        drop(server);
        watch.until_state(server_address, State::Closed);
        watch.catch_up();
        assert_eq!(watch.chain(client_address), format!("{CLIENT_OPENS} CLOSE-WAIT"));
        assert_eq!(
            watch.chain(server_address),
            format!("{SERVER_OPENS} FIN-WAIT-1 FIN-WAIT-2 CLOSED (expired)")
        );
        drop(client);
    });
}

/// Both close before either hears of the other: no FIN passes until both have sent theirs. Whichever passes first finds
/// its receiver in FIN-WAIT-1; its acknowledgement comes before the other's FIN, which is sent again later.
#[test]
fn simultaneous_close_of_two_sockets() {
    isolated(|| {
        let Pair { mut watch, client, server, client_address, server_address, .. } = Pair::connect();
        ip("link set lo down");
        drop(client);
        drop(server);
        ip("link set lo up");
        watch.until_state(client_address, State::TimeWait);
        watch.until_state(server_address, State::TimeWait);
        watch.catch_up();
        let (heard, hears) = ("FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT", "FIN-WAIT-1 CLOSING TIME-WAIT");
        let (client, server) = (watch.chain(client_address), watch.chain(server_address));
        let ends = |of_client: &str, of_server: &str| {
            client == format!("{CLIENT_OPENS} {of_client}") && server == format!("{SERVER_OPENS} {of_server}")
        };
        assert!(ends(heard, hears) || ends(hears, heard) || ends(hears, hears), "{client}\n{server}");
    });
}

/// The peer goes on sending to a process that has closed: the kernel answers with a reset, and forgets both.
#[test]
fn data_after_the_process_has_closed() {
    isolated(|| {
        let Pair { mut watch, client, mut server, client_address, server_address, .. } = Pair::connect();
        drop(client);
        read_to_end(&mut server);
        server.write_all(b"anyone?").unwrap();
        watch.until_state(server_address, State::Closed);
        watch.catch_up();
        let chain = watch.chain(client_address);
        assert!(
            chain.starts_with(&format!("{CLIENT_OPENS} FIN-WAIT-1 FIN-WAIT-2 CLOSED (reset sent: ")),
            "{chain}"
        );
        assert_eq!(watch.chain(server_address), format!("{SERVER_OPENS} CLOSE-WAIT CLOSED (reset received)"));
    });
}

/// RFC 9293 section 3.6.1 (MAY-2): a new SYN takes the place of a connection in TIME-WAIT.
#[test]
fn a_new_connection_takes_the_place_of_time_wait() {
    isolated(|| {
        let mut watch = Watch::begin();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server_address = listener.local_addr().unwrap();
        let client_address: SocketAddr = "127.0.0.1:7001".parse().unwrap();
        for _ in 0..2 {
            let client =
                socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
            bind(&client, &client_address).unwrap();
            connect(&client, &server_address).unwrap();
            // The server closes first, so that TIME-WAIT is at its end and the client's port is free again.
            drop(listener.accept().unwrap());
            read_to_end(&mut TcpStream::from(client));
            watch.until_state(client_address, State::Closed);
            watch.until_state(server_address, State::TimeWait);
            watch.catch_up();
            watch.reports.retain(|report| {
                !matches!(report, synfin_kernel::Report::Change(change) if change.change.local == client_address)
            });
        }
        let whole = format!("{SERVER_OPENS} FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT");
        assert_eq!(watch.chain(server_address), format!("{whole} CLOSED (reused) | {whole}"));
    });
}

/// With no room for TIME-WAIT the connection is forgotten at once, which no tracepoint tells.
#[test]
fn there_is_no_room_for_time_wait() {
    isolated(|| {
        sysctl("tcp_max_tw_buckets", "0");
        let Pair { mut watch, client, mut server, client_address, server_address, .. } = Pair::connect();
        drop(client);
        read_to_end(&mut server);
        drop(server);
        watch.until_state(client_address, State::Closed);
        watch.until_state(server_address, State::Closed);
        watch.catch_up();
        let opens = format!("{CLIENT_OPENS} FIN-WAIT-1 FIN-WAIT-2");
        assert_eq!(watch.chain(client_address), format!("{opens} [CLOSED] (noroom)"));
    });
}

#[test]
fn a_process_is_killed() {
    isolated(|| {
        let mut watch = Watch::begin();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server_address = listener.local_addr().unwrap();
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{}; kill -9 $$", server_address.port());
        let mut child = std::process::Command::new("bash").args(["-c", &script]).spawn().unwrap();
        let (mut server, client_address) = listener.accept().unwrap();
        child.wait().unwrap();
        read_to_end(&mut server);
        drop(server);
        watch.until_state(client_address, State::TimeWait);
        watch.until_state(server_address, State::Closed);
        assert_eq!(watch.chain(client_address), format!("{CLIENT_OPENS} FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"));
        assert_eq!(watch.chain(server_address), format!("{SERVER_OPENS} CLOSE-WAIT LAST-ACK CLOSED"));
        let process =
            watch.changes().find(|change| change.change.local == client_address).unwrap().change.process;
        assert_eq!(process.map(|process| process.pid), Some(child.id()), "it is gone, and keeps its name");
        assert_eq!(process.unwrap().name.as_str(), "bash");
    });
}
