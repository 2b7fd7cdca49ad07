//! Bytes that lie: a value, never a panic, and never more memory than promised.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use synfin_messages::MAX_HELD_BYTES;
use synfin_wire::Side;

use crate::wire::Wire;

#[derive(Clone, Debug)]
enum Event {
    Bytes(Side, Vec<u8>),
    Gap(Side, u64),
    End(Side),
}

/// Fragments that get a reader into every corner, mixed with noise.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let fragment = select(
        &[
            "GET / HTTP/1.1\r\n",
            "HEAD /x HTTP/1.0\n",
            "CONNECT a:1 HTTP/1.1\r\n",
            "POST / HT",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 101 S\r\n",
            "HTTP/1.0 304 N\r\n",
            "HTTP/1.1 100 C\r\n\r\n",
            "HTT",
            "\r\n",
            "\n",
            "\r",
            ":",
            " ",
            "Content-Length: 10\r\n",
            "Content-Length: 18446744073709551615\r\n",
            "Content-Length: 1,2\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Upgrade: tls\r\n",
            "0\r\n\r\n",
            "5\r\nhello\r\n",
            "ffffffffffffffff\r\n",
            "\u{16}\u{3}\u{1}\0\u{40}\u{1}\0\0\u{3c}\u{3}\u{3}",
            "\u{16}\u{3}\u{3}\0\u{6}\u{2}\0\0\u{2}\u{3}\u{3}",
            "\u{14}\u{3}\u{3}\0\u{1}\u{1}",
            "\u{17}\u{3}\u{3}\0\u{9}",
            "\u{16}",
            "\0\0\0\0\0\0\0\0",
        ][..],
    )
    .prop_map(|text| text.as_bytes().to_vec());
    vec(prop_oneof![4 => fragment, 1 => vec(any::<u8>(), 0..100)], 0..8).prop_map(|parts| parts.concat())
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let side = || select(&Side::BOTH[..]);
    let length = prop_oneof![0..20_u64, any::<u64>()];
    vec(
        prop_oneof![
            20 => (side(), bytes()).prop_map(|(side, bytes)| Event::Bytes(side, bytes)),
            2 => (side(), length).prop_map(|(side, length)| Event::Gap(side, length)),
            1 => side().prop_map(Event::End),
        ],
        0..60,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_end_in_a_value(events in events()) {
        let mut wire = Wire::default();
        for event in events {
            match event {
                Event::Bytes(from, bytes) => wire.send(from, &bytes),
                Event::Gap(from, length) => wire.gap(from, length.min(1 << 40)),
                Event::End(from) => wire.end(from),
            }
            prop_assert!(wire.conversation.held_bytes() <= MAX_HELD_BYTES);
        }
        wire.close();
        for message in &wire.messages {
            prop_assert!(message.stream_start <= message.stream_end);
            prop_assert!(message.first_ns <= message.last_ns);
        }
        let mut numbers: Vec<_> = wire.messages.iter().map(|message| message.n).collect();
        numbers.sort_unstable();
        prop_assert!(numbers.iter().copied().eq(1..=numbers.len() as u32), "{:?}", numbers);
    }
}

#[test]
fn what_never_ends_is_held_up_to_the_bound() {
    let endless: [(&[u8], &[u8]); 5] = [
        (b"GET /", b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        (b"GET / HTTP/1.1\r\n", b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
        (b"HTTP/1.1 200 ", b"reason reason reason reason "),
        (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"),
        (&[22, 3, 1, 0x40, 0, 1, 0, 0xff, 0, 3, 3], &[0; 64]),
    ];
    for (start, more) in endless {
        let mut wire = Wire::default();
        for side in Side::BOTH {
            wire.send(side, start);
        }
        for _ in 0..20_000 {
            for side in Side::BOTH {
                wire.send(side, more);
            }
            assert!(wire.conversation.held_bytes() <= MAX_HELD_BYTES, "{:?}", String::from_utf8_lossy(start));
        }
    }
}
