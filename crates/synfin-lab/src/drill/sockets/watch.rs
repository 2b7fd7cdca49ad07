//! Looks on, to know from which state a connection has ended.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use synfin_tcp::Observer;
use synfin_wire::{Sample, State, StateChange};

/// The state of each connection before its last change.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch(Rc<RefCell<HashMap<u64, State>>>);

impl Watch {
    /// The state before the last change.
    pub(super) fn last_state(&self, cookie: u64) -> Option<State> {
        self.0.borrow().get(&cookie).copied()
    }
}

impl Observer for Watch {
    fn on_state_change(&mut self, change: &StateChange) {
        self.0.borrow_mut().insert(change.socket.cookie, change.from);
    }

    fn on_sample(&mut self, _: &Sample) {}
}
