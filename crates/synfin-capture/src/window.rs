//! The part of an input that is at hand: a mapped file, or one buffer that slides over a stream.
//!
//! **Mapped or read?** Mapping a file is twice as fast as reading it, because no byte is copied. But a mapping of a
//! file that somebody shortens kills the process when it is touched (SIGBUS). So only files that are at rest are
//! mapped (`input.rs` decides); the length counts as it was at opening, so that a file that grows is harmless; and
//! before each further [`CHECKED_BYTES`] the file's length is asked again: one that was shortened meanwhile ends
//! there, as a truncated one. What remains is a file at rest that somebody shortens in the moment between.
//!
//! **Streams** are read as they come: as soon as a record's bytes are there it is given out, and nothing waits for a
//! full buffer. The buffer grows with the bytes that have arrived, never with a length that a file claims.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

use memmap2::Mmap;

/// The longest record or block, in bytes. Packets have at most 256 KiB (libpcap's largest snap length); secrets and
/// names may need more. Wireshark has the same limit for blocks.
pub(crate) const MAX_RECORD: u32 = 16 << 20;

/// A mapped file's length is asked again after this many bytes.
const CHECKED_BYTES: usize = 4 << 20;

/// First size of a stream's buffer, in bytes.
const BUFFER_BYTES: usize = 256 << 10;

/// A read with less room than this, in bytes, is not worth a system call.
const MIN_READ: usize = 64 << 10;

/// What of the input is at hand.
pub(crate) struct Window {
    backing: Backing,
    /// First byte in `backing` that was not consumed.
    pos: usize,
    /// End of the bytes in `backing` that may be touched.
    end: usize,
    /// Where in the input `backing` begins.
    base: u64,
    /// The input broke off, by what a layer below says (an unfinished gzip or zstd stream, a shortened file).
    is_cut: bool,
}

enum Backing {
    Mapped {
        map: Mmap,
        file: File,
        /// Pages before this were given back.
        given_back: usize,
    },
    Stream {
        buffer: Vec<u8>,
        input: Box<dyn Read + Send>,
        is_at_end: bool,
    },
}

impl Window {
    pub(crate) fn over_stream(input: Box<dyn Read + Send>) -> Self {
        let backing = Backing::Stream { buffer: vec![0; BUFFER_BYTES], input, is_at_end: false };
        Self { backing, pos: 0, end: 0, base: 0, is_cut: false }
    }

    /// Maps a whole file. Empty files cannot be mapped.
    pub(crate) fn over_file(file: File) -> io::Result<Self> {
        #[expect(unsafe_code, reason = "there is no safe way to map a file")]
        // SAFETY: The mapping is private to this type and only ever read. That nobody changes the file meanwhile
        // cannot be proved; the module's documentation says what is done about it. The bytes are never trusted: each
        // is read as a plain number, and one that changes between two reads gives a wrong frame, never a wrong access.
        let map = unsafe { Mmap::map(&file)? };
        #[cfg(unix)]
        // Only advice: where it is not taken, reading is slower.
        let _ = map.advise(memmap2::Advice::Sequential);
        Ok(Self {
            backing: Backing::Mapped { map, file, given_back: 0 },
            pos: 0,
            end: 0,
            base: 0,
            is_cut: false,
        })
    }

    /// Tries to have `len` bytes at hand. `false`: the input ends before.
    #[inline]
    pub(crate) fn ensure(&mut self, len: usize) -> io::Result<bool> {
        if self.end - self.pos >= len {
            return Ok(true);
        }
        self.extend(len)
    }

    #[cold]
    fn extend(&mut self, len: usize) -> io::Result<bool> {
        match &mut self.backing {
            Backing::Mapped { map, file, given_back } => {
                give_back(map, given_back, self.pos);
                let length_now = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
                let limit = map.len().min(length_now);
                self.is_cut |= length_now < map.len();
                let wanted = self.pos.saturating_add(len.max(CHECKED_BYTES));
                self.end = wanted.min(limit).max(self.pos);
            }
            Backing::Stream { buffer, input, is_at_end } => {
                while self.end - self.pos < len && !*is_at_end {
                    if buffer.len() - self.end < MIN_READ {
                        buffer.copy_within(self.pos..self.end, 0);
                        self.base += self.pos as u64;
                        self.end -= self.pos;
                        self.pos = 0;
                        if buffer.len() - self.end < MIN_READ {
                            buffer.resize(buffer.len() * 2, 0);
                        }
                    }
                    match input.read(buffer.get_mut(self.end..).unwrap_or_default()) {
                        Ok(0) => *is_at_end = true,
                        Ok(read) => self.end += read,
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                            *is_at_end = true;
                            self.is_cut = true;
                        }
                        Err(e) => return Err(e),
                    }
                }
            }
        }
        Ok(self.end - self.pos >= len)
    }

    /// The bytes at hand.
    #[inline]
    pub(crate) fn at_hand(&self) -> &[u8] {
        self.slice(self.pos..self.end)
    }

    /// Moves on by `len` bytes, which must be at hand. They stay where they are, at the position that is returned,
    /// until [`Self::ensure`] is called.
    #[inline]
    pub(crate) fn consume(&mut self, len: usize) -> usize {
        let start = self.pos;
        self.pos = self.pos.saturating_add(len).min(self.end);
        start
    }

    /// Bytes that were consumed last.
    #[inline]
    pub(crate) fn slice(&self, range: Range<usize>) -> &[u8] {
        let bytes: &[u8] = match &self.backing {
            Backing::Mapped { map, .. } => map,
            Backing::Stream { buffer, .. } => buffer,
        };
        bytes.get(range).unwrap_or_default()
    }

    /// How many bytes were consumed.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.pos as u64
    }

    /// Whether the input broke off rather than ended.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// Lets go of the pages before `until`, so that a process that has read a terabyte does not hold it: they stay in the
/// page cache, and come back from the file if they are touched again.
fn give_back(map: &Mmap, given_back: &mut usize, until: usize) {
    // Any page size in use divides this.
    const PAGES: usize = 64 << 10;
    let until = until / PAGES * PAGES;
    if let Some(len) = until.checked_sub(*given_back).filter(|len| *len > 0) {
        #[cfg(unix)]
        {
            #[expect(unsafe_code, reason = "dropping pages of a mapping is unsafe in general")]
            // SAFETY: The mapping is of a file and never written to: a page that is touched again holds the same bytes.
            let advised =
                unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, *given_back, len) };
            // Only advice: where it is not taken, memory is held for longer.
            let _ = advised;
        }
        *given_back = until;
    }
}

#[cfg(test)]
mod tests;
