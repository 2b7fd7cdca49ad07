//! The model: every state against every kind of segment, at every edge.
//!
//! `by_the_book` is RFC 9293 section 3.10.7 written down once more, as plainly as it goes and without any of the code
//! under test. Both must agree on every case; the snapshot shows the cases to a person with the RFC beside it.
//!
//! Where the book is not RFC 9293 to the letter, it says so with "Deviation". These are all there are:
//!
//! 1. In SYN-RECEIVED the SYN that was answered comes again: SYN,ACK again instead of an ACK, which SYN-SENT, whose
//!    SYN,ACK was lost, has no use for.
//! 2. Text and FIN that come with a SYN without ACK are not queued but left to come again: nothing is allocated for an
//!    address that is not proven.
//! 3. Text in a state that takes none, which "should not occur", is acknowledged and not only ignored: who sent it
//!    learns where we are.
//! 4. RFC 5961, which RFC 9293 has taken in: a RST inside of the window but not at its edge, a SYN in a synchronized
//!    state and an acknowledgement that nobody can have sent get a challenge ACK. Those, and answers to what
//!    carries nothing, are limited to ten in five seconds (section 7), which no case here reaches.
//! 5. The SYN,ACK of a simultaneous open, which repeats a SYN that we have, opens the connection as figure 7 has it. By
//!    the letter of the first step it would be answered only.

use core::fmt::Write as _;
use core::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use synfin_wire::tcp::{Flags, Header, SackBlock};
use synfin_wire::{SeqNumber, SocketId, State};

use super::{closed, listen};
use crate::config::{Config, ConnectionConfig};
use crate::connection::{Beginning, Challenge, Connection, Handshake};
use crate::endpoint::Endpoint;
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

pub(in crate::connection) fn now() -> Instant {
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
pub(in crate::connection) struct Case {
    pub(in crate::connection) state: State,
    pub(in crate::connection) is_passive: bool,
    /// The user has read nothing, and the window is closed.
    pub(in crate::connection) is_shut: bool,
}

pub(in crate::connection) const CASES: [Case; 13] = {
    const fn case(state: State, is_passive: bool) -> Case {
        Case { state, is_passive, is_shut: false }
    }
    const fn shut(state: State) -> Case {
        Case { state, is_passive: false, is_shut: true }
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
        shut(State::Established),
        shut(State::FinWait1),
        shut(State::FinWait2),
    ]
};

/// Brings a connection into a state by the calls and segments that lead there.
pub(in crate::connection) fn connection(case: Case) -> Connection<NoObserver> {
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
            challenge: Challenge::default(),
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
            c.shutdown(now()).unwrap();
            flush(&mut c);
            let (acks_fin, sends_fin) =
                (matches!(case.state, FinWait2 | TimeWait), matches!(case.state, Closing | TimeWait));
            let flags = if sends_fin { fin } else { Flags::ACK };
            arrive(&mut c, &segment(flags, peer, ISS + if acks_fin { 2 } else { 1 }, 0));
        }
        LastAck => {
            arrive(&mut c, &segment(fin, peer, ISS + 1, 0));
            c.shutdown(now()).unwrap();
            flush(&mut c);
        }
        _ => {}
    }
    if case.is_shut {
        let una = c.info().variables.snd_una;
        arrive(&mut c, &segment(Flags::ACK, peer, una, WND as usize));
        assert_eq!(c.info().variables.rcv_wnd, 0);
    }
    assert_eq!(c.state(), case.state);
    c
}

