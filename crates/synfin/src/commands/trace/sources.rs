//! Where packets come from: one capture, or one in each of several network namespaces.

use std::time::Duration;

use synfin_capture::{Frame, Interface, Live, LiveError, LiveOptions, Poll, Record, Stopper};
use synfin_wire::{Direction, InterfaceId, LinkType, Loss};

/// Of several captures none is waited for longer than this while others may have something: they hand over what they
/// have in blocks as long.
const TURN: Duration = Duration::from_millis(10);

/// Captures that run.
pub(super) struct Sources {
    all: Vec<Source>,
    /// The interfaces of all captures; each capture numbers its own from 0.
    interfaces: Vec<Interface>,
    number: u64,
    /// Whose turn it is.
    turn: usize,
    /// The frame at hand, where there are several captures.
    bytes: Vec<u8>,
}

struct Source {
    live: Live,
    /// What its interfaces are told to be, and in which namespace.
    description: Option<String>,
    /// Where in `interfaces` each of its own is.
    positions: Vec<InterfaceId>,
    has_ended: bool,
}

/// All of a frame but its bytes.
struct Head {
    at_ns: u64,
    link: LinkType,
    interface: usize,
    direction: Option<Direction>,
    original_len: u32,
}

impl Sources {
    /// One capture.
    pub(super) fn open(options: &LiveOptions) -> Result<Self, LiveError> {
        Ok(Self::new(vec![(Live::open(options)?, None)]))
    }

    /// Captures that were opened elsewhere, each with what is to be said of its interfaces.
    pub(super) fn new(lives: Vec<(Live, Option<String>)>) -> Self {
        let source =
            |(live, description)| Source { live, description, positions: Vec::new(), has_ended: false };
        let mut sources = Self {
            all: lives.into_iter().map(source).collect(),
            interfaces: Vec::new(),
            number: 0,
            turn: 0,
            bytes: Vec::new(),
        };
        for index in 0..sources.all.len() {
            sources.place(index, 0);
        }
        sources
    }

    /// As [`Live::next_record`]. Of several captures, each is asked in turn; one that breaks off ends alone, as long as
    /// there are others.
    pub(super) fn next_record(&mut self, timeout: Duration) -> Result<Poll<'_>, LiveError> {
        if self.all.len() <= 1 {
            return self.all.first_mut().map_or(Ok(Poll::End), |only| only.live.next_record(timeout));
        }
        let Some((source, head)) = self.fetch(timeout)? else {
            let is_over = self.all.iter().all(|source| source.has_ended);
            return Ok(if is_over { Poll::End } else { Poll::Idle });
        };
        let id = self.place(source, head.interface);
        self.number += 1;
        let Some(interface) = self.interfaces.get(id.0 as usize) else { return Ok(Poll::Idle) };
        let Head { at_ns, link, direction, original_len, .. } = head;
        let (number, bytes) = (self.number, self.bytes.as_slice());
        let fate = synfin_wire::Fate::default();
        let frame = Frame { number, at_ns, link, interface: id, direction, original_len, bytes, fate };
        Ok(Poll::Frame(Record { frame, interface, comment: None, blocks: &[] }))
    }

    /// A frame of any capture, and of which.
    fn fetch(&mut self, timeout: Duration) -> Result<Option<(usize, Head)>, LiveError> {
        let count = self.all.len();
        // First whoever has one; then a wait for one of them, whichever.
        for wait in [Duration::ZERO, timeout.min(TURN)] {
            let mut wait = wait;
            for _ in 0..count {
                self.turn = (self.turn + 1) % count.max(1);
                let others = self.all.iter().filter(|source| !source.has_ended).count();
                let Some(source) = self.all.get_mut(self.turn).filter(|source| !source.has_ended) else {
                    continue;
                };
                match source.live.next_record(wait) {
                    Ok(Poll::Frame(Record { frame, .. })) => {
                        self.bytes.clear();
                        self.bytes.extend_from_slice(frame.bytes);
                        let Frame { at_ns, link, interface, direction, original_len, .. } = frame;
                        let interface = interface.0 as usize;
                        return Ok(Some((
                            self.turn,
                            Head { at_ns, link, interface, direction, original_len },
                        )));
                    }
                    Ok(Poll::Idle) => wait = Duration::ZERO,
                    Ok(Poll::End) => source.has_ended = true,
                    Err(error) if others > 1 => {
                        source.has_ended = true;
                        let of = source.description.as_deref().unwrap_or_default();
                        eprintln!("synfin: a capture broke off: {error} ({of})");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(None)
    }

    /// The number that an interface has among those of all captures.
    fn place(&mut self, source: usize, interface: usize) -> InterfaceId {
        let Some(source) = self.all.get_mut(source) else { return InterfaceId(0) };
        // Interfaces come one after the other.
        while source.positions.len() <= interface {
            let Some(found) = source.live.interfaces().get(source.positions.len()) else { break };
            let id = InterfaceId(u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX));
            source.positions.push(id);
            self.interfaces.push(Interface { description: source.description.clone(), ..found.clone() });
        }
        source.positions.get(interface).copied().unwrap_or(InterfaceId(0))
    }

    /// The interfaces that records name.
    pub(super) fn interfaces(&self) -> &[Interface] {
        match self.all.as_slice() {
            [only] => only.live.interfaces(),
            _ => &self.interfaces,
        }
    }

    /// What was lost by any of them.
    pub(super) fn poll_loss(&mut self) -> Option<Loss> {
        self.all.iter_mut().find_map(|source| source.live.poll_loss())
    }

    /// Ends all captures.
    pub(super) fn stoppers(&self) -> Vec<Stopper> {
        self.all.iter().map(|source| source.live.stopper()).collect()
    }

    /// How frames begin and how finely their stamps count, for people.
    pub(super) fn describe(&self) -> String {
        let first = self.all.first();
        first.map_or(String::new(), |source| {
            format!("{}, stamps: {}", source.live.link(), source.live.resolution())
        })
    }
}
