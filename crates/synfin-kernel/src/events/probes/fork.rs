//! New processes: tracepoint `sched:sched_process_fork`. Only where it is asked for
//! ([`EventOptions::forks`](crate::EventOptions::forks)).

use super::{Probe, Program};
use crate::{event::Event, sys::record::Record};

pub(crate) static PROBE: Probe = Probe {
    name: "forks",
    gives: "who began which process, however short it lived",
    without: "connections of a command's children are not told from those of others",
    hint: None,
    programs: &[&[Program::typed("sched_process_fork")]],
    is_required: false,
};

pub(crate) fn decode(record: &Record<'_>) -> Option<Event> {
    Some(Event::Forked { at_ns: record.at_ns()?, parent: record.pid()?, child: record.value() })
}
