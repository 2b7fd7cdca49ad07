//! No TCP at all: what the harness itself costs, which both pay.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::host::{Host, Nanos, Setup};
use crate::stream::{Check, Source};

/// A host whose packets are text without headers, shared with the application, that never get lost.
pub struct Floor {
    /// Octets of a packet.
    size: usize,
    /// Octets that may wait.
    buffer: usize,
    waiting: VecDeque<Bytes>,
}

impl Host for Floor {
    type Packet = Bytes;

    fn client(setup: &Setup) -> Self {
        Self { size: setup.mtu - 40, buffer: setup.buffer, waiting: VecDeque::new() }
    }

    fn server(setup: &Setup) -> Self {
        Self::client(setup)
    }

    fn handle(&mut self, _: Nanos, packets: &mut VecDeque<Bytes>) {
        self.waiting.extend(packets.drain(..));
    }

    fn transmit(&mut self, _: Nanos, room: usize, packets: &mut VecDeque<Bytes>) {
        packets.extend(self.waiting.drain(..room.min(self.waiting.len())));
    }

    fn poll_timeout(&mut self, _: Nanos) -> Option<Nanos> {
        None
    }

    fn write(&mut self, source: &mut Source) {
        while !source.is_empty() && self.waiting.len() * self.size < self.buffer {
            let mut text = source.next();
            text.truncate(self.size);
            source.advance(text.len());
            self.waiting.push_back(text);
        }
    }

    fn read(&mut self, _: Nanos, check: &mut Check) {
        for octets in self.waiting.drain(..) {
            check.take(&octets);
        }
    }
}
