//! RFC 9293's rules, one by one, against a peer written by hand.

use std::time::Duration;

use synfin_tcp::{
    ConnectionConfig, ConnectionError, Event, IcmpError, IcmpMessage, KeepAlive, ReadOutcome, Unreachable,
};
use synfin_wire::State;
use synfin_wire::tcp::{Flags, TcpOption};

use crate::peer::{Peer, ack, seg};
use crate::world::{Host, plain};

const FIN: Flags = Flags::FIN;

/// MUST-14, SHLD-5, MAY-3, MUST-65, MUST-67: the SYN announces the MSS; nothing after it does.
#[test]
fn the_mss_is_announced_by_the_syn() {
    let mut peer = Peer::connecting(ConnectionConfig { mtu: 1300, ..plain() });
    peer.shows_options = true;
    assert_eq!(peer.taken(), ["SYN seq 0 MaximumSegmentSize(1260)"]);
    peer.send(&seg(Flags::SYN | Flags::ACK, 0, 1));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 1"]);
    // MUST-15: the peer said nothing, so its MSS is 536. MUST-16.
    peer.write(600);
    assert_eq!(peer.taken()[0], "ACK seq 1 ack 1 len 536");
}

/// MUST-20, MUST-22, MUST-23, SHLD-9, MUST-12: a SYN is sent again for at least three minutes; then the user hears.
#[test]
fn a_syn_is_sent_again_for_three_minutes() {
    let mut peer = Peer::connecting(plain());
    let times: Vec<u64> = peer.wait_until(400_000).into_iter().map(|(at, _)| at / 1000).collect();
    assert_eq!(times, [0, 1, 3, 7, 15, 31, 63, 123]);
    assert_eq!(peer.events(), [Event::Closed(Some(ConnectionError::TimedOut))]);
    let changes = peer.watcher.0.borrow();
    assert!(changes.last().unwrap().at_ns >= 181_000_000_000);
}

/// MUST-19, MUST-20, SHLD-9, SHLD-10, SHLD-11, MUST-21: R1 tells the user, R2 ends the connection.
#[test]
fn data_without_an_answer_is_given_up_after_r2() {
    let mut peer = Peer::connected(ConnectionConfig { r2: Some(Duration::from_secs(100)), ..plain() });
    peer.events();
    peer.write(10);
    let times: Vec<u64> = peer.wait_until(30_000).into_iter().map(|(at, _)| at / 1000).collect();
    assert_eq!(times, [0, 1, 3, 7, 15]);
    assert_eq!(peer.events(), [Event::DeliveryProblem]);
    peer.wait(200_000);
    assert_eq!(peer.events().last(), Some(&Event::Closed(Some(ConnectionError::TimedOut))));
}

/// SHLD-7, MUST-17, MAY-16: Nagle holds a short segment back while anything is unacknowledged, and can be turned off.
#[test]
fn nagle_holds_back_a_short_segment() {
    let mut peer = Peer::connected(plain());
    peer.write(10);
    assert_eq!(peer.taken(), ["PSH,ACK seq 1 ack 1 len 10"]);
    peer.write(10);
    peer.write(10);
    assert!(peer.taken().is_empty());
    peer.send(&ack(1, 11));
    assert_eq!(peer.taken(), ["PSH,ACK seq 11 ack 1 len 20"]);
    let mut peer = Peer::connected(ConnectionConfig { nagle: false, ..plain() });
    peer.write(10);
    peer.taken();
    peer.write(10);
    assert_eq!(peer.taken(), ["PSH,ACK seq 11 ack 1 len 10"]);
}

/// MUST-60, MUST-61, SHLD-27, SHLD-28: full segments while there is enough, PSH on the last.
#[test]
fn only_the_last_segment_is_pushed() {
    let mut peer = Peer::connected(plain());
    peer.write(1500);
    peer.write(1500);
    assert_eq!(
        peer.taken(),
        ["ACK seq 1 ack 1 len 1000", "ACK seq 1001 ack 1 len 1000", "PSH,ACK seq 2001 ack 1 len 1000"]
    );
}

