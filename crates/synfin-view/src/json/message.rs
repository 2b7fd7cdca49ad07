//! The `message` object.

use serde::{Serialize, Serializer};
use synfin_flow::Connection;
use synfin_messages::{Detail, Message, PacketList};

#[derive(Serialize)]
pub(super) struct Object<'a> {
    connection: u64,
    n: u32,
    kind: &'static str,
    from: &'static str,
    first_ns: u64,
    last_ns: u64,
    #[serde(serialize_with = "frame_numbers")]
    packets: &'a PacketList,
    packet_count: u64,
    complete: bool,
    missed_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls<'a>>,
}

fn frame_numbers<S: Serializer>(packets: &PacketList, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(packets.iter())
}

#[derive(Serialize)]
#[serde(untagged)]
enum Http<'a> {
    Request {
        method: &'a str,
        target: &'a str,
        version: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user_agent: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content_type: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        upgrade: Option<&'a str>,
        framing: &'static str,
        header_bytes: u64,
        body_bytes: u64,
    },
    Response {
        status: u16,
        reason: &'a str,
        version: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        content_type: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        server: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        upgrade: Option<&'a str>,
        framing: &'static str,
        header_bytes: u64,
        body_bytes: u64,
        /// `n` of the request.
        #[serde(skip_serializing_if = "Option::is_none")]
        request: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_first_ns: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_sent_ns: Option<u64>,
        first_byte_ns: u64,
        last_byte_ns: u64,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Tls<'a> {
    ClientHello {
        version: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        server_name: Option<&'a str>,
        alpn: &'a [String],
        cipher_suites: u16,
    },
    ServerHello {
        version: String,
        cipher_suite: u16,
        #[serde(skip_serializing_if = "Option::is_none")]
        cipher_suite_name: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        alpn: Option<&'a str>,
        is_retry: bool,
    },
}

impl<'a> Object<'a> {
    pub(super) fn new(connection: &Connection, message: &'a Message) -> Self {
        let (http, tls) = match &message.detail {
            Detail::HttpRequest(request) => (
                Some(Http::Request {
                    method: &request.method,
                    target: &request.target,
                    version: request.version.to_string(),
                    host: request.host.as_deref(),
                    user_agent: request.user_agent.as_deref(),
                    content_type: request.content_type.as_deref(),
                    upgrade: request.upgrade.as_deref(),
                    framing: request.framing.name(),
                    header_bytes: request.header_bytes,
                    body_bytes: request.body_bytes,
                }),
                None,
            ),
            Detail::HttpResponse(response) => (
                Some(Http::Response {
                    status: response.status,
                    reason: &response.reason,
                    version: response.version.to_string(),
                    content_type: response.content_type.as_deref(),
                    server: response.server.as_deref(),
                    upgrade: response.upgrade.as_deref(),
                    framing: response.framing.name(),
                    header_bytes: response.header_bytes,
                    body_bytes: response.body_bytes,
                    request: response.request,
                    request_first_ns: response.timing.request_first_ns,
                    request_sent_ns: response.timing.request_sent_ns,
                    first_byte_ns: response.timing.first_byte_ns,
                    last_byte_ns: response.timing.last_byte_ns,
                }),
                None,
            ),
            Detail::TlsClientHello(hello) => (
                None,
                Some(Tls::ClientHello {
                    version: hello.version.to_string(),
                    server_name: hello.server_name.as_deref(),
                    alpn: &hello.alpn,
                    cipher_suites: hello.cipher_suites,
                }),
            ),
            Detail::TlsServerHello(hello) => (
                None,
                Some(Tls::ServerHello {
                    version: hello.version.to_string(),
                    cipher_suite: hello.cipher_suite,
                    cipher_suite_name: hello.cipher_suite_name,
                    alpn: hello.alpn.as_deref(),
                    is_retry: hello.is_retry,
                }),
            ),
            _ => (None, None),
        };
        Self {
            connection: connection.id,
            n: message.n,
            kind: message.kind(),
            from: message.from.name(),
            first_ns: message.first_ns,
            last_ns: message.last_ns,
            packets: &message.packets,
            packet_count: message.packets.count(),
            complete: message.complete,
            missed_bytes: message.missed_bytes,
            http,
            tls,
        }
    }
}
