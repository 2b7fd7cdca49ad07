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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use synfin_wire::{Frame, LinkType};

    use super::*;
    use crate::Writer;

    /// A capture with frames of these stamps on two interfaces, each frame holding the capture's name.
    fn capture(name: &str, stamps: &[u64]) -> Reader {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file, name);
        for (position, &at_ns) in stamps.iter().enumerate() {
            let interface = InterfaceId(position as u32 % 2);
            let described = Interface {
                name: Some(format!("{name}{}", interface.0)),
                ..Interface::new(LinkType::ETHERNET)
            };
            let bytes = name.as_bytes();
            let link = LinkType::ETHERNET;
            let frame = Frame {
                number: 0,
                at_ns,
                link,
                interface,
                direction: None,
                original_len: 1,
                bytes,
                fate: synfin_wire::Fate::default(),
            };
            writer.write_frame(&frame, &described, None).unwrap();
        }
        writer.finish().unwrap();
        Reader::from_read(Cursor::new(file), name).unwrap()
    }

    fn merge(readers: Vec<Reader>) -> (Vec<(u64, String)>, Merged) {
        let mut merged = Merged::new(readers);
        let mut seen = Vec::new();
        while let Some(record) = merged.next_record().unwrap() {
            assert_eq!(record.frame.number, seen.len() as u64 + 1);
            let interface = record.interface.name.clone().unwrap();
            assert!(interface.as_bytes().starts_with(record.frame.bytes));
            let (id, at_ns) = (record.frame.interface.0 as usize, record.frame.at_ns);
            assert_eq!(merged.interfaces()[id].name.as_ref(), Some(&interface));
            seen.push((at_ns, interface));
        }
        (seen, merged)
    }

    #[test]
    fn ties_go_to_the_earlier_capture_and_interfaces_stay_apart() {
        let (seen, merged) =
            merge(vec![capture("a", &[5, 7, 7]), capture("b", &[5, 6, 7]), capture("c", &[])]);
        let seen: Vec<(u64, &str)> = seen.iter().map(|(at_ns, name)| (*at_ns, name.as_str())).collect();
        assert_eq!(seen, [(5, "a0"), (5, "b0"), (6, "b1"), (7, "a1"), (7, "a0"), (7, "b0")]);
        assert_eq!(merged.interfaces().len(), 4);
        let (read, _) = merged.progress();
        assert!(read > 0);
    }

    #[test]
    fn a_capture_that_goes_back_in_time_keeps_its_order() {
        let (seen, _) = merge(vec![capture("a", &[9, 1, 9]), capture("b", &[2, 10])]);
        let stamps: Vec<u64> = seen.iter().map(|&(at_ns, _)| at_ns).collect();
        assert_eq!(stamps, [2, 9, 1, 9, 10]);
    }

    #[test]
    fn an_error_of_one_capture_ends_that_one_only() {
        let mut damaged = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
        damaged.extend([0; 12]);
        damaged.extend([1, 0, 0, 0]);
        damaged.extend([0xff; 16]);
        let damaged = Reader::from_read(Cursor::new(damaged), "damaged").unwrap();
        let mut merged = Merged::new(vec![damaged, capture("b", &[1, 2])]);
        assert!(merged.next_record().is_err());
        assert_eq!(merged.next_record().unwrap().unwrap().frame.at_ns, 1);
        assert_eq!(merged.next_record().unwrap().unwrap().frame.at_ns, 2);
        assert!(merged.next_record().unwrap().is_none());
        assert!(Merged::new(Vec::new()).next_record().unwrap().is_none());
    }

    #[test]
    fn sources_and_filters_can_move_to_another_thread() {
        fn can_move<T: Send>() {}
        can_move::<Reader>();
        can_move::<Merged>();
        can_move::<crate::Live>();
        can_move::<crate::Filter>();
        can_move::<crate::Stopper>();
        can_move::<Writer<std::fs::File>>();
    }
}
