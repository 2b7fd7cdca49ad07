//! Captures on an interface, through libpcap.
//!
//! libpcap's own waiting has no reliable timeout on Linux (a ring of blocks wakes nobody while there is no packet),
//! and cannot be ended without losing what is in the ring. So the handle does not block: waiting is a `poll` on it and
//! on a pipe that [`Stopper`] writes to.

mod activate;
mod available;
mod stop;

use std::time::{Duration, Instant, SystemTime};

use synfin_wire::{Frame, InterfaceId, LinkType, Loss, LossCause};

pub use self::activate::LiveOptions;
pub use self::available::{Available, interfaces};
pub use self::stop::Stopper;
use self::stop::{Stop, wait};
use crate::losses::Losses;
use crate::{Interface, LiveError, Record, TimeResolution, cooked};

/// After this long the kernel hands a block of its ring over even if it is not full.
const BLOCK_TIMEOUT: Duration = Duration::from_millis(10);
/// After a stop, the ring is watched this long: the last block was handed over by then, with some timer ticks to spare.
const DRAIN: Duration = Duration::from_millis(100);
/// Stamps are taken before packets queue up for the ring: within this time, in nanoseconds, they may change places.
const DISORDER_NS: u64 = 10_000_000;
/// The kernel's drop counters are asked for at most this often, unless the capture is idle.
const STATISTICS_EVERY: Duration = Duration::from_millis(500);

/// What [`Live::next_record`] found.
#[derive(Debug)]
pub enum Poll<'a> {
    /// A frame.
    Frame(Record<'a>),
    /// Nothing, for as long as was to be waited.
    Idle,
    /// The capture was stopped, and everything from before was given out.
    End,
}

/// A running capture.
pub struct Live {
    capture: pcap::Capture<pcap::Active>,
    name: String,
    link: LinkType,
    resolution: TimeResolution,
    interfaces: Vec<Interface>,
    /// On `any`: the kernel's interface indices, and what they are called here.
    indices: Vec<(u32, InterfaceId)>,
    stop: Stop,
    /// When the stop was noticed.
    draining_since: Option<Instant>,
    has_ended: bool,
    number: u64,
    losses: Losses,
    counted: pcap::Stat,
    counted_at: Instant,
}

/// A packet in libpcap's buffer, where it stays until the next one is asked for.
struct Fetched {
    at_ns: u64,
    original_len: u32,
    bytes: *const [u8],
}

impl Live {
    /// Begins to capture. Packets from now on are kept for [`next_record`](Self::next_record).
    ///
    /// # Errors
    /// If there is no such interface, if it is down, if this user may not capture, or if the filter is wrong.
    pub fn open(options: &LiveOptions) -> Result<Self, LiveError> {
        activate::activate(options)
    }

