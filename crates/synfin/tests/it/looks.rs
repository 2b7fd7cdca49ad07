//! Colours, characters and columns: what a terminal gets, and what everything else gets.

use std::path::Path;

use crate::made;
use crate::run::{Ran, command, on_terminal, synfin};

const ESCAPE: char = '\x1b';

const LADDER: [&str; 4] = ["read", "one.pcapng", "--connection", "1"];

fn with(variable: &str, value: &str, more: &[&str]) -> Ran {
    let folder = made::folder();
    let mut command = command(folder.path(), LADDER.iter().chain(more));
    command.env(variable, value).output().unwrap().into()
}

#[test]
fn without_a_terminal_there_are_no_escape_sequences_unless_asked_for() {
    let folder = made::folder();
    let read = |more: &[&str]| synfin(folder.path(), LADDER.iter().chain(more));
    let plain = read(&[]);
    assert!(!plain.stdout.contains(ESCAPE) && !plain.stderr.contains(ESCAPE));
    let colored = read(&["--color", "always"]).fine();
    assert!(colored.contains(ESCAPE));
    assert_eq!(without_sequences(&colored), plain.stdout, "colours change nothing else");
    assert!(!read(&["--color", "never"]).fine().contains(ESCAPE));
    let json = read(&["--color", "always", "--format", "json"]).fine();
    assert!(!json.contains(ESCAPE), "programs get no colours");
    let error = synfin(folder.path(), ["read", "absent"]).stderr + &synfin(folder.path(), ["--help"]).fine();
    assert!(!error.contains(ESCAPE));
}

/// Without what ECMA-48 calls select graphic rendition.
fn without_sequences(text: &str) -> String {
    let mut parts = text.split(ESCAPE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}

#[test]
fn a_terminal_gets_colours_unless_told_otherwise() {
    let folder = made::folder();
    let read = |more: &str| on_terminal(folder.path(), &format!("{} {more}", LADDER.join(" ")));
    let Some(auto) = read("") else { return };
    assert!(auto.fine().contains(ESCAPE));
    assert!(!read("--color never").unwrap().fine().contains(ESCAPE));
    for (variable, value, is_colored) in
        [("NO_COLOR", "1", false), ("NO_COLOR", "", true), ("TERM", "dumb", false)]
    {
        let inner = format!("env {variable}={value} {} {}", crate::run::SYNFIN, LADDER.join(" "));
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &inner, "/dev/null"]).current_dir(folder.path());
        command.env("TERM", "xterm").env("SHELL", "/bin/sh").env_remove("NO_COLOR");
        let ran: Ran = command.output().unwrap().into();
        assert_eq!(ran.fine().contains(ESCAPE), is_colored, "{variable}={value}");
    }
}

#[test]
fn ascii_means_ascii() {
    let folder = made::folder();
    let show = "packets,ladder,messages,states,connections";
    let ran = synfin(folder.path(), ["read", "one.pcapng", "--ascii", "--show", show]);
    assert!(ran.stderr.is_ascii() && ran.fine().is_ascii());
    assert!(!synfin(folder.path(), LADDER).fine().is_ascii());
}

#[test]
fn ladders_are_as_wide_as_columns_says() {
    let width = |ran: Ran| ran.fine().lines().map(|line| line.chars().count()).max().unwrap();
    let folder = made::folder();
    assert!((70..=80).contains(&width(synfin(folder.path(), LADDER))), "80 where nothing is known");
    assert!((110..=120).contains(&width(with("COLUMNS", "120", &[]))));
    assert!(width(with("COLUMNS", "1", &[])) <= 60);
    assert!(width(with("COLUMNS", "wide", &[])) <= 80);
    // A terminal knows its own width.
    let Some(ran) = on_terminal(folder.path(), &LADDER.join(" ")) else { return };
    let text = without_sequences(&ran.fine());
    let widest = text.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
    assert!((90..=100).contains(&widest), "{widest}: {text}");
}

#[test]
fn lines_of_lists_never_wrap_on_a_terminal_and_are_whole_elsewhere() {
    let folder = made::folder();
    let args = "read one.pcapng --show packets,messages,states,connections --color never";
    let whole = synfin(folder.path(), args.split(' ')).fine();
    let Some(ran) = on_terminal(folder.path(), args) else { return };
    let fitted = ran.fine();
    assert!(fitted.lines().all(|line| line.chars().count() <= 100), "{fitted}");
    let packets = |text: &str| text.lines().filter(|line| line.contains(" seq=")).count();
    assert_eq!((packets(&whole), packets(&fitted)), (3 * made::PACKETS, 3 * made::PACKETS));
    let windows = |text: &str| text.matches(" win=").count();
    assert_eq!((windows(&whole), windows(&fitted)), (3 * made::PACKETS, 3 * 2), "only those of a SYN");
}

#[test]
fn times_of_day_are_those_of_the_time_zone() {
    let folder = made::folder();
    let args = ["read", "one.pcapng", "--show", "packets", "--clock"];
    let ran: Ran = command(folder.path(), args).env("TZ", "Asia/Tokyo").output().unwrap().into();
    let first = ran.fine();
    // The first packet comes 1.001 s after the epoch, when it was nine in Tokyo.
    assert!(first.lines().next().unwrap().contains("09:00:01.001"), "{first}");
}

/// A file large enough to wait for: few packets of TCP, and much that is none.
fn large_file(folder: &Path) {
    let noise = (0..2_500).map(|n| made::noise(30_000, 2_000_000_000 + n));
    let packets = made::exchange(1_001, 1).into_iter().chain(noise);
    made::write(folder, "large.pcapng", &made::capture(packets));
}

#[test]
fn a_progress_bar_is_for_terminals_only() {
    let folder = made::folder();
    large_file(folder.path());
    // Shows nothing of its own, so that the bar stays to the end.
    let args = "read large.pcapng --show findings";
    assert_eq!(
        synfin(folder.path(), args.split(' ')).stderr,
        "1 connection, 10 packets in 2,510 frames, 2,500 not TCP\n"
    );
    let Some(ran) = on_terminal(folder.path(), args) else { return };
    assert!(ran.stdout.contains("MiB"), "{:?}", ran.stdout);
    let quiet = on_terminal(folder.path(), &format!("{args} -q")).unwrap();
    assert_eq!(quiet.fine(), "");
    let small = on_terminal(folder.path(), "read one.pcapng --show findings").unwrap();
    assert_eq!(small.fine(), "3 connections, 30 packets\r\n");
    // Its line is cleared before the first one is printed.
    let table = on_terminal(folder.path(), "read large.pcapng --color never --show packets").unwrap();
    let first = table.stdout.lines().find(|line| line.contains("SYN")).unwrap();
    assert!(first.split("\x1b[2K").last().is_some_and(|line| !line.contains("MiB")), "{first:?}");
}
