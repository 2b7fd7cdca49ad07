//! What the link does, seen from both ends.

use std::time::Duration;

use synfin_lab::{CutShort, Fate, Scenario};
use synfin_wire::dissect::{Dissected, dissect};
use synfin_wire::{LinkType, Side, State};

use crate::run::{run, toml};

/// A talk in which nothing is lost takes exactly the time that rate and delay say.
#[test]
fn rate_and_delay_add_up() {
    let ran = toml("[link]\nrate = '8 Mbit/s'\ndelay = '7 ms'");
    let at: Vec<u64> = ran.frames.iter().map(|frame| frame.at_ns - ran.frames[0].at_ns).collect();
    // At 8 Mbit/s a byte takes a microsecond.
    let way_ns = |n: usize| ran.frames[n].bytes.len() as u64 * 1000 + 7_000_000;
    assert_eq!(at[1], way_ns(0), "the SYN,ACK is sent when the SYN arrives");
    assert_eq!(at[2], way_ns(0) + way_ns(1));
    assert_eq!(ran.entered_ns(Side::Client, State::Established), at[2]);
    // Request and ACK leave together: the request waits for the line.
    let ack_ns = ran.frames[2].bytes.len() as u64 * 1000;
    let answer = ran.frames.iter().find(|f| f.from == Side::Server && f.bytes.len() > 1000).unwrap();
    assert_eq!(answer.at_ns - ran.frames[0].at_ns, at[3] + ack_ns + way_ns(3));
}

#[test]
fn ways_differ() {
    let ran = toml("[to-server]\ndelay = '30 ms'\n[to-client]\ndelay = '1 ms'");
    assert_eq!(ran.frames[1].at_ns - ran.frames[0].at_ns, 30_000_000);
    assert_eq!(ran.frames[2].at_ns - ran.frames[1].at_ns, 1_000_000);
}

#[test]
fn rules_strike_what_they_name() {
    for (rule, line, nth) in [
        ("drop the 1st SYN", "> SYN", 1),
        ("drop the 1st SYN,ACK", "< SYN,ACK", 1),
        ("drop the 1st FIN from the server", "< FIN,ACK", 1),
        ("drop the 1st FIN from the client", "> FIN,ACK", 1),
        ("drop data 3 from the server", "< ACK 1448", 3),
    ] {
        let ran = toml(&format!("link.rules = [\"{rule}\"]"));
        let lines = ran.lines();
        let lost: Vec<_> = (0..lines.len()).filter(|n| lines[*n].ends_with(" lost")).collect();
        let [index] = lost[..] else { panic!("{rule}: {lines:?}") };
        assert_eq!(lines[index], format!("{line} lost"), "{rule}");
        assert_eq!(ran.frames[index].fates, [Fate::Dropped(rule.to_owned())]);
        let same = lines[..=index].iter().filter(|l| l.trim_end_matches(" lost") == line).count();
        assert_eq!(same, nth, "{rule}");
        assert_eq!(ran.report.left, 0);
        assert_eq!(ran.report.apps[0].received, 20_000);
    }
}

#[test]
fn the_second_fin_is_the_retransmission() {
    let ran = toml("link.rules = ['drop the 1st FIN from the client', 'drop the 2nd FIN from the client']");
    let fins: Vec<_> = ran.lines().into_iter().filter(|line| line.starts_with("> FIN")).collect();
    assert_eq!(fins, ["> FIN,ACK lost", "> FIN,ACK lost", "> FIN,ACK"]);
}

/// Without a side, packets of both are counted: the second FIN of a close is the server's.
#[test]
fn a_rule_without_a_side_counts_both() {
    let ran = toml("link.rules = ['drop the 2nd FIN']");
    let fins: Vec<_> = ran.lines().into_iter().filter(|line| line.contains("FIN")).collect();
    assert_eq!(fins, ["> FIN,ACK", "< FIN,ACK lost", "< FIN,ACK"]);
    assert!(ran.report.idle_rules.is_empty());
    let ran = toml("to-server.rules = ['drop the 2nd FIN']");
    assert_eq!(ran.report.lost, 0, "the client sends one");
    assert_eq!(ran.report.idle_rules, ["drop the 2nd FIN"]);
}

