//! What the kernel says of thousands of connections, beside the web server's log, the clients' own word, and what
//! packets alone say.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::namespace::{self, wait_for};
use crate::trace::{Ran, SYNFIN, Signal, Trace, kill, synfin};
use crate::web::Web;

const EACH: usize = 2_500;
/// How many connections of a client are open at once.
const AT_ONCE: usize = 6;
/// Tells this binary to be a client, and how many connections to make.
const ROLE: &str = "SYNFIN_TEST_CONNECTIONS";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
/// What the web server's page ends with.
const BODY: &[u8] = b"\r\n\r\nhello\n";

/// Ways to end a connection of which the server has sent all.
#[derive(Clone, Copy)]
enum End {
    /// When the server has.
    Last,
    /// When the whole answer is here: maybe before the server does, maybe at the same time.
    AnyTime,
    /// The client's direction before the answer: it closes first.
    First,
}

/// One connection; its port.
fn fetch(end: End) -> u16 {
    let mut stream = TcpStream::connect("127.0.0.1:8080").unwrap();
    let port = stream.local_addr().unwrap().port();
    stream.write_all(REQUEST).unwrap();
    let mut response = Vec::new();
    match end {
        End::Last => drop(stream.read_to_end(&mut response).unwrap()),
        End::AnyTime => {
            let mut some = [0; 4096];
            while !response.ends_with(BODY) {
                let count = stream.read(&mut some).unwrap();
                assert_ne!(count, 0);
                response.extend_from_slice(&some[..count]);
            }
        }
        End::First => {
            stream.shutdown(Shutdown::Write).unwrap();
            stream.read_to_end(&mut response).unwrap();
        }
    }
    assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n") && response.ends_with(BODY));
    port
}

/// Not a test: a client process. It says which ports its connections had, in the order in which they ended.
#[test]
fn client() {
    let Some(count) = std::env::var(ROLE).ok().and_then(|text| text.parse::<usize>().ok()) else { return };
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let n = next.fetch_add(1, Ordering::Relaxed)
                    && n < count
                {
                    let end = [End::Last, End::Last, End::AnyTime, End::First][n % 4];
                    println!("\nport {}", fetch(end));
                }
            });
        }
    });
}

fn start_client(count: usize) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "agreement::client", "--nocapture"]).env(ROLE, count.to_string());
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// The ports of its connections, when it has ended.
fn finish_client(client: Child) -> Vec<u16> {
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().filter_map(|line| line.strip_prefix("port ")?.parse().ok()).collect()
}

/// tcpdump, which writes all packets into a file.
struct Tcpdump {
    process: Child,
    file: PathBuf,
    _stderr: BufReader<std::process::ChildStderr>,
}

impl Tcpdump {
    /// The last packet: whoever sees it in the file has all before it.
    const LAST: &[u8] = b"this is the last packet";

    fn start(folder: &Path) -> Self {
        let file = folder.join("packets.pcap");
        let mut command = Command::new("tcpdump");
        command.args(["-i", "lo", "-U", "-B", "65536", "-Z", "root", "-w"]).arg(&file);
        command.arg("tcp port 8080 or udp port 9").stderr(Stdio::piped());
        let mut process = command.spawn().expect("`make test` installs it");
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "tcpdump ended");
        }
        Self { process, file, _stderr: stderr }
    }

    fn finish(mut self) -> PathBuf {
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(Self::LAST, "127.0.0.1:9").unwrap();
        wait_for("the last packet", || {
            let mut file = fs::File::open(&self.file).ok()?;
            let len = file.metadata().ok()?.len();
            file.seek(SeekFrom::Start(len.saturating_sub(4096))).ok()?;
            let mut tail = Vec::new();
            file.read_to_end(&mut tail).ok()?;
            tail.windows(Self::LAST.len()).any(|bytes| bytes == Self::LAST).then_some(())
        });
        std::mem::take(&mut self.file)
    }
}

