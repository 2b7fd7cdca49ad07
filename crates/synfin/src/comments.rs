//! What we have to say about a packet, for the comments in a capture file.

use synfin_flow::{Connection, Mark, Packet, Sink};
use synfin_messages::{Detail, Message};

/// Collects remarks on the packet at hand.
#[derive(Default, Debug)]
pub(crate) struct Comments(String);

impl Comments {
    /// What was said since the last call, if anything was.
    pub(crate) fn take(&mut self) -> Option<String> {
        if self.0.is_empty() { None } else { Some(std::mem::take(&mut self.0)) }
    }

    fn say(&mut self, connection: u64, what: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0 += &format!("synfin #{connection}: {what}");
    }
}

impl Sink for Comments {
    fn packet(&mut self, connection: &Connection, packet: &Packet) {
        // What became of it is said in more words by who knows it.
        let is_told = |mark| {
            matches!(mark, Mark::Lost | Mark::Corrupted | Mark::Duplicated | Mark::HeldBack | Mark::Forged)
        };
        for mark in packet.marks.iter().filter(|mark| !is_told(*mark)) {
            self.say(connection.id, mark.name());
        }
    }

    fn message(&mut self, connection: &Connection, message: &Message) {
        let what = match &message.detail {
            Detail::HttpRequest(request) => format!("{} {}", request.method, request.target),
            Detail::HttpResponse(response) => format!("{} {}", response.status, response.reason),
            Detail::TlsClientHello(hello) => {
                format!("TLS client hello {}", hello.server_name.as_deref().unwrap_or_default())
            }
            other => other.kind().to_owned(),
        };
        self.say(connection.id, what.trim_end());
    }
}
