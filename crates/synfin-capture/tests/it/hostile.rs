//! Any bytes, and any valid file with some of them changed: reading ends, in bounded time, with a value.

use std::io::Cursor;

use proptest::prelude::*;
use synfin_capture::{Merged, Reader, Writer};

use crate::packing::numbered;

/// Reads everything there is to read; how it ends does not matter.
fn read_all(bytes: Vec<u8>) {
    let most = bytes.len() + 1;
    let Ok(reader) = Reader::from_read(Cursor::new(bytes), "hostile") else { return };
    let mut merged = Merged::new(vec![reader, Reader::from_read(Cursor::new(numbered(2)), "good").unwrap()]);
    let mut copy = Writer::new(std::io::sink(), "copy");
    let mut records = 0;
    let mut errors = 0;
    loop {
        match merged.next_record() {
            Ok(Some(record)) => {
                assert!((record.frame.interface.0) < 1 << 17);
                copy.write(&record).unwrap();
                records += 1;
            }
            Ok(None) => break,
            Err(e) => {
                assert!(!e.to_string().is_empty());
                errors += 1;
            }
        }
        assert!(records <= most + 2 && errors <= 1);
    }
    while let Some(loss) = merged.poll_loss() {
        assert!(loss.count > 0);
    }
}

/// A pcapng file with everything that our writer knows.
fn pcapng() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, "x");
    let mut reader = Reader::from_read(Cursor::new(numbered(20)), "x").unwrap();
    while let Some(mut record) = reader.next_record().unwrap() {
        record.comment = Some("comment".into());
        record.frame.direction = Some(synfin_capture::Direction::Inbound);
        writer.write(&record).unwrap();
    }
    writer.custom_block(1, b"abc").unwrap();
    writer.finish().unwrap();
    bytes
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        read_all(bytes);
    }

    #[test]
    fn any_bytes_behind_a_header(header in 0usize..5, bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let header: &[u8] = match header {
            0 => &numbered(0),
            1 => &[0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0],
            2 => &[0x1f, 0x8b, 8, 0],
            3 => &[0x28, 0xb5, 0x2f, 0xfd],
            _ => &[0xa1, 0xb2, 0xcd, 0x34, 0, 2, 0, 4],
        };
        read_all([header, &bytes].concat());
    }

    #[test]
    fn any_mutation(
        ng in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = if ng { pcapng() } else { numbered(20) };
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(bytes);
    }
}
