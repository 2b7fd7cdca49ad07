//! What one end of a connection has sent so far, as far as the next packet is to be judged by it.

use synfin_wire::SeqNumber;
use synfin_wire::tcp::{Flags, Segment, TcpOption};

use crate::rtt::RttMeter;
use crate::stream::Stream;

/// The largest scale that counts (RFC 7323 section 2.3).
const MAX_WINDOW_SCALE: u8 = 14;

/// One end, by what it sent. Sequence numbers are relative to its initial one and do not wrap.
#[derive(Clone, Default, Debug)]
pub(crate) struct Half {
    /// The initial sequence number: that of the SYN, or one before the first octet that was seen or acknowledged.
    pub(crate) base: Option<SeqNumber>,
    /// Whether anything it sent was seen.
    pub(crate) has_sent: bool,
    /// Whether its SYN was seen.
    pub(crate) has_syn: bool,
    /// Whether its SYN was seen with an ACK.
    pub(crate) has_syn_ack: bool,
    /// What its last SYN was.
    pub(crate) syn_kind: SynKind,
    /// The end of the furthest segment: `snd.nxt` as far as the capture knows.
    pub(crate) next: i64,
    /// When `next` last moved on, in nanoseconds since the epoch.
    pub(crate) next_ns: u64,
    /// Where its FIN stands.
    pub(crate) fin: Option<i64>,
    /// Its last acknowledgement.
    pub(crate) last_ack: Option<i64>,
    /// When it sent that for the last time.
    pub(crate) last_ack_ns: u64,
    /// Its furthest acknowledgement.
    pub(crate) acked: Option<i64>,
    /// How often in a row it said the same again.
    pub(crate) duplicate_acks: u32,
    /// The window that it announced last, in bytes.
    pub(crate) window: u32,
    /// The scale of its SYN; `None` when it had none, or was not seen.
    pub(crate) scale: Option<u8>,
    /// What its last packet was.
    pub(crate) last_kind: LastKind,
    /// Whether the octet at `next` has been sent as a probe.
    pub(crate) has_probed: bool,
    /// `TSval` of its furthest segment.
    pub(crate) timestamp: Option<u32>,
    /// IP identification of its furthest segment.
    pub(crate) identification: Option<u16>,
    /// Its bytes in order.
    pub(crate) stream: Stream,
    /// From its segments to their acknowledgements.
    pub(crate) rtt: RttMeter,
}

/// Whether the last packet provoked an answer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum LastKind {
    #[default]
    Other,
    KeepAlive,
    ZeroWindowProbe,
}

/// What a SYN is beside those before it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum SynKind {
    /// The first one.
    #[default]
    First,
    /// In a simultaneous open, the SYN,ACK that follows the SYN (RFC 9293 figure 7).
    Answer,
    /// The same as before, sent again.
    Again,
}

impl Half {
    /// The number relative to the initial one, chosen so that it is nearest to where this end is now.
    pub(crate) fn relative(&self, seq: SeqNumber) -> i64 {
        let base = self.base.unwrap_or(seq);
        // `next` on the circle of 2^32: only its low bits count.
        let here = base + (self.next & 0xffff_ffff) as u32;
        self.next + i64::from(seq.distance_from(here))
    }

    /// Whether its initial sequence number is known to be another one.
    pub(crate) fn began_elsewhere(&self, seq: SeqNumber) -> bool {
        self.base.is_some_and(|base| base != seq)
    }

    /// It sends a SYN, with an ACK or without.
    pub(crate) fn on_syn(&mut self, has_ack: bool) {
        self.syn_kind = match (self.has_syn, has_ack && !self.has_syn_ack) {
            (false, _) => SynKind::First,
            (true, true) => SynKind::Answer,
            (true, false) => SynKind::Again,
        };
        self.has_syn = true;
        self.has_syn_ack |= has_ack;
        self.stream.begin();
    }

    /// Takes `seq` for the number of the SYN, or, without one, for that of the octet after it.
    pub(crate) fn begin(&mut self, seq: SeqNumber, is_syn: bool) {
        if self.base.is_none() {
            self.base = Some(if is_syn { seq } else { seq - 1 });
            self.next = i64::from(!is_syn);
        }
    }

    /// The peer acknowledges `ack`: where that takes the octet of a probe in, it has been sent for good.
    pub(crate) fn on_probe_acked(&mut self, ack: Option<i64>) {
        if self.has_probed && ack == Some(self.next + 1) {
            self.next += 1;
            self.has_probed = false;
        }
    }

    /// The window in bytes that `segment` announces. `scale` applies once both SYNs had one.
    pub(crate) fn scaled_window(segment: &Segment<'_>, scale: Option<u8>) -> u32 {
        let window = u32::from(segment.header.window);
        if segment.header.flags.contains(Flags::SYN) {
            return window;
        }
        window << scale.unwrap_or(0).min(MAX_WINDOW_SCALE)
    }
}

/// What a SYN says about the end that sends it.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct SynOptions {
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    pub(crate) sack_permitted: bool,
}

impl SynOptions {
    pub(crate) fn of(segment: &Segment<'_>) -> Self {
        let mut options = Self::default();
        for option in segment.options.iter().flatten() {
            match option {
                TcpOption::MaximumSegmentSize(mss) => options.mss = Some(mss),
                TcpOption::WindowScale(scale) => options.window_scale = Some(scale),
                TcpOption::SackPermitted => options.sack_permitted = true,
                _ => {}
            }
        }
        options
    }
}
