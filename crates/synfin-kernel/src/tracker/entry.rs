//! What is known of one socket.

use std::net::SocketAddr;

use synfin_wire::{Process, SocketId, State};

use super::Why;
use crate::event::{Counters, Subject};

/// All that is known of a socket.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) facts: Facts,
    /// None where events have told of it, and what they mean was not looked at yet.
    pub(super) entry: Option<Entry>,
}

impl Known {
    /// Whose socket it is, as far as it is known from the socket itself.
    pub(super) fn own_owner(&self) -> Option<Process> {
        self.facts.user.or_else(|| self.entry.as_ref()?.listed_owner)
    }
}

/// A connection's two addresses within a namespace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Ends {
    pub(super) namespace: u64,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

impl Ends {
    pub(super) fn of(subject: &Subject) -> Self {
        Self { namespace: subject.socket.namespace, local: subject.local, remote: subject.remote }
    }
}

/// What a socket is found by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Its packets have no full socket.
    Small(Ends),
    /// Its port: those that it accepts have its address.
    Listener(u16),
    None,
}

/// A socket and the states that it went through.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) state: State,
    /// When it came into this state, where that was seen.
    pub(super) since_ns: Option<u64>,
    /// Its process as /proc knew it.
    pub(super) listed_owner: Option<Process>,
    /// Its process as it was told last: a listener that is gone can be asked no more.
    pub(super) told_owner: Option<Process>,
    /// When the snapshot that told of it was over: an older event is told already.
    pub(super) listed_ns: u64,
    /// The full socket is gone, a time-wait socket has taken over.
    pub(super) is_handed_over: bool,
    /// It began to connect then, and was not told of, since its port was not known.
    pub(super) untold_syn_ns: Option<u64>,
    /// The full socket's counters, until the connection's last change is told. Elsewhere, since few have to wait, and
    /// every socket in TIME-WAIT would have room for them.
    pub(super) counters: Option<Box<Counters>>,
    /// When it is taken to have ended, if nothing is heard of it.
    pub(super) deadline_ns: Option<u64>,
}

impl Entry {
    pub(super) fn new(subject: &Subject, state: State, since_ns: Option<u64>) -> Self {
        Self {
            local: subject.local,
            remote: subject.remote,
            state,
            since_ns,
            listed_owner: None,
            told_owner: None,
            listed_ns: 0,
            is_handed_over: false,
            untold_syn_ns: None,
            counters: None,
            deadline_ns: None,
        }
    }

    /// By what it is found, beside its cookie.
    pub(super) fn place(&self, socket: SocketId) -> Place {
        if self.is_small() {
            Place::Small(self.ends(socket))
        } else if self.state == State::Listen {
            Place::Listener(self.local.port())
        } else {
            Place::None
        }
    }

    /// Whether it is known by these addresses.
    pub(super) fn is_at(&self, subject: &Subject) -> bool {
        (self.local, self.remote) == (subject.local, subject.remote)
    }

    fn ends(&self, socket: SocketId) -> Ends {
        Ends { namespace: socket.namespace, local: self.local, remote: self.remote }
    }

    /// Whether its packets are found by their addresses: it has no full socket.
    pub(super) fn is_small(&self) -> bool {
        self.is_handed_over || matches!(self.state, State::TimeWait | State::SynReceived)
    }
}

/// What events have told of a socket, taken in when they arrive: what comes a moment later explains what came before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// The last process that used it.
    pub(super) user: Option<Process>,
    /// The last reset, and when.
    pub(super) reset: Option<(u64, Why)>,
    /// The time of the last event that told something.
    pub(super) learned_ns: u64,
}
