//! Two hosts, each an endpoint, and the link between them. Time goes from one wake-up to the next.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use synfin_tcp::{
    Burst, Checksum, Config, ConnectionConfig, ConnectionId, Ecn, Endpoint, Incoming, Instant, ListenerId,
    Observer, Outgoing, Variables,
};
use synfin_wire::tcp::{Flags, Header, OptionsBuf, Segment};
use synfin_wire::{Sample, SeqNumber, SocketId, State, StateChange};

use crate::link::Link;

/// Which host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Host {
    A,
    B,
}

impl Host {
    pub(crate) fn ip(self) -> IpAddr {
        match self {
            Self::A => IpAddr::from([10, 0, 0, 1]),
            Self::B => IpAddr::from([10, 0, 0, 2]),
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(crate) fn address(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip(), port)
    }
}

/// Remembers every state, and checks every change: each socket goes on from where it was, so that none was missed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watcher(pub(crate) Rc<RefCell<Vec<StateChange>>>, Rc<RefCell<Sockets>>, Rc<RefCell<Shown>>);

/// The last state of each socket. Each endpoint counts its own.
type Sockets = BTreeMap<(SocketAddr, u64), State>;

/// The variables that were shown last of each socket of one endpoint.
type Shown = BTreeMap<u64, Variables>;

impl Observer for Watcher {
    fn on_state_change(&mut self, change: &StateChange) {
        assert!(change.from.may_become(change.to), "{} -> {}", change.from, change.to);
        let before = self.1.borrow_mut().insert((change.local, change.socket.cookie), change.to);
        match before {
            Some(before) => assert_eq!(before, change.from, "nobody said how it got there: {change:?}"),
            None => assert!(matches!(change.from, State::Closed | State::Listen), "{change:?}"),
        }
        self.0.borrow_mut().push(*change);
    }

    fn on_sample(&mut self, sample: &Sample) {
        let Sample { socket, variables: v, .. } = sample;
        assert!(v.snd_una.is_at_or_before(v.snd_nxt), "{v:?}");
        let outstanding = v.snd_nxt.distance_from(v.snd_una);
        assert!(
            [v.in_flight, v.sacked, v.lost].iter().all(|&part| i64::from(part) <= i64::from(outstanding)),
            "{v:?}"
        );
        assert!(v.cwnd > 0 || !v.state.is_synchronized() || v.state == State::TimeWait, "{v:?}");
        let states = self.1.borrow();
        let known = states.iter().any(|((_, cookie), state)| *cookie == socket.cookie && *state == v.state);
        assert!(known, "{} was not told: {states:?}", v.state);
        self.2.borrow_mut().insert(socket.cookie, *v);
    }
}

impl Watcher {
    /// The variables that were shown last.
    pub(crate) fn shown(&self, socket: SocketId) -> Option<Variables> {
        self.2.borrow().get(&socket.cookie).copied()
    }

    /// The states that sockets are in which have not come to their end.
    pub(crate) fn unfinished(&self) -> Vec<State> {
        let is_over = |state: &State| matches!(state, State::Closed | State::Listen);
        self.1.borrow().values().copied().filter(|state| !is_over(state)).collect()
    }

    /// The states of the endpoint at an address, in order.
    pub(crate) fn states(&self, local: SocketAddr) -> Vec<State> {
        let changes = self.0.borrow();
        let mine = changes.iter().filter(|c| c.local == local);
        let first = mine.clone().next().map(|c| c.from);
        first.into_iter().chain(mine.map(|c| c.to)).collect()
    }
}

/// Says which segments are lost.
pub(crate) type Filter = Box<dyn FnMut(Host, &Segment<'_>) -> bool>;

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) a: Endpoint<Watcher>,
    pub(crate) b: Endpoint<Watcher>,
    pub(crate) watcher: Watcher,
    pub(crate) a_to_b: Link,
    pub(crate) b_to_a: Link,
    /// By time, then by order of sending.
    in_flight: BTreeMap<(u64, u64), (Host, Bytes, Ecn)>,
    order: u64,
    /// Every segment sent, in words, when somebody asked for it.
    pub(crate) log: Option<Vec<String>>,
    /// Drops the segments that this says.
    pub(crate) filter: Option<Filter>,
    pub(crate) sent: u64,
    /// Initial sequence numbers, for relative ones in the log.
    pub(crate) iss: (Option<SeqNumber>, Option<SeqNumber>),
    /// Prints every segment.
    pub(crate) is_loud: bool,
}

