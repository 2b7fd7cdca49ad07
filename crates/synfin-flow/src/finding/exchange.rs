//! What the HTTP messages say: errors, slow answers, bodies that broke off.

use synfin_messages::{Detail, Framing, HttpRequest, HttpResponse, Message};

use super::figures::{Count, Span};
use crate::{Connection, Severity};

/// From here on an answer is slow, in nanoseconds: people notice.
const SLOW_RESPONSE_NS: u64 = 500_000_000;

/// Most characters that are quoted of a request's target.
const MAX_QUOTED: usize = 60;

pub(super) fn look(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    errors(connection, find);
    slow_response(connection, find);
    broken_off(connection, find);
}

fn responses(connection: &Connection) -> impl Iterator<Item = (&Message, &HttpResponse)> + Clone {
    connection.messages.iter().filter_map(|message| match &message.detail {
        Detail::HttpResponse(response) if !response.is_interim() => Some((message, response)),
        _ => None,
    })
}

/// What was asked, as far as it is known: `GET /path`.
fn asked(connection: &Connection, response: &HttpResponse) -> String {
    let request = response.request.and_then(|n| connection.messages.iter().find(|message| message.n == n));
    let Some(Message { detail: Detail::HttpRequest(HttpRequest { method, target, .. }), .. }) = request
    else {
        return "a request".to_owned();
    };
    match target.char_indices().nth(MAX_QUOTED).and_then(|(end, _)| target.get(..end)) {
        Some(start) => format!("{method} {start}…"),
        None => format!("{method} {target}"),
    }
}

fn errors(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    let all = responses(connection);
    let errors = all.clone().filter(|(_, response)| response.status >= 400);
    // Those of the server first: the others may well be the client's mistake.
    let Some((_, worst)) = errors.clone().find(|(_, r)| r.status >= 500).or_else(|| errors.clone().next())
    else {
        return;
    };
    let severity = if worst.status >= 500 { Severity::Problem } else { Severity::Warning };
    let example = format!("{} {}", worst.status, worst.reason);
    let (example, asked) = (example.trim_end(), asked(connection, worst));
    let text = match (errors.count(), all.count() as u64) {
        (1, 1) => format!("The answer to {asked} was {example}."),
        (n, all) => format!("{n} of {} were errors, such as {example} to {asked}.", Count(all, "answer")),
    };
    find("http-error", severity, text);
}

/// The time to the first byte is the server's own where it is most of the exchange.
fn slow_response(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    let waits = responses(connection).filter_map(|(_, response)| {
        let timing = response.timing;
        let wait_ns = timing.first_byte_ns.saturating_sub(timing.request_sent_ns?);
        let all_ns = timing.last_byte_ns.saturating_sub(timing.request_first_ns?);
        (wait_ns >= SLOW_RESPONSE_NS && wait_ns >= all_ns / 2).then_some((wait_ns, all_ns, response))
    });
    let Some((wait_ns, all_ns, slowest)) = waits.max_by_key(|(wait_ns, ..)| *wait_ns) else { return };
    let asked = asked(connection, slowest);
    let (wait, all) = (Span(wait_ns), Span(all_ns));
    let text = format!("The first byte of the answer to {asked} took {wait} of the {all} of the exchange.");
    find("slow-response", Severity::Warning, text);
}

fn broken_off(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    let broken = |(message, response): (&Message, &HttpResponse)| match response.framing {
        Framing::ContentLength(len) if !message.complete && response.body_bytes < len => {
            Some((asked(connection, response), response.body_bytes, len))
        }
        _ => None,
    };
    if !connection.close.is_over() {
        return;
    }
    let Some((asked, body, len)) = responses(connection).find_map(broken) else { return };
    let (body, len) = (Count(body, "byte"), Count(len, "byte"));
    let text = format!("The answer to {asked} broke off after {body} of {len}.");
    find("response-cut-off", Severity::Problem, text);
}
