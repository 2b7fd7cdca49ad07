use proptest::prelude::*;

use super::*;
use crate::units::Rate;

fn link(config: LinkConfig) -> Link {
    Link::new(config, Random::new(1, 0))
}

fn packet(len: usize) -> Bytes {
    vec![0; len].into()
}

fn arrivals(link: &mut Link, at_ns: u64, len: usize) -> Vec<u64> {
    link.pass(at_ns, &packet(len), &[]).arrivals.iter().map(|(at, _)| *at).collect()
}

#[test]
fn rate_and_delay_are_exact() {
    let mut line = link(LinkConfig {
        rate: Some(Rate(12_000_000)),
        delay: Duration::from_millis(20),
        ..LinkConfig::default()
    });
    // 1500 bytes at 12 Mbit/s are 1 ms.
    assert_eq!(arrivals(&mut line, 0, 1500), [21_000_000]);
    assert_eq!(arrivals(&mut line, 0, 1500), [22_000_000], "behind the first");
    assert_eq!(arrivals(&mut line, 10_000_000, 1500), [31_000_000], "the line was free again");
}

#[test]
fn rounding_does_not_add_up() {
    let mut line = link(LinkConfig { rate: Some(Rate(3_000_000_000)), ..LinkConfig::default() });
    // 8 bits at 3 Gbit/s are 2 2/3 ns.
    let at: Vec<_> = (0..6).flat_map(|_| arrivals(&mut line, 0, 1)).collect();
    assert_eq!(at, [2, 5, 8, 10, 13, 16]);
}

#[test]
fn a_full_queue_drops_its_tail() {
    let rate = Some(Rate(12_000_000));
    let mut line = link(LinkConfig { rate, queue_packets: Some(2), ..LinkConfig::default() });
    assert_eq!(arrivals(&mut line, 0, 1500).len(), 1);
    assert_eq!(arrivals(&mut line, 0, 1500).len(), 1);
    assert_eq!(line.pass(0, &packet(1500), &[]).fates, [Fate::QueueFull]);
    assert_eq!(arrivals(&mut line, 1_000_000, 1500), [3_000_000], "there is room once the first has left");
    let mut line = link(LinkConfig { rate, queue_bytes: Some(2000), ..LinkConfig::default() });
    assert_eq!(arrivals(&mut line, 0, 1500).len(), 1);
    assert_eq!(line.pass(0, &packet(501), &[]).fates, [Fate::QueueFull]);
    assert_eq!(arrivals(&mut line, 0, 500).len(), 1);
}

#[test]
fn outages_begin_and_end() {
    let mut line = link(LinkConfig { outages: vec!["1s-2s".parse().unwrap()], ..LinkConfig::default() });
    assert_eq!(arrivals(&mut line, 999_999_999, 1), [999_999_999]);
    assert_eq!(line.pass(1_000_000_000, &packet(1), &[]).fates, [Fate::Outage]);
    assert_eq!(line.pass(1_999_999_999, &packet(1), &[]).fates, [Fate::Outage]);
    assert_eq!(arrivals(&mut line, 2_000_000_000, 1), [2_000_000_000]);
    assert!("2s-1s".parse::<Outage>().is_err());
    assert_eq!("3s-".parse::<Outage>().unwrap().until, None);
}

#[test]
fn what_does_not_fit_is_too_big() {
    let mut line = link(LinkConfig { mtu: Some(1400), ..LinkConfig::default() });
    assert_eq!(arrivals(&mut line, 0, 1400), [0]);
    assert_eq!(line.pass(0, &packet(1401), &[]).fates, [Fate::TooBig(1400)]);
}

#[test]
fn chances_come_true() {
    let chance = |percent: f64| Chance::new(percent / 100.0).unwrap();
    let mut line = link(LinkConfig {
        loss: chance(10.0),
        duplicate: chance(10.0),
        corrupt: chance(10.0),
        reorder: chance(10.0),
        ..LinkConfig::default()
    });
    let passed: Vec<_> = (0..10_000).map(|_| line.pass(0, &packet(100), &[])).collect();
    let count = |fate: &Fate| passed.iter().filter(|p| p.fates.contains(fate)).count();
    // Ten standard deviations of a binomial distribution around its mean.
    assert!((700..1300).contains(&count(&Fate::Lost)));
    for fate in [Fate::Duplicated, Fate::Corrupted, Fate::HeldBack(Duration::from_millis(10))] {
        assert!((600..1200).contains(&count(&fate)), "{fate}: {}", count(&fate));
    }
}

#[test]
fn bursts_are_as_long_and_as_frequent_as_told() {
    let chance = |value| Chance::new(value).unwrap();
    // A share of begin / (begin + end) is lost: 1 / 11; a burst is 1 / end = 10 packets long.
    let bursts = Some(Bursts { begin: chance(0.01), end: chance(0.1), loss: chance(1.0) });
    let mut line = link(LinkConfig { bursts, ..LinkConfig::default() });
    let lost: Vec<bool> = (0..100_000).map(|_| !line.pass(0, &packet(1), &[]).fates.is_empty()).collect();
    let total = lost.iter().filter(|lost| **lost).count();
    let begun = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    assert!((8000..10_200).contains(&total), "{total}");
    assert!((850..970).contains(&begun) || (8..12).contains(&(total / begun)), "{begun}");
}

proptest! {
    /// Jitter and rate keep the order; nothing arrives before it was sent and the delay is over.
    #[test]
    fn order_holds(sizes in prop::collection::vec((1usize..3000, 0u64..2_000_000), 1..60), seed: u64) {
        let config = LinkConfig {
            rate: Some(Rate(10_000_000)),
            delay: Duration::from_millis(3),
            jitter: Duration::from_millis(5),
            ..LinkConfig::default()
        };
        let mut line = Link::new(config, Random::new(seed, 0));
        let (mut now, mut last) = (0, 0);
        for (len, pause) in sizes {
            now += pause;
            let at = arrivals(&mut line, now, len);
            prop_assert_eq!(at.len(), 1);
            prop_assert!(at[0] >= last && at[0] >= now + 3_000_000 + len as u64 * 800);
            last = at[0];
        }
    }
}
