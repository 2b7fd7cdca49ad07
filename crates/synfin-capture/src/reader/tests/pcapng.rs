//! pcapng: sections, interfaces, packets of all kinds, losses, and what is kept.

use synfin_wire::{Direction, InterfaceId, LinkType, Loss, LossCause};

use super::build::Ng;
use super::{all, problem, read};
use crate::{BlockKind, FormatError, TimeResolution};

const ORDERS: [Ng; 2] = [Ng { big: false }, Ng { big: true }];

#[test]
fn an_enhanced_packet_says_all_that_is_known_of_it() {
    for ng in ORDERS {
        let names: &[(u16, &[u8])] = &[(2, b"eth0"), (3, b"uplink\0"), (9, &[9])];
        let options: &[(u16, &[u8])] = &[(1, b"first"), (2, &ng.u32(2)), (1, b"second")];
        let file =
            [ng.section(), ng.interface(1, 64, names), ng.packet(0, 1 << 40, b"abcde", options)].concat();
        let mut reader = read(&file);
        let record = reader.next_record().unwrap().unwrap();
        assert_eq!(record.frame.at_ns, 1 << 40);
        assert_eq!((record.frame.bytes, record.frame.original_len), (&b"abcde"[..], 105));
        assert_eq!(record.frame.direction, Some(Direction::Outbound));
        assert_eq!(record.comment.as_deref(), Some("first\nsecond"));
        assert_eq!(record.interface.name.as_deref(), Some("eth0"));
        assert_eq!(record.interface.description.as_deref(), Some("uplink"));
        assert_eq!(
            (record.interface.snap_len, record.interface.resolution),
            (64, TimeResolution::NANOSECONDS)
        );
        assert!(reader.next_record().unwrap().is_none());
    }
}

#[test]
fn each_interface_has_its_own_clock() {
    for ng in ORDERS {
        let file = [
            ng.section(),
            ng.interface(1, 0, &[]),
            ng.interface(1, 0, &[(9, &[0x80 | 10])]),
            ng.interface(1, 0, &[(9, &[3]), (14, &ng.u64(1_000))]),
            ng.packet(0, 1_500_000, b"", &[]),
            ng.packet(1, 1_536, b"", &[]),
            ng.packet(2, 1_500, b"", &[]),
        ];
        let stamps: Vec<u64> = all(&mut read(&file.concat())).0.into_iter().map(|(at_ns, _)| at_ns).collect();
        assert_eq!(stamps, [1_500_000_000, 1_500_000_000, 1_001_500_000_000]);
    }
}

#[test]
fn sections_of_both_byte_orders_keep_their_interfaces_apart() {
    let [little, big] = ORDERS;
    let file = [
        little.section(),
        little.interface(1, 0, &[]),
        little.packet(0, 1, b"a", &[]),
        big.section(),
        big.interface(101, 0, &[]),
        big.interface(113, 0, &[]),
        big.packet(1, 2, b"b", &[(1, b"in big order")]),
        little.section(),
        little.interface(12, 0, &[]),
        little.packet(0, 3, b"c", &[]),
    ];
    let mut reader = read(&file.concat());
    let mut seen = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        seen.push((record.frame.interface, record.frame.link, record.frame.bytes.to_vec()));
    }
    let expected = [
        (InterfaceId(0), LinkType::ETHERNET, b"a".to_vec()),
        (InterfaceId(2), LinkType::LINUX_SLL, b"b".to_vec()),
        (InterfaceId(3), LinkType::RAW, b"c".to_vec()),
    ];
    assert_eq!(seen, expected);
    assert_eq!(reader.interfaces().len(), 4);
}

