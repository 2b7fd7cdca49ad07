//! Whole conversations over links of all kinds.

use std::time::Duration;

use bytes::Bytes;
use synfin_tcp::{Algorithm, ConnectionConfig, Event, ReadOutcome};
use synfin_wire::State;

use crate::world::{Host, World};

const DELAY: Duration = Duration::from_millis(10);

fn stream(len: usize) -> Bytes {
    (0..len).map(|i| (i * 31 % 251) as u8).collect::<Vec<u8>>().into()
}

/// A sends `len` octets and closes, B reads all of it and closes. Returns the time that took.
fn send_all(world: &mut World, len: usize) -> Duration {
    let (a, b, _) = world.connected();
    let data = stream(len);
    let (mut written, mut read) = (0, Vec::new());
    let start = world.now;
    world.run_until(Duration::from_secs(3600), "transfer", |world| {
        let now = world.now;
        if let Some(connection) = world.a.connection_mut(a) {
            while written < len {
                let taken = connection.write(&data.slice(written..)).unwrap();
                written += taken;
                if taken == 0 {
                    break;
                }
            }
            if written == len {
                connection.shutdown(now).unwrap();
            }
        }
        let connection = world.b.connection_mut(b).unwrap();
        loop {
            match connection.read(now, usize::MAX) {
                ReadOutcome::Data(chunk) => read.extend_from_slice(&chunk),
                ReadOutcome::Blocked => return false,
                ReadOutcome::Finished => return true,
                ReadOutcome::Failed(error) => panic!("{error}"),
            }
        }
    });
    assert!(read == data, "{} of {} octets, or others", read.len(), data.len());
    let took = world.now.since(start);
    let now = world.now;
    world.b.close(now, b);
    world.a.close(now, a);
    world.run_for(Duration::from_secs(600));
    assert_eq!((world.a.states().count(), world.b.states().count()), (0, 0));
    assert_eq!((world.a.poll_timeout(), world.b.poll_timeout()), (None, None));
    took
}

fn world() -> World {
    World::new(ConnectionConfig::default(), ConnectionConfig::default(), DELAY)
}

#[test]
fn a_megabyte_over_a_perfect_link() {
    let mut world = world();
    let took = send_all(&mut world, 1_000_000);
    assert!(took < Duration::from_millis(260), "{took:?}");
    assert_eq!(
        world.watcher.states(Host::A.address(5000)),
        [
            State::Closed,
            State::SynSent,
            State::Established,
            State::FinWait1,
            State::FinWait2,
            State::TimeWait,
            State::Closed
        ]
    );
    assert_eq!(
        world.watcher.states(Host::B.address(80)),
        [
            State::Listen,
            State::SynReceived,
            State::Established,
            State::CloseWait,
            State::LastAck,
            State::Closed
        ]
    );
}

#[test]
fn losses_are_repaired_with_every_combination_of_options() {
    for sack in [false, true] {
        for timestamps in [false, true] {
            for congestion in [Algorithm::NewReno, Algorithm::Cubic] {
                let config = ConnectionConfig { sack, timestamps, congestion, ..ConnectionConfig::default() };
                let mut world = World::new(config.clone(), config, DELAY);
                world.a_to_b.loss = 30;
                world.b_to_a.loss = 30;
                let took = send_all(&mut world, 1_000_000);
                println!("sack {sack} timestamps {timestamps} {congestion:?}: {took:?}");
            }
        }
    }
}

#[test]
fn a_slow_link_with_a_short_queue() {
    let mut world = world();
    world.a_to_b.rate = Some(1_000_000);
    let took = send_all(&mut world, 3_000_000);
    assert!(took < Duration::from_millis(3600), "{took:?}");
}

#[test]
fn pacing_delivers_too() {
    let config = ConnectionConfig { pacing: true, ..ConnectionConfig::default() };
    let mut world = World::new(config.clone(), config, DELAY);
    let took = send_all(&mut world, 1_000_000);
    assert!(took < Duration::from_millis(600), "{took:?}");
}

