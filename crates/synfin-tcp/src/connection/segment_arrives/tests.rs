//! The model: every state against every kind of segment, at every edge.
//!
//! `by_the_book` is RFC 9293 section 3.10.7 written down once more, as plainly as it goes and without any of the code
//! under test. Both must agree on every case; the snapshot shows the cases to a person with the RFC beside it.

use core::fmt::Write as _;
use core::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use synfin_wire::tcp::{Flags, Header, SackBlock};
use synfin_wire::{SeqNumber, SocketId, State};

use super::{closed, listen};
use crate::config::ConnectionConfig;
use crate::connection::{Beginning, Connection, Handshake};
use crate::incoming::{Ecn, Incoming, KnownOptions};
use crate::observer::NoObserver;
use crate::options::{Agreed, TimestampClock};
use crate::outgoing::Burst;
use crate::time::Instant;

/// Our initial sequence number and the peer's: both wrap within the test.
const ISS: SeqNumber = SeqNumber(u32::MAX - 3);
const IRS: SeqNumber = SeqNumber(u32::MAX - 1);
/// Our receive window, and the largest window that the peer offered.
const WND: u32 = 100;
const PEER_WND: u32 = 1000;
/// Octets that we have in flight where data may be.
const IN_FLIGHT: u32 = 10;

fn now() -> Instant {
    Instant::from_nanos(1_000_000_000)
}

fn beginning() -> Beginning<NoObserver> {
    let config = ConnectionConfig {
        receive_buffer: WND,
        receive_buffer_max: WND,
        window_scaling: false,
        timestamps: false,
        sack: false,
        ..ConnectionConfig::default()
    };
    Beginning {
        socket: SocketId { namespace: 0, cookie: 1 },
        local: SocketAddr::from(([10, 0, 0, 1], 1)),
        remote: SocketAddr::from(([10, 0, 0, 2], 2)),
        iss: ISS,
        clock: TimestampClock::new(0),
        mtu: 1500,
        config: Arc::new(config),
        observer: NoObserver,
    }
}

fn segment(flags: Flags, seq: SeqNumber, ack: SeqNumber, len: usize) -> Incoming {
    let window = u16::try_from(PEER_WND).unwrap();
    Incoming {
        header: Header { source_port: 2, destination_port: 1, seq, ack, flags, window, ..Header::default() },
        options: KnownOptions { sack: [None::<SackBlock>; 4], ..KnownOptions::default() },
        payload: Bytes::from(vec![0; len]),
        ecn: Ecn::NotEct,
    }
}

/// Which connection: the two ways into SYN-RECEIVED differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Case {
    state: State,
    is_passive: bool,
}

const CASES: [Case; 10] = {
    const fn case(state: State, is_passive: bool) -> Case {
        Case { state, is_passive }
    }
    [
        case(State::SynSent, false),
        case(State::SynReceived, true),
        case(State::SynReceived, false),
        case(State::Established, false),
        case(State::FinWait1, false),
        case(State::FinWait2, false),
        case(State::CloseWait, false),
        case(State::Closing, false),
        case(State::LastAck, false),
        case(State::TimeWait, false),
    ]
};

/// Brings a connection into a state by the calls and segments that lead there.
fn connection(case: Case) -> Connection<NoObserver> {
    use State::*;
    let peer = IRS + 1;
    if case.is_passive {
        let begin = beginning();
        let agreed = Agreed::hoped(&begin.config, begin.clock, false);
        let handshake = Handshake {
            irs: IRS,
            agreed,
            wnd: u16::try_from(PEER_WND).unwrap(),
            syn_sent_at: now(),
            syn_retransmissions: 0,
        };
        return Connection::from_listen(now(), begin, &handshake);
    }
    let mut c = Connection::connect(now(), beginning());
    flush(&mut c);
    if case.state == SynSent {
        return c;
    }
    let syn = if case.state == SynReceived { Flags::SYN } else { Flags::SYN | Flags::ACK };
    arrive(&mut c, &segment(syn, IRS, ISS + 1, 0));
    if case.state == SynReceived {
        return c;
    }
    let fin = Flags::FIN | Flags::ACK;
    match case.state {
        Established | CloseWait => {
            c.write(&Bytes::from(vec![0; IN_FLIGHT as usize])).unwrap();
            flush(&mut c);
            if case.state == CloseWait {
                arrive(&mut c, &segment(fin, peer, ISS + 1, 0));
            }
        }
        FinWait1 | FinWait2 | Closing | TimeWait => {
            c.shutdown(now());
            flush(&mut c);
            let (acks_fin, sends_fin) =
                (matches!(case.state, FinWait2 | TimeWait), matches!(case.state, Closing | TimeWait));
            let flags = if sends_fin { fin } else { Flags::ACK };
            arrive(&mut c, &segment(flags, peer, ISS + if acks_fin { 2 } else { 1 }, 0));
        }
        LastAck => {
            arrive(&mut c, &segment(fin, peer, ISS + 1, 0));
            c.shutdown(now());
            flush(&mut c);
        }
        _ => {}
    }
    assert_eq!(c.state(), case.state);
    c
}

