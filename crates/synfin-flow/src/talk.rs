//! The streams of a connection on their way to the messages in them.

use synfin_messages::{Conversation, Message};
use synfin_wire::Side;

use crate::stream::Piece;

/// Hands a piece of the stream that `from` sends to the conversation.
pub(crate) fn hand_over(
    conversation: Option<&mut Conversation>,
    from: Side,
    piece: Piece<'_>,
    out: &mut impl FnMut(Message),
) {
    let Some(conversation) = conversation else { return };
    match piece {
        Piece::Bytes { offset, bytes, carrier } => conversation.on_bytes(from, offset, bytes, carrier, out),
        Piece::Gap { len, .. } => conversation.on_gap(from, len, out),
        Piece::End => conversation.on_end(from, out),
    }
}
