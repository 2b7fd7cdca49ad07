use core::net::{Ipv4Addr, Ipv6Addr};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::tcp::{Flags, Header, OptionsBuf};

/// What a frame holds that holds one thing.
fn dissect(link: LinkType, bytes: &[u8], original_len: u32) -> Result<Dissected<'_>, DissectError> {
    super::dissect(link, bytes, original_len).next().unwrap()
}

/// A segment from port 1 to port 2 with a payload of `len` bytes.
fn segment(len: usize) -> Vec<u8> {
    let header = Header { source_port: 1, destination_port: 2, flags: Flags::ACK, ..Header::default() };
    let mut bytes = vec![0; 20 + len];
    header.emit(&OptionsBuf::new(), &mut bytes).unwrap();
    bytes
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_fragment(protocol, payload, 0)
}

fn ipv4_fragment(protocol: u8, payload: &[u8], flags_and_offset: u16) -> Vec<u8> {
    let len = (20 + payload.len() as u16).to_be_bytes();
    let [high, low] = flags_and_offset.to_be_bytes();
    let header = [0x45, 0, len[0], len[1], 0, 7, high, low, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    [&header, payload].concat()
}

fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let addresses = [Ipv6Addr::LOCALHOST.octets(), Ipv6Addr::LOCALHOST.octets()].concat();
    [&[0x60, 0, 0, 0, len[0], len[1], next_header, 64][..], &addresses, payload].concat()
}

fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ether_type.to_be_bytes(), payload].concat()
}

fn udp(destination: u16, payload: &[u8]) -> Vec<u8> {
    let len = (8 + payload.len() as u16).to_be_bytes();
    [&[0xc0, 0, (destination >> 8) as u8, destination as u8, len[0], len[1], 0, 0][..], payload].concat()
}

/// Length of the payload of the TCP segment that is found.
fn tcp_payload(link: LinkType, frame: &[u8]) -> Option<u32> {
    match dissect(link, frame, frame.len() as u32) {
        Ok(Dissected::Tcp(_, segment)) => Some(segment.payload_len),
        _ => None,
    }
}

#[test]
fn every_link_type_leads_to_the_segment() {
    let four = ipv4(6, &segment(5));
    let six = ipv6(6, &segment(5));
    let sll = |protocol: [u8; 2], ip: &[u8]| [&[0; 14][..], &protocol, ip].concat();
    let frames = [
        (LinkType::ETHERNET, ethernet(0x0800, &four)),
        (LinkType::ETHERNET, ethernet(0x86dd, &six)),
        (LinkType::RAW, four.clone()),
        (LinkType::RAW, six.clone()),
        (LinkType(12), four.clone()),
        (LinkType::IPV4, four.clone()),
        (LinkType::IPV6, six.clone()),
        (LinkType::NULL, [&[2, 0, 0, 0][..], &four].concat()),
        (LinkType::NULL, [&[0, 0, 0, 30][..], &six].concat()),
        (LinkType::LOOP, [&[0, 0, 0, 2][..], &four].concat()),
        (LinkType::LINUX_SLL, sll([8, 0], &four)),
        (LinkType::LINUX_SLL2, [&[8, 0][..], &[0; 18], &four].concat()),
        (LinkType::PPP, [&[0xff, 3, 0, 0x21][..], &four].concat()),
        (LinkType::PPP, [&[0x21][..], &four].concat()),
        (LinkType::FDDI, [&[0x50][..], &[0; 12], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &four].concat()),
        (
            LinkType::ETHERNET,
            ethernet(8 + four.len() as u16, &[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &four].concat()),
        ),
    ];
    for (link, frame) in frames {
        assert_eq!(tcp_payload(link, &frame), Some(5), "{link}");
    }
}

