//! The observer of both TCPs: writes down what it sees, in order.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use synfin_tcp::Observer;
use synfin_wire::{Sample, Side, SocketId, StateChange};

use crate::noted::Noted;

/// Everything that was noted and not taken yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Rc<RefCell<VecDeque<Noted>>>);

impl Notes {
    pub(crate) fn push(&self, noted: Noted) {
        self.0.borrow_mut().push_back(noted);
    }

    pub(crate) fn pop(&self) -> Option<Noted> {
        self.0.borrow_mut().pop_front()
    }
}

/// Looks on for one side.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    pub(crate) side: Side,
    pub(crate) notes: Notes,
}

impl Recorder {
    /// Each host counts its sockets from one: the side keeps them apart.
    fn socket(&self, socket: SocketId) -> SocketId {
        SocketId { cookie: socket.cookie << 1 | self.side as u64, ..socket }
    }
}

impl Observer for Recorder {
    fn on_state_change(&mut self, change: &StateChange) {
        let socket = self.socket(change.socket);
        self.notes.push(Noted::StateChange(StateChange { socket, ..*change }));
    }

    fn on_sample(&mut self, sample: &Sample) {
        let sample = Sample { socket: self.socket(sample.socket), ..*sample };
        self.notes.push(Noted::Sample { side: self.side, sample });
    }
}
