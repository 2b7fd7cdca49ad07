//! Loss recovery and congestion control, segment by segment, against a peer written by hand. The segment size is 1000
//! octets and the round trip 100 ms.

use std::time::Duration;

use synfin_tcp::{Algorithm, ConnectionConfig, RtoConfig};
use synfin_wire::tcp::{Flags, TcpOption};

use crate::peer::{Peer, Seg, ack, seg};
use crate::world::plain;

fn config() -> ConnectionConfig {
    ConnectionConfig { congestion: Algorithm::NewReno, hystart: false, ..plain() }
}

/// With SACK, ten segments in flight.
fn ten_with_sack() -> Peer {
    let mut peer =
        Peer::connected_with(ConnectionConfig { sack: true, ..config() }, &[TcpOption::SackPermitted]);
    peer.write(10_000);
    assert_eq!(peer.taken().len(), 10);
    peer.now = peer.now + Duration::from_millis(100);
    peer
}

fn without_sack() -> Peer {
    let mut peer = Peer::connected(config());
    peer.write(20_000);
    assert_eq!(peer.taken().len(), 10);
    peer.now = peer.now + Duration::from_millis(100);
    peer
}

fn sacked(peer: &Peer, una: i64, blocks: &[(i64, i64)]) -> Seg {
    peer.sack(ack(1, una), blocks)
}

/// RFC 8985 section 6.2, RFC 6675: three segments reported beyond a hole, and the hole is sent again; with one loss in
/// the window ssthresh is half of it (RFC 5681 equation 4). RFC 6937: never less than what is delivered goes out.
#[test]
fn three_reports_send_the_hole_again() {
    let mut peer = ten_with_sack();
    for right in [2001 + 1000, 2001 + 2000] {
        let report = sacked(&peer, 1001, &[(2001, right)]);
        peer.send(&report);
        assert!(peer.taken().is_empty());
    }
    let report = sacked(&peer, 1001, &[(2001, 5001)]);
    peer.send(&report);
    assert_eq!(peer.taken(), ["ACK seq 1001 ack 1 len 1000"]);
    let v = peer.variables();
    assert_eq!((v.ssthresh, v.sacked, v.lost, v.retransmissions), (4500, 3000, 0, 1));
    peer.send(&ack(1, 10_001));
    assert_eq!(peer.variables().cwnd, 4500, "recovery ends at ssthresh");
}

/// RFC 8985 section 3.1: fewer than three reports are enough after a quarter of the round trip.
#[test]
fn one_report_is_enough_after_a_quarter_of_the_round_trip() {
    let mut peer = ten_with_sack();
    let report = sacked(&peer, 8001, &[(9001, 10_001)]);
    peer.send(&report);
    assert!(peer.taken().is_empty());
    let sent = peer.wait_until(300);
    assert_eq!(sent.first(), Some(&(25, "ACK seq 8001 ack 1 len 1000".to_owned())));
}

/// RFC 8985 section 3.3.2: a retransmission that is lost is sent again without a timeout.
#[test]
fn a_lost_retransmission_is_found() {
    let mut peer = ten_with_sack();
    let report = sacked(&peer, 1, &[(1001, 4001)]);
    peer.send(&report);
    assert_eq!(peer.taken()[0], "ACK seq 1 ack 1 len 1000");
    peer.write(5000);
    let report = sacked(&peer, 1, &[(1001, 10_001)]);
    peer.send(&report);
    let new = peer.taken();
    assert!(new.iter().all(|line| line.contains("seq 1") && line.contains("001 ack")), "{new:?}");
    peer.now = peer.now + Duration::from_millis(100);
    let report = sacked(&peer, 1, &[(1001, 12_001)]);
    peer.send(&report);
    let sent = peer.wait_until(60);
    assert_eq!(
        sent.first().map(|(at, line)| (*at < 50, line.as_str())),
        Some((true, "ACK seq 1 ack 1 len 1000"))
    );
}

