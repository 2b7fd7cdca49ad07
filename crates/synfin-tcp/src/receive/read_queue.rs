//! Octets in order that wait for the user.

use std::collections::VecDeque;

use bytes::Bytes;

/// Text shorter than this is copied together: a chunk of its own would cost more than its octets, and would keep a
/// whole packet alive for them.
const SMALL: usize = 512;

/// How far small texts are gathered into one chunk, in octets.
const GATHERED: usize = 4096;

/// Chunks that there is room for from the start: 1 KiB, for as long as anything waits.
const CHUNKS: usize = 32;

/// Chunks that may wait before short ones are gathered, wherever they come from.
const KEPT_MAX: usize = 1024;

/// The queue. Empty, it holds no memory.
#[derive(Debug, Default)]
pub(crate) struct ReadQueue {
    chunks: VecDeque<Bytes>,
    /// Small texts gathered, behind all chunks.
    gathered: Vec<u8>,
    len: u32,
}

impl ReadQueue {
    /// Octets that wait.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Appends text.
    #[inline]
    pub(crate) fn push(&mut self, text: Bytes) {
        self.len = self.len.saturating_add(length(&text));
        if text.len() < SMALL {
            self.gathered.extend_from_slice(&text);
            if self.gathered.len() >= GATHERED {
                self.flush();
            }
        } else {
            self.flush();
            if self.chunks.capacity() == 0 {
                // Where one comes, others follow.
                self.chunks.reserve(CHUNKS);
            }
            self.chunks.push_back(text);
        }
    }

    /// Appends text that was kept for a while: what is short has been copied then, and is not copied again, unless there
    /// is so much of it that somebody sends crumbs on purpose.
    pub(crate) fn push_kept(&mut self, text: Bytes) {
        if self.chunks.len() >= KEPT_MAX {
            self.push(text);
            return;
        }
        self.len = self.len.saturating_add(length(&text));
        self.flush();
        self.chunks.push_back(text);
    }

    /// Takes the next octets, at most `max`.
    #[inline]
    pub(crate) fn pop(&mut self, max: usize) -> Option<Bytes> {
        if max == 0 {
            return None;
        }
        if self.chunks.is_empty() {
            self.flush();
        }
        let front = self.chunks.front_mut()?;
        let taken = if front.len() > max { front.split_to(max) } else { self.chunks.pop_front()? };
        self.len = self.len.saturating_sub(length(&taken));
        if self.len == 0 {
            // An idle connection holds no buffer.
            *self = Self::default();
        }
        Some(taken)
    }

    #[inline]
    fn flush(&mut self) {
        if !self.gathered.is_empty() {
            self.chunks.push_back(std::mem::take(&mut self.gathered).into());
        }
    }
}

/// The window bounds what is here to far less than 2^32.
fn length(text: &Bytes) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            texts in proptest::collection::vec((0usize..2000, 0usize..1500), 0..30),
        ) {
            let mut queue = ReadQueue::default();
            let (mut wrote, mut read) = (Vec::new(), Vec::new());
            for (i, (len, take)) in texts.into_iter().enumerate() {
                let text = Bytes::from(vec![i as u8; len]);
                wrote.extend_from_slice(&text);
                queue.push(text);
                if let Some(chunk) = queue.pop(take) {
                    prop_assert!(chunk.len() <= take);
                    read.extend_from_slice(&chunk);
                }
                prop_assert_eq!(queue.len() as usize, wrote.len() - read.len());
            }
            while let Some(chunk) = queue.pop(usize::MAX) {
                read.extend_from_slice(&chunk);
            }
            prop_assert_eq!(read, wrote);
        }
    }
}