/// Also where the test fails: nobody else would end it.
impl Drop for Tcpdump {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What was told of one end of a connection.
#[derive(Debug, Default)]
struct Told {
    states: Vec<String>,
    /// Of each change.
    pids: Vec<Option<u64>>,
}

/// Both ends of the connections from a port, one after the other.
type Ends = BTreeMap<u16, Vec<[Told; 2]>>;

/// What `synfin states` said, by the client's port.
fn told_by_kernel(lines: &str) -> Ends {
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Of each socket, from the first to the last.
    let mut sockets: Vec<(u16, usize, Told)> = Vec::new();
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut existing: Vec<u64> = Vec::new();
    for line in lines.iter().filter(|line| line["type"] == "state" && line["remote"]["port"] != 0) {
        let cookie = line["socket"]["cookie"].as_u64().unwrap();
        let name = |key: &str| line[key].as_str().unwrap().to_owned();
        // Whoever waited for the web server has made connections before.
        if line["existing"] == true {
            existing.push(cookie);
        }
        if existing.contains(&cookie) {
            continue;
        }
        let place = *places.entry(cookie).or_insert_with(|| {
            let is_server = line["local"]["port"] == 8080;
            let client = if is_server { &line["remote"] } else { &line["local"] };
            let port = u16::try_from(client["port"].as_u64().unwrap()).unwrap();
            let told = Told { states: vec![name("from")], pids: Vec::new() };
            sockets.push((port, usize::from(is_server), told));
            sockets.len() - 1
        });
        let told = &mut sockets[place].2;
        assert_eq!(told.states.last(), Some(&name("from")), "{line}");
        assert!(line["inferred"].is_null(), "{line}");
        told.states.push(name("to"));
        told.pids.push(line["process"]["pid"].as_u64());
    }
    let mut ends = Ends::new();
    for (port, side, told) in sockets {
        let connections = ends.entry(port).or_default();
        match connections.iter_mut().find(|connection| connection[side].states.is_empty()) {
            Some(connection) => connection[side] = told,
            None => {
                let mut connection = <[Told; 2]>::default();
                connection[side] = told;
                connections.push(connection);
            }
        }
    }
    ends
}

const CLIENT_OPENS: [&str; 3] = ["CLOSED", "SYN-SENT", "ESTABLISHED"];
const SERVER_OPENS: [&str; 3] = ["LISTEN", "SYN-RECEIVED", "ESTABLISHED"];
const FIRST: &[&str] = &["FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"];
const LAST: &[&str] = &["CLOSE-WAIT", "LAST-ACK", "CLOSED"];
const TOGETHER: &[&str] = &["FIN-WAIT-1", "CLOSING", "TIME-WAIT"];

/// Both ends went through a whole handshake and one of the ways to close (RFC 9293 section 3.6).
fn assert_is_whole(port: u16, [client, server]: &[Told; 2]) {
    let without_opening = |told: &Told, opening: [&str; 3]| -> Vec<String> {
        assert_eq!(told.states.get(..3).unwrap_or_default(), opening, "from port {port}");
        // A new connection between the same ports may have ended the wait.
        let mut rest = told.states[3..].to_vec();
        if rest.len() == 4 && rest[2] == "TIME-WAIT" {
            rest.pop();
        }
        rest
    };
    let ways = (without_opening(client, CLIENT_OPENS), without_opening(server, SERVER_OPENS));
    let is_way = |client: &[&str], server: &[&str]| ways.0 == client && ways.1 == server;
    // Where both close at once, an acknowledgement may come before the other end's FIN.
    let known = [(FIRST, LAST), (LAST, FIRST), (TOGETHER, TOGETHER), (FIRST, TOGETHER), (TOGETHER, FIRST)];
    assert!(known.iter().any(|(client, server)| is_way(client, server)), "port {port}: {ways:?}");
}

/// States of both ends, as packets alone tell them.
fn told_by_packets(file: &Path) -> BTreeMap<u16, Vec<[Vec<String>; 2]>> {
    let read = synfin(["read", file.to_str().unwrap(), "--show", "connections", "--format", "json"]);
    read.fine();
    let mut ends: BTreeMap<u16, Vec<[Vec<String>; 2]>> = BTreeMap::new();
    let mut connections = read.objects_of("connection");
    connections.sort_by_key(|connection| connection["id"].as_u64());
    for connection in connections {
        let names = |side: &str| -> Vec<String> {
            let states = connection["states"][side].as_array().unwrap();
            states.iter().map(|state| state.as_str().unwrap().to_owned()).collect()
        };
        let port = u16::try_from(connection["client"]["port"].as_u64().unwrap()).unwrap();
        ends.entry(port).or_default().push([names("client"), names("server")]);
    }
    ends
}

/// `synfin states` of the web server's connections.
struct Watch {
    process: Child,
    file: PathBuf,
}

impl Watch {
    /// Starts it, and waits until it has begun.
    fn start(folder: &Path) -> Self {
        let file = folder.join("states.json");
        let mut command = Command::new(SYNFIN);
        command.args(["states", "-q", "--format", "json", "tcp", "port", "8080", "-o"]).arg(&file);
        let watch = Self { process: command.spawn().unwrap(), file };
        wait_for("the listener", || fs::metadata(&watch.file).ok().filter(|file| file.len() > 0));
        watch
    }

