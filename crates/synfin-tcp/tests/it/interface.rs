//! What the user, the IP layer and the wire see of RFC 9293's requirements: addresses, settings, errors, octets.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use synfin_tcp::{
    Burst, Checksum, ConnectError, ConnectionConfig, Ecn, Endpoint, Event, IcmpMessage, Incoming, Instant,
    KeepAlive, NoObserver, Observer, Outgoing, ReadOutcome, Unreachable,
};
use synfin_wire::tcp::{Flags, Header, OptionsBuf, Segment};
use synfin_wire::{Sample, State, StateChange};

use crate::peer::{Peer, ack, seg};
use crate::rules::icmp;
use crate::world::{Host, config, plain};

/// What an endpoint sends: from, to, and the octets.
fn sent(
    endpoint: &mut Endpoint<impl Observer + Clone>,
    now: Instant,
) -> Vec<(SocketAddr, SocketAddr, Bytes)> {
    let mut sent = Vec::new();
    let mut sink = |burst: &Burst<'_>| {
        let one = |s: Outgoing<'_>| (burst.source, burst.destination, s.to_bytes());
        sent.extend(burst.segments().map(one));
    };
    while endpoint.poll_transmit(now, 1000, &mut sink) > 0 {}
    sent
}

/// Carries everything both ways until nothing is left, and returns every pair of addresses that was used.
fn carry<O: Observer + Clone>(
    ends: &mut [&mut Endpoint<O>; 2],
    now: Instant,
) -> Vec<(SocketAddr, SocketAddr)> {
    let mut used = Vec::new();
    loop {
        let mut is_quiet = true;
        for from in 0..2 {
            for (source, destination, bytes) in sent(ends[from], now) {
                is_quiet = false;
                used.push((source, destination));
                let (s, d) = (source.ip(), destination.ip());
                let mut segment = Incoming::parse(bytes, s, d, Ecn::NotEct, Checksum::Check).unwrap();
                ends[1 - from].handle(now, s, d, &mut segment);
            }
        }
        if is_quiet {
            return used;
        }
    }
}

/// MUST-44: there is no SYN without an address that somebody chose: this crate asks who calls it, who knows the routes.
/// MUST-45, MUST-43: every segment that follows, from either end, is between these addresses.
#[test]
fn the_address_is_chosen_once_and_stays() {
    let now = Instant::from_nanos(1);
    let mut a = Endpoint::new(config(plain(), 1), NoObserver);
    let mut b = Endpoint::new(config(plain(), 2), NoObserver);
    let server = SocketAddr::from(([10, 0, 0, 9], 80));
    for nowhere in ["0.0.0.0:0", "0.0.0.0:5000"] {
        let nowhere: SocketAddr = nowhere.parse().unwrap();
        assert_eq!(a.connect(now, nowhere, server, None), Err(ConnectError::NotUnicast(nowhere)));
    }
    assert!(sent(&mut a, now).is_empty());
    // B listens on all of its addresses: the SYN decides which one it is.
    let listener = b.listen("0.0.0.0:80".parse().unwrap(), 5, None).unwrap();
    let client = SocketAddr::from(([10, 0, 0, 7], 5000));
    let id = a.connect(now, client, server, None).unwrap();
    let mut used = carry(&mut [&mut a, &mut b], now);
    let accepted = b.accept(listener).unwrap();
    assert_eq!(b.connection(accepted).unwrap().local(), server);
    a.connection_mut(id).unwrap().write(&Bytes::from_static(b"question")).unwrap();
    used.extend(carry(&mut [&mut a, &mut b], now));
    b.connection_mut(accepted).unwrap().write(&Bytes::from_static(b"answer")).unwrap();
    b.connection_mut(accepted).unwrap().shutdown(now).unwrap();
    used.extend(carry(&mut [&mut a, &mut b], now));
    a.connection_mut(id).unwrap().abort(now);
    used.extend(carry(&mut [&mut a, &mut b], now));
    assert!(used.len() >= 7, "{used:?}");
    assert!(used.iter().all(|pair| *pair == (client, server) || *pair == (server, client)), "{used:?}");
}

