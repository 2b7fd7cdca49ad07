//! A link that loses, delays, reorders, duplicates and damages, by seed.

use std::time::Duration;

use bytes::Bytes;
use synfin_tcp::Ecn;

/// A small generator: the same seed gives the same run everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// SplitMix64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(crate) fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// One direction of a link. Chances are in thousandths.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) delay: Duration,
    pub(crate) jitter: Duration,
    pub(crate) loss: u32,
    pub(crate) duplicate: u32,
    pub(crate) corrupt: u32,
    /// ECN-capable packets that are marked.
    pub(crate) mark: u32,
    /// Octets a second.
    pub(crate) rate: Option<u64>,
    /// Longest queue at that rate.
    pub(crate) queue: Duration,
    pub(crate) random: Random,
    free_at_ns: u64,
}

impl Link {
    pub(crate) fn perfect(delay: Duration) -> Self {
        Self {
            delay,
            jitter: Duration::ZERO,
            loss: 0,
            duplicate: 0,
            corrupt: 0,
            mark: 0,
            rate: None,
            queue: Duration::from_millis(100),
            random: Random::new(1),
            free_at_ns: 0,
        }
    }

    /// When copies of a packet arrive, and what arrives.
    pub(crate) fn pass(&mut self, now_ns: u64, packet: &Bytes, ecn: Ecn) -> Vec<(u64, Bytes, Ecn)> {
        if self.random.chance(self.loss) {
            return Vec::new();
        }
        let mut left_at = now_ns;
        if let Some(rate) = self.rate {
            let start = self.free_at_ns.max(now_ns);
            if start - now_ns > self.queue.as_nanos() as u64 {
                return Vec::new();
            }
            left_at = start + packet.len() as u64 * 1_000_000_000 / rate;
            self.free_at_ns = left_at;
        }
        let copies = if self.random.chance(self.duplicate) { 2 } else { 1 };
        (0..copies)
            .map(|_| {
                let jitter = self.random.below(self.jitter.as_nanos() as u64 + 1);
                let at = left_at + self.delay.as_nanos() as u64 + jitter;
                let mut packet = packet.clone();
                if self.random.chance(self.corrupt) {
                    let mut damaged = packet.to_vec();
                    let bit = self.random.below(damaged.len() as u64 * 8) as usize;
                    damaged[bit / 8] ^= 1 << (bit % 8);
                    packet = damaged.into();
                }
                let is_marked = ecn != Ecn::NotEct && self.random.chance(self.mark);
                (at, packet, if is_marked { Ecn::Ce } else { ecn })
            })
            .collect()
    }
}
