//! Reads capture files, one frame at a time.

use std::io::Read;
use std::path::Path;

use synfin_wire::{Frame, InterfaceId, Loss, LossCause};

use crate::format::pcap::Pcap;
use crate::format::pcapng::{PcapNg, comment};
use crate::format::{Head, Problem, Step};
use crate::input::Input;
use crate::losses::Losses;
use crate::{Block, Interface, ReadError, Record, cooked};

/// Reads pcap and pcapng, plain or inside gzip or zstd; it finds out which by the first bytes.
///
/// [`next_record`](Self::next_record) lends a frame at a time, and ends with `None`. An input that breaks off in the
/// middle of a record gives everything before, and then a [`LossCause::TruncatedFile`] from
/// [`poll_loss`](Self::poll_loss). A stream that is still being written gives each frame as soon as its bytes are
/// there.
pub struct Reader {
    input: Input,
    format: Format,
    interfaces: Vec<Interface>,
    losses: Losses,
    /// The current frame, if there is one.
    head: Head,
    has_current: bool,
    /// How many frames were given out.
    number: u64,
    /// The input ended, or cannot be read further.
    has_ended: bool,
}

enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
    /// The input broke off in its header.
    Ended,
}

impl Reader {
    /// Opens a file, or standard input for `-`.
    ///
    /// A regular file that is not packed and was not changed in the last ten seconds is mapped into memory, and counts
    /// as long as it was at opening. Anything else is read as it comes: a file that is being written is read up to
    /// where its end is when reading gets there.
    ///
    /// # Errors
    /// If there is no such file, if it cannot be read, or if it is not a capture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        Self::new(Input::open(path.as_ref())?)
    }

    /// Reads from anything. The name is for messages. Blocks until the first bytes are there.
    ///
    /// # Errors
    /// If it cannot be read, or is not a capture.
    pub fn from_read(input: impl Read + Send + 'static, name: impl Into<String>) -> Result<Self, ReadError> {
        Self::new(Input::from_read(input, name.into())?)
    }

    fn new(mut input: Input) -> Result<Self, ReadError> {
        let mut interfaces = Vec::new();
        let mut losses = Losses::default();
        let format = detect(&mut input, &mut interfaces).map_err(|opening| opening.into_error(&input))?;
        if matches!(format, Format::Ended) {
            losses.add(0, LossCause::TruncatedFile, 1);
        }
        Ok(Self {
            input,
            format,
            interfaces,
            losses,
            head: Head::default(),
            has_current: false,
            number: 0,
            has_ended: false,
        })
    }

    /// The next frame, or `None` at the end.
    ///
    /// # Errors
    /// If the input cannot be read further. After that, it has ended.
    #[inline]
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        self.advance()?;
        Ok(self.current())
    }

    /// Goes to the next frame, and says when it was captured. `None`: there is none.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<Option<u64>, ReadError> {
        self.has_current = false;
        if self.has_ended {
            return Ok(None);
        }
        let step = match &mut self.format {
            Format::Pcap(pcap) => pcap.advance(&mut self.input.window, &mut self.head),
            Format::PcapNg(pcapng) => {
                pcapng.advance(&mut self.input.window, &mut self.interfaces, &mut self.losses, &mut self.head)
            }
            Format::Ended => return Ok(None),
        };
        match step {
            Ok(Step::Frame) => {
                self.number += 1;
                self.has_current = true;
                Ok(Some(self.head.at_ns))
            }
            Ok(end) => {
                self.has_ended = true;
                if matches!(end, Step::Truncated) || self.input.window.is_cut() {
                    self.losses.add(0, LossCause::TruncatedFile, 1);
                }
                Ok(None)
            }
            Err(problem) => {
                self.has_ended = true;
                Err(error(&self.input, problem))
            }
        }
    }

    /// The frame that [`Self::advance`] came to.
    #[inline]
    pub(crate) fn current(&self) -> Option<Record<'_>> {
        if !self.has_current {
            return None;
        }
        let head = &self.head;
        let interface = self.interfaces.get(head.interface as usize)?;
        let window = &self.input.window;
        let bytes = window.slice(head.bytes.clone());
        let comment = match &self.format {
            Format::PcapNg(pcapng) if !head.options.is_empty() => {
                comment(pcapng.order(), window.slice(head.options.clone()))
            }
            _ => None,
        };
        let frame = Frame {
            number: self.number,
            at_ns: head.at_ns,
            link: interface.link,
            interface: InterfaceId(head.interface),
            direction: head.direction.or_else(|| cooked::direction(interface.link, bytes)),
            original_len: head.original_len,
            bytes,
            fate: synfin_wire::Fate::default(),
        };
        Some(Record { frame, interface, comment, blocks: self.blocks() })
    }

    /// A loss that the file tells of, or that reading it showed: packets that the capture dropped, a file that
    /// breaks off. Ask until there is none, at the end at the latest.
    pub fn poll_loss(&mut self) -> Option<Loss> {
        self.losses.poll()
    }

    /// The interfaces that were described so far: [`InterfaceId`]s are positions in here.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Names, secrets and custom blocks that stand before the current frame ([`Record::blocks`]); at the end, those
    /// after the last one.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        match &self.format {
            Format::PcapNg(pcapng) => pcapng.blocks(),
            Format::Pcap(_) | Format::Ended => &[],
        }
    }

    /// How many such blocks were left out, because they were malformed, or too large to be kept (16 MiB together
    /// between two frames).
    #[must_use]
    pub fn blocks_left_out(&self) -> u64 {
        match &self.format {
            Format::PcapNg(pcapng) => pcapng.blocks_left_out(),
            Format::Pcap(_) | Format::Ended => 0,
        }
    }

    /// What is read: the file's path, or the name that was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.input.name
    }

    /// How many bytes were read, and of how many where that is known. Of a packed file, these are packed bytes.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<u64>) {
        self.input.progress()
    }
}

