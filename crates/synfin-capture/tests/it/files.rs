//! Where captures come from, and what other programs say about them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use synfin_capture::Reader;

/// One line of what is compared: number, stamp in nanoseconds, captured length, original length.
pub(crate) type Line = (u64, u64, u32, u32);

/// All captures of the shared folder, or none where there is no such folder.
pub(crate) fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if !root.is_dir() {
        println!("skipped: there is no folder {}", root.display());
        return Vec::new();
    }
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.sort();
    assert!(found.len() > 40, "only {} captures", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng") {
            found.push(path);
        }
    }
}

/// Whether a program is installed. In CI it must be.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = found.is_ok();
    assert!(is_there || std::env::var_os("CI").is_none(), "{program} is not installed");
    if !is_there {
        println!("skipped: {program} is not installed");
    }
    is_there
}

/// Runs a program that must succeed, and returns what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn by_tshark(path: &Path) -> Vec<Line> {
    let fields = ["frame.number", "frame.time_epoch", "frame.cap_len", "frame.len"];
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(path).args(["-T", "fields"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let lines = run(&mut command);
    lines.lines().map(parse_line).collect()
}

fn parse_line(line: &str) -> Line {
    let fields: Vec<&str> = line.split('\t').collect();
    let [number, time, captured, original] = fields[..] else { panic!("{line:?}") };
    let (seconds, fraction) = time.split_once('.').unwrap();
    assert_eq!(fraction.len(), 9);
    let at_ns = seconds.parse::<u64>().unwrap() * 1_000_000_000 + fraction.parse::<u64>().unwrap();
    (number.parse().unwrap(), at_ns, captured.parse().unwrap(), original.parse().unwrap())
}

pub(crate) fn by_us(mut reader: Reader) -> Vec<Line> {
    let mut lines = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        let frame = record.frame;
        lines.push((frame.number, frame.at_ns, frame.bytes.len() as u32, frame.original_len));
    }
    let loss = reader.poll_loss();
    assert!(loss.is_none(), "{}: {loss:?}", reader.name());
    lines
}
