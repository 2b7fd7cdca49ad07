//! Options: what two ends agree on, and what each segment carries.

use core::time::Duration;

use synfin_wire::SeqNumber;
use synfin_wire::tcp::{OptionsBuf, SackBlock, TcpOption};

use crate::config::ConnectionConfig;
use crate::incoming::KnownOptions;
use crate::time::{Instant, nanos};

/// Largest window scale (RFC 7323 section 2.3).
const SHIFT_MAX: u8 = 14;

/// Bytes that the timestamps option takes in each segment, with its padding (RFC 7323 appendix A).
pub(crate) const TIMESTAMPS_LEN: u32 = 12;

/// Smallest Eff.snd.MSS that is believed: less would be a way to make us send nothing but headers.
const MSS_MIN: u32 = 48;

/// The clock of our timestamps: milliseconds, from an offset that differs for each pair of addresses and ports, so that
/// nobody can count our uptime or match our addresses (RFC 7323 section 5.4 and 7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimestampClock {
    offset: u32,
}

impl TimestampClock {
    /// A clock with this offset.
    pub(crate) fn new(offset: u32) -> Self {
        Self { offset }
    }

    /// What the clock shows.
    pub(crate) fn at(self, now: Instant) -> u32 {
        // The clock wraps every 49.7 days: only the low bits count.
        let ms = now.as_nanos() / 1_000_000;
        (ms as u32).wrapping_add(self.offset)
    }

    /// How long ago the clock showed `echo`; nothing if that is not to be believed.
    pub(crate) fn age(self, now: Instant, echo: u32) -> Option<Duration> {
        let ms = self.at(now).wrapping_sub(echo);
        // RTTs beyond ten minutes are no RTTs. A sample of nothing is one of less than the clock's step.
        (ms < 600_000).then(|| Duration::from_millis(u64::from(ms.max(1))))
    }

    /// Whether `a` was shown before `b`.
    pub(crate) fn is_before(a: u32, b: u32) -> bool {
        SeqNumber(a).is_before(SeqNumber(b))
    }
}

/// Timestamps in use (RFC 7323 section 3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Timestamps {
    /// Our clock.
    pub(crate) clock: TimestampClock,
    /// TS.Recent: the peer's clock, as we echo it.
    pub(crate) recent: u32,
    /// When it was noted.
    pub(crate) recent_at: Instant,
}

/// What was agreed on by the SYNs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Agreed {
    /// Selective acknowledgements.
    pub(crate) is_sack: bool,
    /// ECN.
    pub(crate) is_ecn: bool,
    /// Whether every SYN, ours and the peer's, was one that sets ECN up. If not, marks are still answered, but our own
    /// data is not ECN-capable (RFC 3168 section 6.1.1).
    pub(crate) is_ecn_setup: bool,
    /// Window scaling, be it by zero bits.
    pub(crate) is_scaling: bool,
    /// Scale of the windows that the peer sends.
    pub(crate) send_shift: u8,
    /// Scale of the windows that we send.
    pub(crate) receive_shift: u8,
    /// Timestamps.
    pub(crate) timestamps: Option<Timestamps>,
    /// The peer's MSS, or its default.
    pub(crate) peer_mss: u16,
}

/// What our SYN offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Offer {
    /// MSS.
    pub(crate) mss: u16,
    /// Window scale.
    pub(crate) shift: Option<u8>,
    /// Selective acknowledgements.
    pub(crate) is_sack: bool,
    /// TSval and TSecr.
    pub(crate) timestamps: Option<(u32, u32)>,
}

/// The window scale that a buffer of this size needs.
pub(crate) fn shift_for(buffer_max: u32) -> u8 {
    (0..SHIFT_MAX).find(|shift| buffer_max >> shift <= u32::from(u16::MAX)).unwrap_or(SHIFT_MAX)
}

/// The MSS that we announce: what fits into the largest packet that we take, without options.
// RFC 9293 MUST-67: the MSS is MMS_R - 20.
#[inline]
pub(crate) fn announced_mss(mtu: u32, is_ipv6: bool) -> u16 {
    u16::try_from(mtu.saturating_sub(fixed_headers(is_ipv6)).max(MSS_MIN)).unwrap_or(u16::MAX)
}

/// Bytes of the fixed headers of IP and TCP.
fn fixed_headers(is_ipv6: bool) -> u32 {
    if is_ipv6 { 60 } else { 40 }
}

/// The MSS of a peer that says nothing.
// RFC 9293 MUST-15: 536 for IPv4, 1220 for IPv6.
pub(crate) fn default_mss(is_ipv6: bool) -> u16 {
    if is_ipv6 { 1220 } else { 536 }
}

/// Eff.snd.MSS, less the options that every segment carries (RFC 6691).
// RFC 9293 MUST-16: the effective send MSS; SHLD-6: it follows the path MTU.
pub(crate) fn effective_mss(peer_mss: u16, mtu: u32, is_ipv6: bool, has_timestamps: bool) -> u32 {
    let path = mtu.saturating_sub(fixed_headers(is_ipv6));
    let options = if has_timestamps { TIMESTAMPS_LEN } else { 0 };
    u32::from(peer_mss).min(path).max(MSS_MIN).saturating_sub(options)
}

