//! OPEN, passive and active, and its counterpart (RFC 9293 sections 3.10.1 and 3.10.4).

use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;
use std::sync::Arc;

use super::handle::any;
use super::listener::Listener;
use super::{ConnectionId, Endpoint, Everybody, Key, ListenerId, Member, Slot, Tuple, is_unicast};
use crate::config::ConnectionConfig;
use crate::connection::{Beginning, Connection};
use crate::observer::Observer;
use crate::time::Instant;

/// Why a connection can't be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address names no single host, or no port.
    #[error("cannot connect to {0}: not the address of one host and port")]
    NotUnicast(SocketAddr),
    /// One is IPv4 and the other IPv6.
    #[error("local and remote address are of different families")]
    Family,
    /// The two ends are connected already, or were until a moment ago.
    #[error("connection already exists")]
    Exists,
    /// All ports are in use.
    #[error("no port is free")]
    NoPort,
    /// There are too many connections.
    #[error("insufficient resources")]
    Resources,
}

/// Why nobody can listen there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Someone does already.
    #[error("{0} is in use")]
    InUse(SocketAddr),
    /// There are too many listeners.
    #[error("insufficient resources")]
    Resources,
}

impl<O: Observer + Clone> Endpoint<O> {
    /// Passive OPEN: waits for connections to `local`, whose address may be unspecified.
    ///
    /// # Errors
    /// When someone listens there already.
    pub fn listen(
        &mut self,
        local: SocketAddr,
        backlog: usize,
        config: Option<ConnectionConfig>,
    ) -> Result<ListenerId, ListenError> {
        if self.listening.contains_key(&local) {
            return Err(ListenError::InUse(local));
        }
        let config = config.map_or_else(|| self.connection_config.clone(), Arc::new);
        let listener = Listener { local, config, backlog: backlog.max(1), accepted: VecDeque::new() };
        let key = self.listeners.insert(listener).ok_or(ListenError::Resources)?;
        self.listening.insert(local, key);
        Ok(ListenerId(key))
    }

    /// The next connection that was opened to a listener.
    pub fn accept(&mut self, listener: ListenerId) -> Option<ConnectionId> {
        self.listeners.get_mut(listener.0)?.accepted.pop_front()
    }

    /// How many connections to a listener wait to be accepted.
    #[must_use]
    pub fn waiting(&self, listener: ListenerId) -> usize {
        self.listeners.get(listener.0).map_or(0, |listener| listener.accepted.len())
    }

    /// Ends a listener, and with it the connections that nobody has accepted.
    pub fn close_listener(&mut self, now: Instant, listener: ListenerId) {
        let Some(listener) = self.listeners.remove(listener.0) else { return };
        self.listening.remove(&listener.local);
        for id in listener.accepted {
            if let Some(connection) = self.connection_mut(id) {
                connection.abort(now);
            }
            self.close(now, id);
        }
    }

    /// Active OPEN: begins a connection from `local` to `remote`. Port 0 has one chosen (RFC 6056).
    ///
    /// # Errors
    /// When the addresses are not those of two hosts, or the connection exists, or no port is free.
    // RFC 9293 MUST-43: the local address is a parameter; MUST-44, MUST-45: the caller, who knows the routes, has chosen the local address.
    pub fn connect(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        config: Option<ConnectionConfig>,
    ) -> Result<ConnectionId, ConnectError> {
        if !is_unicast(remote.ip()) || remote.port() == 0 {
            return Err(ConnectError::NotUnicast(remote));
        }
        if !is_unicast(local.ip()) {
            return Err(ConnectError::NotUnicast(local));
        }
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(ConnectError::Family);
        }
        let local = self.local_port(local.ip(), local.port(), remote)?;
        let tuple = Tuple::new(local, remote);
        let mut iss = self.secret.initial_sequence_number(now, local, remote);
        match self.slot(&tuple) {
            None => {}
            // RFC 6191 section 3: with timestamps, or a sequence number beyond the old ones, a connection of our own
            // may take the place of one in TIME-WAIT.
            Some(Slot::TimeWait(key)) => {
                if let Some(old) = self.time_wait.get(key) {
                    iss = old.next_iss(iss);
                }
                self.end_time_wait(now, key);
            }
            Some(_) => return Err(ConnectError::Exists),
        }
        let config = config.map_or_else(|| self.connection_config.clone(), Arc::new);
        let beginning = Beginning {
            socket: self.next_socket(),
            local,
            remote,
            iss,
            clock: self.secret.timestamp_clock(local, remote),
            mtu: config.mtu,
            config,
            observer: self.observer.clone(),
        };
        let key = self.add(Connection::connect(now, beginning)).ok_or(ConnectError::Resources)?;
        Ok(ConnectionId(key))
    }

    /// CLOSE for good: the user lets go of a connection. What was written is still sent and the connection closed in
    /// order; if something was received and not read, it is reset. The identifier is not valid any more.
    pub fn close(&mut self, now: Instant, id: ConnectionId) {
        self.make_ready(id.0);
        if let Some(member) = self.connections.get_mut(id.0) {
            member.is_released = true;
            member.connection.release(now);
        }
    }

    fn local_port(&mut self, ip: IpAddr, port: u16, remote: SocketAddr) -> Result<SocketAddr, ConnectError> {
        if port != 0 {
            return Ok(SocketAddr::new(ip, port));
        }
        let Self { ports, secret, config, table, listening, connections, half_open, time_wait, .. } = self;
        let everybody = Everybody { connections, half_open, time_wait };
        let is_free = |port| {
            let local = SocketAddr::new(ip, port);
            // RFC 6056 section 3.2: not the port of a service.
            table.get(&Tuple::new(local, remote), &everybody).is_none()
                && !listening.contains_key(&local)
                && !listening.contains_key(&any(local))
        };
        let port = ports.choose(&config.ephemeral_ports, secret, ip, remote, is_free);
        port.map(|port| SocketAddr::new(ip, port)).ok_or(ConnectError::NoPort)
    }

    /// Takes a connection in.
    pub(super) fn add(&mut self, connection: Connection<O>) -> Option<Key> {
        let tuple = Tuple::new(connection.local(), connection.remote());
        let wheel = &mut self.wheel;
        // The timer has to know its owner, and the owner its timer.
        let mut timer = None;
        let key = self.connections.insert_with(|key| {
            let added = wheel.add(Slot::Connection(key));
            timer = added;
            Member {
                connection,
                timer: added.unwrap_or(key),
                is_ready: false,
                is_eventful: false,
                is_released: false,
                is_in_table: true,
            }
        })?;
        if timer.is_none() {
            self.connections.remove(key);
            return None;
        }
        self.bind(&tuple, Slot::Connection(key));
        self.make_ready(key);
        Some(key)
    }
}
