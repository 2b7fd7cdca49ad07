//! A host: a TCP, the IP around its segments, and an application.

use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use etherparse::IpNumber;
use synfin_tcp::{
    Burst, Checksum, Config, Endpoint, Event, IcmpError, IcmpMessage, Incoming, Instant, ListenError,
};
use synfin_wire::dissect::{Dissected, dissect};
use synfin_wire::{LinkType, SeqNumber, Side};

use crate::app::{App, Turn};
use crate::ip;
use crate::random::Random;
use crate::recorder::{Notes, Recorder};
use crate::scenario::HostConfig;
use crate::script::Action;

/// Segments that a host sends in one round: what they lead to is taken in before the next.
const BUDGET: u32 = 1024;

/// Connections that may wait to be accepted.
const BACKLOG: usize = 16;

/// A host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) endpoint: Endpoint<Recorder>,
    pub(crate) app: App,
    ip: IpAddr,
    next_identification: u16,
    /// Packets that were damaged or not for us.
    pub(crate) discarded: u64,
}

impl Host {
    pub(crate) fn new(
        side: Side,
        config: &HostConfig,
        addresses: [SocketAddr; 2],
        seed: u64,
        notes: Notes,
    ) -> Result<Self, ListenError> {
        let [local, remote] = addresses;
        let mut random = Random::new(seed, 16 + side as u64);
        let mut secret = [0; 16];
        for (to, from) in
            secret.iter_mut().zip([random.next(), random.next()].into_iter().flat_map(u64::to_le_bytes))
        {
            *to = from;
        }
        let settings =
            Config { connection: config.tcp.clone(), syn_cookies: config.syn_cookies, ..Config::new(secret) };
        let mut endpoint = Endpoint::new(settings, Recorder { side, notes });
        let is_active = side == Side::Client || config.does.contains(&Action::Connect);
        let listener = if is_active { None } else { Some(endpoint.listen(local, BACKLOG, None)?) };
        let app = App::new(side, config, local, remote, listener);
        Ok(Self { endpoint, app, ip: local.ip(), next_identification: 1, discarded: 0 })
    }

    /// Takes in an IP packet. What is damaged or not for this host is discarded and counted.
    pub(crate) fn handle(&mut self, now: Instant, packet: &Bytes) {
        if !self.handle_intact(now, packet) {
            self.discarded += 1;
        }
    }

    fn handle_intact(&mut self, now: Instant, packet: &Bytes) -> bool {
        if !ip::is_intact(packet) {
            return false;
        }
        if let Some((mtu, about)) = ip::read_too_big(packet) {
            let Some(quoted) = ip::quoted(about).filter(|quoted| quoted.local.ip() == self.ip) else {
                return false;
            };
            let error = IcmpError {
                local: quoted.local,
                remote: quoted.remote,
                seq: SeqNumber(quoted.seq),
                message: IcmpMessage::TooBig { mtu },
            };
            self.endpoint.handle_icmp(now, &error);
            return true;
        }
        let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let Some(Ok(Dissected::Tcp(header, segment))) = dissect(LinkType::RAW, packet, len).next() else {
            return false;
        };
        if header.destination != self.ip {
            return false;
        }
        let start = header.total_len.saturating_sub(segment_len(&segment));
        let bytes = usize::try_from(start)
            .ok()
            .zip(usize::try_from(header.total_len).ok())
            .filter(|(start, end)| start <= end && *end <= packet.len())
            .map(|(start, end)| packet.slice(start..end));
        let Some(bytes) = bytes else { return false };
        let ecn = ip::ecn(header.traffic_class);
        match Incoming::parse(bytes, header.source, header.destination, ecn, Checksum::Check) {
            Ok(mut incoming) => {
                self.endpoint.handle(now, header.source, header.destination, &mut incoming);
                true
            }
            Err(_) => false,
        }
    }

    /// One round: hands out what there is to send, and lets the application have its turn. Says whether that was the
    /// last round for now.
    pub(crate) fn flush(&mut self, turn: Turn, packets: &mut Vec<Bytes>) -> bool {
        // First what TCP has to say by itself: an application hears of a connection after the handshake is answered.
        if self.transmit(turn.now, packets) >= BUDGET {
            return false;
        }
        self.app.handle_turn(turn, &mut self.endpoint);
        let sent = self.transmit(turn.now, packets);
        let mut has_heard = false;
        while let Some((id, event)) = self.endpoint.poll_event() {
            has_heard = true;
            if let Event::Closed(Some(error)) = event
                && self.app.connection() == Some(id)
            {
                self.app.on_error(error);
            }
        }
        sent == 0 && !has_heard
    }

    /// Sends at most [`BUDGET`] segments. Says how many.
    fn transmit(&mut self, now: Instant, packets: &mut Vec<Bytes>) -> u32 {
        let next = &mut self.next_identification;
        let mut sink = |burst: &Burst<'_>| {
            for segment in burst.segments() {
                let fields =
                    ip::Fields { ttl: burst.ttl, dscp: burst.dscp, ecn: burst.ecn, identification: *next };
                *next = next.wrapping_add(1);
                let (source, destination) = (burst.source.ip(), burst.destination.ip());
                packets.extend(ip::packet(source, destination, IpNumber::TCP, fields, &segment.to_bytes()));
            }
        };
        self.endpoint.poll_transmit(now, BUDGET, &mut sink)
    }
}

/// Header, options and payload.
fn segment_len(segment: &synfin_wire::tcp::Segment<'_>) -> u32 {
    let options = u32::try_from(segment.options.as_bytes().len()).unwrap_or_default();
    20 + options + segment.payload_len
}
