//! Whatever a scenario asks for, it is refused with the name of the key, or it comes to an end.

use proptest::prelude::*;
use synfin_lab::{CutShort, Scenario, Simulation};

/// What is said of a scenario that cannot be run.
fn refusal(text: &str) -> String {
    match Scenario::from_toml(text) {
        Err(error) => error.to_string(),
        Ok(scenario) => Simulation::new(&scenario).err().map(|error| error.to_string()).unwrap_or_default(),
    }
}

#[test]
fn what_cannot_be_is_named() {
    for (text, told) in [
        (
            "hosts.keep-alive = { idle = '0s', interval = '1s', probes = 3 }",
            "hosts.keep-alive.idle is 0ns: from",
        ),
        (
            "client.keep-alive = { idle = '1s', interval = '0s', probes = 3 }",
            "client.keep-alive.interval is 0ns",
        ),
        ("hosts.min-rto = '61s'", "hosts.min-rto is 61s: from 1ms to 60s"),
        ("server.min-rto = '0s'", "server.min-rto is 0ns: from 1ms to 60s"),
        ("link.mtu = 87", "link.mtu is 87: from 88 to 65535"),
        ("to-client.mtu = 1", "to-client.mtu is 1: from 88"),
        ("hosts.mtu = 65536", "hosts.mtu is 65536: from 68 to 65535"),
        ("hosts.send-buffer = '4GB'", "hosts.send-buffer is 4000000000: from 1 to 67108864"),
        ("server.receive-buffer = 0", "server.receive-buffer is 0: from 1 to"),
        ("client.reads = 0", "client.reads is 0: at least 1"),
        ("hosts.initial-window = 4294967295", "hosts.initial-window is 4294967295: from 1 to 1000"),
        ("link.queue = 0", "link.queue is 0: at least 1"),
        ("client.port = 0", "client.port is 0: from 1"),
        ("limit = '9000h'", "limit is 32400000s: from 0ns to"),
        ("max-packets = 0", "max-packets is 0: from 1"),
        ("link.loss = nan", "is not a chance"),
        ("link.delay = 1e300", "is not a time"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(told), "{text}: {refusal}");
    }
    let rules = vec!["'drop every RST'"; 1001].join(",");
    assert_eq!(refusal(&format!("link.rules = [{rules}]")), "link.rules is 1001 entries long: at most 1000");
}

/// What cut a run of a thousand packets short.
fn cut_short(text: &str) -> Option<CutShort> {
    let mut simulation = Simulation::new(&Scenario::from_toml(text).unwrap()).unwrap();
    while simulation.next_noted().is_some() {}
    simulation.report().cut_short
}

#[test]
fn every_end_has_its_name() {
    assert_eq!(cut_short("max-packets = 1000\nbytes = '16GB'"), Some(CutShort::Packets(1000)));
    assert_eq!(
        cut_short("limit = '1s'\nlink.delay = '2s'"),
        Some(CutShort::Time(core::time::Duration::from_secs(1)))
    );
    // Each packet comes again a thousand times an hour later.
    let rules = vec!["'repeat every packet after 1h'"; 1000].join(",");
    let crowded = cut_short(&format!("bytes = '20MB'\nlink.rules = [{rules}]"));
    assert!(matches!(crowded, Some(CutShort::Crowded(..))), "{crowded:?}");
    // A probe each second, for as long as anybody looks.
    let often = "hosts.keep-alive = { idle = '1s', interval = '1s', probes = 255 }\nlimit = '100h'\n\
                 client.does = ['wait 100h']\nmax-packets = 5000";
    assert_eq!(cut_short(often), Some(CutShort::Packets(5000)));
    // More often than a peer answers what it need not (RFC 5961 section 7): the connection ends, and so does the run.
    // If both asked, each question would tell that somebody is there (RFC 9293 MUST-26).
    let too_often = "client.keep-alive = { idle = '1ms', interval = '1ms', probes = 255 }\nlimit = '100h'\n\
                     client.does = ['wait 99h', 'close']\nlink.delay = '0s'";
    assert_eq!(cut_short(too_often), None);
}

const TIMES: &[&str] = &[
    "0",
    "'0s'",
    "'1ns'",
    "'1ms'",
    "'70ms'",
    "'61s'",
    "'5124095h'",
    "'9h'",
    "-1",
    "nan",
    "inf",
    "1e300",
    "''",
];
const CHANCES: &[&str] = &["0", "1", "'100%'", "0.3", "nan", "inf", "-0.1", "1e300", "1e-300", "''"];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "-1",
    "67",
    "68",
    "69",
    "100",
    "576",
    "1280",
    "1500",
    "65535",
    "65536",
    "9223372036854775807",
];
const SIZES: &[&str] =
    &["0", "1", "2", "100", "'64kB'", "'64MiB'", "'4GB'", "'18446744073709551615'", "''", "nan"];
