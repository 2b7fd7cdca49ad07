//! SYN cookies (RFC 4987 section 3.6): a SYN is answered and forgotten; what has to be remembered is in the sequence
//! number and in the timestamp that the third segment brings back.
//!
//! The sequence number is 5 bits of time, 3 bits of MSS, and 24 bits of a keyed hash of all that, the addresses and the
//! peer's sequence number. The low six bits of the timestamp carry window scale and SACK; without timestamps the
//! connection has neither.

use core::net::SocketAddr;

use synfin_wire::tcp::{Flags, Header};
use synfin_wire::{SeqNumber, State};

use super::half_open::HalfOpen;
use super::listener::ListenerKey;
use super::{Endpoint, Handled, Reply};
use crate::config::{ConnectionConfig, SynCookies};
use crate::connection::{Challenge, Handshake};
use crate::incoming::{Incoming, KnownOptions};
use crate::isn::{Secret, Use};
use crate::observer::Observer;
use crate::options::{Agreed, Offer, TimestampClock, Timestamps, announced_mss};
use crate::time::Instant;

/// A cookie is good for this long, and for as long again.
const PERIOD_NS: u64 = 64_000_000_000;

/// The segment sizes that three bits can say, the most common ones.
const SIZES: [u16; 8] = [216, 536, 1220, 1360, 1400, 1440, 1460, 8960];

/// Bits of the timestamp.
const SCALE_NONE: u32 = 0xf;
const SACK_BIT: u32 = 1 << 4;
const FIELD: u32 = 0x3f;

impl<O: Observer + Clone> Endpoint<O> {
    /// SYN,ACK with a cookie, and nothing remembered.
    pub(super) fn send_cookie(
        &mut self,
        now: Instant,
        config: &ConnectionConfig,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Incoming,
        agreed: &Agreed,
    ) -> Handled {
        self.counters.cookies_sent += 1;
        self.last_cookie_at = Some(now);
        let iss = encode(&self.secret, now, local, remote, segment.seq(), agreed.peer_mss);
        let has_timestamps = agreed.timestamps.is_some();
        let offer = Offer {
            mss: announced_mss(config.mtu, local.is_ipv6()),
            shift: (has_timestamps && agreed.is_scaling).then_some(agreed.receive_shift),
            is_sack: has_timestamps && agreed.is_sack,
            timestamps: agreed.timestamps.map(|t| (timestamp(t.clock, now, agreed), t.recent)),
        };
        let header = Header {
            source_port: local.port(),
            destination_port: remote.port(),
            seq: iss,
            ack: segment.seq() + 1,
            flags: Flags::SYN | Flags::ACK,
            window: u16::try_from(config.receive_buffer()).unwrap_or(u16::MAX),
            ..Header::default()
        };
        self.reply(Reply {
            source: local,
            destination: remote,
            header,
            options: offer.options(),
            ttl: config.ttl,
            dscp: config.dscp,
        });
        Handled::Answered
    }

    /// An acknowledgement for a listener may be of a cookie.
    pub(super) fn handle_cookie(
        &mut self,
        now: Instant,
        listener_key: ListenerKey,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &mut Incoming,
    ) -> Option<Handled> {
        let flags = segment.header.flags;
        // Who has sent none for so long that none can be good any more takes none: a forger has to guess 24 bits, and no
        // more time for it than a flood lasts.
        let is_any_good = |at| now.nanos_since(at) < 2 * PERIOD_NS;
        if self.config.syn_cookies == SynCookies::Never || !self.last_cookie_at.is_some_and(is_any_good) {
            return None;
        }
        if !flags.ack() || flags.intersects(Flags::SYN | Flags::RST) {
            return None;
        }
        let (irs, iss) = (segment.seq() - 1, segment.header.ack - 1);
        let mss = decode(&self.secret, now, local, remote, irs, iss)?;
        let listener = self.listeners.get(listener_key)?;
        if listener.is_full() {
            self.counters.syns_dropped += 1;
            return Some(Handled::Dropped);
        }
        let config = listener.config.clone();
        let clock = self.secret.timestamp_clock(local, remote);
        let agreed = agreed_by_cookie(&config, clock, now, segment, mss, local.is_ipv6());
        let socket = self.next_socket();
        let handshake = Handshake {
            irs,
            agreed,
            wnd: segment.header.window,
            syn_sent_at: Instant::NEVER,
            syn_retransmissions: 0,
            challenge: Challenge::default(),
        };
        let record = HalfOpen {
            listener: listener_key,
            socket,
            local,
            remote,
            iss,
            clock,
            handshake,
            timer: listener_key,
        };
        let mut connection = self.expand(now, &record)?;
        self.observe_record(now, socket, local, remote, State::Listen, State::SynReceived);
        connection.on_segment(now, segment);
        if !connection.state().is_synchronized() {
            return Some(Handled::Dropped);
        }
        self.counters.cookies_accepted += 1;
        Some(self.accepted(listener_key, connection))
    }
}

