//! Namespaces to test in: nothing outside is seen, and nothing outlives the test.

use std::net::SocketAddr;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything takes: reaching it is a failure.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Set for what runs inside.
const INSIDE: &str = "SYNFIN_IN_NAMESPACE";

/// Runs a test of this binary again, in new network, mount and process namespaces. `true`: this is it.
pub(crate) fn enter(test: &str) -> bool {
    enter_some(test, &["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
}

/// The same among the processes of the machine.
#[cfg(feature = "kernel")]
pub(crate) fn enter_net(test: &str) -> bool {
    enter_some(test, &["--net"])
}

fn enter_some(test: &str, namespaces: &[&str]) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        ip("link set lo up");
        return true;
    }
    let is_possible = Command::new("unshare").args(namespaces).arg("true").stderr(Stdio::null()).status();
    if !is_possible.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "these tests need root, for namespaces");
        println!("skipped: not root, or no namespaces here");
        return false;
    }
    let mut command = Command::new("unshare");
    command.args(namespaces).arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("1 passed"), "no test is called {test}");
    false
}

/// Runs `ip` with these arguments.
pub(crate) fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("`make test` installs it");
    assert!(status.success(), "ip {arguments}");
}

/// Waits until something comes out of `look`.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < LONG, "waited for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until somebody listens there.
pub(crate) fn wait_for_listener(address: &str) {
    let address: SocketAddr = address.parse().unwrap();
    wait_for("a listener", || TcpStream::connect(address).ok());
}
