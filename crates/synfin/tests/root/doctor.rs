//! `synfin doctor`: as root, as anybody, and where the kernel is hidden.

use std::process::Command;

use crate::namespace::{self, ip};
use crate::rights::{as_nobody, copy};
use crate::trace::synfin;

/// Each thing that is looked at, with what is said below it.
fn things(text: &str) -> Vec<(&str, &str, Vec<&str>)> {
    let mut things: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if let Some(more) = line.strip_prefix("          ") {
            things.last_mut().unwrap().2.push(more.trim_start());
        } else if let Some(thing) = line.strip_prefix("  ") {
            let (word, rest) = thing.split_at(9);
            things.push((word.trim(), rest, Vec::new()));
        }
    }
    things
}

#[test]
fn as_root_everything_works_and_every_line_says_what_it_is_for() {
    if !namespace::enter("doctor::as_root_everything_works_and_every_line_says_what_it_is_for") {
        return;
    }
    let ran = synfin(["doctor"]);
    let text = ran.fine();
    assert!(text.ends_with("\neverything works\n"), "{text}");
    let things = things(&text);
    assert!(things.len() > 20, "{text}");
    for (word, rest, _) in &things {
        assert!(["ok", "few"].contains(word), "{rest}");
        let (name, gives) = rest.split_at(20);
        assert!(!name.trim().is_empty() && gives.split_whitespace().count() >= 2, "{rest}");
    }
    for name in [
        "cap_bpf",
        "interfaces",
        "types (BTF)",
        "owners",
        "handshakes",
        "drops",
        "timers",
        "forks",
        "open files",
        "ephemeral ports",
    ] {
        assert!(things.iter().any(|(_, rest, _)| rest.starts_with(name)), "{name}: {text}");
    }
    let verbose = synfin(["doctor", "-v"]).fine();
    assert!(verbose.lines().filter(|line| line.trim_start().starts_with("without it: ")).count() > 15);
}

#[test]
fn as_anybody_it_says_what_is_missing_and_what_to_type() {
    if !namespace::enter("doctor::as_anybody_it_says_what_is_missing_and_what_to_type") {
        return;
    }
    let (_folder, program) = copy();
    let ran = as_nobody(&program, &["doctor"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, ""), "{}", ran.stdout);
    let things = things(&ran.stdout);
    let missing: Vec<_> = things.iter().filter(|(word, ..)| *word == "MISSING").collect();
    for name in ["cap_net_raw", "cap_bpf", "any", "lo", "events", "processes"] {
        let (_, rest, more) =
            missing.iter().find(|(_, rest, _)| rest.split(' ').next() == Some(name)).unwrap();
        assert!(more.iter().any(|line| line.starts_with("without it: ")), "{rest}");
    }
    let hints: Vec<_> = missing
        .iter()
        .flat_map(|(.., more)| more.iter().filter_map(|line| line.strip_prefix("hint: ")))
        .collect();
    let name = program.to_str().unwrap();
    assert!(hints.iter().all(|hint| hint.contains("sudo setcap cap_") && hint.ends_with(name)), "{hints:#?}");
    assert!(hints.len() >= 4, "{hints:#?}");
    let last = ran.stdout.lines().last().unwrap();
    assert_eq!(last, format!("{} things are missing", missing.len()));
    // What works for anybody.
    assert!(things.iter().any(|(word, rest, _)| *word == "ok" && rest.starts_with("snapshots")));
}

#[test]
fn what_the_hint_says_is_enough() {
    if !namespace::enter("doctor::what_the_hint_says_is_enough") {
        return;
    }
    let (_folder, program) = copy();
    let ran = as_nobody(&program, &["doctor"]);
    let hint = ran.stdout.lines().find_map(|line| line.split_once("or once: sudo ")).unwrap().1;
    let set = Command::new("sh").args(["-c", hint]).status();
    if !set.is_ok_and(|status| status.success()) {
        println!("skipped: setcap does not work here");
        return;
    }
    // Not with --no-new-privs, which makes file capabilities void.
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).arg("doctor");
    let ran: crate::ran::Ran = command.output().unwrap().into();
    assert!(!ran.stdout.contains("MISSING"), "{}", ran.stdout);
    assert_eq!(ran.status, 0);
}

#[test]
fn where_the_kernel_is_hidden_nothing_breaks() {
    if !namespace::enter("doctor::where_the_kernel_is_hidden_nothing_breaks") {
        return;
    }
    for hidden in ["/sys/kernel", "/sys"] {
        assert!(Command::new("mount").args(["-t", "tmpfs", "none", hidden]).status().unwrap().success());
        let ran = synfin(["doctor"]);
        assert_eq!((ran.status, ran.stderr.as_str()), (1, ""), "{hidden}: {}", ran.stdout);
        let things = things(&ran.stdout);
        let (.., more) =
            things.iter().find(|(word, rest, _)| *word == "MISSING" && rest.starts_with("types")).unwrap();
        assert!(more.iter().any(|line| line.starts_with("why: /sys/kernel/btf/vmlinux: ")), "{more:?}");
        // What does not need it goes on.
        let ran = synfin(["states", "--duration", "1s"]);
        assert_eq!(ran.status, 2);
        assert!(
            ran.stderr
                .starts_with("synfin: cannot watch the kernel's TCP: the kernel does not describe its types")
        );
        assert!(ran.stderr.contains("\nhint: synfin doctor "), "{}", ran.stderr);
        synfin(["demo", "-q", "-w", "/dev/null"]).fine();
    }
    ip("link set lo down");
    let ran = synfin(["doctor"]);
    let things = things(&ran.stdout);
    let (_, rest, more) =
        things.iter().find(|(word, rest, _)| *word == "MISSING" && rest.starts_with("lo ")).unwrap();
    assert!(more.contains(&"hint: sudo ip link set lo up"), "{rest}: {more:?}");
}
