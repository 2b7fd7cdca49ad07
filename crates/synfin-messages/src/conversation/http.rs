//! HTTP in a conversation: heads become messages, bodies are gone through, responses find their requests, and some of
//! them end HTTP (RFC 9110, 7.8 and 9.3.6).

use synfin_wire::Side;

use super::{Conversation, Direction, Failed, Out};
use crate::http::framing::{BodyEnd, BodyReader, RequestMethod};
use crate::http::pairing::Waiting;
use crate::http::{HeadReader, ParsedHead, StartLine};
use crate::message::{Carrier, Detail, Framing, HttpRequest, HttpResponse, Timing};
use crate::track::Track;

/// A message whose head was read.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) n: u32,
    pub(super) track: Track,
    pub(super) detail: Detail,
    /// `None` where there is no body, or none that can be delimited.
    reader: Option<BodyReader>,
    /// What the request was, for a response.
    method: RequestMethod,
    payload: u64,
}

impl Body {
    pub(super) fn on_bytes(&mut self, bytes: &[u8], carrier: Carrier) -> (usize, BodyEnd) {
        let Some(reader) = &mut self.reader else { return (0, BodyEnd::Reached) };
        let step = reader.on_bytes(bytes);
        self.payload = self.payload.saturating_add(step.payload);
        self.track.on_bytes(step.taken, carrier);
        (usize::try_from(step.taken).unwrap_or(usize::MAX), step.end)
    }

    pub(super) fn is_until_close(&self) -> bool {
        matches!(self.reader, Some(BodyReader::UntilClose))
    }

    /// A response to a request that nobody saw may answer a HEAD: then the next response stands where its body would.
    pub(super) fn may_have_no_body(&self) -> bool {
        matches!(self.detail, Detail::HttpResponse(_))
            && self.method == RequestMethod::Unseen
            && self.payload == 0
    }

    /// And so it did.
    pub(super) fn has_no_body(&mut self) {
        if let Detail::HttpResponse(response) = &mut self.detail {
            response.framing = Framing::None;
        }
        self.method = RequestMethod::Head;
    }
}

impl Conversation {
    /// A whole head: what follows it?
    pub(super) fn on_head(
        &mut self,
        from: Side,
        track: Track,
        head: ParsedHead,
        out: Out<'_>,
    ) -> Result<Direction, Failed> {
        let body = self.recognise(from, track, head);
        let framing = match &body.detail {
            Detail::HttpRequest(request) => request.framing,
            Detail::HttpResponse(response) => response.framing,
            Detail::TlsClientHello(_) | Detail::TlsServerHello(_) => Framing::None,
        };
        if framing == Framing::Invalid {
            return Err(self.on_body_lost(from, body, out));
        }
        if body.reader.is_none() {
            return Ok(self.finish(from, body, true, out));
        }
        Ok(Direction::Active(Box::new(super::Active::Body(body))))
    }

    /// The rest of a head will not come: what its whole lines say.
    pub(super) fn on_head_cut_short(&mut self, from: Side, head: &HeadReader, track: Track, out: Out<'_>) {
        if let Some(head) = head.read_cut_short() {
            let body = self.recognise(from, track, head);
            self.finish(from, body, false, out);
        }
    }

    /// Numbers a message, and tells requests and responses of each other.
    fn recognise(&mut self, from: Side, track: Track, head: ParsedHead) -> Body {
        let n = self.next_number();
        let ParsedHead { start, version, header_bytes, headers } = head;
        let header_bytes = header_bytes as u64;
        let (framing, method, detail) = match start {
            StartLine::Request { method, target } => {
                let kind = RequestMethod::of(&method);
                let first_ns = track.first_ns;
                self.pairing(from).on_request(Waiting { n, method: kind, first_ns, sent_ns: None });
                let framing = headers.framing.of_request();
                let request = HttpRequest {
                    method,
                    target,
                    version,
                    host: headers.host,
                    user_agent: headers.user_agent,
                    content_type: headers.content_type,
                    upgrade: headers.upgrade,
                    expect_continue: headers.expect_continue,
                    framing,
                    header_bytes,
                    body_bytes: 0,
                };
                (framing, kind, Detail::HttpRequest(request))
            }
            StartLine::Response { status, reason } => {
                let answered = self.pairing(from.other()).on_response(track.first_ns);
                let method = answered.map_or(RequestMethod::Unseen, |request| request.method);
                let framing = headers.framing.of_response(status, method);
                let response = HttpResponse {
                    status,
                    reason,
                    version,
                    content_type: headers.content_type,
                    server: headers.server,
                    upgrade: headers.upgrade,
                    framing,
                    header_bytes,
                    body_bytes: 0,
                    request: answered.map(|request| request.n),
                    timing: Timing::default(),
                };
                (framing, method, Detail::HttpResponse(response))
            }
        };
        Body { n, track, detail, reader: BodyReader::new(framing), method, payload: 0 }
    }

