//! A host that runs smoltcp.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use smoltcp::iface::{Config, Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, Checksum, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::host::{Congestion, Host, Nanos, Setup};
use crate::stream::{Check, Source};

const CLIENT: IpAddress = IpAddress::v4(10, 0, 0, 1);
const SERVER: IpAddress = IpAddress::v4(10, 0, 0, 2);

/// A packet in a buffer of its own, which goes back to those that are free.
pub struct Packet {
    buffer: Box<[u8]>,
    len: usize,
    free: Free,
}

/// Buffers that are free, of one size: none is ever allocated while others lie idle.
type Free = Rc<RefCell<Vec<Box<[u8]>>>>;

impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        self.free.borrow_mut().push(std::mem::take(&mut self.buffer));
    }
}

/// Packets in and out.
struct Memory {
    incoming: VecDeque<Packet>,
    outgoing: VecDeque<Packet>,
    /// Packets that may be sent.
    room: usize,
    free: Free,
    capabilities: DeviceCapabilities,
}

struct Rx(Packet);

struct Tx<'a> {
    mtu: usize,
    free: &'a Free,
    outgoing: &'a mut VecDeque<Packet>,
}

impl phy::RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0.as_ref())
    }
}

impl phy::TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let free = self.free.borrow_mut().pop();
        let mut buffer = free.unwrap_or_else(|| vec![0; self.mtu].into());
        let result = f(&mut buffer[..len]);
        self.outgoing.push_back(Packet { buffer, len, free: self.free.clone() });
        result
    }
}

impl Memory {
    fn tx(&mut self) -> Tx<'_> {
        let mtu = self.capabilities.max_transmission_unit;
        Tx { mtu, free: &self.free, outgoing: &mut self.outgoing }
    }
}

impl Device for Memory {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Rx, Tx<'_>)> {
        let packet = self.incoming.pop_front()?;
        Some((Rx(packet), self.tx()))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        (self.outgoing.len() < self.room).then(|| self.tx())
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
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            room: 0,
            free: Free::default(),
            capabilities,
        };
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, Instant::ZERO);
        interface.update_ip_addrs(|addresses| addresses.push(IpCidr::new(ip, 24)).expect("there is room"));
        let buffer = || tcp::SocketBuffer::new(vec![0; setup.buffer]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        socket.set_congestion_control(match setup.congestion {
            Congestion::Unneeded => tcp::CongestionControl::None,
            Congestion::Reno => tcp::CongestionControl::Reno,
            Congestion::Cubic => tcp::CongestionControl::Cubic,
        });
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        Self { device, interface, sockets, socket }
    }
}

impl Host for Smol {
    type Packet = Packet;

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

    fn handle(&mut self, now: Nanos, packets: &mut VecDeque<Packet>) {
        self.device.incoming.append(packets);
        while self.interface.poll_ingress_single(at(now), &mut self.device, &mut self.sockets)
            != PollIngressSingleResult::None
        {}
    }

    fn transmit(&mut self, now: Nanos, room: usize, packets: &mut VecDeque<Packet>) {
        self.device.room = room;
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
            let taken = socket.send_slice(&source.next()).expect("the connection is open");
            source.advance(taken);
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
