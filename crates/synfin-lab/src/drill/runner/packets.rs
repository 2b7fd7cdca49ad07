//! Packets that go in, and packets that are expected to come out.

use core::net::SocketAddr;

use synfin_wire::tcp::Flags;

use super::{End, Runner, nanos, ports_of, seconds};
use crate::drill::compare::{self, Difference};
use crate::drill::icmp;
use crate::drill::mapping::Ports;
use crate::drill::script::{Content, IpFields, Packet, Tcp, When};
use crate::drill::stack::Stop;
use crate::drill::wire::{self, Seen};

/// Linux's timers end late by at most one part in so many of what they were set to: see [`Plan::has_coarse_timers`].
///
/// [`Plan::has_coarse_timers`]: crate::drill::Plan::has_coarse_timers
const COARSE: u64 = 8;

impl Runner<'_> {
    /// A packet goes in.
    pub(super) fn inject(&mut self, packet: &Packet) -> Result<(), End> {
        let index = self.connection_of_inbound(packet)?;
        let ports = self.mapping(index)?.ports;
        let addresses = self.plan.addresses;
        let local = SocketAddr::new(addresses.local, ports.local);
        let remote = SocketAddr::new(addresses.remote, ports.remote);
        let bytes = match &packet.content {
            Content::Tcp(tcp) => {
                let mapped = self.mapping(index)?.inbound(tcp);
                let mapped = mapped.map_err(|what| self.failed(what, self.line(), "nothing"))?;
                let payload = wire::pattern(stream_offset(tcp), tcp.len.into());
                wire::segment(remote, local, packet.ip, &mapped, &payload)
            }
            Content::Icmp(icmp) => {
                let seq = self.mapping(index)?.local_seq(icmp.about.0);
                icmp::packet(icmp, local, remote, seq)
            }
            Content::Unsupported(what) => {
                return self.stopped(Err(Stop::Unsupported(what.clone())));
            }
        };
        let bytes = bytes.ok_or_else(|| Stop::Unsupported("a packet that no header can describe".to_owned()));
        let bytes = self.stopped(bytes)?;
        let at_ns = self.stack.now_ns();
        self.note(at_ns, &packet.to_string());
        let injected = self.stack.inject(&bytes);
        self.stopped(injected)?;
        self.late_ns = 0;
        self.collect()?;
        Ok(())
    }

    /// The connection that a packet from the script's side belongs to; the first one to a listener begins one.
    fn connection_of_inbound(&mut self, packet: &Packet) -> Result<usize, End> {
        if let Some(ports) = ports_of(packet) {
            let known = self.mappings.iter().position(|mapping| mapping.ports == ports);
            let index = known.unwrap_or_else(|| self.add_mapping(ports));
            if self.listening.take().is_some() || self.current.is_none() {
                self.current = Some(index);
            }
            return Ok(index);
        }
        if let Some(local) = self.listening.take() {
            return Ok(self.begin_connection(local));
        }
        match self.current {
            Some(index) => Ok(index),
            // Nobody listens: a connection that there is not.
            None => Ok(self.begin_connection(self.plan.addresses.bind_port)),
        }
    }

    fn begin_connection(&mut self, local: u16) -> usize {
        let ports = Ports { local, remote: self.next_port };
        self.next_port = self.next_port.wrapping_add(1).max(1024);
        let index = self.add_mapping(ports);
        self.current = Some(index);
        index
    }

    /// A packet is expected to come out.
    pub(super) fn expect(&mut self, when: When, packet: &Packet) -> Result<(), End> {
        let Content::Tcp(expected) = &packet.content else { return Ok(()) };
        let (from_ns, to_ns) = self.window(when);
        let (index, mut seen) = self.next_seen(packet, to_ns)?;
        self.mapping(index)?.learn(expected, &seen);
        let at_ns = seen.at_ns;
        if !self.plan.has_strict_segments {
            self.put_together(index, expected, &mut seen, to_ns)?;
        }
        let came = self.mapping(index)?.outbound(&seen);
        let mut differences = compare::segments(expected, &packet.ip, &came, &seen, &self.exactness(&came));
        if differences.is_empty() && !self.is_text_right(&came, &seen) {
            differences.push(Difference::new("text", "octets as they were written", "others"));
        }
        let notation = self.notation(&seen, &packet.ip);
        let shown = format!("{} {notation}", seconds(at_ns));
        if !differences.is_empty() {
            let what: Vec<_> = differences
                .iter()
                .map(|Difference { what, expected, came }| {
                    format!("{what}: expected {expected}, came {came}")
                })
                .collect();
            return Err(self.failed(what.join("; "), self.line(), shown));
        }
        if at_ns < from_ns || to_ns.is_some_and(|to| at_ns > to) {
            let what = format!("time: expected {}, came at {}", self.expected_time(when), seconds(at_ns));
            return Err(self.failed(what, self.line(), shown));
        }
        self.note(at_ns, &notation);
        self.base_ns = match when {
            When::At(time) => nanos(time),
            When::After(time) => self.base_ns.saturating_add(nanos(time)),
            _ => at_ns,
        };
        self.sent_ns = Some(self.base_ns);
        self.late_ns = at_ns.saturating_sub(self.base_ns);
        Ok(())
    }

    /// From when to when a packet may come, with the tolerance; no end for `*`.
    fn window(&self, when: When) -> (u64, Option<u64>) {
        let base = self.base_ns;
        let (from, to) = match when {
            When::At(time) => (nanos(time), nanos(time)),
            When::After(time) => (base.saturating_add(nanos(time)), base.saturating_add(nanos(time))),
            When::Between(from, to) => (nanos(from), nanos(to)),
            When::AfterBetween(from, to) => {
                (base.saturating_add(nanos(from)), base.saturating_add(nanos(to)))
            }
            When::Any | When::Now => return (0, None),
        };
        let tolerance = self.tolerance_ns(from.saturating_sub(base));
        let mut late = tolerance;
        if self.plan.has_coarse_timers && to > base {
            let began = self.sent_ns.unwrap_or(base).min(base);
            let timer = to.saturating_sub(began) / COARSE;
            // RFC 6298 section 2.2: a first round trip that seems longer makes the timeout three times as much longer.
            let delay = self.delay_ns.saturating_mul(3);
            let lag = timer.saturating_add(self.late_ns).saturating_add(delay);
            late = tolerance.max(self.tolerance_ns(0).saturating_add(lag));
        }
        (from.saturating_sub(tolerance), Some(to.saturating_add(late)))
    }

    fn expected_time(&self, when: When) -> String {
        let base = self.base_ns;
        let after = |time| seconds(base.saturating_add(nanos(time)));
        match when {
            When::At(time) => seconds(nanos(time)),
            When::After(time) => after(time),
            When::Between(from, to) => format!("{} to {}", seconds(nanos(from)), seconds(nanos(to))),
            When::AfterBetween(from, to) => format!("{} to {}", after(from), after(to)),
            When::Any | When::Now => "any time".to_owned(),
        }
    }

    /// The next packet of the connection that a line is about. Packets of connections that it is not about, and that no
    /// line can name, are passed over, as packetdrill does.
    fn next_seen(&mut self, packet: &Packet, to_ns: Option<u64>) -> Result<(usize, Seen), End> {
        let now_ns = self.stack.now_ns();
        let until_ns = to_ns.unwrap_or(now_ns).max(now_ns).saturating_add(self.stack.patience_ns());
        loop {
            while let Some(seen) = self.unseen.pop_front() {
                let ports = Ports { local: seen.source.port(), remote: seen.destination.port() };
                let index = self.connection_of_outbound(packet, &seen, ports);
                if let Some(index) = index {
                    return Ok((index, seen));
                }
            }
            if self.stack.now_ns() >= until_ns {
                let when = to_ns.map_or(String::new(), |_| format!(" until {}", seconds(until_ns)));
                return Err(self.failed("no packet came out", self.line(), format!("nothing{when}")));
            }
            let run = self.stack.run(until_ns);
            self.stopped(run)?;
            self.collect()?;
        }
    }

    fn connection_of_outbound(&mut self, packet: &Packet, seen: &Seen, ports: Ports) -> Option<usize> {
        let known = self.mappings.iter().position(|mapping| mapping.ports == ports);
        let is_syn = seen.header.flags.syn() && !seen.header.flags.ack();
        if let Some(named) = ports_of(packet) {
            // The TCP may have chosen its own port.
            return known.filter(|_| named == ports || named.local == 0);
        }
        if self.is_connecting && is_syn && known.is_none() {
            self.is_connecting = false;
            let index = self.add_mapping(ports);
            self.current = Some(index);
            return Some(index);
        }
        known.filter(|known| self.current == Some(*known))
    }

    /// A line may stand for several segments, as a device with segmentation offload would send them at once: they
    /// follow each other without a gap, and differ in nothing but PSH and FIN, which the last may have.
    fn put_together(
        &mut self,
        index: usize,
        expected: &Tcp,
        seen: &mut Seen,
        to_ns: Option<u64>,
    ) -> Result<(), End> {
        let wanted = usize::from(expected.len);
        let size = seen.payload.len();
        while seen.payload.len() < wanted && size > 0 {
            if self.unseen.is_empty() {
                let until_ns = to_ns.unwrap_or_else(|| self.stack.now_ns());
                if self.stack.now_ns() < until_ns {
                    let run = self.stack.run(until_ns);
                    self.stopped(run)?;
                }
                self.collect()?;
            }
            let ports = self.mapping(index)?.ports;
            let next = self.unseen.front().filter(|next| next_is(next, seen, ports, size, wanted));
            let Some(next) = next else { return Ok(()) };
            seen.payload = [&seen.payload[..], &next.payload[..]].concat().into();
            for flag in [Flags::PSH, Flags::FIN] {
                if next.header.flags.contains(flag) {
                    seen.header.flags |= flag;
                }
            }
            seen.is_intact &= next.is_intact;
            self.unseen.pop_front();
        }
        Ok(())
    }

    /// Whether octets are those that were written there.
    fn is_text_right(&self, came: &Tcp, seen: &Seen) -> bool {
        if came.flags.syn() || came.len == 0 {
            return true;
        }
        let offset = stream_offset(came);
        (offset..).zip(&seen.payload).all(|(at, octet)| {
            let text = self
                .texts
                .iter()
                .rev()
                .find_map(|(start, text)| text.get(usize::try_from(at.checked_sub(*start)?).ok()?));
            *octet == text.copied().unwrap_or_else(|| wire::octet(at)) || *octet == wire::octet(at)
        })
    }

    /// A packet that came out, in the notation of scripts, with those fields of IP that the script names.
    pub(super) fn notation(&self, seen: &Seen, named: &IpFields) -> String {
        let ports = Ports { local: seen.source.port(), remote: seen.destination.port() };
        let index = self.mappings.iter().position(|mapping| mapping.ports == ports);
        let (content, has_ports) = match index.and_then(|index| self.mappings.get(index)) {
            Some(mapping) => (mapping.outbound(seen), index != self.current),
            None => (crate::drill::mapping::Mapping::new(ports).outbound(seen), true),
        };
        let packet = Packet {
            direction: crate::drill::script::Direction::Out,
            ip: IpFields {
                ecn: named.ecn.map(|_| compare::ecn_field(seen.traffic_class)),
                tos: named.tos.map(|_| seen.traffic_class),
                ttl: named.ttl.map(|_| seen.ttl),
            },
            ports: has_ports.then_some((ports.local, ports.remote)),
            content: Content::Tcp(content),
        };
        packet.to_string()
    }
}

