use proptest::prelude::*;

use super::*;

fn sent(seq: u32, len: u32) -> Sent {
    Sent {
        seq: SeqNumber(seq),
        len,
        segment_size: 100,
        sent_at: Instant::ZERO,
        rate: RateStamp::default(),
        is_fin: false,
        was_retransmitted: false,
        place: Place::InFlight,
    }
}

fn block(left: u32, right: u32) -> SackBlock {
    SackBlock { left: SeqNumber(left), right: SeqNumber(right) }
}

fn board() -> Scoreboard {
    let mut board = Scoreboard::default();
    for i in 0..10 {
        board.push(sent(i * 100, 100));
    }
    board
}

#[test]
fn pipe_by_hand() {
    let mut board = board();
    assert_eq!(board.pipe(), 1000);
    // Two of ten reported, two lost before them, one of these sent again: 10 - 2 - 2 + 1 = 7.
    assert_eq!(board.report(block(200, 400), |_| {}), 200);
    board.change(0, Place::Lost);
    board.change(1, Place::Lost);
    assert_eq!(board.pipe(), 600);
    assert_eq!(board.first_lost(), Some(0));
    board.on_resent(0, Instant::ZERO, RateStamp::default());
    assert_eq!((board.pipe(), board.first_lost()), (700, Some(1)));
    // Reported twice counts once; a part of a segment counts nothing.
    assert_eq!(board.report(block(150, 450), |_| {}), 0);
    // The acknowledgement of 450 delivers what was not reported: 200 and the first half of the fifth.
    assert_eq!(board.acknowledge(SeqNumber(450), |_| {}), 250);
    assert_eq!((board.outstanding(), board.sacked(), board.lost()), (550, 0, 0));
}

/// A block may leave out the FIN: the text counts as reported, and the FIN is on its own.
#[test]
fn a_report_without_the_fin() {
    let mut board = board();
    board.push(Sent { is_fin: true, ..sent(1000, 51) });
    assert_eq!(board.report(block(1000, 1050), |_| {}), 50);
    assert_eq!((board.sacked(), board.len()), (50, 12));
    let fin = board.at(11).unwrap();
    assert_eq!((fin.seq, fin.len, fin.is_fin, fin.place), (SeqNumber(1050), 1, true, Place::InFlight));
    assert_eq!(board.report(block(900, 1051), |_| {}), 101);
}

#[derive(Clone, Debug)]
enum Op {
    Ack(u32),
    Sack(u32, u32),
    Lose(usize),
    Resend,
    Split(usize, u32),
    Forget,
    Undo,
    Push(u32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0u32..300).prop_map(Op::Ack),
        (0u32..1500, 0u32..500).prop_map(|(l, n)| Op::Sack(l, n)),
        (0usize..12).prop_map(Op::Lose),
        Just(Op::Resend),
        (0usize..12, 0u32..120).prop_map(|(i, n)| Op::Split(i, n)),
        Just(Op::Forget),
        Just(Op::Undo),
        (1u32..200).prop_map(Op::Push),
    ]
}

proptest! {
    /// Whatever happens, the counts are those of the records, and the records have no gaps.
    #[test]
    fn counts_are_those_of_the_records(ops in proptest::collection::vec(op(), 0..80)) {
        let mut board = board();
        let (mut una, mut nxt) = (SeqNumber(0), SeqNumber(1000));
        for op in ops {
            match op {
                Op::Ack(n) => {
                    una = (una + n).earlier(nxt);
                    board.acknowledge(una, |_| {});
                }
                Op::Sack(l, n) => {
                    board.report(SackBlock { left: una + l, right: una + l + n }, |_| {});
                }
                Op::Lose(i) => {
                    if board.at(i).is_some_and(|r| r.place != Place::Sacked) {
                        board.change(i, Place::Lost);
                    }
                }
                Op::Resend => {
                    if let Some(i) = board.first_lost() {
                        board.on_resent(i, Instant::ZERO, RateStamp::default());
                    }
                }
                Op::Split(i, n) => board.split(i, n),
                Op::Forget => board.forget_reports(),
                Op::Undo => board.forget_losses(),
                Op::Push(n) => {
                    board.push(sent(nxt.0, n));
                    nxt += n;
                }
            }
            let sum = |p: Place| board.iter().filter(|r| r.place == p).map(|r| r.len).sum::<u32>();
            prop_assert_eq!(board.sacked(), sum(Place::Sacked));
            prop_assert_eq!(board.lost(), sum(Place::Lost));
            prop_assert_eq!(board.pipe(), sum(Place::InFlight) + sum(Place::Resent));
            let mut at = una;
            for record in board.iter() {
                prop_assert_eq!(record.seq, at);
                prop_assert!(record.len > 0);
                at = record.end();
            }
            prop_assert_eq!(at, nxt);
            let expected = board.iter().position(|r| r.place == Place::Lost);
            prop_assert_eq!(board.first_lost(), expected);
        }
    }
}

/// A segment by itself, and what is known of it.
type Alone = (SeqNumber, u32, bool, bool, Place);

/// Every segment of every record.
fn alone(board: &Scoreboard) -> Vec<Alone> {
    let mut all = Vec::new();
    for record in board.iter() {
        let mut rest = *record;
        while rest.segments() > 1 {
            all.push((rest.seq, rest.segment_size, false, rest.was_retransmitted, rest.place));
            rest = Sent { seq: rest.seq + rest.segment_size, len: rest.len - rest.segment_size, ..rest };
        }
        all.push((rest.seq, rest.len, rest.is_fin, rest.was_retransmitted, rest.place));
    }
    all
}

