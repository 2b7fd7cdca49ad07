//! What a hello says (RFC 8446, 4.1.2 and 4.1.3). GREASE values (RFC 8701) are passed over.

use tls_parser::{TlsExtension, TlsVersion as ParsedVersion};

use super::{CLIENT_HELLO, HANDSHAKE_HEADER_BYTES, SERVER_HELLO};
use crate::message::{TlsClientHello, TlsServerHello, TlsVersion};

/// The random of a ServerHello that is a HelloRetryRequest: SHA-256 of those words (RFC 8446, 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// One of the two.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Hello {
    Client(TlsClientHello),
    Server(TlsServerHello),
}

impl Hello {
    /// Reads a whole handshake message, its header included.
    pub(super) fn read(message: &[u8], record_version: TlsVersion) -> Option<Self> {
        let body = message.get(HANDSHAKE_HEADER_BYTES..)?;
        match *message.first()? {
            CLIENT_HELLO => client(body, record_version).map(Self::Client),
            SERVER_HELLO => server(body).map(Self::Server),
            _ => None,
        }
    }

    /// Reads what there is of a handshake message. Zeros stand in for the rest: as extensions they are empty ones, and
    /// a name that they cut is no name.
    pub(super) fn read_cut_short(seen: &[u8], record_version: TlsVersion) -> Option<Self> {
        let mut message = seen.to_vec();
        let [_, high, middle, low, ..] = *message.as_slice() else { return None };
        let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
        let whole =
            length.checked_add(HANDSHAKE_HEADER_BYTES).filter(|whole| *whole <= super::MAX_HELLO_BYTES)?;
        message.resize(whole.max(seen.len()), 0);
        Self::read(&message, record_version)
    }
}

fn client(body: &[u8], record_version: TlsVersion) -> Option<TlsClientHello> {
    let (_, hello) = tls_parser::parse_tls_handshake_client_hello(body).ok()?;
    let extensions = Extensions::read(hello.ext.unwrap_or_default());
    let legacy_version = TlsVersion(hello.version.0);
    let cipher_suites = hello.ciphers.iter().filter(|suite| !is_grease(suite.0)).count();
    Some(TlsClientHello {
        record_version,
        legacy_version,
        version: extensions.version.unwrap_or(legacy_version),
        server_name: extensions.server_name,
        alpn: extensions.alpn,
        cipher_suites: u16::try_from(cipher_suites).unwrap_or(u16::MAX),
    })
}

fn server(body: &[u8]) -> Option<TlsServerHello> {
    let (_, hello) = tls_parser::parse_tls_handshake_server_hello(body).ok()?;
    let extensions = Extensions::read(hello.ext.unwrap_or_default());
    Some(TlsServerHello {
        version: extensions.version.unwrap_or(TlsVersion(hello.version.0)),
        cipher_suite: hello.cipher.0,
        cipher_suite_name: hello.cipher.get_ciphersuite().map(|suite| suite.name),
        alpn: extensions.alpn.into_iter().next(),
        is_retry: hello.random == RETRY_RANDOM,
    })
}

#[derive(Default)]
struct Extensions {
    version: Option<TlsVersion>,
    server_name: Option<String>,
    alpn: Vec<String>,
}

impl Extensions {
    /// Goes through the extensions; one that is malformed is passed over, so that it hides no other.
    fn read(mut bytes: &[u8]) -> Self {
        let mut found = Self::default();
        while let [kind_high, kind_low, high, low, ..] = *bytes {
            let length = usize::from(u16::from_be_bytes([high, low])).saturating_add(4);
            let Some((extension, rest)) = bytes.split_at_checked(length) else { break };
            bytes = rest;
            let kind = u16::from_be_bytes([kind_high, kind_low]);
            if matches!(kind, SERVER_NAME | ALPN | SUPPORTED_VERSIONS)
                && let Ok((_, extension)) = tls_parser::parse_tls_extension(extension)
            {
                found.on_extension(extension);
            }
        }
        found
    }

    fn on_extension(&mut self, extension: TlsExtension<'_>) {
        match extension {
            TlsExtension::SNI(names) => {
                let host =
                    names.into_iter().find(|(kind, _)| kind.0 == 0).and_then(|(_, name)| name_of(name));
                self.server_name = self.server_name.take().or(host);
            }
            TlsExtension::ALPN(protocols) => {
                let is_grease = |name: &[u8]| {
                    <[u8; 2]>::try_from(name).is_ok_and(|name| is_grease(u16::from_be_bytes(name)))
                };
                self.alpn =
                    protocols.into_iter().filter(|name| !is_grease(name)).filter_map(name_of).collect();
            }
            TlsExtension::SupportedVersions(versions) => {
                self.version =
                    versions.into_iter().filter(is_version).map(|version| TlsVersion(version.0)).max();
            }
            _ => {}
        }
    }
}

fn is_version(version: &ParsedVersion) -> bool {
    (0x0300..=0x03ff).contains(&version.0)
}

fn name_of(bytes: &[u8]) -> Option<String> {
    let is_name = !bytes.is_empty() && !bytes.iter().any(u8::is_ascii_control);
    is_name.then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// `0x0a0a`, `0x1a1a`, … `0xfafa`.
const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}
