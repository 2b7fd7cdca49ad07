//! What `synfin read` reads, and what of it it shows.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::made;
use crate::run::{rows, synfin};

fn of_type<'a>(objects: &'a [Value], name: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["type"] == name).collect()
}

#[test]
fn several_files_are_read_as_one() {
    let folder = made::folder();
    let read = |files: &[&str]| {
        let args = ["read", "--format", "json", "--show", "connections,packets,messages,states"];
        synfin(folder.path(), args.iter().chain(files)).fine()
    };
    let merged = read(&["one.pcapng", "two.pcapng"]);
    assert_eq!(merged, read(&["all.pcapng"]));
    assert_eq!(merged, read(&["two.pcapng", "one.pcapng"]));
    assert_eq!(merged.lines().filter(|line| line.contains(r#""type":"connection""#)).count(), 6);
}

#[test]
fn packed_files_are_read_like_plain_ones() {
    let folder = made::folder();
    let plain = synfin(folder.path(), ["read", "one.pcapng"]).fine();
    for (program, packed) in [("gzip", "one.gz"), ("zstd", "one.zst")] {
        let output = Command::new(program)
            .args(["-q", "-c"])
            .arg(folder.path().join("one.pcapng"))
            .output()
            .expect("`make test` installs it");
        assert!(output.status.success());
        made::write(folder.path(), packed, &output.stdout);
        assert_eq!(synfin(folder.path(), ["read", packed]).fine(), plain);
    }
}

#[test]
fn a_filter_leaves_only_what_it_matches() {
    let folder = made::folder();
    let read =
        |args: &[&str]| synfin(folder.path(), ["read", "all.pcapng", "--format", "json"].iter().chain(args));
    let objects = read(&["tcp port 1003"]).objects();
    let connections = of_type(&objects, "connection");
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0]["client"]["port"], 1003);
    assert_eq!(of_type(&objects, "summary")[0]["packets"], made::PACKETS);
    // Several words are one filter.
    assert_eq!(of_type(&read(&["port", "1003", "or", "port", "1004"]).objects(), "connection").len(), 2);
    // Only the numbers of packets that match count.
    let nothing = read(&["port 9"]);
    assert_eq!((nothing.status, nothing.stdout.lines().count()), (1, 1), "a summary alone");
}

#[test]
fn a_connection_is_chosen_by_its_number() {
    let folder = made::folder();
    let read = |args: &[&str]| synfin(folder.path(), ["read", "all.pcapng"].iter().chain(args));
    let ladder = read(&["--connection", "3"]).fine();
    assert!(ladder.starts_with("#3  10.0.0.1:1003"), "{ladder}");
    assert_eq!(ladder.matches("SYN,ACK").count(), 1);
    assert_eq!(read(&["--connection", "3", "--show", "packets"]).fine().lines().count(), made::PACKETS);
    let objects =
        read(&["--connection", "2", "--connection", "5", "--format", "json", "--show", "connections"])
            .objects();
    let ids: Vec<_> = of_type(&objects, "connection").iter().map(|object| object["id"].clone()).collect();
    assert_eq!(ids, [2, 5]);
    let none = read(&["--connection", "7"]);
    assert_eq!((none.status, none.stdout.as_str()), (1, ""));
    assert_eq!(
        none.stderr,
        "6 connections, none of them shown, 60 packets\nthere is no connection 7: the last one is 6\n"
    );
    let some = read(&["--connection", "0", "--connection", "6"]);
    assert_eq!((some.status, some.stdout.matches("SYN,ACK").count()), (0, 1));
    assert_eq!(
        some.stderr,
        "6 connections, 1 of them shown, 60 packets\nthere is no connection 0: the last one is 6\n"
    );
    let nothing = read(&["port 9", "--connection", "1"]);
    assert!(nothing.stderr.ends_with("\nthere is no connection 1: there are none\n"), "{}", nothing.stderr);
}

#[test]
fn everything_can_be_shown_in_every_format() {
    let folder = made::folder();
    for (what, r#type, count) in [
        ("connections", "connection", 3),
        ("ladder", "connection", 3),
        ("packets", "packet", 3 * made::PACKETS),
        ("messages", "message", 3 * 2),
        ("states", "state", 3 * 10),
        ("findings", "finding", 0),
    ] {
        let read =
            |format| synfin(folder.path(), ["read", "one.pcapng", "--show", what, "--format", format]).fine();
        let text = read("text");
        assert_eq!(text.is_empty(), count == 0, "{what}: {text}");
        let json: Vec<Value> = read("json").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(of_type(&json, r#type).len(), count, "{what}");
        assert_eq!(json.last().unwrap()["type"], "summary");
        let csv = read("csv");
        assert_eq!(csv.lines().count(), 1 + count, "{what}: {csv}");
    }
    let both = synfin(folder.path(), ["read", "one.pcapng", "--show", "packets,ladder"]).fine();
    assert!(both.contains("SYN-SENT") && both.lines().count() > 3 * made::PACKETS);
}

#[test]
fn output_goes_to_a_file_where_one_is_named() {
    let folder = made::folder();
    let printed = synfin(folder.path(), ["read", "one.pcapng", "--connection", "1"]).fine();
    let ran = synfin(folder.path(), ["read", "one.pcapng", "--connection", "1", "-o", "ladder.txt"]);
    assert_eq!(ran.fine(), "");
    assert_eq!(fs::read_to_string(folder.path().join("ladder.txt")).unwrap(), printed);
}

#[test]
fn packets_that_match_are_written_and_read_back() {
    let folder = made::folder();
    synfin(folder.path(), ["read", "all.pcapng", "port 1002", "-w", "written.pcapng"]).fine();
    let read = |file, filter: &[&str]| {
        let args = ["read", file, "--format", "json", "--show", "packets,messages,states"];
        synfin(folder.path(), args.iter().chain(filter)).objects()
    };
    let (written, filtered) = (read("written.pcapng", &[]), read("all.pcapng", &["port 1002"]));
    assert_eq!(of_type(&written, "packet").len(), made::PACKETS);
    assert_eq!(of_type(&written, "state").len(), of_type(&filtered, "state").len());
    let output = Command::new("tshark")
        .args(["-r", "written.pcapng", "-Y", "frame.comment", "-T", "fields", "-e", "frame.comment"])
        .current_dir(folder.path())
        .output()
        .expect("`make test` installs it");
    let comments = String::from_utf8(output.stdout).unwrap();
    assert_eq!(comments, "synfin #1: GET /page\nsynfin #1: 200 OK\n");
}

#[test]
fn checksums_are_checked_when_asked_for() {
    let folder = made::folder();
    let mut packets = made::exchange(1_001, 1);
    packets[3].spoil();
    made::write(folder.path(), "spoilt.pcapng", &made::capture(packets));
    let summary = |args: &[&str]| {
        let args = ["read", "spoilt.pcapng", "--format", "json"].iter().chain(args);
        let objects = synfin(folder.path(), args).objects();
        (objects.last().unwrap()["packets"].clone(), objects.last().unwrap()["bad_checksums"].clone())
    };
    assert_eq!(summary(&[]), (10.into(), 0.into()));
    assert_eq!(summary(&["--checksums", "check"]), (9.into(), 1.into()));
}

#[test]
fn what_is_broken_costs_nothing_that_was_read() {
    let folder = made::folder();
    let mut cut = fs::read(folder.path().join("one.pcapng")).unwrap();
    cut.truncate(cut.len() / 2);
    made::write(folder.path(), "cut.pcapng", &cut);
    let ran = synfin(folder.path(), ["read", "cut.pcapng"]);
    assert!(ran.stderr.contains("1 file broke off in the middle of a record"), "{}", ran.stderr);
    assert_eq!(rows(&ran.fine()), 2, "one and a half of three connections");

    // A block whose length is no length: its file cannot be read on, the other one can.
    let mut broken = made::capture(made::exchange(1_001, 1));
    broken.extend([6, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    made::write(folder.path(), "broken.pcapng", &broken);
    let ran = synfin(folder.path(), ["read", "broken.pcapng", "two.pcapng", "--format", "json"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("synfin: cannot read on: broken.pcapng: at byte"), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().filter(|line| line.contains(r#""type":"connection""#)).count(), 4);
}

#[test]
fn the_footer_is_left_out_when_quiet() {
    let folder = made::folder();
    assert_eq!(synfin(folder.path(), ["read", "one.pcapng"]).stderr, "3 connections, 30 packets\n");
    assert_eq!(synfin(folder.path(), ["read", "one.pcapng", "-q"]).stderr, "");
}