/// MUST-38: sender SWS avoidance; rule (4): the override timeout, between 0.1 and 1 second.
#[test]
fn a_small_window_is_not_worth_a_segment_until_the_override() {
    let mut peer = Peer::connected(plain());
    peer.send(&ack(1, 1).window(900));
    peer.write(2000);
    let sent = peer.wait_until(1100);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!((100..=1000).contains(&sent[0].0), "{sent:?}");
    assert_eq!(sent[0].1, "ACK seq 1 ack 1 len 900");
}

/// MUST-35, MUST-36, MUST-37, SHLD-29, SHLD-30, MAY-8: a closed window is probed at growing intervals, for as long as
/// the peer answers.
#[test]
fn a_closed_window_is_probed() {
    let mut peer = Peer::connected(plain());
    peer.send(&ack(1, 1).window(0));
    peer.write(5000);
    let mut times = Vec::new();
    let start = peer.now;
    while peer.now.since(start) < Duration::from_secs(3600) {
        for (at, line) in peer.wait_until(1000) {
            assert_eq!(line, "ACK seq 1 ack 1 len 1");
            times.push((peer.now.since(start).as_millis() as u64 - 1000 + at) / 1000);
            peer.send(&ack(1, 1).window(0));
        }
    }
    assert_eq!(times[..7], [1, 3, 7, 15, 31, 63, 123]);
    assert_eq!(peer.state(), State::Established);
    peer.send(&ack(1, 1).window(3000));
    // SHLD-28: what probed the window was not taken, and goes in a full segment with what follows it.
    assert_eq!(
        peer.taken(),
        ["ACK seq 1 ack 1 len 1000", "ACK seq 1001 ack 1 len 1000", "ACK seq 2001 ack 1 len 1000"]
    );
}

/// MUST-34, SHLD-15, SHLD-16: a window that shrinks stops new data, and what was sent is sent again within it.
#[test]
fn a_shrinking_window_does_no_harm() {
    let mut peer = Peer::connected(plain());
    peer.write(4000);
    assert_eq!(peer.taken().len(), 4);
    peer.send(&ack(1, 1001).window(1500));
    peer.write(1000);
    assert!(peer.taken().is_empty(), "3000 are outstanding, 1500 allowed");
    let again = peer.wait(1300);
    assert_eq!(again, ["ACK seq 1001 ack 1 len 1000"]);
    peer.send(&ack(1, 4001).window(1500));
    assert_eq!(peer.taken(), ["PSH,ACK seq 4001 ack 1 len 1000"]);
}

/// MUST-39, SHLD-14: the receiver's window moves in steps of a segment, and never back. SHLD-18, SHLD-19, MUST-40.
#[test]
fn the_receiver_closes_and_opens_its_window() {
    let config = ConnectionConfig { receive_buffer: 2000, receive_buffer_max: 2000, mtu: 1040, ..plain() };
    let mut peer = Peer::connected(config);
    peer.shows_window = true;
    peer.send(&ack(1, 1).text(&[1; 1000]));
    peer.send(&ack(1001, 1).text(&[2; 1000]));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 2001 win 0"]);
    peer.read(500);
    assert!(peer.taken().is_empty(), "500 octets are no reason to say anything");
    peer.read(500);
    assert_eq!(peer.taken(), ["ACK seq 1 ack 2001 win 1000"]);
    peer.send(&ack(2001, 1).text(&[3; 10]));
    let sent = peer.wait_until(499);
    assert_eq!(sent.len(), 1, "delayed, but by less than half a second");
    assert_eq!(sent[0], (40, "ACK seq 1 ack 2011 win 990".into()));
}

/// MUST-58, MUST-59: a batch is acknowledged once.
#[test]
fn a_batch_is_acknowledged_once() {
    let mut peer = Peer::connected(plain());
    for i in 0..10 {
        peer.send(&ack(1 + 1000 * i, 1).text(&[0; 1000]));
    }
    assert_eq!(peer.taken(), ["ACK seq 1 ack 10001"]);
}

