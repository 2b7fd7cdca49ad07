//! Messages in a few words, and the list of messages.

use std::fmt::Write as _;

use synfin_flow::Connection;
use synfin_messages::{Detail, HttpResponse, Message};

use crate::style::{Glyphs, Paint, Style};
use crate::text::Line;
use crate::time::{Clock, since};
use crate::units::{Bytes, Duration};

/// What a message says at its first byte: `GET / HTTP/1.1`, `200 OK, 135 kB`. Not neutralised.
pub(crate) fn headline(message: &Message) -> String {
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = match &message.detail {
        Detail::HttpRequest(request) => {
            let _ = write!(text, "{} {} HTTP/{}", request.method, request.target, request.version);
            if request.body_bytes > 0 { write!(text, ", {}", Bytes(request.body_bytes)) } else { Ok(()) }
        }
        Detail::HttpResponse(response) => {
            let _ = write!(text, "{}", response.status);
            if !response.reason.is_empty() {
                let _ = write!(text, " {}", response.reason);
            }
            if response.body_bytes > 0 { write!(text, ", {}", Bytes(response.body_bytes)) } else { Ok(()) }
        }
        Detail::TlsClientHello(hello) => {
            text.push_str("TLS ClientHello");
            if let Some(name) = &hello.server_name {
                let _ = write!(text, " {name}");
            }
            let _ = write!(text, ", up to {}", hello.version);
            write_alpn(&mut text, hello.alpn.iter().map(String::as_str));
            Ok(())
        }
        Detail::TlsServerHello(hello) => {
            let name = if hello.is_retry { "TLS HelloRetryRequest" } else { "TLS ServerHello" };
            let _ = write!(text, "{name} {}", hello.version);
            if let Some(suite) = hello.cipher_suite_name {
                let _ = write!(text, ", {suite}");
            }
            write_alpn(&mut text, hello.alpn.iter().map(String::as_str));
            Ok(())
        }
        _ => {
            text.push_str(message.kind());
            Ok(())
        }
    };
    if message.missed_bytes > 0 {
        let _ = write!(text, " ({} missed)", Bytes(message.missed_bytes));
    }
    if !message.complete {
        text.push_str(" (incomplete)");
    }
    text
}

fn write_alpn<'t>(text: &mut String, protocols: impl Iterator<Item = &'t str>) {
    for (i, protocol) in protocols.enumerate() {
        text.push_str(if i == 0 { ", " } else { "/" });
        text.push_str(protocol);
    }
}

/// What is said at the last byte of a message that took several packets.
pub(crate) fn ending(message: &Message, glyphs: &'static Glyphs) -> String {
    let end = if message.complete { "end" } else { "last seen" };
    let name = match &message.detail {
        Detail::HttpRequest(request) => format!("{end} of {}", request.method),
        Detail::HttpResponse(response) => format!("{end} of {}", response.status),
        Detail::TlsClientHello(_) => format!("{end} of ClientHello"),
        Detail::TlsServerHello(_) => format!("{end} of ServerHello"),
        _ => format!("{end} of {}", message.kind()),
    };
    let took = Duration::new(message.last_ns.saturating_sub(message.first_ns), glyphs);
    format!("{name}: {} packets in {took}", message.packets.count())
}

/// What a connection was for, by its first messages: `GET / → 200, 135 kB in 0.9 ms`. Not neutralised. A target of more
/// than so many characters is cut, so that there is room for what became of it.
pub(crate) fn write_purpose(
    text: &mut String,
    connection: &Connection,
    longest_target: usize,
    glyphs: &'static Glyphs,
) {
    let messages = &connection.messages;
    let first = messages.iter().find_map(|message| match &message.detail {
        Detail::HttpRequest(request) => Some((message, request)),
        _ => None,
    });
    // Writing to a string never fails.
    if let Some((message, request)) = first {
        let target = &request.target;
        let _ = match target.char_indices().nth(longest_target) {
            Some((end, _)) => {
                let kept = target.get(..end).unwrap_or_default();
                write!(text, "{} {kept}{}", request.method, glyphs.ellipsis)
            }
            None => write!(text, "{} {target}", request.method),
        };
        let response = messages.iter().find_map(|answer| match &answer.detail {
            Detail::HttpResponse(response)
                if response.request == Some(message.n) && !response.is_interim() =>
            {
                Some(response)
            }
            _ => None,
        });
        if let Some(response) = response {
            write_answer(text, response, glyphs);
        }
        if connection.request_count > 1 {
            let _ = write!(text, " (+{})", connection.request_count - 1);
        }
        return;
    }
    let hello = messages.iter().find_map(|message| match &message.detail {
        Detail::TlsClientHello(hello) => Some(hello),
        _ => None,
    });
    let answer = messages.iter().find_map(|message| match &message.detail {
        Detail::TlsServerHello(hello) if !hello.is_retry => Some(hello),
        _ => None,
    });
    if let Some(hello) = hello {
        let _ = write!(text, "{}", answer.map_or(hello.version, |answer| answer.version));
        if let Some(name) = &hello.server_name {
            let _ = write!(text, " {name}");
        }
    } else if let Some(answer) = answer {
        let _ = write!(text, "{}", answer.version);
    } else if let Some(message) = messages.first() {
        text.push_str(&headline(message));
    }
}

fn write_answer(text: &mut String, response: &HttpResponse, glyphs: &'static Glyphs) {
    let _ = write!(text, " {} {}", glyphs.to, response.status);
    if response.body_bytes > 0 {
        let _ = write!(text, ", {}", Bytes(response.body_bytes));
    }
    if let Some(start) = response.timing.request_first_ns {
        let took = response.timing.last_byte_ns.saturating_sub(start);
        let _ = write!(text, " in {}", Duration::new(took, glyphs));
    }
}

/// One line of the list of messages. It is as long as it has to be.
pub(crate) fn write(
    out: &mut String,
    connection: &Connection,
    message: &Message,
    clock: &Clock,
    style: &Style,
) {
    let glyphs = style.glyphs();
    let mut line = Line::new(out, &Style { width: usize::MAX, ..*style });
    let time_end = 8 + clock.width(6);
    let protocol = message.kind().split('-').next().unwrap_or_default();
    line.right(7, protocol).right(time_end, clock.show(message.first_ns, 6));
    line.skip(1).put("#").show(connection.id).skip(1);
    let to = connection.endpoint(message.from.other()).address;
    line.show(connection.endpoint(message.from).address).skip(1).put(glyphs.to).skip(1).show(to).skip(2);
    let mut text = headline(message);
    let took = since(message.last_ns, message.first_ns);
    if took > 0 {
        let _ = write!(text, " in {}", Duration::new(took.unsigned_abs(), glyphs));
    }
    let packets = &message.packets;
    // Writing to a string never fails.
    let _ = match packets.count() {
        1 => write!(text, ", packet {}", packets.first()),
        count => write!(text, ", {count} packets from {} to {}", packets.first(), packets.last()),
    };
    line.paint(Paint::Message, &text).end();
}
