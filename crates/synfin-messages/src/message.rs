//! What a conversation hands out.

use std::fmt;

use synfin_wire::Side;

use crate::packets::PacketList;

/// The packet that carried some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carrier {
    /// When it was captured, in nanoseconds since the epoch.
    pub at_ns: u64,
    /// Its frame number.
    pub frame: u64,
}

/// One message of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Message {
    /// Its number in the connection, from 1, in the order in which messages were recognised. A response that is
    /// over before its request was fully sent is handed out first, with the higher number.
    pub n: u32,
    /// Who sent it.
    pub from: Side,
    /// When the packet with its first byte was captured.
    pub first_ns: u64,
    /// When the last of its packets was captured.
    pub last_ns: u64,
    /// The packets that carried it.
    pub packets: PacketList,
    /// Offset of its first byte in the stream of its sender.
    pub stream_start: u64,
    /// Offset after its last byte; for an incomplete message, after the last byte that was read as part of it.
    pub stream_end: u64,
    /// Bytes inside it that the capture never saw.
    pub missed_bytes: u64,
    /// Was its end reached? (Bytes may be missing in the middle: see [`Message::missed_bytes`].)
    pub complete: bool,
    /// What it says.
    pub detail: Detail,
}

impl Message {
    /// The name of its kind in the JSON contract.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.detail.kind()
    }
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Detail {
    /// An HTTP/1.x request.
    HttpRequest(HttpRequest),
    /// An HTTP/1.x response, interim ones (1xx) included.
    HttpResponse(HttpResponse),
    /// The first message of a TLS handshake.
    TlsClientHello(TlsClientHello),
    /// The server's answer to it, or its wish for another one (HelloRetryRequest).
    TlsServerHello(TlsServerHello),
}

impl Detail {
    /// The name of the kind in the JSON contract.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::HttpRequest(_) => "http-request",
            Self::HttpResponse(_) => "http-response",
            Self::TlsClientHello(_) => "tls-client-hello",
            Self::TlsServerHello(_) => "tls-server-hello",
        }
    }
}

/// An HTTP/1.x request. Header values that are not UTF-8 have their odd bytes replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// The request target as sent: a path, `*`, an absolute URI, or `host:port` for CONNECT.
    pub target: String,
    /// The version of its start line.
    pub version: HttpVersion,
    /// `Host`.
    pub host: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Upgrade`: the protocols it would rather speak.
    pub upgrade: Option<String>,
    /// Does it wait for `100 Continue` before it sends its body?
    pub expect_continue: bool,
    /// How its body is delimited.
    pub framing: Framing,
    /// Start line, header lines and the empty line, in bytes.
    pub header_bytes: u64,
    /// The body without chunk sizes and trailers, in bytes; missed ones count.
    pub body_bytes: u64,
}

/// An HTTP/1.x response.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HttpResponse {
    /// `200`, `404`, …
    pub status: u16,
    /// The words after it, which may be empty.
    pub reason: String,
    /// The version of its start line.
    pub version: HttpVersion,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Server`.
    pub server: Option<String>,
    /// `Upgrade`: the protocol spoken after a `101`.
    pub upgrade: Option<String>,
    /// How its body is delimited.
    pub framing: Framing,
    /// Start line, header lines and the empty line, in bytes.
    pub header_bytes: u64,
    /// The body without chunk sizes and trailers, in bytes; missed ones count.
    pub body_bytes: u64,
    /// The number ([`Message::n`]) of the request that it answers; `None` where that was not seen, or where bytes
    /// that the capture missed make it uncertain.
    pub request: Option<u32>,
    /// When request and response passed.
    pub timing: Timing,
}

impl HttpResponse {
    /// Is a final response still to come (1xx, but not `101 Switching Protocols`)?
    #[must_use]
    pub const fn is_interim(&self) -> bool {
        is_interim(self.status)
    }
}

pub(crate) const fn is_interim(status: u16) -> bool {
    matches!(status, 100 | 102..=199)
}

/// When an exchange passed the capture point, in nanoseconds since the epoch.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Timing {
    /// First byte of the request.
    pub request_first_ns: Option<u64>,
    /// Last byte of the request. `None` as well while it is still being sent, as with an early refusal.
    pub request_sent_ns: Option<u64>,
    /// First byte of this response.
    pub first_byte_ns: u64,
    /// Last byte of this response.
    pub last_byte_ns: u64,
}

/// How the body of an HTTP message is delimited (RFC 9112, 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Framing {
    /// There is no body.
    None,
    /// `Content-Length`, in bytes.
    ContentLength(u64),
    /// The chunked transfer coding.
    Chunked,
    /// The body ends with the connection.
    UntilClose,
    /// What the header says about the length is contradictory or nonsense: where the message ends cannot be known.
    Invalid,
}

impl Framing {
    /// The name in the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ContentLength(_) => "content-length",
            Self::Chunked => "chunked",
            Self::UntilClose => "until-close",
            Self::Invalid => "invalid",
        }
    }
}

/// The version of an HTTP message; shown as `1.0` and `1.1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum HttpVersion {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
        })
    }
}

/// The ClientHello of a TLS handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TlsClientHello {
    /// The version of the record that carried it (it says little: RFC 8446, 5.1).
    pub record_version: TlsVersion,
    /// The version field of the hello itself, which TLS 1.3 leaves at 1.2.
    pub legacy_version: TlsVersion,
    /// The highest version offered: of `supported_versions` where there are any, else the legacy one.
    pub version: TlsVersion,
    /// The name of the server asked for (SNI). With Encrypted ClientHello it is the outer, public one.
    pub server_name: Option<String>,
    /// The application protocols offered (ALPN), without GREASE.
    pub alpn: Vec<String>,
    /// Cipher suites offered, without GREASE.
    pub cipher_suites: u16,
}

/// The ServerHello of a TLS handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TlsServerHello {
    /// The version chosen: of `supported_versions` where it is there, else the legacy one.
    pub version: TlsVersion,
    /// The cipher suite chosen, by its number in the IANA registry.
    pub cipher_suite: u16,
    /// Its name in that registry, where known.
    pub cipher_suite_name: Option<&'static str>,
    /// The application protocol chosen; TLS 1.3 encrypts it.
    pub alpn: Option<String>,
    /// Is it a HelloRetryRequest: the client must send another hello?
    pub is_retry: bool,
}

/// A TLS protocol version as on the wire; shown as `TLS 1.3`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TlsVersion(pub u16);

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0300 => f.write_str("SSL 3.0"),
            0x0301 => f.write_str("TLS 1.0"),
            0x0302 => f.write_str("TLS 1.1"),
            0x0303 => f.write_str("TLS 1.2"),
            0x0304 => f.write_str("TLS 1.3"),
            other => write!(f, "0x{other:04x}"),
        }
    }
}
