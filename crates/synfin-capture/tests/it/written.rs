//! What we write, as Wireshark's programs read it.

use std::path::Path;
use std::process::Command;

use synfin_capture::{Block, BlockKind, Loss, LossCause, Merged, Reader, Writer};

use crate::files::{by_tshark, by_us, captures, has, run};

#[test]
fn tshark_reads_what_we_copied() {
    if !has("tshark") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.pcapng");
    let mut merged = Merged::new(captures().iter().map(|path| Reader::open(path).unwrap()).collect());
    let mut writer = Writer::create(&copy).unwrap();
    let mut expected = Vec::new();
    while let Some(record) = merged.next_record().unwrap() {
        let frame = &record.frame;
        expected.push((frame.number, frame.at_ns, frame.bytes.len() as u32, frame.original_len));
        writer.write(&record).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(by_tshark(&copy), expected);
    assert_eq!(by_us(Reader::open(&copy).unwrap()), expected);
}

#[test]
fn wireshark_finds_everything_that_we_write() {
    if !has("tshark") || !has("capinfos") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.pcapng");
    let inputs: Vec<_> = captures().into_iter().take(3).collect();
    if inputs.is_empty() {
        return;
    }
    write_everything(&file, &inputs);

    let mut command = Command::new("capinfos");
    let report = command.arg(&file).output().unwrap();
    assert!(report.status.success() && report.stderr.is_empty(), "{report:?}");
    let report = String::from_utf8(report.stdout).unwrap();
    assert!(report.contains("synfin"), "{report}");
    assert!(report.contains("nanoseconds (9)"), "{report}");
    assert!(report.contains("Number of interfaces in file: 3"), "{report}");

    let fields = ["-T", "fields", "-e", "frame.comment", "-e", "frame.packet_flags_direction"];
    let lines = run(Command::new("tshark").args(["-n", "-r"]).arg(&file).args(fields));
    // Wireshark shows the custom block as a line of its own, before.
    assert!(lines.lines().nth(1).is_some_and(|line| line.contains("the first one – naïve")), "{lines}");
}

fn write_everything(file: &Path, inputs: &[std::path::PathBuf]) {
    let mut merged = Merged::new(inputs.iter().map(|path| Reader::open(path).unwrap()).collect());
    let mut writer = Writer::create(file).unwrap();
    // 192.0.2.1 is called "example", then the end of the records.
    let names = b"\x01\0\x0c\0\xc0\0\x02\x01example\0\0\0\0\0".to_vec();
    writer.write_block(&Block { kind: BlockKind::NameResolution, body: names }).unwrap();
    let secrets = b"KSLT\x0e\0\0\0CLIENT_RANDOM\n\0\0".to_vec();
    writer.write_block(&Block { kind: BlockKind::DecryptionSecrets, body: secrets }).unwrap();
    writer.custom_block(32_473, b"ours").unwrap();
    let mut number = 0;
    while let Some(mut record) = merged.next_record().unwrap() {
        number += 1;
        if number == 1 {
            record.comment = Some("the first one – naïve".into());
        }
        let interface = synfin_capture::Interface {
            name: Some(format!("eth{}", record.frame.interface.0)),
            ..record.interface.clone()
        };
        writer.write_frame(&record.frame, &interface, record.comment.as_deref()).unwrap();
    }
    writer.handle_loss(&Loss { at_ns: 1, cause: LossCause::CaptureBuffer, count: 42 });
    writer.finish().unwrap();
}

#[test]
fn a_file_that_cannot_be_created_is_named() {
    let e = Writer::create("/nonexistent/x.pcapng").err().unwrap();
    assert!(e.to_string().starts_with("/nonexistent/x.pcapng: "), "{e}");
}

/// `/dev/full` takes nothing, as a full disk does.
#[test]
fn a_full_device_is_an_error_and_not_a_panic() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let writer = Writer::create("/dev/full").unwrap();
    let e = writer.finish().unwrap_err();
    assert_eq!((e.name.as_str(), e.source.kind()), ("/dev/full", std::io::ErrorKind::StorageFull));
}
