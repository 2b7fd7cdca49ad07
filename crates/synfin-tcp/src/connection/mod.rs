//! One connection: RFC 9293's transmission control block, with everything that belongs to it.
//!
//! Segments come in through [`segment_arrives`], one file for each of its steps; user calls through `calls`; timeouts
//! through `timeouts`; and everything goes out through `transmit`. Nothing is sent while something comes in: a batch
//! of segments is taken in whole, and answered once.

mod calls;
mod events;
mod icmp;
mod info;
mod record;
pub(crate) mod segment_arrives;
mod timeouts;
mod transmit;

use core::net::SocketAddr;
use std::sync::Arc;

use synfin_wire::tcp::Flags;
use synfin_wire::{SeqNumber, SocketId, Source, State, StateChange};

pub use self::calls::{ReadOutcome, WriteError};
use self::events::Events;
pub use self::events::{ConnectionError, Event};
pub use self::info::{CongestionState, Info};
pub(crate) use self::record::Remains;
pub(crate) use self::segment_arrives::Reset;
use self::transmit::Pending;
use crate::config::ConnectionConfig;
use crate::incoming::{Ecn, Incoming};
use crate::observer::{NoObserver, Observer};
use crate::options::{Agreed, TIMESTAMPS_LEN, TimestampClock, announced_mss, effective_mss};
use crate::receive::Receiver;
use crate::send::Sender;
use crate::time::Instant;
use crate::timers::{Timer, Timers};
use crate::tuple::Tuple;

/// One connection.
///
/// How to drive it, at any time `now` that does not go backwards:
///
/// * in: [`on_segments`](Self::on_segments) with what arrived for it, [`handle_timeout`](Self::handle_timeout) when
///   [`poll_timeout`](Self::poll_timeout)'s time has come;
/// * calls: [`write`](Self::write), [`read`](Self::read), [`shutdown`](Self::shutdown), [`abort`](Self::abort);
/// * out: after any of these, [`poll_transmit`](Self::poll_transmit) until it sends nothing more, and
///   [`poll_event`](Self::poll_event) until there is none.
///
/// An [`Endpoint`](crate::Endpoint) owns its connections and does the first and the last for all of them.
pub struct Connection<O: Observer = NoObserver> {
    /// `cookie` of the [`SocketId`]; the namespace is not ours to know.
    cookie: u64,
    tuple: Tuple,
    state: State,
    /// Whether the connection came from LISTEN.
    // RFC 9293 MUST-11: SYN-RECEIVED remembers where it came from.
    is_passive: bool,
    /// Whether the user has let go of it.
    is_released: bool,
    agreed: Agreed,
    /// Path MTU in bytes.
    mtu: u32,
    snd: Sender,
    rcv: Receiver,
    timers: Timers,
    pending: Pending,
    events: Events,
    /// When the SYN was sent first, and last.
    syn_sent_at: Instant,
    /// When anything arrived last.
    last_received: Instant,
    /// When the oldest thing that is not acknowledged began to wait.
    stalled_since: Instant,
    /// Transmissions of the oldest segment beyond the first, or of a window probe, or of keep-alives.
    attempts: u32,
    challenge: Challenge,
    /// ECN: congestion was experienced, and the peer has not said that it slowed down.
    is_ce_pending: bool,
    config: Arc<ConnectionConfig>,
    observer: O,
}

/// RFC 5961 section 7: answers to what may be an attack are counted.
///
/// Answers to keep-alives are no challenges, and have a count of their own: a peer that asks often, or while somebody
/// else uses up the challenges, must not think us dead. They are counted at all because of peers that answer every
/// acknowledgement of what they have not sent: their answers look like keep-alives, and ours would go on for ever.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Challenge {
    /// In milliseconds of the clock, of which only the low bits count: every connection and record has one of these.
    since_ms: u32,
    count: u8,
    keep_alives: u8,
}

impl Challenge {
    /// RFC 5961 section 7 proposes 10 in 5 seconds.
    const MOST: u8 = 10;
    /// One each 50 ms on average: more often than anybody asks, and no storm.
    const MOST_KEEP_ALIVES: u8 = 100;
    const PERIOD_MS: u32 = 5000;

    fn may_send(&mut self, now: Instant) -> bool {
        self.renew(now);
        self.count = self.count.saturating_add(1);
        self.count <= Self::MOST
    }

