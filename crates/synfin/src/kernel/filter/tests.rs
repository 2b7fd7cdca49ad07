use super::*;

fn filter(text: &str) -> Filter {
    Filter::parse(&[text.to_owned()]).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn matches(text: &str, local: &str, remote: &str) -> bool {
    filter(text).matches(local.parse().unwrap(), remote.parse().unwrap())
}

const LOCAL: &str = "10.0.0.1:4000";
const REMOTE: &str = "192.0.2.7:80";

#[test]
fn what_people_type_matches_what_they_mean() {
    for yes in [
        "",
        "tcp",
        "port 80",
        "tcp port 80",
        "tcp and port 4000",
        "dst port 80",
        "src port 4000 and dst port 80",
        "src or dst port 80",
        "host 192.0.2.7",
        "192.0.2.7",
        "192.0.2.7 and port 80",
        "net 10.0.0.0/8",
        "dst net 192.0.2.0/24",
        "net 0.0.0.0/0",
        "portrange 70-90",
        "portrange 90-70",
        "not port 22",
        "!(port 22 or port 443)",
        "(port 22 or port 80) and host 10.0.0.1",
        "port 22 or port 80 and ip",
        "ip port 80",
        "host ::ffff:192.0.2.7",
    ] {
        assert!(matches(yes, LOCAL, REMOTE), "{yes}");
    }
    for no in [
        "port 81",
        "src port 80",
        "dst port 4000",
        "src and dst port 80",
        "host 10.0.0.2",
        "net 11.0.0.0/8",
        "src net 192.0.2.0/24",
        "ip6",
        "not tcp",
        "not (port 80 or port 22)",
        "port 80 and not port 4000",
        "host ::1",
        "net ::/0",
    ] {
        assert!(!matches(no, LOCAL, REMOTE), "{no}");
    }
    assert!(matches("net fe80::/10 and ip6", "[fe80::1]:1", "[fe80::2]:2"));
}

#[test]
fn what_is_not_understood_is_an_error() {
    for text in [
        "udp",
        "port",
        "port http",
        "port 65536",
        "host",
        "net 10.0.0.0",
        "net 10.0.0.0/33",
        "(port 80",
        "port 80)",
        "and",
        "not",
        "port 80 port 81",
        "tcp[13] & 2 != 0",
        "vlan 5",
        "portrange 1",
        "src",
        "src or",
        "or port 80",
    ] {
        assert!(Filter::parse(&[text.to_owned()]).is_err(), "{text}");
    }
    let deep = "not ".repeat(10_000) + "port 80";
    assert!(Filter::parse(&[deep]).is_err());
}

#[test]
fn the_kernel_is_asked_for_all_that_is_meant_and_not_for_much_more() {
    let narrowed = |text: &str| {
        let mut options = EventOptions::default();
        filter(text).narrow(&mut options);
        (options.ports, options.addresses.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(narrowed("tcp port 80"), (vec![80], none.clone()));
    assert_eq!(narrowed("port 80 or port 443"), (vec![80, 443], none.clone()));
    assert_eq!(narrowed("src port 80 and host 10.0.0.1"), (vec![80], vec!["10.0.0.1".to_owned()]));
    // One of two may be anything: the kernel must let everything pass.
    assert_eq!(narrowed("port 80 or host 10.0.0.1"), (vec![], none.clone()));
    assert_eq!(narrowed("not port 80"), (vec![], none.clone()));
    assert_eq!(narrowed("portrange 1-1000"), (vec![], none.clone()));
    assert_eq!(narrowed("net 10.0.0.0/8 and port 80"), (vec![80], none));
}
