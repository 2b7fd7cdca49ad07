//! Packets and what the kernel tells, as one, in the order of time.
//!
//! Both are on one clock. The kernel's side is told last, since it holds events back to sort them; so packets wait for
//! it, for a twentieth of a second.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use synfin_capture::{Frame, Interface, Record};
use synfin_kernel::{
    Event, EventOptions, Existing, Report, Scope, Session, SessionError, SessionOptions, TrackerOptions,
    event::{Dropped, Subject},
};
use synfin_wire::{
    Direction, InterfaceId, LinkType, Loss, Note, NoteKind, Observation, Owner, SeqNumber, StateChange,
};

use super::filter::Filter;
use super::has_several;
use crate::failure::Failure;
use crate::session;

/// Bytes of packets that may wait. Beyond, the oldest ones go ahead.
const MAX_BYTES: usize = 256 << 20;

/// What a packet takes beside its bytes.
const PACKET_BYTES: usize = size_of::<Packet>();

/// Something that the kernel told.
#[derive(Debug)]
enum Told {
    Change(StateChange),
    Owner(Owner),
    Note { subject: Subject, kind: NoteKind, seq: Option<SeqNumber>, reason: String },
    Forked { parent: u32, child: u32 },
    Lost(Loss),
}

/// A packet that waits.
#[derive(Debug)]
struct Packet {
    at_ns: u64,
    link: LinkType,
    interface: InterfaceId,
    direction: Option<Direction>,
    original_len: u32,
    bytes: Box<[u8]>,
}

/// Packets and what the kernel tells.
pub(crate) struct Fuse {
    kernel: Session,
    packets: VecDeque<Packet>,
    bytes: usize,
    /// Frames that were handed on.
    number: u64,
    /// Packets come from several captures, each in the order of its own.
    has_several: bool,
    told: VecDeque<(u64, Told)>,
}

impl Fuse {
    /// Asks the kernel. `filter` is that of the capture: what of it makes no sense of a socket leaves nothing out.
    pub(crate) fn open(filter: &str, forks: bool, scope: Scope) -> Result<Self, SessionError> {
        let mut events = EventOptions { forks, ..EventOptions::default() };
        if let Ok(filter) = Filter::parse(&[filter.to_owned()]) {
            filter.narrow(&mut events);
        }
        let tracker = TrackerOptions::default();
        let has_several = has_several(&scope);
        let kernel = Session::open(&SessionOptions { events, tracker, scope })?;
        Ok(Self { kernel, has_several, packets: VecDeque::new(), bytes: 0, number: 0, told: VecDeque::new() })
    }

    /// What this kernel offers.
    pub(crate) fn report(&self) -> &[synfin_kernel::Capability] {
        self.kernel.report()
    }

    /// A packet was captured.
    pub(crate) fn push(&mut self, record: &Record<'_>) {
        let Frame { number: _, at_ns, link, interface, direction, original_len, bytes, fate: _ } =
            record.frame;
        self.bytes += bytes.len() + PACKET_BYTES;
        let bytes = bytes.into();
        // Each capture is in order, or nearly so, but for the others one is at most some milliseconds behind.
        let later =
            self.packets.iter().rev().take_while(|packet| self.has_several && packet.at_ns > at_ns).count();
        let place = self.packets.len() - later;
        self.packets.insert(place, Packet { at_ns, link, interface, direction, original_len, bytes });
    }

    /// All packets up to `seen_until_ns` were captured: hands over everything of which both sides are known. Says up to
    /// which time that is.
    ///
    /// Where the capture lies behind, the kernel's side waits for it: what it tells of the next connection between the same
    /// ports would be taken for the one before.
    pub(crate) fn advance(
        &mut self,
        seen_until_ns: u64,
        interfaces: &[Interface],
        session: &mut session::Session,
    ) -> Result<u64, Failure> {
        // What happens from here on may not be in the ring when it is looked at.
        let began_ns = now_ns();
        let told = &mut self.told;
        self.kernel.poll(Some(Duration::ZERO), |report| told.extend(translate(report)))?;
        let known_ns = began_ns.saturating_sub(TrackerOptions::default().hold_back_ns).min(seen_until_ns);
        self.release(known_ns, interfaces, session)?;
        Ok(known_ns)
    }

