//! What connections cost in memory and in copies, counted: an allocator of its own needs a test binary of its own.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod counting;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use counting::counted;
use synfin_tcp::{
    Burst, Checksum, Config, ConnectionConfig, ConnectionId, Ecn, Endpoint, Incoming, Instant, KeepAlive,
    KnownOptions, ListenerId, NoObserver, ReadOutcome, SynCookies,
};
use synfin_wire::tcp::{Flags, Header};

/// Two hosts whose segments are handed over as they are: nobody allocates but TCP.
struct Hosts {
    now: Instant,
    a: Endpoint,
    b: Endpoint,
    listener: ListenerId,
    /// Bursts on their way: kept, so that their memory is allocated once.
    wire: Vec<([u8; 60], usize, Bytes)>,
    /// Where segments are read.
    segment: Incoming,
    segments: u64,
    bursts: u64,
}

const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 0, 2];

impl Hosts {
    fn new() -> Self {
        let connection = ConnectionConfig {
            pacing: false,
            keep_alive: Some(KeepAlive::default()),
            send_buffer: 1 << 20,
            receive_buffer: 1 << 20,
            ..ConnectionConfig::default()
        };
        let config = |secret| Config { connection: connection.clone(), ..Config::new([secret; 16]) };
        let mut b = Endpoint::new(config(2), NoObserver);
        let listener = b.listen(SocketAddr::from((B, 80)), 100, None).unwrap();
        let a = Endpoint::new(config(1), NoObserver);
        let now = Instant::from_nanos(1_000_000_000);
        Self {
            now,
            a,
            b,
            listener,
            wire: Vec::with_capacity(10_000),
            segment: Incoming::default(),
            segments: 0,
            bursts: 0,
        }
    }

    /// Carries what both have to say until neither says anything.
    fn settle(&mut self) {
        while self.carry(true) + self.carry(false) > 0 {
            self.now = self.now + Duration::from_micros(10);
        }
    }

    fn carry(&mut self, is_from_a: bool) -> usize {
        let (from, to) = if is_from_a { (&mut self.a, &mut self.b) } else { (&mut self.b, &mut self.a) };
        let (source, destination): (IpAddr, IpAddr) =
            if is_from_a { (A.into(), B.into()) } else { (B.into(), A.into()) };
        let (wire, bursts) = (&mut self.wire, &mut self.bursts);
        from.poll_transmit(self.now, u32::MAX, &mut |burst: &Burst<'_>| {
            *bursts += 1;
            for segment in burst.segments() {
                let mut head = [0; 60];
                let len = segment.emit_head(&mut head, Checksum::Check).unwrap();
                let mut chunks = segment.payload.chunks();
                let text = chunks.next().unwrap_or_default();
                assert!(chunks.next().is_none(), "the text is written in whole segments here");
                wire.push((head, len, text));
            }
        });
        let count = wire.len();
        for (head, len, text) in wire.drain(..) {
            self.segment
                .read_parts(&head[..len], text, source, destination, Ecn::NotEct, Checksum::Check)
                .unwrap();
            to.handle(self.now, source, destination, &mut self.segment);
        }
        self.segments += count as u64;
        count
    }

    fn connect(&mut self) -> (ConnectionId, ConnectionId) {
        let (local, remote) = (SocketAddr::from((A, 0)), SocketAddr::from((B, 80)));
        let a = self.a.connect(self.now, local, remote, None).unwrap();
        self.settle();
        let b = self.b.accept(self.listener).unwrap();
        while self.a.poll_event().is_some() || self.b.poll_event().is_some() {}
        (a, b)
    }

    /// Moves octets from A to B, and sees to it that they are read where they were written.
    fn move_octets(&mut self, (a, b): (ConnectionId, ConnectionId), text: &Bytes, times: usize) {
        for _ in 0..times {
            let mut rest = text.clone();
            while !rest.is_empty() {
                let taken = self.a.connection_mut(a).unwrap().write(&rest).unwrap();
                let _taken = rest.split_to(taken);
                self.settle();
                let now = self.now;
                while let ReadOutcome::Data(octets) = self.b.connection_mut(b).unwrap().read(now, usize::MAX)
                {
                    let range = text.as_ptr_range();
                    assert!(range.contains(&octets.as_ptr()), "octets were copied");
                }
            }
            self.settle();
        }
        while self.a.poll_event().is_some() || self.b.poll_event().is_some() {}
    }
}

/// Nothing is allocated for a connection before data arrives: its record is all, and has its place already.
#[test]
fn opening_allocates_nothing() {
    let mut hosts = Hosts::new();
    // Room is made for several at a time.
    for _ in 0..40 {
        hosts.connect();
    }
    let ((), allocations, octets) = counted(|| {
        for _ in 0..10 {
            hosts.connect();
        }
    });
    assert_eq!((allocations, octets), (0, 0));
}

/// A connection that has talked and is idle again holds as little as one that never did.
#[test]
fn an_idle_connection_holds_nothing() {
    let mut hosts = Hosts::new();
    let pair = hosts.connect();
    let text = Bytes::from(vec![7; 1448 * 300]);
    hosts.move_octets(pair, &text, 1);
    let ((), allocations, octets) = counted(|| hosts.move_octets(pair, &text, 3));
    assert!(allocations > 0, "something is needed while data is on its way");
    assert_eq!(octets, 0);
}

