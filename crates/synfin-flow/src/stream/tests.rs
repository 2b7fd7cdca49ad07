use proptest::prelude::*;

use super::*;

const ROOM: Room = Room { bytes: 1 << 20, segments: 1000 };
const CARRIER: Carrier = Carrier { at_ns: 0, frame: 1 };

/// What came out: bytes with `None` for each one that is missing, and whether the end was told.
#[derive(Default, PartialEq, Eq, Debug)]
struct Received {
    bytes: Vec<Option<u8>>,
    has_ended: bool,
}

impl Received {
    fn take(&mut self, piece: Piece<'_>) {
        assert!(!self.has_ended, "nothing comes after the end");
        match piece {
            Piece::Bytes { offset, bytes, .. } => {
                assert_eq!(offset, self.bytes.len() as u64, "in order");
                self.bytes.extend(bytes.iter().map(|byte| Some(*byte)));
            }
            Piece::Gap { offset, len } => {
                assert_eq!(offset, self.bytes.len() as u64, "in order");
                assert!(len > 0);
                self.bytes.extend((0..len).map(|_| None));
            }
            Piece::End => self.has_ended = true,
        }
    }
}

fn text(received: &Received) -> String {
    received.bytes.iter().map(|byte| byte.map_or('_', char::from)).collect()
}

#[test]
fn in_order_bytes_are_handed_on_at_once() {
    let (mut stream, mut received) = (Stream::default(), Received::default());
    stream.on_segment(0, b"GET ", 4, CARRIER, ROOM, &mut |piece| received.take(piece));
    assert_eq!(text(&received), "GET ");
    stream.on_segment(4, b"/", 1, CARRIER, ROOM, &mut |piece| received.take(piece));
    assert_eq!(text(&received), "GET /");
}

#[test]
fn early_segments_wait_and_the_first_copy_counts() {
    let (mut stream, mut received) = (Stream::default(), Received::default());
    let mut out = |piece: Piece<'_>| received.take(piece);
    stream.on_segment(0, b"ab", 2, CARRIER, ROOM, &mut out);
    let early = stream.on_segment(4, b"ef", 2, CARRIER, ROOM, &mut out);
    assert_eq!(early, Coverage { new: 2, old: 0 });
    let overlapping = stream.on_segment(1, b"XcdX", 4, CARRIER, ROOM, &mut out);
    assert_eq!(overlapping, Coverage { new: 2, old: 2 });
    assert_eq!(text(&received), "abcdef");
    assert_eq!((stream.unique(), stream.missed()), (6, 0));
}

#[test]
fn an_acknowledged_hole_is_a_gap_at_once() {
    let (mut stream, mut received) = (Stream::default(), Received::default());
    let mut out = |piece: Piece<'_>| received.take(piece);
    stream.on_segment(0, b"ab", 2, CARRIER, ROOM, &mut out);
    stream.on_segment(4, b"ef", 2, CARRIER, ROOM, &mut out);
    stream.on_acked(6, &mut out);
    stream.on_segment(9, b"j", 1, CARRIER, ROOM, &mut out);
    stream.on_acked(8, &mut out);
    assert_eq!(text(&received), "ab__ef__");
    assert_eq!((stream.unique(), stream.missed()), (5, 4));
}

#[test]
fn what_comes_after_its_acknowledgement_is_counted_all_the_same() {
    let (mut stream, mut received) = (Stream::default(), Received::default());
    let mut out = |piece: Piece<'_>| received.take(piece);
    stream.on_segment(0, b"ab", 2, CARRIER, ROOM, &mut out);
    stream.on_acked(8, &mut out);
    assert_eq!(stream.missed(), 6);
    assert_eq!(stream.on_segment(2, b"cd", 2, CARRIER, ROOM, &mut out), Coverage { new: 2, old: 0 });
    assert_eq!(stream.on_segment(2, b"cdef", 4, CARRIER, ROOM, &mut out), Coverage { new: 2, old: 2 });
    assert_eq!(stream.on_segment(6, b"ghi", 3, CARRIER, ROOM, &mut out), Coverage { new: 3, old: 0 });
    assert_eq!((text(&received).as_str(), stream.unique(), stream.missed()), ("ab______i", 9, 0));
}

#[test]
fn a_lone_acknowledged_octet_at_the_end_is_a_fin_unless_more_follows() {
    let (mut stream, mut received) = (Stream::default(), Received::default());
    let mut out = |piece: Piece<'_>| received.take(piece);
    stream.on_segment(0, b"ab", 2, CARRIER, ROOM, &mut out);
    stream.on_acked(3, &mut out);
    let mut ended = stream.clone();
    ended.finish(&mut |_| ());
    assert_eq!(ended.missed(), 0);
    stream.on_segment(3, b"d", 1, CARRIER, ROOM, &mut out);
    assert_eq!((text(&received).as_str(), stream.missed()), ("ab_d", 1));
}

