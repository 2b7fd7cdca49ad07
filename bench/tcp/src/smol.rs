//! A host that runs smoltcp.

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, Checksum, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::host::{Host, Nanos, Packets, Setup};
use crate::pool::Pool;
use crate::stream::{Check, Source};

const CLIENT: IpAddress = IpAddress::v4(10, 0, 0, 1);
const SERVER: IpAddress = IpAddress::v4(10, 0, 0, 2);

/// Packets in and out.
struct Memory {
    incoming: Packets,
    outgoing: Packets,
    pool: Pool,
    capabilities: DeviceCapabilities,
}

struct Rx(bytes::Bytes);

struct Tx<'a> {
    pool: &'a mut Pool,
    outgoing: &'a mut Packets,
}

impl phy::RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl phy::TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut buffer = self.pool.take();
        let result = f(&mut buffer[..len]);
        self.outgoing.push_back(self.pool.seal(buffer, len));
        result
    }
}

impl Device for Memory {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Rx, Tx<'_>)> {
        let packet = self.incoming.pop_front()?;
        Some((Rx(packet), Tx { pool: &mut self.pool, outgoing: &mut self.outgoing }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        Some(Tx { pool: &mut self.pool, outgoing: &mut self.outgoing })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.capabilities.clone()
    }
}

/// The host.
pub struct Smol {
    device: Memory,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
}

fn at(now: Nanos) -> Instant {
    Instant::from_micros(i64::try_from(now / 1000).unwrap_or(i64::MAX))
}

impl Smol {
    fn new(setup: &Setup, ip: IpAddress) -> Self {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = setup.mtu;
        if !setup.has_checksums {
            capabilities.checksum.tcp = Checksum::None;
        }
        let mut device = Memory {
            incoming: Packets::new(),
            outgoing: Packets::new(),
            pool: Pool::new(setup.mtu),
            capabilities,
        };
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, Instant::ZERO);
        interface.update_ip_addrs(|addresses| addresses.push(IpCidr::new(ip, 24)).expect("there is room"));
        let buffer = || tcp::SocketBuffer::new(vec![0; setup.buffer]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        Self { device, interface, sockets, socket }
    }

    /// Chooses congestion control: it has none unless told.
    pub fn set_congestion_control(&mut self, congestion: tcp::CongestionControl) {
        self.sockets.get_mut::<tcp::Socket>(self.socket).set_congestion_control(congestion);
    }
}

impl Host for Smol {
    fn client(setup: &Setup) -> Self {
        let mut host = Self::new(setup, CLIENT);
        let socket = host.sockets.get_mut::<tcp::Socket>(host.socket);
        socket.connect(host.interface.context(), (SERVER, 80), 50_000).expect("the socket is closed");
        host
    }

    fn server(setup: &Setup) -> Self {
        let mut host = Self::new(setup, SERVER);
        host.sockets.get_mut::<tcp::Socket>(host.socket).listen(80).expect("the socket is closed");
        host
    }

    fn handle(&mut self, now: Nanos, packets: &mut Packets) {
        self.device.incoming.append(packets);
        self.interface.poll(at(now), &mut self.device, &mut self.sockets);
    }

    fn transmit(&mut self, now: Nanos, packets: &mut Packets) {
        while self.interface.poll_egress(at(now), &mut self.device, &mut self.sockets)
            == PollResult::SocketStateChanged
        {}
        packets.append(&mut self.device.outgoing);
    }

    fn poll_timeout(&mut self, now: Nanos) -> Option<Nanos> {
        let at = self.interface.poll_at(at(now), &self.sockets)?;
        Some(u64::try_from(at.total_micros()).unwrap_or_default() * 1000)
    }

    fn write(&mut self, source: &mut Source) {
        let socket = self.sockets.get_mut::<tcp::Socket>(self.socket);
        while !source.is_empty() && socket.can_send() {
            let made = socket.send(|room| {
                let octets = source.next(room.len());
                room[..octets.len()].copy_from_slice(octets);
                (octets.len(), ())
            });
            made.expect("the connection is open");
        }
    }

    fn read(&mut self, _: Nanos, check: &mut Check) {
        let socket = self.sockets.get_mut::<tcp::Socket>(self.socket);
        while socket.can_recv() {
            let read = socket.recv(|octets| {
                check.take(octets);
                (octets.len(), ())
            });
            read.expect("the connection is open");
        }
    }
}
