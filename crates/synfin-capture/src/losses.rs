//! Losses waiting to be reported: one entry for each cause, however many there were.

use synfin_wire::{Loss, LossCause};

/// Losses that nobody asked for yet.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    pending: Vec<Loss>,
}

impl Losses {
    /// Adds to what is pending of the same cause.
    pub(crate) fn add(&mut self, at_ns: u64, cause: LossCause, count: u64) {
        if count == 0 {
            return;
        }
        if let Some(same) = self.pending.iter_mut().find(|loss| loss.cause == cause) {
            same.count = same.count.saturating_add(count);
            same.at_ns = same.at_ns.max(at_ns);
        } else {
            self.pending.push(Loss { at_ns, cause, count });
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Loss> {
        if self.pending.is_empty() { None } else { Some(self.pending.remove(0)) }
    }
}
