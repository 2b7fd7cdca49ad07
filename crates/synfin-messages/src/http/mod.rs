//! HTTP/1.x (RFC 9112): where a message begins, what its head says, how its body is delimited, and which response
//! answers which request.

pub(crate) mod chunked;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod pairing;
pub(crate) mod start;

pub(crate) use head::{HeadReader, HeadStep, ParsedHead, StartLine};
pub(crate) use pairing::Pairing;