/// SHLD-31, MAY-13: what is out of order is kept, with the FIN behind it, and acknowledged at once.
#[test]
fn data_and_fin_out_of_order_are_not_lost() {
    let mut peer = Peer::connected(plain());
    peer.send(&seg(Flags::ACK | FIN, 6, 1).text(b"world"));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 1"]);
    assert_eq!(peer.state(), State::Established);
    peer.send(&ack(1, 1).text(b"hello"));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 12"]);
    assert_eq!(peer.state(), State::CloseWait);
    assert_eq!(peer.read(100), ReadOutcome::Data(b"hello".as_slice().into()));
    assert_eq!(peer.read(100), ReadOutcome::Data(b"world".as_slice().into()));
    assert_eq!(peer.read(100), ReadOutcome::Finished);
}

/// Half-close: after our FIN the peer may go on sending; after the peer's, we may.
#[test]
fn half_close_in_both_directions() {
    let mut peer = Peer::connected(plain());
    peer.shutdown();
    assert_eq!(peer.taken(), ["FIN,ACK seq 1 ack 1"]);
    peer.send(&ack(1, 2).text(b"more"));
    assert_eq!((peer.state(), peer.wait(50)), (State::FinWait2, vec!["ACK seq 2 ack 5".to_owned()]));
    let mut peer = Peer::connected(plain());
    peer.send(&seg(FIN | Flags::ACK, 1, 1));
    peer.taken();
    peer.write(10);
    assert_eq!(peer.taken(), ["PSH,ACK seq 1 ack 2 len 10"]);
    peer.send(&ack(2, 11));
    peer.shutdown();
    assert_eq!((peer.taken(), peer.state()), (vec!["FIN,ACK seq 11 ack 2".to_owned()], State::LastAck));
    peer.send(&ack(2, 12));
    assert_eq!(peer.events().last(), Some(&Event::Closed(None)));
}

/// MUST-30, MUST-31, MUST-32, MUST-33, MUST-62: the pointer is that of the octet after the urgent data.
#[test]
fn urgent_data_both_ways() {
    let mut peer = Peer::connected(plain());
    peer.events();
    let id = peer.id.unwrap();
    peer.endpoint.connection_mut(id).unwrap().write_urgent(&vec![1; 1500].into()).unwrap();
    assert_eq!(
        peer.taken(),
        ["ACK,URG seq 1 ack 1 len 1000 up 1500", "PSH,ACK,URG seq 1001 ack 1 len 500 up 500"]
    );
    peer.send(&ack(1, 1501).text(b"abc").urgent(3));
    assert!(peer.events().contains(&Event::Urgent));
    assert_eq!(peer.endpoint.connection(id).unwrap().urgent(), Some(3));
    peer.send(&ack(4, 1501).text(b"def").urgent(2));
    assert!(peer.events().contains(&Event::Urgent), "the pointer has advanced");
    assert_eq!(peer.endpoint.connection(id).unwrap().urgent(), Some(5));
    peer.read(5);
    assert_eq!(peer.endpoint.connection(id).unwrap().urgent(), None);
}

/// MUST-24, MUST-25, MUST-27, MUST-28, MUST-29, MAY-5, SHLD-12: keep-alives, where asked for, without data, and no single one decides.
#[test]
fn keep_alives_where_asked_for() {
    let mut peer = Peer::connected(plain());
    assert!(peer.wait(100 * 3_600_000).is_empty(), "off by default");
    assert_eq!(KeepAlive::default().idle, Duration::from_secs(7200));
    let keep_alive = KeepAlive { idle: Duration::from_secs(10), interval: Duration::from_secs(2), probes: 3 };
    let mut peer = Peer::connected(ConnectionConfig { keep_alive: Some(keep_alive), ..plain() });
    peer.events();
    assert_eq!(peer.wait(11_000), ["ACK seq 0 ack 1"]);
    peer.send(&ack(1, 1));
    let sent = peer.wait_until(60_000);
    assert_eq!(sent.iter().map(|(at, _)| at / 1000).collect::<Vec<_>>(), [10, 12, 14]);
    assert_eq!(peer.events(), [Event::Closed(Some(ConnectionError::PeerGone))]);
}

/// Section 3.10.5: ABORT sends a RST and is over. MUST-12: the user is told.
#[test]
fn abort_sends_a_reset() {
    let mut peer = Peer::connected(plain());
    peer.events();
    peer.write(10);
    peer.taken();
    peer.abort();
    assert_eq!(peer.taken(), ["RST,ACK seq 11 ack 1"]);
    assert_eq!(peer.events(), [Event::Closed(Some(ConnectionError::Aborted))]);
    assert_eq!(peer.endpoint.poll_timeout(), None);
}

