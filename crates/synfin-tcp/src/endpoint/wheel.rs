//! One hierarchical timing wheel for all deadlines of an endpoint: scheduling, moving and cancelling take the same time
//! whether there are ten or a million.
//!
//! Eleven levels of 64 slots: a slot of the lowest level is one nanosecond, one of each next level 64 times as wide. A
//! deadline sits in the level of its distance, and moves down as its slot comes due. A slot of the lowest level holds
//! one time only (and what had passed already when it was set): whoever asks for what is due, or for what comes next,
//! never has to look through a slot, even if a million deadlines lie close together.

use super::slab::{Key, Slab};
use crate::time::Instant;

/// So many that 64 bits of nanoseconds fit.
const LEVELS: usize = 11;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;

/// Names a deadline.
pub(crate) type TimerKey = Key;

#[derive(Debug)]
struct Node<T> {
    deadline: Instant,
    /// Level and slot; `None` when it is not scheduled.
    place: Option<(u8, u8)>,
    prev: Option<TimerKey>,
    next: Option<TimerKey>,
    owner: T,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    occupied: u64,
    heads: [Option<TimerKey>; SLOTS],
}

/// The wheel. Each owner has one deadline at most.
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    nodes: Slab<Node<T>>,
    levels: Vec<Level>,
    /// The time in nanoseconds up to which everything has come due.
    now: u64,
    /// How often a deadline was put into a slot.
    #[cfg(test)]
    links: usize,
}

impl<T: Copy> Wheel<T> {
    /// Memory that a deadline takes.
    #[cfg(test)]
    pub(crate) const NODE_SIZE: usize = Slab::<Node<T>>::SLOT_SIZE;

    pub(crate) fn new() -> Self {
        Self {
            nodes: Slab::new(),
            levels: vec![Level { occupied: 0, heads: [None; SLOTS] }; LEVELS],
            now: 0,
            #[cfg(test)]
            links: 0,
        }
    }

    /// Room for the deadline of an owner.
    pub(crate) fn add(&mut self, owner: T) -> Option<TimerKey> {
        self.nodes.insert(Node { deadline: Instant::NEVER, place: None, prev: None, next: None, owner })
    }

    /// Gives it up.
    pub(crate) fn remove(&mut self, key: TimerKey) {
        self.unlink(key);
        self.nodes.remove(key);
    }

    /// Sets or clears a deadline.
    pub(crate) fn schedule(&mut self, key: TimerKey, deadline: Option<Instant>) {
        let deadline = deadline.unwrap_or(Instant::NEVER);
        let Some(node) = self.nodes.get_mut(key) else { return };
        if node.deadline == deadline {
            return;
        }
        self.unlink(key);
        if let Some(node) = self.nodes.get_mut(key) {
            node.deadline = deadline;
        }
        if deadline != Instant::NEVER {
            self.link(key, deadline);
        }
    }

    /// When to look again: no later than the first deadline, and that deadline itself when it is near, or alone. What was
    /// set to a time that had passed is due since then.
    pub(crate) fn next(&self) -> Option<Instant> {
        for (number, level) in self.levels.iter().enumerate() {
            if level.occupied == 0 {
                continue;
            }
            let shift = SLOT_BITS * u32::try_from(number).ok()?;
            let current = (self.now >> shift) as u32 & (SLOTS as u32 - 1);
            // Slots from the current one on, round the wheel.
            let ahead = level.occupied.rotate_right(current).trailing_zeros();
            let slot = (current + ahead) as usize % SLOTS;
            let node = level.heads.get(slot).copied().flatten().and_then(|key| self.nodes.get(key))?;
            if node.next.is_none() {
                return Some(node.deadline);
            }
            let slot_start = ((self.now >> shift) + u64::from(ahead)) << shift;
            return Some(Instant::from_nanos(slot_start.max(self.now)));
        }
        None
    }

