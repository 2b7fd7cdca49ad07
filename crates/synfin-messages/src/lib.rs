//! Byte streams to messages: HTTP/1.x requests and responses, and the hellos of TLS.
//!
//! The caller reassembles both directions of a TCP connection and hands the bytes over in order, with the packet that
//! carried them; a [`Conversation`] answers with [`Message`]s: what was asked and answered, when, and by which packets.
//! What a connection speaks is judged by its bytes alone, on any port and from either side. A stream that is neither
//! HTTP nor TLS is left alone, and bytes that lie never disturb anything: they end one message, and the next packet
//! that plainly begins one is where the story goes on.
//!
//! Bodies are measured and never kept. What is held is bounded by [`MAX_HELD_BYTES`] for one conversation.
//! There is no clock here, and no I/O.
//!
//! * HTTP/1.0 and 1.1: RFC 9112 (messages and framing), RFC 9110 (methods, statuses, upgrade, CONNECT);
//! * TLS: RFC 8446 and RFC 5246 (hellos), RFC 6066 (server name), RFC 7301 (ALPN), RFC 8701 (GREASE).

mod conversation;
mod http;
mod message;
mod packets;
mod tls;
mod track;

pub use conversation::{Conversation, GivenUp, MAX_HELD_BYTES};
pub use message::{
    Carrier, Detail, Framing, HttpRequest, HttpResponse, HttpVersion, Message, Timing, TlsClientHello,
    TlsServerHello, TlsVersion,
};
pub use packets::PacketList;