/// No segment costs an allocation, and no octet is copied between the write of one application and the read of the
/// other, where the device does not ask for it.
#[test]
fn segments_cost_no_allocation_and_octets_no_copy() {
    let mut hosts = Hosts::new();
    let pair = hosts.connect();
    let text = Bytes::from(vec![7; 1448 * 300]);
    hosts.move_octets(pair, &text, 2);
    let before = hosts.segments;
    let ((), allocations, _) = counted(|| hosts.move_octets(pair, &text, 10));
    let segments = hosts.segments - before;
    assert!(segments > 3000);
    assert!(allocations * 20 < segments, "{allocations} allocations for {segments} segments");
}

/// A device with segmentation offload gets bursts as large as it takes, and a batch of segments is acknowledged once.
#[test]
fn bursts_are_large_and_batches_acknowledged_once() {
    let mut hosts = Hosts::new();
    let (a, b) = hosts.connect();
    let text = Bytes::from(vec![7; 1448 * 42]);
    hosts.move_octets((a, b), &text, 4);
    hosts.a.connection_mut(a).unwrap().write(&text).unwrap();
    (hosts.bursts, hosts.segments) = (0, 0);
    assert_eq!(hosts.carry(true), 42);
    assert_eq!(hosts.bursts, 1);
    assert_eq!(hosts.carry(false), 1, "one acknowledgement");
}

/// What was received in one piece shares its memory with what is read.
#[test]
fn what_arrives_is_handed_on_by_reference() {
    let bytes = Bytes::from({
        let mut bytes = vec![0; 1000];
        bytes[12] = 5 << 4;
        bytes
    });
    let (a, b) = (IpAddr::from(A), IpAddr::from(B));
    let incoming = Incoming::parse(bytes.clone(), a, b, Ecn::NotEct, Checksum::Trusted).unwrap();
    assert_eq!(incoming.payload.as_ptr(), bytes[20..].as_ptr());
}

/// An idle established connection costs at most 1 KiB, all included: whatever an endpoint has allocated for thousands of
/// them, tables, timers and queues with the room that they keep free, divided by their number.
#[test]
fn an_idle_connection_costs_less_than_a_kibibyte() {
    let mut hosts = Hosts::new();
    // Right after the tables have grown is when they are largest for what is in them.
    for count in [500, 8193 - 500] {
        let ((), _, octets) = counted(|| {
            for _ in 0..count {
                hosts.connect();
            }
        });
        let each = octets / (2 * count);
        assert!(each <= 1024, "{each} octets each for {count}");
        println!("{each} octets each");
    }
}

/// SYN-RECEIVED and TIME-WAIT are compact records: a third of a connection and less.
#[test]
fn records_cost_a_third_of_a_connection() {
    const COUNT: i64 = 4000;
    let mut hosts = Hosts::new();
    hosts.connect();
    let ((), allocations, octets) = counted(|| {
        for _ in 0..COUNT {
            let (a, b) = hosts.connect();
            let now = hosts.now;
            hosts.a.close(now, a);
            hosts.settle();
            hosts.b.close(now, b);
            hosts.settle();
        }
    });
    assert_eq!(hosts.a.states().count(), COUNT as usize + 1);
    assert!(octets / COUNT <= 340, "TIME-WAIT takes {} octets", octets / COUNT);
    println!("TIME-WAIT takes {} octets", octets / COUNT);
    // One for the FIN of each side, until it is acknowledged.
    let most = 2 * COUNT as u64 + COUNT as u64 / 20;
    assert!(allocations < most, "{allocations} allocations for {COUNT} connections that came and went");

    let mut config = Config::new([1; 16]);
    (config.half_open_limit, config.syn_cookies) = (COUNT as usize, SynCookies::WhenFull);
    let mut flooded = Endpoint::new(config, NoObserver);
    flooded.listen(SocketAddr::from((B, 80)), 100, None).unwrap();
    let mut flood = |ports: core::ops::Range<u16>| {
        for source_port in ports {
            let header = Header { source_port, destination_port: 80, flags: Flags::SYN, ..Header::default() };
            let options = KnownOptions::default();
            let mut segment = Incoming { header, options, payload: Bytes::new(), ecn: Ecn::NotEct };
            let now = Instant::from_nanos(1_000_000_000);
            flooded.handle(now, A.into(), B.into(), &mut segment);
            flooded.poll_transmit(now, u32::MAX, &mut |_: &Burst<'_>| {});
        }
        flooded.states().count()
    };
    let (count, allocations, octets) = counted(|| flood(1..COUNT as u16 + 1));
    assert_eq!(count, COUNT as usize);
    assert!(octets / COUNT <= 340, "SYN-RECEIVED takes {} octets", octets / COUNT);
    println!("SYN-RECEIVED takes {} octets", octets / COUNT);
    assert!(allocations < COUNT as u64 / 20, "{allocations} allocations for {COUNT} SYNs");
    // Beyond the limit it is cookies, and nothing at all.
    let (count, allocations, octets) = counted(|| flood(10_000..20_000));
    assert_eq!((count, allocations, octets), (COUNT as usize, 0, 0));
}
