//! Both directions of one connection: what each is in the middle of, and how the one changes the other.

mod http;
mod tls;

use std::mem;

use synfin_wire::Side;

use crate::http::framing::BodyEnd;
use crate::http::head::MAX_HEAD_BYTES;
use crate::http::start::{Verdict, judge};
use crate::http::{HeadReader, HeadStep, Pairing, ParsedHead};
use crate::message::{Carrier, Detail, Message};
use crate::tls::{self as records, Hello, MAX_HELLO_BYTES, TlsReader, TlsStep};
use crate::track::Track;
use http::Body;

/// Most bytes that one conversation holds back: a head or a hello in each direction, in buffers that grow by doubling,
/// and the requests that wait for an answer.
pub const MAX_HELD_BYTES: usize = 4 * max(MAX_HEAD_BYTES, MAX_HELLO_BYTES) + 2 * Pairing::MAX_HELD_BYTES;

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The messages of one connection.
///
/// Hand over the bytes of each direction in order with [`on_bytes`](Self::on_bytes), each packet's in one call, and
/// say what is missing with [`on_gap`](Self::on_gap); [`on_end`](Self::on_end) is a FIN, and
/// [`on_close`](Self::on_close) the end of the connection or of the capture. A message is handed out when its last
/// byte was seen.
///
/// A connection that is neither HTTP nor TLS costs the size of this and nothing more; of each of its packets only the
/// first few bytes are looked at.
#[derive(Default, Debug)]
pub struct Conversation {
    client: Direction,
    server: Direction,
    pairings: Option<Box<Pairings>>,
    messages: u32,
    given_up: GivenUp,
    /// The final ServerHello was seen: nothing behind it is readable.
    is_tls_answered: bool,
}

/// For each side the requests that it sent. One is always empty, unless the roles change inside a tunnel.
#[derive(Default, Debug)]
struct Pairings {
    client: Pairing,
    server: Pairing,
}

/// What was recognised and then could not be read to its end.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct GivenUp {
    /// HTTP heads that are malformed, too long, have too many lines or lack bytes that the capture missed.
    pub heads: u32,
    /// HTTP bodies whose framing is broken, contradictory or hidden in bytes that the capture missed.
    pub bodies: u32,
    /// TLS hellos that are malformed or lack bytes that the capture missed.
    pub hellos: u32,
}

/// What one direction is in the middle of.
#[derive(Default, Debug)]
enum Direction {
    /// A message may begin with the next byte.
    #[default]
    Fresh,
    /// Not a message; one may begin with a packet.
    Watch,
    /// Nothing that could be read will come.
    Deaf,
    Active(Box<Active>),
}

#[derive(Debug)]
enum Active {
    Head(HeadReader, Track),
    Body(Body),
    Tls(TlsReader),
}

/// What is left of a packet's bytes.
#[derive(Clone, Copy)]
struct Piece<'a> {
    offset: u64,
    bytes: &'a [u8],
    carrier: Carrier,
    /// Nothing of the packet was taken yet.
    is_whole: bool,
}

impl Piece<'_> {
    fn take(&mut self, count: usize) {
        self.bytes = self.bytes.get(count..).unwrap_or_default();
        self.offset = self.offset.saturating_add(count as u64);
        self.is_whole &= count == 0;
    }

    fn take_all(&mut self) {
        self.take(self.bytes.len());
    }

    /// Does a message begin here, for certain?
    fn begins_message(&self) -> bool {
        matches!(judge(self.bytes), Verdict::Request | Verdict::Response) || records::begins_hello(self.bytes)
    }
}

type Out<'a> = &'a mut dyn FnMut(Message);

