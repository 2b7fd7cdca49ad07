//! Captures that are still being written: each frame comes out when its bytes are in, and not a byte later.

use std::io::{Write, pipe};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use synfin_capture::{LossCause, Reader};

use crate::packing::numbered;

/// Writes each piece only after the frame before was read. If the reader wanted more than it needs, this would hang.
#[test]
fn a_pipe_gives_every_frame_at_once() {
    let file = numbered(100);
    let (from, mut to) = pipe().unwrap();
    to.write_all(&file[..24]).unwrap();
    let mut reader = Reader::from_read(from, "pipe").unwrap();
    for (n, record) in file[24..].chunks(20).enumerate() {
        // In two pieces, cut at another place each time.
        let (head, tail) = record.split_at(1 + n % 19);
        to.write_all(head).unwrap();
        to.write_all(tail).unwrap();
        let frame = reader.next_record().unwrap().unwrap().frame;
        assert_eq!(frame.bytes, (n as u32).to_le_bytes());
    }
    to.write_all(&[1, 2, 3]).unwrap();
    drop(to);
    assert!(reader.next_record().unwrap().is_none());
    assert_eq!(reader.poll_loss().map(|loss| loss.cause), Some(LossCause::TruncatedFile));
}

#[test]
fn a_packed_pipe_gives_every_frame_that_was_flushed() {
    fn check<W: Write>(reader: impl std::io::Read + Send + 'static, mut packed: W) {
        let file = numbered(50);
        packed.write_all(&file[..24]).unwrap();
        packed.flush().unwrap();
        let mut reader = Reader::from_read(reader, "pipe").unwrap();
        for (n, record) in file[24..].chunks(20).enumerate() {
            packed.write_all(record).unwrap();
            packed.flush().unwrap();
            let frame = reader.next_record().unwrap().unwrap().frame;
            assert_eq!(frame.bytes, (n as u32).to_le_bytes());
        }
    }
    let (from, to) = pipe().unwrap();
    check(from, GzEncoder::new(to, Compression::fast()));
    let (from, to) = pipe().unwrap();
    check(from, zstd::Encoder::new(to, 1).unwrap());
}

/// The test binary itself, run as a child, reads its standard input.
#[test]
fn standard_input_is_a_dash() {
    if std::env::var_os("SYNFIN_READS_STDIN").is_some() {
        let mut reader = Reader::open("-").unwrap();
        let mut frames = 0;
        while reader.next_record().unwrap().is_some() {
            frames += 1;
        }
        assert_eq!((frames, reader.name()), (70, "standard input"));
        return;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "streams::standard_input_is_a_dash"]).env("SYNFIN_READS_STDIN", "1");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&numbered(70)).unwrap();
    assert!(child.wait().unwrap().success());
}
