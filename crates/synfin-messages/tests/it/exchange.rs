//! Any valid exchange, made up by rule: what was sent is what is told, however it is cut and interleaved.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use synfin_messages::Detail;
use synfin_wire::Side;

use crate::wire::{Wire, essences};

/// A body, and how it is sent.
#[derive(Clone, Debug)]
pub(crate) enum Sent {
    Nothing,
    Length(usize),
    Chunks(Vec<usize>),
}

impl Sent {
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Length(length) => *length,
            Self::Chunks(chunks) => chunks.iter().sum(),
        }
    }

    fn header(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Length(length) => format!("Content-Length: {length}\r\n"),
            Self::Chunks(_) => "Transfer-Encoding: chunked\r\nTrailer: X\r\n".to_owned(),
        }
    }

    fn body(&self) -> Vec<u8> {
        // Looks like framing and like messages, to tempt a reader that lost its place.
        let filler =
            |length: usize| b"\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n".iter().copied().cycle().take(length);
        match self {
            Self::Nothing => Vec::new(),
            Self::Length(length) => filler(*length).collect(),
            Self::Chunks(chunks) => {
                let mut body = Vec::new();
                for chunk in chunks {
                    body.extend(format!("{chunk:x};e=\"f\"\r\n").bytes());
                    body.extend(filler(*chunk));
                    body.extend(b"\r\n");
                }
                body.extend(b"0\r\nX: y\r\n\r\n");
                body
            }
        }
    }
}

/// One request and what answers it.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) upload: Sent,
    pub(crate) interim: Vec<u16>,
    pub(crate) status: u16,
    pub(crate) download: Sent,
    newline: &'static str,
}

impl Exchange {
    pub(crate) fn request(&self) -> Vec<u8> {
        let Self { method, target, upload, newline, .. } = self;
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{}\r\n", upload.header());
        [head.replace("\r\n", newline).into_bytes(), upload.body()].concat()
    }

    pub(crate) fn response(&self) -> Vec<u8> {
        let interim: String =
            self.interim.iter().map(|status| format!("HTTP/1.1 {status} Soon\r\n\r\n")).collect();
        let head = format!("{interim}HTTP/1.1 {} Some Reason\r\n{}\r\n", self.status, self.header());
        let body = if self.has_body() { self.download.body() } else { Vec::new() };
        [head.replace("\r\n", self.newline).into_bytes(), body].concat()
    }

    /// The header of a response without a body may speak of one; that of one with a body must say where it ends.
    fn header(&self) -> String {
        match self.download {
            Sent::Nothing => "Content-Length: 0\r\n".to_owned(),
            Sent::Length(_) | Sent::Chunks(_) => self.download.header(),
        }
    }

    pub(crate) fn has_body(&self) -> bool {
        self.method != "HEAD" && !matches!(self.status, 204 | 304)
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        Just(Sent::Nothing),
        (0..3000_usize).prop_map(Sent::Length),
        vec(1..500_usize, 0..5).prop_map(Sent::Chunks),
    ]
}

pub(crate) fn exchange() -> impl Strategy<Value = Exchange> {
    (
        select(&["GET", "HEAD", "POST", "PUT", "OPTIONS", "PROPFIND", "X-NEW"][..]),
        "/[a-z0-9?=%&./-]{0,40}",
        sent(),
        vec(select(&[100_u16, 102, 103][..]), 0..3),
        select(&[200_u16, 201, 204, 206, 301, 304, 404, 500][..]),
        sent(),
        select(&["\r\n", "\n"][..]),
    )
        .prop_map(|(method, target, upload, interim, status, download, newline)| Exchange {
            method,
            target,
            upload,
            interim,
            status,
            download,
            newline,
        })
}

/// Sends both streams in pieces, and no byte of a response before its request is through.
fn play(exchanges: &[Exchange], is_pipelined: bool, cuts: &[usize]) -> Wire {
    let mut wire = Wire::default();
    let mut cuts = cuts.iter().cycle();
    let mut send = |from: Side, mut bytes: &[u8]| {
        while !bytes.is_empty() {
            let at = cuts.next().map_or(bytes.len(), |cut| cut % bytes.len().min(700) + 1);
            let (piece, rest) = bytes.split_at(at);
            wire.send(from, piece);
            bytes = rest;
        }
    };
    if is_pipelined {
        send(Side::Client, &exchanges.iter().flat_map(Exchange::request).collect::<Vec<_>>());
        send(Side::Server, &exchanges.iter().flat_map(Exchange::response).collect::<Vec<_>>());
    } else {
        for exchange in exchanges {
            send(Side::Client, &exchange.request());
            send(Side::Server, &exchange.response());
        }
    }
    wire.close();
    wire
}

proptest! {
    #[test]
    fn what_was_sent_is_what_is_told(exchanges in vec(exchange(), 1..6), is_pipelined: bool) {
        let wire = play(&exchanges, is_pipelined, &[]);
        let mut requests = wire.messages.iter().filter(|message| message.from == Side::Client);
        let mut responses = wire.messages.iter().filter(|message| message.from == Side::Server);
        for exchange in &exchanges {
            let asked = requests.next().expect("a request for each");
            let Detail::HttpRequest(request) = &asked.detail else { panic!("{asked:?}") };
            prop_assert!(asked.complete);
            prop_assert_eq!((request.method.as_str(), &request.target), (exchange.method, &exchange.target));
            prop_assert_eq!(request.body_bytes, exchange.upload.length() as u64);
            prop_assert_eq!(asked.stream_end - asked.stream_start, exchange.request().len() as u64);
            for status in exchange.interim.iter().chain([&exchange.status]) {
                let answer = responses.next().expect("a response for each");
                let Detail::HttpResponse(response) = &answer.detail else { panic!("{answer:?}") };
                prop_assert!(answer.complete);
                prop_assert_eq!((response.status, response.request), (*status, Some(asked.n)));
                let is_measured = !response.is_interim() && exchange.has_body();
                let length = if is_measured { exchange.download.length() } else { 0 };
                prop_assert_eq!(response.body_bytes, length as u64);
                prop_assert_eq!(response.timing.request_first_ns, Some(asked.first_ns));
                prop_assert_eq!(response.timing.request_sent_ns, Some(asked.last_ns));
                prop_assert_eq!(response.timing.last_byte_ns, answer.last_ns);
            }
        }
        prop_assert!(requests.next().is_none() && responses.next().is_none());
    }

    #[test]
    fn cuts_change_nothing(
        exchanges in vec(exchange(), 1..6),
        is_pipelined: bool,
        cuts in vec(any::<usize>(), 1..50),
    ) {
        let whole = play(&exchanges, is_pipelined, &[]);
        let pieces = play(&exchanges, is_pipelined, &cuts);
        let bytes = play(&exchanges, is_pipelined, &[0]);
        for side in Side::BOTH {
            prop_assert_eq!(essences(&whole.messages, side), essences(&pieces.messages, side));
            prop_assert_eq!(essences(&whole.messages, side), essences(&bytes.messages, side));
        }
    }
}