    /// The next frame; waits for it at most this long.
    ///
    /// # Errors
    /// If the interface goes away.
    pub fn next_record(&mut self, timeout: Duration) -> Result<Poll<'_>, LiveError> {
        match self.fetch_within(timeout)? {
            Found::Frame(fetched) => Ok(Poll::Frame(self.lend(&fetched))),
            Found::Idle => Ok(Poll::Idle),
            Found::End => Ok(Poll::End),
        }
    }

    fn fetch_within(&mut self, timeout: Duration) -> Result<Found, LiveError> {
        let deadline = Instant::now() + timeout;
        loop {
            if self.has_ended {
                return Ok(Found::End);
            }
            let stopped_at_ns = self.stop.stopped_at_ns();
            let fetched = self.fetch()?;
            let until = match (fetched, stopped_at_ns) {
                (Some(fetched), None) => return Ok(Found::Frame(fetched)),
                (Some(fetched), Some(stop)) if fetched.at_ns <= stop => return Ok(Found::Frame(fetched)),
                (Some(fetched), Some(stop)) => {
                    self.has_ended = fetched.at_ns > stop.saturating_add(DISORDER_NS);
                    continue;
                }
                (None, None) => deadline,
                (None, Some(_)) => {
                    let since = *self.draining_since.get_or_insert_with(Instant::now);
                    self.has_ended = since.elapsed() >= DRAIN;
                    since + DRAIN
                }
            };
            let remaining = until.saturating_duration_since(Instant::now());
            if remaining.is_zero() && stopped_at_ns.is_none() {
                return Ok(Found::Idle);
            }
            let also_stop = stopped_at_ns.is_none().then_some(&self.stop);
            wait(&self.capture, also_stop, remaining)
                .map_err(|source| LiveError::Io { interface: self.name.clone(), source })?;
        }
    }

    /// What is in the ring, without waiting.
    fn fetch(&mut self) -> Result<Option<Fetched>, LiveError> {
        match self.capture.next_packet() {
            Ok(packet) => {
                let seconds = u64::try_from(packet.header.ts.tv_sec).unwrap_or_default();
                let fraction = u64::try_from(packet.header.ts.tv_usec).unwrap_or_default();
                let ns_per_tick = if self.resolution == TimeResolution::NANOSECONDS { 1 } else { 1_000 };
                let at_ns = seconds.saturating_mul(1_000_000_000).saturating_add(fraction * ns_per_tick);
                Ok(Some(Fetched { at_ns, original_len: packet.header.len, bytes: packet.data }))
            }
            Err(pcap::Error::TimeoutExpired) => Ok(None),
            Err(e) => Err(activate::running_error(&self.name, &e)),
        }
    }

    fn lend(&mut self, fetched: &Fetched) -> Record<'_> {
        #[expect(
            unsafe_code,
            reason = "a borrow that is given back on one way through a loop cannot be expressed"
        )]
        // SAFETY: The slice is what `next_packet` lent. It is valid until libpcap is asked for the next packet, which
        // takes `&mut self`: not before the record that is made here is gone.
        let bytes = unsafe { &*fetched.bytes };
        self.number += 1;
        let interface = self.interface_of(bytes);
        let link = self.link;
        let frame = Frame {
            number: self.number,
            at_ns: fetched.at_ns,
            link,
            interface,
            direction: cooked::direction(link, bytes),
            original_len: fetched.original_len,
            bytes,
            fate: synfin_wire::Fate::default(),
        };
        #[expect(clippy::indexing_slicing, reason = "ids are positions in `interfaces`")]
        let interface = &self.interfaces[interface.0 as usize];
        Record { frame, interface, comment: None, blocks: &[] }
    }

    /// Which interface a frame was seen on: on `any`, its header says so.
    fn interface_of(&mut self, bytes: &[u8]) -> InterfaceId {
        let Some(index) = cooked::interface_index(self.link, bytes) else { return InterfaceId(0) };
        if let Some(&(_, id)) = self.indices.iter().find(|&&(known, _)| known == index) {
            return id;
        }
        let id = InterfaceId(self.interfaces.len() as u32);
        let name =
            available::name_of_index(&self.capture, index).unwrap_or_else(|| format!("interface {index}"));
        let like = self.interfaces.first().cloned().unwrap_or_else(|| Interface::new(self.link));
        self.interfaces.push(Interface { name: Some(name), description: None, ..like });
        self.indices.push((index, id));
        id
    }

    /// What the kernel says was dropped since it was asked before: packets for which its buffer had no room, and
    /// packets that the interface dropped. Ask after each frame and when idle; the kernel is not asked more often
    /// than makes sense. On loopback the kernel counts each packet twice, on its way out and on its way in.
    pub fn poll_loss(&mut self) -> Option<Loss> {
        if self.has_ended || self.counted_at.elapsed() >= STATISTICS_EVERY {
            self.count_losses();
        }
        self.losses.poll()
    }

    fn count_losses(&mut self) {
        self.counted_at = Instant::now();
        // Counters that cannot be had are no reason to end a capture.
        let Ok(now) = self.capture.stats() else { return };
        let before = std::mem::replace(&mut self.counted, now);
        let at_ns = now_ns();
        // The counters have 32 bits and wrap.
        let buffer = now.dropped.wrapping_sub(before.dropped);
        let interface = now.if_dropped.wrapping_sub(before.if_dropped);
        self.losses.add(at_ns, LossCause::CaptureBuffer, buffer.into());
        self.losses.add(at_ns, LossCause::Interface, interface.into());
    }

    /// A handle that ends the capture, from any thread. Packets from before the stop are still given out.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stop.stopper()
    }

    /// The interfaces on which frames were seen; the first is the one that was opened.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// How frames begin.
    #[must_use]
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// How finely the stamps count: nanoseconds, or microseconds where the system has no better.
    #[must_use]
    pub fn resolution(&self) -> TimeResolution {
        self.resolution
    }
}

enum Found {
    Frame(Fetched),
    Idle,
    End,
}

/// The time of the clock that packets are stamped with, in nanoseconds since the Unix epoch.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
