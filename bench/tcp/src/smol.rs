//! A host that runs smoltcp.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use smoltcp::iface::{Config, Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, Checksum, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{
    HardwareAddress, IpAddress, IpCidr, IpProtocol, Ipv4Address, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket,
    TcpRepr, TcpSeqNumber,
};

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

/// A host with many connections.
pub struct Many {
    host: Smol,
    /// The acknowledgement that each connection's peer would send again.
    acks: Vec<Vec<u8>>,
    now: Nanos,
}

impl Many {
    /// Opens so many connections, with buffers of this size.
    pub fn open(count: u32, buffer: usize) -> Self {
        let setup = Setup { mtu: 1500, buffer, has_checksums: true, congestion: Congestion::Unneeded };
        let mut many = Self { host: Smol::server(&setup), acks: Vec::new(), now: 1_000_000_000 };
        for number in 0..count {
            if number > 0 {
                let buffer = || tcp::SocketBuffer::new(vec![0; setup.buffer]);
                let mut socket = tcp::Socket::new(buffer(), buffer());
                socket.set_keep_alive(Some(smoltcp::time::Duration::from_secs(7200)));
                socket.listen(80).expect("the socket is closed");
                many.host.sockets.add(socket);
            }
            let port = 10_000 + u16::try_from(number).expect("it is a port");
            let syn = many.segment(port, tcp_repr(port, TcpControl::Syn, TcpSeqNumber(0), None));
            let answer = many.exchange(&syn).expect("a SYN is answered");
            let ip = Ipv4Packet::new_unchecked(&answer[..]);
            let seq = TcpPacket::new_unchecked(ip.payload()).seq_number() + 1;
            let ack = many.segment(port, tcp_repr(port, TcpControl::None, TcpSeqNumber(1), Some(seq)));
            many.exchange(&ack);
            many.acks.push(ack);
        }
        many.acks.shrink_to_fit();
        many
    }

    /// Hands an acknowledgement that says nothing new to a connection.
    pub fn handle_ack(&mut self, number: u32) {
        let ack = std::mem::take(&mut self.acks[number as usize]);
        self.exchange(&ack);
        self.acks[number as usize] = ack;
    }

    /// A millisecond passes.
    pub fn tick(&mut self) {
        self.now += 1_000_000;
        self.host.transmit(self.now, usize::MAX, &mut VecDeque::new());
    }

    fn exchange(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let mut packets = VecDeque::new();
        phy::TxToken::consume(
            Tx { mtu: 1500, free: &self.host.device.free, outgoing: &mut packets },
            packet.len(),
            |room| room.copy_from_slice(packet),
        );
        self.host.handle(self.now, &mut packets);
        self.host.transmit(self.now, usize::MAX, &mut packets);
        packets.front().map(|packet| packet.as_ref().to_vec())
    }

    fn segment(&self, _port: u16, tcp: TcpRepr<'_>) -> Vec<u8> {
        let (source, destination) = (Ipv4Address::new(10, 0, 0, 1), Ipv4Address::new(10, 0, 0, 2));
        let ip = Ipv4Repr {
            src_addr: source,
            dst_addr: destination,
            next_header: IpProtocol::Tcp,
            payload_len: tcp.buffer_len(),
            hop_limit: 64,
        };
        let mut bytes = vec![0; ip.buffer_len() + tcp.buffer_len()];
        let checksums = &self.host.device.capabilities.checksum;
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        ip.emit(&mut packet, checksums);
        let mut segment = TcpPacket::new_unchecked(packet.payload_mut());
        tcp.emit(&mut segment, &source.into(), &destination.into(), checksums);
        bytes
    }
}

fn tcp_repr(
    port: u16,
    control: TcpControl,
    seq_number: TcpSeqNumber,
    ack_number: Option<TcpSeqNumber>,
) -> TcpRepr<'static> {
    TcpRepr {
        src_port: port,
        dst_port: 80,
        control,
        seq_number,
        ack_number,
        window_len: 65_535,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    }
}