/// MUST-26: a keep-alive is sent only when nothing came and nothing was to be sent for the whole interval. MUST-27: which
/// the user sets.
#[test]
fn keep_alives_wait_for_silence() {
    let keep_alive = KeepAlive { idle: Duration::from_secs(10), interval: Duration::from_secs(2), probes: 3 };
    let mut peer = Peer::connected(ConnectionConfig { keep_alive: Some(keep_alive), ..plain() });
    assert!(peer.wait(9_000).is_empty());
    peer.send(&ack(1, 1).text(b"still here"));
    let sent = peer.wait_until(20_000);
    // The acknowledgement of the text, and the first keep-alive ten seconds after it.
    assert_eq!(sent[0], (40, "ACK seq 1 ack 11".to_owned()));
    assert_eq!(sent[1], (10_000, "ACK seq 0 ack 11".to_owned()));
    // While something is in flight there are retransmissions, and no keep-alives.
    let mut peer = Peer::connected(ConnectionConfig { keep_alive: Some(keep_alive), ..plain() });
    peer.write(10);
    let sent = peer.wait(60_000);
    assert!(sent.len() >= 5 && sent.iter().all(|line| line == "PSH,ACK seq 1 ack 1 len 10"), "{sent:?}");
}

/// MUST-47: soft errors are reported when they come. SHLD-20: who does not ask for them loses nothing else by it, and
/// they do not pile up.
#[test]
fn soft_errors_are_for_who_wants_them() {
    let mut peer = Peer::connected(plain());
    peer.events();
    peer.write(10);
    peer.taken();
    icmp(&mut peer, 1, IcmpMessage::Unreachable(Unreachable::Network));
    assert_eq!(peer.events(), [Event::Unreachable(Unreachable::Network)]);
    for _ in 0..1000 {
        icmp(&mut peer, 1, IcmpMessage::Unreachable(Unreachable::Host));
    }
    peer.send(&ack(1, 11).text(b"answer"));
    assert_eq!(peer.read(100), ReadOutcome::Data(Bytes::from_static(b"answer")));
    assert_eq!(peer.events(), [Event::Readable, Event::Unreachable(Unreachable::Host)]);
    assert_eq!(peer.state(), State::Established);
}

/// A segment of the peer's with these octets for options, sense or not.
fn with_options(flags: Flags, seq: u32, peer_ack: u32, options: &[u8], text: &[u8]) -> Bytes {
    let header = Header {
        source_port: 80,
        destination_port: 5000,
        seq: synfin_wire::SeqNumber(seq),
        ack: synfin_wire::SeqNumber(peer_ack),
        flags,
        window: 60_000,
        ..Header::default()
    };
    let mut bytes = vec![0; 20];
    header.emit(&OptionsBuf::new(), &mut bytes).unwrap();
    assert_eq!(options.len() % 4, 0);
    bytes[12] = ((5 + options.len() / 4) as u8) << 4;
    bytes.extend_from_slice(options);
    bytes.extend_from_slice(text);
    Header::fill_checksum(&mut bytes, Host::B.ip(), Host::A.ip());
    bytes.into()
}

/// MUST-4: end of list, no operation, maximum segment size. MUST-64: at odd places. MUST-7: lengths of zero, of one,
/// beyond the end. MUST-6, MUST-68: what is not known has a length, and is passed over by it.
#[test]
fn options_as_octets_are_read() {
    const MSS_700: [u8; 4] = [2, 4, 0x02, 0xbc];
    let cases: [(&[u8], u32); 8] = [
        (&MSS_700, 700),
        (&[1, 2, 4, 0x02, 0xbc, 0, 0, 0], 700),
        // Behind an option that nobody knows, of five octets.
        (&[200, 5, 9, 9, 9, 2, 4, 0x02, 0xbc, 0, 0, 0], 700),
        // Behind the end of the list nothing counts.
        (&[0, 2, 4, 0x02, 0xbc, 0, 0, 0], 536),
        (&[200, 0, 2, 4, 0x02, 0xbc, 0, 0], 536),
        (&[200, 1, 2, 4, 0x02, 0xbc, 0, 0], 536),
        (&[200, 99, 2, 4, 0x02, 0xbc, 0, 0], 536),
        // What came before the broken one counts.
        (&[2, 4, 0x02, 0xbc, 200, 0, 0, 0], 700),
    ];
    for (options, mss) in cases {
        let mut peer = Peer::connecting(plain());
        let now = peer.now;
        let (_, _, syn) = sent(&mut peer.endpoint, now).remove(0);
        let iss = Segment::parse(&syn, syn.len() as u32).unwrap().header.seq.0;
        let answer = with_options(Flags::SYN | Flags::ACK, 7, iss.wrapping_add(1), options, b"");
        let (b, a) = (Host::B.ip(), Host::A.ip());
        let mut answer = Incoming::parse(answer, b, a, Ecn::NotEct, Checksum::Check).unwrap();
        peer.endpoint.handle(now, b, a, &mut answer);
        assert_eq!(peer.state(), State::Established, "{options:?}");
        assert_eq!(peer.variables().mss, mss, "{options:?}");
    }
}

