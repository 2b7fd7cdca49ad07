//! Dropped packets: tracepoint `skb:kfree_skb` (its reason: Linux 5.17; the receiving socket: Linux 6.11).

use synfin_wire::tcp::Flags;

use super::{Probe, Program};
use crate::{
    event::{Dropped, Event, Subject, TimeWaitSegment},
    sys::{
        btf,
        record::{Kind, Record},
    },
};

pub(crate) static PROBE: Probe = Probe {
    name: "drops",
    gives: "TCP packets that the kernel drops, and why; when a closed connection's last FIN arrives",
    without: "drops are not seen; TIME-WAIT begins when the packets say so",
    hint: None,
    programs: &[&[Program::raw("kfree_skb", "kfree_skb"), Program::raw("kfree_skb_plain", "kfree_skb")]],
    is_required: false,
};

pub(crate) fn decode(record: &Record<'_>) -> Option<Event> {
    let subject = record.subject()?;
    let flags = Flags::from_bits(u16::from(record.flags()));
    Some(match record.kind {
        // The packet's source and destination are the other end and this one.
        Kind::TimeWaitSegment => Event::TimeWaitSegment(TimeWaitSegment {
            subject: Subject { local: subject.remote, remote: subject.local, ..subject },
            state: record.state_after()?,
            is_destroyed: record.value() != 0,
            flags,
        }),
        _ => Event::Dropped(Dropped {
            subject,
            flags,
            seq: record.value(),
            reason: btf::drop_reason(record.reason()),
        }),
    })
}