fn flush(c: &mut Connection<NoObserver>) -> Vec<Header> {
    let mut sent = Vec::new();
    c.poll_transmit(now(), 100, &mut |burst: &Burst<'_>| sent.push(burst.header));
    sent
}

/// Hands over a segment, and returns what is sent in reply.
fn arrive(c: &mut Connection<NoObserver>, segment: &Incoming) -> Vec<Header> {
    c.on_segments(now(), [segment]);
    flush(c)
}

/// What a segment leads to: the state, and the flags of the reply with its numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Outcome {
    state: State,
    reply: Option<Answer>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Answer {
    flags: Flags,
    seq: SeqNumber,
    ack: SeqNumber,
}

/// RFC 9293 section 3.10.7.3 and 3.10.7.4, with RFC 5961, once more.
fn by_the_book(case: Case, c: &Variables, segment: &Incoming) -> Outcome {
    use State::*;
    let h = &segment.header;
    let f = h.flags;
    let (stay, state) = (Outcome { state: case.state, reply: None }, case.state);
    let with = |state, flags, seq, ack| Outcome { state, reply: Some(Answer { flags, seq, ack }) };
    let rst = || with(state, Flags::RST, h.ack, SeqNumber(0));
    if state == SynSent {
        let ack_is_good = f.ack() && h.ack == ISS + 1;
        if f.ack() && !ack_is_good {
            return if f.rst() { stay } else { rst() };
        }
        if f.rst() {
            return if ack_is_good { Outcome { state: Closed, reply: None } } else { stay };
        }
        if !f.syn() {
            return stay;
        }
        let text = u32::try_from(segment.payload.len()).unwrap();
        if ack_is_good {
            // "If there are other controls or text in the segment, then continue processing at the sixth step."
            let to = if f.fin() { CloseWait } else { Established };
            return with(to, Flags::ACK, ISS + 1, h.seq + 1 + text + u32::from(f.fin()));
        }
        return with(SynReceived, Flags::SYN | Flags::ACK, ISS, h.seq + 1);
    }
    let ack_now = |state, nxt| with(state, Flags::ACK, c.snd_nxt, nxt);
    let len = u32::try_from(segment.payload.len()).unwrap() + u32::from(f.syn()) + u32::from(f.fin());
    // The one deviation: a SYN that comes again in SYN-RECEIVED gets the SYN,ACK again.
    if state == SynReceived && f == Flags::SYN && h.seq == IRS {
        return with(state, Flags::SYN | Flags::ACK, ISS, c.rcv_nxt);
    }
    // First.
    let within = |seq: SeqNumber| seq.0.wrapping_sub(c.rcv_nxt.0) < c.rcv_wnd;
    let is_acceptable = if len == 0 { within(h.seq) } else { within(h.seq) || within(h.seq + (len - 1)) };
    if !is_acceptable {
        return if f.rst() { stay } else { ack_now(state, c.rcv_nxt) };
    }
    // Second.
    if f.rst() {
        if h.seq != c.rcv_nxt {
            return ack_now(state, c.rcv_nxt);
        }
        let to = if case.is_passive { Listen } else { Closed };
        return Outcome { state: to, reply: None };
    }
    // Fourth.
    if f.syn() {
        if case.is_passive {
            return Outcome { state: Listen, reply: None };
        }
        return ack_now(state, c.rcv_nxt);
    }
    // Fifth.
    if !f.ack() {
        return stay;
    }
    let mut state = state;
    if state == SynReceived {
        if h.ack != ISS + 1 {
            return rst();
        }
        state = Established;
    }
    let too_old = h.ack.is_before(c.snd_una - PEER_WND);
    if h.ack.is_after(c.snd_nxt) || too_old {
        return ack_now(case.state, c.rcv_nxt);
    }
    if h.ack == c.snd_nxt {
        match state {
            FinWait1 => state = FinWait2,
            Closing => state = TimeWait,
            LastAck => return Outcome { state: Closed, reply: None },
            _ => {}
        }
    }
    // Seventh.
    let text_end = h.seq + u32::try_from(segment.payload.len()).unwrap();
    let mut nxt = c.rcv_nxt;
    let may_receive = matches!(state, Established | FinWait1 | FinWait2);
    let begins = h.seq.is_at_or_before(nxt);
    let has_text = !segment.payload.is_empty();
    if may_receive && begins && text_end.is_after(nxt) {
        nxt = text_end.earlier(c.rcv_nxt + c.rcv_wnd);
    }
    // Eighth.
    if f.fin() && may_receive && text_end == nxt && text_end.is_before(c.rcv_nxt + c.rcv_wnd) {
        nxt += 1;
        state = match state {
            Established => CloseWait,
            FinWait1 => Closing,
            _ => TimeWait,
        };
    }
    // Text in order that fills nothing else may wait; whatever else takes sequence numbers is acknowledged at once.
    let waits = has_text && !f.fin() && begins && nxt == text_end && may_receive && h.seq == c.rcv_nxt;
    if len > 0 && !waits { ack_now(state, nxt) } else { Outcome { state, reply: None } }
}

/// The variables that the book needs.
#[derive(Clone, Copy)]
struct Variables {
    snd_una: SeqNumber,
    snd_nxt: SeqNumber,
    rcv_nxt: SeqNumber,
    rcv_wnd: u32,
}

fn variables(c: &Connection<NoObserver>) -> Variables {
    let v = c.info().variables;
    Variables { snd_una: v.snd_una, snd_nxt: v.snd_nxt, rcv_nxt: v.rcv_nxt, rcv_wnd: v.rcv_wnd }
}

const SEQS: [&str; 5] = ["before", "first", "second", "last", "beyond"];
const ACKS: [&str; 6] = ["ancient", "old", "una", "una+1", "nxt", "unsent"];

fn seq_at(name: &str, v: &Variables) -> SeqNumber {
    match name {
        "before" => v.rcv_nxt - 1,
        "first" => v.rcv_nxt,
        "second" => v.rcv_nxt + 1,
        "last" => v.rcv_nxt + (v.rcv_wnd - 1),
        _ => v.rcv_nxt + v.rcv_wnd,
    }
}

fn ack_at(name: &str, v: &Variables) -> SeqNumber {
    match name {
        "ancient" => v.snd_una - PEER_WND - 1,
        "old" => v.snd_una - 1,
        "una" => v.snd_una,
        "una+1" => v.snd_una + 1,
        "nxt" => v.snd_nxt,
        _ => v.snd_nxt + 1,
    }
}

/// What is varied besides the numbers.
const KINDS: [(&str, Flags, usize); 13] = {
    const fn both(a: Flags, b: Flags) -> Flags {
        Flags::from_bits(a.bits() | b.bits())
    }
    const ACK: Flags = Flags::ACK;
    [
        ("no flags", Flags::NONE, 0),
        ("SYN", Flags::SYN, 0),
        ("FIN", Flags::FIN, 0),
        ("RST", Flags::RST, 0),
        ("text", Flags::NONE, 5),
        ("RST,ACK", both(Flags::RST, ACK), 0),
        ("SYN,ACK", both(Flags::SYN, ACK), 0),
        ("ACK", ACK, 0),
        ("ACK text", ACK, 5),
        ("FIN,ACK", both(Flags::FIN, ACK), 0),
        ("FIN,ACK text", both(Flags::FIN, ACK), 5),
        ("SYN,RST", both(Flags::SYN, Flags::RST), 0),
        ("SYN,FIN,ACK", both(both(Flags::SYN, Flags::FIN), ACK), 0),
    ]
};

fn show(from: State, outcome: Outcome) -> String {
    let mut cell = outcome.reply.map_or("-".to_owned(), |reply| reply.flags.to_string());
    if outcome.state != from {
        let _infallible = write!(cell, " > {}", outcome.state);
    }
    cell
}

/// RFC 9293 MUST-10, MUST-11, MAY-12, MAY-13; RFC 5961 sections 3 to 5. The RFC's section 3.10.7, all of it that has an outcome.
#[test]
fn every_state_against_every_segment() {
    let mut table = String::new();
    let mut cases = 0;
    for case in CASES {
        let from = if case.is_passive { " (from LISTEN)" } else { "" };
        let _infallible = writeln!(table, "{}{from}", case.state);
        for (kind, flags, len) in KINDS {
            let acks: &[&str] = if flags.ack() { &ACKS } else { &["-"] };
            for ack in acks {
                let mut cells = Vec::new();
                for seq in SEQS {
                    let mut c = connection(case);
                    let v = variables(&c);
                    // Before the peer's SYN there is no window: any number is as good as another.
                    let seq = if case.state == State::SynSent { IRS } else { seq_at(seq, &v) };
                    let mut arriving = segment(flags, seq, ack_at(ack, &v), len);
                    if !flags.ack() {
                        arriving.header.ack = SeqNumber(0);
                    }
                    let expected = by_the_book(case, &v, &arriving);
                    let sent = arrive(&mut c, &arriving);
                    let reply = sent.first().map(|h| Answer {
                        flags: h.flags.without(Flags::PSH),
                        seq: h.seq,
                        ack: h.ack,
                    });
                    let actual = Outcome { state: c.state(), reply };
                    assert_eq!(
                        actual,
                        expected,
                        "{case:?} {kind} seq {seq} ack {ack} ({v:?})",
                        v = v.snd_nxt
                    );
                    assert!(sent.len() <= 1, "{sent:?}");
                    cases += 1;
                    cells.push(show(case.state, actual));
                    if case.state == State::SynSent {
                        break;
                    }
                }
                let label = if flags.ack() { format!("{kind} ack {ack}") } else { kind.to_owned() };
                let same = cells.iter().all(|cell| Some(cell) == cells.first());
                let line = if same {
                    cells.first().cloned().unwrap_or_default()
                } else {
                    SEQS.iter().zip(&cells).map(|(s, c)| format!("{s}: {c}")).collect::<Vec<_>>().join("; ")
                };
                let _infallible = writeln!(table, "  {label:<24} {line}");
            }
        }
    }
    let _infallible = writeln!(table, "{cases} cases");
    insta::assert_snapshot!(table);
}

/// Section 3.10.7.1: nothing is there.
#[test]
fn closed_answers_with_an_acceptable_reset() {
    let with_ack = closed::reset(&segment(Flags::ACK, SeqNumber(5), SeqNumber(9), 3)).unwrap();
    assert_eq!((with_ack.seq, with_ack.ack), (SeqNumber(9), None));
    let without = closed::reset(&segment(Flags::SYN, SeqNumber(5), SeqNumber(0), 3)).unwrap();
    assert_eq!((without.seq, without.ack), (SeqNumber(0), Some(SeqNumber(9))));
    assert_eq!(closed::reset(&segment(Flags::RST, SeqNumber(5), SeqNumber(0), 0)), None);
}

/// Section 3.10.7.2: the four checks, in their order.
#[test]
fn listen_by_the_four_checks() {
    let verdict = |flags| listen::listen(&segment(flags, SeqNumber(1), SeqNumber(2), 0));
    assert_eq!(verdict(Flags::RST | Flags::ACK | Flags::SYN), listen::Verdict::Drop);
    let reset = super::Reset { seq: SeqNumber(2), ack: None };
    assert_eq!(verdict(Flags::ACK | Flags::SYN), listen::Verdict::Reset(reset));
    assert_eq!(verdict(Flags::SYN), listen::Verdict::Open);
    assert_eq!(verdict(Flags::FIN), listen::Verdict::Drop);
}
