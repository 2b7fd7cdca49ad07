//! Hellos in records and segments of any size.

use super::*;
use crate::message::{TlsClientHello, TlsServerHello, TlsVersion};

fn prefixed(width: usize, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    [&length[4 - width..], content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &prefixed(2, content)].concat()
}

fn client_hello() -> Vec<u8> {
    let name = prefixed(2, &[&[0][..], &prefixed(2, b"example.org")].concat());
    let alpn =
        prefixed(2, &[prefixed(1, &[0x2a, 0x2a]), prefixed(1, b"h2"), prefixed(1, b"http/1.1")].concat());
    let versions = prefixed(1, &[0x7a, 0x7a, 3, 4, 3, 3]);
    let extensions = [
        extension(0x1a1a, &[]),
        extension(10, &[0xff]),
        extension(0, &name),
        extension(16, &alpn),
        extension(43, &versions),
        extension(21, &[0; 300]),
    ]
    .concat();
    let suites = prefixed(2, &[0x8a, 0x8a, 0x13, 1, 0xc0, 0x2f]);
    let body =
        [&[3, 3][..], &[7; 32], &prefixed(1, &[9; 32]), &suites, &[1, 0], &prefixed(2, &extensions)].concat();
    [&[1][..], &prefixed(3, &body)].concat()
}

fn server_hello(random: [u8; 32], extensions: &[u8]) -> Vec<u8> {
    let body = [&[3, 3][..], &random, &[0], &[0x13, 1], &[0], &prefixed(2, extensions)].concat();
    [&[2][..], &prefixed(3, &body)].concat()
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1][..], &prefixed(2, content)].concat()
}

fn retry_random() -> [u8; 32] {
    let mut random = [0; 32];
    let hex = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
    for (at, byte) in random.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    }
    random
}

fn client(message: &Message) -> &TlsClientHello {
    match &message.detail {
        Detail::TlsClientHello(hello) => hello,
        other => panic!("{other:?}"),
    }
}

