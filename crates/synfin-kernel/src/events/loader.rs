//! Loads the probes: what this kernel takes is attached, what it refuses is reported.

use std::{
    error::Error,
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
};

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader, include_bytes_aligned,
    maps::Array,
    programs::{CgroupAttachMode, ProgramError, SockOps},
};

use rustix::fs::{Mode, OFlags};

use super::{
    EventOptions, EventsError,
    probes::{self, Attach, Probe, Program, fork, handshake, timer},
};
use crate::{
    capabilities::{Capability, Status},
    sys::{
        btf::{self, KERNEL_BTF},
        kallsyms,
    },
};

static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/synfin.bpf.o"));

/// Loads and attaches. The programs run until the result is dropped.
pub(super) fn load(options: &EventOptions) -> Result<(Ebpf, Vec<Capability>), EventsError> {
    let btf = Btf::from_sys_fs().map_err(|_| match std::fs::metadata(KERNEL_BTF) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => EventsError::NotPermitted,
        _ => EventsError::NoBtf,
    })?;
    let timers = kallsyms::addresses(timer::FUNCTIONS);
    let mut ebpf = load_object(options, &btf, timers.unwrap_or_default())?;
    let mut report = Vec::new();
    let is_asked = |probe: &Probe| options.forks || !std::ptr::eq(probe, &fork::PROBE);
    for probe in probes::ALL.into_iter().filter(|probe| is_asked(probe)) {
        let status = if std::ptr::eq(probe, &timer::PROBE) && timers.is_none() {
            let why = "the addresses of the kernel's functions are hidden (kernel.kptr_restrict)";
            Status::missing_but(
                why,
                "run as root, or with cap_syslog as well; where it is 2: sudo sysctl kernel.kptr_restrict=1",
            )
        } else {
            attach(&mut ebpf, &btf, probe)
        };
        if let (true, Status::Missing { why, .. }) = (probe.is_required, &status) {
            return Err(EventsError::Attach { probe: probe.name, why: why.clone() });
        }
        report.push(Capability { name: probe.name, gives: probe.gives, without: probe.without, status });
    }
    let is_there = |probe: &Probe| {
        report.iter().any(|capability| capability.name == probe.name && capability.is_working())
    };
    end_silence(&mut ebpf, is_there(&handshake::PROBE)).map_err(EventsError::Load)?;
    Ok((ebpf, report))
}

/// Lets all probes tell from now on.
fn end_silence(ebpf: &mut Ebpf, is_connecting_told: bool) -> Result<(), String> {
    /// `MODE_CONNECTING_TOLD`.
    const CONNECTING_TOLD: u64 = 1 << 1;
    let map = ebpf.map_mut(".data").ok_or("the object has no .data")?;
    let mut mode = Array::<_, u64>::try_from(map).map_err(|e| chain(&e))?;
    mode.set(0, if is_connecting_told { CONNECTING_TOLD } else { 0 }, 0).map_err(|e| chain(&e))
}

fn load_object(options: &EventOptions, btf: &Btf, timers: [u64; 2]) -> Result<Ebpf, EventsError> {
    const MAX: usize = EventOptions::MAX_FILTERS;
    let mut ports = [0_u32; MAX];
    let port_count = fill(&mut ports, "ports", options.ports.iter().map(|&port| u32::from(port)))?;
    let mut addresses = [[0_u8; 16]; MAX];
    let canonical = options.addresses.iter().map(|address| match address.to_canonical() {
        std::net::IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        std::net::IpAddr::V6(address) => address.octets(),
    });
    let address_count = fill(&mut addresses, "addresses", canonical)?;
    let mut namespaces = [0_u32; MAX];
    let namespace_count = fill(&mut namespaces, "namespaces", options.namespaces.iter().copied())?;
    let ring_bytes = options.ring_bytes.clamp(1 << 16, 1 << 30).next_power_of_two();
    let [time_wait_timer, request_timer] = timers;
    let ignored = |name| btf::drop_reason_number(name).unwrap_or(u32::MAX);
    let (queue_purge, other_host) = (ignored("QUEUE_PURGE"), ignored("OTHERHOST"));
    EbpfLoader::new()
        .btf(Some(btf))
        .map_max_entries("records", ring_bytes)
        .override_global("filter_ports", &port_count, true)
        .override_global("ports", ports.as_slice(), true)
        .override_global("filter_addresses", &address_count, true)
        .override_global("addresses", addresses.as_flattened(), true)
        .override_global("filter_namespaces", &namespace_count, true)
        .override_global("namespaces", namespaces.as_slice(), true)
        .override_global("time_wait_timer", &time_wait_timer, true)
        .override_global("request_timer", &request_timer, true)
        .override_global("queue_purge", &queue_purge, true)
        .override_global("other_host", &other_host, true)
        .load(OBJECT)
        .map_err(|e| if is_denied(&e) { EventsError::NotPermitted } else { EventsError::Load(chain(&e)) })
}

