//! Loss and its repair: the time, on the clock of the hosts, that a transfer takes over a link that loses at random.

use std::collections::VecDeque;

use crate::device::OnePiece;
use crate::host::{Congestion, Host, Nanos, Setup};
use crate::ours::Ours;
use crate::smol::Smol;
use crate::stream::{Check, Source};

/// Octets of a transfer.
const TOTAL: u64 = 10_000_000;

/// Delay of the link, one way. Its rate has no bound.
const DELAY_NS: Nanos = 20_000_000;

/// A transfer that takes longer is given up.
const LIMIT_NS: Nanos = 3_600_000_000_000;

/// Losses of a thousand packets, in both directions alike.
const LOSSES: [u64; 4] = [0, 10, 50, 100];

/// Measures both with the same seeds, and prints a table.
pub fn compare(seeds: u64) {
    println!(
        "| 10 MB, 20 ms one way, {seeds} seeds, median s | loss | synfin-tcp | smoltcp | ratio | RFC 5348 |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    let pairs = [
        (Congestion::Cubic, Congestion::Cubic, "CUBIC"),
        (Congestion::Reno, Congestion::Reno, "Reno"),
        (Congestion::Cubic, Congestion::Unneeded, "CUBIC beside none"),
    ];
    for (ours, theirs, name) in pairs {
        for loss in LOSSES {
            let setup = |congestion| Setup { mtu: 1500, buffer: 4 << 20, has_checksums: true, congestion };
            let ours = median((0..seeds).map(|seed| run::<Ours<OnePiece>>(&setup(ours), loss, seed)));
            let theirs = median((0..seeds).map(|seed| run::<Smol>(&setup(theirs), loss, seed)));
            let (percent, ratio) = (loss as f64 / 10.0, theirs / ours);
            let theory = theory(loss as f64 / 1000.0);
            println!("| {name} | {percent} % | {ours:.2} | {theirs:.2} | {ratio:.1} | {theory} |");
        }
    }
}

/// Seconds that Reno takes by the equation of RFC 5348 section 3.1, at a loss of `p`, with a timeout of one second.
fn theory(p: f64) -> String {
    if p == 0.0 {
        return String::new();
    }
    let round_trip = 2.0 * DELAY_NS as f64 / 1e9;
    let in_recovery = round_trip * (2.0 * p / 3.0).sqrt();
    let in_timeouts = (3.0 * (3.0 * p / 8.0).sqrt()).min(1.0) * p * (1.0 + 32.0 * p * p);
    format!("{:.0}", TOTAL as f64 / 1460.0 * (in_recovery + in_timeouts))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One direction of the link.
struct Link<P> {
    in_flight: VecDeque<(Nanos, P)>,
    loss: u64,
    random: u64,
}

impl<P> Link<P> {
    fn new(loss: u64, seed: u64) -> Self {
        Self { in_flight: VecDeque::new(), loss, random: seed.wrapping_mul(2).wrapping_add(1) }
    }

    /// Whether the next packet is lost (splitmix64).
    fn loses(&mut self) -> bool {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % 1000 < self.loss
    }

    fn take(&mut self, now: Nanos, packets: &mut VecDeque<P>) {
        for packet in packets.drain(..) {
            if !self.loses() {
                self.in_flight.push_back((now + DELAY_NS, packet));
            }
        }
    }

    fn next(&self) -> Option<Nanos> {
        self.in_flight.front().map(|&(at, _)| at)
    }

    fn give(&mut self, now: Nanos, packets: &mut VecDeque<P>) {
        while self.next().is_some_and(|at| at <= now) {
            packets.extend(self.in_flight.pop_front().map(|(_, packet)| packet));
        }
    }
}

/// Moves the octets, and says how many seconds it took from the first SYN to the last octet.
pub fn run<H: Host>(setup: &Setup, loss: u64, seed: u64) -> f64 {
    let (mut client, mut server) = (H::client(setup), H::server(setup));
    let mut there = Link::new(loss, 2 * seed);
    let mut back = Link::new(loss, 2 * seed + 1);
    let mut packets = VecDeque::new();
    let (mut source, mut check) = (Source::new(TOTAL), Check::new(true));
    let start = 1_000_000_000;
    let mut now = start;
    loop {
        there.give(now, &mut packets);
        server.handle(now, &mut packets);
        server.read(now, &mut check);
        back.give(now, &mut packets);
        client.handle(now, &mut packets);
        client.write(&mut source);
        client.transmit(now, usize::MAX, &mut packets);
        there.take(now, &mut packets);
        server.transmit(now, usize::MAX, &mut packets);
        back.take(now, &mut packets);
        if check.count == TOTAL || now - start > LIMIT_NS {
            return (now - start) as f64 / 1e9;
        }
        let due = [there.next(), back.next(), client.poll_timeout(now), server.poll_timeout(now)];
        // smoltcp counts in microseconds.
        now = due.into_iter().flatten().min().expect("somebody has something to do").max(now + 1000);
    }
}
