//! Frames in and out: capture files, live interfaces, filters.
//!
//! * [`Reader`]: pcap and pcapng, plain or inside gzip or zstd, from a file, a pipe or anything that reads;
//! * [`Merged`]: several of them as one, in the order of time;
//! * [`Live`]: an interface, through libpcap, and [`interfaces`], what there is to capture on;
//! * [`Filter`]: libpcap's filter language on frames from anywhere;
//! * [`Writer`]: pcapng, with comments on packets.
//!
//! A [`Reader`], a [`Merged`] and a [`Live`] all lend a [`Record`] at a time: the frame, the interface it was seen
//! on, and what a file says beside it. Packets that are missing are never silent: `poll_loss` says how many, and why.
//!
//! File formats: pcap is draft-ietf-opsawg-pcap, pcapng is draft-ietf-opsawg-pcapng. Their bytes are not trusted:
//! whatever they are, reading ends, in bounded memory, with frames or with a precise [`ReadError`].
//!
//! ```no_run
//! # fn main() -> Result<(), synfin_capture::ReadError> {
//! let mut reader = synfin_capture::Reader::open("trace.pcapng")?;
//! while let Some(record) = reader.next_record()? {
//!     println!("{} {} {}", record.frame.number, record.frame.at_ns, record.frame.bytes.len());
//! }
//! while let Some(loss) = reader.poll_loss() {
//!     eprintln!("{} lost: {}", loss.count, loss.cause.name());
//! }
//! # Ok(())
//! # }
//! ```

mod cooked;
mod error;
mod filter;
mod format;
mod input;
mod interface;
mod live;
mod losses;
mod merged;
mod order;
mod reader;
mod record;
mod window;
mod writer;

pub use error::{FilterError, FormatError, LiveError, ReadError, WriteError};
pub use filter::Filter;
pub use interface::{Interface, TimeResolution};
pub use live::{Available, Live, LiveOptions, Poll, Stopper, interfaces};
pub use merged::Merged;
pub use reader::Reader;
pub use record::{Block, BlockKind, Record};
pub use synfin_wire::{Direction, Frame, InterfaceId, LinkType, Loss, LossCause};
pub use writer::Writer;
