//! Bytes that the capture missed: what lies outside the damage is told as if nothing had happened.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use synfin_messages::{Detail, Message};
use synfin_wire::Side;

use crate::exchange::{Exchange, exchange};
use crate::wire::Wire;

/// What of a message must not change.
fn told(message: &Message) -> String {
    match &message.detail {
        Detail::HttpRequest(request) => {
            format!("{} {} {}", request.method, request.target, request.body_bytes)
        }
        Detail::HttpResponse(response) => format!("{} {}", response.status, response.body_bytes),
        other => format!("{other:?}"),
    }
}

/// Each message a packet of its own, as clients and servers that wait for each other send them; of one side bytes
/// are missing.
fn play(exchanges: &[Exchange], damaged: Side, hole: std::ops::Range<u64>) -> Wire {
    let mut wire = Wire::default();
    let mut sent = [0_u64; 2];
    for exchange in exchanges {
        for (from, bytes) in [(Side::Client, exchange.request()), (Side::Server, exchange.response())] {
            let start = &mut sent[usize::from(from == Side::Server)];
            let within =
                |at: u64| usize::try_from(at.saturating_sub(*start)).unwrap_or(usize::MAX).min(bytes.len());
            let (first, last) = if from == damaged { (within(hole.start), within(hole.end)) } else { (0, 0) };
            wire.send(from, &bytes[..first]);
            wire.gap(from, (last - first) as u64);
            wire.send(from, &bytes[last..]);
            *start += bytes.len() as u64;
        }
    }
    wire.close();
    wire
}

proptest! {
    #[test]
    fn a_hole_harms_only_what_it_touches(
        exchanges in vec(exchange(), 1..6),
        is_server: bool,
        at: Index,
        length in 1..400_u64,
    ) {
        let damaged = if is_server { Side::Server } else { Side::Client };
        let whole = play(&exchanges, damaged, 0..0);
        let total = whole.messages.iter().filter(|message| message.from == damaged).map(|message| message.stream_end).max();
        let start = at.index(usize::try_from(total.unwrap_or(1)).unwrap_or(1)) as u64;
        let hole = start..start + length;
        let holed = play(&exchanges, damaged, hole.clone());
        for message in whole.messages.iter().filter(|message| message.from == damaged) {
            let same = holed.messages.iter().find(|other| {
                other.from == damaged && other.stream_start == message.stream_start && other.complete
            });
            // Before the hole everything stands. Behind it, everything that a packet begins with: an interim response
            // in front may be what was hit.
            let begins_packet = damaged == Side::Client || exchanges.iter().all(|exchange| exchange.interim.is_empty());
            if message.stream_end <= hole.start || (message.stream_start >= hole.end && begins_packet) {
                let same = same.unwrap_or_else(|| panic!("{message:#?} is missing from {:#?}", holed.messages));
                // A HEAD that was never seen has a response that can't be told from one with a body.
                if damaged == Side::Server || message.stream_end <= hole.start {
                    prop_assert_eq!(told(message), told(same));
                }
            }
        }
    }
}
