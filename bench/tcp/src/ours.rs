//! A host that runs synfin-tcp, with as much of IP around it as smoltcp has.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::{Bytes, BytesMut};
use synfin_tcp::{
    Algorithm, Burst, Checksum, Config, ConnectionConfig, ConnectionId, Ecn, Endpoint, Incoming, Instant, ListenerId,
    NoObserver, ReadOutcome,
};
use synfin_wire::checksum::checksum;

use crate::host::{Congestion, Host, Nanos, Setup};
use crate::stream::{Check, Source};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// Bytes of an IPv4 header without options.
const IP_HEADER: usize = 20;

/// Bytes of memory that packets are cut from.
const BLOCK: usize = 256 << 10;

/// Memory for packets: blocks that are used again when nobody holds a packet of theirs.
#[derive(Default)]
struct Blocks {
    current: BytesMut,
    used: VecDeque<BytesMut>,
}

impl Blocks {
    /// At least `len` bytes to write a packet to.
    fn room(&mut self, len: usize) -> &mut [u8] {
        if self.current.len() < len {
            let next = self.next();
            let mut used = std::mem::replace(&mut self.current, next);
            if used.capacity() > 0 {
                used.clear();
                self.used.push_back(used);
            }
        }
        &mut self.current
    }

    /// Those used first are free first; if even the first one is still held, all are.
    fn next(&mut self) -> BytesMut {
        if self.used.front_mut().is_some_and(|block| block.try_reclaim(BLOCK)) {
            let mut block = self.used.pop_front().expect("it was looked at");
            // SAFETY: `try_reclaim` allocates nothing: these are the bytes that were zeroed when the block was made.
            unsafe { block.set_len(BLOCK) };
            return block;
        }
        BytesMut::zeroed(BLOCK)
    }

    /// The packet that was written to the first `len` bytes.
    fn cut(&mut self, len: usize) -> Bytes {
        self.current.split_to(len).freeze()
    }
}

/// The host.
pub struct Ours {
    endpoint: Endpoint<NoObserver>,
    ip: Ipv4Addr,
    blocks: Blocks,
    checksum: Checksum,
    listener: Option<ListenerId>,
    connection: Option<ConnectionId>,
    is_writable: bool,
}

impl Ours {
    fn new(setup: &Setup, ip: Ipv4Addr) -> Self {
        let buffer = u32::try_from(setup.buffer).expect("buffers are below 4 GiB");
        let connection = ConnectionConfig {
            mtu: u32::try_from(setup.mtu).expect("packets are below 64 KiB"),
            send_buffer: buffer,
            receive_buffer: buffer,
            receive_buffer_max: buffer,
            pacing: setup.congestion != Congestion::Unneeded,
            congestion: match setup.congestion {
                Congestion::Reno => Algorithm::NewReno,
                _ => Algorithm::Cubic,
            },
            nagle: false,
            // smoltcp has them off; so the segments of both are the same.
            timestamps: false,
            ..ConnectionConfig::default()
        };
        let config = Config { connection, ..Config::new([ip.octets()[3]; 16]) };
        Self {
            endpoint: Endpoint::new(config, NoObserver),
            ip,
            blocks: Blocks::default(),
            checksum: if setup.has_checksums { Checksum::Check } else { Checksum::Trusted },
            listener: None,
            connection: None,
            is_writable: true,
        }
    }
}

