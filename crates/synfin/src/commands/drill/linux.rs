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
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use synfin_lab::drill::{self, Plan, Returned, Script, Setting, Settings, Stack, Stop, SystemCall, Verdict};

use self::calls::Pending;
use self::device::Device;
use crate::failure::Failure;

/// How long a late packet is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a call is tried again that waits for more than one socket.
const GLANCE: Duration = Duration::from_millis(1);

/// What new sockets use unless a script says otherwise; our own TCP does too.
const CONGESTION: &str = "cubic";

/// Runs a script against the kernel, unless it takes longer than so long.
pub(super) fn run(script: &Script, settings: &Settings, longest: Duration) -> Result<Verdict, Failure> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| -> Result<Verdict, Failure> {
            device::enter_new_namespace().map_err(|error| {
                let failure = anyhow::Error::new(error).context("cannot make a network namespace");
                Failure::from(failure)
                    .with_hint("the kernel is drilled as root: sudo synfin drill --against linux …")
            })?;
            let settings = Settings { is_real_time: true, is_foreign: true, ..*settings };
            let ran = drill::run_on(script, &settings, |plan| Ok(Box::new(Linux::new(plan, longest)?)));
            Ok(ran.with_context(|| format!("cannot run {} on Linux", script.name))?)
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The kernel's TCP.
struct Linux {
    device: Device,
    plan: Plan,
    longest: Duration,
    began: Instant,
    sockets: BTreeMap<i32, Arc<OwnedFd>>,
    packets: VecDeque<(u64, Bytes)>,
    /// A call that waits.
    pending: Option<Pending>,
    returned: Option<(u64, Returned)>,
    /// It is set for each socket: a namespace may only have as its own what the machine allows to all.
    congestion: String,
}

impl Linux {
    fn new(plan: &Plan, longest: Duration) -> Result<Self, String> {
        let device = Device::open(plan)?;
        Ok(Self {
            device,
            plan: *plan,
            longest,
            began: Instant::now(),
            sockets: BTreeMap::new(),
            packets: VecDeque::new(),
            pending: None,
            returned: None,
            congestion: CONGESTION.to_owned(),
        })
    }

    /// Nanoseconds since the script began.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Takes in what the device has.
    fn receive(&mut self) -> Result<(), Stop> {
        while let Some(packet) = self.device.receive().map_err(broken)? {
            let at_ns = self.now();
            self.packets.push_back((at_ns, packet));
        }
        Ok(())
    }

    /// Tries the call that waits again.
    fn retry(&mut self) -> Result<(), Stop> {
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        match self.attempt(&mut pending)? {
            Some(returned) => self.returned = Some((self.now(), returned)),
            None => self.pending = Some(pending),
        }
        Ok(())
    }

    /// Waits until there is a packet, or the call that waits may go on.
    fn wait(&self, most: Duration) -> Result<(), Stop> {
        let waits_for = self.pending.as_ref().and_then(Pending::waits_for);
        let socket = waits_for.and_then(|(fd, flags)| Some((self.sockets.get(&fd)?.as_ref(), flags)));
        let most = if self.pending.is_some() && socket.is_none() { most.min(GLANCE) } else { most };
        self.device.wait(most, socket).map_err(broken)
    }

    /// Gives a new socket its number.
    fn register(&mut self, socket: OwnedFd) -> i32 {
        let free = (3..).find(|fd| !self.sockets.contains_key(fd)).unwrap_or(i32::MAX);
        self.sockets.insert(free, Arc::new(socket));
        free
    }
}

fn broken(error: std::io::Error) -> Stop {
    Stop::Broken(format!("the TUN device: {error}"))
}

impl Stack for Linux {
    fn now_ns(&self) -> u64 {
        self.now()
    }

    fn patience_ns(&self) -> u64 {
        u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX)
    }

    fn catch_up(&mut self, at_ns: u64) {
        let late = Duration::from_nanos(self.now_ns().saturating_sub(at_ns));
        self.began = self.began.checked_add(late).unwrap_or(self.began);
    }

    fn longest_ns(&self) -> Option<u64> {
        u64::try_from(self.longest.as_nanos()).ok()
    }

    fn run(&mut self, until_ns: u64) -> Result<(), Stop> {
        loop {
            self.receive()?;
            self.retry()?;
            let now_ns = self.now();
            if !self.packets.is_empty() || self.returned.is_some() || now_ns >= until_ns {
                return Ok(());
            }
            self.wait(Duration::from_nanos(until_ns - now_ns))?;
        }
    }

    fn poll_packet(&mut self) -> Option<(u64, Bytes)> {
        self.packets.pop_front()
    }

    fn inject(&mut self, packet: &Bytes) -> Result<(), Stop> {
        self.device.send(packet).map_err(broken)?;
        self.receive()
    }

    fn call(&mut self, call: &SystemCall, offset: u64) -> Result<Option<Returned>, Stop> {
        let mut pending = Pending::new(self, call, offset);
        let returned = self.attempt(&mut pending)?;
        if returned.is_none() {
            self.pending = Some(pending);
        }
        self.receive()?;
        Ok(returned)
    }

    fn poll_call(&mut self) -> Option<(u64, Returned)> {
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
        match self.sockets.get(&descriptor) {
            Some(socket) => info::variables(socket),
            None => Err(Stop::Unsupported("TCP_INFO of no socket".to_owned())),
        }
    }
}
