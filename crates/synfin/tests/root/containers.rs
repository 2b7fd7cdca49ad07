//! Network namespaces, as containers have them: in each there is a 127.0.0.1.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
use serde_json::Value;
use synfin_kernel::Namespace;

use crate::namespace::{self, LONG};
use crate::ran::{Ran, command};
use crate::trace::{Signal, Trace, kill, synfin};

/// Ports that no other test has, since all namespaces are looked at. The same in each of them.
const SERVER: &str = "127.0.0.1:18471";
const CLIENT: &str = "127.0.0.1:15001";
const FILTER: &str = "tcp port 18471 and port 15001";

/// A namespace that lasts as long as its one process.
struct Container {
    process: Child,
    namespace: Namespace,
    inode: u64,
}

impl Container {
    fn start() -> Self {
        Self::with_loopback("lo")
    }

    fn with_loopback(name: &str) -> Self {
        let script =
            format!("ip link set lo name {name} && ip link set {name} up && echo && exec sleep 1000");
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", &script]).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "\n");
        let namespace = Namespace::Pid(process.id());
        let inode = namespace.inode().unwrap();
        Self { process, namespace, inode }
    }

    fn pid(&self) -> String {
        self.process.id().to_string()
    }

    fn listen(&self) -> TcpListener {
        self.namespace.enter(|| TcpListener::bind(SERVER).unwrap()).unwrap()
    }

