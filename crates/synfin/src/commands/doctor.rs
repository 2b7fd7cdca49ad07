//! `synfin doctor`: what works on this machine, what does not, what that costs, and what to type.
//!
//! Nothing is concluded from versions or settings that can be tried out: captures are opened, programs loaded, sockets
//! listed.

mod limits;
mod report;

use std::io::{self, Write as _};

use rustix::thread::{CapabilitySet, capabilities};
use synfin_capture::{Live, LiveError, LiveOptions, interfaces};

use crate::Outcome;
use crate::cli::DoctorArgs;
use crate::failure::{self, Failure, quoted};
use report::{Report, Thing};

pub(crate) fn run(args: &DoctorArgs) -> Result<Outcome, Failure> {
    let mut report = Report::new(args.verbose);
    system(&mut report);
    privileges(&mut report);
    capturing(&mut report);
    kernel(&mut report);
    limits::look(&mut report);
    let missing = report.missing();
    let written = io::stdout().write_all(report.finish().as_bytes());
    written.map_err(|error| failure::output(error, "standard output"))?;
    Ok(if missing == 0 { Outcome::Fine } else { Outcome::Nothing })
}

/// This program, as a shell takes it.
fn program() -> String {
    let path = std::env::current_exe().map_or_else(|_| "synfin".into(), |path| path.display().to_string());
    quoted(&path)
}

fn system(report: &mut Report) {
    let uname = rustix::system::uname();
    let text = |field: &std::ffi::CStr| field.to_string_lossy().into_owned();
    let user = match rustix::process::geteuid() {
        user if user.is_root() => "root".to_owned(),
        user => format!("user {}", user.as_raw()),
    };
    report.title(&format!(
        "synfin {} on {} {} ({}), as {user}",
        env!("CARGO_PKG_VERSION"),
        text(uname.sysname()),
        text(uname.release()),
        text(uname.machine()),
    ));
}

/// Capabilities, by what they are for (capabilities(7)).
const PRIVILEGES: [(&str, CapabilitySet, &str, &str); 8] = [
    ("cap_net_raw", CapabilitySet::NET_RAW, "captures packets", "trace and demo cannot capture"),
    (
        "cap_net_admin",
        CapabilitySet::NET_ADMIN,
        "lets programs look at the network, and capture promiscuously",
        "no kernel events",
    ),
    (
        "cap_bpf",
        CapabilitySet::BPF,
        "loads programs into the kernel",
        "no kernel events: no states, no reasons",
    ),
    (
        "cap_perfmon",
        CapabilitySet::PERFMON,
        "lets these programs look at the kernel's data",
        "no kernel events",
    ),
    (
        "cap_sys_ptrace",
        CapabilitySet::SYS_PTRACE,
        "tells which process holds which socket, for processes of others",
        "sockets -p and the others name only your own processes",
    ),
    (
        "cap_dac_read_search",
        CapabilitySet::DAC_READ_SEARCH,
        "lists the open files of processes of others",
        "sockets -p and the others name only your own processes",
    ),
    (
        "cap_sys_admin",
        CapabilitySet::SYS_ADMIN,
        "enters other network namespaces",
        "no --netns and no --all-netns, and request sockets are told of late where control groups are not mounted",
    ),
    (
        "cap_syslog",
        CapabilitySet::SYSLOG,
        "finds the timers that end TIME-WAIT and SYN-RECEIVED among the kernel's functions",
        "these ends are inferred, from Linux's defaults",
    ),
];

/// The capabilities in effect. All of them but what is needed to read are given up once the sources are open.
fn privileges(report: &mut Report) {
    report.title("\nPrivileges");
    let effective = match capabilities(None) {
        Ok(sets) => sets.effective,
        Err(error) => {
            let thing = Thing { name: "capabilities", gives: "what this process may do", without: "" };
            return report.misses(thing, &error.to_string(), None);
        }
    };
    let names: Vec<_> = PRIVILEGES.iter().map(|(name, ..)| *name).collect();
    let hint = if rustix::process::geteuid().is_root() {
        "root lacks them here: a container has them with --privileged, or with --cap-add for each".to_owned()
    } else {
        format!("sudo synfin …, or once: sudo setcap {}+ep {}", names.join(","), program())
    };
    let mut is_first = true;
    for (name, capability, gives, without) in PRIVILEGES {
        let thing = Thing { name, gives, without };
        if effective.contains(capability) {
            report.works(thing, "");
        } else {
            // The same for all of them, so once.
            report.misses(thing, "", is_first.then_some(hint.as_str()));
            is_first = false;
        }
    }
}

/// Opens captures, and closes them.
fn capturing(report: &mut Report) {
    report.title("\nPackets");
    let thing = Thing {
        name: "interfaces",
        gives: "what can be captured on",
        without: "there is nothing to capture on; files can be read",
    };
    match interfaces() {
        Ok(found) => {
            let (up, down): (Vec<_>, Vec<_>) = found.iter().partition(|interface| interface.is_up);
            let mut names: Vec<_> = up.iter().map(|interface| interface.name.clone()).collect();
            if !down.is_empty() {
                names.push(format!("and {} that are down", down.len()));
            }
            report.works(thing, &names.join(", "));
        }
        Err(error) => return report.misses(thing, &error.to_string(), None),
    }
    for (name, gives) in [("any", "capturing on all interfaces at once"), ("lo", "capturing on loopback")] {
        let thing = Thing { name, gives, without: "files can be read, but nothing captured there" };
        match Live::open(&LiveOptions::new(name)) {
            Ok(live) => report.works(thing, &format!("{}, stamps: {}", live.link(), live.resolution())),
            Err(error) => {
                let hint = match &error {
                    LiveError::NoPermission { .. } => Some(format!(
                        "sudo synfin …, or once: sudo setcap cap_net_raw,cap_net_admin+ep {}",
                        program()
                    )),
                    LiveError::InterfaceDown { interface } => {
                        Some(format!("sudo ip link set {interface} up"))
                    }
                    _ => None,
                };
                report.misses(thing, &error.to_string(), hint.as_deref());
            }
        }
    }
}

#[cfg(feature = "kernel")]
fn kernel(report: &mut Report) {
    use synfin_kernel::{Capabilities, Status};

    report.title("\nThe kernel's TCP");
    let thing = Thing {
        name: "built in",
        gives: "states, sockets and owners from Linux itself; clang was needed to build this, and is not to run it",
        without: "",
    };
    report.works(thing, "");
    for capability in Capabilities::probe().iter() {
        let thing = Thing { name: capability.name, gives: capability.gives, without: capability.without };
        match &capability.status {
            Status::Works => report.works(thing, ""),
            Status::Missing { why, hint } => {
                let hint = hint.map(|hint| hint.replace("PROGRAM", &program()));
                report.misses(thing, why, hint.as_deref());
            }
        }
    }
}

#[cfg(not(feature = "kernel"))]
fn kernel(report: &mut Report) {
    report.title("\nThe kernel's TCP");
    let thing = Thing {
        name: "built in",
        gives: "states, sockets and owners from Linux itself",
        without: "states are inferred from packets, no processes named, and there are no synfin states and sockets",
    };
    report.misses(
        thing,
        "this program was built without it (--no-default-features)",
        Some("on Linux, with clang: cargo install --path crates/synfin"),
    );
}
