//! Our own TCP with sockets above it, in virtual time: system calls as Linux has them, on an [`Endpoint`].
//!
//! Time goes from one deadline to the next and never further than it is let. What a call has to wait for is looked at
//! again whenever anything has happened.

mod calls;
mod info;
mod options;
mod readiness;
mod watch;

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use synfin_tcp::{
    Burst, Checksum, Config, ConnectionConfig, ConnectionId, Endpoint, Event, Incoming, Instant, ListenerId,
};
use synfin_wire::dissect::{Dissected, dissect};
use synfin_wire::{LinkType, State};

use self::options::SocketOptions;
use self::watch::Watch;
use super::calls::{Returned, SystemCall};
use super::errno::Errno;
use super::icmp;
use super::profile::HostSettings;
use super::stack::{Stack, Stop};
use super::sysctl::Setting;
use crate::ip;

/// When virtual time begins, as the TCP counts it: far enough from zero that no clock stands at its start.
const EPOCH_NS: u64 = 1_577_836_800_000_000_000;

/// Rounds without time going on, after which something is wrong.
const MAX_ROUNDS: u32 = 10_000;

/// Segments sent between two looks at everything else.
const BUDGET: u32 = 1024;

/// Most packets that wait to be looked at.
const PACKETS_MAX: usize = 100_000;

/// Smallest descriptor: below are the standard streams.
const FIRST_DESCRIPTOR: i32 = 3;

/// Our own TCP, with its sockets.
pub(crate) struct Sockets {
    endpoint: Endpoint<Watch>,
    settings: HostSettings,
    /// Whether nothing was done with the endpoint yet, so that its own settings may still change.
    is_pristine: bool,
    addresses: Addresses,
    watch: Watch,
    now_ns: u64,
    sockets: BTreeMap<i32, Socket>,
    fates: HashMap<ConnectionId, Fate>,
    counts: HashMap<(SocketAddr, SocketAddr), Counts>,
    packets: VecDeque<(u64, Bytes)>,
    pending: Option<Pending>,
    returned: Option<(u64, Returned)>,
    next_identification: u16,
}

/// Who is where, and the usual ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Addresses {
    /// The host under test.
    pub local: IpAddr,
    /// The script's own side.
    pub remote: IpAddr,
    /// What `bind(3, ..., ...)` binds to.
    pub bind_port: u16,
    /// What `connect(3, ..., ...)` connects to.
    pub connect_port: u16,
}

/// A socket.
#[derive(Debug)]
struct Socket {
    options: SocketOptions,
    is_nonblocking: bool,
    port: Option<u16>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Neither listening nor connected.
    Fresh,
    Listening(ListenerId),
    Connected(Connected),
}

/// A socket with a connection.
#[derive(Clone, Copy, Debug)]
struct Connected {
    id: ConnectionId,
    /// A `connect` that did not block, whose end the user has not heard of.
    is_connecting: bool,
    is_read_shut: bool,
    /// Whether the user has answered what came, before it was time to acknowledge it.
    has_answered: bool,
}

/// What became of a connection, as the user hears it.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    /// An error that no call has told yet.
    error: Option<Errno>,
    /// What ICMP said in passing.
    soft: Option<Errno>,
}

/// Segments of one connection.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    out: u64,
    data_out: u64,
    octets_out: u64,
    arrived: u64,
    data_arrived: u64,
    /// When text arrived last.
    text_ns: Option<u64>,
}

/// A call that blocks.
#[derive(Debug)]
struct Pending {
    call: SystemCall,
    /// Place in the stream of the first octet that it writes.
    offset: u64,
    /// Octets that it has moved already.
    done: usize,
    /// When `poll` gives up.
    until_ns: Option<u64>,
}

impl Sockets {
    pub(crate) fn new(settings: HostSettings, addresses: Addresses, mtu: u32) -> Self {
        let mut settings = settings;
        settings.connection.mtu = mtu;
        let watch = Watch::default();
        Self {
            endpoint: endpoint(&settings, &watch),
            settings,
            is_pristine: true,
            addresses,
            watch,
            now_ns: 0,
            sockets: BTreeMap::new(),
            fates: HashMap::new(),
            counts: HashMap::new(),
            packets: VecDeque::new(),
            pending: None,
            returned: None,
            next_identification: 1,
        }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(EPOCH_NS.saturating_add(self.now_ns))
    }

