//! `synfin states`.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::namespace;
use crate::ran::{Ran, command};
use crate::rights::{as_nobody, copy};
use crate::trace::{SYNFIN, Signal, kill};

/// Watches, and gives a line at a time.
struct Watch {
    process: Child,
    lines: BufReader<ChildStdout>,
    seen: Vec<Value>,
}

impl Watch {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(SYNFIN);
        command.args(["states", "-q", "--format", "json"]).args(args).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines, seen: Vec::new() }
    }

    /// Reads until such a line has come.
    fn until(&mut self, is_it: impl Fn(&Value) -> bool) {
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "it ended: {:#?}", self.seen);
            let object: Value = serde_json::from_str(&line).unwrap();
            let is_found = is_it(&object);
            self.seen.push(object);
            if is_found {
                return;
            }
        }
    }

    /// Ends it as Ctrl-C does, and gives all that it said.
    fn end(mut self) -> Vec<Value> {
        kill(Signal::INT, self.process.id());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        self.seen.extend(rest.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
        self.seen
    }
}

/// The changes of the endpoint at this address, one after the other.
fn chain(lines: &[Value], local: SocketAddr, remote: SocketAddr) -> String {
    let is = |end: &Value, address: SocketAddr| {
        end["ip"] == address.ip().to_string().as_str() && end["port"] == address.port()
    };
    let mut chain = String::new();
    for line in lines.iter().filter(|line| line["type"] == "state" && line["existing"].is_null()) {
        if is(&line["local"], local) && is(&line["remote"], remote) {
            let (from, to) = (line["from"].as_str().unwrap(), line["to"].as_str().unwrap());
            let is_joined = chain.is_empty() || chain.ends_with(from);
            assert!(is_joined, "{from} does not follow {chain}");
            if chain.is_empty() {
                chain += from;
            }
            chain += " ";
            chain += to;
            assert_eq!(line["source"], "kernel");
        }
    }
    chain
}

#[test]
fn every_change_of_both_ends_and_what_was_there_before() {
    if !namespace::enter("states::every_change_of_both_ends_and_what_was_there_before") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
    let server = listener.local_addr().unwrap();
    let other = TcpListener::bind("127.0.0.1:8081").unwrap();
    let mut watch = Watch::start(&["tcp", "port", "8080"]);
    watch.until(|line| line["existing"] == true);
    // A connection that the filter leaves out.
    drop(TcpStream::connect(other.local_addr().unwrap()).unwrap());
    let stream = TcpStream::connect(server).unwrap();
    let client = stream.local_addr().unwrap();
    let (mut accepted, _) = listener.accept().unwrap();
    drop(stream);
    accepted.read_to_end(&mut Vec::new()).unwrap();
    drop(accepted);
    watch.until(|line| line["to"] == "TIME-WAIT");
    watch.until(|line| line["to"] == "CLOSED");
    let lines = watch.end();
    assert_eq!(chain(&lines, client, server), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT");
    assert_eq!(chain(&lines, server, client), "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED");
    assert_eq!(lines[0]["to"], "LISTEN");
    assert_eq!(lines[0]["local"]["port"], 8080);
    assert!(lines.iter().all(|line| line["local"]["port"] != 8081 && line["remote"]["port"] != 8081));
    let summary = lines.last().unwrap();
    assert_eq!(
        (&summary["type"], &summary["changes"], &summary["events_lost"]),
        (&"summary".into(), &10.into(), &0.into())
    );
    let last = lines.iter().rfind(|line| line["to"] == "CLOSED").unwrap();
    assert!(last["in_state_ns"].as_u64().is_some_and(|ns| ns > 0));
    assert!(last["counters"]["segments_in"].as_u64().is_some_and(|count| count > 0), "{last}");
}

#[test]
fn nothing_to_see_is_said_by_the_status() {
    if !namespace::enter("states::nothing_to_see_is_said_by_the_status") {
        return;
    }
    let run = |args: &[&str]| Command::new(SYNFIN).arg("states").args(args).output().unwrap();
    let output = run(&["--duration", "100ms", "port", "9"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "0 changes, 0 sockets before that\n");
    let output = run(&["udp"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("synfin: cannot filter sockets by this: sockets have no udp\nhint: "), "{told}");
}

#[test]
fn who_reads_no_more_ends_it_quietly() {
    if !namespace::enter("states::who_reads_no_more_ends_it_quietly") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
    for args in [
        &["states", "-q"][..],
        &["states", "-q", "--format", "json"],
        &["sockets", "-a", "-q", "--watch=20ms"],
    ] {
        let mut watch = command(args);
        let mut process = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(1, process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        // Standard output is closed here, as by `| head -1`.
        drop(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let ran: Ran = process.wait_with_output().unwrap().into();
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn without_the_rights_it_says_what_to_type() {
    if !namespace::enter("states::without_the_rights_it_says_what_to_type") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
    let (_folder, program) = copy();
    let name = program.display();
    let ran = as_nobody(&program, &["states", "port", "80 or port 81"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert_eq!(
        ran.stderr,
        format!(
            "synfin: cannot watch the kernel's TCP: not permitted to load programs into the kernel\n\
             hint: sudo {name} states port '80 or port 81'\n"
        )
    );
    for command in ["states", "sockets", "trace"] {
        let me = std::process::id().to_string();
        let ran = as_nobody(&program, &[command, "--netns", &me]);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{command}");
        let told =
            format!("cannot enter the network namespace: /proc/{me}/ns/net: Permission denied (os error 13)");
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
        assert!(
            ran.stderr.ends_with(&format!("\nhint: sudo {name} {command} --netns {me}\n")),
            "{}",
            ran.stderr
        );
    }
    // A list needs no rights; only the processes of others are not named.
    let ran = as_nobody(&program, &["sockets", "-antp"]);
    let list = ran.fine();
    assert!(list.lines().nth(1).unwrap().ends_with(" -"), "{list}");
    assert!(ran.stderr.ends_with(&format!("hint: sudo {name} sockets -antp\n")), "{}", ran.stderr);
    drop(listener);
}
