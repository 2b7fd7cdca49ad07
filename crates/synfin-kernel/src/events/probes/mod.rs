//! The probes: each one's Rust lies beside its BPF C (`*.bpf.h`), and says what is missing without it.

pub(super) mod drop;
pub(super) mod fork;
pub(super) mod handshake;
pub(super) mod owner;
pub(super) mod reset;
pub(super) mod retransmit;
pub(super) mod state;
pub(super) mod timer;

use crate::{
    event::Event,
    sys::record::{Kind, Record},
};

/// Something that the kernel may tell.
pub(super) struct Probe {
    /// Its name in reports.
    pub(super) name: &'static str,
    /// What it gives.
    pub(super) gives: &'static str,
    /// What is worse without it.
    pub(super) without: &'static str,
    /// What may help where it is refused.
    pub(super) hint: Option<&'static str>,
    /// All of these are wanted; of each, the first alternative that this kernel takes.
    pub(super) programs: &'static [&'static [Program]],
    /// Without it nothing works.
    pub(super) is_required: bool,
}

/// A program in the object file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) attach: Attach,
}

/// Where a program is attached.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attach {
    /// Tracepoint with typed arguments.
    Typed(&'static str),
    /// Tracepoint with untyped arguments.
    Raw(&'static str),
    /// The root of the control groups.
    SockOps,
}

impl Program {
    const fn typed(name: &'static str) -> Self {
        Self { name, attach: Attach::Typed(name) }
    }

    const fn raw(name: &'static str, tracepoint: &'static str) -> Self {
        Self { name, attach: Attach::Raw(tracepoint) }
    }
}

/// All of them. Static, since they are told apart by where they lie, which of constants is not certain.
pub(super) static ALL: [&Probe; 8] = [
    &owner::PROBE,
    &handshake::PROBE,
    &reset::PROBE,
    &retransmit::PROBE,
    &drop::PROBE,
    &timer::PROBE,
    &fork::PROBE,
    &state::PROBE,
];

/// What a record says; nothing where the kernel says what this version does not understand.
pub(super) fn decode(record: &Record<'_>) -> Option<Event> {
    match record.kind {
        Kind::State | Kind::Closed => state::decode(record),
        Kind::Connecting | Kind::Request => handshake::decode(record),
        Kind::Owner => owner::decode(record),
        Kind::Retransmit | Kind::RetransmitSynAck => retransmit::decode(record),
        Kind::ResetSent | Kind::ResetReceived => reset::decode(record),
        Kind::Drop | Kind::TimeWaitSegment => drop::decode(record),
        Kind::RequestEnded | Kind::TimeWaitEnded => timer::decode(record),
        Kind::Fork => fork::decode(record),
    }
}
