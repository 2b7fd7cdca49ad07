//! Processes of other names and numbers: this test binary again, told what to be.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, Stdio},
};

const ROLE: &str = "SYNFIN_TEST_ROLE";

/// Starts this binary again in this thread's namespace, as someone who serves or asks at this socket.
pub(crate) fn start(role: &str, socket: impl Into<OwnedFd>) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper::other_process", "--quiet"])
        .env(ROLE, role)
        .stdin(Stdio::from(socket.into()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test: what the other process does. Its standard input is a listener.
#[test]
fn other_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let listener = TcpListener::from(socket);
    match role.split_once(' ') {
        Some(("serve", count)) => serve(&listener, count.parse().unwrap()),
        Some(("hold", count)) => hold(&listener, count.parse().unwrap()),
        Some(("ask", count)) => ask(&listener, count.parse().unwrap()),
        _ => panic!("{role}"),
    }
}

/// Answers with its process number, and closes.
fn serve(listener: &TcpListener, count: usize) {
    for _ in 0..count {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 1]).unwrap();
        stream.write_all(&std::process::id().to_ne_bytes()).unwrap();
    }
}

/// Accepts, and does nothing with what it has, until one more comes.
fn hold(listener: &TcpListener, count: usize) {
    let held: Vec<_> = (0..=count).map(|_| listener.accept().unwrap()).collect();
    drop(held);
}

/// Asks, one connection after the other.
fn ask(listener: &TcpListener, count: usize) {
    let address = listener.local_addr().unwrap();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"?").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
}