/// SHLD-3, MAY-1: a close with unread octets resets; so do octets that arrive after it.
#[test]
fn octets_nobody_reads_are_answered_by_a_reset() {
    let mut peer = Peer::connected(plain());
    peer.send(&ack(1, 1).text(b"unread"));
    let id = peer.id.unwrap();
    peer.endpoint.close(peer.now, id);
    assert_eq!(peer.taken(), ["RST,ACK seq 1 ack 7"]);
    let mut peer = Peer::connected(plain());
    let id = peer.id.unwrap();
    peer.endpoint.close(peer.now, id);
    assert_eq!(peer.taken(), ["FIN,ACK seq 1 ack 1"]);
    peer.send(&ack(1, 2).text(b"late"));
    assert_eq!(peer.taken(), ["RST,ACK seq 2 ack 1"]);
}

pub(crate) fn icmp(peer: &mut Peer, seq: i64, message: IcmpMessage) {
    let error = IcmpError {
        local: Host::A.address(5000),
        remote: Host::B.address(80),
        seq: peer.sequence_number(seq),
        message,
    };
    peer.endpoint.handle_icmp(peer.now, &error);
}

/// MUST-54, MUST-55, MUST-56, SHLD-25, SHLD-26; RFC 5927: soft and hard errors on an open connection are told, and not
/// obeyed; what quotes nothing in flight is ignored.
#[test]
fn icmp_informs_but_does_not_abort() {
    let mut peer = Peer::connected(plain());
    peer.write(10);
    peer.events();
    for why in [Unreachable::Network, Unreachable::Host, Unreachable::SourceRoute, Unreachable::Port] {
        icmp(&mut peer, 1, IcmpMessage::Unreachable(why));
        assert_eq!(peer.events(), [Event::Unreachable(why)]);
    }
    let before = peer.variables();
    icmp(&mut peer, 1, IcmpMessage::SourceQuench);
    assert_eq!((peer.variables(), peer.taken()), (before, vec![]), "nothing at all comes of it");
    icmp(&mut peer, 11, IcmpMessage::Unreachable(Unreachable::Host));
    assert_eq!((peer.events(), peer.state()), (vec![], State::Established));
    let mut peer = Peer::connecting(plain());
    peer.taken();
    icmp(&mut peer, 0, IcmpMessage::Unreachable(Unreachable::Host));
    assert_eq!(peer.state(), State::SynSent);
    icmp(&mut peer, 0, IcmpMessage::Unreachable(Unreachable::Port));
    assert_eq!(
        peer.events().last(),
        Some(&Event::Closed(Some(ConnectionError::Unreachable(Unreachable::Port))))
    );
}

/// SHLD-6; RFC 1191 section 6.4: a smaller path MTU cuts what was too big, at once and without a smaller window.
#[test]
fn a_smaller_path_mtu_cuts_what_was_too_big() {
    let mut peer = Peer::connected(plain());
    peer.write(2000);
    peer.taken();
    let cwnd = peer.variables().cwnd;
    icmp(&mut peer, 1, IcmpMessage::TooBig { mtu: 640 });
    assert_eq!(
        peer.taken(),
        [
            "ACK seq 1 ack 1 len 600",
            "ACK seq 601 ack 1 len 400",
            "ACK seq 1001 ack 1 len 600",
            "PSH,ACK seq 1601 ack 1 len 400"
        ]
    );
    assert_eq!(peer.variables().cwnd, cwnd);
    icmp(&mut peer, 1, IcmpMessage::TooBig { mtu: 1 });
    assert!(peer.variables().mss >= 28, "a hostile MTU has a floor");
}

