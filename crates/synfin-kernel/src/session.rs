//! Events, snapshots and processes, joined.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use synfin_wire::SocketId;

use crate::{
    Event, EventOptions, Events, EventsError, Namespace, Polled, Processes, Snapshot, SnapshotError, Stopper,
    Tracker, TrackerOptions, capabilities::Capability, clock::utc_now_ns, tracker::Report,
};

/// Every TCP socket of some namespaces, from what is there to what becomes of it.
#[derive(Debug)]
pub struct Session {
    options: SessionOptions,
    events: Events,
    tracker: Tracker,
    processes: Processes,
    /// Events were lost since the last list.
    has_lost: bool,
    listed_at: Instant,
    /// Opened from outside a while ago, and used by nobody since.
    unused: HashSet<SocketId>,
    /// When it was last asked which these are.
    asked_at: Instant,
    /// When it was looked last whose they are, and how long until it is again without new ones.
    named_at: Instant,
    name_interval: Duration,
}

/// A connection that nobody has used for so long is looked up in /proc: whoever serves at once is told of by events.
const UNUSED_NS: u64 = 300_000_000;

/// How often it is looked up whose the unused are: it takes milliseconds. Those that nobody has accepted are looked for
/// less and less often.
const NAME_INTERVAL: Duration = Duration::from_millis(500);
const NAME_INTERVAL_MAX: Duration = Duration::from_secs(16);

/// In so many batches a ring of the largest size that is sensible (64 MiB) is emptied; what comes after that came later.
const MAX_BATCHES: usize = 10;

/// While events are being lost, what is known is mended by a new list this often: it costs time, of which there is none.
const MEND_INTERVAL: Duration = Duration::from_secs(2);

/// What to watch, and how.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    /// What to ask the kernel for.
    pub events: EventOptions,
    /// How to track.
    pub tracker: TrackerOptions,
    /// Which namespaces. It takes the place of [`EventOptions::namespaces`].
    pub scope: Scope,
}

/// Which network namespaces to watch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// That of this process.
    #[default]
    Own,
    /// These, at most [`EventOptions::MAX_FILTERS`].
    Some(Vec<Namespace>),
    /// All that there are, and all that there will be.
    All,
}

impl Scope {
    fn namespaces(&self) -> Vec<Namespace> {
        match self {
            Self::Own => vec![Namespace::Current],
            Self::Some(some) => some.clone(),
            Self::All => Namespace::all().into_values().collect(),
        }
    }
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// There are no events.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// There is no snapshot, or no such namespace.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl Session {
    /// Begins: from here on nothing is missed, and what was there before is told first.
    ///
    /// # Errors
    /// Without events, or a snapshot of any of the namespaces.
    pub fn open(options: &SessionOptions) -> Result<Self, SessionError> {
        let namespaces = options.scope.namespaces();
        let mut wanted = options.events.clone();
        if options.scope != Scope::All {
            let inode = |namespace: &Namespace| namespace.inode().map_err(SnapshotError::Namespace);
            let inodes = namespaces.iter().map(inode).collect::<Result<Vec<_>, _>>()?;
            // The kernel numbers them with 32 bits.
            wanted.namespaces = inodes.into_iter().filter_map(|inode| u32::try_from(inode).ok()).collect();
        }
        let mut session = Self {
            options: options.clone(),
            events: Events::open(&wanted)?,
            tracker: Tracker::new(options.tracker),
            processes: Processes::default(),
            has_lost: false,
            listed_at: Instant::now(),
            unused: HashSet::new(),
            asked_at: Instant::now(),
            named_at: Instant::now(),
            name_interval: NAME_INTERVAL,
        };
        session.list()?;
        Ok(session)
    }

    /// Takes in what is there.
    fn list(&mut self) -> Result<(), SessionError> {
        self.processes.refresh();
        // What takes its time must not let the ring overflow meanwhile.
        self.take_events(Some(Duration::ZERO))?;
        for namespace in &self.options.scope.namespaces() {
            let mut snapshot = match Snapshot::take(namespace) {
                // Of all namespaces some may end while they are gone through.
                Err(SnapshotError::Namespace(_)) if self.options.scope == Scope::All => continue,
                taken => taken?,
            };
            snapshot.sockets.retain(|socket| self.options.events.is_wanted(socket.local, socket.remote));
            // All that happened before the end of the snapshot is in the ring now.
            for _ in 0..MAX_BATCHES {
                if self.take_events(Some(Duration::ZERO))? == Polled::TimedOut {
                    break;
                }
            }
            self.tracker.handle_snapshot(&snapshot, &self.processes);
        }
        (self.has_lost, self.listed_at) = (false, Instant::now());
        Ok(())
    }

