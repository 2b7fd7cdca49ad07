//! What was expected beside what came: the same checks as packetdrill's.
//!
//! Control bits, sequence and acknowledgement number, length, urgent pointer and the list of options in its order have
//! to agree; the window, the ECN field, the traffic class and the time to live where the script names them. TS val is
//! compared only where the script says how long a tick is, and TS ecr only in strict runs: packetdrill leaves it out.

use core::time::Duration;

use synfin_wire::tcp::Flags;

use super::notation::{Options, letters};
use super::script::{EcnField, IpFields, Tcp, TcpOption};
use super::wire::Seen;

/// One thing that is not as expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Difference {
    /// What: `ack`, `win`, `options` …
    pub(crate) what: &'static str,
    /// What the script says.
    pub(crate) expected: String,
    /// What came.
    pub(crate) came: String,
}

/// How exact a comparison is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exactness {
    /// How far times may be off.
    pub(crate) tolerance: Duration,
    /// How long a tick of the timestamp clock is; `None`: TS val is not compared.
    pub(crate) tick: Option<Duration>,
    /// Whether TS ecr is compared.
    pub(crate) is_strict: bool,
    /// Whether PSH is compared.
    pub(crate) compares_push: bool,
    /// Whether a PSH that is expected may be missing.
    pub(crate) excuses_push: bool,
}

impl Difference {
    pub(crate) fn new(what: &'static str, expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self { what, expected: expected.into(), came: came.into() }
    }
}

/// In what a segment differs. `came` has the numbers of the script.
pub(crate) fn segments(
    expected: &Tcp,
    fields: &IpFields,
    came: &Tcp,
    seen: &Seen,
    exactness: &Exactness,
) -> Vec<Difference> {
    let mut list = Vec::new();
    let is_excused = exactness.excuses_push && !came.flags.contains(Flags::PSH);
    let push = if exactness.compares_push && !is_excused { Flags::NONE } else { Flags::PSH };
    if expected.flags.without(push) != came.flags.without(push) {
        list.push(Difference::new("flags", letters(expected.flags), letters(came.flags)));
    }
    let mut number = |what, expected: u32, came: u32| {
        if expected != came {
            list.push(Difference::new(what, expected.to_string(), came.to_string()));
        }
    };
    number("seq", expected.seq, came.seq);
    number("length", expected.len.into(), came.len.into());
    if expected.flags.ack() || came.flags.ack() {
        number("ack", expected.ack.unwrap_or_default(), came.ack.unwrap_or_default());
    }
    if let Some(window) = expected.window {
        number("win", window.into(), came.window.unwrap_or_default().into());
    }
    number("urg", expected.urgent_pointer.into(), came.urgent_pointer.into());
    if let (Some(expected), Some(came)) = (&expected.options, &came.options)
        && !are_alike(expected, came, exactness)
    {
        list.push(Difference::new("options", Options(expected).to_string(), Options(came).to_string()));
    }
    ip(fields, seen, &mut list);
    if !seen.is_intact {
        list.push(Difference::new("checksum", "right", "wrong"));
    }
    list
}

fn are_alike(expected: &[TcpOption], came: &[TcpOption], exactness: &Exactness) -> bool {
    expected.len() == came.len()
        && expected.iter().zip(came).all(|(expected, came)| match (expected, came) {
            (TcpOption::Timestamps(value, echo), TcpOption::Timestamps(came_value, came_echo)) => {
                let is_value_right = exactness.tick.is_none_or(|tick| {
                    let ticks = came_value.wrapping_sub(*value).cast_signed().unsigned_abs();
                    tick.checked_mul(ticks).is_some_and(|off| off <= exactness.tolerance)
                });
                is_value_right && (!exactness.is_strict || echo == came_echo)
            }
            (expected, came) => expected == came,
        })
}

/// The ECN field of a traffic class (RFC 3168 section 5).
pub(crate) fn ecn_field(traffic_class: u8) -> EcnField {
    match traffic_class & 3 {
        0 => EcnField::NotEct,
        1 => EcnField::Ect1,
        2 => EcnField::Ect0,
        _ => EcnField::Ce,
    }
}

fn ip(fields: &IpFields, seen: &Seen, list: &mut Vec<Difference>) {
    let class = seen.traffic_class;
    if let Some(ecn) = fields.ecn {
        let came = ecn_field(class);
        let is_either = ecn == EcnField::Ect01 && matches!(came, EcnField::Ect0 | EcnField::Ect1);
        if came != ecn && !is_either {
            list.push(Difference::new("ECN", ecn.to_string(), came.to_string()));
        }
    }
    if let Some(tos) = fields.tos.filter(|tos| *tos != class) {
        list.push(Difference::new("tos", format!("{tos:#x}"), format!("{class:#x}")));
    }
    if let Some(ttl) = fields.ttl.filter(|ttl| *ttl != seen.ttl) {
        list.push(Difference::new("ttl", ttl.to_string(), seen.ttl.to_string()));
    }
}
