//! Writes pcapng (draft-ietf-opsawg-pcapng): one section, stamps in nanoseconds.

mod encode;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use synfin_wire::{Frame, LinkType, Loss, LossCause};

use self::encode::BlockBuilder;
use crate::{Block, BlockKind, Interface, Record, WriteError};

/// Bytes that are held back before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// Writes a capture file.
///
/// Blocks are only ever written whole, as far as the output takes them: what is in a file after
/// [`flush`](Self::flush), or after an error, is readable. Call [`finish`](Self::finish) at the end: it writes how
/// many packets were lost, and says whether everything arrived; dropping the writer can only try.
pub struct Writer<W: Write> {
    name: String,
    output: W,
    /// The same file, where it is one, to cut off half a block after an error.
    file: Option<File>,
    /// Whole blocks that were not written yet.
    buffer: Vec<u8>,
    /// Bytes in the output.
    written: u64,
    has_failed: bool,
    interfaces: Vec<Written>,
    ids: HashMap<Written, u32>,
    /// Which of them the interface of a source was, by its number there.
    seen: Vec<Option<u32>>,
    lost: Lost,
}

/// What makes an interface the same as one that was described in the file.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Written {
    name: Option<String>,
    /// In which network namespace, for one.
    description: Option<String>,
    link: LinkType,
    snap_len: u32,
}

#[derive(Default)]
struct Lost {
    at_ns: u64,
    buffer: u64,
    interface: u64,
}

impl Writer<File> {
    /// Creates a file, or empties the one that is there.
    ///
    /// # Errors
    /// If that is not possible.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, WriteError> {
        let name = path.as_ref().display().to_string();
        let created = File::create(path).and_then(|file| {
            let is_regular = file.metadata()?.is_file();
            let same = if is_regular { Some(file.try_clone()?) } else { None };
            Ok((file, same))
        });
        match created {
            Ok((output, file)) => {
                let mut writer = Self::new(output, name);
                writer.file = file;
                Ok(writer)
            }
            Err(source) => Err(WriteError { name, source }),
        }
    }
}

impl<W: Write> Writer<W> {
    /// Writes to anything. The name is for messages.
    pub fn new(output: W, name: impl Into<String>) -> Self {
        let mut writer = Self {
            name: name.into(),
            output,
            file: None,
            buffer: Vec::with_capacity(2 * BUFFER_BYTES),
            written: 0,
            has_failed: false,
            interfaces: Vec::new(),
            ids: HashMap::new(),
            seen: Vec::new(),
            lost: Lost::default(),
        };
        encode::section_header(&mut writer.buffer);
        writer
    }

    /// Writes a frame with all that its source says about it: comment, names, secrets, custom blocks that may be copied.
    ///
    /// # Errors
    /// If the output takes no more.
    pub fn write(&mut self, record: &Record<'_>) -> Result<(), WriteError> {
        for block in record.blocks {
            self.write_block(block)?;
        }
        self.write_frame(&record.frame, record.interface, record.comment.as_deref())
    }

    /// Writes a frame. A comment of more than 65,535 bytes is cut off.
    ///
    /// # Errors
    /// If the output takes no more.
    pub fn write_frame(
        &mut self,
        frame: &Frame<'_>,
        interface: &Interface,
        comment: Option<&str>,
    ) -> Result<(), WriteError> {
        let id = self.id_of(frame, interface);
        encode::enhanced_packet(&mut self.buffer, id, frame, comment);
        self.write_if_full()
    }

    /// Passes a block on. A custom block that must not be copied is left out.
    ///
    /// # Errors
    /// If the output takes no more.
    pub fn write_block(&mut self, block: &Block) -> Result<(), WriteError> {
        match block.kind {
            BlockKind::NameResolution => {
                encode::plain(&mut self.buffer, encode::NAME_RESOLUTION, &block.body);
            }
            BlockKind::DecryptionSecrets => {
                encode::plain(&mut self.buffer, encode::DECRYPTION_SECRETS, &block.body);
            }
            BlockKind::Local => encode::plain(&mut self.buffer, encode::LOCAL, &block.body),
            BlockKind::Custom { may_copy: false, .. } => {}
            BlockKind::Custom { enterprise, may_copy: true } => {
                return self.custom_block(enterprise, &block.body);
            }
        }
        self.write_if_full()
    }

    /// Writes a block of one's own, under a private enterprise number. Wireshark shows it as a line of its own among
    /// the packets; it is padded to four bytes, so bytes that end in zeros must say how many they are.
    ///
    /// # Errors
    /// If the output takes no more.
    pub fn custom_block(&mut self, enterprise: u32, bytes: &[u8]) -> Result<(), WriteError> {
        let mut block = BlockBuilder::begin(&mut self.buffer, encode::CUSTOM);
        block.u32(enterprise);
        block.padded(bytes);
        block.end();
        self.write_if_full()
    }

