//! Buffers for packets, used again as soon as nobody holds them.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Buffers of one size.
pub struct Pool {
    size: usize,
    lent: VecDeque<Bytes>,
}

impl Pool {
    pub fn new(size: usize) -> Self {
        Self { size, lent: VecDeque::new() }
    }

    /// A buffer to write a packet into.
    pub fn take(&mut self) -> BytesMut {
        // Those lent first come back first; if even that one is still held, all are.
        match self.lent.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(buffer)) => buffer,
            Some(Err(held)) => {
                self.lent.push_front(held);
                BytesMut::zeroed(self.size)
            }
            None => BytesMut::zeroed(self.size),
        }
    }

    /// The packet that was written into the first `len` bytes of a buffer.
    pub fn seal(&mut self, buffer: BytesMut, len: usize) -> Bytes {
        let whole = buffer.freeze();
        self.lent.push_back(whole.clone());
        whole.slice(..len)
    }
}
