//! The kernel's side of a live capture, where there is one: states, owners and reasons beside the packets.
//!
//! Without it everything works as well: states are inferred from packets, and processes are not named.

use synfin_capture::{Interface, Record};

use crate::failure::Failure;
#[cfg(feature = "kernel")]
use crate::kernel::{self, fuse::Fuse};
use crate::session::Session;

#[cfg(feature = "kernel")]
pub(crate) use synfin_kernel::Scope;

/// Built without the kernel's side: there is one namespace, and it is this one.
#[cfg(not(feature = "kernel"))]
pub(crate) enum Scope {
    Own,
}

/// Built without the kernel's side: there never is one.
#[cfg(not(feature = "kernel"))]
enum Fuse {}

/// The kernel's side of a capture, or nothing.
pub(crate) struct Beside {
    fuse: Option<Fuse>,
    /// Why there is none.
    missing: String,
}

impl Beside {
    /// Asks the kernel. Before the capture begins: what is told too early does no harm, and what is missed does.
    #[cfg(feature = "kernel")]
    pub(crate) fn open(filter: &str, forks: bool, scope: Scope) -> Self {
        match Fuse::open(filter, forks, scope) {
            Ok(fuse) => Self { fuse: Some(fuse), missing: String::new() },
            Err(error) => Self { fuse: None, missing: error.to_string() },
        }
    }

    #[cfg(not(feature = "kernel"))]
    pub(crate) fn open(_filter: &str, _forks: bool, _scope: Scope) -> Self {
        Self { fuse: None, missing: "this program was built without the kernel's side".to_owned() }
    }

    /// Says in a line what is missing; with `is_verbose`, in detail.
    pub(crate) fn tell_missing(&self, is_verbose: bool) {
        match &self.fuse {
            None => {
                eprintln!("states are inferred from packets, and no processes named: {}", self.missing);
                if is_verbose {
                    eprintln!("hint: synfin doctor says what it takes");
                }
            }
            #[cfg(feature = "kernel")]
            Some(fuse) => kernel::tell_missing(fuse.report(), is_verbose),
            #[cfg(not(feature = "kernel"))]
            Some(never) => match *never {},
        }
    }

    /// Whether it is there.
    pub(crate) fn is_there(&self) -> bool {
        self.fuse.is_some()
    }

    /// Whether it tells of every new process, in numbers that mean the same to us. Where they do not, it says what
    /// that costs, unless told to be quiet.
    #[cfg(feature = "kernel")]
    pub(crate) fn tells_forks(&self, is_quiet: bool) -> bool {
        /// Inode number of the initial namespace of processes (`PROC_PID_INIT_INO`).
        const INITIAL: u64 = 0xEFFF_FFFC;
        let is_initial = || {
            use std::os::unix::fs::MetadataExt;
            std::fs::metadata("/proc/self/ns/pid").is_ok_and(|namespace| namespace.ino() == INITIAL)
        };
        let has_probe = |fuse: &Fuse| fuse.report().iter().any(|one| one.name == "forks" && one.is_working());
        if !self.fuse.as_ref().is_some_and(has_probe) {
            return false;
        }
        if !is_initial() {
            if !is_quiet {
                eprintln!(
                    "processes have other numbers here than the kernel tells: connections of others that begin \
                     meanwhile are shown as well"
                );
            }
            return false;
        }
        true
    }

    #[cfg(not(feature = "kernel"))]
    pub(crate) fn tells_forks(&self, _is_quiet: bool) -> bool {
        false
    }

    /// A packet was captured: it waits for what the kernel has to say, or goes on at once.
    pub(crate) fn on_record(&mut self, record: &Record<'_>, session: &mut Session) -> Result<(), Failure> {
        match &mut self.fuse {
            None => session.on_record(record),
            #[cfg(feature = "kernel")]
            Some(fuse) => {
                fuse.push(record);
                Ok(())
            }
            #[cfg(not(feature = "kernel"))]
            Some(never) => match *never {},
        }
    }

    /// All packets up to `seen_until_ns` were captured. Says up to when both sides are known.
    pub(crate) fn on_time(
        &mut self,
        seen_until_ns: u64,
        interfaces: &[Interface],
        session: &mut Session,
    ) -> Result<u64, Failure> {
        match &mut self.fuse {
            None => {
                let _ = (interfaces, session);
                Ok(seen_until_ns)
            }
            #[cfg(feature = "kernel")]
            Some(fuse) => fuse.advance(seen_until_ns, interfaces, session),
            #[cfg(not(feature = "kernel"))]
            Some(never) => match *never {},
        }
    }

    /// No packet will follow.
    pub(crate) fn finish(&mut self, interfaces: &[Interface], session: &mut Session) -> Result<(), Failure> {
        match &mut self.fuse {
            None => {
                let _ = (interfaces, session);
                Ok(())
            }
            #[cfg(feature = "kernel")]
            Some(fuse) => fuse.finish(interfaces, session),
            #[cfg(not(feature = "kernel"))]
            Some(never) => match *never {},
        }
    }
}
