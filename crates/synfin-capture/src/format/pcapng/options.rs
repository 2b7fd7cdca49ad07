//! Options of a pcapng block (section 3.5): code, length, value, padded to four bytes.

use std::borrow::Cow;

use crate::order::ByteOrder;

/// End of the options.
const END: u16 = 0;
/// A comment, on any block.
pub(super) const COMMENT: u16 = 1;

/// Goes through the options until the end mark, the end of the bytes, or a length that lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options<'a> {
    order: ByteOrder,
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    pub(super) fn new(order: ByteOrder, bytes: &'a [u8]) -> Self {
        Self { order, rest: bytes }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let code = self.order.u16_at(self.rest, 0)?;
        let length = usize::from(self.order.u16_at(self.rest, 2)?);
        if code == END {
            self.rest = &[];
            return None;
        }
        let after = self.rest.get(4..)?;
        let value = after.get(..length)?;
        self.rest = after.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}

/// All comments among the options of a block.
pub(crate) fn comment(order: ByteOrder, options: &[u8]) -> Option<Cow<'_, str>> {
    let mut comments = Options::new(order, options).filter(|&(code, _)| code == COMMENT);
    let (_, first) = comments.next()?;
    let mut text = String::from_utf8_lossy(first);
    for (_, more) in comments {
        let text = text.to_mut();
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(more));
    }
    Some(text)
}
