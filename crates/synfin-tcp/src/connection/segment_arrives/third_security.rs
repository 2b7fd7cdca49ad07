//! Third, check security (RFC 9293 section 3.10.7.4 and appendix A.1).
//!
//! Security and compartment are IP options that no host of today sends: there is none to compare, and every segment
//! matches. The step is here so that the order of steps is that of the RFC.

use super::Step;
use crate::connection::Connection;
use crate::incoming::Incoming;
use crate::observer::Observer;

impl<O: Observer> Connection<O> {
    #[expect(
        clippy::unused_self,
        reason = "a step like the others, should there be something to compare one day"
    )]
    pub(super) fn third_check_security(&self, _segment: &Incoming) -> Step {
        Step::Continue
    }
}