const FLAGS: &[&str] = &["true", "false"];

/// Keys, and values that somebody could think of.
const KEYS: &[(&str, &[&str])] = &[
    ("limit", TIMES),
    ("request", SIZES),
    ("bytes", SIZES),
    ("ipv6", FLAGS),
    ("vantage", &["'sender'", "'client'", "'server'", "''"]),
    ("link.rate", &["'1bit/s'", "'9600bit/s'", "'1000Gbit/s'", "'18446744073709551615bit/s'", "'0bit/s'"]),
    ("link.delay", TIMES),
    ("to-server.delay", TIMES),
    ("link.jitter", TIMES),
    ("link.queue", NUMBERS),
    ("link.queue-bytes", SIZES),
    ("link.mark-above", NUMBERS),
    ("link.loss", CHANCES),
    ("to-client.loss", CHANCES),
    (
        "link.bursts",
        &["{ begin = 1, end = 0 }", "{ begin = 0.1, end = 1, loss = 0.5 }", "{ begin = 1, end = 1 }"],
    ),
    ("link.reorder", CHANCES),
    ("link.reorder-by", TIMES),
    ("link.duplicate", CHANCES),
    ("link.corrupt", CHANCES),
    ("link.mtu", NUMBERS),
    ("to-client.mtu", NUMBERS),
    ("link.icmp", FLAGS),
    ("link.outages", &["['0s-']", "['0s-5s', '1s-9h']", "['']"]),
    (
        "link.rules",
        &[
            "['repeat every packet after 0s', 'delay every data by 5124095h']",
            "['corrupt every packet']",
            "['drop data 1-18446744073709551615', 'mark every packet']",
        ],
    ),
    ("hosts.mtu", NUMBERS),
    ("client.mtu", NUMBERS),
    ("hosts.send-buffer", SIZES),
    ("hosts.receive-buffer", SIZES),
    ("server.reads", SIZES),
    ("hosts.initial-window", NUMBERS),
    ("hosts.min-rto", TIMES),
    ("hosts.user-timeout", TIMES),
    ("hosts.delayed-ack", TIMES),
    ("hosts.msl", TIMES),
    ("hosts.pacing", FLAGS),
    ("hosts.nagle", FLAGS),
    ("hosts.sack", FLAGS),
    ("hosts.timestamps", FLAGS),
    ("hosts.window-scaling", FLAGS),
    ("hosts.ecn", FLAGS),
    ("hosts.congestion", &["'newreno'", "'cubic'"]),
    ("server.syn-cookies", &["'always'", "'never'"]),
    (
        "hosts.keep-alive",
        &["{ idle = '1ms', interval = '1ms', probes = 0 }", "{ idle = '0', interval = '5s', probes = 1 }"],
    ),
    (
        "client.does",
        &[
            "[]",
            "['connect', 'abort', 'connect', 'close', 'connect', 'send 5']",
            "['exchange 18446744073709551615']",
            "['accept']",
            "['wait 5124095h']",
            "['shutdown', 'send 5', 'receive']",
        ],
    ),
    ("server.does", &["[]", "['connect']", "['send 4GB', 'abort']", "['close', 'accept', 'receive 1']"]),
];

fn setting() -> impl Strategy<Value = (usize, &'static str)> {
    (0..KEYS.len()).prop_flat_map(|key| (Just(key), prop::sample::select(KEYS[key].1)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn anything_comes_to_an_end(settings in prop::collection::vec(setting(), 0..8), flags in 0u16..512, at in 0u64..100) {
        let mut named = std::collections::BTreeMap::new();
        named.extend(settings);
        let mut text = String::from("max-packets = 3000\n");
        for (key, value) in named {
            text += &format!("{} = {value}\n", KEYS[key].0);
        }
        let names: Vec<_> = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"].iter().enumerate()
            .filter(|(bit, _)| flags >> bit & 1 == 1).map(|(_, name)| *name).collect();
        text += &format!("[[forged]]\nat = '{at}ms'\nto = 'server'\nflags = '{}'\noffset = {}\n",
            if names.is_empty() { "ACK".into() } else { names.join(",") }, i64::from(flags) * 1000 - 1000);
        let Ok(scenario) = Scenario::from_toml(&text) else { return Ok(()) };
        let Ok(mut simulation) = Simulation::new(&scenario) else { return Ok(()) };
        while simulation.next_noted().is_some() {}
        prop_assert_ne!(simulation.report().cut_short, Some(CutShort::Stuck), "{}", text);
    }
}
