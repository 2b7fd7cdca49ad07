//! Scripts against the Linux kernel: its TCP behind a TUN device, in a network namespace of its own, in real time.
//!
//! It takes root (CAP_SYS_ADMIN for the namespace, CAP_NET_ADMIN for the device), `/dev/net/tun` and `ip` of iproute2.
//! Every script has a thread, and the thread a namespace: nothing of the machine is touched, and nothing is left.

mod calls;
mod device;
mod info;
mod options;

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::net::{SendFlags, Shutdown};
use synfin_lab::drill::{
    self, At, Errno, Octets, Plan, Returned, Script, Setting, Settings, Stack, Stop, SystemCall, Verdict,
};

use self::calls::Done;
use self::device::Device;
use crate::failure::Failure;

/// The longest script that is waited for.
const LONGEST: Duration = Duration::from_secs(45);

/// How long a late packet is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a call that is not to block may take before it is held to do so.
const PROMPT: Duration = Duration::from_millis(500);

/// How often a call that blocks is looked after.
const GLANCE: Duration = Duration::from_millis(1);

/// Runs a script against the kernel.
pub(super) fn run(script: &Script, settings: &Settings) -> Result<Verdict, Failure> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| -> Result<Verdict, Failure> {
            device::enter_new_namespace().map_err(|error| {
                let failure = anyhow::Error::new(error).context("cannot make a network namespace");
                Failure::from(failure)
                    .with_hint("the kernel is drilled as root: sudo synfin drill --against linux …")
            })?;
            let settings = Settings { is_real_time: true, ..*settings };
            let ran = drill::run_on(script, &settings, |plan| Ok(Box::new(Linux::new(plan)?)));
            Ok(ran.with_context(|| format!("cannot run {} on Linux", script.name))?)
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The kernel's TCP.
struct Linux {
    device: Device,
    plan: Plan,
    began: Instant,
    sockets: BTreeMap<i32, Arc<OwnedFd>>,
    packets: VecDeque<(u64, Bytes)>,
    /// A call that blocks.
    blocked: Option<Receiver<(Instant, Done)>>,
    returned: Option<(u64, Returned)>,
    /// What new sockets use. It is set for each of them: a namespace may only have what the machine allows to all.
    congestion: String,
}

/// What our own TCP uses too.
const CONGESTION: &str = "cubic";

/// How far a write has come without waiting.
enum Begun {
    Done(Returned),
    /// What is left to be written, and how much was.
    Rest(SystemCall, u64),
}

impl Linux {
    fn new(plan: &Plan) -> Result<Self, String> {
        let device = Device::open(plan)?;
        Ok(Self {
            device,
            plan: *plan,
            began: Instant::now(),
            sockets: BTreeMap::new(),
            packets: VecDeque::new(),
            blocked: None,
            returned: None,
            congestion: CONGESTION.to_owned(),
        })
    }

    fn since_start(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Takes in what the device has.
    fn receive(&mut self) -> Result<(), Stop> {
        while let Some(packet) = self.device.receive().map_err(broken)? {
            let at_ns = self.now_ns();
            self.packets.push_back((at_ns, packet));
        }
        Ok(())
    }

    /// Looks whether the call that blocks has returned.
    fn look_after_call(&mut self) {
        if let Some(blocked) = &self.blocked
            && let Ok((at, done)) = blocked.try_recv()
        {
            self.blocked = None;
            let at_ns = self.since_start(at);
            let returned = self.registered(done);
            self.returned = Some((at_ns, returned));
        }
    }

    /// What a call returns; sockets that it has made get a number.
    fn registered(&mut self, done: Done) -> Returned {
        match done {
            Done::Returned(returned) => returned,
            Done::Socket(socket) => {
                let free = (3..).find(|fd| !self.sockets.contains_key(fd)).unwrap_or(i32::MAX);
                self.sockets.insert(free, Arc::new(socket));
                Returned { result: Ok(free.into()), given: drill::Given::Nothing }
            }
        }
    }

    /// Whether a call cannot block, so that it needs no thread: those that never do, and those that have what they wait
    /// for, or do not wait.
    fn is_prompt(&self, call: &SystemCall) -> bool {
        let (fd, waits_for) = match call {
            SystemCall::Accept(fd, _) | SystemCall::Read(fd, ..) => (fd, PollFlags::IN),
            // What is to be written may be more than there is room for.
            SystemCall::Write(fd, ..) | SystemCall::Connect(fd, _) => (fd, PollFlags::empty()),
            SystemCall::Poll(_, timeout) => return *timeout == Some(Duration::ZERO),
            _ => return true,
        };
        let Ok(socket) = self.socket(*fd) else { return true };
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut fds = [PollFd::new(&*socket, waits_for)];
        fcntl_getfl(&*socket).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK))
            || poll(&mut fds, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }

    /// Writes what there is room for, without a thread that would take its time to begin.
    fn written_at_once(&self, call: &SystemCall, at: &At) -> Option<Begun> {
        let SystemCall::Write(fd, octets, flags) = call else { return None };
        let socket = self.socket(*fd).ok()?;
        let flags_now = fcntl_getfl(&*socket).ok()?;
        if flags.is_nonblocking || flags_now.contains(OFlags::NONBLOCK) {
            return None;
        }
        let text = match octets {
            Octets::Pattern(len) => drill::pattern(at.offset, *len),
            Octets::These(text) => text.clone(),
        };
        let sent = rustix::net::send(&*socket, &text, calls::sending(*flags) | SendFlags::DONTWAIT).ok()?;
        let rest = text.get(sent..).unwrap_or_default();
        let sent = u64::try_from(sent).unwrap_or_default();
        if rest.is_empty() {
            let result = Ok(i64::try_from(sent).unwrap_or(i64::MAX));
            return Some(Begun::Done(Returned { result, given: drill::Given::Nothing }));
        }
        let rest = Octets::These(Bytes::copy_from_slice(rest));
        Some(Begun::Rest(SystemCall::Write(*fd, rest, *flags), sent))
    }

    fn socket(&self, fd: i32) -> Result<Arc<OwnedFd>, Errno> {
        self.sockets.get(&fd).cloned().ok_or(Errno(9))
    }
}

fn broken(error: std::io::Error) -> Stop {
    Stop::Broken(format!("the TUN device: {error}"))
}

impl Stack for Linux {
    fn now_ns(&self) -> u64 {
        self.since_start(Instant::now())
    }

    fn patience_ns(&self) -> u64 {
        u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX)
    }

    fn catch_up(&mut self, at_ns: u64) {
        let late = Duration::from_nanos(self.now_ns().saturating_sub(at_ns));
        self.began = self.began.checked_add(late).unwrap_or(self.began);
    }

    fn longest_ns(&self) -> Option<u64> {
        u64::try_from(LONGEST.as_nanos()).ok()
    }

    fn run(&mut self, until_ns: u64) -> Result<(), Stop> {
        loop {
            self.receive()?;
            self.look_after_call();
            let now_ns = self.now_ns();
            if !self.packets.is_empty() || self.returned.is_some() || now_ns >= until_ns {
                return Ok(());
            }
            let left = Duration::from_nanos(until_ns - now_ns);
            let wait = if self.blocked.is_some() { left.min(GLANCE) } else { left };
            self.device.wait(wait).map_err(broken)?;
        }
    }

    fn poll_packet(&mut self) -> Option<(u64, Bytes)> {
        self.packets.pop_front()
    }

    fn inject(&mut self, packet: &Bytes) -> Result<(), Stop> {
        self.device.send(packet).map_err(broken)?;
        self.receive()
    }

    fn call(&mut self, call: &SystemCall, at: &At) -> Result<Option<Returned>, Stop> {
        if let SystemCall::Close(fd) = call {
            let closed = self.sockets.remove(fd);
            let result = closed.map(|_| 0).ok_or(Errno(9));
            self.receive()?;
            return Ok(Some(Returned { result, given: drill::Given::Nothing }));
        }
        let is_prompt = !at.blocks && self.is_prompt(call);
        let (task, begun) = match self.written_at_once(call, at) {
            Some(Begun::Done(returned)) => {
                self.receive()?;
                return Ok(Some(returned));
            }
            Some(Begun::Rest(rest, done)) => {
                let at = At { offset: at.offset.saturating_add(done), ..*at };
                (calls::task(self, &rest, &at)?, done)
            }
            None => (calls::task(self, call, at)?, 0),
        };
        if is_prompt {
            let done = task();
            let returned = self.registered(done);
            self.receive()?;
            return Ok(Some(returned));
        }
        let (sender, receiver) = channel();
        // A thread of its own: whatever the call does, the script goes on. It is in this thread's namespace.
        thread::spawn(move || {
            let done = calls::and_before(task(), begun);
            // Whoever waited has gone, where the script is over.
            let _ = sender.send((Instant::now(), done));
        });
        let patience = if at.blocks { Duration::ZERO } else { PROMPT };
        let outcome = receiver.recv_timeout(patience);
        let returned = match outcome {
            Ok((_, done)) => Some(self.registered(done)),
            Err(RecvTimeoutError::Timeout) => {
                self.blocked = Some(receiver);
                None
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Stop::Broken("a call did not return".to_owned()));
            }
        };
        self.receive()?;
        Ok(returned)
    }

    fn poll_call(&mut self) -> Option<(u64, Returned)> {
        self.look_after_call();
        self.returned.take()
    }

    fn set(&mut self, setting: &Setting) -> Result<(), Stop> {
        if setting.name == "net.ipv4.tcp_congestion_control" {
            self.congestion.clone_from(&setting.value);
            return Ok(());
        }
        device::set(setting)
    }

    fn info(&mut self, descriptor: i32) -> Result<BTreeMap<&'static str, i128>, Stop> {
        let socket = self.socket(descriptor);
        info::variables(&socket.map_err(|_| Stop::Unsupported("TCP_INFO of no socket".to_owned()))?)
    }
}

impl Drop for Linux {
    fn drop(&mut self) {
        // Wakes calls that still wait, so that their threads end.
        for socket in self.sockets.values() {
            // One that is not connected has nobody waiting but in accept, which wakes all the same.
            let _ = rustix::net::shutdown(socket, Shutdown::Both);
        }
    }
}
