//! Two endpoints, a wire between them, and somebody on it who drops, repeats, reorders, changes and invents segments
//! while both users do as they please.
//!
//! What must hold: nothing panics; `snd.una` never passes `snd.nxt`, and states change as RFC 9293's figure 5 has it;
//! nobody holds more than its buffers; as long as nothing was forged, what is read is a prefix of what was written; and
//! once both users have closed and time goes by, nothing is left: no connection, no record, no timer.
#![no_main]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use synfin_tcp::{
    Algorithm, Burst, Checksum, Config, ConnectionConfig, ConnectionId, Ecn, Endpoint, Handled, IcmpError,
    IcmpMessage, Incoming, Instant, KeepAlive, ListenerId, Observer, ReadOutcome, RtoConfig, Sample, SynCookies,
    Unreachable,
};
use synfin_wire::tcp::{Flags, Header, OptionsBuf, Segment};
use synfin_wire::{SeqNumber, StateChange};

#[derive(Arbitrary, Debug)]
struct Input {
    settings: [Settings; 2],
    is_simultaneous: bool,
    acts: Vec<Act>,
}

#[derive(Arbitrary, Debug)]
struct Settings {
    mtu: u16,
    send_buffer: u16,
    receive_buffer: u16,
    /// Twice to the power of this is the most that auto-tuning may make of it.
    growth: u8,
    initial_window: u8,
    min_rto_ms: u8,
    features: u16,
}

#[derive(Arbitrary, Debug)]
enum Act {
    Write {
        side: bool,
        len: u16,
        is_urgent: bool,
    },
    Read {
        side: bool,
        max: u16,
    },
    Shutdown {
        side: bool,
    },
    Abort {
        side: bool,
    },
    Close {
        side: bool,
    },
    Connect {
        side: bool,
    },
    Wait {
        ms: u16,
    },
    /// The segment of this number on the wire arrives, whatever comes before it.
    Deliver {
        nth: u8,
    },
    DeliverAll,
    Repeat {
        nth: u8,
    },
    Drop {
        nth: u8,
    },
    Change {
        nth: u8,
        change: Change,
    },
    Invent {
        to: bool,
        header: Invented,
        change: Change,
    },
    Icmp {
        to: bool,
        seq: i16,
        kind: u8,
        mtu: u16,
    },
}

/// How a segment differs from what was sent.
#[derive(Arbitrary, Debug)]
struct Change {
    flip_flags: u16,
    seq: i32,
    ack: i32,
    window: Option<u16>,
    urgent: Option<u16>,
    text: Option<Vec<u8>>,
    /// Options as they are on the wire, sense or not.
    options: Option<Vec<u8>>,
    is_marked: bool,
}

#[derive(Arbitrary, Debug)]
struct Invented {
    /// As near to the numbers in use as the change leaves it, or anywhere.
    is_near: bool,
    seq: u32,
    ack: u32,
}

/// Checks every change and every set of variables.
#[derive(Clone)]
struct Judge;

impl Observer for Judge {
    fn on_state_change(&mut self, change: &StateChange) {
        assert!(change.from.may_become(change.to), "{} -> {}", change.from, change.to);
    }

    fn on_sample(&mut self, sample: &Sample) {
        let v = &sample.variables;
        assert!(v.snd_una.is_at_or_before(v.snd_nxt), "{v:?}");
        assert!(v.sacked <= v.send_queue.saturating_add(1), "{v:?}");
        assert!(v.rto >= Duration::from_millis(1), "{v:?}");
    }
}

struct Host {
    endpoint: Endpoint<Judge>,
    config: ConnectionConfig,
    address: SocketAddr,
    listener: Option<ListenerId>,
    id: Option<ConnectionId>,
    /// Octets that the user has written into its connection, and read from it.
    written: Vec<u8>,
    read: Vec<u8>,
    segments: u64,
}

struct World {
    hosts: [Host; 2],
    now: Instant,
    /// Whom it is for, and the segment.
    wire: Vec<(usize, Bytes, Ecn)>,
    /// Whether anybody got what nobody sent.
    is_forged: bool,
    /// Connections that were begun: numbers of one may fit into another.
    begun: u32,
}

/// Segments that wait on the wire; what comes beyond that is lost.
const WIRE: usize = 400;

const IPS: [IpAddr; 2] =
    [IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2))];

