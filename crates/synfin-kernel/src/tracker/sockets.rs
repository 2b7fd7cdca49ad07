//! Where what is known of the sockets lies.
//!
//! A minute's sockets in TIME-WAIT are hundreds of thousands. In a hash table each new one would fall on memory that no
//! cache holds; here the table has numbers only, small enough for a cache, and what is known lies behind them, where the
//! next socket takes the place of the last one that ended.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use synfin_wire::SocketId;

use super::entry::Known;

#[derive(Debug, Default)]
pub(super) struct Sockets {
    hasher: DefaultHashBuilder,
    /// Positions in `slots`.
    table: HashTable<u32>,
    slots: Vec<Slot>,
    /// Positions of slots that are in no use, the one that was used last at the end.
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    id: SocketId,
    known: Known,
}

/// No memory holds so many slots that their positions would not fit.
fn at(position: u32) -> usize {
    position as usize
}

impl Sockets {
    fn find(&self, id: SocketId) -> Option<u32> {
        let is_it = |position: &u32| self.slots.get(at(*position)).is_some_and(|slot| slot.id == id);
        self.table.find(self.hasher.hash_one(id), is_it).copied()
    }

    pub(super) fn get(&self, id: SocketId) -> Option<&Known> {
        Some(&self.slots.get(at(self.find(id)?))?.known)
    }

    pub(super) fn get_mut(&mut self, id: SocketId) -> Option<&mut Known> {
        let position = self.find(id)?;
        Some(&mut self.slots.get_mut(at(position))?.known)
    }

    /// What is known of a socket, changed; of one that is new, nothing was known.
    pub(super) fn change<T>(&mut self, id: SocketId, change: impl FnOnce(&mut Known) -> T) -> T {
        if let Some(known) = self.get_mut(id) {
            return change(known);
        }
        let mut slot = Slot { id, known: Known::default() };
        let result = change(&mut slot.known);
        let reused = self.free.pop();
        let position = reused.unwrap_or_else(|| u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        match reused.and_then(|position| self.slots.get_mut(at(position))) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        let Self { hasher, table, slots, .. } = self;
        let hash_of = |position: &u32| slots.get(at(*position)).map_or(0, |slot| hasher.hash_one(slot.id));
        table.insert_unique(hasher.hash_one(id), position, hash_of);
        result
    }

    pub(super) fn remove(&mut self, id: SocketId) -> Option<Known> {
        let Self { hasher, table, slots, free } = self;
        let is_it = |position: &u32| slots.get(at(*position)).is_some_and(|slot| slot.id == id);
        let (position, _) = table.find_entry(hasher.hash_one(id), is_it).ok()?.remove();
        free.push(position);
        Some(std::mem::take(&mut slots.get_mut(at(position))?.known))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SocketId, &Known)> {
        let slots = self.table.iter().filter_map(|position| self.slots.get(at(*position)));
        slots.map(|slot| (slot.id, &slot.known))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn id(cookie: u64) -> SocketId {
        SocketId { namespace: 1, cookie }
    }

    proptest! {
        /// It holds what a map would, in no more slots than were ever in use at once.
        #[test]
        fn like_a_map(steps in prop::collection::vec((any::<bool>(), 0_u64..20), 0..200)) {
            let (mut sockets, mut model, mut most) = (Sockets::default(), HashMap::new(), 0);
            for (number, (is_removed, cookie)) in (0_u64..).zip(steps) {
                if is_removed {
                    let reset = sockets.remove(id(cookie)).and_then(|known| known.facts.reset);
                    prop_assert_eq!(reset.map(|(at_ns, _)| at_ns), model.remove(&cookie));
                } else {
                    let why = crate::Why::ResetReceived;
                    let before = sockets.change(id(cookie), |known| known.facts.reset.replace((number, why)));
                    prop_assert_eq!(before.map(|(at_ns, _)| at_ns), model.insert(cookie, number));
                }
                most = most.max(model.len());
                prop_assert_eq!(sockets.slots.len(), most);
                prop_assert_eq!(sockets.slots.len() - sockets.free.len(), model.len());
            }
            let reset = |known: &Known| known.facts.reset.map(|(at_ns, _)| at_ns);
            let all: HashMap<_, _> = sockets.iter().map(|(id, known)| (id.cookie, reset(known))).collect();
            prop_assert_eq!(all.len(), model.len());
            prop_assert!(model.iter().all(|(cookie, number)| all.get(cookie) == Some(&Some(*number))));
            prop_assert_eq!(sockets.is_empty(), model.is_empty());
        }
    }
}