    fn socket(&mut self, fd: i32) -> Result<&mut Socket, Errno> {
        self.sockets.get_mut(&fd).ok_or(Errno::EBADF)
    }

    fn add(&mut self, socket: Socket) -> i32 {
        let free = (FIRST_DESCRIPTOR..).find(|fd| !self.sockets.contains_key(fd));
        let fd = free.unwrap_or(i32::MAX);
        self.sockets.insert(fd, socket);
        fd
    }

    /// The settings of a new connection: the socket's, with what depends on who opens it.
    fn config(&self, options: &SocketOptions, is_active: bool) -> ConnectionConfig {
        let mut config = options.config.clone();
        config.ecn = if is_active { self.settings.is_ecn_asked_for } else { self.settings.is_ecn_granted };
        if !is_active && !options.has_syn_count {
            config.syn_r2 = self.settings.syn_ack_r2;
        }
        if self.settings.has_quick_acks {
            config.delayed_ack = core::time::Duration::ZERO;
        }
        config
    }

    /// Everything that follows from what has just happened: segments leave, events are noted, a call returns.
    fn settle(&mut self) -> Result<(), Stop> {
        for _ in 0..MAX_ROUNDS {
            let sent = self.transmit();
            let has_heard = self.note_events();
            let has_returned = self.retry()?;
            if !sent && !has_heard && !has_returned {
                return Ok(());
            }
            if self.packets.len() > PACKETS_MAX {
                return Err(Stop::Broken(format!("more than {PACKETS_MAX} packets came out at once")));
            }
        }
        Err(Stop::Broken("time does not go on".to_owned()))
    }

    fn transmit(&mut self) -> bool {
        let (now, now_ns) = (self.now(), self.now_ns);
        let (packets, counts, next) = (&mut self.packets, &mut self.counts, &mut self.next_identification);
        let mut sink = |burst: &Burst<'_>| {
            for segment in burst.segments() {
                let fields =
                    ip::Fields { ttl: burst.ttl, dscp: burst.dscp, ecn: burst.ecn, identification: *next };
                *next = next.wrapping_add(1);
                let (source, destination) = (burst.source, burst.destination);
                let len = u64::from(segment.payload.len());
                let count = counts.entry((source, destination)).or_default();
                count.out += 1;
                count.data_out += u64::from(len > 0);
                count.octets_out += len;
                let bytes = segment.to_bytes();
                let packet =
                    ip::packet(source.ip(), destination.ip(), etherparse::IpNumber::TCP, fields, &bytes);
                packets.extend(packet.map(|packet| (now_ns, packet)));
            }
        };
        self.endpoint.poll_transmit(now, BUDGET, &mut sink) > 0
    }

    fn note_events(&mut self) -> bool {
        let mut is_any = false;
        while let Some((id, event)) = self.endpoint.poll_event() {
            is_any = true;
            let fate = self.fates.entry(id).or_default();
            match event {
                Event::Closed(Some(error)) => {
                    let socket = self.endpoint.connection(id).map(synfin_tcp::Connection::socket);
                    let last = socket.and_then(|socket| self.watch.last_state(socket.cookie));
                    let errno = match (Errno::from(error), last) {
                        // Linux: there is nobody left to read what is written.
                        (Errno::ECONNRESET, Some(State::CloseWait)) => Errno::EPIPE,
                        (Errno::ETIMEDOUT, _) => fate.soft.unwrap_or(Errno::ETIMEDOUT),
                        (errno, _) => errno,
                    };
                    fate.error = Some(errno);
                }
                Event::Unreachable(why) => fate.soft = Some(why.into()),
                _ => {}
            }
        }
        is_any
    }

    /// Looks whether the call that blocks can go on.
    fn retry(&mut self) -> Result<bool, Stop> {
        let Some(mut pending) = self.pending.take() else { return Ok(false) };
        match self.attempt(&mut pending)? {
            Some(returned) => {
                self.returned = Some((self.now_ns, returned));
                Ok(true)
            }
            None => {
                self.pending = Some(pending);
                Ok(false)
            }
        }
    }

    fn handle(&mut self, packet: &Bytes) {
        let now = self.now();
        if let Some(error) = icmp::read(packet) {
            self.endpoint.handle_icmp(now, &error);
            return;
        }
        let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let Some(Ok(Dissected::Tcp(header, segment))) = dissect(LinkType::RAW, packet, len).next() else {
            return;
        };
        let options = segment.options.as_bytes().len();
        let Some(start) = packet.len().checked_sub(20 + options + segment.payload.len()) else { return };
        let (source, destination) = (header.source, header.destination);
        let ecn = ip::ecn(header.traffic_class);
        let bytes = packet.slice(start..);
        if let Ok(mut incoming) = Incoming::parse(bytes, source, destination, ecn, Checksum::Check) {
            let ports = &incoming.header;
            let key = (
                SocketAddr::new(destination, ports.destination_port),
                SocketAddr::new(source, ports.source_port),
            );
            let count = self.counts.entry(key).or_default();
            count.arrived += 1;
            if !incoming.payload.is_empty() {
                count.data_arrived += 1;
                count.text_ns = Some(self.now_ns);
            }
            self.endpoint.handle(now, source, destination, &mut incoming);
        }
    }

    /// When anything happens by itself.
    fn next_ns(&self) -> Option<u64> {
        let timer = self.endpoint.poll_timeout().map(|at| at.as_nanos().saturating_sub(EPOCH_NS));
        let poll = self.pending.as_ref().and_then(|pending| pending.until_ns);
        timer.into_iter().chain(poll).min()
    }
}