/// MUST-46, MUST-57, MUST-63: neither to nor from addresses that are no single host's.
#[test]
fn nothing_to_or_from_groups() {
    let mut peer = Peer::new(plain());
    let local = Host::A.address(5000);
    for ip in [[224, 0, 0, 1], [255, 255, 255, 255], [0, 0, 0, 0]] {
        assert!(peer.endpoint.connect(peer.now, local, (ip, 80).into(), None).is_err());
    }
    let _listener = peer.endpoint.listen(Host::A.address(80), 1, None);
    let bytes = vec![0; 20];
    let mut bytes: Vec<u8> = bytes;
    bytes[13] = 2;
    bytes[12] = 0x50;
    bytes[3] = 80;
    let mut incoming = synfin_tcp::Incoming::parse(
        bytes.into(),
        Host::B.ip(),
        Host::A.ip(),
        synfin_tcp::Ecn::NotEct,
        synfin_tcp::Checksum::Trusted,
    )
    .unwrap();
    peer.endpoint.handle(peer.now, Host::B.ip(), [224, 0, 0, 1].into(), &mut incoming.clone());
    peer.endpoint.handle(peer.now, [255, 255, 255, 255].into(), Host::A.ip(), &mut incoming);
    assert!(peer.taken().is_empty());
    assert_eq!(peer.endpoint.counters().not_unicast, 2);
}

/// MUST-3: checksums are checked.
#[test]
fn damaged_segments_are_not_taken() {
    let bytes = vec![0x50; 40];
    let incoming = synfin_tcp::Incoming::parse(
        bytes.into(),
        Host::B.ip(),
        Host::A.ip(),
        synfin_tcp::Ecn::NotEct,
        synfin_tcp::Checksum::Check,
    );
    assert_eq!(incoming.unwrap_err(), synfin_tcp::IncomingError::Checksum);
}

/// MUST-5, MUST-6, MUST-7, MUST-64: options in any segment, at any place, unknown and broken ones.
#[test]
fn unknown_and_broken_options_harm_nobody() {
    let mut peer = Peer::connected(plain());
    let unknown = TcpOption::Unknown { kind: 200, data: &[1, 2, 3] };
    peer.send(&ack(1, 1).option(&unknown).option(&TcpOption::NoOperation).text(b"a"));
    peer.send(&ack(2, 1).option(&TcpOption::Unknown { kind: 8, data: &[0] }).text(b"b"));
    assert_eq!(peer.read(10), ReadOutcome::Data(b"ab".as_slice().into()));
}

