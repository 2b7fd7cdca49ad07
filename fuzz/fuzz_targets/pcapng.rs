//! Any bytes at all are read to an end, or to an error, by the reader of capture files: pcap, pcapng, and either of
//! them inside gzip or zstd.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use synfin_capture::Reader;

fuzz_target!(|input: &[u8]| {
    let Ok(mut reader) = Reader::from_read(Cursor::new(input.to_vec()), "fuzz") else { return };
    let mut last = 0;
    while let Ok(Some(record)) = reader.next_record() {
        assert!(record.frame.number > last, "frames are counted");
        last = record.frame.number;
    }
    while reader.poll_loss().is_some() {}
});
