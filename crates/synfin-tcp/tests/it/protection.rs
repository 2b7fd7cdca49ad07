//! What stands between a connection and those who guess, or who remember another one: RFC 5961, 6191, 4987, 6056 and
//! 5927, beyond what the drills say.

use std::net::SocketAddr;

use synfin_tcp::{
    Config, ConnectionConfig, Endpoint, Handled, IcmpError, IcmpMessage, NoObserver, SynCookies,
};
use synfin_wire::State;
use synfin_wire::tcp::{Flags, TcpOption};

use crate::peer::{Peer, ack, seg};
use crate::world::{Host, config, plain};

/// A peer of an endpoint with these settings, at which somebody listens.
fn listening(config: Config, backlog: usize) -> Peer {
    let mut peer = Peer::new(config.connection.clone());
    peer.endpoint = Endpoint::new(config, peer.watcher.clone());
    peer.endpoint.listen(Host::A.address(5000), backlog, None).unwrap();
    peer
}

/// RFC 7323 section 5.2: the timestamp of a RST sets nothing, even where its text reaches into the window and it is only
/// challenged.
#[test]
fn the_timestamp_of_a_reset_sets_nothing() {
    let timestamps = TcpOption::Timestamps { value: 1000, echo_reply: 0 };
    let mut peer = Peer::connected_with(ConnectionConfig { timestamps: true, ..plain() }, &[timestamps]);
    peer.send(&ack(1, 1).timestamps(1000, 0).text(&[0; 10]));
    peer.wait(100);
    peer.send(&seg(Flags::RST, 5, 0).timestamps(900_000, 0).text(&[0; 20]));
    peer.send(&ack(11, 1).timestamps(1001, 0).text(&[0; 10]));
    assert_eq!(peer.wait(100).last().unwrap(), "ACK seq 1 ack 21");
}

/// RFC 4987: cookies are taken for as long as they can be good, counted from the last one that was sent. Another endpoint
/// with the same secret makes one that is good, and was never given.
#[test]
fn cookies_are_taken_while_a_flood_lasts() {
    let settings =
        |syn_cookies, half_open_limit| Config { syn_cookies, half_open_limit, ..config(plain(), 9) };
    let mut forger = listening(settings(SynCookies::Always, 10), 5);
    let mut peer = listening(settings(SynCookies::WhenFull, 10), 5);
    for quiet in [0, 100, 200] {
        let mut flooded = listening(settings(SynCookies::WhenFull, 0), 5);
        flooded.send(&seg(Flags::SYN, 7, 0));
        assert_eq!((flooded.taken().len(), flooded.endpoint.counters().cookies_sent), (1, 1));
        flooded.wait(quiet * 1000);
        forger.now = flooded.now;
        forger.send(&seg(Flags::SYN, 0, 0));
        forger.taken();
        flooded.adopt(&forger);
        let handled = flooded.send(&ack(1, 1));
        assert_eq!(
            matches!(handled, Handled::Accepted(_)),
            quiet < 128,
            "{quiet} s after the last: {handled:?}"
        );
        // Who never sent one takes none.
        peer.now = flooded.now;
        peer.adopt(&forger);
        assert_eq!(peer.send(&ack(1, 1)), Handled::Answered);
        assert_eq!(peer.taken(), ["RST seq 1"]);
    }
}

/// RFC 4987 section 3: the limits hold for SYNs that meet TIME-WAIT, too. They come again, and TIME-WAIT has not ended.
#[test]
fn a_full_listener_takes_no_syn_out_of_time_wait() {
    for (half_open_limit, is_taken) in [(0, false), (1, true)] {
        let mut peer = Peer::new(plain());
        let settings = Config { half_open_limit, ..config(plain(), 1) };
        peer.endpoint = Endpoint::new(settings, peer.watcher.clone());
        let (local, remote) = (Host::A.address(5000), Host::B.address(80));
        peer.id = Some(peer.endpoint.connect(peer.now, local, remote, None).unwrap());
        peer.endpoint.listen(Host::A.address(5000), 1, None).unwrap();
        peer.taken();
        peer.send(&seg(Flags::SYN | Flags::ACK, 0, 1));
        peer.taken();
        peer.shutdown();
        peer.taken();
        peer.send(&seg(Flags::FIN | Flags::ACK, 1, 2));
        peer.taken();
        let id = peer.id.unwrap();
        peer.endpoint.close(peer.now, id);
        peer.taken();
        assert_eq!(peer.state(), State::TimeWait);
        peer.send(&seg(Flags::SYN, 5000, 0));
        assert_eq!(peer.state() == State::SynReceived, is_taken);
        assert_eq!(peer.endpoint.counters().syns_dropped, u64::from(!is_taken));
    }
}

/// RFC 6056 section 3.2: a port where somebody listens, at this address or at any, is not chosen.
#[test]
fn ports_of_services_are_not_chosen() {
    let settings = Config { ephemeral_ports: 1000..=1002, ..Config::new([1; 16]) };
    let mut endpoint = Endpoint::new(settings, NoObserver);
    endpoint.listen(SocketAddr::from(([0, 0, 0, 0], 1000)), 1, None).unwrap();
    endpoint.listen(Host::A.address(1001), 1, None).unwrap();
    let now = synfin_tcp::Instant::from_nanos(1);
    let mut connect = || endpoint.connect(now, Host::A.address(0), Host::B.address(80), None);
    let id = connect().unwrap();
    assert!(connect().is_err(), "there is no other");
    assert_eq!(endpoint.connection(id).unwrap().local().port(), 1002);
}

