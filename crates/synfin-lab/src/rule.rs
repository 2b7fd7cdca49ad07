//! Packets by name, and what the link does to them: `drop the 2nd FIN`, `delay data 3 by 600 ms`.
//!
//! ```text
//! RULE    = drop PACKET | corrupt PACKET | mark PACKET | delay PACKET by TIME | repeat PACKET after TIME
//! PACKET  = [the] (NTH KIND | KIND N | KIND N-M | every KIND) [from (the) client|server]
//! NTH     = 1st | 2nd | 3rd | 4th …
//! KIND    = SYN | SYN,ACK | FIN | RST | ACK | data | packet | last-ACK
//! ```
//!
//! Packets are counted as they are sent, retransmissions too: those of one side where the rule names it, else those of
//! both. `SYN` is one without ACK; `FIN` and
//! `RST` are those whatever else is set; `data` has text; `ACK` acknowledges and does nothing else; `last-ACK` is an
//! `ACK` of the other side's FIN.

use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;
use core::time::Duration;

use synfin_wire::tcp::Segment;
use synfin_wire::{SeqNumber, Side};

use crate::units::Time;

/// What is done to which packets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    effect: Effect,
    kind: Kind,
    /// Which of them, from 1.
    which: RangeInclusive<u64>,
    from: Option<Side>,
    /// As it was written.
    text: String,
}

/// What is done to a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It is lost.
    Drop,
    /// A bit of it is turned.
    Corrupt,
    /// It is marked "congestion experienced" (RFC 3168) if it may be.
    Mark,
    /// It arrives later by so much.
    Delay(Duration),
    /// It arrives once more so much later.
    Repeat(Duration),
}

/// A kind of packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Syn,
    SynAck,
    Fin,
    Rst,
    Ack,
    Data,
    LastAck,
    Packet,
}

/// Why a rule is not understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{rule:?} is not understood: {why}")]
pub struct RuleError {
    rule: String,
    why: &'static str,
}

const KINDS: [(&str, Kind); 8] = [
    ("SYN", Kind::Syn),
    ("SYN,ACK", Kind::SynAck),
    ("FIN", Kind::Fin),
    ("RST", Kind::Rst),
    ("ACK", Kind::Ack),
    ("data", Kind::Data),
    ("last-ACK", Kind::LastAck),
    ("packet", Kind::Packet),
];

impl Rule {
    /// What is done.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The same, of what this side sends, unless it names a side.
    pub(crate) fn by(mut self, side: Side) -> Self {
        self.from.get_or_insert(side);
        self
    }

    fn applies(&self, from: Side, ours: &Counts, all: &Counts, kinds: Kinds) -> bool {
        let counts = if self.from.is_some() { ours } else { all };
        self.from.is_none_or(|side| side == from)
            && kinds.has(self.kind)
            && self.which.contains(&counts.of(self.kind))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let fail = |why| RuleError { rule: text.to_owned(), why };
        let all: Vec<&str> = text.split_whitespace().filter(|word| *word != "the").collect();
        let mut words = all.as_slice();
        let mut next = || {
            let (first, rest) = words.split_first()?;
            words = rest;
            Some(*first)
        };
        let verb = next().unwrap_or_default();
        let (first, second) = (next().unwrap_or_default(), next().unwrap_or_default());
        let (kind, which) = if first == "every" {
            (second, 1..=u64::MAX)
        } else if let Some(nth) = ordinal(first) {
            (second, nth..=nth)
        } else {
            let which = numbers(second);
            (first, which.ok_or_else(|| fail("which packet? 2nd FIN, data 3, data 3-7 or every RST"))?)
        };
        let known = KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind));
        let (_, kind) =
            known.ok_or_else(|| fail("packets are SYN, SYN,ACK, FIN, RST, ACK, data, last-ACK or packet"))?;
        let (mut from, mut time) = (None, None);
        while let Some(word) = next() {
            match (word, next()) {
                ("from", Some("client")) => from = Some(Side::Client),
                ("from", Some("server")) => from = Some(Side::Server),
                ("by" | "after", Some(first)) => {
                    // "600 ms" is two words.
                    let second = if first.ends_with(|c: char| c.is_ascii_digit()) { next() } else { None };
                    let written = format!("{first}{}", second.unwrap_or_default());
                    let parsed: Result<Time, _> = written.parse();
                    time = Some(parsed.map_err(|_| fail("the time is something like 600 ms"))?.0);
                }
                _ => return Err(fail("after the packet: from client, from server, by TIME or after TIME")),
            }
        }
        let effect = match (verb, time) {
            ("drop", None) => Effect::Drop,
            ("corrupt", None) => Effect::Corrupt,
            ("mark", None) => Effect::Mark,
            ("delay", Some(by)) => Effect::Delay(by),
            ("repeat", Some(after)) => Effect::Repeat(after),
            ("drop" | "corrupt" | "mark", Some(_)) => return Err(fail("only delay and repeat have a time")),
            ("delay", None) => return Err(fail("by how much? delay data 3 by 600 ms")),
            ("repeat", None) => return Err(fail("after what time? repeat data 3 after 600 ms")),
            _ => return Err(fail("it begins with drop, delay, repeat, corrupt or mark")),
        };
        Ok(Self { effect, kind: *kind, which, from, text: text.trim().to_owned() })
    }
}

