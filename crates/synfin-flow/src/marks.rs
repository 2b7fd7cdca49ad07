//! What is remarkable about a packet. The names are those that Wireshark made common.

use std::fmt;

use synfin_wire::Fate;

/// One remark.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Mark {
    /// Bytes that were sent before, after a timeout or without a clear reason.
    Retransmission,
    /// Bytes that were sent before, right after duplicate acknowledgements or SACK asked for them.
    FastRetransmission,
    /// Bytes that were sent before and had been acknowledged already.
    SpuriousRetransmission,
    /// Bytes that belong before others that came earlier, and had not been seen.
    OutOfOrder,
    /// An acknowledgement that says again what was said before, for something arrived out of order.
    DuplicateAck,
    /// Something is missing right before this packet: lost, or overtaken by it.
    PreviousSegmentLost,
    /// It acknowledges bytes that the capture never saw.
    AckedUnseen,
    /// The sender's receive window is closed.
    ZeroWindow,
    /// It fills the receiver's window to its end.
    WindowFull,
    /// Nothing but a change of the receive window.
    WindowUpdate,
    /// A keep-alive: the octet before the next one, to provoke an acknowledgement.
    KeepAlive,
    /// The answer to a keep-alive.
    KeepAliveAck,
    /// A SYN on ports that an earlier connection used.
    PortReused,
    /// One octet against a closed window.
    ZeroWindowProbe,
    /// The answer to such a probe: still closed.
    ZeroWindowProbeAck,
    /// It reports by SACK what had arrived twice (RFC 2883).
    Dsack,
    /// The checksum is wrong. Given only where checksums are checked.
    BadChecksum,
    /// The capture cut off some of its payload.
    CutOff,
    /// It never arrived: whoever carried it says so.
    Lost,
    /// It arrived damaged, likewise.
    Corrupted,
    /// It arrived more than once, likewise.
    Duplicated,
    /// It was held back on its way, likewise.
    HeldBack,
    /// Somebody else sent it in the name of this end, likewise.
    Forged,
}

impl Mark {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 23] = [
        Self::Lost,
        Self::Corrupted,
        Self::Duplicated,
        Self::HeldBack,
        Self::Forged,
        Self::Retransmission,
        Self::FastRetransmission,
        Self::SpuriousRetransmission,
        Self::OutOfOrder,
        Self::DuplicateAck,
        Self::PreviousSegmentLost,
        Self::AckedUnseen,
        Self::ZeroWindow,
        Self::WindowFull,
        Self::WindowUpdate,
        Self::KeepAlive,
        Self::KeepAliveAck,
        Self::PortReused,
        Self::ZeroWindowProbe,
        Self::ZeroWindowProbeAck,
        Self::Dsack,
        Self::BadChecksum,
        Self::CutOff,
    ];

    /// The name in the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retransmission => "retransmission",
            Self::FastRetransmission => "fast-retransmission",
            Self::SpuriousRetransmission => "spurious-retransmission",
            Self::OutOfOrder => "out-of-order",
            Self::DuplicateAck => "duplicate-ack",
            Self::PreviousSegmentLost => "previous-segment-lost",
            Self::AckedUnseen => "acked-unseen",
            Self::ZeroWindow => "zero-window",
            Self::WindowFull => "window-full",
            Self::WindowUpdate => "window-update",
            Self::KeepAlive => "keep-alive",
            Self::KeepAliveAck => "keep-alive-ack",
            Self::PortReused => "port-reused",
            Self::ZeroWindowProbe => "zero-window-probe",
            Self::ZeroWindowProbeAck => "zero-window-probe-ack",
            Self::Dsack => "dsack",
            Self::BadChecksum => "bad-checksum",
            Self::CutOff => "cut-off",
            Self::Lost => "lost",
            Self::Corrupted => "corrupted",
            Self::Duplicated => "duplicated",
            Self::HeldBack => "held-back",
            Self::Forged => "forged",
        }
    }
}

/// A set of [`Mark`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Marks(u32);

impl Marks {
    /// None.
    pub const NONE: Self = Self(0);

    /// Adds one.
    pub fn insert(&mut self, mark: Mark) {
        self.0 |= 1 << mark as u32;
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn contains(self, mark: Mark) -> bool {
        self.0 & (1 << mark as u32) != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any of the three kinds of retransmission is among them.
    #[must_use]
    pub const fn is_retransmission(self) -> bool {
        self.contains(Mark::Retransmission)
            || self.contains(Mark::FastRetransmission)
            || self.contains(Mark::SpuriousRetransmission)
    }

    /// One after the other, in the order of [`Mark::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Mark> {
        Mark::ALL.into_iter().filter(move |mark| self.contains(*mark))
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl From<Fate> for Marks {
    fn from(fate: Fate) -> Self {
        let Fate { is_lost, is_corrupted, is_duplicated, is_held_back, is_forged } = fate;
        [
            (is_lost, Mark::Lost),
            (is_corrupted, Mark::Corrupted),
            (is_duplicated, Mark::Duplicated),
            (is_held_back, Mark::HeldBack),
            (is_forged, Mark::Forged),
        ]
        .into_iter()
        .filter_map(|(is, mark)| is.then_some(mark))
        .collect()
    }
}

impl FromIterator<Mark> for Marks {
    fn from_iter<T: IntoIterator<Item = Mark>>(marks: T) -> Self {
        let mut set = Self::NONE;
        marks.into_iter().for_each(|mark| set.insert(mark));
        set
    }
}
