//! The hellos of TLS: records walked through, and the first handshake message put together (RFC 8446, 5.1; RFC 5246,
//! 6.2). Nothing behind the hellos is read.

mod hello;

pub(crate) use hello::Hello;

use crate::message::{Carrier, TlsVersion};
use crate::track::Track;

/// Longest hello that is gathered, in bytes. With post-quantum key shares and Encrypted ClientHello a few KiB.
pub(crate) const MAX_HELLO_BYTES: usize = 64 * 1024;
/// Longest record: 2^14 bytes and what encryption may add (RFC 5246, 6.2.3).
const MAX_RECORD_BYTES: usize = (1 << 14) + 2048;
/// How far records are walked behind a hello whose answer may ask for another one: early data (RFC 8446, 4.2.10) may
/// stand between the two.
const MAX_WALK_BYTES: u64 = 64 * 1024;

const RECORD_HEADER_BYTES: usize = 5;
const HANDSHAKE_HEADER_BYTES: usize = 4;
const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const HANDSHAKE: u8 = 22;
const HEARTBEAT: u8 = 24;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// Does a packet that begins so begin a hello, for certain? Record, handshake and version fields must all fit.
pub(crate) fn begins_hello(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [HANDSHAKE, 3, 0..=4, _, _, CLIENT_HELLO | SERVER_HELLO, 0, high, _, 3, 0..=3, ..] if usize::from(*high) << 8 < MAX_HELLO_BYTES
    )
}

/// Gathers a hello out of the records of one direction.
#[derive(Default, Debug)]
pub(crate) struct TlsReader {
    header: Vec<u8>,
    /// Payload bytes of the present record to come.
    left: usize,
    is_handshake: bool,
    goal: Goal,
    track: Option<Track>,
    record_version: u16,
    held: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Goal {
    /// A hello, with the first record.
    #[default]
    First,
    /// Another hello, behind records that are not handshake.
    Next,
    /// Only the record boundaries, for so many bytes already.
    Walk(u64),
}

/// What some bytes led to.
#[derive(Debug)]
pub(crate) enum TlsStep {
    More,
    Hello(Hello, Track),
    /// It is not TLS after all.
    NotTls,
    /// It is a hello, but it can't be read.
    GiveUp,
    /// Nothing more is wanted from here.
    Done,
}

impl TlsReader {
    /// Takes in bytes; answers how many were looked at.
    pub(crate) fn on_bytes(&mut self, bytes: &[u8], offset: u64, carrier: Carrier) -> (usize, TlsStep) {
        let mut taken = 0_usize;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(taken as u64);
            let (count, step) = if self.left > 0 {
                self.on_payload(rest, carrier)
            } else {
                self.on_header(rest, at, carrier)
            };
            taken = taken.saturating_add(count);
            if !matches!(step, TlsStep::More) {
                return (taken, step);
            }
        }
        (taken, TlsStep::More)
    }

    /// The answer asked for another hello: look for it behind the present record.
    pub(crate) fn expect_another(&mut self) {
        self.goal = Goal::Next;
        self.is_handshake = false;
    }

    /// The hello is there; only a wish for another one may make more of this direction worth reading.
    pub(crate) fn walk_on(&mut self) {
        self.goal = Goal::Walk(0);
        self.is_handshake = false;
    }

    pub(crate) fn is_walking(&self) -> bool {
        matches!(self.goal, Goal::Walk(_))
    }

    /// What can be said of a hello whose rest will not come.
    pub(crate) fn cut_short(&mut self) -> Option<(Hello, Track)> {
        let hello = self
            .is_certain()
            .then(|| Hello::read_cut_short(&self.held, TlsVersion(self.record_version)))??;
        Some((hello, self.track.take()?))
    }

    /// Offset of the first byte of the hello that is being gathered.
    pub(crate) fn start(&self) -> Option<u64> {
        self.track.as_ref().map(|track| track.start)
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held.capacity().saturating_add(self.header.capacity())
    }

