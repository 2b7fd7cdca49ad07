//! The records that the probes write, as `record.bpf.h` lays them out.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use synfin_wire::{Process, ProcessName, SocketId, State};

use super::{
    bytes::{array, u8_at, u16_at, u32_at, u64_at},
    state,
};
use crate::{
    event::{Counters, Subject, Task},
    events::KernelClock,
};

/// `enum kind`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    State = 1,
    Closed = 2,
    Connecting = 3,
    Request = 4,
    RequestEnded = 5,
    Owner = 6,
    Retransmit = 7,
    RetransmitSynAck = 8,
    ResetSent = 9,
    ResetReceived = 10,
    Drop = 11,
    TimeWaitSegment = 12,
    TimeWaitEnded = 13,
    Fork = 14,
}

impl Kind {
    const ALL: [Self; 14] = [
        Self::State,
        Self::Closed,
        Self::Connecting,
        Self::Request,
        Self::RequestEnded,
        Self::Owner,
        Self::Retransmit,
        Self::RetransmitSynAck,
        Self::ResetSent,
        Self::ResetReceived,
        Self::Drop,
        Self::TimeWaitSegment,
        Self::TimeWaitEnded,
        Self::Fork,
    ];
}

const FLAG_PROCESS: u8 = 1 << 0;
const FLAG_FIN_RECEIVED: u8 = 1 << 1;
const FLAG_ORPHAN: u8 = 1 << 2;
const FLAG_TIME_WAIT_FULL: u8 = 1 << 3;

/// `struct record`, and what may follow it.
pub(crate) struct Record<'a> {
    pub(crate) kind: Kind,
    bytes: &'a [u8],
    clock: &'a KernelClock,
}

impl<'a> Record<'a> {
    /// Size of `struct record` in bytes.
    const LEN: usize = 96;

    /// Fails on what this version does not know.
    pub(crate) fn new(bytes: &'a [u8], clock: &'a KernelClock) -> Option<Self> {
        let number = u8_at(bytes, 20)?;
        let kind = Kind::ALL.into_iter().find(|kind| *kind as u8 == number)?;
        (bytes.len() >= Self::LEN).then_some(Self { kind, bytes, clock })
    }

    /// When, in nanoseconds since the Unix epoch (UTC).
    pub(crate) fn at_ns(&self) -> Option<u64> {
        Some(self.clock.to_utc_ns(u64_at(self.bytes, 0)?))
    }

    /// The process that a record is about, where it is about no socket.
    pub(crate) fn pid(&self) -> Option<u32> {
        u32_at(self.bytes, 36)
    }

    pub(crate) fn subject(&self) -> Option<Subject> {
        Some(Subject {
            at_ns: self.at_ns()?,
            socket: SocketId {
                cookie: u64_at(self.bytes, 8)?,
                namespace: u64::from(u32_at(self.bytes, 16)?),
            },
            local: self.address(40, 24)?,
            remote: self.address(56, 26)?,
        })
    }

    fn address(&self, ip_at: usize, port_at: usize) -> Option<SocketAddr> {
        let ip = IpAddr::V6(Ipv6Addr::from(array::<16>(self.bytes, ip_at)?)).to_canonical();
        Some(SocketAddr::new(ip, u16_at(self.bytes, port_at)?))
    }

    pub(crate) fn number_before(&self) -> u8 {
        u8_at(self.bytes, 21).unwrap_or_default()
    }

    pub(crate) fn number_after(&self) -> u8 {
        u8_at(self.bytes, 22).unwrap_or_default()
    }

    pub(crate) fn state_before(&self) -> Option<State> {
        state::from_kernel(self.number_before())
    }

    pub(crate) fn state_after(&self) -> Option<State> {
        state::from_kernel(self.number_after())
    }

    pub(crate) fn flags(&self) -> u8 {
        u8_at(self.bytes, 23).unwrap_or_default()
    }

    pub(crate) fn is_fin_received(&self) -> bool {
        self.flags() & FLAG_FIN_RECEIVED != 0
    }

    pub(crate) fn is_orphan(&self) -> bool {
        self.flags() & FLAG_ORPHAN != 0
    }

    pub(crate) fn is_time_wait_full(&self) -> bool {
        self.flags() & FLAG_TIME_WAIT_FULL != 0
    }

    pub(crate) fn reason(&self) -> u32 {
        u32_at(self.bytes, 28).unwrap_or_default()
    }

    pub(crate) fn value(&self) -> u32 {
        u32_at(self.bytes, 32).unwrap_or_default()
    }

    /// The current task, where it is one that uses the socket and was not told of before.
    pub(crate) fn task(&self) -> Option<Task> {
        if self.flags() & FLAG_PROCESS == 0 {
            return None;
        }
        Some(Task {
            process: Process {
                pid: u32_at(self.bytes, 36)?,
                name: ProcessName::new(&array::<16>(self.bytes, 72)?),
            },
            cgroup: u64_at(self.bytes, 88)?,
        })
    }

    /// `struct counters` behind a record of [`Kind::Closed`].
    pub(crate) fn counters(&self) -> Option<Counters> {
        let bytes = self.bytes.get(Self::LEN..)?;
        Some(Counters {
            bytes_sent: u64_at(bytes, 0)?,
            bytes_acked: u64_at(bytes, 8)?,
            bytes_received: u64_at(bytes, 16)?,
            bytes_retransmitted: u64_at(bytes, 24)?,
            segments_out: u32_at(bytes, 32)?,
            segments_in: u32_at(bytes, 36)?,
            data_segments_out: u32_at(bytes, 40)?,
            data_segments_in: u32_at(bytes, 44)?,
            retransmits: u32_at(bytes, 48)?,
            srtt_ns: u64::from(u32_at(bytes, 52)?) * 1_000,
            cwnd: u32_at(bytes, 56)?,
            mss: u32_at(bytes, 60)?,
        })
    }
}
