//! System calls: what each of them does, and what it returns, as Linux has it.

use core::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use synfin_tcp::{ConnectError, ConnectionId, ListenError, ReadOutcome, WriteError};
use synfin_wire::State;

use super::options::SocketOptions;
use super::{Connected, Kind, Pending, Socket, Sockets};
use crate::drill::calls::{Given, How, MessageFlags, Octets, Request, Returned, SystemCall};
use crate::drill::errno::Errno;
use crate::drill::names;
use crate::drill::stack::Stop;
use crate::drill::wire;

/// What came of an attempt: the value, or that it has to wait, or an error.
type Attempt = Result<Option<Returned>, Errno>;

/// It has to wait.
const WAIT: Attempt = Ok(None);

fn done(value: impl Into<i64>) -> Attempt {
    Ok(Some(Returned::ok(value)))
}

impl Sockets {
    /// Tries a call; nothing where it has to wait.
    pub(super) fn attempt(&mut self, pending: &mut Pending) -> Result<Option<Returned>, Stop> {
        if let SystemCall::Read(_, _, flags) = &pending.call
            && flags.is_urgent
        {
            return Err(Stop::Unsupported("recv with MSG_OOB".to_owned()));
        }
        let attempt = match pending.call.clone() {
            SystemCall::Socket { is_nonblocking } => Ok(Some(self.socket_call(is_nonblocking))),
            SystemCall::Bind(fd, address) => self.bind(fd, address),
            SystemCall::Listen(fd, backlog) => self.listen(fd, backlog),
            SystemCall::Accept(fd, is_nonblocking) => self.accept(fd, is_nonblocking),
            SystemCall::Connect(fd, address) => self.connect(fd, address, pending),
            SystemCall::Read(fd, len, flags) => self.read(fd, len, flags),
            SystemCall::Write(fd, octets, flags) => self.write(fd, &octets, flags, pending),
            SystemCall::Close(fd) => self.close(fd),
            SystemCall::Shutdown(fd, how) => self.shutdown(fd, how),
            SystemCall::SetNonblocking(fd, is_nonblocking) => self.socket(fd).and_then(|socket| {
                socket.is_nonblocking = is_nonblocking;
                done(0)
            }),
            SystemCall::GetFlags(fd) => self.socket(fd).and_then(|socket| {
                done(names::O_RDWR | if socket.is_nonblocking { names::O_NONBLOCK } else { 0 })
            }),
            SystemCall::SetOption(fd, option, value) => return self.set_option(fd, option, &value),
            SystemCall::GetOption(fd, option) => return self.option(fd, option),
            SystemCall::Ioctl(fd, request) => self.ioctl(fd, request),
            SystemCall::Poll(watched, _) => Ok(self.poll(&watched, pending.until_ns)),
        };
        Ok(match attempt {
            Ok(returned) => returned,
            Err(errno) => Some(Returned::error(errno)),
        })
    }

    fn socket_call(&mut self, is_nonblocking: bool) -> Returned {
        let options = SocketOptions::new(&self.settings);
        let socket = Socket { options, is_nonblocking, port: None, kind: Kind::Fresh };
        Returned::ok(self.add(socket))
    }

