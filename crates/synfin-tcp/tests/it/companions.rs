//! RFC 7323, 5961, 6191, 4987 and 2018 on the receiving side, against a peer written by hand.

use std::time::Duration;

use synfin_tcp::{Config, ConnectionConfig, Endpoint, Handled, ReadOutcome, SynCookies};
use synfin_wire::State;
use synfin_wire::tcp::{Flags, TcpOption};

use crate::peer::{Peer, ack, seg};
use crate::world::{Host, Watcher, World, plain};

fn stamped() -> Peer {
    let timestamps = TcpOption::Timestamps { value: 1000, echo_reply: 0 };
    Peer::connected_with(ConnectionConfig { timestamps: true, ..plain() }, &[timestamps])
}

/// RFC 7323 section 5: an old duplicate within the window is not taken (PAWS), but acknowledged; a RST is exempt.
#[test]
fn paws_drops_old_duplicates() {
    let mut peer = stamped();
    peer.send(&ack(1, 1).timestamps(999, 0).text(b"old"));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 1"]);
    peer.send(&ack(1, 1).text(b"bare"));
    assert!(
        peer.taken().is_empty(),
        "section 3.2: without the option that was agreed on, dropped in silence"
    );
    peer.send(&ack(1, 1).timestamps(1000, 0).text(b"new"));
    assert_eq!(peer.read(10), ReadOutcome::Data(b"new".as_slice().into()));
    // Section 5.5: after 24 days anything goes.
    peer.now = peer.now + Duration::from_secs(25 * 24 * 3600);
    peer.send(&ack(4, 1).timestamps(5, 0).text(b"!"));
    assert_eq!(peer.read(10), ReadOutcome::Data(b"!".as_slice().into()));
    peer.send(&seg(Flags::RST, 5, 0));
    assert_eq!(peer.state(), State::Closed);
}

/// RFC 7323 section 4.3: the echo is that of the segment that the acknowledgement begins with.
#[test]
fn the_echo_is_of_the_oldest_segment_acknowledged() {
    let mut peer = stamped();
    peer.shows_options = true;
    peer.send(&ack(1, 1).timestamps(2000, 0).text(&[0; 10]));
    peer.send(&ack(11, 1).timestamps(2005, 0).text(&[0; 10]));
    let sent = peer.wait(100);
    assert!(sent[0].contains("echo_reply: 2000"), "delayed: the first of two: {sent:?}");
    peer.send(&ack(31, 1).timestamps(2010, 0).text(&[0; 10]));
    let sent = peer.taken();
    assert!(sent[0].contains("echo_reply: 2000"), "a hole: the last in order: {sent:?}");
    peer.send(&ack(21, 1).timestamps(2020, 0).text(&[0; 10]));
    assert!(peer.taken()[0].contains("echo_reply: 2020"), "what filled it");
}

/// RFC 7323 section 2: both scale or none; the SYN's own window is not scaled.
#[test]
fn windows_are_scaled_both_ways_or_not_at_all() {
    let config = ConnectionConfig { window_scaling: true, ..plain() };
    let mut peer = Peer::connected_with(config.clone(), &[TcpOption::WindowScale(3)]);
    assert_eq!(peer.variables().snd_wnd, 60_000);
    peer.send(&ack(1, 1).window(10_000));
    assert_eq!(peer.variables().snd_wnd, 80_000);
    let peer = Peer::connected_with(config.clone(), &[TcpOption::WindowScale(200)]);
    let info = peer.endpoint.connection(peer.id.unwrap()).unwrap().info();
    assert_eq!(info.window_scale.0, 14, "more than 14 is 14");
    let peer = Peer::connected(config);
    let info = peer.endpoint.connection(peer.id.unwrap()).unwrap().info();
    assert_eq!(info.window_scale, (0, 0));
    assert!(info.variables.rcv_wnd <= 65_535);
}

/// RFC 2018, RFC 2883: what we report.
#[test]
fn reports_of_what_is_out_of_order_and_of_duplicates() {
    let mut peer =
        Peer::connected_with(ConnectionConfig { sack: true, ..plain() }, &[TcpOption::SackPermitted]);
    peer.send(&ack(101, 1).text(&[0; 100]));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 1 sack 101-201"]);
    peer.send(&ack(301, 1).text(&[0; 100]));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 1 sack 301-401 sack 101-201"]);
    peer.send(&ack(301, 1).text(&[0; 100]));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 1 sack 301-401 sack 301-401 sack 101-201"]);
    peer.send(&ack(1, 1).text(&[0; 100]));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 201 sack 301-401"]);
    peer.send(&ack(1, 1).text(&[0; 100]));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 201 sack 1-101 sack 301-401"]);
    peer.send(&ack(201, 1).text(&[0; 100]));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 401"]);
}

