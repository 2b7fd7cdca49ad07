//! The octets that are moved: made by one application, verified by the other, each once and in the same way for
//! everybody.

/// Length of the pattern: no power of two, so that an octet at a wrong place is noticed.
const PERIOD: usize = 65_521;

/// The pattern, twice in a row: any run of up to one period is one slice.
fn pattern() -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut once: Vec<u8> = Vec::with_capacity(2 * PERIOD);
    for _ in 0..PERIOD {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        once.push((state >> 24) as u8);
    }
    once.extend_from_within(..);
    once
}

/// Makes octets.
pub struct Source {
    pattern: Vec<u8>,
    at: usize,
    left: u64,
}

impl Source {
    pub fn new(total: u64) -> Self {
        Self { pattern: pattern(), at: 0, left: total }
    }

    /// Whether all were made.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The next octets, at most `max`, to be copied to where the TCP wants them.
    pub fn next(&mut self, max: usize) -> &[u8] {
        let len = max.min(PERIOD).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let from = self.at;
        self.at = (from + len) % PERIOD;
        self.left -= len as u64;
        &self.pattern[from..from + len]
    }
}

/// Verifies octets.
pub struct Check {
    pattern: Vec<u8>,
    at: usize,
    /// Octets verified.
    pub count: u64,
}

impl Check {
    pub fn new() -> Self {
        Self { pattern: pattern(), at: 0, count: 0 }
    }

    /// Verifies the next octets.
    pub fn take(&mut self, octets: &[u8]) {
        for chunk in octets.chunks(PERIOD) {
            assert!(chunk == &self.pattern[self.at..self.at + chunk.len()], "octets are damaged");
            self.at = (self.at + chunk.len()) % PERIOD;
            self.count += chunk.len() as u64;
        }
    }
}
