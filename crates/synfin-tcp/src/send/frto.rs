//! F-RTO (RFC 5682): was the timeout genuine? After it the first segment goes again, and then, where the next
//! acknowledgement allows, new data instead of old. What comes back for data that was never sent again can only have
//! been caused by its first transmission: then nothing was lost but time.
//!
//! Section 2.1 is the algorithm without SACK, section 3.1 the one with it. They differ in what a duplicate says.

use synfin_wire::SeqNumber;

/// Where the algorithm is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Frto {
    /// Not in use, or it has decided that the timeout was genuine.
    Off,
    /// Step 2: the first segment was sent again, which ends here; nothing was acknowledged since.
    AwaitFirst { end: SeqNumber },
    /// Step 3: it was acknowledged; what the new segments cause will tell.
    AwaitSecond { is_new_sent: bool },
}

/// An acknowledgement after the timeout, as this algorithm sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// `snd.una`, and whether this acknowledgement has advanced it.
    pub(super) una: SeqNumber,
    pub(super) is_advance: bool,
    /// Whether it is a duplicate: of RFC 5681 section 2, or with a new report.
    pub(super) is_duplicate: bool,
    pub(super) is_sack: bool,
    /// Whether data was acknowledged or reported that was sent once, before the timeout.
    pub(super) is_any_original: bool,
    /// The highest sequence number that it acknowledges or reports.
    pub(super) highest: SeqNumber,
    /// `snd.nxt` when the timer ran out.
    pub(super) recover: SeqNumber,
}

/// What an acknowledgement says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing yet, or that the timeout was genuine.
    GoOn(Frto),
    /// The timeout was spurious.
    Spurious,
}

impl Frto {
    /// Takes in an acknowledgement.
    pub(super) fn on_ack(self, answer: &Answer) -> Verdict {
        match self {
            Self::Off => Verdict::GoOn(Self::Off),
            // Section 2.1 step 2b; step 2a, where not all that was sent again is acknowledged.
            Self::AwaitFirst { end } if answer.is_advance => {
                let is_all = answer.una.is_at_or_after(end);
                Verdict::GoOn(if is_all { Self::AwaitSecond { is_new_sent: false } } else { Self::Off })
            }
            // Section 2.1 step 2a: a duplicate. With SACK, section 3.1 step 2: reports are taken note of, no more.
            Self::AwaitFirst { .. } if answer.is_duplicate && !answer.is_sack => Verdict::GoOn(Self::Off),
            Self::AwaitFirst { .. } => Verdict::GoOn(self),
            Self::AwaitSecond { .. } if !answer.is_advance && !answer.is_duplicate => {
                // Section 3.1 step 3: others are ignored.
                Verdict::GoOn(self)
            }
            Self::AwaitSecond { .. } => {
                // Step 3a of both: an answer to what was sent behind the timeout.
                let is_beyond = answer.highest.is_after(answer.recover);
                if answer.is_any_original && !is_beyond {
                    Verdict::Spurious
                } else {
                    Verdict::GoOn(Self::Off)
                }
            }
        }
    }
}