/// A FIN out of order is reported with the text before it.
#[test]
fn a_fin_out_of_order_is_reported() {
    let mut peer =
        Peer::connected_with(ConnectionConfig { sack: true, ..plain() }, &[TcpOption::SackPermitted]);
    peer.send(&seg(Flags::FIN | Flags::ACK, 6, 1).text(b"world"));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 1 sack 6-12"]);
    peer.send(&ack(1, 1).text(b"hello"));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 12"]);
}

/// RFC 5961 section 7: challenge ACKs are counted, ten in five seconds.
#[test]
fn challenge_acks_are_throttled() {
    let mut peer = Peer::connected(plain());
    let answers = peer.answers((0..50).map(|_| seg(Flags::RST, 100, 0)));
    assert_eq!((answers, peer.state()), (10, State::Established));
    peer.wait(5000);
    peer.send(&seg(Flags::SYN, 100, 0));
    assert_eq!(peer.taken().len(), 1);
}

/// RFC 9293 section 3.8.4: who asks whether we are there gets an answer, also ten times a second, and also while
/// somebody else has used up the challenge ACKs. A storm it is not.
#[test]
fn keep_alives_are_answered_beside_challenge_acks() {
    let mut peer = Peer::connected(plain());
    for _ in 0..50 {
        peer.send(&seg(Flags::RST, 100, 0));
    }
    peer.taken();
    for _ in 0..40 {
        peer.send(&seg(Flags::ACK, 0, 1));
        assert_eq!(peer.taken().len(), 1);
        peer.wait(100);
    }
    let answers = peer.answers((0..1000).map(|_| seg(Flags::ACK, 0, 1)));
    assert!(answers <= 100, "{answers} answers at once");
}

/// What acknowledges more than we have sent is no keep-alive: it counts among the challenge ACKs.
#[test]
fn what_only_looks_like_a_keep_alive_is_throttled() {
    let mut peer = Peer::connected(plain());
    let answers = peer.answers((0..50).map(|_| seg(Flags::ACK, 0, 5)));
    assert_eq!(answers, 10);
}

/// RFC 9293 MUST-22, MUST-23, for SYN,ACKs too; SYN-RECEIVED is a record, and no connection is there to accept.
#[test]
fn a_syn_ack_is_sent_again_and_then_given_up() {
    let mut peer = Peer::new(plain());
    peer.endpoint.listen(Host::A.address(5000), 5, None).unwrap();
    peer.send(&seg(Flags::SYN, 0, 0));
    let times: Vec<u64> = peer.wait_until(400_000).into_iter().map(|(at, _)| at / 1000).collect();
    assert_eq!(times, [0, 1, 3, 7, 15, 31, 63, 123]);
    assert_eq!((peer.endpoint.states().count(), peer.endpoint.poll_timeout()), (0, None));
}

/// A SYN that comes again gets the SYN,ACK again, at once.
#[test]
fn a_repeated_syn_gets_the_syn_ack_again() {
    let mut peer = Peer::new(plain());
    peer.endpoint.listen(Host::A.address(5000), 5, None).unwrap();
    for _ in 0..2 {
        peer.send(&seg(Flags::SYN, 0, 0));
        assert_eq!(peer.taken(), ["SYN,ACK seq 0 ack 1"]);
    }
    assert!(matches!(peer.send(&ack(1, 1).text(b"hi")), Handled::Accepted(_)));
    assert_eq!(peer.read(10), ReadOutcome::Data(b"hi".as_slice().into()));
}