fn config(s: &Settings) -> ConnectionConfig {
    let has = |bit: u16| s.features >> bit & 1 == 1;
    let receive_buffer = u32::from(s.receive_buffer);
    ConnectionConfig {
        mtu: u32::from(s.mtu),
        send_buffer: u32::from(s.send_buffer),
        receive_buffer,
        receive_buffer_max: receive_buffer << (s.growth % 6),
        window_scaling: has(0),
        timestamps: has(1),
        sack: has(2),
        ecn: has(3),
        nagle: has(4),
        congestion: if has(5) { Algorithm::Cubic } else { Algorithm::NewReno },
        hystart: has(6),
        pacing: has(7),
        initial_window: u32::from(s.initial_window),
        rto: RtoConfig { min: Duration::from_millis(s.min_rto_ms.into()), ..RtoConfig::default() },
        keep_alive: has(8).then_some(KeepAlive {
            idle: Duration::from_secs(5),
            interval: Duration::from_secs(1),
            probes: 3,
        }),
        msl: Duration::from_secs(30),
        ..ConnectionConfig::default()
    }
}

impl Host {
    fn new(index: usize, s: &Settings) -> Self {
        let config = config(s);
        let syn_cookies = match s.features >> 9 & 3 {
            0 => SynCookies::Always,
            1 => SynCookies::Never,
            _ => SynCookies::WhenFull,
        };
        let endpoint = Config {
            connection: config.clone(),
            syn_cookies,
            half_open_limit: 4,
            time_wait_limit: 4,
            ..Config::new([index as u8; 16])
        };
        let address = SocketAddr::new(IPS[index], if index == 0 { 5000 } else { 80 });
        let endpoint = Endpoint::new(endpoint, Judge);
        Self {
            endpoint,
            config,
            address,
            listener: None,
            id: None,
            written: Vec::new(),
            read: Vec::new(),
            segments: 0,
        }
    }

    fn check(&self) {
        let Some(connection) = self.id.and_then(|id| self.endpoint.connection(id)) else { return };
        let v = connection.info().variables;
        assert!(v.send_queue <= self.config.send_buffer.max(1), "{v:?}");
        assert!(v.receive_queue <= self.config.receive_buffer_max.max(1), "{v:?}");
        assert!(self.endpoint.states().count() <= 64, "somebody keeps count");
    }
}

