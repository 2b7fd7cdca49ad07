//! Any link at all: every octet arrives once and in order, both ends reach CLOSED, and a seed repeats everything.

use synfin_lab::{Action, HostConfig, Noted, Plot, Scenario, Simulation};
use synfin_tcp::{Sample, Variables};
use synfin_wire::State;

use crate::run::toml;

/// Seeds in CI, in so many tests that run beside each other. `SYNFIN_RUNS=100000` runs so many instead.
const RUNS: u64 = 10_000;
const PARTS: u64 = 8;

/// Runs a share of the seeds; tells of a failure which seed it was, and how to look at it.
fn share(part: u64) {
    let runs = std::env::var("SYNFIN_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let mut tally = Tally::default();
    let mut given_up = None;
    for seed in (part..runs).step_by(PARTS as usize) {
        let outcome = std::panic::catch_unwind(|| judge(seed));
        match outcome {
            Ok(Ok(one)) => {
                if one.whole < one.meant {
                    given_up.get_or_insert(seed);
                }
                tally.add(&one);
            }
            Ok(Err(fault)) => panic!("seed {seed}: {fault}\nto see it: synfin lab random --seed {seed}"),
            Err(panic) => {
                eprintln!("seed {seed}\nto see it: synfin lab random --seed {seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{tally:?}");
    // The runs are of some worth only if most of them transfer what they were told to, and on bad links.
    assert!(tally.whole * 2 > tally.runs, "{tally:?}");
    // On the worst of links a side gives up. It is one in twenty: more would be errors for want of a repetition.
    assert!(
        tally.whole * 10 > tally.meant * 9,
        "too many gave up: {tally:?}\nto see one: synfin lab random --seed {}",
        given_up.unwrap_or_default()
    );
    assert!(tally.lost > tally.runs && tally.octets > 1000 * tally.runs, "{tally:?}");
}

macro_rules! shares {
    ($($name:ident $part:literal),+) => {
        /// RFC 9293 as a whole, over links of every kind.
        mod any_link {
            $(#[test] fn $name() { super::share($part) })+
        }
    };
}

shares!(part_1 0, part_2 1, part_3 2, part_4 3, part_5 4, part_6 5, part_7 6, part_8 7);

/// What some runs came to.
#[derive(Default, Debug)]
struct Tally {
    runs: u64,
    /// Both ends read to the end: every octet would arrive.
    meant: u64,
    whole: u64,
    packets: u64,
    lost: u64,
    octets: u64,
}

impl Tally {
    fn add(&mut self, one: &Self) {
        let Self { runs, meant, whole, packets, lost, octets } = one;
        self.runs += runs;
        self.meant += meant;
        self.whole += whole;
        self.packets += packets;
        self.lost += lost;
        self.octets += octets;
    }
}

/// Runs a seed, and says what is wrong, if anything is.
fn judge(seed: u64) -> Result<Tally, String> {
    let scenario = Scenario::from_toml(&Scenario::random_toml(seed)).map_err(|error| error.to_string())?;
    let mut simulation = Simulation::new(&scenario).map_err(|error| error.to_string())?;
    let watch = |host: &HostConfig| Watch { is_paced: host.tcp.pacing, ..Watch::default() };
    let mut watches = [watch(&scenario.client), watch(&scenario.server)];
    let mut packets = 0;
    while let Some(noted) = simulation.next_noted() {
        match noted {
            Noted::Frame(frame) => {
                packets += 1;
                watches[frame.from as usize].on_sent(frame.at_ns)?;
            }
            Noted::Sample { side, sample } => watches[side as usize].on_sample(&sample)?,
            Noted::StateChange(change) if !change.from.may_become(change.to) => {
                return Err(format!("{} became {}", change.from, change.to));
            }
            // A record of SYN-RECEIVED ends without variables to show.
            Noted::StateChange(change) if change.to == State::Closed => {
                let side = usize::from(change.local.port() == scenario.server.port);
                watches[side] = Watch { is_paced: watches[side].is_paced, ..Watch::default() };
            }
            _ => {}
        }
    }
    let report = simulation.report();
    // Nothing is on the wire, no timer runs on either host, no application sleeps.
    if let Some(cut_short) = report.cut_short {
        return Err(cut_short.to_string());
    }
    if report.left != 0 {
        return Err(format!("{} connections are left, and no timer for them", report.left));
    }
    let [client, server] = &report.apps;
    let is_whole = |does: &[Action]| does.contains(&Action::ReceiveAll);
    let is_error = [client, server].iter().any(|app| app.error.is_some() || app.refused.is_some());
    let mut tally = Tally { runs: 1, packets, lost: report.lost, ..Tally::default() };
    for (app, peer) in [(client, server), (server, client)] {
        if app.foreign > 0 || app.received > peer.sent {
            return Err(format!("read {} octets that nobody wrote there, of {}", app.foreign, app.received));
        }
        tally.octets += app.received;
        if is_whole(&scenario.client.does) && is_whole(&scenario.server.does) {
            tally.meant = 1;
            if is_error {
                continue;
            }
            if app.received != peer.sent {
                return Err(format!(
                    "{} octets arrived of {}, and nobody heard of an error",
                    app.received, peer.sent
                ));
            }
            if let Some(action) = app.unfinished {
                return Err(format!("somebody waits for ever: {action}"));
            }
            tally.whole = 1;
        }
    }
    Ok(tally)
}

/// Looks for an end that has something to send, and is silent for longer than its timers allow.
#[derive(Default)]
struct Watch {
    is_paced: bool,
    last: Option<Sample>,
    /// When it sent something, or heard that something arrived or that the window changed, for the last time.
    active_ns: u64,
    /// The longest timeout that was in force since then.
    longest_ns: u64,
    /// When octets arrived that it has not acknowledged.
    owes_since_ns: Option<u64>,
}

/// Bounds of the timers. Zero-window probes back off to the longest timeout (RFC 9293 section 3.8.6.1).
const LONGEST_NS: u64 = 60_000_000_000;
const DELAYED_ACK_NS: u64 = 500_000_000;

impl Watch {
    fn on_sent(&mut self, at_ns: u64) -> Result<(), String> {
        self.check(at_ns)?;
        (self.active_ns, self.longest_ns, self.owes_since_ns) = (at_ns, self.timeout_ns(), None);
        Ok(())
    }

    fn on_sample(&mut self, sample: &Sample) -> Result<(), String> {
        self.check(sample.at_ns)?;
        let (old, new) = (self.last.map(|last| last.variables), &sample.variables);
        let has_advanced = old.is_none_or(|old| old.snd_una != new.snd_una || old.snd_wnd != new.snd_wnd);
        let was_idle = old.is_none_or(|old| !has_work(&old));
        if old.is_some_and(|old| old.rcv_nxt != new.rcv_nxt) && new.state.is_synchronized() {
            self.owes_since_ns.get_or_insert(sample.at_ns);
        }
        if matches!(new.state, State::Closed | State::TimeWait) {
            self.owes_since_ns = None;
        }
        self.last = Some(*sample);
        if has_advanced || was_idle {
            (self.active_ns, self.longest_ns) = (sample.at_ns, 0);
        }
        self.longest_ns = self.longest_ns.max(self.timeout_ns());
        Ok(())
    }

    fn timeout_ns(&self) -> u64 {
        self.last.map_or(0, |last| {
            let rto_ns = last.variables.rto.as_nanos() as u64;
            if last.variables.snd_wnd == 0 { LONGEST_NS } else { rto_ns }
        })
    }

    fn check(&self, now_ns: u64) -> Result<(), String> {
        let Some(last) = &self.last else { return Ok(()) };
        let silent_ns = now_ns - self.active_ns;
        // Pacing spreads what a window allows over a round trip: its last wait may come before the timer is started.
        let paced_ns = last.variables.srtt.filter(|_| self.is_paced).map_or(0, |srtt| srtt.as_nanos() as u64);
        if has_work(&last.variables) && silent_ns > self.longest_ns + paced_ns {
            let Variables { state, snd_una, snd_nxt, send_queue, .. } = last.variables;
            return Err(format!(
                "{:?} in {state} with {send_queue} octets queued, {} in flight, was silent for {silent_ns} ns, \
                 its timeout {} ns",
                last.local,
                snd_nxt.distance_from(snd_una),
                self.longest_ns,
            ));
        }
        match self.owes_since_ns {
            Some(since_ns) if now_ns - since_ns > DELAYED_ACK_NS => {
                Err(format!("{} acknowledged after {} ns", last.local, now_ns - since_ns))
            }
            _ => Ok(()),
        }
    }
}

/// Whether something is in flight, or waits to be sent.
fn has_work(v: &Variables) -> bool {
    let is_over = matches!(v.state, State::Closed | State::Listen | State::TimeWait);
    !is_over && (v.snd_una != v.snd_nxt || v.send_queue > 0)
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
    ran.samples.iter().for_each(|(side, sample)| plot.push(*side, sample));
    let svg = plot.to_svg("1 MB & more");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("1 MB &amp; more: server"));
    assert_eq!(svg.matches("<path ").count(), 5);
    assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    assert!(svg.len() < 100_000, "{}", svg.len());
}