#[test]
fn damage_is_caught_by_checksums() {
    for is_ipv6 in [false, true] {
        let mut scenario = Scenario::from_toml("bytes = '200kB'\nlink.corrupt = '5%'").unwrap();
        scenario.is_ipv6 = is_ipv6;
        let ran = run(&scenario);
        let damaged = ran.frames.iter().filter(|frame| frame.fates.contains(&Fate::Corrupted)).count();
        assert!(damaged > 3);
        if !is_ipv6 {
            // IPv6 has no checksum of its own: a bit of its flow label harms nobody.
            assert_eq!(ran.report.discarded, damaged as u64);
        }
        assert_eq!((ran.report.apps[0].received, ran.report.apps[0].foreign), (200_000, 0));
    }
}

#[test]
fn a_narrow_link_tells_and_tcp_listens() {
    for ipv6 in [false, true] {
        let ran = toml(&format!("ipv6 = {ipv6}\nto-client.mtu = 1300"));
        let told = |frame: &&synfin_lab::NotedFrame| {
            !matches!(
                dissect(LinkType::RAW, &frame.bytes, frame.bytes.len() as u32).next(),
                Some(Ok(Dissected::Tcp(..)))
            )
        };
        assert!(ran.frames.iter().filter(told).count() >= 1, "ICMP is seen");
        let (before, after): (Vec<_>, Vec<_>) =
            ran.frames.iter().partition(|frame| frame.fates.contains(&Fate::TooBig(1300)));
        assert!(!before.is_empty() && after.iter().all(|frame| frame.bytes.len() <= 1300));
        assert!(after.iter().any(|frame| frame.bytes.len() == 1300), "the path MTU is used in full");
        assert_eq!(ran.report.apps[0].received, 20_000);
        assert_eq!(ran.report.left, 0);
    }
}

/// RFC 9293 SHLD-8: explicit congestion notification.
#[test]
fn a_long_queue_marks_instead_of_losing() {
    let ran = toml(
        "bytes = '1MB'\nlink.delay = '20ms'\nto-client = { rate = '10Mbit/s', mark-above = 20 }\nhosts.ecn = true",
    );
    let marked = ran.frames.iter().filter(|frame| frame.fates.contains(&Fate::Marked)).count();
    assert!(marked > 0);
    assert_eq!(ran.report.lost, 0);
    assert_eq!(ran.report.apps[0].received, 1_000_000);
    // RFC 3168 section 6.1: the receiver echoes, the sender reduces its window and says so.
    let flags = |flag: &str| ran.lines().iter().filter(|line| line.contains(flag)).count();
    assert!(flags("ECE") > 1 && flags("CWR") > 1);
}

#[test]
fn the_vantage_decides_what_is_seen() {
    let frames =
        |vantage: &str| toml(&format!("vantage = '{vantage}'\nlink.rules = ['drop the 1st SYN,ACK']")).frames;
    let (sender, client) = (frames("sender"), frames("client"));
    assert_eq!(sender.len(), client.len() + 1, "the client never sees what was lost on its way to it");
    // At the client a round trip lies between what it sends and what comes of it.
    assert_eq!(client[2].at_ns - client[1].at_ns, 20_000_000);
}

#[test]
fn a_slow_reader_sets_the_pace() {
    let ran = toml(
        "client = { does = ['send 100kB', 'close'] }\n\
         server = { does = ['receive', 'close'], reads = '50kB', receive-buffer = '10kB' }",
    );
    assert_eq!(ran.report.apps[1].received, 100_000);
    let took = ran.entered_ns(Side::Server, State::LastAck);
    assert!((1_900_000_000..2_200_000_000).contains(&took), "100 kB at 50 kB/s: {took}");
}

#[test]
fn who_never_closes_is_cut_short() {
    let ran = toml("limit = '5s'\nclient.does = ['wait 10s']\nserver.does = ['receive']");
    assert_eq!(ran.report.cut_short, Some(CutShort::Time(Duration::from_secs(5))));
    assert_eq!(ran.report.left, 2);
}
