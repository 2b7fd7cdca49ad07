//! pcap: byte orders, fractions, old versions.

use synfin_wire::{Direction, LinkType};

use super::build::{pcap_header, pcap_record};
use super::{all, problem, read};
use crate::{FormatError, TimeResolution};

#[test]
fn both_byte_orders_and_both_fractions() {
    for big in [false, true] {
        for (magic, expected) in [(0xa1b2_c3d4, 5_000_007_000), (0xa1b2_3c4d, 5_000_000_007)] {
            let mut file = pcap_header(big, magic, 4, 1);
            file.extend(pcap_record(big, [5, 7, 3, 60], b"abc"));
            let mut reader = read(&file);
            let record = reader.next_record().unwrap().unwrap();
            assert_eq!(record.frame.at_ns, expected);
            assert_eq!((record.frame.bytes, record.frame.original_len), (&b"abc"[..], 60));
            assert_eq!((record.frame.number, record.frame.link), (1, LinkType::ETHERNET));
            assert_eq!(record.interface.snap_len, 96);
            let is_micro = record.interface.resolution == TimeResolution::MICROSECONDS;
            assert_eq!(is_micro, magic == 0xa1b2_c3d4);
        }
    }
}

#[test]
fn stamps_after_2038_are_not_negative() {
    let mut file = pcap_header(false, 0xa1b2_3c4d, 4, 1);
    file.extend(pcap_record(false, [u32::MAX, 999_999_999, 0, 0], b""));
    assert_eq!(all(&mut read(&file)).0[0].0, 4_294_967_295_999_999_999);
}

#[test]
fn the_modified_format_knows_the_direction() {
    for big in [false, true] {
        let mut file = pcap_header(big, 0xa1b2_cd34, 4, 1);
        file.extend(pcap_record(big, [1, 0, 2, 2], &[0, 0, 0, 9, 0, 8, 4, 0, b'h', b'i']));
        let mut reader = read(&file);
        let frame = reader.next_record().unwrap().unwrap().frame;
        assert_eq!((frame.bytes, frame.direction), (&b"hi"[..], Some(Direction::Outbound)));
    }
}

#[test]
fn old_versions_have_their_lengths_the_other_way_round() {
    for (minor, lengths) in [(2, [60, 2]), (3, [60, 2]), (3, [2, 60]), (4, [2, 60])] {
        let mut file = pcap_header(false, 0xa1b2_c3d4, minor, 1);
        file.extend(pcap_record(false, [1, 0, lengths[0], lengths[1]], b"hi"));
        let mut reader = read(&file);
        let frame = reader.next_record().unwrap().unwrap().frame;
        assert_eq!((frame.bytes, frame.original_len), (&b"hi"[..], 60), "2.{minor}");
    }
}

#[test]
fn link_types_are_the_ones_the_rest_knows() {
    let link = |number| read(&pcap_header(false, 0xa1b2_c3d4, 4, number)).interfaces()[0].link;
    assert_eq!(link(101), LinkType::RAW);
    assert_eq!(link(12), LinkType::RAW, "libpcap's own number");
    assert_eq!(link(0x2400_0001), LinkType::ETHERNET, "four bytes of check sequence");
    assert_eq!(problem(&pcap_header(false, 0xa1b2_c3d4, 4, 0x1_0001)), FormatError::LinkType(0x1_0001));
}

#[test]
fn lengths_that_lie_are_errors() {
    let mut file = pcap_header(false, 0xa1b2_c3d4, 4, 1);
    file.extend(pcap_record(false, [1, 0, u32::MAX, 2], b"hi"));
    assert!(matches!(problem(&file), FormatError::TooLong { length: u32::MAX, .. }));
    let mut file = pcap_header(false, 0xa1b2_c3d4, 4, 1);
    file[4] = 3;
    assert_eq!(problem(&file), FormatError::Version { major: 3, minor: 4 });
}

#[test]
fn cooked_frames_know_their_direction() {
    let mut file = pcap_header(false, 0xa1b2_c3d4, 4, 113);
    file.extend(pcap_record(false, [1, 0, 16, 16], &[0, 4, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0]));
    assert_eq!(read(&file).next_record().unwrap().unwrap().frame.direction, Some(Direction::Outbound));
}