    fn may_answer_keep_alive(&mut self, now: Instant) -> bool {
        self.renew(now);
        self.keep_alives = self.keep_alives.saturating_add(1);
        self.keep_alives <= Self::MOST_KEEP_ALIVES
    }

    fn renew(&mut self, now: Instant) {
        let now_ms = (now.as_nanos() / 1_000_000) as u32;
        if now_ms.wrapping_sub(self.since_ms) >= Self::PERIOD_MS {
            *self = Self { since_ms: now_ms, count: 0, keep_alives: 0 };
        }
    }
}

/// What a connection begins with.
pub(crate) struct Beginning<O> {
    pub(crate) socket: SocketId,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) iss: SeqNumber,
    pub(crate) clock: TimestampClock,
    pub(crate) mtu: u32,
    pub(crate) config: Arc<ConnectionConfig>,
    pub(crate) observer: O,
}

/// What a passive connection has agreed on before it becomes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handshake {
    pub(crate) irs: SeqNumber,
    pub(crate) agreed: Agreed,
    /// The window of the peer's SYN, which is never scaled.
    pub(crate) wnd: u16,
    /// Never, where nobody remembers (a cookie): then nothing is measured by it.
    pub(crate) syn_sent_at: Instant,
    pub(crate) syn_retransmissions: u32,
    pub(crate) challenge: Challenge,
}

impl<O: Observer> Connection<O> {
    fn new(beginning: Beginning<O>, state: State) -> Self {
        let Beginning { socket, local, remote, iss, clock, mtu, config, observer } = beginning;
        let mut rcv = Receiver::new(config.receive_buffer(), config.receive_buffer_max());
        rcv.ack.on_ack_sent();
        Self {
            cookie: socket.cookie,
            tuple: Tuple::new(local, remote),
            state,
            is_passive: false,
            is_released: false,
            agreed: Agreed::hoped(&config, clock, local.is_ipv6()),
            mtu,
            snd: Sender::new(iss, &config),
            rcv,
            timers: Timers::new(),
            pending: Pending::default(),
            events: Events::default(),
            syn_sent_at: Instant::ZERO,
            last_received: Instant::ZERO,
            stalled_since: Instant::ZERO,
            attempts: 0,
            challenge: Challenge::default(),
            is_ce_pending: false,
            config,
            observer,
        }
    }

    /// Active OPEN: RFC 9293 section 3.10.1, CLOSED STATE.
    pub(crate) fn connect(now: Instant, beginning: Beginning<O>) -> Self {
        let mut connection = Self::new(beginning, State::Closed);
        connection.snd.nxt = connection.snd.iss + 1;
        connection.pending.is_syn = true;
        connection.stalled_since = now;
        connection.last_received = now;
        connection.become_state(now, State::SynSent);
        connection
    }

    /// A connection in SYN-RECEIVED that came from LISTEN: the SYN,ACK was sent from its record.
    pub(crate) fn from_listen(now: Instant, beginning: Beginning<O>, handshake: &Handshake) -> Self {
        let mut connection = Self::new(beginning, State::SynReceived);
        connection.is_passive = true;
        connection.agreed = handshake.agreed;
        connection.snd.nxt = connection.snd.iss + 1;
        connection.snd.set_window(handshake.irs, connection.snd.iss, u32::from(handshake.wnd));
        connection.on_peer_syn(handshake.irs);
        connection.challenge = handshake.challenge;
        connection.syn_sent_at = handshake.syn_sent_at;
        connection.attempts = handshake.syn_retransmissions;
        // A SYN,ACK that is sent again does not set ECN up: see `transmit`.
        connection.agreed.is_ecn_setup &= handshake.syn_retransmissions == 0;
        for _ in 0..handshake.syn_retransmissions {
            connection.snd.rtt.on_timeout();
        }
        connection.last_received = now;
        connection
    }

    /// Which socket it is, in observations.
    #[must_use]
    pub fn socket(&self) -> SocketId {
        SocketId { namespace: 0, cookie: self.cookie }
    }

    /// Both ends.
    pub(crate) fn tuple(&self) -> &Tuple {
        &self.tuple
    }

