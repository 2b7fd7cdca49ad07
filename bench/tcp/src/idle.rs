//! Many connections that do nothing: what each costs in memory, and what it costs to find one among them, and to ask
//! all of them whether anything is due.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use synfin_tcp::{
    Burst, Config, ConnectionConfig, Ecn, Endpoint, Incoming, Instant, KeepAlive, KnownOptions, NoObserver,
};
use synfin_wire::tcp::{Flags, Header};
use synfin_wire::{SeqNumber, State};

use crate::memory;
use crate::processor_time;
use crate::smol;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const PORT: u16 = 80;

/// Segments that are handed to connections picked at random.
const SEGMENTS: usize = 200_000;

/// Prints a table.
pub fn compare() {
    println!(
        "| idle, established | connections | bytes each | resident each | ns a segment | ns a tick | ns a timer |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for count in [1_000, 100_000, 1_000_000] {
        ours(count);
    }
    records();
    for count in [1_000, 10_000] {
        theirs(count);
    }
}

fn ours(count: u32) {
    let keep_alive = KeepAlive::default();
    let connection = ConnectionConfig { keep_alive: Some(keep_alive), ..ConnectionConfig::default() };
    let (allocated, resident) = (memory::in_use(), memory::resident());
    let mut endpoint = Endpoint::new(Config { connection, ..Config::new([7; 16]) }, NoObserver);
    let listener = endpoint.listen(SocketAddr::new(SERVER.into(), PORT), 16, None).expect("nobody listens");
    let mut now = 1_000_000_000;
    let mut peers = Vec::with_capacity(count as usize);
    let peers_room = peers.capacity() * size_of::<Peer>();
    for number in 0..count {
        // Their timers are not due all at once.
        now += 20_000;
        peers.push(open(&mut endpoint, Instant::from_nanos(now), number));
        endpoint.accept(listener).expect("it is open");
        while endpoint.poll_event().is_some() {}
    }
    let bytes = (memory::in_use() - allocated - peers_room) as f64 / f64::from(count);
    let resident = memory::resident().saturating_sub(resident + peers_room) as f64 / f64::from(count);

    // A segment each to connections at random: an acknowledgement that says nothing new.
    let mut random = 1u64;
    let picked: Vec<usize> = (0..SEGMENTS)
        .map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % peers.len()
        })
        .collect();
    let start = processor_time();
    for &index in &picked {
        let peer = &peers[index];
        endpoint.handle(Instant::from_nanos(now), peer.ip.into(), SERVER.into(), &mut peer.ack());
        endpoint.poll_transmit(Instant::from_nanos(now), u32::MAX, &mut |_: &Burst<'_>| {});
    }
    let segment = (processor_time() - start) * 1e9 / SEGMENTS as f64;

    // Ticks of a millisecond while nothing is due.
    let start = processor_time();
    let ticks = 10_000;
    for _ in 0..ticks {
        now += 1_000_000;
        endpoint.handle_timeout(Instant::from_nanos(now));
        endpoint.poll_transmit(Instant::from_nanos(now), u32::MAX, &mut |_: &Burst<'_>| {});
    }
    let tick = (processor_time() - start) * 1e9 / f64::from(ticks);

    // Every keep-alive comes due, one after the other, and sends its probe.
    let start = processor_time();
    let mut probes = 0u32;
    let end = now + u64::try_from((keep_alive.idle + keep_alive.interval / 2).as_nanos()).expect("hours");
    let mut is_more = true;
    while is_more {
        let next = endpoint.poll_timeout().map_or(end, Instant::as_nanos);
        is_more = next < end && probes < count;
        now = next.min(end).max(now);
        endpoint.handle_timeout(Instant::from_nanos(now));
        let mut sink = |burst: &Burst<'_>| probes += burst.segment_count();
        endpoint.poll_transmit(Instant::from_nanos(now), u32::MAX, &mut sink);
    }
    let timer = (processor_time() - start) * 1e9 / f64::from(count);
    assert_eq!(probes, count, "a probe for each");
    println!("| synfin-tcp | {count} | {bytes:.0} | {resident:.0} | {segment:.0} | {tick:.0} | {timer:.0} |");
}

/// What is left of a connection before it is one, and after.
fn records() {
    let count = 100_000;
    let now = Instant::from_nanos(1_000_000_000);
    let endpoint = || {
        let config = Config {
            half_open_limit: count as usize,
            time_wait_limit: count as usize,
            ..Config::new([7; 16])
        };
        let mut endpoint = Endpoint::new(config, NoObserver);
        let local = SocketAddr::new(SERVER.into(), PORT);
        let listener = endpoint.listen(local, 16, None).expect("nobody listens");
        (endpoint, listener)
    };
    let mut ignore = |_: &Burst<'_>| {};

    let before = memory::in_use();
    let (mut half_open, _) = endpoint();
    for number in 0..count {
        let peer = Peer::new(number);
        half_open.handle(now, peer.ip.into(), SERVER.into(), &mut peer.syn());
        half_open.poll_transmit(now, u32::MAX, &mut ignore);
    }
    assert_eq!(half_open.states().count(), count as usize);
    let syn_received = (memory::in_use() - before) as f64 / f64::from(count);
    drop(half_open);

    let before = memory::in_use();
    let (mut closed, listener) = endpoint();
    for number in 0..count {
        let mut peer = open(&mut closed, now, number);
        let id = closed.accept(listener).expect("it is open");
        closed.close(now, id);
        closed.poll_transmit(now, u32::MAX, &mut ignore);
        peer.server_nxt += 1;
        closed.handle(now, peer.ip.into(), SERVER.into(), &mut peer.fin());
        closed.poll_transmit(now, u32::MAX, &mut ignore);
        while closed.poll_event().is_some() {}
    }
    assert!(closed.states().all(|(_, _, state)| state == State::TimeWait));
    assert_eq!(closed.states().count(), count as usize);
    let time_wait = (memory::in_use() - before) as f64 / f64::from(count);
    println!("| synfin-tcp, SYN-RECEIVED | {count} | {syn_received:.0} | | | | |");
    println!("| synfin-tcp, TIME-WAIT | {count} | {time_wait:.0} | | | | |");
}

/// The other end of a connection, as far as it is needed.
struct Peer {
    ip: Ipv4Addr,
    port: u16,
    nxt: SeqNumber,
    server_nxt: SeqNumber,
}

impl Peer {
    fn new(number: u32) -> Self {
        let ip = Ipv4Addr::from_bits(0x0b00_0000 + number / 50_000);
        let port = 10_000 + u16::try_from(number % 50_000).expect("it is a port");
        Self { ip, port, nxt: SeqNumber(number), server_nxt: SeqNumber(0) }
    }

    fn syn(&self) -> Incoming {
        let options = KnownOptions {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some((1, 0)),
            ..KnownOptions::default()
        };
        self.segment(Flags::SYN, SeqNumber(0), options)
    }

    fn fin(&self) -> Incoming {
        let timestamps = Some((2, 0));
        let options = KnownOptions { timestamps, ..KnownOptions::default() };
        self.segment(Flags::FIN | Flags::ACK, self.server_nxt, options)
    }

    fn segment(&self, flags: Flags, ack: SeqNumber, options: KnownOptions) -> Incoming {
        let header = Header {
            source_port: self.port,
            destination_port: PORT,
            seq: self.nxt,
            ack,
            flags,
            window: 65_535,
            ..Header::default()
        };
        Incoming { header, options, payload: Bytes::new(), ecn: Ecn::NotEct }
    }

    fn ack(&self) -> Incoming {
        let timestamps = Some((2, 0));
        self.segment(Flags::ACK, self.server_nxt, KnownOptions { timestamps, ..KnownOptions::default() })
    }
}

/// Opens a connection to the endpoint.
fn open(endpoint: &mut Endpoint<NoObserver>, now: Instant, number: u32) -> Peer {
    let mut peer = Peer::new(number);
    let (source, destination): (IpAddr, IpAddr) = (peer.ip.into(), SERVER.into());
    endpoint.handle(now, source, destination, &mut peer.syn());
    endpoint.poll_transmit(now, u32::MAX, &mut |burst: &Burst<'_>| peer.server_nxt = burst.header.seq + 1);
    peer.nxt += 1;
    endpoint.handle(now, source, destination, &mut peer.ack());
    endpoint.poll_transmit(now, u32::MAX, &mut |_: &Burst<'_>| {});
    peer
}

/// smoltcp has buffers for each connection from the start: here 4 KiB for each direction.
fn theirs(count: u32) {
    let allocated = memory::in_use();
    let mut many = smol::Many::open(count, 4096);
    let bytes = (memory::in_use() - allocated) as f64 / f64::from(count);
    let segments = 1000;
    let start = processor_time();
    for number in 0..segments {
        many.handle_ack(number * 7919 % count);
    }
    let segment = (processor_time() - start) * 1e9 / f64::from(segments);
    let ticks = 100;
    let start = processor_time();
    for _ in 0..ticks {
        many.tick();
    }
    let tick = (processor_time() - start) * 1e9 / f64::from(ticks);
    println!("| smoltcp | {count} | {bytes:.0} | | {segment:.0} | {tick:.0} | |");
}