/// Whether a segment goes on where another one ends, as the next piece of one burst.
fn next_is(next: &Seen, seen: &Seen, ports: Ports, size: usize, wanted: usize) -> bool {
    let len = u32::try_from(seen.payload.len()).unwrap_or(u32::MAX);
    let but = |flags: Flags| flags.without(Flags::PSH | Flags::FIN | Flags::CWR);
    let is_last = seen.payload.len() + next.payload.len() >= wanted;
    next.source.port() == ports.local
        && next.destination.port() == ports.remote
        && next.header.seq == seen.header.seq + len
        && next.header.ack == seen.header.ack
        && but(next.header.flags) == but(seen.header.flags)
        && !seen.header.flags.fin()
        && !next.payload.is_empty()
        && seen.payload.len() + next.payload.len() <= wanted
        && (next.payload.len() == size || is_last)
}

/// Where the first octet of a segment stands in its stream.
fn stream_offset(tcp: &Tcp) -> u64 {
    if tcp.flags.syn() { 0 } else { u64::from(tcp.seq.wrapping_sub(1)) }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::drill::profile::{HostSettings, Profile};
    use crate::drill::script::Script;
    use crate::drill::settings::{Planned, Settings};
    use crate::drill::sockets::Sockets;

    const MS: u64 = 1_000_000;

    /// From when to when a packet may come that is expected 300 ms after an event at 10 s, in milliseconds. The last one
    /// came out `sent_ms` before that event, `late_ms` late; the machine was late by `delay_ms` at most.
    fn window(is_kernel: bool, sent_ms: u64, late_ms: u64, delay_ms: u64) -> (u64, u64) {
        let script = Script::parse("test.pkt", "0 close(3) = 0\n").unwrap();
        let settings = Settings { is_foreign: is_kernel, is_real_time: is_kernel, ..Settings::default() };
        let Ok(Planned::Plan(plan)) = script.plan(&settings) else { panic!("no plan") };
        let mut stack = Sockets::new(HostSettings::new(Profile::Linux), plan.addresses, plan.mtu);
        let mut runner = Runner::new(&script, &plan, &mut stack);
        runner.base_ns = 10_000 * MS;
        runner.sent_ns = Some((10_000 - sent_ms) * MS);
        (runner.late_ns, runner.delay_ns) = (late_ms * MS, delay_ms * MS);
        let (from, to) = runner.window(When::After(Duration::from_millis(300)));
        (from / MS - 10_000, to.unwrap() / MS - 10_000)
    }

    /// Ours is exact: packetdrill's 4 ms either way, and nothing else matters.
    #[test]
    fn virtual_time_has_packetdrills_tolerance() {
        assert_eq!(window(false, 0, 0, 0), (296, 304));
        assert_eq!(window(false, 5000, 50, 50), (296, 304));
    }

    /// A kernel's timers are never early by more than the tolerance (12.5 % of 300 ms), and late by 10 ms, an eighth of
    /// what they were set to, what the last packet was late, and three times what the machine was.
    #[test]
    fn a_kernels_timers_may_be_late() {
        assert_eq!(window(true, 0, 0, 0), (262, 300 + 10 + 37), "300 / 8");
        assert_eq!(
            window(true, 100, 0, 0),
            (262, 300 + 10 + 50),
            "the timer began when the last packet went: 400 / 8"
        );
        assert_eq!(
            window(true, 0, 25, 0),
            (262, 300 + 10 + 37 + 25),
            "a late packet makes what follows late"
        );
        assert_eq!(
            window(true, 0, 0, 7),
            (262, 300 + 10 + 37 + 21),
            "a round trip that seems longer counts three times"
        );
    }
}