fn counts(board: &Scoreboard) -> [u32; 5] {
    let whole = u32::from(board.is_one_segment());
    [board.outstanding(), board.sacked(), board.sacked_segments(), board.lost(), whole]
}

#[derive(Clone, Debug)]
enum Event {
    Send(u32, bool),
    Ack(u32),
    Sack(u32, u32),
    LoseFirst,
    LoseAll,
    /// At most so many octets.
    Resend(u32),
    ResendLast,
}

fn event() -> impl Strategy<Value = Event> {
    // Near the edges of segments more often than elsewhere.
    let place =
        || (0u32..16, -2i32..3).prop_map(|(segments, off)| (segments * 100).saturating_add_signed(off));
    prop_oneof![
        3 => (1u32..1000, proptest::bool::weighted(0.1)).prop_map(|(len, is_fin)| Event::Send(len, is_fin)),
        3 => prop_oneof![place(), 0u32..400].prop_map(Event::Ack),
        4 => (place(), place()).prop_map(|(from, len)| Event::Sack(from, len)),
        1 => Just(Event::LoseFirst),
        1 => Just(Event::LoseAll),
        3 => prop_oneof![Just(100u32), 1u32..150].prop_map(Event::Resend),
        1 => Just(Event::ResendLast),
    ]
}

proptest! {
    /// Segments that share a record fare as each with a record of its own would.
    #[test]
    fn a_run_is_its_segments(events in proptest::collection::vec(event(), 1..60)) {
        let (mut runs, mut singles) = (Scoreboard::default(), Scoreboard::default());
        let (mut una, mut nxt, mut is_over) = (SeqNumber(u32::MAX - 1500), SeqNumber(u32::MAX - 1500), false);
        let mut now = 0;
        for event in events {
            now += 1;
            match event {
                Event::Send(len, is_fin) if !is_over => {
                    is_over = is_fin;
                    let run = Sent { seq: nxt, len: len + u32::from(is_fin), is_fin, ..sent(0, 0) };
                    runs.push(run);
                    let mut one = Scoreboard::default();
                    one.push(run);
                    for (seq, len, is_fin, _, _) in alone(&one) {
                        singles.push(Sent { seq, len, is_fin, ..run });
                    }
                    nxt = run.end();
                }
                Event::Send(..) => {}
                Event::Ack(n) => {
                    una = (una + n).earlier(nxt);
                    let (mut of_runs, mut of_singles) = (0, 0);
                    let delivered = runs.acknowledge(una, |sent| of_runs += sent.len);
                    prop_assert_eq!(delivered, singles.acknowledge(una, |sent| of_singles += sent.len));
                    prop_assert_eq!(of_runs, of_singles);
                }
                Event::Sack(from, len) => {
                    let block = SackBlock { left: una + from, right: (una + from + len).earlier(nxt) };
                    if block.left.is_before(block.right) {
                        let (mut of_runs, mut of_singles) = (0, 0);
                        let delivered = runs.report(block, |sent| of_runs += sent.len);
                        prop_assert_eq!(delivered, singles.report(block, |sent| of_singles += sent.len));
                        prop_assert_eq!(of_runs, of_singles);
                    }
                }
                Event::LoseFirst => {
                    for board in [&mut runs, &mut singles] {
                        board.isolate_first(0);
                        if board.first().is_some_and(|first| first.place != Place::Sacked) {
                            board.change(0, Place::Lost);
                        }
                    }
                }
                Event::LoseAll => {
                    for board in [&mut runs, &mut singles] {
                        for index in 0..board.len() {
                            if board.at(index).is_some_and(|r| r.place != Place::Sacked) {
                                board.change(index, Place::Lost);
                            }
                        }
                    }
                }
                Event::Resend(most) => {
                    for board in [&mut runs, &mut singles] {
                        let Some(index) = board.first_lost() else { continue };
                        board.isolate_first(index);
                        if board.at(index).is_some_and(|r| r.text() > most) {
                            board.split(index, most);
                        }
                        board.on_resent(index, Instant::from_nanos(now), RateStamp::default());
                    }
                }
                Event::ResendLast => {
                    for board in [&mut runs, &mut singles] {
                        let Some(last) = board.len().checked_sub(1) else { continue };
                        let last = board.isolate_last(last);
                        if board.at(last).is_some_and(|r| r.place != Place::Sacked) {
                            board.on_resent(last, Instant::from_nanos(now), RateStamp::default());
                        }
                    }
                }
            }
            prop_assert_eq!(alone(&runs), alone(&singles));
            prop_assert_eq!(counts(&runs), counts(&singles));
            prop_assert!(runs.len() <= singles.len());
        }
    }
}

/// What was sent together takes one record until something is known of a part, and is cut where that part begins and ends.
#[test]
fn a_run_is_cut_where_more_is_known() {
    let mut board = Scoreboard::default();
    board.push(sent(0, 1000));
    assert_eq!((board.len(), board.is_one_segment()), (1, false));
    // Of the segments 3 to 5 the second alone is wholly reported.
    assert_eq!(board.report(block(350, 550), |_| {}), 100);
    let lens: Vec<u32> = board.iter().map(|r| r.len).collect();
    assert_eq!((lens, board.sacked_segments()), (vec![400, 100, 500], 1));
    assert_eq!(board.acknowledge(SeqNumber(250), |_| {}), 250);
    assert_eq!(board.iter().map(|r| r.len).collect::<Vec<_>>(), [50, 100, 100, 500]);
}