    /// Takes one owner whose deadline has come.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<T> {
        let target = now.as_nanos();
        loop {
            if let Some(key) = self.levels.first()?.heads.get(self.now as usize % SLOTS).copied().flatten() {
                self.unlink(key);
                let node = self.nodes.get_mut(key)?;
                node.deadline = Instant::NEVER;
                return Some(node.owner);
            }
            if self.now >= target {
                return None;
            }
            self.advance(target);
        }
    }

    /// Goes to the next time at which there is anything, at most to `target`, and moves down what comes near.
    fn advance(&mut self, target: u64) {
        let mut next = target;
        for (number, level) in self.levels.iter().enumerate() {
            let shift = SLOT_BITS * u32::try_from(number).unwrap_or_default();
            let current = (self.now >> shift) as u32 & (SLOTS as u32 - 1);
            // The current slot has been dealt with: at level 0 it is due, at the others it was moved down.
            let others = level.occupied.rotate_right(current) & !1;
            if others != 0 {
                let start = ((self.now >> shift) + u64::from(others.trailing_zeros())) << shift;
                next = next.min(start);
            }
        }
        self.now = next.max(self.now + 1).min(target);
        for number in (1..LEVELS).rev() {
            let shift = SLOT_BITS * u32::try_from(number).unwrap_or_default();
            let slot = (self.now >> shift) as usize % SLOTS;
            while let Some(key) = self.levels.get(number).and_then(|l| l.heads.get(slot).copied().flatten()) {
                self.unlink(key);
                let Some(deadline) = self.nodes.get(key).map(|node| node.deadline) else { break };
                self.link(key, deadline);
            }
        }
    }

    fn link(&mut self, key: TimerKey, deadline: Instant) {
        #[cfg(test)]
        {
            self.links += 1;
        }
        // What is past is due now.
        let at = deadline.as_nanos().max(self.now);
        // The level is that of the highest group of bits in which the time differs from now.
        let distinct = 63 - ((at ^ self.now) | 1).leading_zeros();
        let number = (distinct / SLOT_BITS) as usize;
        let slot = (at >> (SLOT_BITS * number as u32)) as usize % SLOTS;
        let Some(level) = self.levels.get_mut(number) else { return };
        let Some(head) = level.heads.get_mut(slot) else { return };
        let old = head.replace(key);
        level.occupied |= 1 << slot;
        if let Some(next) = old.and_then(|old| self.nodes.get_mut(old)) {
            next.prev = Some(key);
        }
        if let Some(node) = self.nodes.get_mut(key) {
            (node.prev, node.next, node.place) = (None, old, Some((number as u8, slot as u8)));
        }
    }

    fn unlink(&mut self, key: TimerKey) {
        let Some(node) = self.nodes.get_mut(key) else { return };
        let Some((number, slot)) = node.place.take() else { return };
        let (prev, next) = (node.prev.take(), node.next.take());
        if let Some(next) = next.and_then(|next| self.nodes.get_mut(next)) {
            next.prev = prev;
        }
        if let Some(prev) = prev.and_then(|prev| self.nodes.get_mut(prev)) {
            prev.next = next;
        } else if let Some(level) = self.levels.get_mut(usize::from(number))
            && let Some(head) = level.heads.get_mut(usize::from(slot))
        {
            *head = next;
            if next.is_none() {
                level.occupied &= !(1 << slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// However many there are, a deadline is put into a slot when it is set, and then once a level at most until it
    /// comes due.
    #[test]
    fn each_costs_the_same_among_many() {
        let mut wheel = Wheel::new();
        let count = 100_000u64;
        for i in 0..count {
            let key = wheel.add(i).unwrap();
            wheel.schedule(key, Some(Instant::from_nanos((i * 7_919_000_003) % 7_200_000_000_000)));
            assert_eq!(wheel.links, i as usize + 1, "the others stay where they are");
        }
        let mut due = 0;
        while wheel.pop_expired(Instant::from_nanos(7_200_000_000_000)).is_some() {
            due += 1;
        }
        assert_eq!(due, count);
        assert!(wheel.links <= count as usize * LEVELS, "{}", wheel.links);
    }

    /// However many are due within a microsecond, none of them is looked at before its time: a quarter of a million
    /// that were would take minutes.
    #[test]
    fn many_close_together_are_not_looked_through() {
        let mut wheel = Wheel::new();
        let (count, start) = (1u64 << 18, 1_000_000_000);
        for i in 0..count {
            let key = wheel.add(i).unwrap();
            wheel.schedule(key, Some(Instant::from_nanos(start + i % 1000)));
        }
        let (mut due, mut steps) = (0, 0);
        while let Some(next) = wheel.next() {
            steps += 1;
            while let Some(owner) = wheel.pop_expired(next) {
                assert_eq!(start + owner % 1000, next.as_nanos());
                assert!(wheel.next().is_none_or(|after| after >= next));
                due += 1;
            }
        }
        assert_eq!(due, count);
        assert!(steps < 1100, "{steps} wake-ups for a thousand times");
    }

    proptest! {
        /// Against a plain map: everything comes due at its time and not before, whatever is moved or cancelled.
        #[test]
        fn agrees_with_a_map(
            ops in proptest::collection::vec((0usize..20, 0u32..50, any::<u16>(), any::<bool>()), 1..120),
        ) {
            let mut wheel = Wheel::new();
            let keys: Vec<_> = (0..20).map(|i| wheel.add(i).unwrap()).collect();
            let mut model: BTreeMap<usize, Instant> = BTreeMap::new();
            let mut now = 0u64;
            for (i, exponent, mantissa, cancels) in ops {
                let ahead = u64::from(mantissa) << (exponent % 40);
                if cancels {
                    wheel.schedule(keys[i], None);
                    model.remove(&i);
                } else {
                    let at = Instant::from_nanos(now + ahead);
                    wheel.schedule(keys[i], Some(at));
                    model.insert(i, at);
                }
                let first = model.values().min().copied();
                prop_assert_eq!(wheel.next().is_some(), first.is_some());
                if let (Some(next), Some(first)) = (wheel.next(), first) {
                    prop_assert!(next <= first);
                }
                now += ahead / 3;
                let mut due: Vec<usize> = Vec::new();
                while let Some(owner) = wheel.pop_expired(Instant::from_nanos(now)) {
                    due.push(owner);
                }
                due.sort_unstable();
                let expected: Vec<usize> =
                    model.iter().filter(|(_, at)| at.as_nanos() <= now).map(|(&i, _)| i).collect();
                prop_assert_eq!(&due, &expected);
                model.retain(|_, at| at.as_nanos() > now);
            }
            // To the end, from one wake-up to the next: it gets there, and never late.
            let mut steps = 0;
            while let Some(next) = wheel.next() {
                steps += 1;
                prop_assert!(steps < 1000, "the wheel does not get on");
                let first = *model.values().min().unwrap();
                prop_assert!(next <= first);
                while let Some(owner) = wheel.pop_expired(next) {
                    prop_assert_eq!(model.remove(&owner), Some(next));
                }
            }
            prop_assert!(model.is_empty());
        }
    }
}
