//! Tail loss probes (RFC 8985 section 7): when the last segments of a flight are lost, nothing arrives later to tell.
//! A probe after two round trips makes the peer say so, long before the retransmission timer.

use core::time::Duration;

use synfin_wire::SeqNumber;
use synfin_wire::tcp::SackBlock;

use super::Sender;
use crate::time::Instant;

/// TLP.max_ack_delay: how long the peer may delay the acknowledgement of a single segment.
const MAX_ACK_DELAY: Duration = Duration::from_millis(200);

/// A probe that was sent and is not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Probe {
    /// TLP.end_seq: `snd.nxt` after it was sent.
    pub(crate) end_seq: SeqNumber,
    /// TLP.is_retrans: whether it was a retransmission.
    pub(crate) is_retrans: bool,
}

impl Sender {
    /// When to probe, if a probe is to be scheduled now. `rto_at` bounds it.
    pub(crate) fn probe_at(&self, now: Instant, is_sack: bool, rto_at: Option<Instant>) -> Option<Instant> {
        let may_probe = is_sack
            && self.recovery.is_open()
            && self.recovery.probe.is_none()
            && self.board.sacked() == 0
            && !self.board.is_empty();
        if !may_probe {
            return None;
        }
        let pto = match self.rtt.srtt() {
            Some(srtt) if self.board.is_one_segment() => srtt * 2 + MAX_ACK_DELAY,
            Some(srtt) => srtt * 2,
            None => Duration::from_secs(1),
        };
        let at = now + pto.max(Duration::from_millis(1));
        Some(rto_at.map_or(at, |rto_at| at.min(rto_at)))
    }

    /// RFC 8985 section 7.4.2: an acknowledgement may answer the probe. Returns whether it shows a loss that the
    /// probe itself has repaired: congestion control has to hear of it.
    pub(crate) fn on_ack_of_probe(
        &mut self,
        ack: SeqNumber,
        dsack: Option<SackBlock>,
        is_pure_dup: bool,
    ) -> bool {
        let Some(probe) = self.recovery.probe else { return false };
        if ack.is_before(probe.end_seq) {
            return false;
        }
        // The report of another duplicate says nothing of the probe.
        let is_dsack = dsack.is_some_and(|block| block.right == probe.end_seq);
        let is_answered = !probe.is_retrans || is_dsack || is_pure_dup || ack.is_after(probe.end_seq);
        if is_answered {
            self.recovery.probe = None;
        }
        probe.is_retrans && !is_dsack && ack.is_after(probe.end_seq)
    }
}
