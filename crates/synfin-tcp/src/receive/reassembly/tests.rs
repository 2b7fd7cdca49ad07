use proptest::prelude::*;

use super::*;

fn block(left: u32, right: u32) -> SackBlock {
    SackBlock { left: SeqNumber(left), right: SeqNumber(right) }
}

fn blocks(reassembly: &Reassembly) -> Vec<SackBlock> {
    let mut room = [block(0, 0); 4];
    let count = reassembly.sack_blocks(&mut room);
    room[..count].to_vec()
}

fn text(from: u32, to: u32) -> Bytes {
    (from..to).map(|i| i as u8).collect::<Vec<u8>>().into()
}

/// RFC 2018 section 7, case 2: of eight segments of 500 octets from 5000 on, the first is lost; each acknowledgement
/// reports one growing block.
#[test]
fn rfc_2018_case_2() {
    let mut reassembly = Reassembly::default();
    for i in 1..8 {
        let start = 5000 + 500 * i;
        assert!(reassembly.insert(SeqNumber(start), &text(start, start + 500), 65535, false).is_new);
        assert_eq!(blocks(&reassembly), [block(5500, start + 500)]);
    }
}

/// RFC 2018 section 7, case 3: the 2nd, 4th, 6th and 8th are lost; then the 4th and the 2nd come.
#[test]
fn rfc_2018_case_3() {
    let mut reassembly = Reassembly::default();
    let mut arrive = |start: u32| {
        reassembly.insert(SeqNumber(start), &text(start, start + 500), 65535, false);
        blocks(&reassembly)
    };
    assert_eq!(arrive(6000), [block(6000, 6500)]);
    assert_eq!(arrive(7000), [block(7000, 7500), block(6000, 6500)]);
    assert_eq!(arrive(8000), [block(8000, 8500), block(7000, 7500), block(6000, 6500)]);
    assert_eq!(arrive(6500), [block(6000, 7500), block(8000, 8500)]);
    // The second segment, 5500, is in order: the range up to 7500 comes out.
    assert_eq!(reassembly.take_in_order(SeqNumber(6000)).unwrap().1, SeqNumber(7500));
    assert_eq!(blocks(&reassembly), [block(8000, 8500)]);
}

#[test]
fn duplicates_are_reported_by_their_first_run() {
    let mut reassembly = Reassembly::default();
    reassembly.insert(SeqNumber(100), &text(100, 200), 65535, false);
    reassembly.insert(SeqNumber(300), &text(300, 400), 65535, false);
    let all = reassembly.insert(SeqNumber(100), &text(100, 200), 65535, false);
    assert_eq!(all, Inserted { is_new: false, duplicate: Some(block(100, 200)) });
    let some = reassembly.insert(SeqNumber(150), &text(150, 350), 65535, false);
    assert_eq!(some, Inserted { is_new: true, duplicate: Some(block(150, 200)) });
    assert_eq!(blocks(&reassembly), [block(100, 400)]);
}

#[test]
fn hostile_crumbs_are_bounded() {
    let mut reassembly = Reassembly::default();
    for i in 0..10_000u32 {
        reassembly.insert(SeqNumber(2 * i + 1), &text(0, 1), 65535, false);
    }
    assert_eq!(reassembly.ranges.len(), RANGES_MAX);
    let mut reassembly = Reassembly::default();
    for i in 0..10_000u32 {
        reassembly.insert(SeqNumber(i + 1), &text(0, 1), 65535, false);
    }
    assert!(reassembly.chunks <= CHUNKS_BASE + 256);
}

/// However much is held, what everything waits for finds room: otherwise nothing would move again.
#[test]
fn what_comes_next_always_finds_room() {
    let mut islands = Reassembly::default();
    let mut chunks = Reassembly::default();
    for i in 0..10_000u32 {
        islands.insert(SeqNumber(2 * i + 100), &text(0, 1), 65535, false);
        chunks.insert(SeqNumber(i + 100), &text(0, 1), 65535, false);
    }
    for mut reassembly in [islands, chunks] {
        let held = reassembly.ranges.len();
        assert_eq!(
            reassembly.insert(SeqNumber(0), &text(0, 50), 65535, false),
            Inserted::default(),
            "it is full"
        );
        assert!(reassembly.insert(SeqNumber(0), &text(0, 50), 65535, true).is_new);
        assert_eq!(reassembly.take_in_order(SeqNumber(0)).unwrap().1, SeqNumber(50));
        assert_eq!(reassembly.ranges.len(), held);
    }
}

proptest! {
    /// Any order, overlap and repetition gives the stream, across the wrap too.
    #[test]
    fn any_order_gives_the_stream(
        base: u32, pieces in proptest::collection::vec((0u32..1500, 1u32..600), 1..40),
    ) {
        let stream: Vec<u8> = (0..2200u32).map(|i| (i * 7 % 251) as u8).collect();
        let mut reassembly = Reassembly::default();
        let mut have = vec![false; stream.len()];
        for (from, len) in pieces {
            let (from, to) = (from as usize, (from + len) as usize);
            let before = have[from..to].iter().all(|&h| h);
            let seq = SeqNumber(base) + from as u32;
            let inserted = reassembly.insert(seq, &Bytes::copy_from_slice(&stream[from..to]), 65535, false);
            prop_assert_eq!(inserted.is_new, !before);
            have[from..to].fill(true);
        }
        let chunks: usize = reassembly.ranges.iter().map(|r| r.chunks.len()).sum();
        prop_assert_eq!(chunks, reassembly.chunks);
        for pair in reassembly.ranges.iter().zip(reassembly.ranges.iter().skip(1)) {
            prop_assert!(pair.0.block.right.is_before(pair.1.block.left));
        }
        while let Some(left) = reassembly.ranges.front().map(|r| r.block.left) {
            let (chunks, end) = reassembly.take_in_order(left).unwrap();
            let from = left.distance_from(SeqNumber(base)) as usize;
            let to = end.distance_from(SeqNumber(base)) as usize;
            let octets: Vec<u8> = chunks.iter().flatten().copied().collect();
            prop_assert_eq!(&octets[..], &stream[from..to]);
            for h in &mut have[from..to] {
                prop_assert!(std::mem::take(h));
            }
        }
        prop_assert!(have.iter().all(|&h| !h));
    }
}
