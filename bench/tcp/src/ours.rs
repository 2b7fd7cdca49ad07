//! A host that runs synfin-tcp, with as much of IP around it as smoltcp has.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use synfin_tcp::{
    Burst, Checksum, Config, ConnectionConfig, ConnectionId, Ecn, Endpoint, Incoming, Instant, ListenerId,
    NoObserver, Outgoing, ReadOutcome,
};
use synfin_wire::checksum::checksum;

use crate::host::{Host, Nanos, Packets, Setup};
use crate::pool::Pool;
use crate::stream::{Check, Source};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// Bytes of an IPv4 header without options.
const IP_HEADER: usize = 20;

/// Octets that the application makes at once.
const CHUNK: usize = 64 << 10;

/// The host.
pub struct Ours {
    endpoint: Endpoint<NoObserver>,
    ip: Ipv4Addr,
    pool: Pool,
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
            pacing: setup.is_network,
            nagle: false,
            ..ConnectionConfig::default()
        };
        let config = Config { connection, ..Config::new([ip.octets()[3]; 16]) };
        Self {
            endpoint: Endpoint::new(config, NoObserver),
            ip,
            pool: Pool::new(setup.mtu),
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

    fn handle(&mut self, now: Nanos, packets: &mut Packets) {
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

    fn transmit(&mut self, now: Nanos, packets: &mut Packets) {
        let now = Instant::from_nanos(now);
        self.endpoint.handle_timeout(now);
        let (pool, ip, has_checksum) = (&mut self.pool, self.ip, self.checksum == Checksum::Check);
        let mut sink = |burst: &Burst<'_>| {
            let IpAddr::V4(destination) = burst.destination.ip() else { return };
            for segment in burst.segments() {
                let mut buffer = pool.take();
                let room = &mut buffer[IP_HEADER..];
                let len = write(&segment, room, has_checksum);
                write_ip_header(&mut buffer, ip, destination, burst.ttl, len);
                packets.push_back(pool.seal(buffer, IP_HEADER + len));
            }
        };
        while self.endpoint.poll_transmit(now, u32::MAX, &mut sink) > 0 {}
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
        while !source.is_empty() {
            let room = connection.send_room();
            if room == 0 {
                break;
            }
            let octets = Bytes::copy_from_slice(source.next(room.min(CHUNK)));
            let taken = connection.write(&octets).expect("the connection is open");
            assert_eq!(taken, octets.len());
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

/// Writes a segment, and says how long it is.
fn write(segment: &Outgoing<'_>, room: &mut [u8], _has_checksum: bool) -> usize {
    let bytes = segment.to_bytes();
    room[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
}
