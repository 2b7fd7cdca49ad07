//! `synfin drill`: scripts, what is told of them, and how it ends.

use std::fs;
use std::path::Path;

use crate::made;
use crate::run::synfin;

const OPEN: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n\
    +0 < S 0:0(0) win 1000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <...>\n+.1 < . 1:1(0) ack 1 win 1000\n";

/// A folder with a script of each kind, some of them deeper.
fn scripts(folder: &Path) {
    fs::create_dir_all(folder.join("drills/deep/er")).unwrap();
    for (name, last) in [
        ("drills/deep/er/passes.pkt", "+0 accept(3, ..., ...) = 4"),
        ("drills/fails.pkt", "+0 accept(3, ..., ...) = -1 EINVAL (Invalid argument)"),
        ("drills/needs.pkt", "+0 setsockopt(3, SOL_TCP, TCP_CORK, [1], 4) = 0"),
        ("drills/notes.txt", "no script"),
    ] {
        fs::write(folder.join(name), format!("{OPEN}{last}\n")).unwrap();
    }
}

#[test]
fn folders_and_exit_statuses() {
    let folder = made::folder();
    scripts(folder.path());
    let ran = synfin(folder.path(), ["drill", "drills", "-v"]);
    assert_eq!(
        ran.stdout,
        "passed       drills/deep/er/passes.pkt\n\
         failed       drills/fails.pkt:7: accept returned something else\n    \
             expected +0 accept(3, ..., ...) = -1 EINVAL (Invalid argument)\n    came     4\n    \
             before   0.000000 socket(…) = 3\n             0.000000 bind(…) = 0\n             0.000000 listen(…) = 0\n             \
             0.000000 < S 0:0(0) win 1000 <mss 1000>\n             0.000000 > S. 0:0(0) ack 1 win 65535 <mss 1460>\n             \
             0.100000 < . 1:1(0) ack 1 win 1000\n             0.100000 accept(…) = 4\n\
         unsupported  drills/needs.pkt:7: TCP_CORK\n\
         1 passed, 1 failed, 1 unsupported\n"
    );
    assert_eq!((ran.status, ran.stderr.as_str()), (1, ""));
    let ran = synfin(folder.path(), ["drill", "-q", "drills/needs.pkt", "drills/deep"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "1 passed, 0 failed, 1 unsupported\n"));
}

#[test]
fn what_is_no_script_is_an_error_with_its_place() {
    let folder = made::folder();
    scripts(folder.path());
    fs::write(folder.path().join("bad.pkt"), "0 socket(..., SOCK_STREAM = 3\n").unwrap();
    fs::write(folder.path().join("bytes.pkt"), [0xff, 0xfe]).unwrap();
    let ran = synfin(folder.path(), ["drill", "bad.pkt", "none.pkt", "bytes.pkt", "drills/deep"]);
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (2, "1 passed, 0 failed, 0 unsupported, 3 could not be run\n")
    );
    let caret = "synfin: bad.pkt:1:30: expected , or )\n    0 socket(..., SOCK_STREAM = 3\n                                 ^\n";
    assert!(ran.stderr.starts_with(caret), "{}", ran.stderr);
    assert!(ran.stderr.contains("synfin: cannot read none.pkt: No such file"), "{}", ran.stderr);
    assert!(ran.stderr.contains("synfin: cannot read bytes.pkt: it is no text"), "{}", ran.stderr);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let ran = synfin(folder.path(), ["drill", "empty"]);
    assert!(ran.status == 2 && ran.stderr.contains("no script is in empty\nhint: "), "{}", ran.stderr);
}

#[test]
fn for_programs() {
    let folder = made::folder();
    scripts(folder.path());
    let ran = synfin(folder.path(), ["drill", "--format", "json", "drills"]);
    let objects: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(objects.iter().all(|object| object["v"] == 1));
    let verdicts: Vec<_> = objects.iter().filter_map(|object| object["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["passed", "failed", "unsupported"]);
    assert_eq!((&objects[1]["line"], &objects[1]["came"]), (&7.into(), &"4".into()));
    assert_eq!(objects[2]["what"], "TCP_CORK");
    let summary = objects.last().unwrap();
    assert_eq!(summary["type"], "summary");
    assert_eq!(
        (&summary["passed"], &summary["failed"], &summary["unsupported"]),
        (&1.into(), &1.into(), &1.into())
    );
}