    /// Hands a message out; answers what the direction is in the middle of then.
    pub(super) fn finish(&mut self, from: Side, body: Body, complete: bool, out: Out<'_>) -> Direction {
        let Body { n, track, mut detail, reader: _, method, payload } = body;
        let mut next = Direction::Fresh;
        match &mut detail {
            Detail::HttpRequest(request) => {
                request.body_bytes = payload;
                if complete {
                    self.pairing(from).on_request_sent(n, track.last_ns);
                }
            }
            Detail::HttpResponse(response) => {
                response.body_bytes = payload;
                let pairing = self.pairing(from.other());
                let answered = match response.request {
                    Some(request) if response.is_interim() => pairing.waiting(request),
                    Some(request) => pairing.on_final_response_over(request),
                    None => None,
                };
                response.timing = Timing {
                    request_first_ns: answered.map(|request| request.first_ns),
                    request_sent_ns: answered.and_then(|request| request.sent_ns),
                    first_byte_ns: track.first_ns,
                    last_byte_ns: track.last_ns,
                };
                if complete {
                    next = self.after_response(from, response, method);
                }
            }
            Detail::TlsClientHello(_) | Detail::TlsServerHello(_) => {}
        }
        out(track.into_message(n, from, complete, detail));
        next
    }

    /// A tunnel is a new conversation in both directions; another protocol is none of ours, TLS apart (RFC 2817).
    fn after_response(&mut self, from: Side, response: &HttpResponse, method: RequestMethod) -> Direction {
        let is_tunnel = method == RequestMethod::Connect && (200..300).contains(&response.status);
        let is_switch = response.status == 101;
        if !is_tunnel && !is_switch {
            return Direction::Fresh;
        }
        let is_tls = response
            .upgrade
            .as_deref()
            .is_some_and(|protocol| protocol.get(..3).is_some_and(|name| name.eq_ignore_ascii_case("tls")));
        let is_readable = is_tunnel || is_tls;
        let other = self.direction(from.other());
        if matches!(other, Direction::Fresh | Direction::Watch) {
            *other = if is_readable { Direction::Fresh } else { Direction::Deaf };
        }
        self.pairings = None;
        if is_readable { Direction::Fresh } else { Direction::Deaf }
    }

    /// Where a body ends cannot be known: it is handed out as far as it was seen.
    pub(super) fn on_body_lost(&mut self, from: Side, body: Body, out: Out<'_>) -> Failed {
        self.given_up.bodies = self.given_up.bodies.saturating_add(1);
        self.finish(from, body, false, out);
        self.on_messages_missed();
        Failed
    }

    /// The capture missed bytes of a body: they count, and where they end inside it, so does nothing else.
    pub(super) fn on_body_gap(&mut self, from: Side, mut body: Body, length: u64, out: Out<'_>) -> Direction {
        let Some(reader) = &mut body.reader else { return Direction::Watch };
        let step = reader.on_gap(length);
        body.payload = body.payload.saturating_add(step.payload);
        body.track.on_gap(step.taken);
        match step.end {
            BodyEnd::NotYet => Direction::Active(Box::new(super::Active::Body(body))),
            BodyEnd::Lost => {
                self.on_body_lost(from, body, out);
                Direction::Watch
            }
            BodyEnd::Reached => {
                let next = self.finish(from, body, true, out);
                if step.taken == length {
                    return next;
                }
                self.on_messages_missed();
                Direction::Watch
            }
        }
    }
}
