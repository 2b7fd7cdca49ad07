//! Listeners: who waits for connections, and those that wait to be accepted.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Arc;

use super::ConnectionId;
use super::slab::Key;
use crate::config::ConnectionConfig;

pub(super) type ListenerKey = Key;

/// One passive OPEN.
// RFC 9293 MUST-41: it does not interfere with connections; MUST-42: there may be one for each local address of a port.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) local: SocketAddr,
    pub(super) config: Arc<ConnectionConfig>,
    /// Most connections that wait to be accepted.
    pub(super) backlog: usize,
    pub(super) accepted: VecDeque<ConnectionId>,
}

impl Listener {
    /// Whether no more connections may be opened for it.
    pub(super) fn is_full(&self) -> bool {
        self.accepted.len() >= self.backlog
    }
}
