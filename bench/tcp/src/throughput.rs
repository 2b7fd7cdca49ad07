//! Octets through two hosts in one memory: how many a second.

use std::time::Instant;

use crate::host::{Host, Packets, Setup};
use crate::stream::{Check, Source};

/// Time that one exchange of packets takes on the clock that both hosts go by.
const STEP_NS: u64 = 10_000;

/// Moves `total` octets, and says how many a second that were.
pub fn run<H: Host>(setup: &Setup, total: u64) -> f64 {
    let (mut client, mut server) = (H::client(setup), H::server(setup));
    let (mut there, mut back) = (Packets::new(), Packets::new());
    let (mut source, mut check) = (Source::new(total), Check::new());
    let mut now = 1_000_000_000;
    // The handshake.
    for _ in 0..3 {
        now += STEP_NS;
        client.transmit(now, &mut there);
        server.handle(now, &mut there);
        server.transmit(now, &mut back);
        client.handle(now, &mut back);
    }
    let start = Instant::now();
    while check.count < total {
        now += STEP_NS;
        client.write(&mut source);
        client.transmit(now, &mut there);
        server.handle(now, &mut there);
        server.read(now, &mut check);
        server.transmit(now, &mut back);
        client.handle(now, &mut back);
    }
    total as f64 / start.elapsed().as_secs_f64()
}
