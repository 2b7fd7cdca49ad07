//! One way of a link: what happens to a packet between two hosts.
//!
//! A packet passes these in order: the MTU, the queue (tail drop, ECN marks over a threshold as by RFC 3168), the line
//! at its rate, and then, on the wire: outages, rules for named packets, bursts of loss, random loss, damage, delay with
//! jitter, reordering, duplication. Every chance is drawn for every packet, so that changing one of them leaves the
//! others as they fall.

mod queue;

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use bytes::Bytes;

use self::queue::Queue;
use crate::random::Random;
use crate::rule::{Effect, Rule};
use crate::units::{Chance, Time};
use crate::{ip, units};

/// What one way of a link is like. The default loses nothing, delays nothing and takes everything.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkConfig {
    /// Bits of IP packets a second; `None`: a packet takes no time.
    pub rate: Option<units::Rate>,
    /// Propagation delay.
    pub delay: Duration,
    /// At most so much more delay, evenly distributed. It keeps the order of packets.
    pub jitter: Duration,
    /// Packets that may be in the queue, the one on the line included.
    pub queue_packets: Option<u64>,
    /// Bytes that may be in the queue, likewise.
    pub queue_bytes: Option<u64>,
    /// Packets that may be in the queue before one that joins them is marked, or lost if it may not be marked.
    pub mark_above: Option<u64>,
    /// Random loss of single packets.
    pub loss: Chance,
    /// Loss in bursts.
    pub bursts: Option<Bursts>,
    /// How many packets are held back so that others overtake them.
    pub reorder: Chance,
    /// For how long.
    pub reorder_by: Duration,
    /// How many packets arrive twice.
    pub duplicate: Chance,
    /// How many packets have a bit turned. One bit never escapes a checksum.
    pub corrupt: Chance,
    /// Largest IP packet in bytes.
    pub mtu: Option<u32>,
    /// Whether the sender of a packet that is too big is told (RFC 1191, RFC 8201). Otherwise it is a black hole.
    pub icmp: bool,
    /// When the link is down.
    pub outages: Vec<Outage>,
    /// What happens to packets by name.
    pub rules: Vec<Rule>,
}

/// Loss in bursts: the model of Gilbert and Elliott, a good state and a bad one.
#[derive(Clone, Copy, PartialEq, Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bursts {
    /// Chance, for each packet, that the good state turns bad.
    pub begin: Chance,
    /// Chance, for each packet, that the bad state turns good: 1 by the mean length of a burst in packets.
    pub end: Chance,
    /// Loss in the bad state. Gilbert's model has 1.
    #[serde(default = "always")]
    pub loss: Chance,
}

fn always() -> Chance {
    Chance::new(1.0).unwrap_or_default()
}

/// A time in which nothing arrives, counted from the start: `2s-5s`, or `2s-` for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outage {
    /// From then on.
    pub from: Duration,
    /// Until then, if ever.
    pub until: Option<Duration>,
}

/// An outage is not understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not an outage, such as 2s-5s, or 2s- for good")]
pub struct OutageError(String);

impl FromStr for Outage {
    type Err = OutageError;
    fn from_str(text: &str) -> Result<Self, OutageError> {
        let fail = || OutageError(text.to_owned());
        let time = |text: &str| text.parse::<Time>().map(|time| time.0).map_err(|_| fail());
        let (from, until) = text.split_once('-').ok_or_else(fail)?;
        let until = if until.trim().is_empty() { None } else { Some(time(until)?) };
        let from = time(from)?;
        if until.is_some_and(|until| until <= from) {
            return Err(fail());
        }
        Ok(Self { from, until })
    }
}

impl Outage {
    fn contains(&self, at: Duration) -> bool {
        at >= self.from && self.until.is_none_or(|until| at < until)
    }
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            rate: None,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            queue_packets: None,
            queue_bytes: None,
            mark_above: None,
            loss: Chance::NEVER,
            bursts: None,
            reorder: Chance::NEVER,
            reorder_by: Duration::from_millis(10),
            duplicate: Chance::NEVER,
            corrupt: Chance::NEVER,
            mtu: None,
            icmp: true,
            outages: Vec::new(),
            rules: Vec::new(),
        }
    }
}

