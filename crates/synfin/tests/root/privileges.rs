//! Rights that are given up once the sources are open, and what still works without them.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::namespace::{self, wait_for};
use crate::ran::{Ran, command};
use crate::rights::copy;
use crate::trace::{Signal, Trace, kill, synfin};

/// Bits of capabilities(7).
const DAC_READ_SEARCH: u64 = 1 << 2;
const KILL: u64 = 1 << 5;
const SYS_PTRACE: u64 = 1 << 19;
const SYS_ADMIN: u64 = 1 << 21;
const LOOKING_AT_PROCESSES: u64 = SYS_PTRACE | DAC_READ_SEARCH;

/// A set of capabilities, from the text of /proc/PID/status.
fn set(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap()
}

/// Waits until every thread of a process has these capabilities, in effect and permitted, and no others.
fn wait_until_only(process: u32, expected: u64) {
    let mut last = Vec::new();
    wait_for(&format!("{expected:x}"), || {
        let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
        let status = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).unwrap());
        last = status
            .map(|text| ["CapEff", "CapPrm", "CapInh", "CapAmb"].map(|name| set(&text, name)))
            .collect();
        last.iter().all(|sets| *sets == [expected, expected, 0, 0]).then_some(())
    });
}

/// Runs on, and gives a line of JSON at a time.
struct Lines {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Lines {
    fn start(args: &[&str]) -> Self {
        let mut process = command(args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines }
    }

    fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "it ended");
            let object: Value = serde_json::from_str(&line).unwrap();
            if is_it(&object) {
                return object;
            }
        }
    }

    /// Ends it as Ctrl-C does: that is fine.
    fn end(mut self) {
        kill(Signal::INT, self.process.id());
        self.lines.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
    }
}

/// A socket in the hands of another user's process.
fn of_another_user(listener: &TcpListener) -> Child {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "1000"]);
    let holder = command.stdin(listener.try_clone().map(OwnedFd::from).unwrap()).spawn().unwrap();
    wait_for("sleep", || {
        let name = fs::read_to_string(format!("/proc/{}/comm", holder.id())).unwrap();
        (name == "sleep\n").then_some(())
    });
    holder
}

#[test]
fn a_trace_keeps_what_it_takes_to_look_at_processes() {
    if !namespace::enter("privileges::a_trace_keeps_what_it_takes_to_look_at_processes") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept");
    let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
    let trace =
        Trace::start(["-i", "any", "tcp port 8080", "-w", file.to_str().unwrap(), "--format", "json"]);
    wait_until_only(trace.process.id(), LOOKING_AT_PROCESSES);
    let client = TcpStream::connect("127.0.0.1:8080").unwrap();
    let (mut server, _) = listener.accept().unwrap();
    drop(client);
    server.read_to_end(&mut Vec::new()).unwrap();
    drop(server);
    let ran = trace.end(Signal::INT);
    ran.fine();
    let connection = ran.connection();
    assert_eq!(connection["ledger"]["open"], 3, "packets still come: {connection}");
    assert_eq!(
        connection["states"]["server"],
        serde_json::json!(["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"])
    );
    assert!(connection["client"]["process"]["pid"].is_u64());
    assert_eq!(ran.objects_of("summary")[0]["packets_dropped"], 0);
    assert!(synfin(["read", file.to_str().unwrap()]).fine().contains("127.0.0.1:8080"));
}

#[test]
fn states_and_sockets_keep_what_they_need() {
    if !namespace::enter("privileges::states_and_sockets_keep_what_they_need") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
    let mut holder = of_another_user(&listener);
    let json = ["-q", "--format", "json"];

    let mut states = Lines::start(&[&["states"], json.as_slice()].concat());
    states.until(|line| line["existing"] == true);
    wait_until_only(states.process.id(), LOOKING_AT_PROCESSES);
    let client = TcpStream::connect("127.0.0.1:8080").unwrap();
    let change = states.until(|line| line["to"] == "ESTABLISHED" && line["remote"]["port"] == 8080);
    assert!(change["process"]["pid"].is_u64(), "{change}");
    states.end();

    for (letters, kept) in [("-antp", LOOKING_AT_PROCESSES), ("-ant", 0)] {
        let watch = ["sockets", letters, "--watch=50ms"];
        let mut sockets = Lines::start(&[watch.as_slice(), json.as_slice()].concat());
        wait_until_only(sockets.process.id(), kept);
        // This round may have begun before; the next one has not.
        for _ in 0..2 {
            sockets.until(|line| line["type"] == "summary");
        }
        let listed = sockets.until(|line| line["state"] == "LISTEN");
        let holders = listed["held_by"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names: Vec<_> = holders.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names.contains(&"sleep"), letters.contains('p'), "{listed}");
        let mut counted = sockets.until(|line| line["type"] == "summary");
        assert_eq!(counted["states"].take(), serde_json::json!({ "LISTEN": 1, "ESTABLISHED": 2 }));
        sockets.end();
    }
    // To come back to another namespace takes more.
    let me = std::process::id().to_string();
    let elsewhere = ["sockets", "-ant", "--watch=50ms", "--netns", me.as_str()];
    let mut sockets = Lines::start(&[elsewhere.as_slice(), json.as_slice()].concat());
    wait_until_only(sockets.process.id(), LOOKING_AT_PROCESSES | SYS_ADMIN);
    for _ in 0..3 {
        assert_eq!(sockets.until(|line| line["type"] == "summary")["sockets"], 3);
    }
    sockets.end();
    drop(client);
    holder.kill().unwrap();
    holder.wait().unwrap();
}