/// MUST-17, MUST-21, MUST-24, MUST-48, MUST-49, SHLD-21, SHLD-22: settings of one connection, while it is open.
#[test]
fn settings_change_while_the_connection_is_open() {
    let mut peer = Peer::connected(ConnectionConfig { ttl: 7, ..plain() });
    peer.write(10);
    peer.taken();
    peer.write(10);
    assert!(peer.taken().is_empty());
    let (now, id) = (peer.now, peer.id.unwrap());
    let keep_alive = KeepAlive { idle: Duration::from_secs(3600), ..KeepAlive::default() };
    peer.endpoint.connection_mut(id).unwrap().reconfigure(now, |config| {
        config.nagle = false;
        config.dscp = 46;
        config.r2 = None;
        config.keep_alive = Some(keep_alive);
    });
    let mut fields = Vec::new();
    peer.endpoint
        .poll_transmit(now, 10, &mut |burst: &synfin_tcp::Burst<'_>| fields.push((burst.ttl, burst.dscp)));
    assert_eq!(fields, [(7, 46)], "Nagle is off");
    peer.wait(3_000_000);
    assert_eq!(peer.state(), State::Established, "R2 is infinite");
    peer.send(&ack(1, 21));
    assert_eq!(peer.wait(3_650_000), ["ACK seq 20 ack 1"], "a keep-alive");
}

/// MUST-41, MUST-42, MUST-43: listeners for one port at several addresses, beside connections of that port.
#[test]
fn listeners_share_a_port_and_disturb_nobody() {
    let mut peer = Peer::connected(plain());
    let now = peer.now;
    let any = peer.endpoint.listen(([0, 0, 0, 0], 5000).into(), 5, None).unwrap();
    let exact = peer.endpoint.listen(Host::A.address(5000), 5, None).unwrap();
    assert!(peer.endpoint.listen(Host::A.address(5000), 5, None).is_err());
    peer.send(&ack(1, 1).text(b"still here"));
    assert_eq!(peer.read(100), ReadOutcome::Data(b"still here".as_slice().into()));
    let other = peer.endpoint.connect(now, ([10, 0, 0, 7], 0).into(), Host::B.address(80), None).unwrap();
    assert_eq!(peer.endpoint.connection(other).unwrap().local().ip().to_string(), "10.0.0.7");
    assert_eq!((peer.endpoint.accept(any), peer.endpoint.accept(exact)), (None, None));
}

/// MUST-66, SHLD-2: with a closed window a RST counts, text and all, and so does an urgent pointer.
#[test]
fn a_closed_window_is_no_shelter() {
    let config = ConnectionConfig { receive_buffer: 10, receive_buffer_max: 10, ..plain() };
    let mut peer = Peer::connected(config);
    peer.send(&ack(1, 1).text(&[0; 10]));
    peer.events();
    assert_eq!(peer.variables().rcv_wnd, 0);
    peer.send(&ack(11, 1).text(&[0; 3]).urgent(3));
    assert!(peer.events().contains(&Event::Urgent));
    assert_eq!(peer.endpoint.connection(peer.id.unwrap()).unwrap().urgent(), Some(13));
    peer.send(&seg(Flags::RST, 11, 0).text(b"why"));
    assert_eq!(peer.events(), [Event::Closed(Some(ConnectionError::Reset))]);
}

/// MUST-18: an acknowledgement of a segment that was sent twice measures nothing, and the backoff stays (Karn).
#[test]
fn karn_takes_no_sample_of_what_was_sent_twice() {
    let mut peer = Peer::connected(plain());
    let before = peer.variables().srtt;
    peer.write(10);
    peer.wait(1500);
    peer.send(&ack(1, 11));
    let v = peer.variables();
    assert_eq!((v.srtt, v.rto, v.retransmissions), (before, Duration::from_secs(2), 1));
    peer.write(10);
    peer.wait(100);
    peer.send(&ack(1, 21));
    assert_eq!(peer.variables().rto, Duration::from_secs(1));
}

/// MUST-1, REC-1: a window beyond 2^15 is no negative number, nor is a scaled one beyond 2^16.
#[test]
fn windows_are_unsigned_and_wide() {
    let config = ConnectionConfig { window_scaling: true, ..plain() };
    let mut peer = Peer::connected_with(config, &[TcpOption::WindowScale(14)]);
    peer.send(&ack(1, 1).window(u16::MAX));
    assert_eq!(peer.variables().snd_wnd, 65_535 << 14);
}

/// MUST-14, MUST-64: the MSS is heard, wherever the option begins.
#[test]
fn options_at_odd_places_are_read() {
    let mut peer = Peer::connecting(ConnectionConfig { mtu: 1500, ..plain() });
    peer.taken();
    let syn = seg(Flags::SYN | Flags::ACK, 0, 1)
        .option(&TcpOption::NoOperation)
        .option(&TcpOption::MaximumSegmentSize(700));
    peer.send(&syn);
    peer.write(1000);
    assert_eq!(peer.taken()[0], "ACK seq 1 ack 1 len 700");
}

/// MUST-16, MUST-67: IPv6 has headers of its own size.
#[test]
fn ipv6_has_its_own_sizes() {
    let [ours, theirs] = ["2001:db8::1", "2001:db8::2"].map(|ip| ip.parse::<std::net::IpAddr>().unwrap());
    let mut a = synfin_tcp::Endpoint::new(synfin_tcp::Config::new([1; 16]), synfin_tcp::NoObserver);
    let mut b = synfin_tcp::Endpoint::new(synfin_tcp::Config::new([2; 16]), synfin_tcp::NoObserver);
    let now = synfin_tcp::Instant::from_nanos(1);
    let listener = b.listen("[::]:80".parse().unwrap(), 1, None).unwrap();
    let id = a.connect(now, (ours, 0).into(), (theirs, 80).into(), None).unwrap();
    for _ in 0..3 {
        let mut sent = Vec::new();
        a.poll_transmit(now, 100, &mut |burst: &synfin_tcp::Burst<'_>| {
            sent.extend(burst.segments().map(|s| s.to_bytes()))
        });
        for bytes in sent.drain(..) {
            let (ecn, check) = (synfin_tcp::Ecn::NotEct, synfin_tcp::Checksum::Check);
            b.handle(
                now,
                ours,
                theirs,
                &mut synfin_tcp::Incoming::parse(bytes, ours, theirs, ecn, check).unwrap(),
            );
        }
        b.poll_transmit(now, 100, &mut |burst: &synfin_tcp::Burst<'_>| {
            sent.extend(burst.segments().map(|s| s.to_bytes()))
        });
        for bytes in sent.drain(..) {
            let (ecn, check) = (synfin_tcp::Ecn::NotEct, synfin_tcp::Checksum::Check);
            a.handle(
                now,
                theirs,
                ours,
                &mut synfin_tcp::Incoming::parse(bytes, theirs, ours, ecn, check).unwrap(),
            );
        }
    }
    assert!(b.accept(listener).is_some());
    assert_eq!(a.connection(id).unwrap().info().variables.mss, 1500 - 60 - 12);
}