    /// No packet will follow: hands over all that is left.
    pub(crate) fn finish(
        &mut self,
        interfaces: &[Interface],
        session: &mut session::Session,
    ) -> Result<(), Failure> {
        self.kernel.stopper().stop();
        let told = &mut self.told;
        let mut is_stopped = false;
        while !is_stopped {
            let polled = self.kernel.poll(None, |report| told.extend(translate(report)))?;
            is_stopped = polled == synfin_kernel::Polled::Stopped;
        }
        self.release(u64::MAX, interfaces, session)
    }

    fn release(
        &mut self,
        until_ns: u64,
        interfaces: &[Interface],
        session: &mut session::Session,
    ) -> Result<(), Failure> {
        while let Some(packet) = self.packets.front()
            && (packet.at_ns <= until_ns || self.bytes > MAX_BYTES)
        {
            let at_ns = packet.at_ns;
            self.tell(at_ns, session);
            let Some(packet) = self.packets.pop_front() else { break };
            self.bytes -= packet.bytes.len() + PACKET_BYTES;
            let Some(interface) = interfaces.get(packet.interface.0 as usize) else { continue };
            let Packet { at_ns, link, interface: id, direction, original_len, bytes } = &packet;
            self.number += 1;
            let frame = Frame {
                number: self.number,
                at_ns: *at_ns,
                link: *link,
                interface: *id,
                direction: *direction,
                original_len: *original_len,
                bytes,
                fate: synfin_wire::Fate::default(),
            };
            session.on_record(&Record { frame, interface, comment: None, blocks: &[] })?;
        }
        self.tell(until_ns, session);
        Ok(())
    }

    fn tell(&mut self, until_ns: u64, session: &mut session::Session) {
        while let Some((_, told)) = self.told.pop_front_if(|(at_ns, _)| *at_ns <= until_ns) {
            match told {
                Told::Change(change) => session.on_told(&Observation::StateChange(change)),
                Told::Owner(owner) => session.on_told(&Observation::Owner(owner)),
                Told::Note { subject: Subject { at_ns, socket, local, remote, .. }, kind, seq, reason } => {
                    let namespace = socket.namespace;
                    let note = Note { at_ns, namespace, local, remote, kind, seq, reason: &reason };
                    session.on_told(&Observation::Note(note));
                }
                Told::Forked { parent, child } => session.on_fork(parent, child),
                Told::Lost(loss) => session.on_loss(&loss),
            }
        }
    }
}

/// What matters to connections.
fn translate(report: Report) -> Option<(u64, Told)> {
    match report {
        // Listeners have no packets.
        Report::Change(change) if change.change.remote.port() == 0 => None,
        Report::Change(change) => Some((change.change.at_ns, Told::Change(change.change))),
        Report::Owner(owner) => Some((owner.at_ns, Told::Owner(owner))),
        Report::Existing(Existing { socket, local, remote, process, .. }) => {
            let process = process.filter(|_| remote.port() != 0)?;
            Some((0, Told::Owner(Owner { at_ns: 0, socket, local, remote, process })))
        }
        Report::Event(event) => {
            let at_ns = event.at_ns();
            Some((at_ns, translate_event(event)?))
        }
        _ => None,
    }
}

fn translate_event(event: Event) -> Option<Told> {
    Some(match event {
        Event::Retransmit(sent) => {
            let reason = match sent.timeouts {
                0 => String::new(),
                n => format!("timeout {n} in {}", sent.state),
            };
            // A SYN-ACK's number is not told.
            let seq = (sent.seq != 0 || sent.end_seq != 0).then_some(SeqNumber(sent.seq));
            Told::Note { subject: sent.subject, kind: NoteKind::Retransmit, seq, reason }
        }
        Event::ResetSent(reset) => Told::Note {
            subject: reset.subject,
            kind: NoteKind::ResetSent,
            seq: None,
            reason: reset.reason.to_string(),
        },
        Event::Dropped(Dropped { subject, seq, reason, .. }) => Told::Note {
            subject,
            kind: NoteKind::Dropped,
            seq: Some(SeqNumber(seq)),
            reason: reason.to_string(),
        },
        Event::Forked { parent, child, .. } => Told::Forked { parent, child },
        Event::Lost(loss) => Told::Lost(loss),
        _ => return None,
    })
}

/// Nanoseconds since the Unix epoch.
fn now_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