#[test]
fn simple_packets_are_cut_at_the_snap_length() {
    for ng in ORDERS {
        let file = [
            ng.section(),
            ng.interface(1, 4, &[]),
            ng.packet(0, 7, b"x", &[]),
            ng.simple_packet(60, b"abcd"),
            ng.simple_packet(3, b"abc\0"),
        ];
        let mut reader = read(&file.concat());
        reader.next_record().unwrap();
        let frame = reader.next_record().unwrap().unwrap().frame;
        assert_eq!((frame.bytes, frame.original_len), (&b"abcd"[..], 60));
        assert_eq!(frame.at_ns, 7_000, "the stamp of the frame before: it has none of its own");
        assert_eq!(reader.next_record().unwrap().unwrap().frame.bytes, b"abc");
    }
}

#[test]
fn obsolete_packets_count_their_drops() {
    for ng in ORDERS {
        let file = [
            ng.section(),
            ng.interface(1, 0, &[]),
            ng.obsolete_packet(0, 3, 5, b"abc"),
            ng.obsolete_packet(0, u16::MAX, 6, b"de"),
        ];
        let (frames, losses) = all(&mut read(&file.concat()));
        assert_eq!(frames, [(5_000, b"abc".to_vec()), (6_000, b"de".to_vec())]);
        assert_eq!(losses, [Loss { at_ns: 5_000, cause: LossCause::CaptureBuffer, count: 3 }]);
    }
}

#[test]
fn losses_that_packets_told_are_not_told_again_by_the_statistics() {
    for ng in ORDERS {
        let file = [
            ng.section(),
            ng.interface(1, 0, &[]),
            ng.packet(0, 1, b"", &[(4, &ng.u64(10))]),
            ng.statistics(0, 2, &[(7, &ng.u64(12)), (5, &ng.u64(1))]),
            ng.statistics(0, 3, &[(7, &ng.u64(12)), (5, &ng.u64(4))]),
        ];
        let (_, losses) = all(&mut read(&file.concat()));
        let buffer = Loss { at_ns: 2_000, cause: LossCause::CaptureBuffer, count: 12 };
        let interface = Loss { at_ns: 3_000, cause: LossCause::Interface, count: 4 };
        assert_eq!(losses, [buffer, interface]);
    }
}

#[test]
fn names_secrets_and_custom_blocks_come_with_the_next_frame_in_one_byte_order() {
    for ng in ORDERS {
        let names = [ng.options(&[(1, b"\x0a\0\0\x01host\0")]), ng.options(&[(2, b"dns")])].concat();
        let secrets =
            [&ng.u32(0x544c_534b)[..], &ng.u32(6), b"secret\0\0", &ng.options(&[(1, b"c")])].concat();
        let custom = [&ng.u32(32_473)[..], b"mine"].concat();
        let file = [
            ng.section(),
            ng.interface(1, 0, &[]),
            ng.block(4, &names),
            ng.block(10, &secrets),
            ng.packet(0, 1, b"a", &[]),
            ng.block(0x0bad, &custom),
            ng.block(0x4000_0bad, &custom),
            ng.block(0x1234, b"skipped"),
            ng.packet(0, 2, b"b", &[]),
            ng.block(0x0bad, &custom),
        ];
        let mut reader = read(&file.concat());
        let [little, _] = ORDERS;
        let blocks = reader.next_record().unwrap().unwrap().blocks;
        let names = [little.options(&[(1, b"\x0a\0\0\x01host\0")]), little.options(&[(2, b"dns")])].concat();
        let secrets =
            [&little.u32(0x544c_534b)[..], &little.u32(6), b"secret\0\0", &little.options(&[(1, b"c")])]
                .concat();
        assert_eq!((blocks[0].kind, &blocks[0].body), (BlockKind::NameResolution, &names));
        assert_eq!((blocks[1].kind, &blocks[1].body), (BlockKind::DecryptionSecrets, &secrets));
        let blocks = reader.next_record().unwrap().unwrap().blocks;
        let kinds: Vec<BlockKind> = blocks.iter().map(|block| block.kind).collect();
        let custom = |may_copy| BlockKind::Custom { enterprise: 32_473, may_copy };
        assert_eq!(kinds, [custom(true), custom(false)]);
        assert_eq!(blocks[0].body, b"mine");
        assert!(reader.next_record().unwrap().is_none());
        assert_eq!(reader.blocks().len(), 1, "after the last frame");
        assert_eq!(reader.blocks_left_out(), 0);
    }
}

