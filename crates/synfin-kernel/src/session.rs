//! Events, snapshots and processes, joined.

use std::time::{Duration, Instant};

use crate::{
    EventOptions, Events, EventsError, Namespace, Polled, Processes, Snapshot, SnapshotError, Stopper,
    Tracker, TrackerOptions, capabilities::Capability, clock::utc_now_ns, tracker::Report,
};

/// Every TCP socket of some namespaces, from what is there to what becomes of it.
#[derive(Debug)]
pub struct Session {
    events: Events,
    tracker: Tracker,
    processes: Processes,
}

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
        let mut events = Events::open(&wanted)?;
        let mut tracker = Tracker::new(options.tracker);
        let mut processes = Processes::default();
        processes.refresh();
        // What takes its time must not let the ring overflow meanwhile.
        events.poll(Some(Duration::ZERO), |event| tracker.handle_event(event))?;
        for namespace in &namespaces {
            let mut snapshot = match Snapshot::take(namespace) {
                // Of all namespaces some may end while they are gone through.
                Err(SnapshotError::Namespace(_)) if options.scope == Scope::All => continue,
                taken => taken?,
            };
            snapshot.sockets.retain(|socket| options.events.is_wanted(socket.local, socket.remote));
            // All that happened before the end of the snapshot is in the ring now.
            events.poll(Some(Duration::ZERO), |event| tracker.handle_event(event))?;
            tracker.handle_snapshot(&snapshot, &processes);
        }
        Ok(Self { events, tracker, processes })
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
            let wait = [left, held].into_iter().flatten().min();
            if self.events.poll(wait, |event| self.tracker.handle_event(event))? == Polled::Stopped {
                self.tracker.flush().for_each(on_report);
                return Ok(Polled::Stopped);
            }
            let now_ns = utc_now_ns();
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

    /// The processes, as of the beginning.
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
