//! The same frames as tshark, in every form a capture can be had in.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use synfin_capture::{Merged, Reader};

use crate::files::{by_tshark, by_us, captures, has, run};

#[test]
fn every_capture_is_read_as_tshark_reads_it() {
    if !has("tshark") {
        return;
    }
    let compare = |path: &Path| {
        let expected = by_tshark(path);
        assert_eq!(by_us(Reader::open(path).unwrap()), expected, "mapped: {}", path.display());
        let stream = File::open(path).unwrap();
        assert_eq!(by_us(Reader::from_read(stream, "stream").unwrap()), expected, "read: {}", path.display());
    };
    // Starting tshark is what takes the time.
    std::thread::scope(|scope| {
        for group in captures().chunks(12) {
            let group = group.to_vec();
            scope.spawn(move || group.iter().for_each(|path| compare(path)));
        }
    });
}

#[test]
fn every_capture_in_another_format_is_the_same() {
    if !has("editcap") || !has("gzip") || !has("zstd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for path in captures() {
        let expected = by_us(Reader::open(&path).unwrap());
        let (nano, micro) = (folder.path().join("nano.pcap"), folder.path().join("ng.pcapng"));
        run(Command::new("editcap").args(["-F", "nsecpcap"]).args([&path, &nano]));
        run(Command::new("editcap").args(["-F", "pcapng"]).args([&path, &micro]));
        for converted in [nano, micro] {
            assert_eq!(by_us(Reader::open(&converted).unwrap()), expected, "{}", converted.display());
            run(Command::new("gzip").args(["-k", "-f"]).arg(&converted));
            run(Command::new("zstd").args(["-k", "-f", "-q"]).arg(&converted));
            for extension in ["gz", "zst"] {
                let packed = format!("{}.{extension}", converted.display());
                assert_eq!(by_us(Reader::open(&packed).unwrap()), expected, "{packed}");
            }
        }
    }
}

#[test]
fn merged_captures_are_in_mergecaps_order() {
    if !has("mergecap") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let merged_file = folder.path().join("merged.pcapng");
    for group in captures().chunks(7) {
        run(Command::new("mergecap").arg("-w").arg(&merged_file).args(group));
        let expected: Vec<(u64, u64, Vec<u8>)> = frames(vec![Reader::open(&merged_file).unwrap()]);
        let ours = frames(group.iter().map(|path| Reader::open(path).unwrap()).collect());
        assert_eq!(ours.len(), expected.len());
        for (ours, expected) in ours.iter().zip(&expected) {
            assert_eq!(ours, expected, "{group:?}");
        }
    }
}

fn frames(readers: Vec<Reader>) -> Vec<(u64, u64, Vec<u8>)> {
    let mut merged = Merged::new(readers);
    let mut frames = Vec::new();
    while let Some(record) = merged.next_record().unwrap() {
        frames.push((record.frame.number, record.frame.at_ns, record.frame.bytes.to_vec()));
    }
    frames
}

#[test]
fn a_file_is_the_same_mapped_and_while_it_is_written() {
    for path in captures().into_iter().take(5) {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        fs::copy(&path, &copy).unwrap();
        let fresh = by_us(Reader::open(&copy).unwrap());
        set_age(&copy, Duration::from_secs(3600));
        assert_eq!(by_us(Reader::open(&copy).unwrap()), fresh);
    }
}

fn set_age(path: &Path, age: Duration) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}