/// Why an input could not be opened as a capture.
enum Opening {
    Problem(Problem),
    Empty,
    Unknown([u8; 4], usize),
}

impl<E: Into<Problem>> From<E> for Opening {
    fn from(e: E) -> Self {
        Self::Problem(e.into())
    }
}

impl Opening {
    #[cold]
    fn into_error(self, input: &Input) -> ReadError {
        let name = input.name.clone();
        match self {
            Self::Problem(problem) => error(input, problem),
            Self::Empty => ReadError::Empty { name },
            Self::Unknown(magic, len) => {
                ReadError::NotACapture { name, magic: magic.iter().copied().take(len).collect() }
            }
        }
    }
}

/// Which format it is. [`Format::Ended`]: one that breaks off in its header.
fn detect(input: &mut Input, interfaces: &mut Vec<Interface>) -> Result<Format, Opening> {
    let window = &mut input.window;
    window.ensure(4)?;
    let at_hand = window.at_hand();
    let magic = match at_hand.first_chunk() {
        Some(&magic) => magic,
        None if window.is_cut() => return Ok(Format::Ended),
        None if at_hand.is_empty() => return Err(Opening::Empty),
        None => {
            let mut magic = [0; 4];
            magic.iter_mut().zip(at_hand).for_each(|(to, &from)| *to = from);
            return Err(Opening::Unknown(magic, at_hand.len()));
        }
    };
    if PcapNg::is_magic(magic) {
        return Ok(Format::PcapNg(PcapNg::new()));
    }
    if !Pcap::is_magic(magic) {
        return Err(Opening::Unknown(magic, magic.len()));
    }
    let Some((pcap, interface)) = Pcap::open(window)? else { return Ok(Format::Ended) };
    interfaces.push(interface);
    Ok(Format::Pcap(pcap))
}

#[cold]
fn error(input: &Input, problem: Problem) -> ReadError {
    let name = input.name.clone();
    let offset = input.window.offset();
    match problem {
        Problem::Io(source) => ReadError::Io { name, offset, source },
        Problem::Format(problem) => ReadError::Format { name, offset, problem },
    }
}

#[cfg(test)]
mod tests;
