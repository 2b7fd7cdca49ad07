//! What works on this machine, and what is missing.

#[cfg(feature = "events")]
use std::{fs::File, path::Path};

#[cfg(feature = "events")]
use crate::sys::btf::KERNEL_BTF;
use crate::{Namespace, Snapshot};

/// One thing that the kernel may offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capability {
    /// Its name.
    pub name: &'static str,
    /// What it gives.
    pub gives: &'static str,
    /// What is worse without it.
    pub without: &'static str,
    /// Whether it is there.
    pub status: Status,
}

/// Whether something is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// It works.
    Works,
    /// It does not.
    Missing {
        /// Why.
        why: String,
        /// What to type, where that may help.
        hint: Option<&'static str>,
    },
}

impl Status {
    /// Missing, with nothing to be done about it.
    pub(crate) fn missing(why: impl Into<String>) -> Self {
        Self::Missing { why: why.into(), hint: None }
    }

    /// Missing, and what to type.
    pub(crate) fn missing_but(why: impl Into<String>, hint: &'static str) -> Self {
        Self::Missing { why: why.into(), hint: Some(hint) }
    }
}

impl Capability {
    /// Whether it works.
    #[must_use]
    pub fn is_working(&self) -> bool {
        self.status == Status::Works
    }
}

/// What it takes to load programs, enter namespaces and look at other users' processes.
const PRIVILEGES: &str = "run as root, or: sudo setcap \
    cap_bpf,cap_perfmon,cap_net_admin,cap_net_raw,cap_sys_admin,cap_sys_ptrace,cap_dac_read_search,cap_syslog+ep PROGRAM";

/// All that this crate can use, tried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capabilities(Vec<Capability>);

impl Capabilities {
    /// Tries everything out: loads and unloads the programs, takes a snapshot, looks at processes of others. Takes some
    /// 100 ms.
    #[must_use]
    pub fn probe() -> Self {
        let mut all = events();
        let snapshot = Snapshot::take(&Namespace::Current).err();
        all.push(Capability {
            name: "snapshots",
            gives: "every TCP socket that exists, from sock_diag",
            without: "connections from before the start are not known",
            status: snapshot.map_or(Status::Works, |e| Status::missing(e.to_string())),
        });
        all.push(Capability {
            name: "processes",
            gives: "the owners of connections from before the start, from /proc",
            without: "only the user's own processes are named",
            // What only root may read of process 1 stands for the files of all others.
            status: match std::fs::read_dir("/proc/1/fd") {
                Ok(_) => Status::Works,
                Err(e) => Status::missing_but(
                    format!("cannot read the open files of other users' processes: {e}"),
                    PRIVILEGES,
                ),
            },
        });
        Self(all)
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.0.iter()
    }
}

/// The kernel's description of its own types.
#[cfg(feature = "events")]
fn types() -> Capability {
    let status = match File::open(KERNEL_BTF) {
        Ok(_) => Status::Works,
        Err(e) if Path::new("/sys/kernel").read_dir().is_ok_and(|mut all| all.next().is_none()) => {
            Status::missing_but(
                format!("{KERNEL_BTF}: {e}; /sys is hidden here"),
                "mount -t sysfs sysfs /sys",
            )
        }
        Err(e) => Status::missing(format!("{KERNEL_BTF}: {e} (the kernel's CONFIG_DEBUG_INFO_BTF)")),
    };
    Capability {
        name: "types (BTF)",
        gives: "the kernel describes its own types, so that programs fit it whatever its version",
        without: "no program can be loaded, so that there are no events",
        status,
    }
}

#[cfg(feature = "events")]
fn events() -> Vec<Capability> {
    use crate::{EventOptions, Events, EventsError, sys::btf};

    let mut all = vec![types()];
    // A small ring is enough to see whether it can be had.
    match Events::open(&EventOptions { ring_bytes: 1 << 16, forks: true, ..EventOptions::default() }) {
        Ok(events) => {
            all.extend_from_slice(events.report());
            all.push(Capability {
                name: "reasons",
                gives: "the names of the kernel's reasons for drops and resets",
                without: "reasons are shown as numbers",
                status: if btf::are_reasons_named() {
                    Status::Works
                } else {
                    Status::missing("this kernel has no list of them")
                },
            });
        }
        Err(e @ EventsError::NotPermitted) => {
            all.push(missing_events(Status::missing_but(e.to_string(), PRIVILEGES)));
        }
        Err(e) => all.push(missing_events(Status::missing(e.to_string()))),
    }
    all
}

#[cfg(not(feature = "events"))]
fn events() -> Vec<Capability> {
    vec![missing_events(Status::missing("this program was built without them"))]
}

fn missing_events(status: Status) -> Capability {
    Capability {
        name: "events",
        gives: "every state change as it happens, resets, drops, owners",
        without: "states are inferred from packets, and sockets seen only when looked at",
        status,
    }
}