    /// Takes note of a loss; [`finish`](Self::finish) writes the sums.
    pub fn handle_loss(&mut self, loss: &Loss) {
        let sum = match loss.cause {
            LossCause::CaptureBuffer => &mut self.lost.buffer,
            LossCause::Interface => &mut self.lost.interface,
            _ => return,
        };
        *sum = sum.saturating_add(loss.count);
        self.lost.at_ns = self.lost.at_ns.max(loss.at_ns);
    }

    /// Describes an interface before its first frame, so that it is in the file even if there is none.
    ///
    /// # Errors
    /// If the output takes no more.
    pub fn add_interface(&mut self, interface: &Interface) -> Result<(), WriteError> {
        self.describe(interface, interface.link);
        self.write_if_full()
    }

    /// Writes what was held back.
    ///
    /// # Errors
    /// If the output takes no more.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.write_buffer()?;
        self.output.flush().map_err(|source| WriteError { name: self.name.clone(), source })
    }

    /// Writes the statistics and everything that was held back.
    ///
    /// # Errors
    /// If the output takes no more.
    pub fn finish(mut self) -> Result<(), WriteError> {
        let Lost { at_ns, buffer, interface } = self.lost;
        for id in 0..self.interfaces.len() as u32 {
            // Sources count losses for a capture as a whole: the first interface speaks for all.
            let drops = if id == 0 { (interface, buffer) } else { (0, 0) };
            encode::interface_statistics(&mut self.buffer, id, at_ns, drops);
        }
        self.flush()
    }

    /// The number in the file of the interface that a frame was seen on.
    fn id_of(&mut self, frame: &Frame<'_>, interface: &Interface) -> u32 {
        let position = frame.interface.0 as usize;
        if let Some(&Some(id)) = self.seen.get(position)
            && self.interfaces.get(id as usize).is_some_and(|written| written.is(interface, frame.link))
        {
            return id;
        }
        let id = self.describe(interface, frame.link);
        // Sources number interfaces from 0 on; one that does not is looked up each time.
        if position < 1 << 16 {
            if self.seen.len() <= position {
                self.seen.resize(position + 1, None);
            }
            if let Some(seen) = self.seen.get_mut(position) {
                *seen = Some(id);
            }
        }
        id
    }

    fn describe(&mut self, interface: &Interface, link: LinkType) -> u32 {
        let snap_len = interface.snap_len;
        let (name, description) = (interface.name.clone(), interface.description.clone());
        let written = Written { name, description, link, snap_len };
        if let Some(&id) = self.ids.get(&written) {
            return id;
        }
        encode::interface_description(&mut self.buffer, interface, link);
        let id = self.interfaces.len() as u32;
        self.ids.insert(written.clone(), id);
        self.interfaces.push(written);
        id
    }

    fn write_if_full(&mut self) -> Result<(), WriteError> {
        if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.write_buffer() }
    }

    fn write_buffer(&mut self) -> Result<(), WriteError> {
        if self.has_failed {
            self.buffer.clear();
            let source = io::Error::other("writing failed before");
            return Err(WriteError { name: self.name.clone(), source });
        }
        let mut done = 0;
        while let Some(rest) = self.buffer.get(done..).filter(|rest| !rest.is_empty()) {
            let source = match self.output.write(rest) {
                Ok(0) => io::Error::from(io::ErrorKind::WriteZero),
                Ok(taken) => {
                    done += taken;
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => e,
            };
            self.on_failure(done);
            return Err(WriteError { name: self.name.clone(), source });
        }
        self.written += done as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Cuts off the part of a block that reached the file.
    fn on_failure(&mut self, done: usize) {
        let whole = encode::whole_blocks(&self.buffer, done);
        self.buffer.clear();
        self.written += whole as u64;
        self.has_failed = true;
        if let Some(file) = &self.file
            && whole < done
        {
            // If that fails too, readers report a truncated file.
            let _ = file.set_len(self.written);
        }
    }
}

impl<W: Write> Drop for Writer<W> {
    fn drop(&mut self) {
        // Nobody is there to hear of an error: `finish` is for that.
        if !self.has_failed {
            let _ = self.flush();
        }
    }
}

impl Written {
    fn is(&self, interface: &Interface, link: LinkType) -> bool {
        self.link == link
            && self.snap_len == interface.snap_len
            && self.name == interface.name
            && self.description == interface.description
    }
}

#[cfg(test)]
mod tests;
