//! Drills against the Linux kernel through a TUN device: what both do is alike, and where they differ it is told.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::namespace;

/// Times are the machine's: what is tested here is what happens, and in which order.
const FLAGS: &str = "--tolerance_usecs=1500000\n";

/// A connection that is open, with descriptor 4.
const OPEN: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,sackOK,TS val 100 ecr 0,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <...>
+0 < . 1:1(0) ack 1 win 257 <nop,nop,TS val 200 ecr 0>
+0 accept(3, ..., ...) = 4
";

/// What both do.
const ALIKE: [(&str, &str); 7] = [
    (
        "data",
        "+0 write(4, ..., 988) = 988\n+0 > P. 1:989(988) ack 1 <nop,nop,TS val 0 ecr 200>\n\
         +0 < P. 1:11(10) ack 989 win 257 <nop,nop,TS val 300 ecr 0>\n\
         +0 > . 989:989(0) ack 11 <nop,nop,TS val 0 ecr 300>\n+0 read(4, ..., 100) = 10",
    ),
    ("reset", "+0 < R. 1:1(0) ack 1 win 0\n+0 read(4, ..., 1) = -1 ECONNRESET (Connection reset by peer)"),
    (
        "abort",
        "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0\n+0 close(4) = 0\n+0 > R. 1:1(0) ack 1 <...>",
    ),
    (
        "close",
        "+0 < F. 1:1(0) ack 1 win 257 <nop,nop,TS val 300 ecr 0>\n+0 > . 1:1(0) ack 2 <...>\n\
         +0 read(4, ..., 1) = 0\n+0 close(4) = 0\n+0 > F. 1:1(0) ack 2 <...>\n\
         +0 < . 2:2(0) ack 2 win 257 <nop,nop,TS val 300 ecr 0>",
    ),
    (
        "gap",
        "+0 < . 101:201(100) ack 1 win 257 <nop,nop,TS val 300 ecr 0>\n\
         +0 > . 1:1(0) ack 1 <nop,nop,TS val 0 ecr 200,nop,nop,sack 101:201>",
    ),
    (
        "waiting",
        "+0...0.2 read(4, ..., 100) = 10\n+.2 < P. 1:11(10) ack 1 win 257 <nop,nop,TS val 300 ecr 0>\n\
         +0 > . 1:1(0) ack 11 <...>\n+0 %{ assert tcpi_state == TCP_ESTABLISHED and tcpi_options == 7 }%",
    ),
    ("refused", "+0 < 5000 > 9 S 0:0(0) win 1000\n+0 > 9 > 5000 R. 0:0(0) ack 1"),
];

fn drill(folder: &Path, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synfin"));
    let output =
        command.args(["drill", "--against", "linux"]).args(args).current_dir(folder).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), told)
}

#[test]
fn both_do_alike() {
    if !namespace::enter("drill::both_do_alike") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, lines) in ALIKE {
        fs::write(folder.path().join(name).with_extension("pkt"), format!("{FLAGS}{OPEN}{lines}\n")).unwrap();
    }
    let handshake =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../synfin-lab/drills/rfc9293/three-way-handshake.pkt");
    let text = fs::read_to_string(handshake).unwrap();
    fs::write(folder.path().join("handshake.pkt"), format!("{FLAGS}{text}")).unwrap();
    fs::write(folder.path().join("six.pkt"), format!("--ip_version=ipv6\n{FLAGS}{text}")).unwrap();
    let (status, told) = drill(folder.path(), &["."]);
    let all = ALIKE.len() + 2;
    assert!(told.contains(&format!("{all} passed, 0 failed, 0 unsupported\nLinux: {all} passed")), "{told}");
    assert_eq!(status, 0, "{told}");
}

/// Where both are right in their own way, a script can say so.
#[test]
fn a_difference_is_told_with_its_reason() {
    if !namespace::enter("drill::a_difference_is_told_with_its_reason") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // Our first window is 65535, Linux's less.
    let text = OPEN.replace("> S. 0:0(0) ack 1 <...>", "> S. 0:0(0) ack 1 win 65535 <...>");
    let path = folder.path().join("window.pkt");
    fs::write(&path, format!("{FLAGS}{text}")).unwrap();
    let (status, told) = drill(folder.path(), &["window.pkt"]);
    assert!(told.contains("Linux differs  window.pkt:7: win: expected 65535, came "), "{told}");
    assert!(told.contains("because  nobody has written down why") && status == 1, "{told}");
    fs::write(&path, format!("// linux differs: its window is whole segments\n{FLAGS}{text}")).unwrap();
    let (status, told) = drill(folder.path(), &["window.pkt"]);
    assert!(told.contains("because  its window is whole segments"), "{told}");
    assert!(told.ends_with("1 differ, 1 of them with a written reason\n") && status == 0, "{told}");
    // A difference that is there at times has its reason when it is there, and no stale one when it is not.
    fs::write(&path, format!("// linux may differ: windows come and go\n{FLAGS}{text}")).unwrap();
    let (status, told) = drill(folder.path(), &["window.pkt"]);
    assert!(told.contains("because  windows come and go") && status == 0, "{told}");
    fs::write(&path, format!("// linux may differ: windows come and go\n{FLAGS}{OPEN}")).unwrap();
    let (status, told) = drill(folder.path(), &["window.pkt"]);
    assert!(told.ends_with("0 differ, 0 of them with a written reason\n") && status == 0, "{told}");
}
