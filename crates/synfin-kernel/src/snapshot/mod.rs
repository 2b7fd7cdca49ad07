//! Every TCP socket that exists now: a list from sock_diag (linux/inet_diag.h).
//!
//! Unlike `/proc/net/tcp` it has socket cookies, the time left in TIME-WAIT to the millisecond, `tcp_info`, and costs a
//! tenth. The list is not of one moment: the kernel goes through its tables while they change.

mod entry;

use std::io;

pub use entry::{Socket, SocketTimer, TcpInfo};

use crate::{Namespace, clock::utc_now_ns, sys::netlink::SockDiag};

/// All TCP sockets of one network namespace.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The namespace's inode number.
    pub namespace: u64,
    /// Before the first was looked at, in nanoseconds since the Unix epoch (UTC).
    pub started_ns: u64,
    /// After the last.
    pub ended_ns: u64,
    /// In no particular order; each cookie once.
    pub sockets: Vec<Socket>,
    /// Entries that this version does not understand.
    pub unknown: usize,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The namespace cannot be entered.
    #[error("cannot enter the network namespace: {0}")]
    Namespace(#[source] io::Error),
    /// sock_diag did not answer.
    #[error("cannot list sockets (sock_diag): {0}")]
    SockDiag(#[source] io::Error),
}

/// Which states to list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum States {
    All,
    Open,
}

impl Snapshot {
    /// Lists all.
    ///
    /// # Errors
    /// Where the namespace cannot be entered, or the kernel does not answer.
    pub fn take(namespace: &Namespace) -> Result<Self, SnapshotError> {
        Self::list(namespace, States::All)
    }

    /// Lists only connections that a process may have open: none in TIME-WAIT, of which there may be very many.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_open(namespace: &Namespace) -> Result<Self, SnapshotError> {
        Self::list(namespace, States::Open)
    }

    fn list(namespace: &Namespace, states: States) -> Result<Self, SnapshotError> {
        let inode = namespace.inode().map_err(SnapshotError::Namespace)?;
        let mut diag = namespace
            .enter(SockDiag::open)
            .map_err(SnapshotError::Namespace)?
            .map_err(SnapshotError::SockDiag)?;
        let mut snapshot =
            Self { namespace: inode, started_ns: utc_now_ns(), ended_ns: 0, sockets: Vec::new(), unknown: 0 };
        for family in [entry::AF_INET, entry::AF_INET6] {
            let mask = if states == States::All { entry::ALL_STATES } else { entry::OPEN_STATES };
            diag.dump(&entry::request(family, mask), |bytes| match entry::parse(bytes, inode) {
                Some(socket) => snapshot.sockets.push(socket),
                None => snapshot.unknown += 1,
            })
            .map_err(SnapshotError::SockDiag)?;
        }
        snapshot.ended_ns = utc_now_ns();
        snapshot.drop_doubles();
        Ok(snapshot)
    }

    /// A socket that moved while the tables were walked may be listed twice: the later one counts.
    fn drop_doubles(&mut self) {
        let mut seen = std::collections::HashSet::with_capacity(self.sockets.len());
        self.sockets.reverse();
        self.sockets.retain(|socket| seen.insert(socket.id));
        self.sockets.reverse();
    }
}
