//! Any frame of any link type is dissected, or refused with an error; lengths never contradict the bytes.
//!
//! Input: an index into the link types, four bytes of length on the wire, the frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synfin_wire::LinkType;
use synfin_wire::dissect::{Dissected, dissect, dissect_reassembled};

const LINKS: [LinkType; 14] = [
    LinkType::ETHERNET,
    LinkType::RAW,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::PPP,
    LinkType::PPP_HDLC,
    LinkType::FDDI,
    LinkType::IEEE802_11,
    LinkType::IEEE802_11_RADIOTAP,
    LinkType(0xffff),
];

fuzz_target!(|input: &[u8]| {
    let Some((&[link, a, b, c, d], frame)) = input.split_first_chunk() else { return };
    let link = LINKS[usize::from(link) % LINKS.len()];
    for dissected in dissect(link, frame, u32::from_le_bytes([a, b, c, d])).flatten() {
        check(dissected, frame.len());
        if let Dissected::Fragment(ip, fragment) = dissected {
            assert!(fragment.payload.len() <= fragment.payload_len as usize);
            for whole in dissect_reassembled(ip, fragment.protocol, fragment.payload).flatten() {
                check(whole, fragment.payload.len());
            }
        }
    }
});

fn check(dissected: Dissected<'_>, captured: usize) {
    let Dissected::Tcp(ip, segment) = dissected else { return };
    assert!(segment.payload.len() <= captured);
    assert!(segment.payload.len() <= segment.payload_len as usize);
    assert!(segment.seg_len() >= segment.payload_len);
    assert!(segment.options.iter().count() <= synfin_wire::tcp::MAX_OPTIONS_LEN);
    let checked = segment.has_valid_checksum(ip.source, ip.destination);
    assert!(!segment.is_cut_off() || checked.is_none());
}