/// RFC 8985 section 7: the last segment is lost, and a probe after two round trips finds out.
#[test]
fn a_tail_loss_is_probed() {
    let mut peer = ten_with_sack();
    peer.send(&ack(1, 9001));
    let sent = peer.wait_until(900);
    assert_eq!(sent.len(), 1, "{sent:?}");
    // One segment in flight: 2·SRTT + 200 ms for the delayed acknowledgement.
    assert!((390..=410).contains(&sent[0].0), "{sent:?}");
    assert_eq!(sent[0].1, "PSH,ACK seq 9001 ack 1 len 1000");
    // Section 7.4.2 case 2: an acknowledgement beyond the probe, without a duplicate report: there was a loss.
    let before = peer.variables().cwnd;
    peer.send(&ack(1, 10_001));
    peer.write(1000);
    peer.taken();
    peer.send(&ack(1, 11_001));
    assert!(peer.variables().cwnd < before);
}

/// RFC 8985 section 7.4.2 case 1, RFC 2883: the probe was superfluous, and a duplicate report says so.
#[test]
fn a_superfluous_probe_costs_nothing() {
    let mut peer = ten_with_sack();
    peer.send(&ack(1, 9001));
    peer.wait_until(500);
    peer.send(&ack(1, 10_001));
    let before = peer.variables().cwnd;
    let report = sacked(&peer, 10_001, &[(9001, 10_001)]);
    peer.send(&report);
    peer.write(1000);
    peer.taken();
    peer.send(&ack(1, 11_001));
    assert!(peer.variables().cwnd >= before);
}

/// RFC 6298 (5.5), RFC 5681 section 3.1: after a timeout one segment, then slow start; the timeout doubles.
#[test]
fn a_timeout_begins_again_with_one_segment() {
    let mut peer = without_sack();
    let sent = peer.wait_until(3500);
    assert_eq!(
        sent,
        [(900, "ACK seq 1 ack 1 len 1000".to_owned()), (2900, "ACK seq 1 ack 1 len 1000".to_owned())]
    );
    let v = peer.variables();
    assert_eq!((v.cwnd, v.ssthresh), (1000, 5000));
    peer.send(&ack(1, 1001));
    assert_eq!(peer.taken(), ["ACK seq 1001 ack 1 len 1000", "ACK seq 2001 ack 1 len 1000"]);
}

/// RFC 5681 section 3.2, RFC 6582, RFC 3042: without SACK. Two duplicates let one new segment out each (limited
/// transmit), the third sends the first again, and each partial acknowledgement the next hole.
#[test]
fn newreno_without_sack() {
    let mut peer = without_sack();
    peer.send(&ack(1, 1001));
    assert_eq!(peer.taken().len(), 2);
    for expected in [["ACK seq 12001 ack 1 len 1000"], ["ACK seq 13001 ack 1 len 1000"]] {
        peer.send(&ack(1, 1001));
        assert_eq!(peer.taken(), expected);
    }
    peer.send(&ack(1, 1001));
    assert_eq!(peer.taken(), ["ACK seq 1001 ack 1 len 1000"]);
    peer.send(&ack(1, 3001));
    assert_eq!(peer.taken()[0], "ACK seq 3001 ack 1 len 1000", "the next hole");
    peer.send(&ack(1, 14_001));
    let v = peer.variables();
    assert_eq!(v.cwnd, v.ssthresh);
    assert_eq!(v.retransmissions, 2);
}

/// RFC 5682 section 3: the timeout was spurious: acknowledgements of the first transmissions come late. Nothing but
/// the first segment is sent again, and the window is as before.
#[test]
fn f_rto_undoes_a_spurious_timeout() {
    let mut peer = ten_with_sack();
    peer.write(10_000);
    let cwnd = peer.variables().cwnd;
    // The probe, then the timeout.
    let sent = peer.wait(1200);
    assert_eq!(sent.last().map(String::as_str), Some("ACK seq 1 ack 1 len 1000"), "{sent:?}");
    peer.send(&ack(1, 1001));
    let new = peer.taken();
    assert!(new.iter().all(|line| line.contains("seq 1") && line.contains("001 ack 1 len 1000")), "{new:?}");
    assert!(!new.iter().any(|line| line.contains("seq 1001 ")), "new data, not the next lost: {new:?}");
    peer.send(&ack(1, 3001));
    let v = peer.variables();
    assert!(v.cwnd >= cwnd && v.lost == 0, "{v:?}");
    assert_eq!(v.ssthresh, u32::MAX);
}

