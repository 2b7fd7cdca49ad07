//! Limits that a test of a server or client runs into before synfin has anything to show. None of them stops synfin.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::report::{Report, Thing};

/// Below so many open files, a server under test runs out of them first.
const FEW_FILES: u64 = 4_096;

/// Below so many ports, a client that opens short connections one after the other runs out of them within TIME-WAIT.
const FEW_PORTS: u64 = 10_000;

/// Below so many, a listener that accepts slowly drops SYNs.
const FEW_WAITING: u64 = 1_024;

/// Below so many, connections skip TIME-WAIT.
const FEW_TIME_WAITS: u64 = 10_000;

pub(super) fn look(report: &mut Report) {
    report.title("\nLimits");
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let thing = Thing {
        name: "open files",
        gives: "connections that one process can have at a time",
        without: "a server with more connections fails to accept them",
    };
    say(report, thing, files, FEW_FILES, "ulimit -n 65536, in the shell that starts the server");
    if let Some([first, last]) = numbers("/proc/sys/net/ipv4/ip_local_port_range") {
        let thing = Thing {
            name: "ephemeral ports",
            gives: "connections from one address to one server and port, TIME-WAIT included",
            without: "a client that opens more within a minute fails with EADDRNOTAVAIL",
        };
        let count = last.saturating_sub(first).saturating_add(1);
        say(report, thing, count, FEW_PORTS, "sudo sysctl net.ipv4.ip_local_port_range='1024 65535'");
    }
    if let Some([count]) = numbers("/proc/sys/net/core/somaxconn") {
        let thing = Thing {
            name: "accept queue",
            gives: "connections that may wait to be accepted, at most",
            without: "SYNs are dropped when more connections come at once",
        };
        say(report, thing, count, FEW_WAITING, "sudo sysctl net.core.somaxconn=4096");
    }
    if let Some([count]) = numbers("/proc/sys/net/ipv4/tcp_max_tw_buckets") {
        let thing = Thing {
            name: "TIME-WAITs",
            gives: "sockets that may be in TIME-WAIT at a time",
            without: "further connections are CLOSED without TIME-WAIT",
        };
        say(report, thing, count, FEW_TIME_WAITS, "sudo sysctl net.ipv4.tcp_max_tw_buckets=65536");
    }
}

fn say(report: &mut Report, thing: Thing<'_>, count: u64, few: u64, hint: &str) {
    let detail = if count == u64::MAX { "no limit".to_owned() } else { count.to_string() };
    if count < few { report.scarce(thing, &detail, hint) } else { report.works(thing, &detail) }
}

/// The numbers in a file; nothing, where there is no such file, or other than that many.
fn numbers<const N: usize>(path: &str) -> Option<[u64; N]> {
    let text = fs::read_to_string(path).ok()?;
    let numbers: Vec<u64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
    numbers.try_into().ok()
}
