//! What the kernel tells, beside the packets: in a trace, and in the file that it wrote.

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use synfin_wire::tcp::Flags;

use crate::handmade::{HERE, Peer, Sent};
use crate::namespace;
use crate::trace::{Signal, Trace, packets_by_capinfos, packets_by_tshark, synfin};
use crate::web::Web;

#[test]
fn the_file_of_a_trace_draws_the_same_ladder() {
    if !namespace::enter("beside::the_file_of_a_trace_draws_the_same_ladder") {
        return;
    }
    let web = Web::start();
    let file = web.folder.path().join("kept.pcapng");
    let file = file.to_str().unwrap();
    let url = "http://127.0.0.1:8080/";
    let traced = synfin([
        "trace",
        "-i",
        "lo",
        "tcp port 8080",
        "-w",
        file,
        "--",
        "curl",
        "-s",
        "-o",
        "/dev/null",
        url,
    ]);
    let ladder = traced.fine();
    let title = ladder.lines().next().unwrap();
    assert!(title.contains(" curl[") && title.contains(" nginx["), "{ladder}");
    let id = title.split_whitespace().next().unwrap().trim_start_matches('#');
    assert_eq!(synfin(["read", file, "--connection", id]).fine(), ladder);
    // Others read it without complaint, and count the same packets.
    let judge = Command::new("tshark").args(["-r", file, "-q", "-z", "io,stat,0"]).output().unwrap();
    assert!(judge.status.success());
    let told = String::from_utf8(judge.stderr).unwrap();
    assert!(!told.contains("synfin") && !told.contains("kept.pcapng"), "{told}");
    assert_eq!(packets_by_tshark(file.as_ref()), packets_by_capinfos(file.as_ref()));

    let read = synfin(["read", file, "--connection", id, "--show", "states,connections", "--format", "json"]);
    let connection = read.connection();
    assert_eq!(
        connection["states"]["server"],
        serde_json::json!(["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"])
    );
    let names = ["client", "server"].map(|side| connection[side]["process"]["name"].clone());
    assert_eq!(names, ["curl", "nginx"]);
    let states = read.objects_of("state");
    assert_eq!(states.len(), 10, "{states:#?}");
    assert!(states.iter().all(|state| state["source"] == "kernel"), "{states:#?}");
}

#[test]
fn the_kernels_reason_stands_beside_the_packet() {
    if !namespace::enter("beside::the_kernels_reason_stands_beside_the_packet") {
        return;
    }
    let ran = synfin(["trace", "-i", "lo", "--format", "json", "--", "curl", "-s", "http://127.0.0.1:8081/"]);
    // curl says 7 when it cannot connect.
    assert_eq!(ran.status, 7, "{}", ran.stderr);
    let connection = ran.connection();
    let told: Vec<_> = connection["notes"].as_array().unwrap().iter().collect();
    let mut told: Vec<_> = told.iter().map(|note| (&note["what"], &note["from"], &note["reason"])).collect();
    told.sort_by_key(|(what, ..)| what.as_str());
    let no_socket = serde_json::json!("NO_SOCKET");
    assert_eq!(
        told,
        [
            (&"dropped".into(), &"client".into(), &no_socket),
            (&"reset-sent".into(), &"server".into(), &no_socket)
        ]
    );
    assert!(connection["notes"].as_array().unwrap().iter().all(|note| note["packet"].is_u64()));

    // On the ladder each stands below its packet.
    let ran = synfin(["trace", "-i", "lo", "--", "curl", "-s", "http://127.0.0.1:8081/"]);
    assert_eq!(ran.status, 7, "{}", ran.stderr);
    let lines: Vec<_> = ran.stdout.lines().collect();
    let place = |text: &str| {
        let place = lines.iter().position(|line| line.contains(text));
        place.unwrap_or_else(|| panic!("{text} is missing:\n{}", ran.stdout))
    };
    let story = [" SYN ", "kernel: dropped: NO_SOCKET", "RST,ACK ", "kernel: reset: NO_SOCKET"].map(place);
    assert!(story.is_sorted(), "{}", ran.stdout);
}