/// MUST-68: each option that we send says how long it is, and together they fill whole words.
#[test]
fn options_as_octets_are_written() {
    for bits in 0..8 {
        let config = ConnectionConfig {
            window_scaling: bits & 1 > 0,
            timestamps: bits & 2 > 0,
            sack: bits & 4 > 0,
            ..plain()
        };
        let mut peer = Peer::connecting(config);
        let now = peer.now;
        let (_, _, syn) = sent(&mut peer.endpoint, now).remove(0);
        assert_eq!(usize::from(syn[12] >> 4) * 4, syn.len(), "a SYN without text: the rest is options");
        let (mut options, mut kinds) = (&syn[20..], Vec::new());
        while let Some((&kind, rest)) = options.split_first() {
            match kind {
                // MUST-69: where anything is left, it is zero.
                0 => {
                    assert!(options.len() < 4 && options.iter().all(|octet| *octet == 0), "{syn:?}");
                    break;
                }
                1 => options = rest,
                _ => {
                    let len = usize::from(rest[0]);
                    assert!(len >= 2 && len <= options.len(), "{syn:?}");
                    kinds.push(kind);
                    options = &options[len..];
                }
            }
        }
        kinds.sort_unstable();
        let expected: Vec<u8> = [(true, 2), (bits & 1 > 0, 3), (bits & 4 > 0, 4), (bits & 2 > 0, 8)]
            .into_iter()
            .filter_map(|(is, kind)| is.then_some(kind))
            .collect();
        assert_eq!(kinds, expected);
    }
}

/// MUST-2: by hand, over pseudo-header, header and text, with RFC 1071's sum.
#[test]
fn the_checksum_is_that_of_the_rfc() {
    let mut peer = Peer::connected(plain());
    peer.write(7);
    let now = peer.now;
    let (source, destination, bytes) = sent(&mut peer.endpoint, now).remove(0);
    let (IpAddr::V4(s), IpAddr::V4(d)) = (source.ip(), destination.ip()) else { panic!() };
    let mut octets = [s.octets(), d.octets()].concat();
    octets.extend([0, 6, 0, bytes.len() as u8]);
    octets.extend_from_slice(&bytes);
    assert_eq!(octets.len() % 2, 1);
    octets.push(0);
    let mut sum: u32 = octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    assert_eq!(sum, 0xffff, "with its checksum a segment adds up to all ones");
}

/// MUST-31: urgent data beyond what the pointer can say: as far as it goes, until it reaches the end.
#[test]
fn urgent_data_may_be_longer_than_its_pointer() {
    let config = ConnectionConfig { initial_window: 1000, window_scaling: true, ..plain() };
    let mut peer = Peer::connected_with(config, &[synfin_wire::tcp::TcpOption::WindowScale(7)]);
    peer.send(&ack(1, 1).window(60_000));
    let id = peer.id.unwrap();
    let text = Bytes::from(vec![1; 200_000]);
    assert_eq!(peer.endpoint.connection_mut(id).unwrap().write_urgent(&text), Ok(200_000));
    let now = peer.now;
    let mut ends = Vec::new();
    for (_, _, bytes) in sent(&mut peer.endpoint, now) {
        let segment = Segment::parse(&bytes, bytes.len() as u32).unwrap();
        assert!(segment.header.flags.contains(Flags::URG));
        let left = 200_000 - ends.last().copied().unwrap_or(0);
        assert_eq!(u32::from(segment.header.urgent_pointer), left.min(65_535));
        ends.push(ends.last().copied().unwrap_or(0) + segment.payload_len);
    }
    assert_eq!(ends.last(), Some(&200_000));
}