/// Makes the sequence number of a SYN,ACK.
fn encode(
    secret: &Secret,
    now: Instant,
    local: SocketAddr,
    remote: SocketAddr,
    irs: SeqNumber,
    mss: u16,
) -> SeqNumber {
    let time = now.as_nanos() / PERIOD_NS;
    let index = SIZES.iter().rposition(|&size| size <= mss).unwrap_or_default();
    cookie(secret, local, remote, irs, time, u32::try_from(index).unwrap_or_default())
}

/// Reads the acknowledgement of a SYN,ACK that was forgotten. Returns the MSS.
fn decode(
    secret: &Secret,
    now: Instant,
    local: SocketAddr,
    remote: SocketAddr,
    irs: SeqNumber,
    iss: SeqNumber,
) -> Option<u16> {
    let time = now.as_nanos() / PERIOD_NS;
    let index = iss.0 >> 24 & 7;
    let is_good = [Some(time), time.checked_sub(1)]
        .into_iter()
        .flatten()
        .any(|time| cookie(secret, local, remote, irs, time, index) == iss);
    is_good.then(|| SIZES.get(index as usize).copied()).flatten()
}

fn cookie(
    secret: &Secret,
    local: SocketAddr,
    remote: SocketAddr,
    irs: SeqNumber,
    time: u64,
    index: u32,
) -> SeqNumber {
    // Time and size are hashed whole; only some bits of the time are shown.
    let extra = u64::from(irs.0) ^ time.rotate_left(32) ^ u64::from(index) << 61;
    let hash = secret.hash(Use::Cookie, local, remote, extra);
    let shown = (time & 0x1f) as u32;
    SeqNumber(shown << 27 | index << 24 | (hash as u32 & 0x00ff_ffff))
}

/// The timestamp of a SYN,ACK with a cookie: the clock, set back until its low bits say what was agreed on.
fn timestamp(clock: TimestampClock, now: Instant, agreed: &Agreed) -> u32 {
    let scale = if agreed.is_scaling { u32::from(agreed.send_shift) } else { SCALE_NONE };
    let bits = scale | if agreed.is_sack { SACK_BIT } else { 0 };
    let shows = clock.at(now);
    let back = shows.wrapping_sub(bits) & FIELD;
    shows.wrapping_sub(back)
}

/// What was agreed on, from the third segment.
fn agreed_by_cookie(
    config: &ConnectionConfig,
    clock: TimestampClock,
    now: Instant,
    segment: &Incoming,
    mss: u16,
    is_ipv6: bool,
) -> Agreed {
    let mut agreed = Agreed::hoped(config, clock, is_ipv6);
    agreed.is_ecn = false;
    let mut options = KnownOptions { mss: Some(mss), ..KnownOptions::default() };
    if let Some((value, echo)) = segment.options.timestamps {
        let scale = echo & 0xf;
        options.window_scale = (scale != SCALE_NONE).then_some(scale as u8);
        options.sack_permitted = echo & SACK_BIT != 0;
        options.timestamps = Some((value, echo));
    }
    agreed.settle(now, &options, is_ipv6);
    agreed.timestamps = agreed.timestamps.map(|ours| Timestamps { recent_at: now, ..ours });
    agreed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_good_for_its_connection_and_its_time() {
        let secret = Secret::new([3; 16]);
        let (local, remote) = (SocketAddr::from(([10, 0, 0, 1], 80)), SocketAddr::from(([10, 0, 0, 2], 5)));
        let irs = SeqNumber(77);
        let at = |s: u64| Instant::from_nanos(s * 1_000_000_000);
        let iss = encode(&secret, at(1000), local, remote, irs, 1460);
        assert_eq!(decode(&secret, at(1000), local, remote, irs, iss), Some(1460));
        assert_eq!(decode(&secret, at(1060), local, remote, irs, iss), Some(1460));
        assert_eq!(decode(&secret, at(1200), local, remote, irs, iss), None, "too late");
        assert_eq!(decode(&secret, at(1000), local, remote, irs + 1, iss), None);
        assert_eq!(decode(&secret, at(1000), local, remote, irs, iss + 1), None);
        assert_eq!(decode(&Secret::new([4; 16]), at(1000), local, remote, irs, iss), None);
        let odd = encode(&secret, at(1000), local, remote, irs, 1455);
        assert_eq!(
            decode(&secret, at(1000), local, remote, irs, odd),
            Some(1440),
            "never more than the peer takes"
        );
    }

    #[test]
    fn the_timestamp_is_never_in_the_future() {
        let clock = TimestampClock::new(u32::MAX - 20);
        let config = ConnectionConfig::default();
        for ms in 0..200u64 {
            let now = Instant::from_nanos(ms * 1_000_000);
            let mut agreed = Agreed::hoped(&config, clock, false);
            (agreed.send_shift, agreed.is_sack) = (9, true);
            let shown = timestamp(clock, now, &agreed);
            assert!(clock.at(now).wrapping_sub(shown) < 64);
            assert_eq!((shown & 0xf, shown & SACK_BIT), (9, SACK_BIT));
        }
    }
}
