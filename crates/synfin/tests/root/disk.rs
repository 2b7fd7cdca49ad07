//! Disks that are full.

use std::process::Command;

use crate::namespace;
use crate::trace::{packets_by_capinfos, packets_by_tshark, synfin};
use crate::web::Web;

#[test]
fn a_full_disk_is_an_error_and_what_was_written_stays_readable() {
    if !namespace::enter("disk::a_full_disk_is_an_error_and_what_was_written_stays_readable") {
        return;
    }
    let web = Web::start();
    let folder = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(mount.success());
    let full = folder.path().join("full.pcapng");
    for (target, has_room) in [("/dev/full", false), (full.to_str().unwrap(), true)] {
        let fetched = web.folder.path().join("fetched");
        let curl = ["curl", "-s", "-o", fetched.to_str().unwrap(), "http://127.0.0.1:8080/large"];
        let ran = synfin(["trace", "-i", "lo", "tcp port 8080", "-w", target, "--"].into_iter().chain(curl));
        assert_eq!(ran.status, 2);
        assert!(
            ran.stderr.contains("synfin: cannot write packets: ") && ran.stderr.contains(target),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(": No space left on device (os error 28)\nhint: "), "{}", ran.stderr);
        // Where nothing can be written, nothing begins; else what was seen is shown.
        assert_eq!(fetched.exists(), has_room);
        assert_eq!(ran.stdout.starts_with("#1  127.0.0.1:"), has_room, "{}", ran.stdout);
    }
    let packets = packets_by_capinfos(&full);
    assert!(packets >= 4, "the handshake and the request, at least");
    assert_eq!(packets_by_tshark(&full), packets);
    let read = synfin(["read", full.to_str().unwrap(), "--format", "json"]);
    assert_eq!(read.objects_of("summary")[0]["frames"], packets);
    assert_eq!(read.objects_of("summary")[0]["truncated_files"], 0);
}