    fn on_header(&mut self, bytes: &[u8], at: u64, carrier: Carrier) -> (usize, TlsStep) {
        if self.header.is_empty() && self.held.is_empty() && !self.is_walking() {
            self.track = Some(Track::new(at, carrier));
        }
        let wanted = RECORD_HEADER_BYTES.saturating_sub(self.header.len()).min(bytes.len());
        let (piece, _) = bytes.split_at(wanted);
        self.header.extend_from_slice(piece);
        self.on_taken(wanted, carrier);
        let fits = match *self.header.as_slice() {
            [kind] => self.is_wanted(kind),
            [kind, major] | [kind, major, _] | [kind, major, _, _] => self.is_wanted(kind) && major == 3,
            [kind, major, minor, high, low] => {
                self.header.clear();
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.is_handshake = kind == HANDSHAKE && !self.is_walking();
                if self.held.is_empty() {
                    self.record_version = u16::from_be_bytes([major, minor]);
                }
                if !self.is_handshake && self.held.is_empty() {
                    self.track = None;
                }
                self.is_wanted(kind)
                    && major == 3
                    && minor <= 4
                    && (1..=MAX_RECORD_BYTES).contains(&self.left)
            }
            _ => false,
        };
        (wanted, if fits { TlsStep::More } else { self.failed() })
    }

    /// May a record of this kind come now? A hello goes on in handshake records only.
    fn is_wanted(&self, kind: u8) -> bool {
        match self.goal {
            Goal::Next | Goal::Walk(_) if self.held.is_empty() => {
                (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&kind)
            }
            _ => kind == HANDSHAKE,
        }
    }

    fn on_payload(&mut self, bytes: &[u8], carrier: Carrier) -> (usize, TlsStep) {
        let mut count = bytes.len().min(self.left);
        if self.is_handshake {
            // A hello may share its record with what follows it.
            count = count.min(self.wanted_of_hello());
            let (piece, _) = bytes.split_at(count);
            self.held.extend_from_slice(piece);
            self.on_taken(count, carrier);
        }
        self.left = self.left.saturating_sub(count);
        if let Goal::Walk(walked) = &mut self.goal {
            *walked = walked.saturating_add(count as u64);
            return (count, if *walked > MAX_WALK_BYTES { TlsStep::Done } else { TlsStep::More });
        }
        if !self.is_handshake {
            return (count, TlsStep::More);
        }
        if !self.may_be_hello() {
            return (count, self.failed());
        }
        if self.wanted_of_hello() > 0 {
            return (count, TlsStep::More);
        }
        match Hello::read(&self.held, TlsVersion(self.record_version)).zip(self.track.take()) {
            Some((hello, track)) => {
                self.held = Vec::new();
                (count, TlsStep::Hello(hello, track))
            }
            None => (count, TlsStep::GiveUp),
        }
    }

    /// Bytes that the handshake header, or then the message, still lacks.
    fn wanted_of_hello(&self) -> usize {
        let whole = match *self.held.as_slice() {
            [_, high, middle, low, ..] => {
                let length = u32::from_be_bytes([0, high, middle, low]);
                usize::try_from(length).unwrap_or(usize::MAX).saturating_add(HANDSHAKE_HEADER_BYTES)
            }
            _ => HANDSHAKE_HEADER_BYTES,
        };
        whole.saturating_sub(self.held.len())
    }

    fn may_be_hello(&self) -> bool {
        let is_hello = self.held.first().is_none_or(|kind| matches!(*kind, CLIENT_HELLO | SERVER_HELLO));
        let is_short = self.held.len().saturating_add(self.wanted_of_hello()) <= MAX_HELLO_BYTES;
        let is_version = self.held.get(HANDSHAKE_HEADER_BYTES).is_none_or(|major| *major == 3);
        is_hello && is_short && is_version
    }

    pub(crate) fn is_certain(&self) -> bool {
        self.held.len() > HANDSHAKE_HEADER_BYTES && self.may_be_hello()
    }

    fn failed(&self) -> TlsStep {
        if self.is_certain() { TlsStep::GiveUp } else { TlsStep::NotTls }
    }

    fn on_taken(&mut self, count: usize, carrier: Carrier) {
        if let Some(track) = &mut self.track {
            track.on_bytes(count as u64, carrier);
        }
    }
}