#[test]
fn tags_and_tunnels_are_looked_through() {
    let inner = ipv4(6, &segment(5));
    let frame = ethernet(0x0800, &inner);
    let tag = |payload: &[u8], kind: u16| [&[0, 7][..], &kind.to_be_bytes(), payload].concat();
    let over_udp = |port, header: &[u8], payload: &[u8]| {
        ethernet(0x0800, &ipv4(17, &udp(port, &[header, payload].concat())))
    };
    let pppoe = (inner.len() as u16 + 2).to_be_bytes();
    let frames = [
        ("802.1Q", ethernet(0x8100, &tag(&inner, 0x0800))),
        ("QinQ", ethernet(0x88a8, &tag(&tag(&inner, 0x0800), 0x8100))),
        ("MPLS", ethernet(0x8847, &[&[0, 1, 0, 64, 0, 2, 1, 64][..], &inner].concat())),
        ("PPPoE", ethernet(0x8864, &[&[0x11, 0, 0, 1, pppoe[0], pppoe[1], 0, 0x21][..], &inner].concat())),
        ("IP in IP", ethernet(0x0800, &ipv4(4, &inner))),
        ("IPv4 in IPv6", ethernet(0x86dd, &ipv6(4, &inner))),
        ("GRE", ethernet(0x0800, &ipv4(47, &[&[0x20, 0, 8, 0, 1, 2, 3, 4][..], &inner].concat()))),
        ("VXLAN", over_udp(4789, &[8, 0, 0, 0, 0, 0, 1, 0], &frame)),
        ("Geneve", over_udp(6081, &[1, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 0], &frame)),
        (
            "GTP-U",
            over_udp(
                2152,
                &[&[0x30, 255][..], &(inner.len() as u16).to_be_bytes(), &[0; 4]].concat(),
                &inner,
            ),
        ),
        ("Teredo", over_udp(3544, &[0, 0, 1, 2, 3, 4, 5, 6], &ipv6(6, &segment(5)))),
    ];
    for (name, frame) in frames {
        assert_eq!(tcp_payload(LinkType::ETHERNET, &frame), Some(5), "{name}");
    }
}

#[test]
fn every_part_of_an_aggregate_is_found() {
    let part = |payload: usize| {
        let packet = ipv4(6, &segment(payload));
        let mut part = [
            &[2; 12][..],
            &(packet.len() as u16 + 8).to_be_bytes(),
            &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0],
            &packet,
        ]
        .concat();
        part.resize(part.len().next_multiple_of(4), 0);
        part
    };
    let qos_data_with_aggregate = [&[0x88, 0x02][..], &[0; 22], &[0x80, 0]].concat();
    let frame = [qos_data_with_aggregate, part(5), part(6), part(7)].concat();
    let lens: Vec<_> = super::dissect(LinkType::IEEE802_11, &frame, 0)
        .map(|found| match found {
            Ok(Dissected::Tcp(_, segment)) => segment.payload_len,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lens, [5, 6, 7]);
}

#[test]
fn the_ip_length_rules_over_ethernet_padding() {
    let mut frame = ethernet(0x0800, &ipv4(6, &segment(0)));
    frame.resize(60, 0);
    assert_eq!(tcp_payload(LinkType::ETHERNET, &frame), Some(0));
}

#[test]
fn a_length_of_zero_means_to_the_end_of_the_frame() {
    let mut frame = ethernet(0x0800, &ipv4(6, &segment(9)));
    frame[16..18].fill(0);
    assert_eq!(tcp_payload(LinkType::ETHERNET, &frame), Some(9));
}

#[test]
fn a_short_snap_length_leaves_the_lengths_on_the_wire() {
    let frame = ethernet(0x0800, &ipv4(6, &segment(1000)));
    let Ok(Dissected::Tcp(ip, segment)) = dissect(LinkType::ETHERNET, &frame[..60], frame.len() as u32)
    else {
        panic!("not found");
    };
    assert_eq!((ip.total_len, segment.payload_len, segment.payload.len()), (1040, 1000, 6));
}

#[test]
fn a_mapped_address_is_the_ipv4_address() {
    let mut packet = ipv6(6, &segment(0));
    packet[8..24].copy_from_slice(&Ipv4Addr::new(1, 2, 3, 4).to_ipv6_mapped().octets());
    let Ok(Dissected::Tcp(ip, _)) = dissect(LinkType::RAW, &packet, 0) else { panic!("not found") };
    assert_eq!(ip.source, IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4)));
}

