//! Any link at all: every octet arrives once and in order, both ends reach CLOSED, and a seed repeats everything.

use std::time::Duration;

use proptest::prelude::*;
use synfin_lab::units::{Chance, Rate};
use synfin_lab::{LinkConfig, Plot, Scenario};

use crate::run::{run, toml};

fn chance(per_mille: u32) -> Chance {
    Chance::new(f64::from(per_mille) / 1000.0).unwrap()
}

fn link() -> impl Strategy<Value = LinkConfig> {
    let chances = (0u32..150, 0u32..150, 0u32..150, 0u32..150);
    let times = (0u64..60, 0u64..30);
    (chances, times, prop::option::of(50_000u64..100_000_000), prop::option::of(600u32..1600)).prop_map(
        |((loss, reorder, duplicate, corrupt), (delay, jitter), rate, mtu)| LinkConfig {
            rate: rate.map(Rate),
            queue_packets: Some(50),
            delay: Duration::from_millis(delay),
            jitter: Duration::from_millis(jitter),
            loss: chance(loss),
            reorder: chance(reorder),
            duplicate: chance(duplicate),
            corrupt: chance(corrupt),
            mtu,
            ..LinkConfig::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_octet_arrives_once(to_server in link(), to_client in link(), seed: u64, ask in 1u64..5000, answer in 1u64..60_000) {
        let mut scenario = Scenario::default();
        (scenario.seed, scenario.to_server, scenario.to_client) = (seed, to_server, to_client);
        scenario.talk(ask, answer);
        let ran = run(&scenario);
        let [client, server] = &ran.report.apps;
        prop_assert_eq!(ran.report.cut_short, None);
        prop_assert_eq!((client.foreign, server.foreign), (0, 0));
        prop_assert_eq!(ran.report.left, 0, "both hosts reach CLOSED");
        prop_assert!(client.error.is_some() || client.received == answer);
        prop_assert!(client.error.is_some() || server.error.is_some() || server.received == ask);
    }
}

/// Every packet to the last byte, every variable, and the plot.
#[test]
fn the_same_seed_gives_the_same_bytes() {
    let text = "[link]\nloss = '5%'\nreorder = '5%'\nduplicate = '3%'\ncorrupt = '3%'\njitter = '5ms'\nbursts = { begin = '1%', end = '30%' }";
    let (one, same) = (toml(text), toml(text));
    assert_eq!(one.frames, same.frames);
    assert_eq!(one.changes, same.changes);
    assert_eq!(one.samples, same.samples);
    let other = toml(&format!("seed = 2\n{text}"));
    assert_ne!(one.frames, other.frames);
}

#[test]
fn a_plot_is_a_small_well_formed_picture() {
    let ran = toml("bytes = '1MB'\nto-client = { rate = '10Mbit/s', queue = 30 }");
    let mut plot = Plot::default();
    ran.samples.iter().for_each(|sample| plot.push(sample));
    let svg = plot.to_svg("1 MB & more");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("1 MB &amp; more: server"));
    assert_eq!(svg.matches("<path ").count(), 5);
    assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    assert!(svg.len() < 100_000, "{}", svg.len());
}
