//! How often each state changed into each other, and how long each lasted.

use std::fmt::Write as _;

use synfin_kernel::Change;
use synfin_wire::State;

use crate::kernel::json::Object;
use crate::kernel::text::Span;

/// Counts of everything that was told.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Also how often from which state to which, and how long each lasted: what a summary tells.
    is_detailed: bool,
    pub(super) changes: u64,
    /// Those among them that nobody observed.
    pub(super) inferred: u64,
    pub(super) existing: u64,
    pub(super) lost: u64,
    /// By the positions of both states in [`State::ALL`].
    transitions: [[u64; State::ALL.len()]; State::ALL.len()],
    durations: [Durations; State::ALL.len()],
}

fn position(state: State) -> usize {
    State::ALL.iter().position(|other| *other == state).unwrap_or_default()
}

impl Tally {
    pub(super) fn new(is_detailed: bool) -> Self {
        Self { is_detailed, ..Self::default() }
    }

    pub(super) fn on_change(&mut self, change: &Change) {
        self.changes += 1;
        self.inferred += u64::from(change.change.is_inferred);
        if !self.is_detailed {
            return;
        }
        let (from, to) = (position(change.change.from), position(change.change.to));
        if let Some(count) = self.transitions.get_mut(from).and_then(|row| row.get_mut(to)) {
            *count += 1;
        }
        if let (Some(ns), Some(durations)) = (change.in_state_ns, self.durations.get_mut(from)) {
            durations.add(ns);
        }
    }

    fn transitions(&self) -> impl Iterator<Item = (State, State, u64)> {
        State::ALL.into_iter().zip(&self.transitions).flat_map(|(from, row)| {
            let row = State::ALL.into_iter().zip(row);
            row.filter(|(_, count)| **count > 0).map(move |(to, count)| (from, to, *count))
        })
    }

    fn durations(&self) -> impl Iterator<Item = (State, &Durations)> {
        State::ALL.into_iter().zip(&self.durations).filter(|(_, durations)| durations.count > 0)
    }

    pub(super) fn write_text(&self, out: &mut Vec<u8>, unicode: bool) {
        let arrow = if unicode { "→" } else { "->" };
        let mut text = String::from("   changes\n");
        // Writing to a string never fails.
        for (from, to, count) in self.transitions() {
            let _ = writeln!(text, "{count:>10}  {from} {arrow} {to}");
        }
        if self.durations().next().is_some() {
            let _ = writeln!(
                text,
                "\n     times  {:<12}  {:>9}  {:>9}  {:>9}",
                "in state", "median", "99 %", "longest"
            );
        }
        for (state, durations) in self.durations() {
            let span = |ns| Span { ns, unicode }.to_string();
            let _ = writeln!(
                text,
                "{:>10}  {state:<12}  {:>9}  {:>9}  {:>9}",
                durations.count,
                span(durations.quantile(1, 2)),
                span(durations.quantile(99, 100)),
                span(durations.longest),
            );
        }
        out.extend_from_slice(text.as_bytes());
    }

    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out, "summary");
        object.number("changes", self.changes).number("inferred", self.inferred);
        object.number("existing", self.existing).number("events_lost", self.lost);
        if self.is_detailed {
            let transitions = self.transitions().map(|(from, to, count)| {
                format!(r#"{{"from":"{}","to":"{}","count":{count}}}"#, from.name(), to.name())
            });
            let transitions = transitions.collect::<Vec<_>>().join(",");
            object.raw("transitions", format!("[{transitions}]").as_bytes());
            let durations = self.durations().map(|(state, durations)| {
                let (median, p99) = (durations.quantile(1, 2), durations.quantile(99, 100));
                format!(
                    r#""{}":{{"count":{},"median":{median},"p99":{p99},"max":{}}}"#,
                    state.name(),
                    durations.count,
                    durations.longest
                )
            });
            let durations = durations.collect::<Vec<_>>().join(",");
            object.raw("in_state_ns", format!("{{{durations}}}").as_bytes());
        }
        object.end();
    }

    pub(super) fn footer(&self) -> String {
        let counted = |count: u64, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let mut text =
            format!("{}, {} before that", counted(self.changes, "change"), counted(self.existing, "socket"));
        if self.inferred > 0 {
            let _ = write!(text, ", {} inferred", counted(self.inferred, "change"));
        }
        if self.lost > 0 {
            let _ = write!(text, "; {} lost", counted(self.lost, "event"));
        }
        text
    }
}

/// Each power of two is divided into so many parts: a quantile is off by less than 1/64.
const PARTS: usize = 64;
const PART_BITS: u32 = PARTS.trailing_zeros();

/// Durations, counted by size.
#[derive(Clone, Debug, Default)]
struct Durations {
    count: u64,
    longest: u64,
    /// Only as long as the longest asks for.
    buckets: Vec<u64>,
}

impl Durations {
    fn add(&mut self, ns: u64) {
        self.count += 1;
        self.longest = self.longest.max(ns);
        let index = bucket(ns);
        if self.buckets.len() <= index {
            self.buckets.resize(index + 1, 0);
        }
        if let Some(count) = self.buckets.get_mut(index) {
            *count += 1;
        }
    }

    /// The smallest duration that this share of all does not exceed.
    fn quantile(&self, part: u64, whole: u64) -> u64 {
        let rank = (u128::from(self.count) * u128::from(part)).div_ceil(u128::from(whole.max(1)));
        let mut seen = 0_u128;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank {
                return upper(index).min(self.longest);
            }
        }
        self.longest
    }
}

/// Which bucket a duration falls into: exact below 64 ns, then 64 for each power of two.
fn bucket(ns: u64) -> usize {
    let octave = ns.max(1).ilog2().saturating_sub(PART_BITS);
    let part = usize::try_from(ns >> octave).unwrap_or_default();
    octave as usize * PARTS + part
}

/// The largest duration of a bucket.
fn upper(index: usize) -> u64 {
    let octave = (index / PARTS).saturating_sub(1);
    let part = (index - octave * PARTS) as u64;
    let end = u128::from(part + 1) << octave;
    u64::try_from(end - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_quantile_is_within_a_64th_of_the_exact_one(
            mut all in prop::collection::vec(any::<u64>().prop_flat_map(|max| 0..=max), 1..300),
            part in 1..=100_u64,
        ) {
            let mut durations = Durations::default();
            all.iter().for_each(|ns| durations.add(*ns));
            all.sort_unstable();
            let rank = (all.len() as u64 * part).div_ceil(100);
            let exact = all[rank as usize - 1];
            let found = durations.quantile(part, 100);
            prop_assert!(found >= exact && found - exact <= exact / 64, "{found} for {exact}");
        }
    }
}
