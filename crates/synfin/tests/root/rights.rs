//! Without the right to capture.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::namespace;
use crate::trace::{Ran, SYNFIN};

/// A copy that everybody may run, in a folder that everybody may write to.
pub(crate) fn copy() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = folder.path().join("synfin");
    fs::copy(SYNFIN, &program).unwrap();
    (folder, program)
}

/// Runs it as the user nobody; in no more time than a person waits.
pub(crate) fn as_nobody(program: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]);
    let began = Instant::now();
    let output = command.arg(program).args(args).env("TMPDIR", program.parent().unwrap()).output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    output.into()
}

#[test]
fn the_error_says_exactly_what_to_type() {
    if !namespace::enter("rights::the_error_says_exactly_what_to_type") {
        return;
    }
    let (_folder, program) = copy();
    let name = program.display();
    let ran = as_nobody(&program, &["trace", "-i", "lo", "tcp port 8080", "-w", "kept"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    let (error, hint) = ran.stderr.split_once('\n').unwrap();
    assert!(error.starts_with("synfin: cannot capture: lo: no permission to capture: "), "{error}");
    assert_eq!(
        hint,
        format!(
            "hint: sudo {name} trace -i lo 'tcp port 8080' -w kept\n  \
             or once, to capture without sudo: sudo setcap cap_net_raw,cap_net_admin+ep {name}\n"
        )
    );
}

#[test]
fn what_the_hint_says_helps() {
    if !namespace::enter("rights::what_the_hint_says_helps") {
        return;
    }
    let (folder, program) = copy();
    let set = Command::new("setcap").arg("cap_net_raw,cap_net_admin+ep").arg(&program).status();
    if !set.is_ok_and(|status| status.success()) {
        println!("skipped: setcap does not work here");
        return;
    }
    // Not with --no-new-privs, which makes file capabilities void.
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).arg("demo");
    let ran: Ran = command.env("TMPDIR", folder.path()).output().unwrap().into();
    assert!(ran.stderr.contains("live:"), "{}", ran.stderr);
    assert!(ran.fine().contains("SYN,ACK"));
}

#[test]
fn the_demonstration_works_and_says_what_it_is() {
    if !namespace::enter("rights::the_demonstration_works_and_says_what_it_is") {
        return;
    }
    let (folder, program) = copy();
    let ran = as_nobody(&program, &["demo"]);
    let ladder = ran.fine();
    for part in ["SYN,ACK", "GET /page", "200 OK", "FIN,ACK", "TIME-WAIT", "CLOSED"] {
        assert!(ladder.contains(part), "{part} is missing:\n{ladder}");
    }
    assert!(ran.stderr.starts_with("This is not live: lo: no permission to capture: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: sudo "), "{}", ran.stderr);
    let written = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let file = written.into_iter().find(|path| path.extension().is_some_and(|e| e == "pcapng")).unwrap();
    assert!(ran.stderr.contains(&format!("The packets are in {}", file.display())), "{}", ran.stderr);
    assert_eq!(as_nobody(&program, &["read", file.to_str().unwrap(), "--connection", "1"]).fine(), ladder);

    // The same command as root shows what really passed.
    let live: Ran =
        Command::new(&program).args(["demo", "-w"]).arg(folder.path().join("live")).output().unwrap().into();
    assert!(live.stderr.contains("live:\n"), "{}", live.stderr);
    assert!(live.fine().contains("GET /page"));
}
