//! Random links, random settings, random users: every octet arrives once and in order, or the connection reports an
//! error; both ends reach CLOSED; no timer is left.
//!
//! `synfin lab random` does the same with applications that do one thing after the other. Here users write, shut down and
//! abort in whatever state they meet, before the connection is open too, and the observer has to be told of every end.
//!
//! `SYNFIN_SEED=17` runs one seed and prints its segments; `SYNFIN_RUNS=10000` runs so many.

use std::time::Duration;

use bytes::Bytes;
use synfin_tcp::{
    Algorithm, Config, ConnectionConfig, ConnectionId, Endpoint, Event, Instant, KeepAlive, ListenerId,
    ReadOutcome, RtoConfig, SynCookies,
};
use synfin_wire::State;

use crate::link::{Link, Random};
use crate::world::{Host, World, config};

/// Runs without `SYNFIN_RUNS`: as many as take a few seconds.
const RUNS: u64 = 150;

/// One user at one end.
struct User {
    host: Host,
    id: Option<ConnectionId>,
    random: Random,
    /// What it writes.
    text: Bytes,
    written: usize,
    read: Vec<u8>,
    /// When it acts next, whatever happens.
    next: Instant,
    /// Most octets that it reads at one time.
    appetite: usize,
    /// How long it waits between reads.
    pause: Duration,
    abort_at: Option<Instant>,
    has_shut: bool,
    is_finished: bool,
    is_over: bool,
    error: bool,
}

fn text(seed: u64, len: usize) -> Bytes {
    let mut random = Random::new(seed);
    (0..len).map(|_| random.next() as u8).collect::<Vec<u8>>().into()
}

impl User {
    fn new(host: Host, seed: u64, random: &mut Random, now: Instant, step: u64) -> Self {
        let len = match random.below(4) {
            0 => 0,
            1 => random.below(100),
            2 => random.below(20_000),
            _ => random.below(150_000),
        };
        // What has to go octet by octet takes its time on a bad link.
        let len = len.min(300 * step);
        let aborts = random.chance(80);
        Self {
            host,
            id: None,
            random: Random::new(seed ^ 0xabcd),
            text: text(seed, len as usize),
            written: 0,
            read: Vec::new(),
            next: now,
            appetite: random.pick(&[1000, 100_000, usize::MAX]),
            pause: Duration::from_millis(random.pick(&[0, 0, 5, 300])),
            abort_at: aborts.then(|| now + Duration::from_millis(random.below(3000))),
            has_shut: false,
            is_finished: false,
            is_over: false,
            error: false,
        }
    }

    /// Does what a user does, when it is time to.
    fn act(&mut self, world: &mut World) {
        let Some(id) = self.id else { return };
        let now = world.now;
        let endpoint = world.endpoint(self.host);
        if self.is_over || endpoint.connection(id).is_none() {
            return;
        }
        if self.abort_at.is_some_and(|at| at <= now) {
            self.abort_at = None;
            self.error = true;
            endpoint.connection_mut(id).unwrap().abort(now);
        }
        let is_due = self.next <= now;
        let connection = endpoint.connection_mut(id).unwrap();
        while self.written < self.text.len() {
            let chunk = self.random.between(1, 5000) as usize;
            let until = (self.written + chunk).min(self.text.len());
            match connection.write(&self.text.slice(self.written..until)) {
                Ok(0) => break,
                Ok(taken) => self.written += taken,
                Err(_) => break,
            }
        }
        // To close before the connection is open is to give it up.
        let patience = if connection.state() == State::SynSent { 5 } else { 300 };
        if self.written == self.text.len() && !self.has_shut && is_due && self.random.chance(patience) {
            self.has_shut = true;
            let _broken_already = connection.shutdown(now);
        }
        while is_due && !self.is_finished {
            match connection.read(now, self.appetite) {
                ReadOutcome::Data(chunk) => self.read.extend_from_slice(&chunk),
                ReadOutcome::Blocked => break,
                ReadOutcome::Finished => self.is_finished = true,
                ReadOutcome::Failed(_) => {
                    self.is_finished = true;
                    self.error = true;
                }
            }
            if self.pause > Duration::ZERO {
                break;
            }
        }
        if is_due {
            self.next = now + self.pause.max(Duration::from_millis(20));
        }
        if self.is_finished && (self.has_shut || self.error) {
            self.is_over = true;
            endpoint.close(now, id);
        }
    }
}

fn random_config(random: &mut Random) -> ConnectionConfig {
    let receive_buffer = random.pick(&[1, 600, 5000, 65_535, 200_000]);
    ConnectionConfig {
        mtu: random.pick(&[100, 576, 1500, 1500, 9000, 65_535]),
        send_buffer: random.pick(&[1, 3000, 65_536, 1 << 20]),
        receive_buffer,
        receive_buffer_max: receive_buffer.saturating_mul(random.pick(&[1, 8])),
        window_scaling: random.chance(700),
        timestamps: random.chance(700),
        sack: random.chance(700),
        ecn: random.chance(300),
        nagle: random.chance(500),
        congestion: random.pick(&[Algorithm::NewReno, Algorithm::Cubic]),
        hystart: random.chance(500),
        pacing: random.chance(300),
        initial_window: random.pick(&[1, 2, 10]),
        rto: RtoConfig { min: Duration::from_millis(random.pick(&[200, 1000])), ..RtoConfig::default() },
        msl: Duration::from_secs(30),
        // A RST that is lost is found out by nothing else.
        keep_alive: Some(KeepAlive {
            idle: Duration::from_secs(60),
            interval: Duration::from_secs(10),
            probes: 9,
        }),
        ..ConnectionConfig::default()
    }
}

