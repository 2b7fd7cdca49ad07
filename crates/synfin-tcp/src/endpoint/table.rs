//! The demultiplexer: who is behind both ends of a segment. Its cost does not grow with the number of connections.

use core::hash::BuildHasher;
use std::collections::HashMap;

use siphasher::sip::SipHasher13;

use super::Slot;
use crate::tuple::Tuple;

/// A keyed hash for tables: nobody outside can make tuples collide, and every run is the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyed(pub(super) u64, pub(super) u64);

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

/// All tuples in use.
#[derive(Debug)]
pub(super) struct Table {
    slots: HashMap<Tuple, Slot, Keyed>,
    /// The one found last: segments come in trains.
    last: Option<(Tuple, Slot)>,
}

impl Table {
    pub(super) fn new(keyed: Keyed) -> Self {
        Self { slots: HashMap::with_hasher(keyed), last: None }
    }

    /// Who is behind a tuple, of whom more is likely to come.
    pub(super) fn find(&mut self, tuple: &Tuple) -> Option<Slot> {
        if let Some((last, slot)) = self.last
            && last == *tuple
        {
            return Some(slot);
        }
        let slot = self.get(tuple)?;
        self.last = Some((*tuple, slot));
        Some(slot)
    }

    /// Who is behind a tuple.
    pub(super) fn get(&self, tuple: &Tuple) -> Option<Slot> {
        self.slots.get(tuple).copied()
    }

    pub(super) fn contains(&self, tuple: &Tuple) -> bool {
        self.slots.contains_key(tuple)
    }

    /// Puts somebody behind a tuple, in place of whoever was there.
    pub(super) fn insert(&mut self, tuple: Tuple, slot: Slot) {
        self.last = None;
        self.slots.insert(tuple, slot);
    }

    pub(super) fn remove(&mut self, tuple: &Tuple) -> Option<Slot> {
        self.last = None;
        self.slots.remove(tuple)
    }
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    use super::super::slab::Slab;
    use super::*;

    /// What was found last is forgotten with its entry.
    #[test]
    fn nobody_is_found_who_has_gone() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert(()).unwrap(), slab.insert(()).unwrap());
        let mut table = Table::new(Keyed(1, 2));
        let tuple = |port| {
            let end = |last| SocketAddr::new(IpAddr::from([10, 0, 0, last]), port);
            Tuple::new(end(1), end(2))
        };
        table.insert(tuple(1), Slot::HalfOpen(a));
        assert_eq!(table.find(&tuple(1)), Some(Slot::HalfOpen(a)));
        assert_eq!(table.find(&tuple(2)), None);
        table.insert(tuple(1), Slot::Connection(b));
        assert_eq!(table.find(&tuple(1)), Some(Slot::Connection(b)));
        table.remove(&tuple(1));
        assert_eq!(table.find(&tuple(1)), None);
    }

    /// Each of the four numbers of a tuple, and its family, makes another hash.
    #[test]
    fn every_part_counts() {
        let v4 = |a: u32| IpAddr::V4(Ipv4Addr::from_bits(a));
        let v6 = |a: u128| IpAddr::V6(Ipv6Addr::from_bits(a));
        let tuples = [
            (v4(1), 1, v4(2), 2),
            (v4(2), 1, v4(1), 2),
            (v4(1), 2, v4(2), 1),
            (v4(1), 1, v4(3), 2),
            (v6(1), 1, v6(2), 2),
            (v6(1), 1, v6(2 | 1 << 64), 2),
            (v6(1 | 1 << 100), 1, v6(2), 2),
            (v6(2), 1, v6(1), 2),
        ];
        let hashes: std::collections::HashSet<u64> = tuples
            .iter()
            .map(|&(ip_a, a, ip_b, b)| {
                Keyed(1, 2).hash_one(Tuple::new(SocketAddr::new(ip_a, a), SocketAddr::new(ip_b, b)))
            })
            .collect();
        assert_eq!(hashes.len(), tuples.len());
    }
}