#[test]
fn fragments_are_given_out_and_taken_up_again() {
    let whole = segment(20);
    let frame = ethernet(0x0800, &ipv4_fragment(6, &whole[..24], 0x2000));
    let Ok(Dissected::Fragment(ip, first)) = dissect(LinkType::ETHERNET, &frame, 0) else {
        panic!("no fragment")
    };
    assert_eq!((first.offset, first.more, first.payload_len), (0, true, 24));
    let frame = ethernet(0x0800, &ipv4_fragment(6, &whole[24..], 3));
    let Ok(Dissected::Fragment(_, last)) = dissect(LinkType::ETHERNET, &frame, 0) else {
        panic!("no fragment")
    };
    assert_eq!((last.offset, last.more, last.payload_len), (24, false, 16));
    let Ok(Dissected::Tcp(_, segment)) = dissect_reassembled(ip, 6, &whole).next().unwrap() else {
        panic!("not found")
    };
    assert_eq!(segment.payload_len, 20);

    let extension = [&[6, 0, 0, 25, 0, 0, 0, 9][..], &whole].concat();
    let packet = ipv6(44, &extension);
    let Ok(Dissected::Fragment(ip, fragment)) = dissect(LinkType::RAW, &packet, 0) else {
        panic!("no fragment");
    };
    assert_eq!((ip.identification, fragment.offset, fragment.more), (Some(9), 24, true));
}

#[test]
fn extension_headers_are_passed() {
    let hop_by_hop = [&[6, 0, 1, 4, 0, 0, 0, 0][..], &segment(3)].concat();
    assert_eq!(tcp_payload(LinkType::RAW, &ipv6(0, &hop_by_hop)), Some(3));
}

#[test]
fn extension_headers_that_stop_short_are_an_error() {
    // A fragment header that is cut off, and a hop-by-hop header that does not come first.
    for headers in [&[44, 0][..], &[60, 0, 1, 4, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0]] {
        let packet = ipv6(headers[0], &headers[1..]);
        let result = dissect(LinkType::RAW, &packet, 0);
        assert!(
            matches!(result, Err(DissectError::CutOff { .. } | DissectError::Malformed { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn precise_errors() {
    let frame = ethernet(0x0800, &ipv4(6, &segment(0)));
    let error = |link, bytes: &[u8]| dissect(link, bytes, 0).unwrap_err();
    assert_eq!(
        error(LinkType::ETHERNET, &frame[..9]),
        DissectError::CutOff { layer: Layer::Link, needed: 14, have: 9 }
    );
    assert_eq!(
        error(LinkType::ETHERNET, &frame[..20]),
        DissectError::CutOff { layer: Layer::Ip, needed: 20, have: 6 }
    );
    assert_eq!(
        error(LinkType::ETHERNET, &frame[..40]),
        DissectError::Segment(SegmentError::Truncated { have: 6 })
    );
    assert_eq!(error(LinkType::RAW, &[0x90; 40]), DissectError::Malformed { layer: Layer::Ip });
    assert_eq!(error(LinkType(9999), &frame), DissectError::UnknownLink(LinkType(9999)));
}

#[test]
fn nesting_without_end_is_refused() {
    let mut packet = ipv4(6, &segment(0));
    for _ in 0..30 {
        packet = ipv4(4, &packet);
    }
    assert_eq!(dissect(LinkType::RAW, &packet, 0).unwrap_err(), DissectError::TooDeep);
}

#[test]
fn a_port_alone_makes_no_tunnel() {
    let frame = ethernet(0x0800, &ipv4(17, &udp(4789, b"GET me a name, please")));
    assert!(matches!(dissect(LinkType::ETHERNET, &frame, 0), Ok(Dissected::Other)));
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_value(
        link in proptest::sample::select(vec![0u16, 1, 9, 10, 12, 50, 101, 105, 108, 113, 127, 228, 229, 276, 7777]),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        original_len: u32,
    ) {
        prop_assert!(super::dissect(LinkType(link), &bytes, original_len).count() <= bytes.len() + 1);
    }

    /// Damage to a valid frame, which gets further than noise.
    #[test]
    fn damaged_frames_end_in_a_value(
        port in proptest::sample::select(vec![2152u16, 3544, 4789, 5072, 6081]),
        at in 0usize..120, value: u8, cut in 0usize..200,
    ) {
        let inner = ethernet(0x0800, &ipv4(6, &segment(40)));
        let header = [8, 0, 0x65, 0x58, 0, 0, 1, 0];
        let mut frame = ethernet(0x0800, &ipv4(17, &udp(port, &[&header[..], &inner].concat())));
        if let Some(byte) = frame.get_mut(at) {
            *byte = value;
        }
        frame.truncate(cut.max(1));
        if let Ok(Dissected::Tcp(ip, segment)) = dissect(LinkType::ETHERNET, &frame, 0) {
            prop_assert!(segment.payload.len() <= frame.len());
            prop_assert!(ip.total_len as usize <= frame.len());
        }
    }
}
