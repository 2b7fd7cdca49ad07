//! The octets that are moved: from the memory of one application, verified by the other, in the same way for everybody.

use std::sync::LazyLock;

use bytes::Bytes;

/// Length of the pattern: no power of two, so that an octet at a wrong place is noticed. It is written again and again,
/// as iperf3 does with its block: the octets of an application that has just made them are in the processor's cache.
const PERIOD: usize = 262_139;

/// When not all octets are compared: so many, once in so many. If the stream has lost or gained any, none of them fit.
const SAMPLE: usize = 64;
const SAMPLE_EVERY: u64 = 256 << 10;

/// The pattern, twice in a row: any run of up to one period is one slice. Made once.
fn pattern() -> Bytes {
    static PATTERN: LazyLock<Bytes> = LazyLock::new(make_pattern);
    PATTERN.clone()
}

fn make_pattern() -> Bytes {
    let mut state = 0x9e37_79b9_u32;
    let mut once: Vec<u8> = Vec::with_capacity(2 * PERIOD);
    for _ in 0..PERIOD {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        once.push((state >> 24) as u8);
    }
    once.extend_from_within(..);
    once.into()
}

/// What an application has to send.
pub struct Source {
    pattern: Bytes,
    at: usize,
    left: u64,
}

impl Source {
    pub fn new(total: u64) -> Self {
        Self { pattern: pattern(), at: 0, left: total }
    }

    /// Whether everything was taken.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The next octets, as they lie in the application's memory.
    pub fn next(&self) -> Bytes {
        let len = PERIOD.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.pattern.slice(self.at..self.at + len)
    }

    /// So many of them were taken.
    pub fn advance(&mut self, taken: usize) {
        self.at = (self.at + taken) % PERIOD;
        self.left -= taken as u64;
    }
}

/// Who reads.
pub struct Check {
    pattern: Bytes,
    at: usize,
    /// Whether every octet is compared, or a sample.
    is_thorough: bool,
    /// Octets read.
    pub count: u64,
}

impl Check {
    pub fn new(is_thorough: bool) -> Self {
        Self { pattern: pattern(), at: 0, is_thorough, count: 0 }
    }

    /// Verifies the next octets.
    pub fn take(&mut self, octets: &[u8]) {
        for chunk in octets.chunks(PERIOD) {
            let after = self.count + chunk.len() as u64;
            let len = match (self.is_thorough, self.count / SAMPLE_EVERY < after / SAMPLE_EVERY) {
                (true, _) => chunk.len(),
                (false, true) => chunk.len().min(SAMPLE),
                (false, false) => 0,
            };
            if len > 0 {
                assert!(chunk[..len] == self.pattern[self.at..self.at + len], "octets are damaged");
            }
            self.at = (self.at + chunk.len()) % PERIOD;
            self.count = after;
        }
    }
}
