use std::io::Cursor;

use proptest::prelude::*;
use synfin_wire::{Direction, InterfaceId};

use super::*;
use crate::Reader;

/// Takes so many bytes, and then is full.
struct Full {
    taken: Vec<u8>,
    room: usize,
}

impl Write for &mut Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.room - self.taken.len());
        if len == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.taken.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    Frame {
        number: 1,
        at_ns: 1_700_000_000_123_456_789,
        link: LinkType::ETHERNET,
        interface: InterfaceId(0),
        direction: None,
        original_len: 9_000,
        bytes,
        fate: synfin_wire::Fate::default(),
    }
}

fn ethernet(name: &str) -> Interface {
    Interface { name: Some(name.to_owned()), ..Interface::new(LinkType::ETHERNET) }
}

#[test]
fn a_full_disk_names_the_file_and_what_was_written_stays_readable() {
    for room in [0, 50, 4_000, 100_000] {
        let mut disk = Full { taken: Vec::new(), room };
        let mut writer = Writer::new(&mut disk, "full.pcapng");
        let mut failed = None;
        for _ in 0..3_000 {
            let written = writer.write_frame(&frame(&[7; 100]), &ethernet("a"), Some("comment"));
            failed = failed.or(written.err());
        }
        let failed = failed.unwrap();
        assert_eq!((failed.name.as_str(), failed.source.kind()), ("full.pcapng", io::ErrorKind::StorageFull));
        assert!(writer.finish().is_err(), "an error is not forgotten");
        assert_eq!(disk.taken.len(), room);
        if room > 0 {
            let mut reader = Reader::from_read(Cursor::new(disk.taken), "full.pcapng").unwrap();
            let mut frames = 0;
            while let Some(record) = reader.next_record().unwrap() {
                assert_eq!(record.frame.bytes, [7; 100]);
                frames += 1;
            }
            let (mut header, mut packet) = (Vec::new(), Vec::new());
            encode::section_header(&mut header);
            encode::interface_description(&mut header, &ethernet("a"), LinkType::ETHERNET);
            encode::enhanced_packet(&mut packet, 0, &frame(&[7; 100]), Some("comment"));
            assert_eq!(frames, room.saturating_sub(header.len()) / packet.len());
        }
    }
}

#[test]
fn half_a_block_is_cut_off_where_it_can_be() {
    let mut blocks = Vec::new();
    encode::section_header(&mut blocks);
    let first = blocks.len();
    encode::plain(&mut blocks, 4, &[0; 20]);
    assert_eq!(encode::whole_blocks(&blocks, 0), 0);
    assert_eq!(encode::whole_blocks(&blocks, first - 1), 0);
    assert_eq!(encode::whole_blocks(&blocks, first), first);
    assert_eq!(encode::whole_blocks(&blocks, blocks.len() - 1), first);
    assert_eq!(encode::whole_blocks(&blocks, blocks.len()), blocks.len());
}

#[test]
fn equal_interfaces_are_described_once() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, "x");
    for (id, name) in [(0, "a"), (1, "b"), (0, "a"), (7, "a"), (0, "b"), (u32::MAX, "a")] {
        let frame = Frame { interface: InterfaceId(id), ..frame(b"x") };
        writer.write_frame(&frame, &ethernet(name), None).unwrap();
    }
    writer.finish().unwrap();
    let mut reader = Reader::from_read(Cursor::new(bytes), "x").unwrap();
    let mut names = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        names.push(record.interface.name.clone().unwrap());
    }
    assert_eq!(names, ["a", "b", "a", "a", "b", "a"]);
    assert_eq!(reader.interfaces().len(), 2);
}

/// A loopback interface is called `lo` in every network namespace.
#[test]
fn interfaces_of_one_name_stay_apart_by_their_descriptions() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, "x");
    let ids = [0, 1, 0, 1];
    for id in ids {
        let frame = Frame { interface: InterfaceId(id), ..frame(b"x") };
        let interface = Interface { description: Some(format!("namespace {id}")), ..ethernet("lo") };
        writer.write_frame(&frame, &interface, None).unwrap();
    }
    writer.finish().unwrap();
    let mut reader = Reader::from_read(Cursor::new(bytes), "x").unwrap();
    let mut descriptions = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        descriptions.push(record.interface.description.clone().unwrap());
    }
    assert_eq!(descriptions, ids.map(|id| format!("namespace {id}")));
    assert_eq!(reader.interfaces().len(), 2);
}

