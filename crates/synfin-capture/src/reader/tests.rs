//! Each detail of the formats, with bytes made here.

mod build;
mod pcap;
mod pcapng;

use std::io::Cursor;

use super::*;

fn read(bytes: &[u8]) -> Reader {
    Reader::from_read(Cursor::new(bytes.to_vec()), "test").unwrap()
}

/// The reason why these bytes cannot be opened, or not be read to the end.
fn problem(bytes: &[u8]) -> crate::FormatError {
    let mut reader = match Reader::from_read(Cursor::new(bytes.to_vec()), "test") {
        Ok(reader) => reader,
        Err(ReadError::Format { problem, .. }) => return problem,
        Err(e) => panic!("{e}"),
    };
    loop {
        match reader.next_record() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no problem"),
            Err(ReadError::Format { problem, .. }) => {
                assert!(reader.next_record().unwrap().is_none(), "an error comes once, and then the end");
                return problem;
            }
            Err(e) => panic!("{e}"),
        }
    }
}

/// Stamps and bytes of all frames, then all losses.
fn all(reader: &mut Reader) -> (Vec<(u64, Vec<u8>)>, Vec<Loss>) {
    let mut frames = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        frames.push((record.frame.at_ns, record.frame.bytes.to_vec()));
    }
    (frames, std::iter::from_fn(|| reader.poll_loss()).collect())
}

#[test]
fn what_is_no_capture_is_told_by_its_first_bytes() {
    let open = |bytes: &[u8]| Reader::from_read(Cursor::new(bytes.to_vec()), "x").err().unwrap();
    assert!(matches!(open(b""), ReadError::Empty { .. }));
    assert!(matches!(open(b"GET /"), ReadError::NotACapture { magic, .. } if magic == b"GET "));
    assert!(matches!(open(b"ab"), ReadError::NotACapture { magic, .. } if magic == b"ab"));
    assert!(matches!(Reader::open("/nonexistent/x"), Err(ReadError::Open { .. })));
    assert!(matches!(Reader::open("/"), Err(ReadError::Open { .. })));
}

#[test]
fn every_cut_of_a_file_gives_the_whole_records_and_one_truncation() {
    for file in [build::small_pcap(), build::small_pcapng()] {
        let (whole, losses) = all(&mut read(&file.bytes));
        assert_eq!(losses, []);
        for len in 4..file.bytes.len() {
            let mut reader = read(&file.bytes[..len]);
            let (frames, losses) = all(&mut reader);
            let complete = file.ends.iter().filter(|&&end| end <= len).count();
            assert_eq!(frames, whole[..complete], "cut at {len}");
            let is_at_boundary = file.boundaries.contains(&len);
            let expected = if is_at_boundary { vec![] } else { vec![truncated()] };
            assert_eq!(losses, expected, "cut at {len}");
            assert_eq!(reader.poll_loss(), None);
        }
    }
}

fn truncated() -> Loss {
    Loss { at_ns: 0, cause: LossCause::TruncatedFile, count: 1 }
}