impl Conversation {
    /// A connection of which nothing was seen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a direction may still bring a message: where it does not, its bytes need not be handed over.
    #[must_use]
    pub fn wants(&self, from: Side) -> bool {
        let direction = match from {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        !matches!(direction, Direction::Deaf)
    }

    /// The next bytes of a direction, from `offset` of its stream on, carried by one packet.
    pub fn on_bytes(
        &mut self,
        from: Side,
        offset: u64,
        bytes: &[u8],
        carrier: Carrier,
        out: &mut impl FnMut(Message),
    ) {
        if matches!(self.direction(from), Direction::Deaf) {
            return;
        }
        let packet = Piece { offset, bytes, carrier, is_whole: true };
        let mut piece = packet;
        while !piece.bytes.is_empty() {
            let direction = mem::replace(self.direction(from), Direction::Deaf);
            let began = direction.start();
            let next = self.step(from, direction, &mut piece, out);
            let Ok(next) = next else {
                // What failed began in an earlier packet: perhaps a message begins with this one.
                *self.direction(from) = Direction::Watch;
                if began.is_some_and(|began| began < packet.offset) {
                    piece = packet;
                }
                continue;
            };
            *self.direction(from) = next;
        }
    }

    /// Bytes of a direction that the capture never saw, `length` of them, in the place of its next ones.
    pub fn on_gap(&mut self, from: Side, length: u64, out: &mut impl FnMut(Message)) {
        if length == 0 {
            return;
        }
        let next = match mem::replace(self.direction(from), Direction::Deaf) {
            Direction::Deaf => return,
            Direction::Active(active) => match *active {
                Active::Body(body) => self.on_body_gap(from, body, length, out),
                active => {
                    self.count_given_up(&active);
                    self.cut_short(from, active, out);
                    self.on_messages_missed();
                    Direction::Watch
                }
            },
            Direction::Fresh | Direction::Watch => {
                self.on_messages_missed();
                Direction::Watch
            }
        };
        *self.direction(from) = next;
    }

    /// A FIN: the direction is over. A body that goes on until close is complete, any other is not.
    pub fn on_end(&mut self, from: Side, out: &mut impl FnMut(Message)) {
        match mem::replace(self.direction(from), Direction::Deaf) {
            Direction::Active(active) => match *active {
                Active::Body(body) if body.is_until_close() => {
                    self.finish(from, body, true, out);
                    *self.direction(from) = Direction::Deaf;
                }
                active => self.cut_short(from, active, out),
            },
            Direction::Fresh | Direction::Watch | Direction::Deaf => {}
        }
    }

    /// The connection is over without a word, by a reset or because the capture ends: hands out what is unfinished.
    pub fn on_close(&mut self, out: &mut impl FnMut(Message)) {
        for from in Side::BOTH {
            if let Direction::Active(active) = mem::replace(self.direction(from), Direction::Deaf) {
                self.cut_short(from, *active, out);
            }
        }
    }

    /// The HTTP message of a side whose head was read and whose body is on its way: its number and what it says. The
    /// count of body bytes is not filled in yet.
    #[must_use]
    pub fn pending(&self, from: Side) -> Option<(u32, &Detail)> {
        let direction = match from {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        match direction {
            Direction::Active(active) => match &**active {
                Active::Body(body) => Some((body.n, &body.detail)),
                Active::Head(..) | Active::Tls(_) => None,
            },
            Direction::Fresh | Direction::Watch | Direction::Deaf => None,
        }
    }

    /// What was recognised and then could not be read to its end.
    #[must_use]
    pub const fn given_up(&self) -> GivenUp {
        self.given_up
    }

    /// Bytes on the heap that grow with what the peers send: never more than [`MAX_HELD_BYTES`].
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let directions = [&self.client, &self.server].into_iter().map(Direction::held_bytes);
        let pairings =
            self.pairings.iter().flat_map(|both| [&both.client, &both.server]).map(Pairing::held_bytes);
        directions.chain(pairings).fold(0, usize::saturating_add)
    }

    /// Goes on with a direction from where it is: takes bytes, or changes what the direction is in the middle of.
    fn step(
        &mut self,
        from: Side,
        direction: Direction,
        piece: &mut Piece<'_>,
        out: Out<'_>,
    ) -> Result<Direction, Failed> {
        let mut active = match direction {
            Direction::Fresh => {
                let next = begin(piece);
                if matches!(next, Direction::Watch) {
                    self.on_messages_missed();
                }
                return Ok(next);
            }
            Direction::Watch if piece.is_whole && piece.begins_message() => return Ok(begin(piece)),
            idle @ (Direction::Watch | Direction::Deaf) => {
                piece.take_all();
                return Ok(idle);
            }
            Direction::Active(active) => active,
        };
        let progress = active.on_piece(piece);
        if matches!(progress, Progress::More) {
            return Ok(Direction::Active(active));
        }
        match (progress, *active) {
            (Progress::Head(head), Active::Head(_, track)) => self.on_head(from, track, head, out),
            (Progress::BodyOver, Active::Body(body)) => Ok(self.finish(from, body, true, out)),
            (Progress::BodyLost, Active::Body(body)) => Err(self.on_body_lost(from, body, out)),
            (Progress::Hello(hello, track), Active::Tls(reader)) => {
                Ok(self.on_hello(from, reader, hello, track, out))
            }
            (Progress::GiveUp, active) => {
                self.count_given_up(&active);
                self.cut_short(from, active, out);
                self.on_messages_missed();
                Err(Failed)
            }
            (Progress::NotOne, _) => {
                self.on_messages_missed();
                Err(Failed)
            }
            (Progress::Done, _) => Ok(Direction::Deaf),
            // None of these can be: a reader answers of its own kind only.
            (Progress::More | Progress::Head(_), _) => Err(Failed),
            (Progress::BodyOver | Progress::BodyLost | Progress::Hello(..), _) => Err(Failed),
        }
    }

    /// Hands out what can be said of a message whose rest will not come.
    fn cut_short(&mut self, from: Side, active: Active, out: Out<'_>) {
        match active {
            Active::Head(head, track) => self.on_head_cut_short(from, &head, track, out),
            Active::Body(body) => {
                self.finish(from, body, false, out);
            }
            Active::Tls(mut reader) => {
                if let Some((hello, track)) = reader.cut_short() {
                    self.hand_out_hello(from, hello, track, false, out);
                }
            }
        }
    }

    fn count_given_up(&mut self, active: &Active) {
        let count = match active {
            Active::Head(head, _) if head.is_certain() => &mut self.given_up.heads,
            Active::Tls(reader) if reader.is_certain() => &mut self.given_up.hellos,
            Active::Body(_) => &mut self.given_up.bodies,
            Active::Head(..) | Active::Tls(_) => return,
        };
        *count = count.saturating_add(1);
    }

    /// Bytes were passed over that may have held messages: which response answers which request is not sure any more.
    fn on_messages_missed(&mut self) {
        if let Some(pairings) = &mut self.pairings {
            pairings.client.on_missed();
            pairings.server.on_missed();
        }
    }

    fn next_number(&mut self) -> u32 {
        self.messages = self.messages.saturating_add(1);
        self.messages
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The requests that a side sent.
    fn pairing(&mut self, requester: Side) -> &mut Pairing {
        let pairings = self.pairings.get_or_insert_default();
        match requester {
            Side::Client => &mut pairings.client,
            Side::Server => &mut pairings.server,
        }
    }
}

/// What the bytes of a packet led to, for the message that a direction is in the middle of.
enum Progress {
    More,
    Head(ParsedHead),
    BodyOver,
    BodyLost,
    Hello(Hello, Track),
    /// Nothing more is wanted of the direction.
    Done,
    /// It is not a message after all.
    NotOne,
    /// It is one, but it can't be read.
    GiveUp,
}

/// The direction is not where a message can begin, except with a packet.
struct Failed;

/// A message may begin here: which? Empty lines in front of it are tolerated (RFC 9112, 2.2).
fn begin(piece: &mut Piece<'_>) -> Direction {
    let empty_lines = piece.bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    piece.take(empty_lines);
    let active = match piece.bytes.first() {
        None => return Direction::Fresh,
        Some(byte) if byte.is_ascii_uppercase() => {
            Active::Head(HeadReader::default(), Track::new(piece.offset, piece.carrier))
        }
        Some(&records::HANDSHAKE) => Active::Tls(TlsReader::default()),
        Some(_) => return Direction::Watch,
    };
    Direction::Active(Box::new(active))
}

impl Active {
    fn on_piece(&mut self, piece: &mut Piece<'_>) -> Progress {
        match self {
            Self::Head(head, track) => {
                let (taken, step) = head.on_bytes(piece.bytes);
                track.on_bytes(taken as u64, piece.carrier);
                piece.take(taken);
                match step {
                    HeadStep::More => Progress::More,
                    HeadStep::Complete(head) => Progress::Head(head),
                    HeadStep::NotHttp => Progress::NotOne,
                    HeadStep::GiveUp => Progress::GiveUp,
                }
            }
            Self::Body(body) => {
                if piece.is_whole && body.may_have_no_body() && judge(piece.bytes) == Verdict::Response {
                    body.has_no_body();
                    return Progress::BodyOver;
                }
                let (taken, end) = body.on_bytes(piece.bytes, piece.carrier);
                piece.take(taken);
                match end {
                    BodyEnd::NotYet => Progress::More,
                    BodyEnd::Reached => Progress::BodyOver,
                    BodyEnd::Lost => Progress::BodyLost,
                }
            }
            Self::Tls(reader) => {
                let (taken, step) = reader.on_bytes(piece.bytes, piece.offset, piece.carrier);
                piece.take(taken);
                match step {
                    TlsStep::More => Progress::More,
                    TlsStep::Hello(hello, track) => Progress::Hello(hello, track),
                    TlsStep::NotTls => Progress::NotOne,
                    TlsStep::GiveUp => Progress::GiveUp,
                    TlsStep::Done => Progress::Done,
                }
            }
        }
    }

    /// Offset of the first byte of what it is in the middle of.
    fn start(&self) -> Option<u64> {
        match self {
            Self::Head(_, track) => Some(track.start),
            Self::Body(body) => Some(body.track.start),
            Self::Tls(reader) => reader.start(),
        }
    }
}

impl Direction {
    fn held_bytes(&self) -> usize {
        match self {
            Self::Active(active) => match &**active {
                Active::Head(head, _) => head.held_bytes(),
                Active::Tls(reader) => reader.held_bytes(),
                Active::Body(_) => 0,
            },
            Self::Fresh | Self::Watch | Self::Deaf => 0,
        }
    }

    fn start(&self) -> Option<u64> {
        match self {
            Self::Active(active) => active.start(),
            Self::Fresh | Self::Watch | Self::Deaf => None,
        }
    }
}

#[cfg(test)]
mod tests;
