//! Byte streams to messages: what HTTP/1 and TLS say, without keeping what they carry.

mod message;
mod packets;

pub use message::{
    Carrier, Detail, Framing, HttpRequest, HttpResponse, HttpVersion, Message, Timing, TlsClientHello,
    TlsServerHello, TlsVersion,
};
pub use packets::PacketList;
