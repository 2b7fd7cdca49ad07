//! What a connection's packets were spent on: one data packet costs 3 to open, 1 to acknowledge it and 4 to close.

/// What a packet is for. Every packet is for exactly one thing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// The handshake: every SYN, and the first acknowledgement of the peer's SYN when it carries no data.
    Open,
    /// It carries payload, be it sent for the first time or again. A FIN that rides on payload counts here.
    Data,
    /// It carries neither payload nor SYN, FIN or RST: acknowledgements, window updates, keep-alives.
    Ack,
    /// FIN and RST without payload, and what acknowledges a FIN without carrying payload.
    Close,
}

impl Phase {
    /// The name in the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Data => "data",
            Self::Ack => "ack",
            Self::Close => "close",
        }
    }
}

/// Packets by what they were for, both directions together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Ledger {
    /// Packets of [`Phase::Open`].
    pub open: u64,
    /// Packets of [`Phase::Data`].
    pub data: u64,
    /// Packets of [`Phase::Ack`].
    pub ack: u64,
    /// Packets of [`Phase::Close`].
    pub close: u64,
}

impl Ledger {
    /// Counts one packet.
    pub fn add(&mut self, phase: Phase) {
        match phase {
            Phase::Open => self.open += 1,
            Phase::Data => self.data += 1,
            Phase::Ack => self.ack += 1,
            Phase::Close => self.close += 1,
        }
    }

    /// All packets.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.data + self.overhead()
    }

    /// Packets that carried no data.
    #[must_use]
    pub const fn overhead(self) -> u64 {
        self.open + self.ack + self.close
    }
}
