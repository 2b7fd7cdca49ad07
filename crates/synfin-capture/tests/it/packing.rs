//! gzip and zstd around captures: several members, breaking off, flushed piece by piece.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use synfin_capture::{LossCause, ReadError, Reader};

/// A pcap file with so many frames, the n-th of which holds the number n.
pub(crate) fn numbered(frames: u32) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    for n in 0..frames {
        for field in [n, 0, 4, 60, n] {
            file.extend(field.to_le_bytes());
        }
    }
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// How many frames are read, in order, and whether the file then broke off.
fn count(bytes: Vec<u8>) -> Result<(u32, bool), ReadError> {
    let mut reader = Reader::from_read(Cursor::new(bytes), "packed")?;
    let mut frames = 0u32;
    while let Some(record) = reader.next_record()? {
        assert_eq!(record.frame.bytes, frames.to_le_bytes());
        frames += 1;
    }
    let loss = reader.poll_loss();
    assert!(loss.is_none_or(|loss| loss.cause == LossCause::TruncatedFile && loss.count == 1));
    assert!(reader.poll_loss().is_none());
    Ok((frames, loss.is_some()))
}

#[test]
fn concatenated_members_are_one_capture() {
    let file = numbered(1_000);
    for pack in [gzip, zstd] {
        let packed: Vec<u8> = file.chunks(777).flat_map(pack).collect();
        assert_eq!(count(packed).unwrap(), (1_000, false));
    }
    let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(&file)].concat();
    assert_eq!(count(skippable).unwrap(), (1_000, false));
}

#[test]
fn a_packed_file_that_breaks_off_gives_what_there_is() {
    // Numbers that do not repeat do not compress to nothing, so that a cut leaves some.
    let file = numbered(20_000);
    for pack in [gzip, zstd] {
        let packed = pack(&file);
        for cut in [packed.len() / 2, packed.len() - 1] {
            let (frames, is_truncated) = count(packed[..cut].to_vec()).unwrap();
            assert!(is_truncated, "cut at {cut} of {}", packed.len());
            assert!(frames > 0 && frames <= 20_000, "{frames}");
        }
    }
}

#[test]
fn damage_inside_a_packed_file_is_an_error() {
    let mut packed = gzip(&numbered(20_000));
    let middle = packed.len() / 2;
    for byte in &mut packed[middle..middle + 40] {
        *byte ^= 0x55;
    }
    // What was damaged shows only at the end, by the checksum: frames before that may hold anything.
    let mut reader = Reader::from_read(Cursor::new(packed), "damaged").unwrap();
    let e = loop {
        match reader.next_record() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no error"),
            Err(e) => break e,
        }
    };
    assert!(matches!(e, ReadError::Io { .. } | ReadError::Format { .. }));
}

#[test]
fn progress_counts_packed_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbered.pcap.gz");
    std::fs::write(&path, gzip(&numbered(100_000))).unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    let mut reader = Reader::open(&path).unwrap();
    let mut before = 0;
    while reader.next_record().unwrap().is_some() {
        let (read, total) = reader.progress();
        assert!(read >= before && total == Some(size));
        before = read;
    }
    assert_eq!(reader.progress(), (size, Some(size)));
}