    /// Ends it; all that it said.
    fn finish(mut self) -> String {
        kill(Signal::INT, self.process.id());
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
        fs::read_to_string(&self.file).unwrap()
    }
}

/// Also where the test fails: nobody else would.
impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn set_ports(range: &str) {
    fs::write("/proc/sys/net/ipv4/ip_local_port_range", range).unwrap();
}

/// Processes are numbered as on the machine, which those of a container are not.
fn is_initial_process_namespace() -> bool {
    fs::metadata("/proc/self/ns/pid").is_ok_and(|pids| pids.ino() == 0xEFFF_FFFC)
}

#[test]
fn five_thousand_connections_of_two_clients_with_two_workers() {
    if !is_initial_process_namespace() {
        println!("skipped: in a container, processes have other numbers than the kernel tells");
        return;
    }
    if !namespace::enter_net("agreement::five_thousand_connections_of_two_clients_with_two_workers") {
        return;
    }
    set_ports("2000 65000");
    let web = Web::start_workers(2);
    let tcpdump = Tcpdump::start(web.folder.path());
    let watch = Watch::start(web.folder.path());
    let clients = [EACH; 2].map(start_client);
    // By port: a port may come again, in spite of the wide range.
    let mut asked: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
    for client in clients {
        let pid = u64::from(client.id());
        finish_client(client).into_iter().for_each(|port| asked.entry(port).or_default().push(pid));
    }
    let file = tcpdump.finish();
    let said = watch.finish();
    assert_eq!(asked.values().map(Vec::len).sum::<usize>(), 2 * EACH);

    let summary: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(summary["events_lost"], 0, "{summary}");
    let kernel = told_by_kernel(&said);
    assert!(kernel.keys().eq(asked.keys()), "each has told");
    let served = web.served();
    let listener = u64::from(web.pid());
    for (port, connections) in &kernel {
        let mut clients = Vec::new();
        assert_eq!(connections.len(), served[port].len(), "port {port}: {connections:?}");
        for (connection, worker) in connections.iter().zip(&served[port]) {
            assert_is_whole(*port, connection);
            let [client, server] = connection;
            let pid = client.pids[0].unwrap();
            assert!(client.pids.iter().all(|other| *other == Some(pid)), "port {port}: {client:?}");
            clients.push(pid);
            // Before it is accepted, a connection is its listener's, which the master process has as well.
            let own: Vec<_> = server.pids.iter().skip_while(|pid| **pid == Some(listener)).collect();
            assert!(own.iter().all(|pid| **pid == Some(*worker)), "port {port}: {server:?}, {worker}");
            assert!(own.len() >= 3, "from the close on it is the worker's: port {port}: {server:?}");
        }
        clients.sort_unstable();
        let mut asked = asked[port].clone();
        asked.sort_unstable();
        assert_eq!(clients, asked, "port {port}");
    }
    let workers: BTreeSet<_> = served.values().flatten().collect();
    assert!(workers.len() == 2 && !workers.contains(&listener), "{workers:?}");
    println!("served by {workers:?}");

    let packets = told_by_packets(&file);
    assert!(packets.keys().eq(kernel.keys()), "the capture has them all");
    let mut differing = 0;
    for (port, connections) in &packets {
        assert_eq!(connections.len(), kernel[port].len(), "port {port}");
        for (inferred, told) in connections.iter().zip(&kernel[port]) {
            let mut told = told.each_ref().map(|told| told.states.clone());
            // The end of the wait by a new SYN between the same ports is that SYN's, in packets.
            for states in &mut told {
                if states.get(5).is_some_and(|state| state == "TIME-WAIT") {
                    states.truncate(6);
                }
            }
            if *inferred != told {
                differing += 1;
                println!("{port}: packets {inferred:?}\n       kernel {told:?}");
            }
        }
    }
    println!("{differing} of {} differ", 2 * EACH);
    assert!(differing <= 2 * EACH / 1000, "{differing}");
}

/// So few ports that each is used again and again, while its connection before is in TIME-WAIT: what ends that is no
/// part of the new one.
#[test]
fn ports_that_come_again() {
    const CONNECTIONS: usize = 600;
    if !namespace::enter("agreement::ports_that_come_again") {
        return;
    }
    set_ports("20000 20031");
    let web = Web::start();
    let lines = web.folder.path().join("traced.json");
    let options = ["-i", "lo", "tcp port 8080", "--format", "json", "--show", "connections", "-o"];
    let trace = Trace::start(options.into_iter().chain([lines.to_str().unwrap()]));
    let watch = Watch::start(web.folder.path());
    // One after the other, and the server closes first: so the client's port is free at once.
    for _ in 0..CONNECTIONS {
        fetch(End::Last);
    }
    let kernel = told_by_kernel(&watch.finish());
    let mut reused = 0;
    for (port, connections) in &kernel {
        for (n, connection) in connections.iter().enumerate() {
            assert_is_whole(*port, connection);
            let is_last = n == connections.len() - 1;
            assert_eq!(connection[1].states.last().unwrap(), if is_last { "TIME-WAIT" } else { "CLOSED" });
            reused += usize::from(!is_last);
        }
    }
    assert_eq!(kernel.values().map(Vec::len).sum::<usize>(), CONNECTIONS);
    assert!(reused > CONNECTIONS / 2, "the test is worth its name");

    // The same with packets.
    trace.end(Signal::INT).fine();
    let ran = Ran { status: 0, stdout: fs::read_to_string(&lines).unwrap(), stderr: String::new() };
    let mut traced: BTreeMap<u16, Vec<Value>> = BTreeMap::new();
    let mut connections = ran.objects_of("connection");
    connections.sort_by_key(|connection| connection["start_ns"].as_u64());
    for connection in connections {
        let port = u16::try_from(connection["client"]["port"].as_u64().unwrap()).unwrap();
        traced.entry(port).or_default().push(connection);
    }
    assert!(traced.keys().eq(kernel.keys()));
    for (port, connections) in traced {
        assert_eq!(connections.len(), kernel[&port].len(), "port {port}");
        for connection in connections {
            let states = &connection["states"];
            let whole = |opening: [&str; 3], closing: &[&str]| -> Value {
                opening.iter().chain(closing).copied().collect()
            };
            assert_eq!(states["client"], whole(CLIENT_OPENS, LAST), "{connection}");
            let mut server = states["server"].clone();
            // Whether the end of the wait was still this connection's depends on when the next one began.
            server.as_array_mut().unwrap().truncate(6);
            assert_eq!(server, whole(SERVER_OPENS, FIRST), "{connection}");
        }
    }
}