impl World {
    fn flush(&mut self) {
        for index in 0..2 {
            let (now, wire) = (self.now, &mut self.wire);
            let host = &mut self.hosts[index];
            let mut sent = 0u64;
            let mut sink = |burst: &Burst<'_>| {
                for segment in burst.segments() {
                    sent += 1;
                    if wire.len() < WIRE {
                        wire.push((1 - index, segment.to_bytes(), burst.ecn));
                    }
                }
            };
            let mut rounds = 0;
            while host.endpoint.poll_transmit(now, 1000, &mut sink) > 0 {
                rounds += 1;
                assert!(rounds < 1000, "never stops sending");
            }
            host.segments += sent;
            while host.endpoint.poll_event().is_some() {}
            if host.id.is_none()
                && let Some(listener) = host.listener
            {
                host.id = host.endpoint.accept(listener);
                host.written.clear();
                host.read.clear();
            }
            host.check();
        }
    }

    fn hand_over(&mut self, to: usize, bytes: &Bytes, ecn: Ecn) {
        let Ok(mut incoming) = Incoming::parse(bytes.clone(), IPS[1 - to], IPS[to], ecn, Checksum::Check)
        else {
            return;
        };
        let handled = self.hosts[to].endpoint.handle(self.now, IPS[1 - to], IPS[to], &mut incoming);
        if let Handled::Accepted(_) = handled {
            self.begun += 1;
        }
        self.flush();
    }

    fn deliver(&mut self, nth: u8, keep: bool) {
        if self.wire.is_empty() {
            return;
        }
        let at = usize::from(nth) % self.wire.len();
        let (to, bytes, ecn) = if keep { self.wire[at].clone() } else { self.wire.remove(at) };
        self.hand_over(to, &bytes, ecn);
    }

    fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        let mut rounds = 0u32;
        loop {
            let next = self.hosts.iter().filter_map(|host| host.endpoint.poll_timeout()).min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            rounds = if next > self.now { 0 } else { rounds + 1 };
            assert!(rounds < 1000, "time stands still");
            self.now = self.now.max(next);
            for host in &mut self.hosts {
                host.endpoint.handle_timeout(self.now);
            }
            self.flush();
        }
        self.now = self.now.max(until);
    }

    fn read(&mut self, index: usize, max: usize) {
        let now = self.now;
        let host = &mut self.hosts[index];
        let Some(connection) = host.id.and_then(|id| host.endpoint.connection_mut(id)) else { return };
        while let ReadOutcome::Data(text) = connection.read(now, max) {
            assert!(!text.is_empty() && text.len() <= max);
            host.read.extend_from_slice(&text);
        }
        let (read, peer) = (&self.hosts[index].read, &self.hosts[1 - index]);
        if !self.is_forged && self.begun <= 1 {
            assert!(peer.written.starts_with(read), "read what nobody wrote");
        }
    }

    fn act(&mut self, act: &Act) {
        let now = self.now;
        match act {
            Act::Write { side, len, is_urgent } => {
                let host = &mut self.hosts[usize::from(*side)];
                let Some(connection) = host.id.and_then(|id| host.endpoint.connection_mut(id)) else {
                    return;
                };
                let from = host.written.len();
                let text: Bytes = (from..from + usize::from(*len)).map(|n| (n * 31 >> 3) as u8).collect();
                let taken = if *is_urgent { connection.write_urgent(&text) } else { connection.write(&text) };
                host.written.extend_from_slice(&text[..taken.unwrap_or(0)]);
            }
            Act::Read { side, max } => self.read(usize::from(*side), usize::from(*max).max(1)),
            Act::Shutdown { side } | Act::Abort { side } => {
                let host = &mut self.hosts[usize::from(*side)];
                let Some(connection) = host.id.and_then(|id| host.endpoint.connection_mut(id)) else {
                    return;
                };
                if matches!(act, Act::Abort { .. }) {
                    connection.abort(now);
                } else {
                    let _closed_already = connection.shutdown(now);
                }
            }
            Act::Close { side } => {
                let host = &mut self.hosts[usize::from(*side)];
                if let Some(id) = host.id.take() {
                    host.endpoint.close(now, id);
                }
            }
            Act::Connect { side } => self.connect(usize::from(*side)),
            Act::Wait { ms } => self.wait(Duration::from_millis((*ms).into())),
            Act::Deliver { nth } => self.deliver(*nth, false),
            Act::DeliverAll => {
                for _ in 0..WIRE {
                    self.deliver(0, false);
                }
            }
            Act::Repeat { nth } => self.deliver(*nth, true),
            Act::Drop { nth } if !self.wire.is_empty() => {
                self.wire.remove(usize::from(*nth) % self.wire.len());
            }
            Act::Drop { .. } => {}
            Act::Change { nth, change } if !self.wire.is_empty() => {
                let (to, bytes, ecn) = self.wire.remove(usize::from(*nth) % self.wire.len());
                let Some(segment) = Segment::parse(&bytes, bytes.len() as u32).ok() else { return };
                let (options, text) = (segment.options.as_bytes().to_vec(), segment.payload.to_vec());
                self.forge(to, segment.header, options, text, ecn, change);
            }
            Act::Change { .. } => {}
            Act::Invent { to, header, change } => self.invent(usize::from(*to), header, change),
            Act::Icmp { to, seq, kind, mtu } => self.icmp(usize::from(*to), *seq, *kind, *mtu),
        }
    }

    fn connect(&mut self, index: usize) {
        let remote = self.hosts[1 - index].address;
        let now = self.now;
        let host = &mut self.hosts[index];
        if host.id.is_none()
            && let Ok(id) = host.endpoint.connect(now, host.address, remote, None)
        {
            host.id = Some(id);
            host.written.clear();
            host.read.clear();
            self.begun += u32::from(index == 0 || self.begun > 0);
        }
    }

    /// A segment in the name of the peer.
    fn invent(&mut self, to: usize, invented: &Invented, change: &Change) {
        let (source, destination) = (self.hosts[1 - to].address, self.hosts[to].address);
        let victim = &self.hosts[to];
        let near = victim.id.and_then(|id| victim.endpoint.connection(id)).filter(|_| invented.is_near);
        let (seq, ack) = near.map_or((SeqNumber(invented.seq), SeqNumber(invented.ack)), |connection| {
            let v = connection.info().variables;
            (v.rcv_nxt, v.snd_nxt)
        });
        let header = Header {
            source_port: source.port(),
            destination_port: destination.port(),
            seq,
            ack,
            flags: Flags::ACK,
            window: 1000,
            ..Header::default()
        };
        self.forge(to, header, Vec::new(), Vec::new(), Ecn::NotEct, change);
    }

    fn forge(
        &mut self,
        to: usize,
        mut header: Header,
        options: Vec<u8>,
        text: Vec<u8>,
        ecn: Ecn,
        change: &Change,
    ) {
        self.is_forged = true;
        header.flags = Flags::from_bits(header.flags.bits() ^ (change.flip_flags & 0x1ff));
        header.seq = SeqNumber(header.seq.0.wrapping_add_signed(change.seq));
        header.ack = SeqNumber(header.ack.0.wrapping_add_signed(change.ack));
        header.window = change.window.unwrap_or(header.window);
        header.urgent_pointer = change.urgent.unwrap_or(header.urgent_pointer);
        let mut options = change.options.clone().unwrap_or(options);
        options.truncate(40);
        options.resize(options.len().next_multiple_of(4), 0);
        let mut bytes = vec![0; 20];
        if header.emit(&OptionsBuf::new(), &mut bytes).is_none() {
            return;
        }
        bytes[12] = ((5 + options.len() / 4) as u8) << 4 | bytes[12] & 0xf;
        bytes.extend_from_slice(&options);
        bytes.extend_from_slice(change.text.as_ref().unwrap_or(&text));
        Header::fill_checksum(&mut bytes, IPS[1 - to], IPS[to]);
        self.hand_over(to, &bytes.into(), if change.is_marked { Ecn::Ce } else { ecn });
    }

    fn icmp(&mut self, to: usize, seq: i16, kind: u8, mtu: u16) {
        // It may end an attempt, and make segments smaller: what is read stays a prefix.
        let (local, remote) = (self.hosts[to].address, self.hosts[1 - to].address);
        let host = &mut self.hosts[to];
        let near = host.id.and_then(|id| host.endpoint.connection(id)).map(|c| c.info().variables.snd_una);
        let seq = SeqNumber(near.unwrap_or_default().0.wrapping_add_signed(seq.into()));
        let message = match kind % 6 {
            0 => IcmpMessage::SourceQuench,
            1 => IcmpMessage::Unreachable(Unreachable::Network),
            2 => IcmpMessage::Unreachable(Unreachable::Port),
            3 => IcmpMessage::Unreachable(Unreachable::Host),
            _ => IcmpMessage::TooBig { mtu: mtu.into() },
        };
        host.endpoint.handle_icmp(self.now, &IcmpError { local, remote, seq, message });
        self.flush();
    }

    /// Both users go, the wire is perfect, and time goes by.
    fn wind_up(&mut self) {
        let now = self.now;
        for host in &mut self.hosts {
            if let Some(id) = host.id.take() {
                host.endpoint.close(now, id);
            }
            if let Some(listener) = host.listener.take() {
                host.endpoint.close_listener(now, listener);
            }
        }
        self.flush();
        let end = self.now + Duration::from_secs(4 * 3600);
        let mut segments = 0u32;
        loop {
            while !self.wire.is_empty() {
                self.deliver(0, false);
                segments += 1;
                assert!(segments < 200_000, "they never stop talking");
            }
            let next = self.hosts.iter().filter_map(|host| host.endpoint.poll_timeout()).min();
            let Some(next) = next else { break };
            assert!(next < end, "a timer for ever");
            self.now = self.now.max(next);
            for host in &mut self.hosts {
                host.endpoint.handle_timeout(self.now);
            }
            self.flush();
        }
        for host in &self.hosts {
            assert_eq!(host.endpoint.states().count(), 0, "{:?}", host.endpoint.states().next());
        }
    }
}

fuzz_target!(|input: Input| {
    let [a, b] = &input.settings;
    let mut world = World {
        hosts: [Host::new(0, a), Host::new(1, b)],
        now: Instant::from_nanos(1_000_000_000),
        wire: Vec::new(),
        is_forged: false,
        begun: 0,
    };
    if input.is_simultaneous {
        world.connect(1);
    } else {
        let address = world.hosts[1].address;
        world.hosts[1].listener = world.hosts[1].endpoint.listen(address, 4, None).ok();
    }
    world.connect(0);
    world.flush();
    for act in input.acts.iter().take(300) {
        world.act(act);
        world.flush();
    }
    for index in 0..2 {
        world.read(index, usize::MAX);
    }
    world.wind_up();
});
