//! Who looks on: every state change and every variable, at every event.
//!
//! The observer is a type parameter, so that nobody pays for one who does not look: with [`NoObserver`] nothing is
//! even computed. A connection owns its observer; an endpoint clones one into each.

use synfin_wire::{Sample, StateChange};

/// Looks on.
pub trait Observer {
    /// Whether it looks at all.
    const LOOKS: bool = true;

    /// An endpoint of a connection changed its state.
    fn on_state_change(&mut self, change: &StateChange);

    /// Something happened to a connection: its variables after that.
    fn on_sample(&mut self, sample: &Sample);
}

/// Does not look.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    const LOOKS: bool = false;
    fn on_state_change(&mut self, _: &StateChange) {}
    fn on_sample(&mut self, _: &Sample) {}
}
