//! What came to pass, in the order of virtual time.

use bytes::Bytes;
use synfin_wire::dissect::{Dissected, dissect};
use synfin_wire::{Frame, InterfaceId, LinkType, Observation, Sample, Side, StateChange};

use crate::link::Fate;

/// One thing that came to pass.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Noted {
    /// A packet was seen.
    Frame(NotedFrame),
    /// An endpoint changed its state.
    StateChange(StateChange),
    /// Something happened to a connection: its variables after that.
    Sample {
        /// Whose.
        side: Side,
        /// The variables.
        sample: Sample,
    },
}

/// A packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotedFrame {
    /// Number, from 1.
    pub number: u64,
    /// When, in nanoseconds since the Unix epoch.
    pub at_ns: u64,
    /// Who sent it, or is said to have sent it.
    pub from: Side,
    /// The IP packet.
    pub bytes: Bytes,
    /// What the link did to it besides carrying it.
    pub fates: Vec<Fate>,
}

impl Noted {
    /// As an observation.
    #[must_use]
    pub fn as_observation(&self) -> Observation<'_> {
        match self {
            Self::Frame(frame) => Observation::Frame(frame.as_frame()),
            Self::StateChange(change) => Observation::StateChange(*change),
            Self::Sample { sample, .. } => Observation::Sample(*sample),
        }
    }

    /// Whether it is a packet.
    #[must_use]
    pub fn is_frame(&self) -> bool {
        matches!(self, Self::Frame(_))
    }
}

impl NotedFrame {
    /// As a frame of a capture.
    #[must_use]
    pub fn as_frame(&self) -> Frame<'_> {
        Frame {
            number: self.number,
            at_ns: self.at_ns,
            link: LinkType::RAW,
            interface: InterfaceId(0),
            direction: None,
            original_len: u32::try_from(self.bytes.len()).unwrap_or(u32::MAX),
            bytes: &self.bytes,
            fate: self.fate(),
        }
    }

    /// What became of it.
    #[must_use]
    pub fn fate(&self) -> synfin_wire::Fate {
        let has = |is: fn(&Fate) -> bool| self.fates.iter().any(is);
        synfin_wire::Fate {
            is_lost: has(Fate::is_loss),
            is_corrupted: has(|fate| *fate == Fate::Corrupted),
            is_duplicated: has(|fate| *fate == Fate::Duplicated),
            is_held_back: has(|fate| matches!(fate, Fate::HeldBack(_))),
            is_forged: has(|fate| *fate == Fate::Forged),
        }
    }

    /// What the link did to it, in words.
    #[must_use]
    pub fn remarks(&self) -> Option<String> {
        let words: Vec<_> = self.fates.iter().map(ToString::to_string).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// Its control bits and its text, in words: `SYN`, `ACK with 1448 bytes`.
    #[must_use]
    pub fn words(&self) -> String {
        let len = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        match dissect(LinkType::RAW, &self.bytes, len).next() {
            Some(Ok(Dissected::Tcp(_, segment))) if segment.payload_len > 0 => {
                format!("{} with {} bytes", segment.header.flags, segment.payload_len)
            }
            Some(Ok(Dissected::Tcp(_, segment))) => segment.header.flags.to_string(),
            _ => "ICMP".to_owned(),
        }
    }
}
