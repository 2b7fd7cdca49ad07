use super::*;

const MSS: u32 = 1000;

fn receiver(buffer: u32, shift: u8) -> Receiver {
    let mut rcv = Receiver::new(buffer, buffer);
    rcv.on_syn(SeqNumber(u32::MAX - 500), buffer.min(65535), shift);
    rcv
}

fn text(len: u32) -> Bytes {
    vec![7; len as usize].into()
}

/// RFC 9293 MUST-39, SHLD-14: the edge stands still while data arrives, and moves by a segment at least.
#[test]
fn the_edge_moves_in_steps_worth_having_and_never_back() {
    let mut rcv = receiver(4000, 0);
    let edge = rcv.right_edge();
    rcv.on_text(rcv.nxt, &text(3500), MSS);
    rcv.update_window(MSS);
    assert_eq!((rcv.right_edge(), rcv.wnd()), (edge, 500));
    rcv.read(Instant::ZERO, 999, None).unwrap();
    rcv.update_window(MSS);
    assert_eq!(rcv.right_edge(), edge, "999 octets are no reason");
    assert!(!rcv.is_window_update_due(MSS));
    rcv.read(Instant::ZERO, 1, None).unwrap();
    assert!(rcv.is_window_update_due(MSS));
    rcv.update_window(MSS);
    assert_eq!(rcv.right_edge(), edge + 1000);
}

/// A buffer beyond what the field can say, and the growth of the window after an unscaled handshake, are no reasons to
/// acknowledge what was read at once.
#[test]
fn an_update_of_the_window_says_something() {
    for shift in [0, 1] {
        let mut rcv = receiver(131_072, shift);
        for _ in 0..3 {
            rcv.on_text(rcv.nxt, &text(1000), MSS);
            rcv.read(Instant::ZERO, 1000, None).unwrap();
            assert!(!rcv.is_window_update_due(MSS), "shift {shift}");
        }
        rcv.update_window(MSS);
        rcv.on_ack_sent();
        rcv.on_text(rcv.nxt, &text(65_000), MSS);
        rcv.on_ack_sent();
        rcv.read(Instant::ZERO, 65_000, None).unwrap();
        // Without a scale nearly all of the window was taken.
        assert_eq!(rcv.is_window_update_due(MSS), shift == 0);
    }
}

/// RFC 7323 section 2.4: what was offered stays offered, though the field counts in units.
#[test]
fn scaling_never_takes_octets_back() {
    let mut rcv = receiver(4000, 7);
    for _ in 0..4000 {
        let edge = rcv.right_edge();
        rcv.on_text(rcv.nxt, &text(1), MSS);
        rcv.update_window(MSS);
        assert!(rcv.right_edge().is_at_or_after(edge - 127), "at most the rounding");
        assert!(rcv.right_edge().is_at_or_after(rcv.irs + 1 + 4000));
        assert!(rcv.right_edge().is_before(rcv.irs + 1 + 4000 + 128));
    }
    assert_eq!(rcv.wnd(), 0);
}

#[test]
fn a_fin_waits_for_what_is_missing_before_it() {
    let mut rcv = receiver(4000, 0);
    let start = rcv.nxt;
    rcv.on_text(start + 100, &text(100), MSS);
    rcv.on_fin(start + 200);
    assert!(!rcv.may_take_fin());
    // Octets beyond the end, and another end, are not believed.
    assert!(rcv.on_text(start + 200, &text(50), MSS).is_cut);
    rcv.on_fin(start + 250);
    assert_eq!(rcv.on_text(start, &text(100), MSS).in_order, 200);
    assert!(rcv.may_take_fin());
    rcv.take_fin();
    assert!(rcv.has_taken_fin() && !rcv.may_take_fin());
    assert_eq!(rcv.nxt, start + 201);
}

/// RFC 5681 section 4.2: a gap, and what fills it, is acknowledged at once.
#[test]
fn a_gap_is_acknowledged_at_once() {
    let mut rcv = receiver(4000, 0);
    let start = rcv.nxt;
    rcv.on_text(start + 10, &text(10), MSS);
    assert_eq!(rcv.ack.owed(), Owed::Now);
    rcv.on_ack_sent();
    rcv.on_text(start, &text(10), MSS);
    assert_eq!(rcv.ack.owed(), Owed::Now);
}

/// RFC 2883 section 4: an old segment is reported as the first block, once.
#[test]
fn a_duplicate_is_reported_once() {
    let mut rcv = receiver(4000, 0);
    let start = rcv.nxt;
    rcv.on_text(start, &text(100), MSS);
    rcv.on_text(start + 200, &text(100), MSS);
    rcv.on_text(start + 20, &text(50), MSS);
    let mut room = [SackBlock { left: start, right: start }; 4];
    assert_eq!(rcv.sack_blocks(&mut room), 2);
    assert_eq!(room[0], SackBlock { left: start + 20, right: start + 70 });
    assert_eq!(room[1], SackBlock { left: start + 200, right: start + 300 });
    rcv.on_ack_sent();
    assert_eq!(rcv.sack_blocks(&mut room), 1);
}

/// Two thousand octets arrive one by one above a gap, more than are kept; then the gap is filled, and the rest comes
/// again. Nothing is lost, and nothing waits for ever.
#[test]
fn crumbs_above_a_gap_do_not_shut_the_gap() {
    for step in [1, 2] {
        let mut rcv = receiver(60_000, 0);
        let start = rcv.nxt;
        for i in 0..2000 {
            rcv.on_text(start + 100 + i * step, &text(1), MSS);
        }
        for i in 0..10 {
            assert!(rcv.on_text(start + 10 * i, &text(10), MSS).in_order >= 10, "step {step}");
        }
        let kept = rcv.nxt.distance_from(start);
        assert_eq!(rcv.on_text(rcv.nxt, &text(5000), MSS).in_order, 5000);
        let mut read = 0;
        while let Some(chunk) = rcv.read(Instant::ZERO, usize::MAX, None) {
            read += i64::try_from(chunk.len()).unwrap();
        }
        assert_eq!(read, i64::from(kept) + 5000);
    }
}

/// What was kept out of order is copied once if it is short, and not at all if it is not.
#[test]
fn what_was_out_of_order_is_copied_once_at_most() {
    let mut rcv = receiver(60_000, 0);
    let start = rcv.nxt;
    let (long, short) = (text(1000), text(100));
    rcv.on_text(start + 10, &long, MSS);
    rcv.on_text(start + 1010, &short, MSS);
    rcv.on_text(start + 1110, &short, MSS);
    rcv.on_text(start, &text(10), MSS);
    let mut read = || rcv.read(Instant::ZERO, usize::MAX, None).unwrap();
    assert_eq!(read().len(), 10);
    assert_eq!(read().as_ptr(), long.as_ptr());
    // Had they been copied once more, they would be one piece.
    assert_eq!((read().len(), read().len()), (100, 100));
}
