//! A peer made by hand: it sends the segments that a test wants, and never answers by itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with};
use synfin_capture::{Live, LiveOptions, Poll};
use synfin_wire::SeqNumber;
use synfin_wire::checksum::checksum;
use synfin_wire::dissect::{Dissected, dissect};
use synfin_wire::tcp::{Flags, Header, OptionsBuf};

use crate::namespace::{LONG, ip};

/// The address of this end.
pub(crate) const HERE: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 2);

/// What the peer numbers its SYN with.
const ISS: u32 = 1000;

/// A host behind an interface of this namespace: packets to it leave, and are heard by this test alone.
pub(crate) struct Peer {
    heard: Live,
}

/// A segment of the peer's.
pub(crate) struct Sent {
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: Flags,
    pub(crate) payload: &'static [u8],
    /// Its checksum is wrong.
    pub(crate) is_broken: bool,
}

impl Sent {
    pub(crate) fn new(seq: u32, ack: u32, flags: Flags) -> Self {
        Self { seq, ack, flags, payload: &[], is_broken: false }
    }
}

impl Peer {
    /// Makes its network.
    pub(crate) fn make() -> Self {
        ip("link add v0 type veth peer name v1");
        ip("addr add 10.9.9.1/24 dev v0");
        ip("link set v0 up");
        ip("link set v1 up");
        ip("neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev v0");
        let mut options = LiveOptions::new("v0");
        options.filter = "tcp and src host 10.9.9.1".to_owned();
        options.immediate = true;
        Self { heard: Live::open(&options).unwrap() }
    }

    /// Sends a segment between these ports.
    pub(crate) fn send(&self, from: u16, to: u16, sent: &Sent) {
        let header = Header {
            source_port: from,
            destination_port: to,
            seq: SeqNumber(sent.seq),
            ack: SeqNumber(sent.ack),
            flags: sent.flags,
            window: 1024,
            ..Header::default()
        };
        let mut segment = vec![0; 20];
        header.emit(&OptionsBuf::default(), &mut segment).unwrap();
        segment.extend(sent.payload);
        Header::fill_checksum(&mut segment, IpAddr::V4(PEER), IpAddr::V4(HERE));
        segment[16] ^= u8::from(sent.is_broken);
        let len = u8::try_from(20 + segment.len()).unwrap();
        let mut packet = vec![0x45, 0, 0, len, 0, 1, 0, 0, 64, 6, 0, 0];
        packet.extend(PEER.octets());
        packet.extend(HERE.octets());
        let sum = checksum(&packet).to_be_bytes();
        packet[10..12].copy_from_slice(&sum);
        packet.extend(segment);
        let flags = SocketFlags::CLOEXEC;
        let raw = socket_with(AddressFamily::INET, SocketType::RAW, flags, Some(ipproto::RAW)).unwrap();
        let to = SocketAddr::V4(SocketAddrV4::new(HERE, 0));
        sendto(&raw, &packet, SendFlags::empty(), &to).unwrap();
    }

    /// Begins a connection, which then waits for the third segment.
    pub(crate) fn begin(&self, from: u16, to: u16) {
        self.send(from, to, &Sent::new(ISS, 0, Flags::SYN));
    }

    /// Begins a connection and finishes its handshake. Gives `snd.nxt` and `rcv.nxt` of the peer.
    pub(crate) fn connect(&mut self, from: u16, to: u16) -> (u32, u32) {
        self.begin(from, to);
        let next = self.answer_to(from).0.wrapping_add(1);
        self.send(from, to, &Sent::new(ISS + 1, next, Flags::ACK));
        (ISS + 1, next)
    }

    /// The number of the SYN-ACK that this port got.
    fn answer_to(&mut self, port: u16) -> SeqNumber {
        let began = std::time::Instant::now();
        while began.elapsed() < LONG {
            let Poll::Frame(record) = self.heard.next_record(LONG).unwrap() else { continue };
            let frame = record.frame;
            for found in dissect(frame.link, frame.bytes, frame.original_len) {
                if let Ok(Dissected::Tcp(_, segment)) = found
                    && segment.header.destination_port == port
                    && segment.header.flags.syn()
                {
                    return segment.header.seq;
                }
            }
        }
        panic!("no answer to the SYN from port {port}");
    }
}
