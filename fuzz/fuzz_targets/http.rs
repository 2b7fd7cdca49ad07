//! Two streams of any bytes, in any pieces and with gaps, give messages in bounded memory.
//!
//! Input: pieces of one byte that says what happens and to which side, one byte of length, and the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synfin_messages::{Carrier, Conversation, MAX_HELD_BYTES};
use synfin_wire::Side;

fuzz_target!(|input: &[u8]| {
    let mut conversation = Conversation::new();
    let mut rest = input;
    let mut offsets = [0u64; 2];
    let mut frame = 0;
    while let Some((&[what, length], tail)) = rest.split_first_chunk() {
        let (from, offset) = match what & 1 {
            0 => (Side::Client, &mut offsets[0]),
            _ => (Side::Server, &mut offsets[1]),
        };
        frame += 1;
        match what >> 1 & 7 {
            0 => {
                let length = u64::from(length) << (what >> 4);
                conversation.on_gap(from, length, &mut check);
                *offset += length;
                rest = tail;
            }
            1 => {
                conversation.on_end(from, &mut check);
                rest = tail;
            }
            _ => {
                let (piece, tail) = tail.split_at(usize::from(length).min(tail.len()));
                let carrier = Carrier { at_ns: frame * 1000, frame };
                conversation.on_bytes(from, *offset, piece, carrier, &mut check);
                *offset += piece.len() as u64;
                rest = tail;
            }
        }
        assert!(conversation.held_bytes() <= MAX_HELD_BYTES);
    }
    conversation.on_close(&mut check);
});

fn check(message: synfin_messages::Message) {
    assert!(message.stream_start <= message.stream_end);
    assert!(message.missed_bytes <= message.stream_end - message.stream_start);
    assert!(message.first_ns <= message.last_ns);
}