#[test]
fn contradictions_are_named() {
    for ng in ORDERS {
        let begin = [ng.section(), ng.interface(1, 0, &[])].concat();
        let with = |block: Vec<u8>| problem(&[begin.clone(), block].concat());
        assert_eq!(
            with(ng.packet(1, 0, b"", &[])),
            FormatError::UnknownInterface { interface: 1, described: 1 }
        );
        let mut block = ng.packet(0, 0, b"abcd", &[]);
        block[20..24].copy_from_slice(&ng.u32(5));
        assert_eq!(with(block), FormatError::PacketExceedsBlock { captured: 5, room: 4 });
        let mut block = ng.packet(0, 0, b"abcd", &[]);
        block[20..24].copy_from_slice(&ng.u32(u32::MAX));
        assert_eq!(with(block), FormatError::PacketExceedsBlock { captured: u32::MAX, room: 4 });
        let mut block = ng.packet(0, 0, b"abcd", &[]);
        let last = block.len() - 4;
        block[last..].copy_from_slice(&ng.u32(40));
        assert_eq!(with(block), FormatError::LengthsDiffer { before: 36, after: 40 });
        assert_eq!(with(ng.block(6, b"")), FormatError::BlockLength { block_type: 6, length: 12 });
        let raw = |length: u32| [ng.u32(6), ng.u32(length), ng.u32(length)].concat();
        assert_eq!(with(raw(14)), FormatError::BlockLength { block_type: 6, length: 14 });
        assert_eq!(with(raw(8)), FormatError::BlockLength { block_type: 6, length: 8 });
        assert!(matches!(with(raw(0x7fff_fff0)), FormatError::TooLong { .. }));
        let mut section = ng.section();
        section[8] = 0;
        assert_eq!(problem(&section), FormatError::ByteOrder);
        let mut section = ng.section();
        section[12..16].copy_from_slice(&[2, 2, 0, 0]);
        assert!(matches!(problem(&section), FormatError::Version { .. }));
        assert!(matches!(with(ng.simple_packet(60, b"abcd")), FormatError::PacketExceedsBlock { .. }));
    }
}

#[test]
fn options_that_lie_cost_themselves_and_not_the_packet() {
    let [ng, _] = ORDERS;
    let mut block = ng.packet(0, 1, b"abcd", &[(1, b"hi"), (2, &[1, 0, 0, 0])]);
    block[8 + 20 + 4 + 8 + 2] = 200;
    let file = [ng.section(), ng.interface(1, 0, &[]), block].concat();
    let mut reader = read(&file);
    let record = reader.next_record().unwrap().unwrap();
    assert_eq!(record.frame.bytes, b"abcd");
    assert_eq!(record.comment.as_deref(), Some("hi"));
    assert_eq!(record.frame.direction, None);
}

#[test]
fn a_million_interfaces_are_too_many() {
    let [ng, _] = ORDERS;
    let mut file = ng.section();
    for _ in 0..=1 << 16 {
        file.extend(ng.interface(1, 0, &[]));
    }
    assert!(matches!(problem(&file), FormatError::TooManyInterfaces { .. }));
}

#[test]
fn what_is_kept_is_bounded_even_if_it_is_nothing() {
    let [ng, _] = ORDERS;
    let empty = ng.block(4, b"").repeat(1_000_000);
    let file = [ng.section(), ng.interface(1, 0, &[]), empty, ng.packet(0, 1, b"a", &[])].concat();
    let mut reader = read(&file);
    let kept = reader.next_record().unwrap().unwrap().blocks.len();
    assert!(kept < 1_000_000);
    assert_eq!(kept as u64 + reader.blocks_left_out(), 1_000_000);
}
