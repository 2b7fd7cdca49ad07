//! Values by number, with a generation each: a number that was given up names nothing any more.
//!
//! They lie in pages, so that growing moves nothing and wastes nothing, however many there are.

/// A value's place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// Values of a page.
const PAGE: usize = 64;

/// The values.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    /// All but the last are full.
    pages: Vec<Vec<Slot<T>>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    /// Memory that a value takes.
    #[cfg(test)]
    pub(crate) const SLOT_SIZE: usize = size_of::<Slot<T>>() + size_of::<Vec<Slot<T>>>().div_ceil(PAGE);

    pub(crate) const fn new() -> Self {
        Self { pages: Vec::new(), free: Vec::new() }
    }

    /// Number of places, free ones included.
    fn places(&self) -> usize {
        let last = self.pages.last().map_or(0, Vec::len);
        self.pages.len().saturating_sub(1) * PAGE + last
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.places() - self.free.len()
    }

    /// Puts in the value that `make` makes of its key; nothing when 2^32 are there.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> Option<Key> {
        if let Some(index) = self.free.pop() {
            let slot = self.slot_mut(index)?;
            let key = Key { index, generation: slot.generation };
            slot.value = Some(make(key));
            return Some(key);
        }
        let key = Key { index: u32::try_from(self.places()).ok()?, generation: 0 };
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            // The first grows as it needs to: most hosts have few connections.
            let room = if self.pages.is_empty() { 0 } else { PAGE };
            self.pages.push(Vec::with_capacity(room));
        }
        self.pages.last_mut()?.push(Slot { generation: 0, value: Some(make(key)) });
        Some(key)
    }

    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        let index = index as usize;
        self.pages.get(index / PAGE)?.get(index % PAGE)
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<T>> {
        let index = index as usize;
        self.pages.get_mut(index / PAGE)?.get_mut(index % PAGE)
    }

    pub(crate) fn insert(&mut self, value: T) -> Option<Key> {
        self.insert_with(|_| value)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        self.slot(key.index).filter(|slot| slot.generation == key.generation)?.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slot_mut(key.index).filter(|slot| slot.generation == key.generation)?.value.as_mut()
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slot_mut(key.index).filter(|slot| slot.generation == key.generation)?;
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.index);
        Some(value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.pages.iter().flatten().enumerate().filter_map(|(index, slot)| {
            let key = Key { index: u32::try_from(index).ok()?, generation: slot.generation };
            Some((key, slot.value.as_ref()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_given_up_names_nothing() {
        let mut slab = Slab::new();
        let a = slab.insert("a").unwrap();
        assert_eq!(slab.remove(a), Some("a"));
        let b = slab.insert("b").unwrap();
        assert_eq!((slab.get(a), slab.get(b), slab.len()), (None, Some(&"b"), 1));
        assert_ne!(a, b);
        assert_eq!(slab.remove(a), None);
    }

    #[test]
    fn many_pages_are_as_one() {
        let mut slab = Slab::new();
        let keys: Vec<_> = (0..1000).map(|i| slab.insert(i).unwrap()).collect();
        assert!(keys.iter().enumerate().all(|(i, &key)| slab.get(key) == Some(&i)));
        assert!(slab.iter().map(|(key, _)| key).eq(keys.iter().copied()));
        for key in keys.iter().step_by(3) {
            slab.remove(*key);
        }
        assert_eq!(slab.len(), 666);
        assert_eq!(slab.iter().count(), 666);
    }
}