fn random_link(random: &mut Random) -> Link {
    let mut link = Link::perfect(Duration::from_micros(random.pick(&[10, 1000, 20_000, 150_000])));
    link.loss = random.pick(&[0, 0, 10, 50, 150, 300]);
    link.duplicate = random.pick(&[0, 0, 20, 200]);
    link.corrupt = random.pick(&[0, 0, 10, 100]);
    link.mark = random.pick(&[0, 50, 500]);
    link.jitter = Duration::from_micros(random.pick(&[0, 0, 500, 30_000, 200_000]));
    link.rate = random.pick(&[None, Some(50_000), Some(1_000_000)]);
    link.random = Random::new(random.next());
    link
}

/// Longest that a run may take in virtual time: R2 on each side, TIME-WAIT, slow readers.
const LIMIT: Duration = Duration::from_secs(4 * 3600);

fn run(seed: u64, is_told: bool) -> (u64, bool) {
    let mut random = Random::new(seed);
    let (config_a, config_b) = (random_config(&mut random), random_config(&mut random));
    let step =
        [&config_a, &config_b].iter().map(|c| c.send_buffer.min(c.receive_buffer).min(c.mtu - 40)).min();
    let step = u64::from(step.unwrap_or(1));
    if is_told {
        println!("A: {config_a:?}\nB: {config_b:?}");
    }
    let mut world = World::new(config_a, config_b.clone(), Duration::ZERO);
    world.a_to_b = random_link(&mut random);
    world.b_to_a = random_link(&mut random);
    if is_told {
        println!("A to B: {:?}\nB to A: {:?}", world.a_to_b, world.b_to_a);
        world.is_loud = true;
    }
    if random.chance(200) {
        // Nothing is kept for a SYN.
        let config = Config { syn_cookies: SynCookies::Always, ..config(config_b, 2) };
        world.b = Endpoint::new(config, world.watcher.clone());
    }
    let listener: ListenerId = world.b.listen(Host::B.address(80), 10, None).unwrap();
    let mut a = User::new(Host::A, seed, &mut random, world.now, step);
    let mut b = User::new(Host::B, !seed, &mut random, world.now, step);
    let is_simultaneous = random.chance(50);
    if is_simultaneous {
        // Both connect at once: RFC 9293 figure 7.
        world.b.close_listener(world.now, listener);
        b.id = Some(world.b.connect(world.now, Host::B.address(80), Host::A.address(5000), None).unwrap());
    }
    a.id = Some(world.a.connect(world.now, Host::A.address(5000), Host::B.address(80), None).unwrap());
    let end = world.now + LIMIT;
    loop {
        if b.id.is_none() {
            b.id = world.b.accept(listener);
        } else if let Some(ghost) = world.b.accept(listener) {
            // The acknowledgement of a cookie is good for as long as the cookie: a late one opens another connection.
            world.b.close(world.now, ghost);
        }
        a.act(&mut world);
        b.act(&mut world);
        for host in [Host::A, Host::B] {
            while let Some((_, event)) = world.endpoint(host).poll_event() {
                let user = if host == Host::A { &mut a } else { &mut b };
                if let Event::Closed(Some(_)) = event {
                    user.error = true;
                }
            }
        }
        world.flush();
        let is_quiet = world.a.states().next().is_none() && world.b.states().next().is_none();
        if is_quiet && world.is_link_empty() {
            break;
        }
        assert!(world.now < end, "stalled: A {:?}, B {:?}", world.state(Host::A), world.state(Host::B));
        let wake = [&a, &b].iter().filter(|u| u.id.is_some() && !u.is_over).map(|u| u.next).min();
        world.step(wake.unwrap_or(end).max(world.now).min(end));
    }
    assert_eq!((world.a.poll_timeout(), world.b.poll_timeout()), (None, None), "a timer is left");
    assert_eq!(world.watcher.unfinished(), [], "the observer was not told of an end");
    for (reader, writer) in [(&a, &b), (&b, &a)] {
        assert!(writer.text.starts_with(&reader.read), "{:?} read what nobody wrote", reader.host);
        if !a.error && !b.error && b.id.is_some() {
            assert_eq!(reader.read.len(), writer.text.len(), "{:?} misses octets", reader.host);
        }
    }
    (world.sent, !a.error && !b.error)
}

#[test]
fn every_octet_once_and_in_order_or_an_error() {
    if let Some(seed) = std::env::var("SYNFIN_SEED").ok().and_then(|s| s.parse().ok()) {
        let (segments, is_whole) = run(seed, true);
        println!("seed {seed}: {segments} segments, whole: {is_whole}");
        return;
    }
    let runs = std::env::var("SYNFIN_RUNS").ok().and_then(|s| s.parse().ok()).unwrap_or(RUNS);
    let (mut segments, mut whole) = (0, 0);
    for seed in 0..runs {
        let outcome = std::panic::catch_unwind(|| run(seed, false));
        match outcome {
            Ok((sent, is_whole)) => {
                segments += sent;
                whole += u64::from(is_whole);
            }
            Err(panic) => {
                eprintln!(
                    "seed {seed}\nto see it: SYNFIN_SEED={seed} cargo nextest run -p synfin-tcp --no-capture simulation"
                );
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{runs} runs, {whole} of them whole, {segments} segments");
    assert!(whole > runs * 3 / 4, "only {whole} of {runs} were whole");
}
