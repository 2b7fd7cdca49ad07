//! tshark beside us: what it says of the same bytes.

use std::path::PathBuf;
use std::process::Command;

use crate::story::Story;
use crate::wire::{Wire, pcap};

/// A file that goes when it is done with.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// The values of `fields` for each frame; `None` without tshark. `name` is the test's own.
pub(crate) fn read(wire: &Wire, name: &str, fields: &[&str]) -> Option<Vec<Vec<String>>> {
    let path = std::env::temp_dir().join(format!("synfin-flow-{}-{name}.pcap", std::process::id()));
    let scratch = Scratch(path);
    std::fs::write(&scratch.0, pcap(&wire.frames)).unwrap();
    let mut command = Command::new("tshark");
    command.arg("-r").arg(&scratch.0).args(["-T", "fields"]);
    fields.iter().for_each(|field| {
        command.args(["-e", field]);
    });
    let Ok(output) = command.output() else {
        assert!(std::env::var_os("CI").is_none(), "tshark is missing");
        println!("skipped: there is no tshark");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

/// Compares relative numbers and lengths, which tshark counts modulo 2^32.
#[track_caller]
pub(crate) fn same_numbers(wire: &Wire, story: &Story, name: &str) {
    let Some(theirs) = read(wire, name, &["frame.number", "tcp.seq", "tcp.ack", "tcp.len"]) else { return };
    let ours: Vec<_> = story
        .packets
        .iter()
        .map(|(_, packet)| {
            let ack = packet.ack.unwrap_or_default();
            [packet.n as u32, packet.seq as u32, ack as u32, packet.len]
                .map(|number| number.to_string())
                .to_vec()
        })
        .collect();
    assert_eq!(theirs, ours);
}
