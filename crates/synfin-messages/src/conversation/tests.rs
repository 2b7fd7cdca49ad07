use super::*;
use crate::message::{Framing, HttpRequest, HttpResponse};

/// A connection that is fed by hand: each piece is a packet, numbered from 1, a microsecond after the one before.
#[derive(Default)]
struct Wire {
    conversation: Conversation,
    sent: [u64; 2],
    frame: u64,
    messages: Vec<Message>,
}

impl Wire {
    fn offset(&mut self, from: Side) -> &mut u64 {
        &mut self.sent[usize::from(from == Side::Server)]
    }

    fn send(&mut self, from: Side, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.frame += 1;
        let carrier = Carrier { at_ns: self.frame * 1000, frame: self.frame };
        let offset = *self.offset(from);
        let messages = &mut self.messages;
        self.conversation
            .on_bytes(from, offset, bytes.as_ref(), carrier, &mut |message| messages.push(message));
        *self.offset(from) += bytes.as_ref().len() as u64;
        self
    }

    fn client(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.send(Side::Client, bytes)
    }

    fn server(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.send(Side::Server, bytes)
    }

    fn gap(&mut self, from: Side, length: u64) -> &mut Self {
        let messages = &mut self.messages;
        self.conversation.on_gap(from, length, &mut |message| messages.push(message));
        *self.offset(from) += length;
        self
    }

    fn end(&mut self, from: Side) -> &mut Self {
        let messages = &mut self.messages;
        self.conversation.on_end(from, &mut |message| messages.push(message));
        self
    }

    fn close(&mut self) -> &mut Self {
        let messages = &mut self.messages;
        self.conversation.on_close(&mut |message| messages.push(message));
        self
    }

    fn request(&self, at: usize) -> &HttpRequest {
        match &self.messages[at].detail {
            Detail::HttpRequest(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn response(&self, at: usize) -> &HttpResponse {
        match &self.messages[at].detail {
            Detail::HttpResponse(response) => response,
            other => panic!("{other:?}"),
        }
    }

    /// All messages in a line each, short.
    fn story(&self) -> Vec<String> {
        self.messages.iter().map(tell).collect()
    }
}

fn tell(message: &Message) -> String {
    let end = if message.complete { "" } else { " …" };
    match &message.detail {
        Detail::HttpRequest(request) => {
            format!("#{} {} {} +{}{end}", message.n, request.method, request.target, request.body_bytes)
        }
        Detail::HttpResponse(response) => {
            let request = response.request.map_or("?".to_owned(), |n| n.to_string());
            format!("#{} {} to {request} +{}{end}", message.n, response.status, response.body_bytes)
        }
        detail => format!("#{} {}{end}", message.n, detail.kind()),
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

mod gaps;
mod http;
mod tls;

#[test]
fn a_conversation_is_small() {
    assert!(size_of::<Conversation>() <= 64, "{}", size_of::<Conversation>());
}

#[test]
fn other_protocols_hold_nothing() {
    let mut wire = Wire::default();
    wire.server("SSH-2.0-OpenSSH_9.2\r\n")
        .client("SSH-2.0-x\r\n")
        .client([0; 1000])
        .server("220 ftp ready\r\n")
        .close();
    assert_eq!(wire.story(), [""; 0]);
    assert_eq!(wire.conversation.held_bytes(), 0);
    assert_eq!(wire.conversation.given_up(), GivenUp::default());
}
