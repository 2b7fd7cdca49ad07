//! Rights: given up once the sources are open.
//!
//! Opening a capture, loading programs into the kernel and entering namespaces takes capabilities that nothing after that
//! needs. What reads bytes from the network for hours should not have them: a mistake in it would then be worth no more
//! than what it was given to see.

use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// What is still to be done after the sources are open.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Needs {
    /// Looks at the open files of other users' processes: at each round, or when events were lost.
    pub(crate) processes: bool,
    /// Enters other network namespaces: at each round, or when events were lost.
    pub(crate) namespaces: bool,
    /// Reads how many kernel events were lost.
    pub(crate) events: bool,
    /// Asks a command to end that may have become another user.
    pub(crate) signals: bool,
}

impl Needs {
    fn capabilities(self) -> CapabilitySet {
        let mut kept = CapabilitySet::empty();
        if self.processes || self.namespaces {
            // Whose files may be listed, and whose links may be followed (proc(5), ptrace(2)).
            kept |= CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH;
        }
        if self.namespaces {
            // setns(2).
            kept |= CapabilitySet::SYS_ADMIN;
        }
        if self.events && !reads_maps_freely(&rustix::system::uname().release().to_string_lossy()) {
            kept |= CapabilitySet::BPF;
        }
        if self.signals {
            kept |= CapabilitySet::KILL;
        }
        kept
    }
}

/// Gives up all capabilities but those that are needed. Threads and processes that run already keep theirs; a program
/// that is started afterwards gets what its user is due, which for root is everything.
///
/// What cannot be given up is said, and is no reason to stop.
pub(crate) fn keep_only(needs: Needs, is_verbose: bool) {
    match restrict(needs.capabilities()) {
        Ok(kept) if is_verbose => eprintln!("capabilities kept: {}", names(kept)),
        Ok(_) => {}
        Err(error) => eprintln!("synfin: cannot give up capabilities: {error}"),
    }
}

fn restrict(needed: CapabilitySet) -> io::Result<CapabilitySet> {
    let CapabilitySets { effective, permitted, inheritable } = capabilities(None)?;
    let sets = CapabilitySets {
        effective: effective & needed,
        permitted: permitted & needed,
        inheritable: inheritable & needed,
    };
    set_capabilities(None, sets)?;
    Ok(sets.effective)
}

/// Whether the kernel lets whoever holds a map read it: since Linux 5.19, whatever kernel.unprivileged_bpf_disabled says.
fn reads_maps_freely(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(19))
}

/// As capabilities(7) has them: `cap_sys_ptrace,cap_kill`.
fn names(set: CapabilitySet) -> String {
    let names: Vec<_> = set.iter_names().map(|(name, _)| format!("cap_{}", name.to_lowercase())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_as_numbers() {
        for release in ["5.19.0", "5.19", "5.100.1-generic", "6.1.0-13-amd64", "6.18.44-fc-v657", "10.0"] {
            assert!(reads_maps_freely(release), "{release}");
        }
        for release in ["5.18.19", "5.4.0-150-generic", "4.99", "", "rolling"] {
            assert!(!reads_maps_freely(release), "{release}");
        }
    }

    #[test]
    fn what_needs_nothing_keeps_nothing() {
        assert_eq!(names(Needs::default().capabilities()), "none");
        let needs = Needs { processes: true, signals: true, ..Needs::default() };
        assert_eq!(names(needs.capabilities()), "cap_dac_read_search,cap_kill,cap_sys_ptrace");
    }
}
