//! How the connection ended other than by closing in order.

use synfin_wire::{Side, State};

use super::figures::{Count, Span};
use crate::{Close, Connection, Open, Severity};

pub(super) fn look(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    match connection.close {
        Close::RstByClient => reset(connection, Side::Client, find),
        Close::RstByServer if connection.open != Open::Attempt => reset(connection, Side::Server, find),
        Close::HalfClosed if !connection.is_to_itself() => half_closed(connection, find),
        _ => {}
    }
}

fn reset(connection: &Connection, by: Side, find: &mut impl FnMut(&'static str, Severity, String)) {
    let (own, peer) = (connection.endpoint(by), connection.endpoint(by.other()));
    let (name, other) = (by.name(), by.other().name());
    let kind = match by {
        Side::Client => "reset-by-client",
        Side::Server => "reset-by-server",
    };
    let when = Span(connection.duration_ns());
    // What the capture missed has been sent as well.
    let sent = Count(own.sent.payload_bytes.saturating_add(own.sent.missed_bytes), "byte");
    let received = Count(peer.sent.payload_bytes.saturating_add(peer.sent.missed_bytes), "byte");
    let volume = format!("{sent} sent and {received} received");
    let has_been = |state: State| own.states.iter().any(|entry| entry.state == state);
    let is_unopened = !has_been(State::Established) && !has_been(State::CloseWait);
    let has_unread = connection.last_data_from == Some(by.other());
    let (severity, text) = if is_unopened && own.sent.payload_bytes == 0 {
        (Severity::Note, format!("The {name} reset the connection during its handshake, after {when}."))
    } else if own.states.iter().any(|entry| entry.state.has_sent_fin()) {
        let why = if has_unread { format!(": the {other} was still sending") } else { String::new() };
        (Severity::Warning, format!("The {name} closed and then reset the connection, with {volume}{why}."))
    } else if has_been(State::CloseWait) {
        (Severity::Warning, format!("The {name} answered the {other}'s close with a reset, with {volume}."))
    } else {
        let why = if has_unread {
            format!(
                "the last data, from the {other}, had no answer, as when a process dies or closes without reading"
            )
        } else {
            "it was aborted".to_owned()
        };
        (Severity::Problem, format!("The {name} reset the connection after {when}, with {volume}: {why}."))
    };
    find(kind, severity, text);
}

fn half_closed(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    let fin = |side| connection.endpoint(side).states.iter().find(|entry| entry.state == State::FinWait1);
    let Some((side, entry)) = Side::BOTH.into_iter().find_map(|side| fin(side).map(|entry| (side, entry)))
    else {
        return;
    };
    let since = Span(connection.end_ns.saturating_sub(entry.at_ns));
    let (name, other) = (side.name(), side.other().name());
    // Whether it has not closed, or its FIN passed unseen, the packets do not tell.
    let text = if since.0 == 0 {
        format!("The {name} has closed, and no FIN of the {other} was seen: nothing came after that.")
    } else {
        format!(
            "The {name} has closed, and no FIN of the {other} was seen: the last packet came {since} later."
        )
    };
    find("half-closed", Severity::Note, text);
}