/// Something that the link did to a packet, other than to carry it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Fate {
    /// It did not fit through a link of this MTU in bytes.
    TooBig(u32),
    /// The queue had no room for it.
    QueueFull,
    /// The queue was long, and it could not be marked.
    Unmarkable,
    /// The link was down.
    Outage,
    /// A rule has lost it.
    Dropped(String),
    /// It was lost in a burst.
    LostInBurst,
    /// It was lost.
    Lost,
    /// A bit of it was turned.
    Corrupted,
    /// It was marked "congestion experienced".
    Marked,
    /// It was held back.
    HeldBack(Duration),
    /// It will arrive once more.
    Duplicated,
    /// Nobody on either host has sent it.
    Forged,
}

impl Fate {
    /// Whether the packet does not arrive.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        match self {
            Self::TooBig(_)
            | Self::QueueFull
            | Self::Unmarkable
            | Self::Outage
            | Self::Dropped(_)
            | Self::LostInBurst
            | Self::Lost => true,
            Self::Corrupted | Self::Marked | Self::HeldBack(_) | Self::Duplicated | Self::Forged => false,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooBig(mtu) => write!(f, "lost: too big for an MTU of {mtu}"),
            Self::QueueFull => f.write_str("lost: queue full"),
            Self::Unmarkable => f.write_str("lost: queue long, and it takes no mark"),
            Self::Outage => f.write_str("lost: link down"),
            Self::Dropped(rule) => write!(f, "lost: {rule}"),
            Self::LostInBurst => f.write_str("lost: in a burst"),
            Self::Lost => f.write_str("lost: by chance"),
            Self::Corrupted => f.write_str("corrupted"),
            Self::Marked => f.write_str("marked: congestion experienced"),
            Self::HeldBack(by) => write!(f, "held back by {by:?}"),
            Self::Duplicated => f.write_str("duplicated"),
            Self::Forged => f.write_str("forged"),
        }
    }
}

/// What became of a packet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Passage {
    pub(crate) fates: Vec<Fate>,
    /// When copies of it arrive, in nanoseconds since the start, and what arrives.
    pub(crate) arrivals: Vec<(u64, Bytes)>,
}

/// One way of a link.
#[derive(Debug)]
pub(crate) struct Link {
    config: LinkConfig,
    queue: Queue,
    random: Random,
    is_bad: bool,
    /// The last arrival that was not held back: jitter does not reorder.
    last_arrival_ns: u64,
}

/// What chance says of one packet: everything is drawn, whether it is needed or not.
struct Drawn {
    jitter_ns: u64,
    is_lost: bool,
    is_lost_in_burst: bool,
    is_held_back: bool,
    is_doubled: bool,
    is_corrupt: bool,
    bit: u64,
}

impl Link {
    pub(crate) fn new(config: LinkConfig, random: Random) -> Self {
        let queue = Queue::new(config.rate, config.queue_packets, config.queue_bytes);
        Self { config, queue, random, is_bad: false, last_arrival_ns: 0 }
    }

    pub(crate) fn config(&self) -> &LinkConfig {
        &self.config
    }

    fn draw(&mut self) -> Drawn {
        let config = &self.config;
        let random = &mut self.random;
        let jitter_ns = random.below(nanos(config.jitter).saturating_add(1));
        let bursts =
            config.bursts.unwrap_or(Bursts { begin: Chance::NEVER, end: Chance::NEVER, loss: Chance::NEVER });
        let turns = random.is_hit(if self.is_bad { bursts.end } else { bursts.begin });
        self.is_bad ^= turns;
        let is_hit_in_burst = random.is_hit(bursts.loss);
        Drawn {
            jitter_ns,
            is_lost_in_burst: self.is_bad && is_hit_in_burst,
            is_lost: random.is_hit(config.loss),
            is_held_back: random.is_hit(config.reorder),
            is_doubled: random.is_hit(config.duplicate),
            is_corrupt: random.is_hit(config.corrupt),
            bit: random.next(),
        }
    }

