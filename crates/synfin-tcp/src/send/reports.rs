//! The SACK option of an acknowledgement: which of its blocks are believed (RFC 2018 section 5), and which one reports a
//! duplicate (RFC 2883 section 4).

use synfin_wire::SeqNumber;
use synfin_wire::tcp::SackBlock;

use super::Ack;

/// The plausible blocks in the order of the sequence numbers, and the duplicate that was reported.
///
/// In the option the newest comes first. Taken in that order, two blocks that one acknowledgement reports would look
/// like reordering.
pub(super) fn sorted_reports(
    ack: &Ack<'_>,
    nxt: SeqNumber,
    dsack: &mut Option<SackBlock>,
) -> ([SackBlock; 4], usize) {
    let nothing = SackBlock { left: ack.ack, right: ack.ack };
    let mut sorted = [nothing; 4];
    let mut count = 0;
    let mut blocks = ack.options.sack_blocks().peekable();
    let mut is_first = true;
    while let Some(block) = blocks.next() {
        if std::mem::take(&mut is_first) && is_duplicate_report(block, blocks.peek().copied(), ack.ack) {
            *dsack = Some(block);
            continue;
        }
        if let Some(slot) = sorted.get_mut(count).filter(|_| is_plausible(block, ack.ack, nxt)) {
            *slot = block;
            count += 1;
        }
    }
    if let Some(filled) = sorted.get_mut(..count) {
        filled.sort_unstable_by_key(|block| block.left.distance_from(ack.ack));
    }
    (sorted, count)
}

/// A block of octets beyond the acknowledgement that were sent.
fn is_plausible(block: SackBlock, ack: SeqNumber, nxt: SeqNumber) -> bool {
    block.left.is_before(block.right) && block.left.is_after(ack) && block.right.is_at_or_before(nxt)
}

/// RFC 2883 section 4: the first block lies before the acknowledgement, or within the second block.
fn is_duplicate_report(first: SackBlock, second: Option<SackBlock>, ack: SeqNumber) -> bool {
    first.left.is_before(first.right)
        && (first.right.is_at_or_before(ack)
            || second.is_some_and(|second| {
                first.left.is_at_or_after(second.left) && first.right.is_at_or_before(second.right)
            }))
}