pub(crate) fn config(connection: ConnectionConfig, secret: u8) -> Config {
    Config { connection, ..Config::new([secret; 16]) }
}

impl World {
    pub(crate) fn new(a: ConnectionConfig, b: ConnectionConfig, delay: Duration) -> Self {
        let watcher = Watcher::default();
        Self {
            now: Instant::from_nanos(1_000_000_000),
            a: Endpoint::new(config(a, 1), watcher.clone()),
            b: Endpoint::new(config(b, 2), watcher.clone()),
            watcher,
            a_to_b: Link::perfect(delay),
            b_to_a: Link::perfect(delay),
            in_flight: BTreeMap::new(),
            order: 0,
            log: None,
            filter: None,
            sent: 0,
            iss: (None, None),
            is_loud: false,
        }
    }

    pub(crate) fn endpoint(&mut self, host: Host) -> &mut Endpoint<Watcher> {
        match host {
            Host::A => &mut self.a,
            Host::B => &mut self.b,
        }
    }

    /// Sends everything that both hosts have to send.
    pub(crate) fn flush(&mut self) {
        for host in [Host::A, Host::B] {
            let now = self.now;
            let mut packets: Vec<(Bytes, Ecn)> = Vec::new();
            let mut sink = |burst: &Burst<'_>| {
                packets.extend(burst.segments().map(|s: Outgoing<'_>| (s.to_bytes(), burst.ecn)))
            };
            let endpoint = match host {
                Host::A => &mut self.a,
                Host::B => &mut self.b,
            };
            let mut rounds = 0;
            while endpoint.poll_transmit(now, 1000, &mut sink) > 0 {
                rounds += 1;
                assert!(rounds < 10_000, "{host:?} never stops sending");
            }
            for (packet, ecn) in packets {
                self.send(host, &packet, ecn);
            }
        }
    }

    /// Puts a packet on the link.
    pub(crate) fn send(&mut self, from: Host, packet: &Bytes, ecn: Ecn) {
        self.sent += 1;
        let segment = Segment::parse(packet, packet.len() as u32).unwrap();
        if self.is_loud {
            let h = &segment.header;
            println!(
                "{:>12.6} {from:?} {} seq {} ack {} win {} len {} {:?}",
                self.now.as_nanos() as f64 / 1e9,
                h.flags,
                h.seq,
                h.ack,
                h.window,
                segment.payload_len,
                segment.options.iter().flatten().collect::<Vec<_>>()
            );
        }
        if let Some(log) = &mut self.log {
            let (ours, theirs) = match from {
                Host::A => (&mut self.iss.0, self.iss.1),
                Host::B => (&mut self.iss.1, self.iss.0),
            };
            let base = *ours.get_or_insert(segment.header.seq);
            log.push(format!("{from:?} {}", describe(&segment, base, theirs)));
        }
        if self.filter.as_mut().is_some_and(|filter| filter(from, &segment)) {
            return;
        }
        let link = match from {
            Host::A => &mut self.a_to_b,
            Host::B => &mut self.b_to_a,
        };
        for (at, packet, ecn) in link.pass(self.now.as_nanos(), packet, ecn) {
            self.order += 1;
            self.in_flight.insert((at, self.order), (from, packet, ecn));
        }
    }

    /// Goes to the next thing that happens, if anything does before `until`. What arrives at one time is one batch.
    pub(crate) fn step(&mut self, until: Instant) -> bool {
        self.flush();
        let arrival = self.in_flight.keys().next().map(|&(at, _)| Instant::from_nanos(at));
        let next = [arrival, self.a.poll_timeout(), self.b.poll_timeout()].into_iter().flatten().min();
        let Some(next) = next.filter(|&next| next <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        self.now = self.now.max(next);
        while let Some((&(at, order), _)) = self.in_flight.first_key_value()
            && at <= self.now.as_nanos()
        {
            let (from, packet, ecn) = self.in_flight.remove(&(at, order)).unwrap();
            self.deliver(from, &packet, ecn);
        }
        let now = self.now;
        self.a.handle_timeout(now);
        self.b.handle_timeout(now);
        self.flush();
        true
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_link_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    pub(crate) fn deliver(&mut self, from: Host, packet: &Bytes, ecn: Ecn) {
        let (source, destination) = (from.ip(), from.other().ip());
        let now = self.now;
        if let Ok(mut segment) = Incoming::parse(packet.clone(), source, destination, ecn, Checksum::Check) {
            self.endpoint(from.other()).handle(now, source, destination, &mut segment);
        }
    }

    /// Runs until nothing happens any more, or so long.
    pub(crate) fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.step(until) {}
    }

    /// Runs until this holds; fails after so long.
    pub(crate) fn run_until(
        &mut self,
        limit: Duration,
        what: &str,
        mut holds: impl FnMut(&mut Self) -> bool,
    ) {
        let until = self.now + limit;
        loop {
            self.flush();
            if holds(self) {
                return;
            }
            assert!(self.step(until), "never happened: {what}");
        }
    }

    /// B listens on port 80, A connects from port 5000.
    pub(crate) fn connected(&mut self) -> (ConnectionId, ConnectionId, ListenerId) {
        let listener = self.b.listen(Host::B.address(80), 10, None).unwrap();
        let a = self.a.connect(self.now, Host::A.address(5000), Host::B.address(80), None).unwrap();
        let mut b = None;
        self.run_until(Duration::from_secs(300), "handshake", |world| {
            b = b.or_else(|| world.b.accept(listener));
            b.is_some()
        });
        (a, b.unwrap(), listener)
    }

    /// The state of the connection at a host, CLOSED where there is none.
    pub(crate) fn state(&self, host: Host) -> State {
        let endpoint = match host {
            Host::A => &self.a,
            Host::B => &self.b,
        };
        endpoint.states().map(|(_, _, state)| state).next().unwrap_or(State::Closed)
    }
}

/// The configuration of tests that look at single segments: no options, so that lines are short.
pub(crate) fn plain() -> ConnectionConfig {
    ConnectionConfig {
        timestamps: false,
        sack: false,
        window_scaling: false,
        pacing: false,
        msl: Duration::from_secs(30),
        ..ConnectionConfig::default()
    }
}

/// A segment in words, with relative numbers.
pub(crate) fn describe(segment: &Segment<'_>, ours: SeqNumber, theirs: Option<SeqNumber>) -> String {
    let header = &segment.header;
    let mut line = format!("{} seq {}", header.flags, header.seq.distance_from(ours));
    if header.flags.ack() {
        line += &format!(" ack {}", header.ack.distance_from(theirs.unwrap_or_default()));
    }
    if segment.payload_len > 0 {
        line += &format!(" len {}", segment.payload_len);
    }
    line
}

impl World {
    /// What was sent since the last time.
    pub(crate) fn taken(&mut self) -> Vec<String> {
        self.flush();
        std::mem::take(self.log.get_or_insert_default())
    }

    /// Lets everything that is on its way arrive, and what it causes, but waits for no timer.
    pub(crate) fn settle(&mut self) {
        self.flush();
        while let Some((&(at, order), _)) = self.in_flight.first_key_value() {
            self.now = self.now.max(Instant::from_nanos(at));
            let (from, packet, ecn) = self.in_flight.remove(&(at, order)).unwrap();
            self.deliver(from, &packet, ecn);
            self.flush();
        }
    }

    /// Throws away what is on its way.
    pub(crate) fn lose_all(&mut self) {
        self.flush();
        self.in_flight.clear();
    }

    /// Hands a segment to the other host as if `from` had sent it, now or long ago.
    pub(crate) fn inject(
        &mut self,
        from: Host,
        ports: (u16, u16),
        flags: Flags,
        seq: SeqNumber,
        ack: SeqNumber,
    ) {
        let header = Header {
            source_port: ports.0,
            destination_port: ports.1,
            seq,
            ack,
            flags,
            window: 1000,
            ..Header::default()
        };
        let mut bytes = vec![0; 20];
        header.emit(&OptionsBuf::new(), &mut bytes).unwrap();
        Header::fill_checksum(&mut bytes, from.ip(), from.other().ip());
        self.deliver(from, &bytes.into(), Ecn::NotEct);
    }
}