    /// Our address.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.tuple.local()
    }

    /// The peer's address.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.tuple.remote()
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes in segments that arrived for this connection, in the order of arrival.
    // RFC 9293 MUST-58, MUST-59: all of them before any acknowledgement, and one for all where that is possible.
    pub fn on_segments(&mut self, now: Instant, batch: impl IntoIterator<Item = Incoming>) {
        for mut segment in batch {
            self.segment_arrives(now, &mut segment);
        }
        self.observe(now);
    }

    /// Takes in one segment, whose text may be gone afterwards.
    pub(crate) fn on_segment(&mut self, now: Instant, segment: &mut Incoming) {
        self.segment_arrives(now, segment);
        self.observe(now);
    }

    /// Goes to another state, and says so.
    fn become_state(&mut self, now: Instant, to: State) {
        let from = std::mem::replace(&mut self.state, to);
        debug_assert!(from.may_become(to), "{from} -> {to}");
        if O::LOOKS {
            self.observer.on_state_change(&StateChange {
                at_ns: now.as_nanos(),
                socket: self.socket(),
                local: self.local(),
                remote: self.remote(),
                from,
                to,
                source: Source::Stack,
                is_inferred: false,
                process: None,
            });
        }
    }

    /// The end, with its reason if it is not the regular one. What was received in order is still there to be read.
    fn close_with(&mut self, now: Instant, error: Option<ConnectionError>) {
        self.become_state(now, State::Closed);
        self.timers.stop_all();
        self.snd.flush();
        self.pending.clear();
        self.events.on_closed(error);
    }

    /// The peer's SYN was received.
    fn on_peer_syn(&mut self, irs: SeqNumber) {
        let offered = self.config.receive_buffer().min(u32::from(u16::MAX));
        self.rcv.on_syn(irs, offered, self.agreed.receive_shift);
        self.update_mss();
    }

    /// Computes Eff.snd.MSS anew.
    fn update_mss(&mut self) {
        let has_timestamps = self.agreed.timestamps.is_some();
        let mss = effective_mss(self.agreed.peer_mss, self.mtu, self.tuple.is_ipv6(), has_timestamps);
        if mss != self.snd.mss {
            self.snd.mss = mss;
            self.snd.congestion.on_mss_change(mss);
        }
    }

    /// The handshake is over.
    fn on_established(&mut self, now: Instant) {
        let was_syn_lost = self.attempts > 0;
        // RFC 6928 section 2: a single SYN that was sent again may only have been late.
        let is_congested = self.attempts > 1;
        self.snd.congestion.on_established(self.snd.mss, self.config.initial_window, is_congested);
        if was_syn_lost {
            self.snd.rtt.on_established_after_syn_timeout();
        }
        self.attempts = 0;
        self.timers.stop(Timer::Retransmission);
        self.start_keep_alive(now);
        self.events.on_connected();
    }

    /// Octets of a full-sized segment of the peer's, as far as we asked for it.
    fn rmss(&self) -> u32 {
        let options = if self.agreed.timestamps.is_some() { TIMESTAMPS_LEN } else { 0 };
        u32::from(announced_mss(self.config.mtu, self.tuple.is_ipv6())).saturating_sub(options)
    }

    /// Asks for a challenge ACK, unless there were too many.
    // RFC 5961 section 7 and errata 4772: throttled.
    fn challenge(&mut self, now: Instant) {
        if self.challenge.may_send(now) {
            self.rcv.ack.on_urgent_need();
        }
    }

    /// Takes note of a congestion mark, and of the peer's answer to one (RFC 3168 section 6.1.3).
    // RFC 9293 SHLD-8: explicit congestion notification, here its receiver; the sender is in `send::recovery`.
    fn note_ecn(&mut self, segment: &Incoming) {
        if !self.agreed.is_ecn {
            return;
        }
        // RFC 3168 section 6.1.3: CWR first, for it may itself be marked.
        if segment.header.flags.contains(Flags::CWR) {
            self.is_ce_pending = false;
        }
        if segment.ecn == Ecn::Ce && !segment.payload.is_empty() {
            self.is_ce_pending = true;
        }
    }
}

impl<O: Observer> core::fmt::Debug for Connection<O> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connection")
            .field("tuple", &self.tuple)
            .field("state", &self.state)
            .field("snd", &self.snd)
            .field("rcv", &self.rcv)
            .field("timers", &self.timers)
            .finish_non_exhaustive()
    }
}