    fn bind(&mut self, fd: i32, address: Option<SocketAddr>) -> Attempt {
        let port = address.map_or(self.addresses.bind_port, |address| address.port());
        if let Some(ip) = address.map(|address| address.ip())
            && !ip.is_unspecified()
            && wire::is_same_family(ip, self.addresses.local)
            && ip != self.addresses.local
            && ip.is_loopback()
        {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let others = self.sockets.iter().filter(|(other, _)| **other != fd);
        let is_taken = others.into_iter().any(|(_, other)| {
            other.port == Some(port)
                && (matches!(other.kind, Kind::Listening(_)) || !other.options.is_reusing)
        });
        let socket = self.socket(fd)?;
        if socket.port.is_some() {
            return Err(Errno::EINVAL);
        }
        if port != 0 && is_taken {
            return Err(Errno::EADDRINUSE);
        }
        socket.port = Some(port);
        done(0)
    }

    fn listen(&mut self, fd: i32, backlog: i32) -> Attempt {
        let any: IpAddr = if self.addresses.local.is_ipv6() { [0u16; 8].into() } else { [0u8; 4].into() };
        let socket = self.sockets.get(&fd).ok_or(Errno::EBADF)?;
        match socket.kind {
            Kind::Fresh => {}
            // The backlog of one that listens stays as it is.
            Kind::Listening(_) => return done(0),
            Kind::Connected(_) => return Err(Errno::EINVAL),
        }
        let port = socket.port.filter(|port| *port != 0).ok_or(Errno::EOPNOTSUPP)?;
        let config = self.config(&socket.options, false);
        // Linux's queue is full when it holds more than the backlog.
        let backlog = usize::try_from(backlog).unwrap_or(usize::MAX).saturating_add(1);
        let listener = self.endpoint.listen(SocketAddr::new(any, port), backlog, Some(config));
        let listener = listener.map_err(|error| match error {
            ListenError::InUse(_) => Errno::EADDRINUSE,
            _ => Errno(12),
        })?;
        self.socket(fd)?.kind = Kind::Listening(listener);
        done(0)
    }

    fn accept(&mut self, fd: i32, is_nonblocking: bool) -> Attempt {
        let socket = self.sockets.get(&fd).ok_or(Errno::EBADF)?;
        let Kind::Listening(listener) = socket.kind else { return Err(Errno::EINVAL) };
        let (options, waits, port) = (socket.options.clone(), !socket.is_nonblocking, socket.port);
        match self.endpoint.accept(listener) {
            Some(id) => {
                let connected =
                    Connected { id, is_connecting: false, is_read_shut: false, has_answered: false };
                let kind = Kind::Connected(connected);
                let fd = self.add(Socket { options, is_nonblocking, port, kind });
                done(fd)
            }
            None if waits => WAIT,
            None => Err(Errno::EAGAIN),
        }
    }

    fn connect(&mut self, fd: i32, address: Option<SocketAddr>, pending: &mut Pending) -> Attempt {
        let (now, local, usual) = (self.now(), self.addresses.local, self.addresses);
        let socket = self.sockets.get(&fd).ok_or(Errno::EBADF)?;
        match socket.kind {
            Kind::Listening(_) => Err(Errno::EISCONN),
            Kind::Connected(connected) => self.go_on_connecting(fd, connected, pending),
            Kind::Fresh => {
                let remote = match address {
                    None => SocketAddr::new(usual.remote, usual.connect_port),
                    // Where it goes does not matter to the wire of a script: there is one other side.
                    Some(address) => SocketAddr::new(usual.remote, address.port()),
                };
                let config = self.config(&socket.options, true);
                let from = SocketAddr::new(local, socket.port.unwrap_or_default());
                let is_nonblocking = socket.is_nonblocking;
                let id =
                    self.endpoint.connect(now, from, remote, Some(config)).map_err(|error| match error {
                        ConnectError::Exists | ConnectError::NoPort => Errno::EADDRNOTAVAIL,
                        ConnectError::NotUnicast(_) => Errno::ENETUNREACH,
                        _ => Errno::EINVAL,
                    })?;
                let connected =
                    Connected { id, is_connecting: is_nonblocking, is_read_shut: false, has_answered: false };
                // The call that waits is the one that has begun it.
                pending.done = 1;
                let socket = self.socket(fd)?;
                socket.kind = Kind::Connected(connected);
                if is_nonblocking { Err(Errno::EINPROGRESS) } else { WAIT }
            }
        }
    }

    fn go_on_connecting(&mut self, fd: i32, mut connected: Connected, pending: &Pending) -> Attempt {
        let has_begun = pending.done > 0;
        match self.state(connected.id) {
            State::SynSent | State::SynReceived if has_begun => WAIT,
            State::SynSent | State::SynReceived => Err(Errno::EALREADY),
            State::Closed => {
                let error = self.take_error(connected.id);
                let socket = self.socket(fd)?;
                (socket.kind, socket.port) = (Kind::Fresh, None);
                let now = self.now();
                self.endpoint.close(now, connected.id);
                Err(error.unwrap_or(Errno::ECONNABORTED))
            }
            _ if has_begun || connected.is_connecting => {
                connected.is_connecting = false;
                self.socket(fd)?.kind = Kind::Connected(connected);
                done(0)
            }
            _ => Err(Errno::EISCONN),
        }
    }

    pub(super) fn state(&self, id: ConnectionId) -> State {
        self.endpoint.connection(id).map_or(State::Closed, synfin_tcp::Connection::state)
    }

    pub(super) fn take_error(&mut self, id: ConnectionId) -> Option<Errno> {
        self.note_events();
        self.fates.get_mut(&id).and_then(|fate| fate.error.take())
    }

    pub(super) fn connected(&self, fd: i32) -> Result<Connected, Errno> {
        match self.sockets.get(&fd).ok_or(Errno::EBADF)?.kind {
            Kind::Connected(connected) => Ok(connected),
            _ => Err(Errno::ENOTCONN),
        }
    }

    fn read(&mut self, fd: i32, len: usize, flags: MessageFlags) -> Attempt {
        let connected = self.connected(fd)?;
        let waits = !self.socket(fd)?.is_nonblocking && !flags.is_nonblocking;
        let now = self.now();
        let mut octets = BytesMut::new();
        let mut last = ReadOutcome::Blocked;
        if let Some(connection) = self.endpoint.connection_mut(connected.id) {
            while octets.len() < len {
                match connection.read(now, len - octets.len()) {
                    ReadOutcome::Data(chunk) => octets.extend_from_slice(&chunk),
                    outcome => {
                        last = outcome;
                        break;
                    }
                }
            }
        }
        if !octets.is_empty() {
            let value = i64::try_from(octets.len()).unwrap_or(i64::MAX);
            let given = Given::Octets(octets.freeze());
            return Ok(Some(Returned { result: Ok(value), given }));
        }
        if len == 0 || connected.is_read_shut {
            return done(0);
        }
        match last {
            ReadOutcome::Failed(_) => self.take_error(connected.id).map_or_else(|| done(0), Err),
            ReadOutcome::Finished => match self.take_error(connected.id) {
                Some(errno) => Err(errno),
                None => done(0),
            },
            _ if waits => WAIT,
            _ => Err(Errno::EAGAIN),
        }
    }

    fn write(&mut self, fd: i32, octets: &Octets, flags: MessageFlags, pending: &mut Pending) -> Attempt {
        let connected = self.connected(fd).map_err(|errno| match errno {
            Errno::ENOTCONN => Errno::EPIPE,
            other => other,
        })?;
        let waits = !self.socket(fd)?.is_nonblocking && !flags.is_nonblocking;
        if matches!(self.state(connected.id), State::SynSent | State::SynReceived) {
            return if waits { WAIT } else { Err(Errno::EAGAIN) };
        }
        let (rest, len) = self.rest(connected.id, octets, pending);
        let outcome = self.write_rest(connected.id, &rest, flags);
        match outcome {
            Err(_) if pending.done > 0 => done(i64::try_from(pending.done).unwrap_or(i64::MAX)),
            Err(_) => Err(self.take_error(connected.id).unwrap_or(Errno::EPIPE)),
            Ok(taken) => {
                if taken > 0 && !connected.has_answered {
                    self.on_write(fd, connected)?;
                }
                pending.done += taken;
                if pending.done == len || (!waits && pending.done > 0) {
                    done(i64::try_from(pending.done).unwrap_or(i64::MAX))
                } else if waits {
                    WAIT
                } else {
                    Err(Errno::EAGAIN)
                }
            }
        }
    }

    /// What is left to be written, as far as there is room for it, and how much it was in the beginning.
    fn rest(&self, id: ConnectionId, octets: &Octets, pending: &Pending) -> (Bytes, usize) {
        let room = self.endpoint.connection(id).map_or(0, synfin_tcp::Connection::send_room);
        match octets {
            Octets::Pattern(len) => {
                let done = u64::try_from(pending.done).unwrap_or_default();
                let left = len.saturating_sub(pending.done).min(room);
                (wire::pattern(pending.offset.saturating_add(done), left), *len)
            }
            Octets::These(text) => (text.slice(pending.done.min(text.len())..), text.len()),
        }
    }

    fn write_rest(
        &mut self,
        id: ConnectionId,
        text: &Bytes,
        flags: MessageFlags,
    ) -> Result<usize, WriteError> {
        let Some(connection) = self.endpoint.connection_mut(id) else { return Err(WriteError::Closing) };
        if flags.is_urgent { connection.write_urgent(text) } else { connection.write(text) }
    }

    fn close(&mut self, fd: i32) -> Attempt {
        let now = self.now();
        let socket = self.sockets.remove(&fd).ok_or(Errno::EBADF)?;
        match socket.kind {
            Kind::Fresh => {}
            Kind::Listening(listener) => self.endpoint.close_listener(now, listener),
            Kind::Connected(connected) => {
                if socket.options.linger == Some(0)
                    && let Some(connection) = self.endpoint.connection_mut(connected.id)
                {
                    connection.abort(now);
                }
                self.endpoint.close(now, connected.id);
                self.fates.remove(&connected.id);
            }
        }
        done(0)
    }

    fn shutdown(&mut self, fd: i32, how: How) -> Attempt {
        let now = self.now();
        let mut connected = self.connected(fd)?;
        if matches!(self.state(connected.id), State::Closed | State::SynSent) {
            return Err(Errno::ENOTCONN);
        }
        if matches!(how, How::Write | How::Both)
            && let Some(connection) = self.endpoint.connection_mut(connected.id)
        {
            // shutdown() asks for no state that the other direction is in.
            let _closed_already = connection.shutdown(now);
        }
        connected.is_read_shut |= matches!(how, How::Read | How::Both);
        self.socket(fd)?.kind = Kind::Connected(connected);
        done(0)
    }

    fn ioctl(&mut self, fd: i32, request: Request) -> Attempt {
        let connected = self.connected(fd).map_err(|errno| match errno {
            Errno::ENOTCONN => Errno::EINVAL,
            other => other,
        })?;
        let variables = self.endpoint.connection(connected.id).map(|connection| connection.info().variables);
        let variables = variables.ok_or(Errno::EINVAL)?;
        // What is queued behind snd.una and was sent already, without our SYN and FIN.
        let sent = u32::try_from(variables.snd_nxt.distance_from(variables.snd_una)).unwrap_or_default();
        let value = match request {
            Request::InputQueue => variables.receive_queue,
            Request::OutputQueue => variables.send_queue,
            Request::NotSent => variables.send_queue.saturating_sub(sent),
        };
        let value = crate::drill::calls::OptionValue::Number(value.into());
        Ok(Some(Returned::given(Given::Value(value))))
    }
}