/// How many there are.
fn fill<T>(
    to: &mut [T],
    what: &'static str,
    from: impl ExactSizeIterator<Item = T>,
) -> Result<u32, EventsError> {
    let count = from.len();
    if count > to.len() {
        return Err(EventsError::TooManyFilters { what, count });
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = from;
    }
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

fn attach(ebpf: &mut Ebpf, btf: &Btf, probe: &Probe) -> Status {
    let mut missing = Vec::new();
    for alternatives in probe.programs {
        let mut refusals = Vec::new();
        let is_attached = alternatives.iter().any(|program| match attach_program(ebpf, btf, program) {
            Ok(()) => true,
            Err(why) => {
                refusals.push(format!("{}: {why}", program.name));
                false
            }
        });
        if !is_attached {
            missing.append(&mut refusals);
        }
    }
    if missing.is_empty() {
        Status::Works
    } else {
        Status::Missing { why: missing.join("; "), hint: probe.hint }
    }
}

fn attach_program(ebpf: &mut Ebpf, btf: &Btf, program: &Program) -> Result<(), String> {
    use aya::programs::{BtfTracePoint, RawTracePoint};

    let Some(found) = ebpf.program_mut(program.name) else { return Err("not in the object".into()) };
    let result: Result<(), ProgramError> = match program.attach {
        Attach::Typed(tracepoint) => <&mut BtfTracePoint>::try_from(found)
            .and_then(|found| found.load(tracepoint, btf).and_then(|()| found.attach()).map(drop)),
        Attach::Raw(tracepoint) => <&mut RawTracePoint>::try_from(found)
            .and_then(|found| found.load().and_then(|()| found.attach(tracepoint)).map(drop)),
        Attach::SockOps => {
            let root = cgroup_root()?;
            <&mut SockOps>::try_from(found).and_then(|found| {
                // Attached by a link, as every kernel with ring buffers does it, it stands beside those of others whatever
                // the mode, and a mode other than this is refused. It never answers, so that their answers count.
                found.load().and_then(|()| found.attach(root, CgroupAttachMode::Single)).map(drop)
            })
        }
    };
    result.map_err(|e| chain(&e))
}

/// The root of the control groups of version 2: where it is mounted, and where it is not (`ip netns exec` hides it), by
/// a mount that nobody sees and that ends with this handle.
fn cgroup_root() -> Result<File, String> {
    let mounts = procfs::process::Process::myself()
        .and_then(|this| this.mountinfo())
        .map_err(|e| format!("cannot read the mounts: {e}"))?;
    let mounted = mounts.into_iter().find(|mount| mount.fs_type == "cgroup2" && mount.root == "/");
    if let Some(mount) = mounted
        && let Ok(root) = File::open(mount.mount_point)
    {
        return Ok(root);
    }
    detached_cgroup_root()
        .map(File::from)
        .map_err(|e| format!("control groups (version 2) are not mounted, and cannot be: {e}"))
}

fn detached_cgroup_root() -> rustix::io::Result<OwnedFd> {
    use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

    let filesystem = fsopen("cgroup2", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(filesystem.as_fd())?;
    let mount =
        fsmount(filesystem.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY)?;
    // A handle of a mount only names it; programs are attached to one that is open.
    rustix::fs::openat(mount, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// The error and its causes; of a refused program the end of the verifier's log, which names the reason.
fn chain(error: &dyn Error) -> String {
    let mut text = shorten(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = shorten(&error.to_string());
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

fn shorten(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.as_slice() {
        [first, .., reason, _processed] => format!("{first} {reason}"),
        _ => lines.join(" "),
    }
}

fn is_denied(error: &EbpfError) -> bool {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::PermissionDenied;
        }
        cause = error.source();
    }
    false
}
