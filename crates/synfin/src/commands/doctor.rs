//! `synfin doctor`: what works on this machine, what does not, and what to type.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use rustix::process::{Resource, getrlimit};
use synfin_capture::{Live, LiveError, LiveOptions, interfaces};

use crate::Outcome;
use crate::cli::DoctorArgs;
use crate::failure::Failure;

/// Below so many open files, a server under test runs out of them before synfin has anything to show.
const FEW_FILES: u64 = 4_096;

/// What was found, as text.
struct Report {
    text: String,
    missing: usize,
    #[cfg_attr(not(feature = "kernel"), expect(dead_code, reason = "details are the kernel's"))]
    is_verbose: bool,
}

pub(crate) fn run(args: &DoctorArgs) -> Result<Outcome, Failure> {
    let mut report = Report { text: String::new(), missing: 0, is_verbose: args.verbose };
    system(&mut report);
    capturing(&mut report);
    kernel(&mut report);
    limits(&mut report);
    let last = match report.missing {
        0 => "everything works".to_owned(),
        1 => "1 thing is missing".to_owned(),
        n => format!("{n} things are missing"),
    };
    report.line(&last);
    io::stdout().write_all(report.text.as_bytes())?;
    Ok(if report.missing == 0 { Outcome::Fine } else { Outcome::Nothing })
}

impl Report {
    fn line(&mut self, text: &str) {
        self.text += text;
        self.text.push('\n');
    }

    fn title(&mut self, text: &str) {
        self.line(text);
    }

    fn works(&mut self, name: &str, detail: &str) {
        let line = format!("  ok       {name:<14} {detail}");
        self.line(line.trim_end());
    }

    /// What is missing, why, what that costs, and what to type.
    fn misses(&mut self, name: &str, why: &str, without: &str, hint: Option<&str>) {
        self.missing += 1;
        let _ = writeln!(self.text, "  MISSING  {name:<14} {why}");
        if !without.is_empty() {
            let _ = writeln!(self.text, "{:26}without it: {without}", "");
        }
        if let Some(hint) = hint {
            let _ = writeln!(self.text, "{:26}hint: {hint}", "");
        }
    }
}

fn system(report: &mut Report) {
    let uname = rustix::system::uname();
    let text = |field: &std::ffi::CStr| field.to_string_lossy().into_owned();
    report.title(&format!(
        "synfin {} on {} {} ({})",
        env!("CARGO_PKG_VERSION"),
        text(uname.sysname()),
        text(uname.release()),
        text(uname.machine())
    ));
    let user = if rustix::process::geteuid().is_root() { "root" } else { "not root" };
    report.works("user", user);
}

/// Opens a capture, and closes it.
fn capturing(report: &mut Report) {
    report.title("\nPackets");
    let found = match interfaces() {
        Ok(found) => found,
        Err(error) => {
            report.misses("interfaces", &error.to_string(), "there is nothing to capture on", None);
            return;
        }
    };
    let names: Vec<_> = found.iter().map(|interface| interface.name.as_str()).collect();
    report.works("interfaces", &names.join(", "));
    for name in ["any", "lo"] {
        match Live::open(&LiveOptions::new(name)) {
            Ok(live) => report.works(name, &format!("{}, stamps: {}", live.link(), live.resolution())),
            Err(error) => {
                let hint = match &error {
                    LiveError::NoPermission { .. } => Some(
                        "run as root, or: sudo setcap cap_net_raw,cap_net_admin+ep \"$(command -v synfin)\"",
                    ),
                    LiveError::InterfaceDown { .. } => Some("sudo ip link set lo up"),
                    _ => None,
                };
                report.misses(
                    name,
                    &error.to_string(),
                    "files can be read, but nothing captured there",
                    hint,
                );
            }
        }
    }
}

#[cfg(feature = "kernel")]
fn kernel(report: &mut Report) {
    use synfin_kernel::{Capabilities, Status};

    report.title("\nThe kernel's TCP");
    for capability in Capabilities::probe().iter() {
        match &capability.status {
            Status::Works if report.is_verbose => report.works(capability.name, capability.gives),
            Status::Works => report.works(capability.name, ""),
            Status::Missing { why, hint } => {
                report.misses(capability.name, why, capability.without, *hint);
            }
        }
    }
}

#[cfg(not(feature = "kernel"))]
fn kernel(report: &mut Report) {
    report.title("\nThe kernel's TCP");
    report.misses(
        "kernel side",
        "this program was built without it",
        "states are inferred from packets, and no processes named",
        Some("build it with its default features, on Linux with clang"),
    );
}

fn limits(report: &mut Report) {
    report.title("\nLimits");
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if files < FEW_FILES {
        // Worth knowing, but nothing of ours fails for it.
        report.works("open files", &format!("{files} (few, for a server with many connections: ulimit -n)"));
    } else {
        report.works("open files", &files.to_string());
    }
    for (name, path) in [
        ("ports", "/proc/sys/net/ipv4/ip_local_port_range"),
        ("accept queue", "/proc/sys/net/core/somaxconn"),
        ("TIME-WAITs", "/proc/sys/net/ipv4/tcp_max_tw_buckets"),
    ] {
        if let Ok(value) = std::fs::read_to_string(path) {
            report.works(name, &value.split_whitespace().collect::<Vec<_>>().join(" to "));
        }
    }
    report.text.push('\n');
}