#[test]
fn a_segment_that_the_kernel_drops_says_why_and_so_does_the_file() {
    if !namespace::enter("beside::a_segment_that_the_kernel_drops_says_why_and_so_does_the_file") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dropped.pcapng");
    let file = file.to_str().unwrap();
    let mut peer = Peer::make();
    let listener = TcpListener::bind((HERE, 8080)).unwrap();
    let trace = Trace::start(["-i", "any", "tcp port 8080", "--show", "ladder", "-w", file]);
    let (seq, ack) = peer.connect(5000, 8080);
    let (mut accepted, _) = listener.accept().unwrap();
    let data =
        |payload, is_broken| Sent { payload, is_broken, ..Sent::new(seq, ack, Flags::PSH | Flags::ACK) };
    peer.send(5000, 8080, &data(b"lost", true));
    peer.send(5000, 8080, &data(b"kept", false));
    let mut read = [0; 4];
    accepted.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"kept");
    let ran = trace.end(Signal::INT);
    let ladder = ran.fine();
    assert_eq!(ladder.matches("kernel: dropped: TCP_CSUM").count(), 1, "{ladder}");
    assert_eq!(synfin(["read", file, "--show", "ladder"]).fine(), ladder);
    let read = synfin(["read", file, "--format", "json", "--show", "packets,ladder"]);
    let connection = read.connection();
    let [dropped] = connection["notes"].as_array().unwrap().as_slice() else { panic!("{connection}") };
    assert_eq!((&dropped["what"], &dropped["reason"]), (&"dropped".into(), &"TCP_CSUM".into()));
    // The first one of two with the same numbers.
    let packets = read.objects_of("packet");
    let broken = packets.iter().find(|packet| packet["len"] == 4).unwrap();
    assert_eq!((&dropped["from"], &dropped["packet"]), (&"client".into(), &broken["n"]), "{connection}");
}

/// Processes are numbered as on the machine, which those of a container are not.
#[test]
fn exactly_the_connections_of_the_commands_processes() {
    let is_initial = std::fs::metadata("/proc/self/ns/pid").is_ok_and(|pids| pids.ino() == 0xEFFF_FFFC);
    if !is_initial {
        println!("skipped: in a container, processes have other numbers than the kernel tells");
        return;
    }
    if !namespace::enter_net("beside::exactly_the_connections_of_the_commands_processes") {
        return;
    }
    let _web = Web::start();
    // A stranger who never stops, and whose connections to the same server begin meanwhile as well.
    let script = "while curl -s -o /dev/null http://127.0.0.1:8080/strange; do :; done";
    let mut stranger = Command::new("sh").args(["-c", script]).spawn().unwrap();
    // Two in the background at the same time, and one of a grandchild whose parent is gone.
    let script = "curl -s -o /dev/null http://127.0.0.1:8080/one & \
        curl -s -o /dev/null http://127.0.0.1:8080/two & wait; \
        sh -c 'curl -s -o /dev/null http://127.0.0.1:8080/three &'; sleep 0.3";
    let args = ["trace", "-i", "lo", "tcp port 8080", "--show", "connections,messages", "--format", "json"];
    let ran = synfin(args.iter().copied().chain(["--", "sh", "-c", script]));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    ran.fine();
    let connections = ran.objects_of("connection");
    assert_eq!(connections.len(), 3, "{}", ran.stdout);
    for connection in &connections {
        let names = ["client", "server"].map(|side| connection[side]["process"]["name"].clone());
        assert_eq!(names, ["curl", "nginx"]);
    }
    let requests: Vec<_> =
        ran.objects_of("message").into_iter().map(|m| m["http"]["target"].clone()).collect();
    let mut requests: Vec<_> = requests.iter().filter_map(serde_json::Value::as_str).collect();
    requests.sort_unstable();
    assert_eq!(requests, ["/one", "/three", "/two"]);
}
