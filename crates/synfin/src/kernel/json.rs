//! JSON Lines of what the kernel says, by the contract in docs/reference.md.
//!
//! Written by hand into one buffer: at 15,000 connections a second these are 200,000 objects.

use std::io::Write as _;
use std::net::SocketAddr;

use synfin_kernel::{
    Change, Counters, Event, Existing, Processes, Reason, Socket, SocketTimer, Why,
    event::{Dropped, ResetSent, Retransmit},
    process::Known,
};
use synfin_wire::{Loss, Process, SocketId};

/// What stands before the value of a member that is not the first. In one piece of constant length, which compilers make a
/// store or two of.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":").as_bytes()
    };
}

/// An object that is being written, a line long.
pub(crate) struct Object<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> Object<'b> {
    #[inline]
    pub(crate) fn begin(out: &'b mut Vec<u8>, r#type: &str) -> Self {
        out.extend_from_slice(br#"{"v":1,"type":""#);
        out.extend_from_slice(r#type.as_bytes());
        out.push(b'"');
        Self { out }
    }

    #[inline]
    pub(crate) fn end(self) {
        self.out.extend_from_slice(b"}\n");
    }

    #[inline]
    fn key(&mut self, name: &str) -> &mut Vec<u8> {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    #[inline]
    pub(crate) fn number(&mut self, name: &str, value: impl Into<u64>) -> &mut Self {
        decimal(self.key(name), value.into());
        self
    }

    /// A name of ours, in which nothing needs an escape.
    #[inline]
    pub(crate) fn word(&mut self, name: &str, value: &str) -> &mut Self {
        plain(self.key(name), value);
        self
    }

    #[inline]
    pub(crate) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.key(name).extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    /// What is JSON already.
    pub(crate) fn raw(&mut self, name: &str, json: &[u8]) -> &mut Self {
        self.key(name).extend_from_slice(json);
        self
    }

    /// A member whose value is written by another.
    #[inline]
    fn with(&mut self, key: &[u8], value: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        self.out.extend_from_slice(key);
        value(self.out);
        self
    }

    #[inline]
    fn ends(&mut self, local: SocketAddr, remote: SocketAddr) -> &mut Self {
        self.with(key!("local"), |out| address(out, local)).with(key!("remote"), |out| address(out, remote))
    }

    fn process(&mut self, process: Option<Process>) -> &mut Self {
        let Some(process) = process else { return self };
        self.with(b",\"process\":{\"pid\":", |out| {
            decimal(out, process.pid.into());
            out.extend_from_slice(key!("name"));
            string(out, process.name.as_str());
            out.push(b'}');
        })
    }

    /// Every process that has a socket open, once for each of its numbers for it.
    fn held_by<'p>(&mut self, holders: impl Iterator<Item = (&'p Known, u32)>) -> &mut Self {
        let mut holders = holders.peekable();
        if holders.peek().is_none() {
            return self;
        }
        let out = self.key("held_by");
        let mut separator = b'[';
        for (Known { process, .. }, descriptor) in holders {
            out.push(separator);
            out.extend_from_slice(br#"{"pid":"#);
            decimal(out, process.pid.into());
            out.extend_from_slice(br#","name":"#);
            string(out, process.name.as_str());
            out.extend_from_slice(br#","fd":"#);
            decimal(out, descriptor.into());
            out.push(b'}');
            separator = b',';
        }
        out.push(b']');
        self
    }

    fn socket(&mut self, socket: SocketId) -> &mut Self {
        self.with(b",\"socket\":{\"netns\":", |out| {
            decimal(out, socket.namespace);
            out.extend_from_slice(key!("cookie"));
            decimal(out, socket.cookie);
            out.push(b'}');
        })
    }

    fn counters(&mut self, counters: Option<Counters>) -> &mut Self {
        let Some(counters) = counters else { return self };
        // A counter that is added must find its place here.
        let Counters {
            bytes_sent,
            bytes_acked,
            bytes_received,
            bytes_retransmitted,
            segments_out,
            segments_in,
            data_segments_out,
            data_segments_in,
            retransmits,
            srtt_ns,
            cwnd,
            mss,
        } = counters;
        self.with(b",\"counters\":{\"bytes_sent\":", |out| {
            let mut member = |key: &[u8], value| {
                out.extend_from_slice(key);
                decimal(out, value);
            };
            member(b"", bytes_sent);
            member(key!("bytes_acked"), bytes_acked);
            member(key!("bytes_received"), bytes_received);
            member(key!("bytes_retransmitted"), bytes_retransmitted);
            member(key!("segments_out"), segments_out.into());
            member(key!("segments_in"), segments_in.into());
            member(key!("data_segments_out"), data_segments_out.into());
            member(key!("data_segments_in"), data_segments_in.into());
            member(key!("retransmits"), retransmits.into());
            member(key!("srtt_ns"), srtt_ns);
            member(key!("cwnd"), cwnd.into());
            member(key!("mss"), mss.into());
            out.push(b'}');
        })
    }

    fn why(&mut self, why: Option<Why>) -> &mut Self {
        let Some(why) = why else { return self };
        let (what, reason) = match why {
            Why::ResetSent(reason) => ("reset-sent", Some(reason)),
            Why::ResetReceived => ("reset-received", None),
            Why::Error(_) => ("error", None),
            Why::Expired => ("expired", None),
            Why::Reused => ("reused", None),
            Why::NoRoom => ("no-room", None),
            _ => ("other", None),
        };
        let out = self.key("why");
        out.extend_from_slice(br#"{"what":""#);
        out.extend_from_slice(what.as_bytes());
        out.push(b'"');
        if let Some(reason) = reason {
            out.extend_from_slice(br#","reason":"#);
            reason_name(out, reason);
        }
        if let Why::Error(errno) = why {
            out.extend_from_slice(br#","errno":"#);
            decimal(out, errno.into());
        }
        out.push(b'}');
        self
    }
}

/// A state that an endpoint went to.
pub(crate) fn change(out: &mut Vec<u8>, change: &Change) {
    let step = &change.change;
    let mut object = Object::begin(out, "state");
    object
        .ends(step.local, step.remote)
        .with(key!("from"), |out| plain(out, step.from.name()))
        .with(key!("to"), |out| plain(out, step.to.name()))
        .with(key!("at_ns"), |out| decimal(out, step.at_ns))
        .with(key!("source"), |out| plain(out, step.source.name()));
    if step.is_inferred {
        object.flag("inferred", true);
    }
    if let Some(ns) = change.in_state_ns {
        object.with(key!("in_state_ns"), |out| decimal(out, ns));
    }
    object.why(change.why).process(step.process).socket(step.socket).counters(change.counters);
    object.end();
}

/// A socket that was there before, seen at this time.
pub(crate) fn existing(out: &mut Vec<u8>, existing: &Existing, at_ns: u64) {
    let mut object = Object::begin(out, "state");
    object
        .flag("existing", true)
        .ends(existing.local, existing.remote)
        .word("to", existing.state.name())
        .number("at_ns", at_ns)
        .word("source", "kernel");
    if let Some(ns) = existing.since_ns {
        object.number("since_ns", ns);
    }
    object.process(existing.process).socket(existing.socket);
    object.end();
}

/// What changes no state.
pub(crate) fn event(out: &mut Vec<u8>, event: &Event) {
    let Some(subject) = event.subject() else { return };
    let mut object = Object::begin(out, "event");
    let what = match event {
        Event::Retransmit(_) => "retransmit",
        Event::ResetSent(_) => "reset-sent",
        Event::ResetReceived(..) => "reset-received",
        Event::Dropped(_) => "dropped",
        _ => "other",
    };
    object
        .word("what", what)
        .ends(subject.local, subject.remote)
        .number("at_ns", subject.at_ns)
        .word("source", "kernel");
    match event {
        Event::Retransmit(Retransmit { state, timeouts, seq, end_seq, .. }) => {
            object.word("state", state.name()).number("timeouts", *timeouts);
            object.number("raw_seq", *seq).number("raw_end_seq", *end_seq);
        }
        Event::ResetSent(ResetSent { state, reason, .. }) => {
            if let Some(state) = state {
                object.word("state", state.name());
            }
            reason_name(object.key("reason"), *reason);
        }
        Event::ResetReceived(_, state) => {
            object.word("state", state.name());
        }
        Event::Dropped(Dropped { flags, seq, reason, .. }) => {
            object.word("flags", &flags.to_string()).number("raw_seq", *seq);
            reason_name(object.key("reason"), *reason);
        }
        _ => {}
    }
    object.socket(subject.socket);
    object.end();
}

pub(crate) fn loss(out: &mut Vec<u8>, loss: &Loss) {
    let mut object = Object::begin(out, "loss");
    object.word("what", loss.cause.name()).number("count", loss.count).number("at_ns", loss.at_ns);
    object.end();
}

/// A socket of a snapshot that was taken at this time.
pub(crate) fn socket(out: &mut Vec<u8>, socket: &Socket, processes: &Processes, at_ns: u64) {
    let mut object = Object::begin(out, "socket");
    object
        .ends(socket.local, socket.remote)
        .word("state", socket.state.name())
        .number("at_ns", at_ns)
        .number("receive_queue", socket.receive_queue)
        .number("send_queue", socket.send_queue);
    if let Some((name, left)) = timer(socket.timer) {
        object.word("timer", name);
        object.number("timer_ns", u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
    }
    object.number("uid", socket.uid).number("inode", socket.inode);
    object.process(processes.owner(socket.inode)).held_by(processes.descriptors(socket.inode));
    object.socket(socket.id);
    object.counters(socket.info.as_ref().map(|info| info.counters));
    object.end();
}

/// What a timer is called, and the time that is left.
pub(crate) fn timer(timer: Option<SocketTimer>) -> Option<(&'static str, std::time::Duration)> {
    Some(match timer? {
        SocketTimer::Retransmit(left) => ("on", left),
        SocketTimer::KeepAlive(left) => ("keepalive", left),
        SocketTimer::TimeWait(left) => ("timewait", left),
        SocketTimer::Probe(left) => ("probe", left),
        _ => return None,
    })
}

fn reason_name(out: &mut Vec<u8>, reason: Reason) {
    match reason.name {
        Some(name) => string(out, name),
        None => decimal(out, reason.number.into()),
    }
}

fn address(out: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => {
            out.extend_from_slice(br#"{"ip":""#);
            for octet in address.ip().octets() {
                up_to_three_digits(out, octet);
                out.push(b'.');
            }
            // The last dot is one too many.
            out.pop();
        }
        SocketAddr::V6(address) => {
            // Writing to memory never fails.
            let _ = write!(out, r#"{{"ip":"{}"#, address.ip());
        }
    }
    out.extend_from_slice(br#"","port":"#);
    decimal(out, address.port().into());
    out.push(b'}');
}

/// What eight digits hold.
const EIGHT_DIGITS: u64 = 100_000_000;

/// The digits of a number below [`EIGHT_DIGITS`], the first one in the lowest octet. All eight at once: halves, quarters
/// and eighths of a word are divided by one multiplication each (`(x * 10486) >> 20` is `x / 100` below 10,000, and
/// `(x * 103) >> 10` is `x / 10` below 100).
#[inline]
fn digits(value: u64) -> u64 {
    let halves = (value / 10_000) | ((value % 10_000) << 32);
    let high = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let quarters = high | (halves - high * 100) << 16;
    let high = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    high | (quarters - high * 10) << 8
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// A copy of constant length is a store, so eight octets are written and those taken back that are too many.
fn decimal(out: &mut Vec<u8>, value: u64) {
    if value < EIGHT_DIGITS {
        let digits = digits(value);
        // The last digit stays, be it a zero.
        let leading = (digits | 1 << 56).trailing_zeros() / 8;
        out.extend_from_slice(&((digits | ZEROS) >> (8 * leading)).to_le_bytes());
        out.truncate(out.len() - leading as usize);
    } else {
        decimal(out, value / EIGHT_DIGITS);
        out.extend_from_slice(&(digits(value % EIGHT_DIGITS) | ZEROS).to_le_bytes());
    }
}

#[inline]
fn up_to_three_digits(out: &mut Vec<u8>, value: u8) {
    if value >= 100 {
        out.push(b'0' + value / 100);
    }
    if value >= 10 {
        out.push(b'0' + value / 10 % 10);
    }
    out.push(b'0' + value % 10);
}

/// A string of ours, in which nothing needs an escape.
#[inline]
fn plain(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// A string; whatever a terminal might obey is escaped, beyond what RFC 8259 asks for.
fn string(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    out.push(b'"');
    if text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        for c in text.chars() {
            match u8::try_from(c) {
                Ok(byte) if is_plain(byte) => out.push(byte),
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // Writing to memory never fails.
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use synfin_wire::{ProcessName, Source, State, StateChange};

    use super::*;

    proptest::proptest! {
        #[test]
        fn any_number(value: u64, shift in 0_u32..64) {
            let mut out = Vec::new();
            decimal(&mut out, value >> shift);
            proptest::prop_assert_eq!(out, (value >> shift).to_string().into_bytes());
        }
    }

    #[test]
    fn numbers_of_every_length() {
        let lengths = (0..20).map(|n| 10_u64.pow(n)).flat_map(|power| [power - 1, power, power + 1]);
        for value in lengths.chain([0, u64::MAX]) {
            let mut out = b"x".to_vec();
            decimal(&mut out, value);
            assert_eq!(out, format!("x{value}").into_bytes());
        }
        for value in 0..=u8::MAX {
            let mut out = Vec::new();
            up_to_three_digits(&mut out, value);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }

    #[test]
    fn a_line_is_json_whatever_the_process_is_called() {
        let change_ = Change {
            change: StateChange {
                at_ns: u64::MAX,
                socket: SocketId { namespace: 4_026_531_840, cookie: 0 },
                local: "127.0.0.1:40000".parse().unwrap(),
                remote: "[2001:db8::1]:80".parse().unwrap(),
                from: State::SynReceived,
                to: State::Closed,
                source: Source::Kernel,
                is_inferred: true,
                process: Some(Process { pid: 10, name: ProcessName::new("\"\\\n\u{7f}é😀".as_bytes()) }),
            },
            in_state_ns: Some(0),
            why: Some(Why::ResetSent(Reason { number: 7, name: None })),
            counters: Some(Counters { cwnd: 10, ..Counters::default() }),
        };
        let mut out = Vec::new();
        change(&mut out, &change_);
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line["v"], 1);
        assert_eq!(line["type"], "state");
        assert_eq!(line["at_ns"], u64::MAX);
        assert_eq!(line["in_state_ns"], 0);
        assert_eq!(line["local"], serde_json::json!({ "ip": "127.0.0.1", "port": 40000 }));
        assert_eq!(line["remote"]["ip"], "2001:db8::1");
        assert_eq!((&line["from"], &line["to"]), (&"SYN-RECEIVED".into(), &"CLOSED".into()));
        assert_eq!(line["process"], serde_json::json!({ "pid": 10, "name": "\"\\\n\u{7f}é😀" }));
        assert_eq!(line["why"], serde_json::json!({ "what": "reset-sent", "reason": 7 }));
        assert_eq!(line["inferred"], true);
        assert_eq!(line["counters"]["cwnd"], 10);
        assert!(out.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
    }
}