#[test]
fn a_hole_at_the_end_shows_when_the_connection_does() {
    let (mut stream, mut received) = (Stream::default(), Received::default());
    let mut out = |piece: Piece<'_>| received.take(piece);
    stream.on_segment(0, b"ab", 2, CARRIER, ROOM, &mut out);
    stream.on_fin(5, &mut out);
    assert!(!stream.has_ended());
    stream.finish(&mut out);
    assert_eq!(text(&received), "ab___");
    assert!(received.has_ended);
}

#[test]
fn what_the_capture_cut_off_is_a_gap_but_not_missed() {
    let (mut stream, mut received) = (Stream::default(), Received::default());
    let mut out = |piece: Piece<'_>| received.take(piece);
    stream.on_segment(0, b"ab", 5, CARRIER, ROOM, &mut out);
    stream.on_segment(5, b"fg", 2, CARRIER, ROOM, &mut out);
    assert_eq!(text(&received), "ab___fg");
    assert_eq!((stream.unique(), stream.missed()), (7, 0));
}

#[test]
fn room_is_bounded() {
    let (mut stream, mut received) = (Stream::default(), Received::default());
    let room = Room { bytes: 10, segments: 3 };
    for n in 0..100 {
        stream.on_segment(n * 10, b"abcde", 5, CARRIER, room, &mut |piece| received.take(piece));
        assert!(stream.early_bytes <= room.bytes && stream.early.len() <= room.segments);
    }
    assert_eq!(stream.unique(), 500);
    assert!(stream.missed() >= 96 * 5, "holes were given up: {}", stream.missed());
}

/// A stream, and a way to send it: segments that overlap, come in any order and more than once, or not at all.
fn sending() -> impl Strategy<Value = (Vec<u8>, Vec<(usize, usize)>)> {
    proptest::collection::vec(any::<u8>(), 1..300).prop_flat_map(|bytes| {
        let len = bytes.len();
        let segment = (0..len, 1usize..60).prop_map(move |(start, n)| (start, (start + n).min(len)));
        (Just(bytes), proptest::collection::vec(segment, 0..60))
    })
}

proptest! {
    /// The stream comes out, with exactly those bytes missing that were in no segment.
    #[test]
    fn what_was_sent_comes_out(
        (bytes, segments) in sending(), opaque_after in proptest::option::of(0usize..60), acks: bool, room in 1usize..2000,
    ) {
        let (mut stream, mut received) = (Stream::default(), Received::default());
        let mut present = vec![false; bytes.len()];
        let room = Room { bytes: if acks { 1 << 20 } else { room.max(1) }, segments: 1000 };
        let is_bounded_away = room.bytes < bytes.len();
        stream.begin();
        for (n, (start, end)) in segments.iter().copied().enumerate() {
            if opaque_after == Some(n) {
                stream.forget_bytes();
            }
            let expected = present[start..end].iter().filter(|there| !**there).count() as u64;
            let coverage = stream.on_segment(
                start as i64, &bytes[start..end], (end - start) as u32, CARRIER, room, &mut |piece| received.take(piece),
            );
            if !is_bounded_away {
                prop_assert_eq!(coverage.new, expected);
            }
            present[start..end].fill(true);
        }
        stream.on_fin(bytes.len() as i64, &mut |piece| if opaque_after.is_none() { received.take(piece) });
        stream.finish(&mut |piece| if opaque_after.is_none() { received.take(piece) });
        if opaque_after.is_none() && !is_bounded_away {
            let expected: Vec<_> = bytes.iter().zip(&present).map(|(byte, there)| there.then_some(*byte)).collect();
            prop_assert_eq!(&received.bytes, &expected);
            prop_assert!(received.has_ended);
        }
        if !is_bounded_away {
            let seen = present.iter().filter(|there| **there).count() as u64;
            prop_assert_eq!(stream.unique(), seen);
            prop_assert_eq!(stream.missed(), bytes.len() as u64 - seen);
        }
        prop_assert_eq!(stream.unique().max(stream.missed()) <= bytes.len() as u64, true);
    }

    #[test]
    fn any_offsets_end_well(
        segments in proptest::collection::vec((any::<i64>(), 0u32..100, any::<bool>()), 0..50),
    ) {
        let mut stream = Stream::default();
        let bytes = [0; 100];
        let mut out = |_: Piece<'_>| ();
        for (offset, len, fin) in segments {
            stream.on_segment(offset, &bytes[..len as usize], len, CARRIER, ROOM, &mut out);
            stream.on_acked(offset / 2, &mut out);
            if fin {
                stream.on_fin(offset, &mut out);
            }
        }
        stream.finish(&mut out);
    }
}