impl Agreed {
    /// Before the peer has said anything: what we would like.
    pub(crate) fn hoped(config: &ConnectionConfig, clock: TimestampClock, is_ipv6: bool) -> Self {
        let timestamps = Timestamps { clock, recent: 0, recent_at: Instant::ZERO };
        Self {
            is_sack: config.sack,
            is_ecn: config.ecn,
            is_ecn_setup: true,
            is_scaling: config.window_scaling,
            send_shift: 0,
            receive_shift: if config.window_scaling { shift_for(config.receive_buffer_max()) } else { 0 },
            timestamps: config.timestamps.then_some(timestamps),
            peer_mss: default_mss(is_ipv6),
        }
    }

    /// The peer's SYN tells what it can: what both can is agreed on.
    pub(crate) fn settle(&mut self, now: Instant, peer: &KnownOptions, is_ipv6: bool) {
        // RFC 9293 MUST-14: the MSS option is received; MUST-65 is about sending: see `Offer`.
        self.peer_mss = peer.mss.unwrap_or(default_mss(is_ipv6));
        self.is_sack &= peer.sack_permitted;
        self.timestamps = self.timestamps.zip(peer.timestamps).map(|(ours, (value, _))| Timestamps {
            recent: value,
            recent_at: now,
            ..ours
        });
        match peer.window_scale {
            // RFC 7323 section 2.3: more than 14 counts as 14.
            Some(shift) if self.is_scaling => self.send_shift = shift.min(SHIFT_MAX),
            _ => (self.is_scaling, self.send_shift, self.receive_shift) = (false, 0, 0),
        }
    }

    /// Whether our SYN may set ECN up, and our data be ECN-capable.
    pub(crate) fn may_mark(&self) -> bool {
        self.is_ecn && self.is_ecn_setup
    }

    /// The options of a segment that is no SYN.
    pub(crate) fn segment_options(&self, now: Instant, sack_blocks: &[SackBlock]) -> OptionsBuf {
        let mut options = OptionsBuf::new();
        if let Some(timestamps) = &self.timestamps {
            push(&mut options, &[TcpOption::NoOperation, TcpOption::NoOperation]);
            let value = timestamps.clock.at(now);
            push(&mut options, &[TcpOption::Timestamps { value, echo_reply: timestamps.recent }]);
        }
        if !sack_blocks.is_empty() {
            push(&mut options, &[TcpOption::NoOperation, TcpOption::NoOperation]);
            options.push_sack(sack_blocks);
        }
        options
    }

    /// How many SACK blocks a segment has room for.
    pub(crate) fn sack_room(&self) -> usize {
        match (self.is_sack, self.timestamps) {
            (false, _) => 0,
            (true, Some(_)) => 3,
            (true, None) => 4,
        }
    }
}

impl Offer {
    /// The options of a SYN, in the order that is most common.
    // RFC 9293 MUST-69: what is left of the last word is zero (`OptionsBuf::padded`).
    // RFC 9293 MAY-3, SHLD-5: the MSS option is in every SYN; MUST-65: and in nothing but SYNs.
    pub(crate) fn options(&self) -> OptionsBuf {
        let mut options = OptionsBuf::new();
        push(&mut options, &[TcpOption::MaximumSegmentSize(self.mss)]);
        match (self.is_sack, self.timestamps) {
            (true, Some(_)) => push(&mut options, &[TcpOption::SackPermitted]),
            (true, None) => push(
                &mut options,
                &[TcpOption::NoOperation, TcpOption::NoOperation, TcpOption::SackPermitted],
            ),
            (false, Some(_)) => push(&mut options, &[TcpOption::NoOperation, TcpOption::NoOperation]),
            (false, None) => {}
        }
        if let Some((value, echo_reply)) = self.timestamps {
            push(&mut options, &[TcpOption::Timestamps { value, echo_reply }]);
        }
        if let Some(shift) = self.shift {
            push(&mut options, &[TcpOption::NoOperation, TcpOption::WindowScale(shift)]);
        }
        options
    }
}

fn push(options: &mut OptionsBuf, list: &[TcpOption<'_>]) {
    for option in list {
        // 20 bytes of options at most in a SYN, 12 before the SACK blocks elsewhere: there is room.
        let _fits = options.push(option);
    }
}

/// RFC 7323 section 5.5: a timestamp older than 24 days says nothing any more.
pub(crate) fn is_outdated(timestamps: &Timestamps, now: Instant) -> bool {
    nanos(now.since(timestamps.recent_at)) > 24 * 24 * 3600 * 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9293 MUST-15, MUST-16, SHLD-6.
    #[test]
    fn segment_sizes_by_hand() {
        assert_eq!((default_mss(false), default_mss(true)), (536, 1220));
        assert_eq!((announced_mss(1500, false), announced_mss(1500, true)), (1460, 1440));
        assert_eq!(announced_mss(100_000, false), 65535);
        assert_eq!(effective_mss(1460, 1500, false, true), 1448);
        assert_eq!(effective_mss(9000, 1500, false, false), 1460);
        assert_eq!(effective_mss(0, 1500, false, true), 36, "a hostile MSS has a floor");
    }

    /// RFC 7323 section 2.3.
    #[test]
    fn scale_by_buffer() {
        for (buffer, shift) in [(0, 0), (65535, 0), (65536, 1), (6 << 20, 7), (1 << 30, 14), (u32::MAX, 14)] {
            assert_eq!(shift_for(buffer), shift, "{buffer}");
        }
    }

    #[test]
    fn options_fill_whole_words() {
        for is_sack in [false, true] {
            for timestamps in [None, Some((1, 2))] {
                for shift in [None, Some(7)] {
                    let options = Offer { mss: 1460, shift, is_sack, timestamps }.options();
                    assert_ne!(options.padded().last(), Some(&0), "{options:?}");
                    assert!(options.padded().len() <= 20);
                }
            }
        }
    }
}