fn endpoint(settings: &HostSettings, watch: &Watch) -> Endpoint<Watch> {
    let config = Config {
        half_open_limit: settings.half_open_limit,
        syn_cookies: settings.syn_cookies,
        time_wait_limit: settings.time_wait_limit,
        ephemeral_ports: settings.ephemeral_ports.clone(),
        connection: settings.connection.clone(),
        // Every run is the same: this is a laboratory.
        ..Config::new(*b"synfin drill run")
    };
    Endpoint::new(config, watch.clone())
}

impl Stack for Sockets {
    fn has_variable(&self, name: &str) -> bool {
        info::VARIABLES.contains(&name)
    }

    fn now_ns(&self) -> u64 {
        self.now_ns
    }

    fn run(&mut self, until_ns: u64) -> Result<(), Stop> {
        let mut rounds = 0;
        loop {
            if !self.packets.is_empty() || self.returned.is_some() {
                return Ok(());
            }
            let Some(next_ns) = self.next_ns().filter(|next| *next <= until_ns) else {
                self.now_ns = self.now_ns.max(until_ns);
                return Ok(());
            };
            rounds = if next_ns > self.now_ns { 0 } else { rounds + 1 };
            if rounds > MAX_ROUNDS {
                return Err(Stop::Broken("time does not go on".to_owned()));
            }
            self.now_ns = self.now_ns.max(next_ns);
            self.endpoint.handle_timeout(self.now());
            self.settle()?;
        }
    }

    fn poll_packet(&mut self) -> Option<(u64, Bytes)> {
        self.packets.pop_front()
    }

    fn inject(&mut self, packet: &Bytes) -> Result<(), Stop> {
        self.is_pristine = false;
        self.handle(packet);
        self.settle()
    }

    fn call(&mut self, call: &SystemCall, offset: u64) -> Result<Option<Returned>, Stop> {
        self.is_pristine = false;
        let until_ns = match call {
            SystemCall::Poll(_, Some(timeout)) => {
                Some(self.now_ns.saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX)))
            }
            _ => None,
        };
        let mut pending = Pending { call: call.clone(), offset, done: 0, until_ns };
        let returned = self.attempt(&mut pending)?;
        if returned.is_none() {
            self.pending = Some(pending);
        }
        self.settle()?;
        Ok(returned)
    }

    fn poll_call(&mut self) -> Option<(u64, Returned)> {
        self.returned.take()
    }

    fn set(&mut self, setting: &Setting) -> Result<(), Stop> {
        let before = self.settings.clone();
        self.settings.apply(setting).map_err(Stop::Unsupported)?;
        if self.is_pristine {
            self.endpoint = endpoint(&self.settings, &self.watch);
        } else if !self.settings.is_same_endpoint(&before) {
            return Err(Stop::Unsupported(format!("sysctl {} after the first call", setting.name)));
        }
        Ok(())
    }

    fn info(&mut self, descriptor: i32) -> Result<BTreeMap<&'static str, i128>, Stop> {
        self.variables(descriptor)
    }
}