#[test]
fn connected_is_said_on_both_sides() {
    let mut world = world();
    let (a, b, _) = world.connected();
    assert_eq!(world.a.poll_event(), Some((a, Event::Connected)));
    world.flush();
    assert_eq!(world.b.poll_event(), Some((b, Event::Connected)));
}

/// Slow start from ten segments doubles the flight each round trip: 14, 29, 58, 116, 232, 464 kB are 913 kB. Pacing
/// spreads each flight over half of a round trip, and the last has to arrive.
#[test]
fn slow_start_is_as_fast_as_it_may_be() {
    let mut world = world();
    let took = send_all(&mut world, 900_000);
    assert!(took <= Duration::from_millis(8 * 20), "{took:?}");
}

/// A long path that takes 10 MB a second: the receive window has to grow far beyond where it begins (64 kB would give
/// 640 kB a second).
#[test]
fn the_receive_window_grows_with_the_path() {
    let mut world = World::new(ConnectionConfig::default(), ConnectionConfig::default(), 5 * DELAY);
    world.a_to_b.rate = Some(10_000_000);
    let took = send_all(&mut world, 20_000_000);
    assert!(took < Duration::from_secs(4), "{took:?}");
}

/// A long and fast path, with the defaults: 100 Mbit/s and 100 ms hold 1.25 MB. Both buffers have to follow for the
/// path to be full but for the seconds of the start.
#[test]
fn a_long_fast_path_is_filled() {
    let mut world =
        World::new(ConnectionConfig::default(), ConnectionConfig::default(), Duration::from_millis(50));
    world.a_to_b.rate = Some(12_500_000);
    let took = send_all(&mut world, 50_000_000);
    // 4.14 s at line rate, headers included.
    assert!(took < Duration::from_millis(5200), "{took:?}");
}

/// The time of repair is that of the theory: at a loss of p, Reno moves about 1.22·MSS/(RTT·sqrt(p)) octets a second
/// (RFC 5348 section 3.1 without timeouts): with 1 % of 10 MB at 20 ms, 11.3 seconds.
#[test]
fn one_percent_of_loss_costs_what_theory_says() {
    for congestion in [Algorithm::NewReno, Algorithm::Cubic] {
        let config = ConnectionConfig { congestion, ..ConnectionConfig::default() };
        let mut world = World::new(config.clone(), config, DELAY);
        world.a_to_b.loss = 10;
        let took = send_all(&mut world, 10_000_000);
        assert!(
            (Duration::from_secs(7)..Duration::from_secs(14)).contains(&took),
            "{congestion:?}: {took:?}"
        );
    }
}

/// RFC 8985 section 3.2, RFC 3522: a path that reorders by a whole round trip is not taken for one that loses: ten
/// megabytes at ten a second take hardly longer than a second.
#[test]
fn reordering_is_not_taken_for_loss() {
    for sack in [true, false] {
        let config = ConnectionConfig { sack, ..ConnectionConfig::default() };
        let mut world = World::new(config.clone(), config, DELAY);
        world.a_to_b.jitter = 2 * DELAY;
        world.a_to_b.rate = Some(10_000_000);
        let took = send_all(&mut world, 10_000_000);
        assert!(took < Duration::from_millis(1400), "SACK {sack}: {took:?}");
    }
}

/// RFC 3168: marks slow the sender down without a loss: nothing is sent twice.
#[test]
fn marks_do_what_losses_do_without_the_losses() {
    let config = ConnectionConfig { ecn: true, ..ConnectionConfig::default() };
    let mut world = World::new(config.clone(), config, DELAY);
    world.a_to_b.mark = 10;
    let took = send_all(&mut world, 10_000_000);
    assert!(
        (Duration::from_secs(7)..Duration::from_secs(14)).contains(&took),
        "as with 1 % of loss: {took:?}"
    );
    let segments = 10_000_000 / 1448;
    assert!(world.sent < segments * 2, "{}", world.sent);
}
