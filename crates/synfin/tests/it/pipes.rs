//! Standard input and output as pipes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use crate::made;
use crate::run::{Ran, command, rows, synfin};

#[test]
fn packets_appear_before_the_writer_ends() {
    let folder = made::folder();
    let file = std::fs::read(folder.path().join("one.pcapng")).unwrap();
    let args = ["read", "-", "--show", "packets,connections", "--format", "json"];
    let mut process =
        command(folder.path(), args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    // More than the first of three connections, in pieces that cut records in two.
    let (first, rest) = file.split_at(file.len() / 2);
    for piece in first.chunks(97) {
        input.write_all(piece).unwrap();
    }
    let mut shown = String::new();
    for _ in 0..made::PACKETS {
        output.read_line(&mut shown).unwrap();
    }
    assert_eq!(shown.lines().count(), made::PACKETS);
    // Only now does the rest come.
    input.write_all(rest).unwrap();
    drop(input);
    output.read_to_string(&mut shown).unwrap();
    assert!(process.wait().unwrap().success());
    let whole =
        synfin(folder.path(), ["read", "one.pcapng", "--show", "packets,connections", "--format", "json"]);
    assert_eq!(shown, whole.fine());
}

#[test]
fn standard_input_may_be_a_file_and_one_of_several() {
    let folder = made::folder();
    let input = File::open(folder.path().join("one.pcapng")).unwrap();
    let ran: Ran = command(folder.path(), ["read", "-", "two.pcapng"]).stdin(input).output().unwrap().into();
    assert_eq!(ran.fine(), synfin(folder.path(), ["read", "all.pcapng"]).fine());
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let folder = made::folder();
    // More than a pipe holds.
    let many = (0..200).flat_map(|n| made::exchange(2_000 + n, 1 + u64::from(n)));
    made::write(folder.path(), "many.pcapng", &made::capture(many));
    for args in [
        &["read", "many.pcapng", "--show", "packets"][..],
        &["read", "many.pcapng", "--format", "json", "--show", "packets"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
    ] {
        let mut process =
            command(folder.path(), args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(1, process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // Standard output is closed here, as by `| head -1`.
        let ran: Ran = process.wait_with_output().unwrap().into();
        assert!(!line.is_empty(), "{args:?}");
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn a_full_disk_is_an_error_and_what_was_shown_stays() {
    let folder = made::folder();
    let ran = synfin(folder.path(), ["read", "one.pcapng", "-w", "/dev/full"]);
    assert_eq!(ran.status, 2);
    assert_eq!(ran.stdout, "", "it is said before anything begins");
    assert!(
        ran.stderr.contains("synfin: cannot write packets: /dev/full: No space left on device"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("\nhint: "), "{}", ran.stderr);

    let ran = synfin(folder.path(), ["read", "one.pcapng", "-o", "/dev/full", "-w", "kept.pcapng"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("synfin: cannot write /dev/full: No space left on device"), "{}", ran.stderr);
    let kept = synfin(folder.path(), ["read", "kept.pcapng"]).fine();
    assert_eq!(rows(&kept), 3, "{kept}");
}

/// What asks the kernel writes on its own ways.
#[cfg(feature = "kernel")]
#[test]
fn a_list_of_sockets_that_finds_no_room_says_what_it_could_not_write() {
    let folder = made::folder();
    let ran = synfin(folder.path(), ["sockets", "-an", "-o", "/dev/full"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("synfin: cannot write /dev/full: No space left on device"), "{}", ran.stderr);
}