    /// A connection from a known port to a listener here, which has ended when this returns.
    fn exchange(&self, listener: &TcpListener) {
        let client = self.namespace.enter(|| {
            let client = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
            sockopt::set_socket_reuseaddr(&client, true).unwrap();
            bind(&client, &CLIENT.parse::<SocketAddr>().unwrap()).unwrap();
            connect(&client, &SERVER.parse::<SocketAddr>().unwrap()).unwrap();
            client
        });
        let (mut server, _) = listener.accept().unwrap();
        drop(client.unwrap());
        server.read_to_end(&mut Vec::new()).unwrap();
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const CLIENT_CHAIN: [&str; 6] =
    ["CLOSED", "SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"];
const SERVER_CHAIN: [&str; 6] = ["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"];

#[test]
fn the_same_addresses_in_two_namespaces_are_two_connections_of_states() {
    if !namespace::enter("containers::the_same_addresses_in_two_namespaces_are_two_connections_of_states") {
        return;
    }
    let containers = [Container::start(), Container::start()];
    let listeners = containers.each_ref().map(Container::listen);
    for text in [false, true] {
        let format = if text { "text" } else { "json" };
        let mut watch = command(["states", "--all-netns", "-q", "--format", format, "port 18471"]);
        let mut process = watch.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut seen = String::new();
        // Both listeners were there before.
        while seen.matches("LISTEN").count() < 2 {
            assert_ne!(lines.read_line(&mut seen).unwrap(), 0, "{seen}");
        }
        for (container, listener) in containers.iter().zip(&listeners) {
            container.exchange(listener);
        }
        let closing = if text { "→ CLOSED" } else { r#""to":"CLOSED""# };
        while seen.matches(closing).count() < 2 || seen.matches("FIN-WAIT-2").count() < 4 {
            assert_ne!(lines.read_line(&mut seen).unwrap(), 0, "{seen}");
        }
        kill(Signal::INT, process.id());
        lines.read_to_string(&mut seen).unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(0));
        for container in &containers {
            if text {
                let name = format!(" net:{}", container.inode);
                // The end of a TIME-WAIT from before apart, whose place the new connection takes.
                let is_its = |line: &&str| {
                    line.contains(&name) && line.contains('→') && !line.contains("TIME-WAIT → CLOSED")
                };
                assert_eq!(seen.lines().filter(is_its).count(), 10, "{seen}");
                continue;
            }
            let objects: Vec<Value> = seen.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let chain = |port: u64| {
                let of = |line: &&Value| {
                    line["socket"]["netns"] == container.inode
                        && line["local"]["port"] == port
                        && !line["from"].is_null()
                };
                let changes: Vec<_> = objects.iter().filter(of).collect();
                let first = changes[0]["from"].as_str().unwrap();
                let rest = changes.iter().map(|line| line["to"].as_str().unwrap());
                [first].into_iter().chain(rest).map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(
                (chain(15_001), chain(18_471)),
                (CLIENT_CHAIN.map(str::to_owned).into(), SERVER_CHAIN.map(str::to_owned).into())
            );
        }
    }
}

/// The connections of a trace or a file: namespace, states and processes of both ends.
fn connections(ran: &Ran) -> Vec<(u64, Value, Value)> {
    ran.fine();
    let all = ran.objects_of("connection");
    let states = ran.objects_of("state");
    assert!(states.iter().all(|state| state["source"] == "kernel"), "{states:#?}");
    let mut all: Vec<_> = all
        .into_iter()
        .map(|mut one| {
            (one["netns"].as_u64().unwrap(), one["states"]["client"].take(), one["states"]["server"].take())
        })
        .collect();
    all.sort_by_key(|(namespace, ..)| *namespace);
    all
}

#[test]
fn a_trace_of_all_namespaces_keeps_them_apart_and_so_does_its_file() {
    if !namespace::enter("containers::a_trace_of_all_namespaces_keeps_them_apart_and_so_does_its_file") {
        return;
    }
    let containers = [Container::start(), Container::start()];
    let listeners = containers.each_ref().map(Container::listen);
    let folder = tempfile::tempdir().unwrap();
    let mut expected: Vec<_> =
        containers.iter().map(|one| (one.inode, CLIENT_CHAIN.into(), SERVER_CHAIN.into())).collect();
    expected.sort_by_key(|(namespace, ..)| *namespace);
    for interface in ["lo", "any"] {
        let file = folder.path().join(interface);
        let file = file.to_str().unwrap();
        let show = ["--format", "json", "--show", "connections,states"];
        let args = ["-i", interface, "--all-netns", FILTER, "-w", file];
        let trace = Trace::start(args.into_iter().chain(show));
        std::thread::scope(|scope| {
            for (container, listener) in containers.iter().zip(&listeners) {
                scope.spawn(|| container.exchange(listener));
            }
        });
        assert_eq!(connections(&trace.end(Signal::INT)), expected, "{interface}");
        let read = synfin(["read", file].into_iter().chain(show));
        assert_eq!(connections(&read), expected, "{interface}, offline");
        let ladders = synfin(["read", file, "--show", "ladder"]).fine();
        for container in &containers {
            assert_eq!(ladders.matches(&format!("net:{}", container.inode)).count(), 1, "{ladders}");
        }
        assert_eq!(
            crate::trace::packets_by_tshark(file.as_ref()),
            crate::trace::packets_by_capinfos(file.as_ref())
        );
    }
}

#[test]
fn a_trace_in_another_namespace_has_packets_states_and_its_command_there() {
    if !namespace::enter("containers::a_trace_in_another_namespace_has_packets_states_and_its_command_there")
    {
        return;
    }
    let container = Container::start();
    let listener = container.listen();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let pid = container.pid();
    let path = format!("/proc/{pid}/ns/net");
    for (name, interface) in [(&pid, "lo"), (&path, "any")] {
        let ran =
            synfin(["trace", "-q", "-i", interface, "--netns", name, "--", "readlink", "/proc/self/ns/net"]);
        assert_eq!(ran.fine(), format!("net:[{}]\n", container.inode));
    }
    let script = "exec 3<>/dev/tcp/127.0.0.1/18471";
    let ran = synfin(["trace", "-i", "lo", "--netns", &pid, "tcp port 18471", "--", "bash", "-c", script]);
    let ladder = ran.fine();
    server.join().unwrap();
    let title = ladder.lines().next().unwrap();
    assert!(title.contains(" bash[") && title.contains(" root-"), "both ends: {ladder}");
    assert!(!ladder.contains("net:"), "there is but one: {ladder}");
    let mut rest = ladder.as_str();
    for part in [
        "SYN-SENT",
        "SYN-RECEIVED",
        "ESTABLISHED",
        "FIN-WAIT-1",
        "CLOSE-WAIT",
        "LAST-ACK",
        "TIME-WAIT",
        "CLOSED",
    ] {
        assert!(rest.contains(part), "{part}: {ladder}");
        if part == "ESTABLISHED" {
            rest = rest.split_once(part).unwrap().1;
        }
    }
}

#[test]
fn interfaces_have_the_names_that_they_have_there() {
    if !namespace::enter("containers::interfaces_have_the_names_that_they_have_there") {
        return;
    }
    let container = Container::with_loopback("inner");
    let listener = container.listen();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("named");
    let file = file.to_str().unwrap();
    let trace = Trace::start(["-i", "any", "--netns", &container.pid(), "-w", file]);
    container.exchange(&listener);
    trace.end(Signal::INT).fine();
    let fields = ["-r", file, "-T", "fields", "-e", "frame.interface_name"];
    let output = Command::new("tshark").args(fields).output().unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    assert!(names.lines().count() >= 6 && names.lines().all(|name| name == "inner"), "{names}");
}

#[test]
fn the_sockets_of_other_namespaces() {
    if !namespace::enter("containers::the_sockets_of_other_namespaces") {
        return;
    }
    let containers = [Container::start(), Container::start()];
    let _listeners = containers.each_ref().map(Container::listen);
    let [first, second] = containers.each_ref().map(Container::pid);
    let ran = synfin(["sockets", "-antp", "--netns", &first, "--netns", &second, "--format", "json"]);
    ran.fine();
    let mut found: Vec<_> =
        ran.objects_of("socket").iter().map(|one| one["socket"]["netns"].as_u64().unwrap()).collect();
    found.sort_unstable();
    let mut expected = containers.each_ref().map(|one| one.inode);
    expected.sort_unstable();
    assert_eq!(found, expected);
    let all = synfin(["sockets", "-ant", "--all-netns", "port 18471"]).fine();
    for container in &containers {
        assert_eq!(
            all.lines().filter(|line| line.contains(&container.inode.to_string())).count(),
            1,
            "{all}"
        );
    }
    let one = synfin(["sockets", "-ant", "--netns", &first]).fine();
    assert_eq!((one.lines().count(), one.contains("Namespace")), (2, false), "{one}");
}

#[test]
fn a_namespace_that_is_not_there_or_not_ours_is_an_error() {
    if !namespace::enter("containers::a_namespace_that_is_not_there_or_not_ours_is_an_error") {
        return;
    }
    let began = std::time::Instant::now();
    for command in ["states", "sockets", "trace"] {
        for name in ["absent", "999999999", "/etc/passwd"] {
            let ran = synfin([command, "--netns", name]);
            assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{command} {name}");
            let (error, hint) = ran.stderr.split_once('\n').unwrap();
            assert!(
                error.starts_with("synfin: ") && error.contains("cannot enter the network namespace: "),
                "{error}"
            );
            assert!(hint.starts_with("hint: --netns takes a process, a path "), "{hint}");
        }
    }
    assert!(began.elapsed() < LONG);
}
