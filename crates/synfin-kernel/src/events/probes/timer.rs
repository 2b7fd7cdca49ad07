//! When TIME-WAIT and SYN-RECEIVED run out: tracepoints `timer:timer_expire_entry` and `timer:timer_expire_exit`, which
//! see every timer of the kernel; the two wanted are known by the addresses of their functions (`/proc/kallsyms`).

use super::{Probe, Program};
use crate::{
    event::Event,
    sys::record::{Kind, Record},
};

pub(crate) static PROBE: Probe = Probe {
    name: "timers",
    gives: "the moment when TIME-WAIT and SYN-RECEIVED run out",
    without: "they are taken to end when Linux's defaults say so, and marked inferred",
    hint: None,
    programs: &[&[Program::typed("timer_expire_entry")], &[Program::typed("timer_expire_exit")]],
    is_required: false,
};

/// The functions of the two timers.
pub(crate) const FUNCTIONS: [&str; 2] = ["tw_timer_handler", "reqsk_timer_handler"];

pub(crate) fn decode(record: &Record<'_>) -> Option<Event> {
    let subject = record.subject()?;
    Some(match record.kind {
        Kind::TimeWaitEnded => Event::TimeWaitExpired(subject, record.state_before()?),
        _ => Event::RequestExpired(subject),
    })
}
