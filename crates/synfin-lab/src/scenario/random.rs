//! A scenario out of a number: links, settings and applications that nobody would think of.
//!
//! It is text, so that it can be printed, read and changed like any other; and what runs is what that text says.

use core::fmt::Write as _;

use super::Scenario;
use crate::random::Random;

/// The purpose of chance here: other numbers are those of links and hosts.
const PURPOSE: u64 = 64;

/// Draws a scenario.
struct Draw {
    random: Random,
    text: String,
}

/// What the applications of both ends do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Both close and read to the end: every octet has to arrive.
    Whole,
    /// Both, after the other one has.
    Waits,
    /// It lets go at once, whatever still comes.
    Goes,
    Aborts,
}

impl Scenario {
    /// The random scenario of a number, as TOML.
    #[must_use]
    pub fn random_toml(seed: u64) -> String {
        let mut draw = Draw { random: Random::new(seed, PURPOSE), text: String::new() };
        draw.scenario(seed);
        draw.text
    }
}

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy + Default>(&mut self, of: &[T]) -> T {
        let at = self.below(of.len() as u64);
        usize::try_from(at).ok().and_then(|at| of.get(at)).copied().unwrap_or_default()
    }

    fn line(&mut self, line: &str) {
        // Writing to a string never fails.
        let _infallible = writeln!(self.text, "{line}");
    }

    fn scenario(&mut self, seed: u64) {
        self.line(&format!(
            "about = \"A random scenario, number {seed}: every octet arrives once and in order, or there is an error.\""
        ));
        // TOML's numbers have a sign. What is left of the seed still makes its own chance on the links.
        self.line(&format!("seed = {}", seed >> 1));
        self.line("limit = '12h'");
        let is_ipv6 = self.chance(20);
        self.line(&format!("ipv6 = {is_ipv6}"));
        for way in ["to-server", "to-client"] {
            self.line(&format!("\n[{way}]"));
            self.link(is_ipv6);
        }
        let is_simultaneous = self.chance(6);
        let mut steps = [0; 2];
        let mut hosts = [String::new(), String::new()];
        let before = std::mem::take(&mut self.text);
        for (step, host) in steps.iter_mut().zip(&mut hosts) {
            *step = self.host(is_ipv6);
            *host = std::mem::take(&mut self.text);
        }
        self.text = before;
        let step = steps.into_iter().min().unwrap_or(1);
        let mut is_first = true;
        let mut may_wait = true;
        for (name, host) in ["client", "server"].into_iter().zip(&hosts) {
            self.line(&format!("\n[{name}]"));
            self.text += host;
            let end = self.end(may_wait);
            may_wait &= end != End::Waits;
            self.does(end, step, is_first || is_simultaneous);
            if !is_first {
                let cookies = self.pick(&["when-full", "when-full", "when-full", "always"]);
                self.line(&format!("syn-cookies = '{cookies}'"));
            }
            is_first = false;
        }
    }

    fn link(&mut self, is_ipv6: bool) {
        let delay = self.pick(&[0, 10, 1000, 20_000, 150_000, 600_000]);
        self.line(&format!("delay = '{delay}us'"));
        if self.chance(40) {
            let jitter = self.pick(&[500, 30_000, 200_000]);
            self.line(&format!("jitter = '{jitter}us'"));
        }
        let rate = self.pick(&[0, 0, 400, 8000, 100_000]);
        if rate > 0 {
            let queue = self.pick(&[1, 5, 50, 1000]);
            self.line(&format!("rate = '{rate}kbit/s'\nqueue = {queue}"));
            if self.chance(30) {
                self.line(&format!("mark-above = {}", queue / 2));
            }
        }
        for (key, percent) in [("loss", 30), ("reorder", 30), ("duplicate", 20), ("corrupt", 10)] {
            if self.chance(40) {
                let percent = self.below(percent + 1);
                self.line(&format!("{key} = '{percent}%'"));
            }
        }
        if self.chance(15) {
            self.line("bursts = { begin = '1%', end = '20%' }");
        }
        if self.chance(20) {
            let by = self.pick(&[1, 50, 3000]);
            self.line(&format!("reorder-by = '{by}ms'"));
        }
        if self.chance(15) {
            let (from, lasts) = (self.below(5000), self.pick(&[100, 2000, 20_000]));
            self.line(&format!("outages = ['{from}ms-{}ms']", from + lasts));
        }
        if self.chance(20) {
            let mtu = if is_ipv6 { self.pick(&[1280, 1400]) } else { self.pick(&[100, 296, 576, 1400]) };
            let icmp = self.chance(80);
            self.line(&format!("mtu = {mtu}\nicmp = {icmp}"));
        }
    }

    /// The settings of a host. Gives the octets that can be under way at one time at least.
    fn host(&mut self, is_ipv6: bool) -> u64 {
        let mtu = if is_ipv6 {
            self.pick(&[1280, 1500, 1500, 9000])
        } else {
            self.pick(&[68, 100, 576, 1500, 1500, 9000, 65_535])
        };
        let send_buffer = self.pick(&[1, 3000, 65_536, 1 << 20]);
        let receive_buffer = self.pick(&[0, 0, 1, 600, 5000, 65_535, 1 << 20]);
        self.line(&format!("mtu = {mtu}\nsend-buffer = {send_buffer}"));
        if receive_buffer > 0 {
            self.line(&format!("receive-buffer = {receive_buffer}"));
        }
        for (key, percent) in [
            ("window-scaling", 70),
            ("timestamps", 70),
            ("sack", 70),
            ("ecn", 30),
            ("nagle", 50),
            ("hystart", 50),
            ("pacing", 40),
        ] {
            let is = self.chance(percent);
            self.line(&format!("{key} = {is}"));
        }
        let congestion = self.pick(&["newreno", "cubic"]);
        let initial_window = self.pick(&[1, 2, 10]);
        let min_rto = self.pick(&[200, 1000]);
        let delayed_ack = self.pick(&[0, 40, 40, 400]);
        self.line(&format!(
            "congestion = '{congestion}'\ninitial-window = {initial_window}\nmin-rto = '{min_rto}ms'\n\
             delayed-ack = '{delayed_ack}ms'"
        ));
        // A RST that is lost is found out by nothing else.
        self.line("keep-alive = { idle = '60s', interval = '10s', probes = 9 }");
        let receive_buffer = if receive_buffer == 0 { 65_536 } else { receive_buffer };
        send_buffer.min(receive_buffer).min(mtu - 40)
    }

    fn end(&mut self, may_wait: bool) -> End {
        match self.below(20) {
            0 => End::Aborts,
            1 => End::Goes,
            2..=5 if may_wait => End::Waits,
            _ => End::Whole,
        }
    }

    fn does(&mut self, end: End, step: u64, connects: bool) {
        let mut actions = vec![if connects { "connect".to_owned() } else { "accept".to_owned() }];
        let pieces = self.below(3);
        for _ in 0..pieces {
            if self.chance(30) {
                actions.push(format!("wait {}ms", self.pick(&[1, 70, 1500, 20_000])));
            }
            let most = self.pick(&[1, 100, 20_000, 150_000]);
            // What has to go octet by octet takes its time on a bad link.
            let octets = self.below(most).min(200 * step);
            actions.push(format!("exchange {octets}"));
        }
        let ending: &[&str] = match end {
            End::Whole => &["shutdown", "receive", "close"],
            End::Waits => &["receive", "shutdown", "close"],
            End::Goes => &["close"],
            End::Aborts => &["abort"],
        };
        actions.extend(ending.iter().map(|action| (*action).to_owned()));
        let actions: Vec<_> = actions.into_iter().map(|action| format!("'{action}'")).collect();
        self.line(&format!("does = [{}]", actions.join(", ")));
    }
}
