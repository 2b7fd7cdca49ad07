//! Ctrl-C and its kin: the trace ends, and everything is written.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::judge::Tshark;
use crate::namespace;
use crate::trace::{Signal, Trace, kill, packets_by_capinfos, packets_by_tshark, synfin};
use crate::web::Web;

/// Both ends of a connection to port 8080 over which a byte has passed each way.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
    let mut client = TcpStream::connect("127.0.0.1:8080").unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"?").unwrap();
    server.read_exact(&mut [0]).unwrap();
    server.write_all(b"!").unwrap();
    client.read_exact(&mut [0]).unwrap();
    (client, server)
}

#[test]
fn a_signal_ends_the_trace_and_everything_is_written() {
    if !namespace::enter("endings::a_signal_ends_the_trace_and_everything_is_written") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let file = folder.path().join(format!("{signal:?}"));
        let tshark = Tshark::start();
        let trace = Trace::start(["-i", "lo", "tcp port 8080", "-w", file.to_str().unwrap()]);
        // The packets of just now, and a connection that is still open.
        let open = connection();
        let ran = trace.end(signal);
        let theirs = tshark.finish();
        drop(open);
        let shown = ran.fine();
        assert!(shown.contains("\n#1  127.0.0.1:") && shown.contains("ESTABLISHED"), "{shown}");
        let story = shown.split_once("\n#1  ").unwrap().1;
        assert_eq!(story.lines().filter(|line| line.contains(['▶', '◀'])).count(), theirs.len(), "{shown}");
        assert_eq!(packets_by_capinfos(&file), theirs.len());
        assert_eq!(packets_by_tshark(&file), theirs.len());
        let read = synfin(["read", file.to_str().unwrap(), "--format", "json"]);
        assert_eq!(read.connection()["close"], "open");
        assert!(ran.stderr.contains("1 connection, "), "{}", ran.stderr);
    }
}

#[test]
fn a_trace_of_nothing_says_so_by_its_status() {
    if !namespace::enter("endings::a_trace_of_nothing_says_so_by_its_status") {
        return;
    }
    let ran = Trace::start(["-i", "lo"]).end(Signal::INT);
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (1, "", "0 connections, 0 packets\n"));
}

#[test]
fn a_command_that_still_runs_is_asked_to_end() {
    if !namespace::enter("endings::a_command_that_still_runs_is_asked_to_end") {
        return;
    }
    let web = Web::start();
    let file = web.folder.path().join("asked");
    // It fetches, keeps the connection open, says that it is ready, and ends when asked, closing the connection.
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3; read -r line <&3
         trap 'exit 5' TERM; touch {}; while true; do read -t 0.01 <> <(:); done",
        file.display()
    );
    let args = ["trace", "-i", "lo", "--format", "json", "--show", "connections", "tcp port 8080", "--"];
    let mut command = std::process::Command::new(crate::trace::SYNFIN);
    command.args(args).args(["bash", "-c", &script]);
    let process =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    namespace::wait_for("the command", || file.exists().then_some(()));
    kill(Signal::TERM, process.id());
    let ran: crate::trace::Ran = process.wait_with_output().unwrap().into();
    assert_eq!(ran.status, 5, "the command's own: {}", ran.stderr);
    // How it closed was still seen.
    assert_ne!(ran.connection()["close"], "open", "{}", ran.stdout);
}

#[test]
fn what_was_never_answered_is_not_waited_for_as_a_close_is() {
    if !namespace::enter("endings::what_was_never_answered_is_not_waited_for_as_a_close_is") {
        return;
    }
    // Packets leave for 10.9.9.2, and nothing comes back.
    namespace::ip("link add v0 type veth peer name v1");
    namespace::ip("addr add 10.9.9.1/24 dev v0");
    namespace::ip("link set v0 up");
    namespace::ip("link set v1 up");
    namespace::ip("neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev v0");
    let curl = ["curl", "-s", "-m", "0.5", "http://10.9.9.2/"];
    let ran = synfin(["trace", "-i", "v0", "--format", "json", "tcp", "--"].into_iter().chain(curl));
    assert_eq!(ran.status, 28, "curl's own, out of time: {}", ran.stderr);
    assert_eq!(ran.connection()["open"], "attempt");
    assert!(
        ran.stderr.contains("waited 1 s for an answer to the command's SYN: none came"),
        "{}",
        ran.stderr
    );
}

#[test]
fn who_reads_no_more_ends_the_trace_quietly() {
    if !namespace::enter("endings::who_reads_no_more_ends_the_trace_quietly") {
        return;
    }
    let _web = Web::start();
    let mut trace = Trace::start(["-i", "lo", "tcp port 8080"]);
    drop(trace.process.stdout.take());
    let _open = TcpStream::connect("127.0.0.1:8080").unwrap();
    let ran = trace.wait();
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
}