pub(in crate::connection) fn flush(c: &mut Connection<NoObserver>) -> Vec<Header> {
    let mut sent = Vec::new();
    c.poll_transmit(now(), 100, &mut |burst: &Burst<'_>| sent.push(burst.header));
    sent
}

/// Hands over a segment, and returns what is sent in reply.
fn arrive(c: &mut Connection<NoObserver>, segment: &Incoming) -> Vec<Header> {
    c.on_segments(now(), [segment.clone()]);
    flush(c)
}

/// What a segment leads to: the state, and the flags of the reply with its numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Outcome {
    state: State,
    reply: Option<Answer>,
    /// Whether the user hears of urgent data.
    is_urgent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Answer {
    flags: Flags,
    seq: SeqNumber,
    ack: SeqNumber,
}

impl Outcome {
    fn of(state: State, reply: Option<Answer>) -> Self {
        Self { state, reply, is_urgent: false }
    }
}

/// RFC 9293 section 3.10.7.3 and 3.10.7.4, with RFC 5961, once more.
fn by_the_book(case: Case, c: &Variables, segment: &Incoming) -> Outcome {
    use State::*;
    let h = &segment.header;
    let f = h.flags;
    let (stay, state) = (Outcome::of(case.state, None), case.state);
    let with = |state, flags, seq, ack| Outcome::of(state, Some(Answer { flags, seq, ack }));
    let rst = || with(state, Flags::RST, h.ack, SeqNumber(0));
    if state == SynSent {
        let ack_is_good = f.ack() && h.ack == ISS + 1;
        if f.ack() && !ack_is_good {
            return if f.rst() { stay } else { rst() };
        }
        if f.rst() {
            return if ack_is_good { Outcome::of(Closed, None) } else { stay };
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
        // Deviation 2.
        return with(SynReceived, Flags::SYN | Flags::ACK, ISS, h.seq + 1);
    }
    let ack_now = |state, nxt| with(state, Flags::ACK, c.snd_nxt, nxt);
    let len = u32::try_from(segment.payload.len()).unwrap() + u32::from(f.syn()) + u32::from(f.fin());
    // Deviation 1.
    if state == SynReceived && f.syn() && !f.ack() && !f.rst() && h.seq == IRS {
        return with(state, Flags::SYN | Flags::ACK, ISS, c.rcv_nxt);
    }
    // Deviation 5.
    let is_active = state == SynReceived && !case.is_passive;
    if is_active && f.syn() && f.ack() && !f.rst() && len == 1 && h.seq == IRS && h.ack == ISS + 1 {
        return ack_now(Established, c.rcv_nxt);
    }
    // First.
    let within = |seq: SeqNumber| seq.0.wrapping_sub(c.rcv_nxt.0) < c.rcv_wnd;
    let is_acceptable = match (len, c.rcv_wnd) {
        (0, 0) => h.seq == c.rcv_nxt,
        (0, _) => within(h.seq),
        // "Special allowance should be made to accept valid ACKs, URGs, and RSTs": the text finds no room.
        (_, 0) => h.seq == c.rcv_nxt && !f.syn() && (f.ack() || f.rst()),
        _ => within(h.seq) || within(h.seq + (len - 1)),
    };
    if !is_acceptable {
        return if f.rst() { stay } else { ack_now(state, c.rcv_nxt) };
    }
    // Second.
    if f.rst() {
        // RFC 5961 section 3.2: outside of the window, inside of it, at its edge.
        if h.seq != c.rcv_nxt {
            return if within(h.seq) { ack_now(state, c.rcv_nxt) } else { stay };
        }
        let to = if case.is_passive { Listen } else { Closed };
        return Outcome::of(to, None);
    }
    // Fourth.
    if f.syn() {
        if case.is_passive {
            return Outcome::of(Listen, None);
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
            LastAck => return Outcome::of(Closed, None),
            _ => {}
        }
    }
    // Sixth.
    let up = h.seq + u32::from(h.urgent_pointer);
    let is_urgent = f.contains(Flags::URG)
        && matches!(state, Established | FinWait1 | FinWait2)
        && up.is_after(c.rcv_user);
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
    // Deviation 3 is that this asks for no state.
    let outcome = if len > 0 && !waits { ack_now(state, nxt) } else { Outcome::of(state, None) };
    Outcome { is_urgent, ..outcome }
}

/// The variables that the book needs.
#[derive(Clone, Copy, Debug)]
struct Variables {
    snd_una: SeqNumber,
    snd_nxt: SeqNumber,
    rcv_nxt: SeqNumber,
    rcv_wnd: u32,
    /// The next octet that the user reads.
    rcv_user: SeqNumber,
}

fn variables(c: &Connection<NoObserver>) -> Variables {
    let v = c.info().variables;
    Variables {
        snd_una: v.snd_una,
        snd_nxt: v.snd_nxt,
        rcv_nxt: v.rcv_nxt,
        rcv_wnd: v.rcv_wnd,
        rcv_user: v.rcv_nxt - v.receive_queue,
    }
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
const KINDS: [(&str, Flags, usize); 20] = {
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
        ("SYN,FIN", both(Flags::SYN, Flags::FIN), 0),
        ("SYN text", Flags::SYN, 5),
        ("RST text", Flags::RST, 5),
        ("ACK,URG", both(ACK, Flags::URG), 0),
        ("ACK,URG text", both(ACK, Flags::URG), 5),
        // More than the whole window holds.
        ("ACK long text", ACK, WND as usize + 20),
        ("FIN,ACK long text", both(Flags::FIN, ACK), WND as usize + 20),
    ]
};

fn show(from: State, outcome: Outcome) -> String {
    let mut cell = outcome.reply.map_or("-".to_owned(), |reply| reply.flags.to_string());
    if outcome.state != from {
        let _infallible = write!(cell, " > {}", outcome.state);
    }
    if outcome.is_urgent {
        cell += " !";
    }
    cell
}

/// The lines of CLOSED and LISTEN, which are states of an endpoint: there is no window and nothing in flight, so that
/// only flags matter.
fn without_connection(table: &mut String) -> usize {
    let mut cases = 0;
    for is_listening in [false, true] {
        let from = if is_listening { State::Listen } else { State::Closed };
        let _infallible = writeln!(table, "\n{from}");
        for (kind, flags, len) in KINDS {
            let mut endpoint = Endpoint::new(Config::new([1; 16]), NoObserver);
            let Beginning { local, remote, .. } = beginning();
            if is_listening {
                endpoint.listen(local, 1, None).unwrap();
            }
            let arriving = segment(flags, IRS, if flags.ack() { ISS } else { SeqNumber(0) }, len);
            endpoint.handle(now(), remote.ip(), local.ip(), &mut arriving.clone());
            let mut sent = Vec::new();
            endpoint.poll_transmit(now(), 100, &mut |burst: &Burst<'_>| sent.push(burst.header));
            assert!(sent.len() <= 1, "{sent:?}");
            let to = endpoint.states().map(|(_, _, state)| state).find(|state| *state != State::Listen);
            let reply = sent.first().map(|h| Answer { flags: h.flags, seq: h.seq, ack: h.ack });
            let rst = Some(Answer { flags: Flags::RST, seq: arriving.header.ack, ack: SeqNumber(0) });
            let end = IRS + arriving.seg_len();
            let expected = match () {
                // Section 3.10.7.1 and 3.10.7.2, each with its checks in order.
                () if flags.rst() => Outcome::of(from, None),
                () if flags.ack() => Outcome::of(from, rst),
                () if is_listening && flags.syn() => {
                    // Deviation 2. Our initial number is the endpoint's secret.
                    let seq = reply.map(|reply| reply.seq).unwrap();
                    Outcome::of(
                        State::SynReceived,
                        Some(Answer { flags: Flags::SYN | Flags::ACK, seq, ack: IRS + 1 }),
                    )
                }
                () if is_listening => Outcome::of(from, None),
                () => Outcome::of(
                    from,
                    Some(Answer { flags: Flags::RST | Flags::ACK, seq: SeqNumber(0), ack: end }),
                ),
            };
            let actual = Outcome::of(to.unwrap_or(from), reply);
            assert_eq!(actual, expected, "{from} {kind}");
            let _infallible = writeln!(table, "  {kind:<42} {}", show(from, actual));
            cases += 1;
        }
    }
    cases
}

/// One state: a line for each kind of segment and each acknowledgement number, a cell for each sequence number.
fn with_connection(case: Case, table: &mut String) -> usize {
    let mut cases = 0;
    // In a closed window there is nothing but the number that is expected, and what is not that.
    let seqs = if case.is_shut { &SEQS[..3] } else { &SEQS };
    for (kind, flags, len) in KINDS {
        let acks: &[&str] = if flags.ack() { &ACKS } else { &["-"] };
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        for ack in acks {
            let mut cells = Vec::new();
            for seq in seqs {
                let mut c = connection(case);
                let v = variables(&c);
                // Before the peer's SYN there is no window: any number is as good as another.
                let at = if case.state == State::SynSent { IRS } else { seq_at(seq, &v) };
                let mut arriving = segment(flags, at, ack_at(ack, &v), len);
                if !flags.ack() {
                    arriving.header.ack = SeqNumber(0);
                }
                if flags.contains(Flags::URG) {
                    arriving.header.urgent_pointer = 3;
                }
                let expected = by_the_book(case, &v, &arriving);
                let sent = arrive(&mut c, &arriving);
                let reply = sent.first().map(|h| Answer {
                    flags: h.flags.without(Flags::PSH),
                    seq: h.seq,
                    ack: h.ack,
                });
                let actual = Outcome { state: c.state(), reply, is_urgent: c.urgent().is_some() };
                assert_eq!(actual, expected, "{case:?} {kind} seq {seq} ack {ack} ({v:?})");
                assert!(sent.len() <= 1, "{sent:?}");
                cases += 1;
                cells.push(show(case.state, actual));
                if case.state == State::SynSent {
                    break;
                }
            }
            match lines.last_mut() {
                Some((acks, same)) if *same == cells => {
                    let first = acks.split(" to ").next().unwrap_or_default();
                    *acks = format!("{first} to {ack}");
                }
                _ => lines.push(((*ack).to_owned(), cells)),
            }
        }
        for (acks, cells) in lines {
            let label = if flags.ack() { format!("{kind}, ack {acks}") } else { kind.to_owned() };
            let same = cells.iter().all(|cell| Some(cell) == cells.first());
            let cells: String = match cells.first() {
                Some(first) if same => first.clone(),
                _ => cells.iter().map(|cell| format!("{cell:<19} ")).collect(),
            };
            let _infallible = writeln!(table, "  {label:<42} {}", cells.trim_end());
        }
    }
    cases
}

/// RFC 9293 MUST-10, MUST-11, MAY-12, MAY-13; RFC 5961 sections 3 to 5: the RFC's section 3.10.7, all of it that has an
/// outcome.
#[test]
fn every_state_against_every_segment() {
    let mut table = String::from(LEGEND);
    let mut cases = without_connection(&mut table);
    for case in CASES {
        let from = match case {
            Case { is_passive: true, .. } => " (from LISTEN)",
            Case { is_shut: true, .. } => " (window closed)",
            _ => "",
        };
        let seqs: String = match case {
            Case { state: State::SynSent, .. } => String::new(),
            Case { is_shut: true, .. } => SEQS[..3].iter().map(|seq| format!("{seq:<19} ")).collect(),
            _ => SEQS.iter().map(|seq| format!("{seq:<19} ")).collect(),
        };
        let heading = format!("{}{from}", case.state);
        let _infallible = writeln!(table, "\n{heading:<44} {}", seqs.trim_end());
        cases += with_connection(case, &mut table);
    }
    let _infallible = writeln!(table, "{cases} cases");
    insta::assert_snapshot!(table);
}

/// What a reader of the snapshot has to know.
const LEGEND: &str = "\
A segment arrives: RFC 9293 section 3.10.7. Each line is a kind of segment, with where its acknowledgement number is:
  ancient  further back than the peer's largest window ever was   old     one before snd.una
  una, una+1, nxt   snd.una, the one after it, snd.nxt            unsent  one beyond snd.nxt
and where its sequence number is: before, at the first, second and last number of the receive window, or beyond it.
A cell is what is sent in reply (- for nothing), > the new state if there is one, ! where the user hears of urgent data;
one cell stands for all that are the same. In flight: 10 octets in ESTABLISHED and CLOSE-WAIT, the FIN in the states
after a close. Window: 100 octets; text: 5, long text: 120; urgent pointer: 3.
";

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
