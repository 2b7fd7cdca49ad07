//! The observer of both TCPs: writes down what it sees, in order.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use synfin_tcp::{Instant, Observer, Variables};
use synfin_wire::{Side, SocketId, StateChange};

use crate::noted::{Noted, Sample};

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

impl Observer for Recorder {
    fn on_state_change(&mut self, change: &StateChange) {
        // Each host counts its sockets from one: the side keeps them apart.
        let mut change = *change;
        change.socket.cookie = change.socket.cookie << 1 | self.side as u64;
        self.notes.push(Noted::StateChange(change));
    }

    fn on_variables(&mut self, at: Instant, _: SocketId, variables: &Variables) {
        let sample = Sample { at_ns: at.as_nanos(), side: self.side, variables: *variables };
        self.notes.push(Noted::Sample(sample));
    }
}
