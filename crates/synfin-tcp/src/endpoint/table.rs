//! The demultiplexer: who is behind both ends of a segment. Its cost does not grow with the number of connections.

use core::hash::BuildHasher;

use hashbrown::HashTable;
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

/// All tuples in use. Only who is behind a tuple is kept here: they know their tuples themselves.
#[derive(Debug)]
pub(super) struct Table {
    keyed: Keyed,
    slots: HashTable<Slot>,
    /// The one found last: segments come in trains.
    last: Option<(Tuple, Slot)>,
}

/// Those behind the tuples.
pub(super) trait Holders {
    /// The tuple of one of them, if it is still there.
    fn tuple(&self, slot: Slot) -> Option<Tuple>;
}

impl Table {
    pub(super) fn new(keyed: Keyed) -> Self {
        Self { keyed, slots: HashTable::new(), last: None }
    }

    /// Who is behind a tuple, of whom more is likely to come.
    pub(super) fn find(&mut self, tuple: &Tuple, holders: &impl Holders) -> Option<Slot> {
        if let Some((last, slot)) = self.last
            && last == *tuple
        {
            return Some(slot);
        }
        let slot = self.get(tuple, holders)?;
        self.last = Some((*tuple, slot));
        Some(slot)
    }

    /// Who is behind a tuple.
    pub(super) fn get(&self, tuple: &Tuple, holders: &impl Holders) -> Option<Slot> {
        let is_it = |slot: &Slot| holders.tuple(*slot).as_ref() == Some(tuple);
        self.slots.find(self.keyed.hash_one(tuple), is_it).copied()
    }

    /// Puts somebody behind a tuple, in place of whoever was there.
    pub(super) fn insert(&mut self, tuple: &Tuple, slot: Slot, holders: &impl Holders) {
        self.remove(tuple, holders);
        let keyed = self.keyed;
        // Who is in the table is there; if not, it would not be found again, nor asked for.
        let hash_again = |slot: &Slot| holders.tuple(*slot).map_or(0, |tuple| keyed.hash_one(tuple));
        self.slots.insert_unique(keyed.hash_one(tuple), slot, hash_again);
    }

    /// Forgets who is behind a tuple, which must still be there.
    pub(super) fn remove(&mut self, tuple: &Tuple, holders: &impl Holders) -> Option<Slot> {
        self.last = None;
        let is_it = |slot: &Slot| holders.tuple(*slot).as_ref() == Some(tuple);
        let entry = self.slots.find_entry(self.keyed.hash_one(tuple), is_it).ok()?;
        Some(entry.remove().0)
    }
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    use super::super::slab::Slab;
    use super::*;

    impl Holders for Slab<Tuple> {
        fn tuple(&self, slot: Slot) -> Option<Tuple> {
            let (Slot::Connection(key) | Slot::HalfOpen(key) | Slot::TimeWait(key)) = slot;
            self.get(key).copied()
        }
    }

    /// What was found last is forgotten with its entry.
    #[test]
    fn nobody_is_found_who_has_gone() {
        let tuple = |port| {
            let end = |last| SocketAddr::new(IpAddr::from([10, 0, 0, last]), port);
            Tuple::new(end(1), end(2))
        };
        let mut slab = Slab::new();
        let (a, b) = (slab.insert(tuple(1)).unwrap(), slab.insert(tuple(1)).unwrap());
        let mut table = Table::new(Keyed(1, 2));
        table.insert(&tuple(1), Slot::HalfOpen(a), &slab);
        assert_eq!(table.find(&tuple(1), &slab), Some(Slot::HalfOpen(a)));
        assert_eq!(table.find(&tuple(2), &slab), None);
        table.insert(&tuple(1), Slot::Connection(b), &slab);
        assert_eq!(table.find(&tuple(1), &slab), Some(Slot::Connection(b)));
        assert_eq!(table.remove(&tuple(1), &slab), Some(Slot::Connection(b)));
        assert_eq!(table.find(&tuple(1), &slab), None);
        slab.remove(a);
        assert_eq!(table.remove(&tuple(1), &slab), None);
    }

    /// However many there are, one is found by looking at it alone, save for a few whose hashes begin alike.
    #[test]
    fn finding_one_looks_at_one() {
        struct Counting<'a>(&'a Slab<Tuple>, core::cell::Cell<u32>);
        impl Holders for Counting<'_> {
            fn tuple(&self, slot: Slot) -> Option<Tuple> {
                self.1.set(self.1.get() + 1);
                self.0.tuple(slot)
            }
        }
        let (mut slab, mut table) = (Slab::new(), Table::new(Keyed(1, 2)));
        let tuple = |i: u32| {
            let remote = SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(i / 50_000)), (i % 50_000) as u16);
            Tuple::new(SocketAddr::new(IpAddr::from([10, 0, 0, 1]), 80), remote)
        };
        for i in 0..100_000 {
            let key = slab.insert(tuple(i)).unwrap();
            table.insert(&tuple(i), Slot::Connection(key), &slab);
        }
        let counting = Counting(&slab, core::cell::Cell::new(0));
        for i in 0..1000 {
            assert!(table.find(&tuple(i * 97), &counting).is_some());
        }
        assert!(counting.1.get() < 1100, "{}", counting.1.get());
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