#[test]
fn losses_and_blocks_come_back() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, "x");
    let secrets = Block { kind: BlockKind::DecryptionSecrets, body: b"KLST\x04\0\0\0abcd".to_vec() };
    let private = Block { kind: BlockKind::Custom { enterprise: 1, may_copy: false }, body: Vec::new() };
    writer.write_block(&secrets).unwrap();
    writer.write_block(&private).unwrap();
    writer.custom_block(32_473, b"own").unwrap();
    writer.write_frame(&frame(b"x"), &ethernet("a"), None).unwrap();
    for count in [1, 2] {
        writer.handle_loss(&Loss { at_ns: 5 * count, cause: LossCause::CaptureBuffer, count });
    }
    writer.handle_loss(&Loss { at_ns: 1, cause: LossCause::Interface, count: 9 });
    writer.finish().unwrap();
    let mut reader = Reader::from_read(Cursor::new(bytes), "x").unwrap();
    let own =
        Block { kind: BlockKind::Custom { enterprise: 32_473, may_copy: true }, body: b"own\0".to_vec() };
    assert_eq!(reader.next_record().unwrap().unwrap().blocks, [secrets, own]);
    assert!(reader.next_record().unwrap().is_none());
    let losses: Vec<Loss> = std::iter::from_fn(|| reader.poll_loss()).collect();
    let interface = Loss { at_ns: 10, cause: LossCause::Interface, count: 9 };
    let buffer = Loss { at_ns: 10, cause: LossCause::CaptureBuffer, count: 3 };
    assert_eq!(losses, [interface, buffer]);
}

#[test]
fn a_comment_is_cut_between_letters() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, "x");
    writer.write_frame(&frame(b"x"), &ethernet("a"), Some(&"ä".repeat(40_000))).unwrap();
    writer.finish().unwrap();
    let mut reader = Reader::from_read(Cursor::new(bytes), "x").unwrap();
    let comment = reader.next_record().unwrap().unwrap().comment.unwrap().into_owned();
    assert_eq!(comment, "ä".repeat(32_767));
}

prop_compose! {
    fn any_frame()(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at_ns in any::<u64>(),
        original_len in any::<u32>(),
        direction in prop_oneof![Just(None), Just(Some(Direction::Inbound)), Just(Some(Direction::Outbound))],
        comment in proptest::option::of(".{1,40}"),
        interface in 0u32..3,
    ) -> (Vec<u8>, u64, u32, Option<Direction>, Option<String>, u32) {
        (bytes, at_ns, original_len, direction, comment, interface)
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(frames in proptest::collection::vec(any_frame(), 0..30)) {
        let interfaces = ["a", "b", "c"].map(ethernet);
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file, "x");
        for (bytes, at_ns, original_len, direction, comment, interface) in &frames {
            let frame = Frame {
                number: 0,
                at_ns: *at_ns,
                link: LinkType::ETHERNET,
                interface: InterfaceId(*interface),
                direction: *direction,
                original_len: *original_len,
                bytes,
                fate: synfin_wire::Fate::default(),
            };
            let interface = &interfaces[*interface as usize];
            writer.write_frame(&frame, interface, comment.as_deref()).unwrap();
        }
        writer.finish().unwrap();
        let mut reader = Reader::from_read(Cursor::new(file), "x").unwrap();
        for (number, (bytes, at_ns, original_len, direction, comment, interface)) in frames.iter().enumerate() {
            let record = reader.next_record().unwrap().unwrap();
            prop_assert_eq!(record.frame.number, number as u64 + 1);
            prop_assert_eq!(record.frame.bytes, bytes.as_slice());
            prop_assert_eq!(record.frame.at_ns, *at_ns);
            prop_assert_eq!(record.frame.original_len, *original_len);
            prop_assert_eq!(record.frame.direction, *direction);
            prop_assert_eq!(record.comment.as_deref(), comment.as_deref());
            prop_assert_eq!(record.interface, &interfaces[*interface as usize]);
        }
        prop_assert!(reader.next_record().unwrap().is_none());
        prop_assert_eq!(reader.poll_loss(), None);
    }
}