/// RFC 3522, RFC 4015: the echoed timestamp is older than the retransmission.
#[test]
fn eifel_undoes_a_spurious_timeout() {
    let timestamps = TcpOption::Timestamps { value: 1000, echo_reply: 0 };
    let mut peer = Peer::connected_with(ConnectionConfig { timestamps: true, ..config() }, &[timestamps]);
    peer.shows_options = true;
    peer.write(5000);
    let first = peer.taken();
    let value: u32 = first[0].split("value: ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    peer.wait(1200);
    assert_eq!(peer.variables().cwnd, 988);
    peer.send(&ack(1, 989).timestamps(1001, value));
    let v = peer.variables();
    assert!(v.cwnd >= 9880 && v.lost == 0 && v.ssthresh == u32::MAX, "{v:?}");
}

/// RFC 2018 section 8: a peer that takes back what it reported loses nothing but time.
#[test]
fn reneging_is_survived() {
    let mut peer = ten_with_sack();
    let report = sacked(&peer, 1, &[(1001, 10_001)]);
    peer.send(&report);
    peer.taken();
    peer.send(&ack(1, 1001));
    // Nothing is reported any more: the first one in line was reported, and still is not acknowledged.
    let sent = peer.wait(1500);
    assert!(sent.iter().any(|line| line.starts_with("ACK seq 1001 ")), "{sent:?}");
}

/// RFC 5681 section 4.1: after an idle time beyond the timeout, no more than the initial window.
#[test]
fn an_idle_connection_starts_anew() {
    let mut peer = Peer::connected(config());
    peer.write(60_000);
    for i in 0..30 {
        peer.taken();
        peer.send(&ack(1, 1 + 2000 * (i + 1)));
    }
    assert!(peer.variables().cwnd > 20_000);
    peer.wait(5000);
    peer.write(20_000);
    assert_eq!(peer.taken().len(), 10);
}

/// RFC 9438 section 4.2: while nothing is sent, for less than the timeout, CUBIC's time stands still. At 32 s its curve
/// would be at 7 segments and some ten thousand more, and each flight would grow by half.
#[test]
fn an_idle_connection_does_not_climb_the_curve() {
    let rto =
        RtoConfig { min: Duration::from_secs(60), max: Duration::from_secs(120), ..RtoConfig::default() };
    let config =
        ConnectionConfig { congestion: Algorithm::Cubic, hystart: false, sack: true, rto, ..plain() };
    let mut peer = Peer::connected_with(config, &[TcpOption::SackPermitted]);
    peer.write(10_000);
    peer.taken();
    peer.now = peer.now + Duration::from_millis(100);
    let report = sacked(&peer, 1, &[(1001, 10_001)]);
    peer.send(&report);
    peer.taken();
    peer.send(&ack(1, 10_001));
    assert_eq!(peer.variables().cwnd, 7000);
    for flight in [10_001, 17_001] {
        peer.write(7000);
        peer.taken();
        peer.now = peer.now + Duration::from_millis(100);
        for segment in 1..=7 {
            peer.send(&ack(1, flight + 1000 * segment));
        }
        assert!((7000..9000).contains(&peer.variables().cwnd), "{:?}", peer.variables());
        peer.now = peer.now + Duration::from_secs(32);
    }
}

/// RFC 3168: agreed on by the SYNs; marks come back as ECE until CWR; an echo halves the window once, and says so.
#[test]
fn ecn_both_ways() {
    let mut peer = Peer::connecting(ConnectionConfig { ecn: true, ..config() });
    assert_eq!(peer.taken(), ["SYN,ECE,CWR seq 0"]);
    peer.send(&seg(Flags::SYN | Flags::ACK | Flags::ECE, 0, 1).option(&TcpOption::MaximumSegmentSize(1000)));
    assert_eq!(peer.taken(), ["ACK seq 1 ack 1"]);
    peer.write(5000);
    assert!(peer.taken().iter().all(|line| line.ends_with("Ect0")));
    peer.send(&ack(1, 1001).flag(Flags::ECE));
    peer.send(&ack(1, 2001).flag(Flags::ECE));
    let v = peer.variables();
    assert_eq!((v.cwnd, v.ssthresh), (2500, 2500), "once in a window");
    peer.send(&ack(1, 5001));
    peer.write(2000);
    assert_eq!(peer.taken()[0], "ACK,CWR seq 5001 ack 1 len 1000 Ect0");
    // The other way.
    peer.send(&ack(1, 7001).text(&[0; 1000]).marked());
    peer.send(&ack(1001, 7001).text(&[0; 1000]));
    assert_eq!(peer.wait(50), ["ACK,ECE seq 7001 ack 2001"]);
    peer.send(&ack(2001, 7001).text(&[0; 1000]).flag(Flags::CWR));
    peer.send(&ack(3001, 7001).text(&[0; 1000]));
    assert_eq!(peer.wait(50), ["ACK seq 7001 ack 4001"]);
}

/// RFC 3168 section 6.1.1: a peer that does not answer with ECE has no ECN.
#[test]
fn no_ecn_with_a_peer_that_has_none() {
    let mut peer = Peer::connecting(ConnectionConfig { ecn: true, ..config() });
    peer.taken();
    peer.send(&seg(Flags::SYN | Flags::ACK, 0, 1));
    peer.write(100);
    assert_eq!(peer.taken(), ["PSH,ACK seq 1 ack 1 len 100"]);
}

/// RFC 8985 section 6.2 step 3: an acknowledgement that reports two blocks at once, the newer first, is no reordering:
/// the holes are found lost without a reordering window.
#[test]
fn two_blocks_in_one_acknowledgement_are_no_reordering() {
    let mut peer = ten_with_sack();
    let report = sacked(&peer, 1, &[(7001, 9001), (3001, 5001)]);
    peer.send(&report);
    // Five are lost, one is in the pipe, ssthresh is five: PRR lets four go (RFC 6937 section 3, PRR-SSRB).
    let again: Vec<String> = peer.taken();
    let numbers: Vec<&str> = again.iter().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(numbers, ["1", "1001", "2001", "5001"]);
    assert_eq!(peer.variables().lost, 1000);
}

/// The hole before the last segment is found, whether the peer counts the FIN in its report or not.
#[test]
fn a_hole_before_the_fin_needs_no_timeout() {
    for right in [2001, 2002] {
        let config = ConnectionConfig { sack: true, ..config() };
        let mut peer = Peer::connected_with(config, &[TcpOption::SackPermitted]);
        peer.write(2000);
        peer.shutdown();
        assert_eq!(peer.taken()[1], "FIN,PSH,ACK seq 1001 ack 1 len 1000");
        peer.wait(100);
        let report = sacked(&peer, 1, &[(1001, right)]);
        peer.send(&report);
        let sent = peer.wait_until(200);
        assert_eq!(sent.first(), Some(&(25, "ACK seq 1 ack 1 len 1000".to_owned())), "{right}");
    }
}

/// RFC 6298 (5.4): when the timer runs out, the first segment is sent again, although another one, sent a moment ago, is
/// believed to fill the window of one segment that is left.
#[test]
fn a_timeout_sends_the_first_segment_whatever_is_in_flight() {
    let mut peer = ten_with_sack();
    // Everything but the last is lost, and so is what repairs it.
    let report = sacked(&peer, 1, &[(9001, 10_001)]);
    peer.send(&report);
    peer.wait(840);
    // 40 ms before the timeout a report lets something new go.
    peer.write(5000);
    let report = sacked(&peer, 1, &[(8001, 10_001)]);
    peer.send(&report);
    let just_sent = peer.taken();
    assert!(
        !just_sent.is_empty() && just_sent.iter().all(|line| line != "ACK seq 1 ack 1 len 1000"),
        "{just_sent:?}"
    );
    let sent = peer.wait_until(100);
    assert!(sent.contains(&(60, "ACK seq 1 ack 1 len 1000".to_owned())), "{sent:?} {:?}", peer.variables());
}
