//! Chance, from a seed: the same one everywhere.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

/// The odd constant of the generator: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// A generator for one purpose: two purposes of one seed do not disturb each other.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        Self(mix(seed.wrapping_add(STEP.wrapping_mul(purpose.wrapping_add(1)))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// From 0 up to, and without, `bound`. The bias for bounds below 2^32 is less than one in 2^32.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// Whether something happens that has this chance, in millionths of a million.
    pub(crate) fn is_hit(&mut self, chance: crate::units::Chance) -> bool {
        // Drawn always, so that changing one chance leaves the others as they fall.
        let drawn = self.next() >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let drawn = drawn as f64 / (1u64 << 53) as f64;
        drawn < chance.value()
    }
}

/// The finalizer of SplitMix64: spreads every bit over all of them.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