    /// Looks up in sock_diag and /proc who has accepted what nobody has used yet.
    fn name_unused(&mut self, now_ns: u64) {
        self.asked_at = Instant::now();
        let new = self.tracker.take_unused(now_ns.saturating_sub(UNUSED_NS));
        let is_new = !new.is_empty();
        self.unused.extend(new);
        let Self { unused, tracker, processes, .. } = self;
        unused.retain(|socket| tracker.is_unused(*socket));
        if unused.is_empty() || (!is_new && self.named_at.elapsed() < self.name_interval) {
            return;
        }
        processes.refresh();
        for namespace in &self.options.scope.namespaces() {
            // Of all namespaces some may end meanwhile; what is not named now is next time.
            let Ok(snapshot) = Snapshot::take_open(namespace) else { continue };
            for socket in snapshot.sockets.iter().filter(|socket| unused.contains(&socket.id)) {
                if let Some(process) = processes.owner(socket.inode) {
                    tracker.handle_owner(socket.id, process, snapshot.ended_ns);
                }
            }
        }
        self.named_at = Instant::now();
        self.name_interval =
            if is_new { NAME_INTERVAL } else { (self.name_interval * 2).min(NAME_INTERVAL_MAX) };
    }

    fn take_events(&mut self, timeout: Option<Duration>) -> Result<Polled, EventsError> {
        self.events.poll(timeout, |event| {
            self.has_lost |= matches!(event, Event::Lost(_));
            self.tracker.handle_event(event);
        })
    }

    /// Hands over what there is to say, waiting until there is something, for at most `timeout`; `None` waits for ever.
    ///
    /// # Errors
    /// Where the kernel's events cannot be read.
    pub fn poll(
        &mut self,
        timeout: Option<Duration>,
        mut on_report: impl FnMut(Report),
    ) -> Result<Polled, EventsError> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // What is held back comes due piece by piece; it is handed over in batches, as it comes in.
            let held = self.tracker.poll_timeout().map(|at_ns| match at_ns.saturating_sub(utc_now_ns()) {
                _ if at_ns == 0 => Duration::ZERO,
                held_ns => Duration::from_nanos(held_ns).max(EventOptions::LATENCY),
            });
            let is_unnamed = self.tracker.has_unused() || !self.unused.is_empty();
            let look = is_unnamed.then(|| NAME_INTERVAL.saturating_sub(self.asked_at.elapsed()));
            let wait = [left, held, look].into_iter().flatten().min();
            if self.take_events(wait)? == Polled::Stopped {
                self.tracker.flush().for_each(on_report);
                return Ok(Polled::Stopped);
            }
            if self.has_lost && self.listed_at.elapsed() >= MEND_INTERVAL {
                // Where it cannot be mended now, it may be next time.
                let _ = self.list();
                self.listed_at = Instant::now();
            }
            let now_ns = utc_now_ns();
            if is_unnamed && self.asked_at.elapsed() >= NAME_INTERVAL {
                self.name_unused(now_ns);
            }
            let mut count = 0;
            while let Some(report) = self.tracker.poll(now_ns) {
                on_report(report);
                count += 1;
            }
            if count > 0 {
                return Ok(Polled::Events(count));
            }
            if left == Some(Duration::ZERO) {
                return Ok(Polled::TimedOut);
            }
        }
    }

    /// What this kernel offers.
    #[must_use]
    pub fn report(&self) -> &[Capability] {
        self.events.report()
    }

    /// Something that ends [`poll`](Self::poll).
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.events.stopper()
    }

    /// The processes, as of the last list.
    #[must_use]
    pub fn processes(&self) -> &Processes {
        &self.processes
    }

    /// What is known of the sockets.
    #[must_use]
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }
}
