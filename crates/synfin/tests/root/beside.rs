//! What the kernel tells, beside the packets: in a trace, and in the file that it wrote.

use std::os::unix::fs::MetadataExt;

use crate::namespace;
use crate::trace::synfin;
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
    // A stranger who never stops, and whose connections begin meanwhile as well.
    let script = "while curl -s -o /dev/null http://127.0.0.1:8080/strange; do :; done";
    let mut stranger = std::process::Command::new("sh").args(["-c", script]).spawn().unwrap();
    let script = "curl -s -o /dev/null http://127.0.0.1:8080/one; \
        sh -c '(curl -s -o /dev/null http://127.0.0.1:8080/two & wait)'; true";
    let args = ["trace", "-i", "lo", "tcp port 8080", "--show", "connections,messages", "--format", "json"];
    let ran = synfin(args.iter().copied().chain(["--", "sh", "-c", script]));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    ran.fine();
    assert_eq!(ran.objects_of("connection").len(), 2, "{}", ran.stdout);
    let requests: Vec<_> =
        ran.objects_of("message").into_iter().map(|m| m["http"]["target"].clone()).collect();
    let requests: Vec<_> = requests.into_iter().filter(|target| !target.is_null()).collect();
    assert_eq!(requests, ["/one", "/two"]);
}
