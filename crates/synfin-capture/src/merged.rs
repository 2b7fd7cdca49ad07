//! Several captures as one, in the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use synfin_wire::{InterfaceId, Loss};

use crate::{Interface, ReadError, Reader, Record};

/// Reads several captures as if they were one.
///
/// Frames come in the order of their stamps; of equal stamps, the earlier reader's comes first. Each capture keeps its
/// own order: where one goes back in time, it is not sorted. Frames are numbered from 1 over all, and an interface of
/// one capture never has the number of another's.
pub struct Merged {
    readers: Vec<Reader>,
    /// Stamp and position of the readers whose next frame is known and was not given out.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    /// Readers that must go on before anything can be said about the order.
    to_advance: Vec<usize>,
    interfaces: Vec<Interface>,
    /// For each reader, what its interfaces are called here.
    ids: Vec<Vec<u32>>,
    number: u64,
}

impl Merged {
    /// Merges. A single reader costs nothing.
    #[must_use]
    pub fn new(readers: Vec<Reader>) -> Self {
        Self {
            heads: BinaryHeap::with_capacity(readers.len()),
            to_advance: (0..readers.len()).rev().collect(),
            interfaces: Vec::new(),
            ids: vec![Vec::new(); readers.len()],
            readers,
            number: 0,
        }
    }

    /// The next frame of all, or `None` when all have ended.
    ///
    /// # Errors
    /// If one of the inputs cannot be read further. The others go on when this is called again.
    #[inline]
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        match self.readers.len() {
            1 => self.readers.first_mut().map_or(Ok(None), Reader::next_record),
            _ => self.next_of_all(),
        }
    }

    fn next_of_all(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        while let Some(position) = self.to_advance.pop() {
            if let Some(reader) = self.readers.get_mut(position)
                && let Some(at_ns) = reader.advance()?
            {
                self.heads.push(Reverse((at_ns, position)));
            }
        }
        let Some(Reverse((_, position))) = self.heads.pop() else { return Ok(None) };
        self.to_advance.push(position);
        let (Some(reader), Some(ids)) = (self.readers.get(position), self.ids.get_mut(position)) else {
            return Ok(None);
        };
        for interface in reader.interfaces().iter().skip(ids.len()) {
            ids.push(self.interfaces.len() as u32);
            self.interfaces.push(interface.clone());
        }
        self.number += 1;
        let Some(mut record) = reader.current() else { return Ok(None) };
        record.frame.number = self.number;
        let id = ids.get(record.frame.interface.0 as usize).copied();
        record.frame.interface = InterfaceId(id.unwrap_or_default());
        Ok(Some(record))
    }

    /// A loss that one of the captures tells of.
    pub fn poll_loss(&mut self) -> Option<Loss> {
        self.readers.iter_mut().find_map(Reader::poll_loss)
    }

    /// The interfaces on which frames were seen so far: [`InterfaceId`]s are positions in here.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        match self.readers.as_slice() {
            [only] => only.interfaces(),
            _ => &self.interfaces,
        }
    }

    /// The captures that are merged, for what is known of each.
    #[must_use]
    pub fn readers(&self) -> &[Reader] {
        &self.readers
    }

    /// How many bytes of all were read, and of how many where that is known of all.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<u64>) {
        self.readers.iter().map(Reader::progress).fold((0, Some(0)), |(read, total), (more, of)| {
            (read + more, total.zip(of).map(|(total, of)| total + of))
        })
    }
}