/// RFC 4987: with cookies nothing is kept for a SYN, and options survive by the timestamp.
#[test]
fn syn_cookies_remember_nothing_and_lose_nothing() {
    let connection = ConnectionConfig::default();
    let mut peer = Peer::new(connection.clone());
    let config = Config { syn_cookies: SynCookies::Always, connection, ..Config::new([9; 16]) };
    peer.endpoint = Endpoint::new(config, peer.watcher.clone());
    peer.endpoint.listen(Host::A.address(5000), 5, None).unwrap();
    peer.shows_options = true;
    let syn = seg(Flags::SYN, 0, 0)
        .option(&TcpOption::MaximumSegmentSize(1400))
        .option(&TcpOption::SackPermitted)
        .timestamps(500, 0)
        .option(&TcpOption::WindowScale(9));
    peer.send(&syn);
    assert_eq!(peer.endpoint.states().count(), 0);
    let answer = peer.taken();
    let value: u32 = answer[0].split("value: ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    peer.send(&ack(1, 2).timestamps(501, value));
    assert_eq!(peer.taken()[0].split(' ').next(), Some("RST"), "a cookie that was never given");
    assert!(matches!(peer.send(&ack(1, 1).timestamps(501, value).text(b"x")), Handled::Accepted(_)));
    let info = peer.endpoint.connection(peer.id.unwrap()).unwrap().info();
    assert!(info.is_sack && info.has_timestamps);
    assert_eq!((info.window_scale.0, info.variables.mss), (9, 1400 - 12));
    assert_eq!(info.variables.cwnd, 10 * 1388, "who is forgotten is not punished for it");
    assert_eq!(peer.endpoint.counters().cookies_accepted, 1);
}

/// RFC 4987 section 3: without cookies, SYNs beyond the limit are dropped, and others are served when there is room.
#[test]
fn a_flood_of_syns_is_bounded() {
    let mut world = World::new(plain(), plain(), Duration::from_millis(1));
    let config = Config {
        syn_cookies: SynCookies::Never,
        half_open_limit: 10,
        connection: plain(),
        ..Config::new([2; 16])
    };
    world.b = Endpoint::new(config, Watcher::default());
    world.b.listen(Host::B.address(80), 100, None).unwrap();
    for port in 1..100 {
        world.inject(Host::A, (port, 80), Flags::SYN, synfin_wire::SeqNumber(0), synfin_wire::SeqNumber(0));
    }
    assert_eq!(world.b.states().count(), 10);
    assert_eq!(world.b.counters().syns_dropped, 89);
}

fn in_time_wait(peer: &mut Peer) {
    peer.shutdown();
    peer.taken();
    peer.send(&ack(1, 2).timestamps(2000, 0));
    peer.send(&seg(Flags::FIN | Flags::ACK, 1, 2).timestamps(2000, 0));
    peer.taken();
    let id = peer.id.unwrap();
    peer.endpoint.close(peer.now, id);
    peer.taken();
    assert!(peer.endpoint.connection(id).is_none(), "it is a record now");
    assert_eq!(peer.state(), State::TimeWait);
}

/// RFC 6191, RFC 9293 MAY-2, SHLD-4: a new SYN with a later timestamp takes the place of a connection in TIME-WAIT; an
/// older one does not.
#[test]
fn time_wait_gives_way_to_a_newer_syn() {
    let mut peer = stamped();
    peer.endpoint.listen(Host::A.address(5000), 5, None).unwrap();
    in_time_wait(&mut peer);
    peer.send(&seg(Flags::SYN, 500, 0).timestamps(1999, 0));
    assert_eq!((peer.taken(), peer.state()), (vec!["ACK seq 2 ack 2".to_owned()], State::TimeWait));
    let before = peer.sequence_number(2);
    // An earlier sequence number does not matter, for the timestamp is later.
    peer.send(&seg(Flags::SYN, -5000, 0).timestamps(2001, 0));
    assert_eq!(peer.taken().len(), 1);
    assert_eq!(peer.state(), State::SynReceived);
    assert!(peer.sequence_number(0).is_after(before), "the new sequence numbers are beyond the old ones");
}

/// RFC 6191: the same while the user still holds the old connection.
#[test]
fn time_wait_gives_way_though_somebody_holds_it() {
    let mut peer = stamped();
    peer.endpoint.listen(Host::A.address(5000), 5, None).unwrap();
    let old = peer.id.unwrap();
    peer.shutdown();
    peer.taken();
    peer.send(&seg(Flags::FIN | Flags::ACK, 1, 2).timestamps(2000, 0));
    assert_eq!((peer.taken(), peer.state()), (vec!["ACK seq 2 ack 2".to_owned()], State::TimeWait));
    peer.send(&seg(Flags::SYN, 700, 0).timestamps(2001, 0));
    peer.taken();
    assert_eq!(peer.endpoint.connection(old).unwrap().state(), State::Closed);
    assert!(matches!(peer.send(&ack(701, 1).timestamps(2002, 0)), Handled::Accepted(_)));
}

/// RFC 9293 section 3.10.7.4: a RST in TIME-WAIT ends it; what is old is acknowledged.
#[test]
fn a_record_in_time_wait_answers_like_a_connection() {
    let mut peer = Peer::connected(plain());
    peer.shutdown();
    peer.taken();
    peer.send(&seg(Flags::FIN | Flags::ACK, 1, 2));
    let id = peer.id.unwrap();
    peer.endpoint.close(peer.now, id);
    peer.taken();
    peer.send(&seg(Flags::FIN | Flags::ACK, 1, 2));
    assert_eq!(peer.taken(), ["ACK seq 2 ack 2"]);
    peer.send(&seg(Flags::RST, 2, 0));
    assert_eq!((peer.endpoint.states().count(), peer.endpoint.poll_timeout()), (0, None));
}
