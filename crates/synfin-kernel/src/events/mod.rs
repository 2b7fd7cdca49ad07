//! Events from the kernel, as they happen.
//!
//! ```no_run
//! use synfin_kernel::{EventOptions, Events};
//!
//! let mut events = Events::open(&EventOptions { ports: vec![80], ..EventOptions::default() })?;
//! loop {
//!     events.poll(None, |event| println!("{event:?}"))?;
//! }
//! # #[expect(unreachable_code)]
//! # Ok::<(), synfin_kernel::EventsError>(())
//! ```

mod clock;
mod error;
mod loader;
mod options;
mod probes;

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::Arc,
    time::{Duration, Instant},
};

use aya::{
    Ebpf,
    maps::{MapData, PerCpuArray, RingBuf},
};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd},
    io::Errno,
};
use synfin_wire::{Loss, LossCause};

pub(crate) use clock::KernelClock;
pub use error::EventsError;
pub use options::EventOptions;

use crate::{capabilities::Capability, clock::utc_now_ns, event::Event, sys::record::Record};

/// So many events are handed over at a time, lest a reader who is slower than the kernel never comes back.
const MAX_BATCH: usize = 1 << 16;

/// Programs in the kernel that tell what its TCP does, until this is dropped.
pub struct Events {
    ring: RingBuf<MapData>,
    lost: PerCpuArray<MapData, u64>,
    reported_lost: u64,
    unknown: u64,
    clock: KernelClock,
    stop: Arc<OwnedFd>,
    drained_at: Instant,
    last_event: Instant,
    /// Whether there were events the last time, so that the kernel may be sparing its wake-ups.
    is_busy: bool,
    report: Vec<Capability>,
    /// Holds the programs.
    _programs: Ebpf,
}

/// What waiting for events came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Polled {
    /// Events were handed over, so many.
    Events(usize),
    /// The time is over.
    TimedOut,
    /// A [`Stopper`] said so. What was in the ring before was handed over first.
    Stopped,
}

/// Ends the waiting of [`Events::poll`], from any thread or signal handler, now and from then on.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<OwnedFd>);

impl Stopper {
    /// Stops.
    pub fn stop(&self) {
        // Fails only where the counter is full: then it was stopped before.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

impl Events {
    /// Loads the programs and attaches all that this kernel takes. From now on nothing is missed but what does not fit
    /// into the ring, which is counted.
    ///
    /// # Errors
    /// Where programs cannot be loaded at all, or state changes not be traced. What else this kernel refuses is in
    /// [`report`](Self::report).
    pub fn open(options: &EventOptions) -> Result<Self, EventsError> {
        let (mut programs, report) = loader::load(options)?;
        let mut map = |name: &str| {
            programs.take_map(name).ok_or_else(|| EventsError::Load(format!("the object has no map {name}")))
        };
        let ring = map("records")?;
        let lost = map("lost")?;
        Ok(Self {
            ring: RingBuf::try_from(ring).map_err(|e| EventsError::Load(e.to_string()))?,
            lost: PerCpuArray::try_from(lost).map_err(|e| EventsError::Load(e.to_string()))?,
            reported_lost: 0,
            unknown: 0,
            clock: KernelClock::measure(),
            stop: Arc::new(
                eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(std::io::Error::from)?,
            ),
            drained_at: Instant::now(),
            last_event: Instant::now(),
            is_busy: false,
            report,
            _programs: programs,
        })
    }

    /// What this kernel offers of each kind of event.
    #[must_use]
    pub fn report(&self) -> &[Capability] {
        &self.report
    }

    /// Something that ends the waiting of [`poll`](Self::poll).
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Hands over what the kernel has said, waiting for something if there is nothing. `None` waits for ever.
    ///
    /// Events come nearly in the order of time: those of different processors may be some microseconds out of it.
    ///
    /// # Errors
    /// Where the ring cannot be waited for.
    pub fn poll(
        &mut self,
        timeout: Option<Duration>,
        mut on_event: impl FnMut(Event),
    ) -> Result<Polled, EventsError> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        loop {
            // While events keep coming they are taken in batches, at a steady tick: the kernel wakes nobody for them.
            let until_tick = EventOptions::LATENCY.saturating_sub(self.drained_at.elapsed());
            if self.is_busy && !until_tick.is_zero() && left() != Some(Duration::ZERO) {
                let wait = left().map_or(until_tick, |left| left.min(until_tick));
                if self.wait(Some(wait), false)? == Woken::Stopped {
                    self.drain(&mut on_event);
                    return Ok(Polled::Stopped);
                }
            }
            let count = self.drain(&mut on_event);
            self.is_busy = count > 0;
            if count > 0 {
                self.last_event = Instant::now();
                return Ok(Polled::Events(count));
            }
            if left() == Some(Duration::ZERO) {
                return Ok(Polled::TimedOut);
            }
            // Only after this long a silence the next event is sure to wake.
            let until_silence = EventOptions::LATENCY.saturating_sub(self.last_event.elapsed());
            let wait = if until_silence.is_zero() {
                left()
            } else {
                Some(left().unwrap_or(until_silence).min(until_silence))
            };
            if self.wait(wait, true)? == Woken::Stopped {
                self.drain(&mut on_event);
                return Ok(Polled::Stopped);
            }
        }
    }

    /// Hands over what is in the ring now, at most [`MAX_BATCH`]; how many.
    fn drain(&mut self, on_event: &mut impl FnMut(Event)) -> usize {
        self.clock.refresh();
        self.drained_at = Instant::now();
        let mut count = 0;
        while count < MAX_BATCH
            && let Some(bytes) = self.ring.next()
        {
            match Record::new(&bytes, &self.clock).as_ref().and_then(probes::decode) {
                Some(event) => on_event(event),
                None => self.unknown = self.unknown.saturating_add(1),
            }
            count += 1;
        }
        if let Some(loss) = self.take_loss() {
            on_event(Event::Lost(loss));
            count += 1;
        }
        count
    }

    /// What was lost since the last time.
    fn take_loss(&mut self) -> Option<Loss> {
        let in_kernel: u64 = self.lost.get(&0, 0).ok()?.iter().sum();
        let lost = in_kernel.saturating_add(self.unknown);
        let count = lost.saturating_sub(self.reported_lost);
        self.reported_lost = lost;
        (count > 0).then(|| Loss { at_ns: utc_now_ns(), cause: LossCause::KernelEvents, count })
    }

    /// Waits for a stop, and for the ring too if told so. `None` waits for ever.
    fn wait(&self, wait: Option<Duration>, with_ring: bool) -> Result<Woken, EventsError> {
        // A time out of the type's range is for ever, too.
        let timeout = wait.and_then(|wait| Timespec::try_from(wait).ok());
        let mut fds = [PollFd::new(&*self.stop, PollFlags::IN), PollFd::new(&self.ring, PollFlags::IN)];
        let waited_for = if with_ring { fds.as_mut_slice() } else { fds.split_at_mut(1).0 };
        match rustix::event::poll(waited_for, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(EventsError::Read(e.into())),
        }
        let [stop, _] = fds;
        Ok(if stop.revents().is_empty() { Woken::Maybe } else { Woken::Stopped })
    }
}

#[derive(PartialEq, Eq)]
enum Woken {
    /// By the ring, the time or a signal.
    Maybe,
    Stopped,
}

impl AsFd for Events {
    /// Readable when there are events, with the latency of [`EventOptions::LATENCY`] while they keep coming: wait
    /// for it that long, then [`poll`](Events::poll) with no timeout.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("report", &self.report).finish_non_exhaustive()
    }
}
