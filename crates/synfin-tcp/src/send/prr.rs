//! Proportional rate reduction (RFC 6937): what may be sent during recovery.
//!
//! Above `ssthresh`, what is delivered is answered in the proportion of the reduction. Below, the flight is brought
//! back to `ssthresh` no faster than slow start would (PRR-SSRB).

/// One recovery, in octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Prr {
    /// Octets delivered since recovery began.
    prr_delivered: u32,
    /// Octets sent since recovery began.
    prr_out: u32,
    /// RecoverFS: the flight when it began. Never zero.
    recover_fs: u32,
}

impl Prr {
    /// Recovery begins.
    pub(crate) fn new(flight_size: u32) -> Self {
        Self { prr_delivered: 0, prr_out: 0, recover_fs: flight_size.max(1) }
    }

    /// An acknowledgement delivered octets. Returns how many may be sent now.
    pub(crate) fn on_ack(&mut self, delivered: u32, pipe: u32, ssthresh: u32, mss: u32) -> u32 {
        self.prr_delivered = self.prr_delivered.saturating_add(delivered);
        if pipe > ssthresh {
            let share =
                (u64::from(self.prr_delivered) * u64::from(ssthresh)).div_ceil(u64::from(self.recover_fs));
            u32::try_from(share).unwrap_or(u32::MAX).saturating_sub(self.prr_out)
        } else {
            let limit = self.prr_delivered.saturating_sub(self.prr_out).max(delivered).saturating_add(mss);
            limit.min(ssthresh - pipe)
        }
    }

    /// Octets were sent, for the first time or again.
    pub(crate) fn on_sent(&mut self, octets: u32) {
        self.prr_out = self.prr_out.saturating_add(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6937 section 4, with NewReno's half: 20 segments in flight, the first lost, ssthresh 10. The third report
    /// begins recovery: 20 - 3 reported - 1 lost = 16 in the pipe. While that is above 10, every other acknowledgement
    /// lets one segment go: ceil(1·10/20) = 1, ceil(2·10/20) - 1 = 0, ceil(3·10/20) - 1 = 1. The 13th finds the pipe at
    /// 10, and from then on it is kept there.
    #[test]
    fn one_loss_of_twenty() {
        let mut prr = Prr::new(20);
        let (mut pipe, mut pattern) = (17u32, Vec::new());
        for _ in 3..=19 {
            pipe -= 1;
            let sndcnt = prr.on_ack(1, pipe, 10, 1);
            prr.on_sent(sndcnt);
            pipe += sndcnt;
            pattern.push(sndcnt);
        }
        assert_eq!(pattern, [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 1, 1]);
        assert_eq!(pipe, 10);
    }

    /// RFC 6937 section 4: after heavy losses `pipe` is below ssthresh at once, and each acknowledgement lets through
    /// what it delivered and one segment more, up to ssthresh.
    #[test]
    fn heavy_loss_is_repaired_at_the_rate_of_slow_start() {
        let mut prr = Prr::new(20);
        let mut pipe = 4u32;
        let mut pattern = Vec::new();
        for _ in 0..5 {
            pipe -= 1;
            let sndcnt = prr.on_ack(1, pipe, 10, 1);
            prr.on_sent(sndcnt);
            pipe += sndcnt;
            pattern.push((sndcnt, pipe));
        }
        assert_eq!(pattern, [(2, 5), (2, 6), (2, 7), (2, 8), (2, 9)]);
    }
}