/// Writes an IPv4 header for `len` bytes behind it.
fn write_ip_header(packet: &mut [u8], source: Ipv4Addr, destination: Ipv4Addr, ttl: u8, len: usize) {
    let total = u16::try_from(IP_HEADER + len).expect("it fits into a packet");
    packet[..12].copy_from_slice(&[0x45, 0, 0, 0, 0, 0, 0x40, 0, ttl, 6, 0, 0]);
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[12..16].copy_from_slice(&source.octets());
    packet[16..20].copy_from_slice(&destination.octets());
    let sum = checksum(&packet[..IP_HEADER]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Source and segment of a packet for `ip`, if it is whole and undamaged.
fn read_ip_header(packet: &Bytes, ip: Ipv4Addr) -> Option<(Ipv4Addr, Bytes)> {
    let header: &[u8; IP_HEADER] = packet.first_chunk()?;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let address = |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    let is_ours = header[0] == 0x45
        && header[9] == 6
        && (IP_HEADER..=packet.len()).contains(&total)
        && checksum(header) == 0
        && address(16) == ip;
    is_ours.then(|| (address(12), packet.slice(IP_HEADER..total)))
}

impl Host for Ours {
    type Packet = Bytes;

    fn client(setup: &Setup) -> Self {
        let mut host = Self::new(setup, CLIENT);
        let (local, remote) = (SocketAddr::new(CLIENT.into(), 50_000), SocketAddr::new(SERVER.into(), 80));
        let now = Instant::from_nanos(1);
        host.connection = Some(host.endpoint.connect(now, local, remote, None).expect("the port is free"));
        host
    }

    fn server(setup: &Setup) -> Self {
        let mut host = Self::new(setup, SERVER);
        let local = SocketAddr::new(SERVER.into(), 80);
        host.listener = Some(host.endpoint.listen(local, 16, None).expect("the port is free"));
        host
    }

    fn handle(&mut self, now: Nanos, packets: &mut VecDeque<Bytes>) {
        let now = Instant::from_nanos(now);
        for packet in packets.drain(..) {
            let Some((source, segment)) = read_ip_header(&packet, self.ip) else { continue };
            let (source, destination) = (IpAddr::V4(source), IpAddr::V4(self.ip));
            let parsed = Incoming::parse(&segment, source, destination, Ecn::NotEct, self.checksum);
            if let Ok(incoming) = parsed {
                self.endpoint.handle(now, source, destination, &incoming);
            }
        }
    }

    fn transmit(&mut self, now: Nanos, room: usize, packets: &mut VecDeque<Bytes>) {
        let now = Instant::from_nanos(now);
        self.endpoint.handle_timeout(now);
        let (blocks, ip, checksum) = (&mut self.blocks, self.ip, self.checksum);
        let mut sink = |burst: &Burst<'_>| {
            let IpAddr::V4(destination) = burst.destination.ip() else { return };
            for segment in burst.segments() {
                let packet = blocks.room(IP_HEADER + segment.len_max());
                let room = &mut packet[IP_HEADER..];
                let len = segment.emit(room, checksum).expect("there is room");
                write_ip_header(packet, ip, destination, burst.ttl, len);
                packets.push_back(blocks.cut(IP_HEADER + len));
            }
        };
        let mut left = u32::try_from(room).unwrap_or(u32::MAX);
        while left > 0 {
            match self.endpoint.poll_transmit(now, left, &mut sink) {
                0 => break,
                sent => left = left.saturating_sub(sent),
            }
        }
        while let Some((_, event)) = self.endpoint.poll_event() {
            self.is_writable |= event == synfin_tcp::Event::Writable;
        }
    }

    fn poll_timeout(&mut self, _: Nanos) -> Option<Nanos> {
        self.endpoint.poll_timeout().map(Instant::as_nanos)
    }

    fn write(&mut self, source: &mut Source) {
        let connection = self.connection.and_then(|id| self.endpoint.connection_mut(id));
        let Some(connection) = connection.filter(|_| self.is_writable) else { return };
        while !source.is_empty() && connection.send_room() > 0 {
            let taken = connection.write(&source.next()).expect("the connection is open");
            source.advance(taken);
        }
    }

    fn read(&mut self, now: Nanos, check: &mut Check) {
        if let Some(listener) = self.listener {
            self.connection = self.connection.or_else(|| self.endpoint.accept(listener));
        }
        let Some(connection) = self.connection.and_then(|id| self.endpoint.connection_mut(id)) else { return };
        while let ReadOutcome::Data(octets) = connection.read(Instant::from_nanos(now), usize::MAX) {
            check.take(&octets);
        }
    }
}
