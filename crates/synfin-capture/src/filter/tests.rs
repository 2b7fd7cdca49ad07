use synfin_wire::InterfaceId;

use super::*;

fn frame(link: LinkType, bytes: &[u8], original_len: u32) -> Frame<'_> {
    Frame {
        number: 1,
        at_ns: 0,
        link,
        interface: InterfaceId(0),
        direction: None,
        original_len,
        bytes,
        fate: synfin_wire::Fate::default(),
    }
}

/// An IPv4 header and a TCP header from port 1000 to 80.
fn ip() -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    bytes.extend([3, 232, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
    bytes
}

fn ethernet() -> Vec<u8> {
    [&[0; 12][..], &[8, 0], &ip()].concat()
}

fn sll() -> Vec<u8> {
    [&[0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0][..], &ip()].concat()
}

#[test]
fn one_expression_on_every_link_type() {
    let frames = [
        (LinkType::ETHERNET, ethernet()),
        (LinkType::RAW, ip()),
        (LinkType::IPV4, ip()),
        (LinkType::LINUX_SLL, sll()),
        (LinkType::NULL, [&2u32.to_ne_bytes()[..], &ip()].concat()),
    ];
    for (expression, expected) in
        [("tcp port 80", true), ("udp", false), ("  ", true), ("host 10.0.0.2", true)]
    {
        let mut filter = Filter::compile(expression).unwrap();
        for (link, bytes) in &frames {
            assert_eq!(filter.matches(&frame(*link, bytes, 54)), expected, "{expression} on {link}");
        }
        assert_eq!(filter.problems().count(), 0);
    }
}

#[test]
fn the_original_length_counts_and_not_the_captured_one() {
    let bytes = ethernet();
    let mut filter = Filter::compile("greater 1000").unwrap();
    assert!(filter.matches(&frame(LinkType::ETHERNET, &bytes, 1500)));
    assert!(!filter.matches(&frame(LinkType::ETHERNET, &bytes, 54)));
    let mut filter = Filter::compile("tcp port 80").unwrap();
    assert!(!filter.matches(&frame(LinkType::ETHERNET, &bytes[..20], 54)), "the port was cut off");
    assert!(!filter.matches(&frame(LinkType::ETHERNET, &[], 0)));
}

#[test]
fn nonsense_is_refused_in_libpcaps_words() {
    let e = Filter::compile("tcp prot 80").unwrap_err();
    assert_eq!(e.expression, "tcp prot 80");
    assert!(e.message.contains("syntax error"), "{}", e.message);
    assert!(Filter::compile("tcp\0").is_err());
}

#[test]
fn an_expression_that_fits_one_link_type_only_says_so_on_others() {
    let mut filter = Filter::compile("wlan type mgt").unwrap();
    assert!(!filter.matches(&frame(LinkType::RAW, &ip(), 40)));
    let problems: Vec<_> = filter.problems().map(|(link, _)| link).collect();
    assert_eq!(problems, [LinkType::RAW]);
    let mut filter = Filter::compile("tcp").unwrap();
    assert!(!filter.matches(&frame(LinkType(65_000), &ip(), 40)), "a link type that libpcap does not know");
}
