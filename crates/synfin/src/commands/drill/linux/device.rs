//! The namespace and the TUN device: who is on which side of it, and what the kernel is told to leave alone.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::UnshareFlags;
use synfin_lab::drill::{Plan, Setting, Stop};
use tun_rs::{DeviceBuilder, SyncDevice};

/// What the device is called; `defaults.sh` and others of the public scripts know it by this name.
const NAME: &str = "tun0";

/// Largest packet that a TUN device hands over.
const PACKET_MAX: usize = 65_536 + 256;

/// What would make the kernel send or drop packets of its own accord.
const QUIET: [(&str, &str); 6] = [
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv6/conf/default/accept_dad", "0"),
    ("net/ipv6/conf/default/dad_transmits", "0"),
    ("net/ipv6/conf/default/router_solicitations", "0"),
    // Rate limits would have one script disturb another.
    ("net/ipv4/tcp_invalid_ratelimit", "500"),
];

/// Moves this thread into a network namespace of its own, which ends with it.
pub(super) fn enter_new_namespace() -> io::Result<()> {
    #[expect(deprecated, reason = "what is unsafe about it are other flags than this one")]
    rustix::thread::unshare(UnshareFlags::NEWNET)?;
    Ok(())
}

/// The kernel's side is its interface, ours are the packets.
pub(super) struct Device {
    tun: SyncDevice,
    buffer: Vec<u8>,
}

impl Device {
    /// Makes the device in this thread's namespace.
    pub(super) fn open(plan: &Plan) -> Result<Self, String> {
        for (name, value) in QUIET {
            // What a kernel does not have it cannot do.
            let _ = fs::write(format!("/proc/sys/{name}"), value);
        }
        let mtu = u16::try_from(plan.mtu).unwrap_or(u16::MAX);
        let tun = DeviceBuilder::new().name(NAME).mtu(mtu).build_sync();
        let tun = tun.map_err(|error| format!("cannot make a TUN device: {error}"))?;
        tun.set_nonblocking(true).map_err(|error| format!("cannot use the TUN device: {error}"))?;
        let (local, remote) = (plan.addresses.local.to_string(), plan.addresses.remote.to_string());
        let mut add = vec!["address", "add", &local, "peer", &remote, "dev", NAME];
        if plan.addresses.local.is_ipv6() {
            add.push("nodad");
        }
        ip(&["link", "set", NAME, "up"])?;
        ip(&add)?;
        Ok(Self { tun, buffer: vec![0; PACKET_MAX] })
    }

    /// The next packet that the kernel has sent.
    pub(super) fn receive(&mut self) -> io::Result<Option<Bytes>> {
        match self.tun.recv(&mut self.buffer) {
            Ok(len) => Ok(self.buffer.get(..len).map(Bytes::copy_from_slice)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Hands a packet to the kernel.
    pub(super) fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.tun.send(packet).map(drop)
    }

    /// Waits for a packet, or for a socket.
    pub(super) fn wait(&self, most: Duration, socket: Option<(&OwnedFd, PollFlags)>) -> io::Result<()> {
        let time = Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: most.subsec_nanos().into(),
        };
        let mut fds = vec![PollFd::new(&self.tun, PollFlags::IN)];
        fds.extend(socket.map(|(socket, flags)| PollFd::new(socket, flags)));
        match poll(&mut fds, Some(&time)) {
            Err(rustix::io::Errno::INTR) | Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("cannot run ip (of iproute2): {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(format!("ip {}: {}", arguments.join(" "), told.trim()))
}

/// Changes a kernel parameter of this namespace.
pub(super) fn set(setting: &Setting) -> Result<(), Stop> {
    if setting.name.starts_with("net.core.") {
        // They are the machine's, not the namespace's.
        return Ok(());
    }
    let path = format!("/proc/sys/{}", setting.name.replace('.', "/"));
    match fs::write(path, &setting.value) {
        Err(error) if !setting.is_default => {
            Err(Stop::Unsupported(format!("sysctl {}={}: {error}", setting.name, setting.value)))
        }
        _ => Ok(()),
    }
}