/// SHLD-17: what the peer's window no longer covers is waited for, however long it takes, as long as the peer answers.
#[test]
fn what_lies_beyond_a_shrunk_window_ends_nothing() {
    let mut peer = Peer::connected(ConnectionConfig { r2: Some(Duration::from_secs(100)), ..plain() });
    peer.write(4000);
    peer.taken();
    peer.send(&ack(1, 1001).window(0));
    for _ in 0..3600 {
        for line in peer.wait(1000) {
            assert!(line.starts_with("ACK seq 1001 ack 1 len 1"), "{line}");
            peer.send(&ack(1, 1001).window(0));
        }
    }
    assert_eq!(peer.state(), State::Established);
    peer.send(&ack(1, 1001).window(5000));
    assert_eq!(peer.taken()[0], "ACK seq 1001 ack 1 len 1");
    peer.send(&ack(1, 4001).window(5000));
    peer.send(&seg(Flags::FIN | Flags::ACK, 1, 4001));
    assert_eq!(peer.state(), State::CloseWait);
}

/// Does not look, and must not be shown anything.
#[derive(Clone)]
struct Blind;

impl Observer for Blind {
    const LOOKS: bool = false;

    fn on_state_change(&mut self, change: &StateChange) {
        panic!("{change:?}");
    }

    fn on_sample(&mut self, sample: &Sample) {
        panic!("{sample:?}");
    }
}

/// Who does not look is never called, from the SYN to the end of TIME-WAIT, and takes no room.
#[test]
fn nothing_is_shown_to_who_does_not_look() {
    let mut now = Instant::from_nanos(1_000_000_000);
    let mut a = Endpoint::new(config(plain(), 1), Blind);
    let mut b = Endpoint::new(config(plain(), 2), Blind);
    let (local, remote) = (Host::A.address(5000), Host::B.address(80));
    let listener = b.listen(remote, 5, None).unwrap();
    for aborts in [false, true] {
        let client = a.connect(now, local, remote, None).unwrap();
        carry(&mut [&mut a, &mut b], now);
        let server = b.accept(listener).unwrap();
        a.connection_mut(client).unwrap().write(&Bytes::from_static(b"hello")).unwrap();
        carry(&mut [&mut a, &mut b], now);
        assert!(matches!(b.connection_mut(server).unwrap().read(now, 5), ReadOutcome::Data(_)));
        if aborts {
            a.connection_mut(client).unwrap().abort(now);
        }
        a.close(now, client);
        carry(&mut [&mut a, &mut b], now);
        b.close(now, server);
        carry(&mut [&mut a, &mut b], now);
        now = now + Duration::from_secs(1000);
        a.handle_timeout(now);
        b.handle_timeout(now);
        assert_eq!((a.states().count(), b.states().count()), (0, 0));
    }
    // A record that nobody answers.
    a.connect(now, local, remote, None).unwrap();
    for (source, destination, bytes) in sent(&mut a, now) {
        let (s, d) = (source.ip(), destination.ip());
        b.handle(now, s, d, &mut Incoming::parse(bytes, s, d, Ecn::NotEct, Checksum::Check).unwrap());
    }
    b.handle_timeout(now + Duration::from_secs(1000));
    assert_eq!(b.states().count(), 0);
    assert_eq!(size_of::<synfin_tcp::Connection<Blind>>(), size_of::<synfin_tcp::Connection<NoObserver>>());
}

/// Section 3.10.8, USER TIMEOUT: it is when it is, behind a closed window too, where the probes come ever more seldom. What
/// the peer says in between counts.
#[test]
fn the_user_timeout_is_exact_behind_a_closed_window() {
    let r2 = Some(Duration::from_secs(10));
    for answered in [false, true] {
        let mut peer = Peer::connected(ConnectionConfig { r2, ..plain() });
        peer.send(&ack(1, 1).window(0));
        peer.write(100);
        // The first probe, after one second, is what is not acknowledged from then on.
        assert_eq!(peer.wait(6000).len(), 2);
        if answered {
            peer.send(&ack(1, 1).window(0));
        }
        let more = if answered { 9900 } else { 4900 };
        peer.wait(more);
        assert_eq!(peer.state(), State::Established, "answered: {answered}");
        peer.wait(200);
        assert_eq!(peer.state(), State::Closed, "answered: {answered}");
    }
}