/// RFC 8201 section 4: what speaks of less than IPv6's smallest MTU, or does not say, is discarded.
#[test]
fn ipv6_knows_no_small_links() {
    let mut endpoint = Endpoint::new(Config::new([1; 16]), NoObserver);
    let [local, remote] = [1, 2].map(|last| SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, last], 80)));
    let now = synfin_tcp::Instant::from_nanos(1_000_000_000);
    let id = endpoint.connect(now, local, remote, None).unwrap();
    let mut seq = None;
    endpoint.poll_transmit(now, 10, &mut |burst: &synfin_tcp::Burst<'_>| seq = Some(burst.header.seq));
    for (told, mtu) in [(0, 1500), (68, 1500), (1279, 1500), (1400, 1400), (1280, 1280), (1500, 1280)] {
        let message = IcmpMessage::TooBig { mtu: told };
        endpoint.handle_icmp(now, &IcmpError { local, remote, seq: seq.unwrap(), message });
        assert_eq!(endpoint.connection(id).unwrap().info().mtu, mtu, "{told}");
    }
}

/// RFC 1191 sections 3 and 7.1: a router that does not say how much, and one that asks for less than IPv4 knows.
#[test]
fn ipv4_has_a_smallest_mtu_too() {
    for (told, mtu) in [(0, 576), (1499, 1499), (1, 68), (60_000, 1500)] {
        let mut peer = Peer::connecting(plain());
        peer.taken();
        crate::rules::icmp(&mut peer, 0, IcmpMessage::TooBig { mtu: told });
        assert_eq!(peer.endpoint.connection(peer.id.unwrap()).unwrap().info().mtu, mtu, "{told}");
    }
}

/// Section 3.10.4, CLOSE in LISTEN: what was in SYN-RECEIVED ends with the listener, by what arrives or by its timer, and
/// the observer hears of it either way.
#[test]
fn records_of_a_listener_that_has_gone_end_in_closed() {
    for answers in [false, true] {
        let mut peer = Peer::new(plain());
        let listener = peer.endpoint.listen(Host::A.address(5000), 5, None).unwrap();
        peer.send(&seg(Flags::SYN, 0, 0));
        peer.taken();
        peer.endpoint.close_listener(peer.now, listener);
        if answers {
            peer.send(&ack(1, 1));
            assert_eq!(peer.taken(), ["RST seq 1"]);
        } else {
            assert!(peer.wait(10_000).is_empty());
        }
        assert_eq!(peer.endpoint.states().count(), 0);
        let states = peer.watcher.states(Host::A.address(5000));
        assert_eq!(states, [State::Listen, State::SynReceived, State::Closed]);
    }
}

/// Section 3.8.5: the pointer is counted from the sequence number of the segment, which is that of the SYN.
#[test]
fn the_urgent_pointer_of_a_syn_is_counted_from_the_syn() {
    let mut peer = Peer::connecting(plain());
    peer.taken();
    peer.send(&seg(Flags::SYN | Flags::ACK, 0, 1).text(b"abc").urgent(3));
    assert_eq!(peer.endpoint.connection(peer.id.unwrap()).unwrap().urgent(), Some(2));
}

/// RFC 5961 section 7: the count goes on in a record of SYN-RECEIVED, and into the connection that comes of it.
#[test]
fn challenges_are_counted_across_the_handshake() {
    let mut peer = listening(config(plain(), 1), 5);
    peer.send(&seg(Flags::SYN, 0, 0));
    peer.taken();
    let mut answers = peer.answers((0..6).map(|_| seg(Flags::RST, 100, 0)));
    peer.send(&ack(1, 1));
    answers += peer.answers((0..20).map(|_| seg(Flags::RST, 100, 0)));
    assert_eq!((answers, peer.state()), (10, State::Established));
    peer.wait(5000);
    peer.send(&seg(Flags::RST, 100, 0));
    assert_eq!(peer.taken().len(), 1);
}

/// RFC 5961 section 7: and in a record of TIME-WAIT.
#[test]
fn challenges_are_counted_in_time_wait() {
    let mut peer = Peer::connected(plain());
    peer.shutdown();
    peer.taken();
    peer.send(&seg(Flags::FIN | Flags::ACK, 1, 2));
    let id = peer.id.unwrap();
    peer.endpoint.close(peer.now, id);
    peer.taken();
    assert!(peer.endpoint.connection(id).is_none(), "it is a record now");
    let challenged = [Flags::RST, Flags::SYN].repeat(20);
    let answers = peer.answers(challenged.into_iter().map(|flags| seg(flags, 100, 0)));
    assert_eq!((answers, peer.state()), (10, State::TimeWait));
    // The peer's FIN is no challenge, and is answered.
    peer.send(&seg(Flags::FIN | Flags::ACK, 1, 2));
    assert_eq!(peer.taken(), ["ACK seq 2 ack 2"]);
}