    /// Takes a packet at a time in nanoseconds since the start.
    pub(crate) fn pass(&mut self, now_ns: u64, packet: &Bytes, rules: &[Effected<'_>]) -> Passage {
        let drawn = self.draw();
        let mut passage = Passage::default();
        let mut bytes = packet.to_vec();
        let fates = &mut passage.fates;
        if let Some(mtu) = self.config.mtu.filter(|mtu| bytes.len() as u64 > u64::from(*mtu)) {
            fates.push(Fate::TooBig(mtu));
            return passage;
        }
        let is_long = self.config.mark_above.is_some_and(|above| self.queue.len(now_ns) > above);
        let has_rule = rules.iter().any(|rule| rule.effect == Effect::Mark);
        if is_long || has_rule {
            if ip::mark_congestion(&mut bytes) {
                fates.push(Fate::Marked);
            } else if is_long {
                fates.push(Fate::Unmarkable);
                return passage;
            }
        }
        let Some(left_at_ns) = self.queue.join(now_ns, bytes.len() as u64) else {
            fates.push(Fate::QueueFull);
            return passage;
        };
        let on_wire = Duration::from_nanos(left_at_ns);
        let dropped = rules.iter().find(|rule| rule.effect == Effect::Drop);
        if self.config.outages.iter().any(|outage| outage.contains(on_wire)) {
            fates.push(Fate::Outage);
        } else if let Some(rule) = dropped {
            fates.push(Fate::Dropped(rule.text.to_owned()));
        } else if drawn.is_lost_in_burst {
            fates.push(Fate::LostInBurst);
        } else if drawn.is_lost {
            fates.push(Fate::Lost);
        }
        if fates.iter().any(Fate::is_loss) {
            return passage;
        }
        if drawn.is_corrupt || rules.iter().any(|rule| rule.effect == Effect::Corrupt) {
            turn_bit(&mut bytes, drawn.bit);
            fates.push(Fate::Corrupted);
        }
        self.propagate(left_at_ns, &drawn, bytes.into(), rules, &mut passage);
        passage
    }

    fn propagate(
        &mut self,
        left_at_ns: u64,
        drawn: &Drawn,
        bytes: Bytes,
        rules: &[Effected<'_>],
        passage: &mut Passage,
    ) {
        let at_ns = left_at_ns.saturating_add(nanos(self.config.delay)).saturating_add(drawn.jitter_ns);
        let at_ns = at_ns.max(self.last_arrival_ns);
        let mut held_back = if drawn.is_held_back { self.config.reorder_by } else { Duration::ZERO };
        for rule in rules {
            if let Effect::Delay(by) = rule.effect {
                held_back = held_back.saturating_add(by);
            }
        }
        if held_back.is_zero() {
            self.last_arrival_ns = at_ns;
        } else {
            passage.fates.push(Fate::HeldBack(held_back));
        }
        let at_ns = at_ns.saturating_add(nanos(held_back));
        let mut copies = Vec::new();
        if drawn.is_doubled {
            copies.push(Duration::ZERO);
        }
        copies.extend(rules.iter().filter_map(|rule| match rule.effect {
            Effect::Repeat(after) => Some(after),
            _ => None,
        }));
        passage.arrivals.push((at_ns, bytes.clone()));
        for after in copies {
            passage.fates.push(Fate::Duplicated);
            passage.arrivals.push((at_ns.saturating_add(nanos(after)), bytes.clone()));
        }
    }
}

/// A rule that applies to the packet at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effected<'a> {
    pub(crate) effect: Effect,
    pub(crate) text: &'a str,
}

fn turn_bit(bytes: &mut [u8], drawn: u64) {
    let bits = (bytes.len() as u64).saturating_mul(8).max(1);
    let bit = drawn % bits;
    if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|at| bytes.get_mut(at)) {
        *byte ^= 1 << (bit % 8);
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
