//! Whose sockets they are, from /proc.

use std::collections::{HashMap, VecDeque};

use procfs::process::{FDTarget, Process as ProcProcess, all_processes};
use rustix::time::{ClockId, clock_gettime};
use synfin_wire::{Process, ProcessName};

/// The processes that hold sockets, as of the last look. Those that are gone keep their names.
#[derive(Debug, Default)]
pub struct Processes {
    by_inode: HashMap<u64, Vec<Open>>,
    by_pid: HashMap<u32, Known>,
    /// Gone, the longest ago first.
    gone: VecDeque<u32>,
}

/// An open file: a process, and its number for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Open {
    pid: u32,
    descriptor: u32,
}

/// A process that was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// Number and name.
    pub process: Process,
    /// When it started, in nanoseconds since the Unix epoch (UTC), to the hundredth of a second: with the number it
    /// tells a process from a later one of the same number.
    pub started_ns: u64,
}

impl Processes {
    /// So many processes are remembered after their end.
    pub const MAX_GONE: usize = 4_096;

    /// Looks at all processes and their open files. What may not be looked at is left out: without root, those of
    /// others. Takes about 10 ms for every 10,000 open files.
    pub fn refresh(&mut self) {
        self.by_inode.clear();
        let mut here: HashMap<u32, Known> = HashMap::new();
        let boot_ns = boot_ns();
        for process in all_processes().into_iter().flatten().flatten() {
            let Some(known) = known(&process, boot_ns) else { continue };
            let pid = known.process.pid;
            here.insert(pid, known);
            for fd in process.fd().into_iter().flatten().flatten() {
                if let FDTarget::Socket(inode) = fd.target {
                    // The kernel counts them from 0.
                    let descriptor = u32::try_from(fd.fd).unwrap_or_default();
                    self.by_inode.entry(inode).or_default().push(Open { pid, descriptor });
                }
            }
        }
        for holders in self.by_inode.values_mut() {
            holders.sort_by_key(|open| {
                let started_ns = here.get(&open.pid).map_or(u64::MAX, |known| known.started_ns);
                (started_ns, open.pid, open.descriptor)
            });
        }
        for (pid, known) in std::mem::replace(&mut self.by_pid, here) {
            self.bury(pid, known);
        }
    }

    /// All processes that have this socket open, the one that started first at the front: the parent before the workers
    /// that inherited from it.
    pub fn holders(&self, inode: u64) -> impl Iterator<Item = &Known> {
        let mut before = None;
        self.descriptors(inode)
            .filter(move |(known, _)| before.replace(known.process.pid) != Some(known.process.pid))
            .map(|(known, _)| known)
    }

    /// The same with the number of the open file, once for each: a process may have opened it several times.
    pub fn descriptors(&self, inode: u64) -> impl Iterator<Item = (&Known, u32)> {
        let all = if inode == 0 { None } else { self.by_inode.get(&inode) };
        all.into_iter().flatten().filter_map(|open| Some((self.by_pid.get(&open.pid)?, open.descriptor)))
    }

    /// Who has this socket open: of several, the one that started first.
    #[must_use]
    pub fn owner(&self, inode: u64) -> Option<Process> {
        self.holders(inode).next().map(|known| known.process)
    }

    /// The process of this number, be it gone.
    #[must_use]
    pub fn process(&self, pid: u32) -> Option<&Known> {
        self.by_pid.get(&pid)
    }

    /// Keeps one that is gone, unless another has its number now.
    fn bury(&mut self, pid: u32, known: Known) {
        if self.by_pid.contains_key(&pid) {
            return;
        }
        self.by_pid.insert(pid, known);
        self.gone.push_back(pid);
        if self.gone.len() > Self::MAX_GONE
            && let Some(oldest) = self.gone.pop_front()
        {
            self.by_pid.remove(&oldest);
        }
    }
}

fn known(process: &ProcProcess, boot_ns: u64) -> Option<Known> {
    let stat = process.stat().ok()?;
    let ticks = procfs::ticks_per_second();
    let since_boot_ns = stat.starttime.saturating_mul(1_000_000_000 / ticks.max(1));
    Some(Known {
        process: Process {
            pid: u32::try_from(process.pid).ok()?,
            name: ProcessName::new(stat.comm.as_bytes()),
        },
        started_ns: boot_ns.saturating_add(since_boot_ns),
    })
}

/// When the machine was started, in nanoseconds since the Unix epoch (UTC).
fn boot_ns() -> u64 {
    let ns = |clock| {
        let now = clock_gettime(clock);
        i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
    };
    u64::try_from(ns(ClockId::Realtime) - ns(ClockId::Boottime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, os::fd::AsRawFd, process::Command};

    use super::*;

    #[test]
    fn a_socket_is_found_by_its_inode() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let inode =
            link.to_str().unwrap().strip_prefix("socket:[").unwrap().trim_end_matches(']').parse().unwrap();
        let mut processes = Processes::default();
        processes.refresh();
        assert_eq!(processes.owner(inode).unwrap().pid, std::process::id());
        let copy = listener.try_clone().unwrap();
        processes.refresh();
        let numbers: Vec<_> = processes.descriptors(inode).map(|(_, number)| number).collect();
        let mut expected = [&listener, &copy].map(|one| u32::try_from(one.as_raw_fd()).unwrap());
        expected.sort_unstable();
        assert_eq!(numbers, expected);
        assert_eq!(processes.holders(inode).count(), 1);
        assert_eq!(processes.owner(0), None, "0 is no socket's number");
    }

    #[test]
    fn a_process_that_is_gone_keeps_its_name() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let mut processes = Processes::default();
        // Until it executes what it is to be, it has this process's name.
        while processes.process(child.id()).is_none_or(|known| known.process.name.as_str() != "sleep") {
            processes.refresh();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        processes.refresh();
        assert_eq!(processes.process(child.id()).unwrap().process.name.as_str(), "sleep");
    }

    #[test]
    fn not_all_that_are_gone_are_remembered() {
        let mut processes = Processes::default();
        let last = u32::try_from(Processes::MAX_GONE).unwrap();
        for pid in 0..=last {
            let process = Process { pid, name: ProcessName::new(b"x") };
            processes.bury(pid, Known { process, started_ns: 0 });
        }
        assert!(processes.process(0).is_none() && processes.process(last).is_some());
        assert_eq!(processes.by_pid.len(), Processes::MAX_GONE);
    }
}
