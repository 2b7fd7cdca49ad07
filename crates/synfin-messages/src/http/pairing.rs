//! Which response answers which request: in order (RFC 9112, 9.3.2), as long as the capture saw them all.

use std::collections::VecDeque;

use super::framing::RequestMethod;

/// Most requests that may wait for an answer. Clients that pipeline at all send a few dozen.
const MAX_WAITING: usize = 1024;

/// The requests of one side that wait for their responses.
#[derive(Default, Debug)]
pub(crate) struct Pairing {
    waiting: VecDeque<Waiting>,
    certainty: Certainty,
    /// A response came while a second request was already there: the client does not wait for its answers.
    is_pipelined: bool,
    /// When the last response came for which no request was waiting, in nanoseconds.
    unasked_ns: Option<u64>,
}

/// A request whose final response is not over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waiting {
    /// Its message number.
    pub(crate) n: u32,
    pub(crate) method: RequestMethod,
    pub(crate) first_ns: u64,
    /// When its last byte passed, once it has.
    pub(crate) sent_ns: Option<u64>,
}

/// Do requests and responses still match one to one?
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Certainty {
    #[default]
    Sure,
    /// Bytes were missed that may have held messages.
    Missed,
    /// And the client pipelines: the count can't be found again.
    Lost,
}

impl Pairing {
    /// The head of a request was read.
    pub(crate) fn on_request(&mut self, request: Waiting) {
        // Held back behind a hole, it comes after its own answer, which is out already.
        let is_late = self.unasked_ns.is_some_and(|unasked_ns| request.first_ns <= unasked_ns);
        if is_late || self.certainty == Certainty::Lost {
            return;
        }
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.clear();
            self.certainty = Certainty::Lost;
            return;
        }
        self.waiting.push_back(request);
    }

    /// The last byte of a request was seen.
    pub(crate) fn on_request_sent(&mut self, n: u32, at_ns: u64) {
        if let Some(request) = self.waiting.iter_mut().rev().find(|request| request.n == n) {
            request.sent_ns = Some(at_ns);
        }
    }

    /// The head of a response, whose first byte came at `at_ns`, was read: which request does it answer? It goes on waiting until
    /// [`Self::on_final_response_over`].
    pub(crate) fn on_response(&mut self, at_ns: u64) -> Option<Waiting> {
        match self.certainty {
            Certainty::Sure => self.is_pipelined |= self.waiting.len() > 1,
            // Who waits for each answer has only one request open: the latest.
            Certainty::Missed if !self.is_pipelined => {
                let answered = self.waiting.len().saturating_sub(1);
                self.waiting.drain(..answered);
                self.certainty = Certainty::Sure;
            }
            Certainty::Missed | Certainty::Lost => {
                self.waiting.clear();
                self.certainty = Certainty::Lost;
            }
        }
        if self.waiting.is_empty() {
            self.unasked_ns = Some(at_ns);
        }
        self.waiting.front().copied()
    }

    /// The final response to a request is over, whole or not.
    pub(crate) fn on_final_response_over(&mut self, n: u32) -> Option<Waiting> {
        self.waiting.pop_front_if(|request| request.n == n)
    }

    /// What the request says by now.
    pub(crate) fn waiting(&self, n: u32) -> Option<Waiting> {
        self.waiting.front().copied().filter(|request| request.n == n)
    }

    /// Bytes were missed, on either side, that may have held messages.
    pub(crate) fn on_missed(&mut self) {
        if self.certainty == Certainty::Sure {
            self.certainty = Certainty::Missed;
        }
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.waiting.capacity().saturating_mul(size_of::<Waiting>())
    }

    /// The bound of [`Self::held_bytes`]: a queue grows by doubling.
    pub(crate) const MAX_HELD_BYTES: usize = 2 * MAX_WAITING * size_of::<Waiting>();
}
