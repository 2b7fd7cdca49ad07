//! What works on this machine, and what is missing.

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
    /// It does not, for this reason.
    Missing(String),
}

impl Capability {
    /// Whether it works.
    #[must_use]
    pub fn is_working(&self) -> bool {
        self.status == Status::Works
    }
}

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
            status: snapshot.map_or(Status::Works, |e| Status::Missing(e.to_string())),
        });
        all.push(Capability {
            name: "processes",
            gives: "the owners of connections from before the start, from /proc",
            without: "only the user's own processes are named",
            // What only root may read of process 1 stands for the files of all others.
            status: match std::fs::read_dir("/proc/1/fd") {
                Ok(_) => Status::Works,
                Err(e) => {
                    Status::Missing(format!("cannot read the open files of other users' processes: {e}"))
                }
            },
        });
        Self(all)
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.0.iter()
    }
}

#[cfg(feature = "events")]
fn events() -> Vec<Capability> {
    use crate::{EventOptions, Events, sys::btf};

    // A small ring is enough to see whether it can be had.
    match Events::open(&EventOptions { ring_bytes: 1 << 16, ..EventOptions::default() }) {
        Ok(events) => {
            let mut all = events.report().to_vec();
            all.push(Capability {
                name: "reasons",
                gives: "the names of the kernel's reasons for drops and resets",
                without: "reasons are shown as numbers",
                status: if btf::are_reasons_named() {
                    Status::Works
                } else {
                    Status::Missing("this kernel has no list of them".into())
                },
            });
            all
        }
        Err(e) => vec![missing_events(e.to_string())],
    }
}

#[cfg(not(feature = "events"))]
fn events() -> Vec<Capability> {
    vec![missing_events("this program was built without them".into())]
}

fn missing_events(why: String) -> Capability {
    Capability {
        name: "events",
        gives: "every state change as it happens, resets, drops, owners",
        without: "states are inferred from packets, and sockets seen only when looked at",
        status: Status::Missing(why),
    }
}
