//! Octets through two hosts in one memory: how many a second.

use std::collections::VecDeque;

use crate::device::{Device, Gathering, Offload, OnePiece};
use crate::floor::Floor;
use crate::host::{Congestion, Host, Setup};
use crate::ours::Ours;
use crate::processor_time;
use crate::smol::Smol;
use crate::stream::{Check, Source};

/// Time that one exchange of packets takes on the clock that both hosts go by.
const STEP_NS: u64 = 10_000;

/// Bytes that the link takes at once: whoever sends and whoever receives find them in the processor's cache.
const LINK: usize = 64 << 10;

/// Octets of one round.
const TOTAL: u64 = 64 << 20;

/// Sizes of buffers, and their names.
const BUFFERS: [(usize, &str); 3] = [(256 << 10, "256 KiB"), (1 << 20, "1 MiB"), (4 << 20, "4 MiB")];

/// The fastest of a TCP, and how it was that fast.
#[derive(Default)]
struct Best {
    rate: f64,
    how: String,
}

impl Best {
    fn note(&mut self, rate: f64, how: impl FnOnce() -> String) {
        if rate > self.rate {
            *self = Self { rate, how: how() };
        }
    }
}

/// The best of both in rows of one kind of packets: what each can do with the device and the buffers that suit it.
#[derive(Default)]
struct Headline {
    ours: Best,
    theirs: Best,
}

impl Headline {
    fn print(&self, name: &str) {
        let Self { ours, theirs } = self;
        println!(
            "{name}, each at its best: synfin-tcp {:.2} GB/s ({}), smoltcp {:.2} GB/s ({}), ratio {:.2}",
            ours.rate / 1e9,
            ours.how,
            theirs.rate / 1e9,
            theirs.how,
            ours.rate / theirs.rate,
        );
    }
}

/// Measures both in turn, and prints a table.
pub fn compare(rounds: usize) {
    println!("| throughput | buffers | synfin-tcp GB/s | smoltcp GB/s | ratio |");
    println!("| --- | --- | --- | --- | --- |");
    let mut packets = Headline::default();
    against::<OnePiece>(rounds, 1500, true, "MTU 1500, packets in one piece", &mut packets);
    against::<Gathering>(rounds, 1500, true, "MTU 1500, packets gathered", &mut packets);
    let mut ignored = Headline::default();
    against::<Offload>(rounds, 1500, true, "MTU 1500, bursts in one piece (smoltcp: packets)", &mut ignored);
    let mut large = Headline::default();
    against::<OnePiece>(rounds, 65_535, true, "packets of 65,535 bytes in one piece", &mut large);
    against::<Gathering>(rounds, 65_535, true, "packets of 65,535 bytes gathered", &mut large);
    let name = "packets of 65,535 bytes in one piece, no checksums";
    against::<OnePiece>(rounds, 65_535, false, name, &mut ignored);
    against::<Gathering>(
        rounds,
        65_535,
        false,
        "packets of 65,535 bytes gathered, no checksums",
        &mut ignored,
    );
    println!();
    packets.print("MTU 1500, a packet a segment, with checksums");
    large.print("packets of 65,535 bytes, with checksums");
    for mtu in [1500, 65_535] {
        let setup = Setup { mtu, buffer: 1 << 20, has_checksums: false, congestion: Congestion::Unneeded };
        let rate = (0..rounds).map(|_| run::<Floor>(&setup, TOTAL, false)).fold(0.0, f64::max);
        let packet = (mtu - 40) as f64 * 1e9 / rate;
        println!("the harness alone, without a TCP, packets of {mtu} bytes: {packet:.0} ns a packet");
    }
}

/// Prints a row for each size of buffers.
fn against<D: Device>(rounds: usize, mtu: usize, has_checksums: bool, name: &str, headline: &mut Headline) {
    for (buffer, size) in BUFFERS {
        let setup = Setup { mtu, buffer, has_checksums, congestion: Congestion::Unneeded };
        // Every octet is compared once, outside of what is measured.
        run::<Ours<D>>(&setup, TOTAL, true);
        run::<Smol>(&setup, TOTAL, true);
        let (mut ours, mut theirs) = (0.0f64, 0.0f64);
        // The best round of each: what disturbs a round only makes it slower.
        for _ in 0..rounds {
            ours = ours.max(run::<Ours<D>>(&setup, TOTAL, false));
            theirs = theirs.max(run::<Smol>(&setup, TOTAL, false));
        }
        println!("| {name} | {size} | {:.2} | {:.2} | {:.1} |", ours / 1e9, theirs / 1e9, ours / theirs);
        headline.ours.note(ours, || format!("{name}, {size}"));
        headline.theirs.note(theirs, || size.to_owned());
    }
}

/// Our side of the first comparison alone, for a profiler to look at.
pub fn profile(rounds: usize) {
    let setup = Setup { mtu: 1500, buffer: 1 << 20, has_checksums: true, congestion: Congestion::Unneeded };
    let best = (0..rounds).map(|_| run::<Ours<OnePiece>>(&setup, TOTAL, false)).fold(0.0, f64::max);
    println!("{:.2} GB/s, {:.0} ns a packet", best / 1e9, 1460e9 / best);
}

/// Moves `total` octets, and says how many a second of processor time that were.
pub fn run<H: Host>(setup: &Setup, total: u64, is_thorough: bool) -> f64 {
    let (mut client, mut server) = (H::client(setup), H::server(setup));
    let (mut there, mut back) = (VecDeque::new(), VecDeque::new());
    let (mut source, mut check) = (Source::new(total), Check::new(is_thorough));
    let mut now = 1_000_000_000;
    let room = (LINK / setup.mtu).max(1);
    // The handshake.
    for _ in 0..3 {
        now += STEP_NS;
        client.transmit(now, room, &mut there);
        server.handle(now, &mut there);
        server.transmit(now, room, &mut back);
        client.handle(now, &mut back);
    }
    let mut start = None;
    while check.count < total {
        if start.is_none() && check.count >= total / 8 {
            // Memory is there, and the window is open.
            start = Some((processor_time(), check.count));
        }
        now += STEP_NS;
        client.write(&mut source);
        client.transmit(now, room, &mut there);
        server.handle(now, &mut there);
        server.read(now, &mut check);
        server.transmit(now, room, &mut back);
        client.handle(now, &mut back);
    }
    let (start, before) = start.expect("it takes more than one exchange");
    (total - before) as f64 / (processor_time() - start)
}