/// The count of what was lost is read from the kernel, and that takes a right on some kernels.
#[test]
fn losses_are_counted_with_what_is_kept() {
    if !namespace::enter("privileges::losses_are_counted_with_what_is_kept") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
    let mut states = Lines::start(&["states", "-q", "--format", "json", "-B", "1", "port 8080"]);
    states.until(|line| line["existing"] == true);
    wait_until_only(states.process.id(), LOOKING_AT_PROCESSES);
    // While nobody empties it, the buffer overflows: it holds some 700 connections.
    kill(Signal::STOP, states.process.id());
    for _ in 0..3_000 {
        let client = TcpStream::connect("127.0.0.1:8080").unwrap();
        drop(listener.accept().unwrap());
        drop(client);
    }
    kill(Signal::CONT, states.process.id());
    let loss = states.until(|line| line["type"] == "loss");
    assert_eq!(loss["what"], "kernel-events");
    assert!(loss["count"].as_u64().is_some_and(|count| count > 1_000), "{loss}");
    states.end();
}

#[test]
fn a_command_has_what_its_user_is_due_and_can_be_ended_as_another_user() {
    if !namespace::enter("privileges::a_command_has_what_its_user_is_due_and_can_be_ended_as_another_user") {
        return;
    }
    let own = set(&fs::read_to_string("/proc/self/status").unwrap(), "CapEff");
    assert_ne!(own & KILL, 0);
    // When the trace has given up its own.
    let script =
        "until grep -q '^CapEff:.*0080024$' /proc/$PPID/status; do :; done; exec grep Cap /proc/self/status";
    let ran = synfin(["trace", "-q", "-i", "lo", "--", "sh", "-c", script]);
    assert_eq!(LOOKING_AT_PROCESSES | KILL, 0x8_0024);
    assert_eq!(set(&ran.fine(), "CapEff"), own);

    // Whoever has no rights has none in there, whatever the program was given.
    let (_folder, program) = copy();
    let set_capabilities = Command::new("setcap").arg("cap_net_raw,cap_net_admin+ep").arg(&program).status();
    if set_capabilities.is_ok_and(|status| status.success()) {
        // Not with --no-new-privs, which makes file capabilities void.
        let mut as_nobody = Command::new("setpriv");
        as_nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        as_nobody.args(["trace", "-q", "-i", "lo", "--", "grep", "Cap", "/proc/self/status"]);
        let ran: Ran = as_nobody.output().unwrap().into();
        assert_eq!(set(&ran.fine(), "CapEff"), 0);
        assert_eq!(set(&ran.stdout, "CapPrm"), 0);
    }

    let mut traced =
        command(["trace", "-i", "lo", "--", "setpriv", "--reuid=65534", "--clear-groups", "sleep", "1000"]);
    let process = traced.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    wait_for("sleep", || {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", process.id())).unwrap();
        let child = children.split_whitespace().next()?.to_owned();
        (fs::read_to_string(format!("/proc/{child}/comm")).ok()? == "sleep\n").then_some(())
    });
    wait_until_only(process.id(), LOOKING_AT_PROCESSES | KILL);
    kill(Signal::INT, process.id());
    let ran: Ran = process.wait_with_output().unwrap().into();
    assert_eq!(ran.status, 128 + 15, "{}", ran.stderr);
}

#[test]
fn the_demonstration_needs_nothing_once_it_has_begun() {
    if !namespace::enter("privileges::the_demonstration_needs_nothing_once_it_has_begun") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ran = synfin(["demo", "-v", "-w", folder.path().join("demo").to_str().unwrap()]);
    assert!(
        ran.stderr.contains("live:\n") && ran.stderr.contains("capabilities kept: none\n"),
        "{}",
        ran.stderr
    );
    let ladder = ran.fine();
    assert!(ladder.starts_with("#1  ") && ladder.matches("synfin[").count() == 2, "{ladder}");
}
