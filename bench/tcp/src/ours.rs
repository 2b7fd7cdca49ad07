//! A host that runs synfin-tcp, with as much of IP around it as smoltcp has.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use synfin_tcp::{
    Algorithm, Burst, Checksum, Config, ConnectionConfig, ConnectionId, Endpoint, Incoming, Instant,
    ListenerId, NoObserver, Outgoing, ReadOutcome,
};

use crate::device::Device;
use crate::host::{Congestion, Host, Nanos, Setup};
use crate::stream::{Check, Source};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// The host.
pub struct Ours<D> {
    endpoint: Endpoint<NoObserver>,
    ip: Ipv4Addr,
    device: D,
    checksum: Checksum,
    /// Where segments are read.
    segment: Incoming,
    listener: Option<ListenerId>,
    connection: Option<ConnectionId>,
    is_writable: bool,
}

impl<D: Device> Ours<D> {
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
            device: D::default(),
            checksum: if setup.has_checksums { Checksum::Check } else { Checksum::Trusted },
            segment: Incoming::default(),
            listener: None,
            connection: None,
            is_writable: true,
        }
    }
}

impl<D: Device> Host for Ours<D> {
    type Packet = D::Packet;

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

    fn handle(&mut self, now: Nanos, packets: &mut VecDeque<D::Packet>) {
        let now = Instant::from_nanos(now);
        let destination = IpAddr::V4(self.ip);
        for packet in packets.iter_mut() {
            if let Some(source) = D::receive(packet, self.ip, self.checksum, &mut self.segment) {
                self.endpoint.handle(now, source.into(), destination, &mut self.segment);
            }
        }
        packets.clear();
    }

    fn transmit(&mut self, now: Nanos, room: usize, packets: &mut VecDeque<D::Packet>) {
        let now = Instant::from_nanos(now);
        self.endpoint.handle_timeout(now);
        let (device, ip, checksum) = (&mut self.device, self.ip, self.checksum);
        let mut sink = |burst: &Burst<'_>| {
            let IpAddr::V4(destination) = burst.destination.ip() else { return };
            let addresses = (ip, destination);
            let mut send = |segment: Outgoing<'_>| {
                device.send(
                    packets.push_back_mut(D::Packet::default()),
                    &segment,
                    addresses,
                    burst.ttl,
                    checksum,
                );
            };
            if D::TAKES_BURSTS {
                send(burst.whole());
            } else {
                burst.segments().for_each(send);
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
        let Some(connection) = self.connection.and_then(|id| self.endpoint.connection_mut(id)) else {
            return;
        };
        while let ReadOutcome::Data(octets) = connection.read(Instant::from_nanos(now), usize::MAX) {
            check.take(&octets);
        }
    }
}