/// `2nd` as 2.
fn ordinal(word: &str) -> Option<u64> {
    let number = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end))?;
    number.parse().ok().filter(|n| *n > 0)
}

/// `3` or `3-7`.
fn numbers(word: &str) -> Option<RangeInclusive<u64>> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (first > 0 && first <= last).then_some(first..=last)
}

/// How many of each kind have been sent.
#[derive(Clone, Copy, Debug, Default)]
struct Counts([u64; KINDS.len()]);

/// The kinds that a packet is of.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds([bool; KINDS.len()]);

impl Counts {
    fn of(&self, kind: Kind) -> u64 {
        self.0.get(kind as usize).copied().unwrap_or(0)
    }
}

impl Kinds {
    fn has(self, kind: Kind) -> bool {
        self.0.get(kind as usize).copied().unwrap_or(false)
    }

    fn of(segment: &Segment<'_>, fin_end: Option<SeqNumber>) -> Self {
        let flags = segment.header.flags;
        let is_plain = !flags.syn() && !flags.fin() && !flags.rst() && segment.payload_len == 0;
        let is_ack = is_plain && flags.ack();
        let mut kinds = Self::default();
        for (has, (_, kind)) in kinds.0.iter_mut().zip(KINDS) {
            *has = match kind {
                Kind::Syn => flags.syn() && !flags.ack(),
                Kind::SynAck => flags.syn() && flags.ack(),
                Kind::Fin => flags.fin(),
                Kind::Rst => flags.rst(),
                Kind::Ack => is_ack,
                Kind::Data => segment.payload_len > 0,
                Kind::LastAck => is_ack && fin_end == Some(segment.header.ack),
                Kind::Packet => true,
            };
        }
        kinds
    }
}

/// Knows the packets of both ways by name.
#[derive(Debug)]
pub(crate) struct Names {
    counts: [Counts; 2],
    /// Of both sides.
    all: Counts,
    /// What acknowledges the last FIN of each side.
    fin_end: [Option<SeqNumber>; 2],
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { counts: [Counts::default(); 2], all: Counts::default(), fin_end: [None; 2] }
    }

    /// Counts a packet that is sent, and says which of the rules it falls under.
    pub(crate) fn rules_for<'a>(
        &mut self,
        from: Side,
        segment: &Segment<'_>,
        rules: &'a [Rule],
    ) -> Vec<&'a Rule> {
        let (ours, theirs) = (from as usize, from.other() as usize);
        if segment.header.flags.fin()
            && let Some(end) = self.fin_end.get_mut(ours)
        {
            *end = Some(segment.header.seq + segment.seg_len());
        }
        let kinds = Kinds::of(segment, self.fin_end.get(theirs).copied().flatten());
        let Some(counts) = self.counts.get_mut(ours) else { return Vec::new() };
        for counts in [&mut *counts, &mut self.all] {
            for (count, is) in counts.0.iter_mut().zip(kinds.0) {
                *count += u64::from(is);
            }
        }
        rules.iter().filter(|rule| rule.applies(from, counts, &self.all, kinds)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_become_rules() {
        let rule: Rule = "drop the 2nd FIN from the client".parse().unwrap();
        assert_eq!((rule.effect, rule.kind, rule.which), (Effect::Drop, Kind::Fin, 2..=2));
        assert_eq!(rule.from, Some(Side::Client));
        let rule: Rule = "delay data 3-7 by 600 ms".parse().unwrap();
        assert_eq!(rule.effect, Effect::Delay(Duration::from_millis(600)));
        assert_eq!((rule.kind, rule.which), (Kind::Data, 3..=7));
        assert_eq!(
            "repeat data 3 after 1s".parse::<Rule>().unwrap().effect,
            Effect::Repeat(Duration::from_secs(1))
        );
        assert_eq!("drop every rst".parse::<Rule>().unwrap().which, 1..=u64::MAX);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (wrong, why) in [
            ("lose data 3", "it begins with"),
            ("drop FIN", "which packet?"),
            ("drop data 0", "which packet?"),
            ("drop data 7-3", "which packet?"),
            ("drop 1st PING", "packets are"),
            ("drop 1st FIN to server", "after the packet"),
            ("delay data 3", "by how much?"),
            ("delay data 3 by much", "the time"),
            ("drop data 3 by 1s", "only delay and repeat"),
        ] {
            let told = wrong.parse::<Rule>().unwrap_err().to_string();
            assert!(told.contains(why), "{told}");
        }
    }
}