/// A connection that the user has let go of does not wait for ever for the peer's FIN.
#[test]
fn fin_wait_2_ends_when_nobody_holds_the_connection() {
    let mut peer = Peer::connected(plain());
    let id = peer.id.unwrap();
    peer.endpoint.close(peer.now, id);
    peer.taken();
    peer.send(&ack(1, 2));
    assert_eq!(peer.state(), State::FinWait2);
    peer.wait(59_000);
    assert_eq!(peer.state(), State::FinWait2);
    peer.wait(2_000);
    assert_eq!((peer.endpoint.states().count(), peer.endpoint.poll_timeout()), (0, None));
}

/// A half-closed connection that the user holds waits as long as it takes (section 3.6).
#[test]
fn fin_wait_2_lasts_while_somebody_holds_the_connection() {
    let mut peer = Peer::connected(plain());
    peer.shutdown();
    peer.taken();
    peer.send(&ack(1, 2));
    peer.wait(10_000_000);
    assert_eq!(peer.state(), State::FinWait2);
}

/// The user hears when there is room again, and only who has found none.
#[test]
fn room_to_write_is_announced_to_those_who_wait() {
    let mut peer = Peer::connected(ConnectionConfig { send_buffer: 1000, ..plain() });
    peer.events();
    peer.write(1000);
    peer.taken();
    let id = peer.id.unwrap();
    peer.send(&ack(1, 501));
    assert!(peer.events().is_empty(), "nobody waits");
    assert_eq!(peer.endpoint.connection_mut(id).unwrap().write(&vec![0; 600].into()), Ok(500));
    assert_eq!(peer.endpoint.connection_mut(id).unwrap().write(&vec![0; 1].into()), Ok(0));
    peer.send(&ack(1, 1001));
    assert_eq!(peer.events(), [Event::Writable]);
}

/// Sections 3.10.2 to 3.10.4: calls after the end have their errors.
#[test]
fn calls_after_the_end_have_their_errors() {
    use synfin_tcp::WriteError;
    let mut peer = Peer::connected(plain());
    let (now, id) = (peer.now, peer.id.unwrap());
    let connection = peer.endpoint.connection_mut(id).unwrap();
    connection.shutdown(now).unwrap();
    connection.shutdown(now).unwrap();
    assert_eq!(connection.write(&b"x".as_slice().into()), Err(WriteError::Closing));
    assert_eq!(peer.taken(), ["FIN,ACK seq 1 ack 1"], "one FIN, however often CLOSE is called");
    peer.send(&seg(Flags::RST, 1, 0));
    let connection = peer.endpoint.connection_mut(id).unwrap();
    assert_eq!(
        connection.write(&b"x".as_slice().into()),
        Err(WriteError::Closed(Some(ConnectionError::Reset)))
    );
    assert_eq!(peer.read(1), ReadOutcome::Failed(ConnectionError::Reset));
}

/// RFC 5681 sections 3.2 and 4.2: without SACK every segment of a batch beyond a gap has its duplicate acknowledgement:
/// three of them are what fast retransmit needs. MUST-59: but none before all are processed.
#[test]
fn duplicates_of_a_batch_are_not_aggregated_without_sack() {
    let mut peer = Peer::connected(plain());
    for i in [0, 2, 3, 4] {
        peer.send(&ack(1 + 1000 * i, 1).text(&[0; 1000]));
    }
    assert_eq!(peer.taken(), ["ACK seq 1 ack 1001"; 4]);
    peer.send(&ack(1001, 1).text(&[0; 1000]));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 5001"]);
}