fn server(message: &Message) -> &TlsServerHello {
    match &message.detail {
        Detail::TlsServerHello(hello) => hello,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hello_is_read_from_any_records_and_segments() {
    let hello = client_hello();
    for record_length in [1, 3, 4, 5, 6, 100, 1000] {
        let records: Vec<u8> = hello.chunks(record_length).flat_map(|part| record(22, part)).collect();
        for segment in [1, 2, 7, 64, 10_000] {
            let mut wire = Wire::default();
            for piece in records.chunks(segment) {
                wire.client(piece);
            }
            assert_eq!(wire.story(), ["#1 tls-client-hello"], "{record_length} {segment}");
            let message = &wire.messages[0];
            assert_eq!((message.stream_start, message.stream_end), (0, records.len() as u64));
            assert_eq!(message.packets.count(), records.len().div_ceil(segment) as u64);
            let hello = client(message);
            assert_eq!(hello.server_name.as_deref(), Some("example.org"));
            assert_eq!(hello.alpn, ["h2", "http/1.1"]);
            assert_eq!(hello.version, TlsVersion(0x0304));
            assert_eq!(
                (hello.legacy_version, hello.record_version),
                (TlsVersion(0x0303), TlsVersion(0x0301))
            );
            assert_eq!(hello.cipher_suites, 2);
        }
    }
}

#[test]
fn the_server_chooses_and_nothing_behind_is_read() {
    let mut wire = Wire::default();
    let answer = server_hello([1; 32], &extension(43, &[3, 4]));
    wire.client(record(22, &client_hello())).server([record(22, &answer), record(20, &[1])].concat());
    wire.client(GET).server(OK).client(record(22, &client_hello())).close();
    assert_eq!(wire.story(), ["#1 tls-client-hello", "#2 tls-server-hello"]);
    let hello = server(&wire.messages[1]);
    assert_eq!((hello.version, hello.cipher_suite, hello.is_retry), (TlsVersion(0x0304), 0x1301, false));
    assert_eq!(hello.cipher_suite_name, Some("TLS_AES_128_GCM_SHA256"));
    assert_eq!(hello.version.to_string(), "TLS 1.3");
    assert_eq!(wire.conversation.held_bytes(), 0);
}

#[test]
fn a_retry_makes_for_two_hellos_each() {
    let early_data = record(23, &[0; 500]);
    let retry = record(22, &server_hello(retry_random(), &extension(43, &[3, 4])));
    let again = [record(20, &[1]), record(22, &client_hello())].concat();
    let answer = [
        record(20, &[1]),
        record(22, &server_hello([1; 32], &extension(16, &prefixed(2, &prefixed(1, b"h2"))))),
    ];
    let mut wire = Wire::default();
    wire.client([record(22, &client_hello()), early_data.clone()].concat())
        .client(&early_data[..99])
        .server(retry);
    wire.client(&early_data[99..]);
    for byte in again {
        wire.client([byte]);
    }
    wire.server(answer.concat());
    let kinds: Vec<_> = wire.messages.iter().map(Message::kind).collect();
    assert_eq!(kinds, ["tls-client-hello", "tls-server-hello", "tls-client-hello", "tls-server-hello"]);
    assert!(server(&wire.messages[1]).is_retry);
    assert_eq!(client(&wire.messages[2]).server_name.as_deref(), Some("example.org"));
    assert_eq!(server(&wire.messages[3]).alpn.as_deref(), Some("h2"));
}

#[test]
fn plain_talk_may_come_first_and_a_tunnel_may_hold_it() {
    let mut wire = Wire::default();
    wire.server("* OK IMAP\r\n")
        .client("a STARTTLS\r\n")
        .server("a OK\r\n")
        .client(record(22, &client_hello()));
    assert_eq!(wire.story(), ["#1 tls-client-hello"]);
    let mut wire = Wire::default();
    wire.client("CONNECT a:443 HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\n\r\n");
    for byte in record(22, &client_hello()) {
        wire.client([byte]);
    }
    assert_eq!(wire.story()[2..], ["#3 tls-client-hello"]);
}

#[test]
fn a_hello_that_is_cut_short_says_what_came() {
    let hello = record(22, &client_hello());
    let mut wire = Wire::default();
    wire.client(&hello[..hello.len() - 250]).close();
    assert_eq!(wire.story(), ["#1 tls-client-hello …"]);
    assert_eq!(client(&wire.messages[0]).server_name.as_deref(), Some("example.org"));
    for length in 0..hello.len() {
        let mut wire = Wire::default();
        wire.client(&hello[..length]).gap(Side::Client, 10).close();
        let name = wire.messages.first().and_then(|message| client(message).server_name.clone());
        assert!(name.is_none_or(|name| name == "example.org"));
    }
}

#[test]
fn what_only_looks_like_tls_is_left_alone() {
    for bytes in [
        &[22, 3, 1, 0, 0, 1][..],
        &[22, 3, 1, 0xff, 0xff, 1],
        &[22, 3, 1, 0, 9, 11, 0, 0, 5, 3, 3, 0, 0, 0],
        &[22, 2, 1, 0, 9, 1],
        &[22, 3, 1, 0, 9, 1, 0xff, 0, 5, 3, 3, 0, 0, 0],
    ] {
        let mut wire = Wire::default();
        wire.client(bytes).client([0; 100]).close();
        assert_eq!(wire.story(), [""; 0], "{bytes:?}");
        assert_eq!(wire.conversation.held_bytes(), 0);
    }
}

#[test]
fn a_hello_that_makes_no_sense_is_counted() {
    let mut wire = Wire::default();
    wire.client(record(22, &[&[1, 0, 0, 40, 3, 3][..], &[0xff; 38]].concat())).close();
    assert_eq!(wire.story(), [""; 0]);
    assert_eq!(wire.conversation.given_up().hellos, 1);
}

#[test]
fn a_hello_ends_where_the_next_handshake_message_of_its_record_begins() {
    let hello = server_hello([1; 32], &[]);
    let certificate = [&[11][..], &prefixed(3, &[5; 700])].concat();
    let mut wire = Wire::default();
    wire.server(record(22, &[&hello[..], &certificate].concat()));
    assert_eq!(wire.story(), ["#1 tls-server-hello"]);
    assert_eq!(wire.messages[0].stream_end, 5 + hello.len() as u64);
}
