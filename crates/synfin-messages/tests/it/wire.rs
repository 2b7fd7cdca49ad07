//! Feeds a conversation and keeps what it says.

use synfin_messages::{Carrier, Conversation, Detail, Message};
use synfin_wire::Side;

/// A conversation with the streams' offsets and the frame count kept.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) conversation: Conversation,
    pub(crate) messages: Vec<Message>,
    client: u64,
    server: u64,
    frame: u64,
}

impl Wire {
    pub(crate) fn send(&mut self, from: Side, bytes: &[u8]) {
        self.frame += 1;
        let carrier = Carrier { at_ns: self.frame * 1000, frame: self.frame };
        let offset = self.advance(from, bytes.len() as u64);
        let messages = &mut self.messages;
        self.conversation.on_bytes(from, offset, bytes, carrier, &mut |message| messages.push(message));
    }

    pub(crate) fn gap(&mut self, from: Side, length: u64) {
        self.advance(from, length);
        let messages = &mut self.messages;
        self.conversation.on_gap(from, length, &mut |message| messages.push(message));
    }

    pub(crate) fn end(&mut self, from: Side) {
        let messages = &mut self.messages;
        self.conversation.on_end(from, &mut |message| messages.push(message));
    }

    pub(crate) fn close(&mut self) {
        let messages = &mut self.messages;
        self.conversation.on_close(&mut |message| messages.push(message));
    }

    fn advance(&mut self, from: Side, count: u64) -> u64 {
        let sent = match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let offset = *sent;
        *sent += count;
        offset
    }
}

/// What a message says, apart from what depends on how it was cut and interleaved: numbers, times and packets. The
/// request that a response answers is told by its place in the stream.
pub(crate) fn essence(message: &Message, all: &[Message]) -> String {
    let Message { from, stream_start, stream_end, missed_bytes, complete, .. } = message;
    let detail = match &message.detail {
        Detail::HttpRequest(request) => format!("{request:?}"),
        Detail::HttpResponse(response) => {
            let request = response.request.map(|n| {
                all.iter()
                    .find(|other| other.n == n)
                    .map(|other| other.stream_start)
                    .expect("a message has that number")
            });
            format!(
                "{} {} {:?} {:?} {} {} {request:?}",
                response.status,
                response.reason,
                response.content_type,
                response.framing,
                response.header_bytes,
                response.body_bytes
            )
        }
        other => format!("{other:?}"),
    };
    format!("{} {stream_start}..{stream_end} -{missed_bytes} {complete} {detail}", from.name())
}

/// The essences of one direction, in order.
pub(crate) fn essences(messages: &[Message], from: Side) -> Vec<String> {
    messages.iter().filter(|message| message.from == from).map(|message| essence(message, messages)).collect()
}
