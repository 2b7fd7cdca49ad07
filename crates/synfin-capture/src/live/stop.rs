//! Ending a capture from another thread, and waiting for whichever comes first.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::now_ns;

/// Ends a capture. Clones end the same one.
#[derive(Clone, Debug)]
pub struct Stopper {
    /// When it was stopped, in nanoseconds since the Unix epoch; 0: it was not.
    stopped_at_ns: Arc<AtomicU64>,
    wake: Arc<PipeWriter>,
}

impl Stopper {
    /// Ends the capture: what was captured up to now is still given out, then comes the end. Only the first time counts.
    pub fn stop(&self) {
        let first =
            self.stopped_at_ns.compare_exchange(0, now_ns().max(1), Ordering::SeqCst, Ordering::SeqCst);
        if first.is_ok() {
            // Fails only when the capture is gone, and then there is nothing to end.
            let _ = (&*self.wake).write(&[0]);
        }
    }
}

/// The capture's end of it.
pub(super) struct Stop {
    stopper: Stopper,
    woken: PipeReader,
}

impl Stop {
    pub(super) fn new() -> io::Result<Self> {
        let (woken, wake) = io::pipe()?;
        Ok(Self { stopper: Stopper { stopped_at_ns: Arc::default(), wake: Arc::new(wake) }, woken })
    }

    pub(super) fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    pub(super) fn stopped_at_ns(&self) -> Option<u64> {
        match self.stopper.stopped_at_ns.load(Ordering::SeqCst) {
            0 => None,
            at_ns => Some(at_ns),
        }
    }
}

/// Waits for a packet, for a stop if there is one to wait for, or for the time to pass.
pub(super) fn wait(packets: &impl AsRawFd, stop: Option<&Stop>, timeout: Duration) -> io::Result<()> {
    let entry = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // A negative descriptor is passed over.
    let mut entries = [entry(packets.as_raw_fd()), entry(stop.map_or(-1, |stop| stop.woken.as_raw_fd()))];
    // Rounded up: a wait of less than a millisecond must not become a busy loop.
    let ms = timeout.as_micros().div_ceil(1_000);
    let ms = libc::c_int::try_from(ms).unwrap_or(libc::c_int::MAX);
    #[expect(unsafe_code, reason = "the standard library cannot wait for descriptors")]
    // SAFETY: The pointer and the count describe `entries`, which outlives the call; both descriptors are borrowed from
    // what owns them.
    let ready = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, ms) };
    if ready < 0 {
        let e = io::Error::last_os_error();
        // A signal: the caller looks at what changed and comes back.
        if e.kind() != io::ErrorKind::Interrupted {
            return Err(e);
        }
    }
    Ok(())
}
