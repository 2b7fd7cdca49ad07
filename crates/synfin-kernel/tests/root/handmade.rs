//! A peer made by hand: it sends the segments that a test wants, and never answers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with};
use synfin_wire::{
    SeqNumber, State,
    checksum::checksum,
    tcp::{Flags, Header, OptionsBuf},
};

use crate::world::{Watch, ip, isolated, sysctl};

const HERE: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 1);
const PEER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 9, 9, 2), 5000);

/// Makes the peer's network: packets to it leave, and are heard by nobody.
fn make_peer() {
    ip("link add v0 type veth peer name v1");
    ip("addr add 10.9.9.1/24 dev v0");
    ip("link set v0 up");
    ip("link set v1 up");
    ip("neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev v0");
}

fn send(port: u16, seq: u32, flags: Flags) {
    let header = Header {
        source_port: PEER.port(),
        destination_port: port,
        seq: SeqNumber(seq),
        flags,
        window: 1024,
        ..Header::default()
    };
    let mut segment = [0; 20];
    header.emit(&OptionsBuf::default(), &mut segment).unwrap();
    Header::fill_checksum(&mut segment, IpAddr::V4(*PEER.ip()), IpAddr::V4(HERE));
    let mut packet = vec![0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0];
    packet.extend(PEER.ip().octets());
    packet.extend(HERE.octets());
    let sum = checksum(&packet).to_be_bytes();
    packet[10..12].copy_from_slice(&sum);
    packet.extend(segment);
    let raw =
        socket_with(AddressFamily::INET, SocketType::RAW, SocketFlags::CLOEXEC, Some(ipproto::RAW)).unwrap();
    sendto(&raw, &packet, SendFlags::empty(), &SocketAddr::new(HERE.into(), 0)).unwrap();
}

#[test]
fn a_syn_whose_answer_is_never_acknowledged() {
    isolated(|| {
        make_peer();
        sysctl("tcp_synack_retries", "0");
        let mut watch = Watch::begin();
        let listener = TcpListener::bind((HERE, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        send(address.port(), 1000, Flags::SYN);
        watch.until_state(address, State::SynReceived);
        watch.until_state(address, State::Closed);
        assert_eq!(watch.chain(address), "LISTEN SYN-RECEIVED CLOSED (expired)");
    });
}

/// The kernel drops the reset, and does not say that it was heard: so its effect is inferred.
#[test]
fn a_reset_in_syn_received() {
    isolated(|| {
        make_peer();
        let mut watch = Watch::begin();
        let listener = TcpListener::bind((HERE, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        send(address.port(), 1000, Flags::SYN);
        send(address.port(), 1001, Flags::RST);
        watch.catch_up();
        let changes: Vec<_> = watch.changes().filter(|change| change.change.remote == PEER.into()).collect();
        assert_eq!(crate::world::chain(&changes), "LISTEN SYN-RECEIVED [LISTEN] (reset received)");
    });
}
