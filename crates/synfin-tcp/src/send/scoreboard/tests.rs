use proptest::prelude::*;

use super::*;

fn sent(seq: u32, len: u32) -> Sent {
    Sent {
        seq: SeqNumber(seq),
        len,
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
