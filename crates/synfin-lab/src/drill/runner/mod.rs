//! Walks a script: lets time go on, hands in what goes in, and looks at what comes out.
//!
//! Events happen in their order. A time is counted from the start, or from the event before: from the time that the
//! script gives that one, or, where it gives a range or `*`, from when it happened. What is expected to come out has to
//! be the next packet of its connection that does. A call that blocks goes on while later events happen, until the
//! next call.

mod calls;
mod packets;

use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};

use self::calls::Waiting;
use super::calls::SystemCall;
use super::compare::Exactness;
use super::expression::{self, Value};
use super::icmp;
use super::mapping::{Mapping, Ports};
use super::place::Place;
use super::script::{Content, Direction, Event, IpFields, Packet, Script, Tcp, What, When};
use super::settings::Plan;
use super::stack::{Stack, Stop};
use super::sysctl;
use super::verdict::{Failure, Unsupported, Verdict};
use super::wire::Seen;

/// Most events of the history that are kept.
const HISTORY_MAX: usize = 500;

/// Most packets that wait for a line that expects them.
const UNSEEN_MAX: usize = 10_000;

/// Runs a script on a stack.
pub(crate) fn run(script: &Script, plan: &Plan, stack: &mut dyn Stack) -> Result<Verdict, Broken> {
    let steps = match prepare(script, plan, stack) {
        Ok(steps) => steps,
        Err(unsupported) => return Ok(Verdict::Unsupported(unsupported)),
    };
    if let Some(longest_ns) = stack.longest_ns()
        && let Some(place) = beyond(script, longest_ns)
    {
        let what = format!("a script of more than {} s", longest_ns / 1_000_000_000);
        return Ok(Verdict::Unsupported(Unsupported { place, what }));
    }
    let mut runner = Runner::new(script, plan, stack);
    let walked = runner.walk(&steps);
    match walked {
        Ok(()) => Ok(Verdict::Passed),
        Err(End::Failed(failure)) => Ok(Verdict::Failed(*failure)),
        Err(End::Stopped(place, Stop::Unsupported(what))) => {
            Ok(Verdict::Unsupported(Unsupported { place, what }))
        }
        Err(End::Stopped(place, Stop::Broken(what))) => Err(Broken { place, what }),
    }
}

/// The laboratory or the machine has failed, not the TCP under test.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {}: {what}", place.line)]
pub struct Broken {
    /// Where the script was.
    pub place: Place,
    /// What has failed.
    pub what: String,
}

/// An event, with what its words mean.
struct Step<'a> {
    event: &'a Event,
    call: Option<SystemCall>,
}

/// Finds out whether everything in a script is there, before any of it is run.
fn prepare<'a>(script: &'a Script, plan: &Plan, stack: &dyn Stack) -> Result<Vec<Step<'a>>, Unsupported> {
    let mut steps = Vec::new();
    let mut assigned = BTreeMap::new();
    for event in &script.events {
        let unsupported = |what: String| Unsupported { place: event.place, what };
        let mut call = None;
        match &event.what {
            What::Call(said) => call = Some(SystemCall::of(said).map_err(unsupported)?),
            What::Command(command) => drop(sysctl::settings(command).map_err(unsupported)?),
            What::Packet(packet) => match &packet.content {
                Content::Unsupported(what) => return Err(unsupported(what.clone())),
                Content::Icmp(_) if packet.direction == Direction::Out => {
                    return Err(unsupported("ICMP that comes out".to_owned()));
                }
                Content::Icmp(icmp) if !icmp::is_known(icmp, plan.addresses.local.is_ipv6()) => {
                    return Err(unsupported(icmp.to_string()));
                }
                _ => {}
            },
            What::Code(code) => {
                expression::check(code, &|name| stack.has_variable(name), &mut assigned)
                    .map_err(unsupported)?;
            }
        }
        steps.push(Step { event, call });
    }
    Ok(steps)
}

/// Where the times of a script go beyond a time.
fn beyond(script: &Script, longest_ns: u64) -> Option<Place> {
    let mut at_ns = 0u64;
    script.events.iter().find_map(|event| {
        at_ns = match event.when {
            When::At(time) | When::Between(time, _) => nanos(time),
            When::After(time) | When::AfterBetween(time, _) => at_ns.saturating_add(nanos(time)),
            When::Any | When::Now => at_ns,
        };
        let end_ns = match &event.what {
            What::Call(call) => call.end.map(nanos).unwrap_or_default(),
            _ => 0,
        };
        (at_ns.max(end_ns) > longest_ns).then_some(event.place)
    })
}

/// Why a script ends before its end.
enum End {
    Failed(Box<Failure>),
    Stopped(Place, Stop),
}

struct Runner<'a> {
    script: &'a Script,
    plan: &'a Plan,
    stack: &'a mut dyn Stack,
    /// The time that relative times count from.
    base_ns: u64,
    /// When the last packet came out, by the script.
    sent_ns: Option<u64>,
    /// How much later it did come out; what goes in afterwards begins anew.
    late_ns: u64,
    /// How late the machine was with an event of the script, at most.
    delay_ns: u64,
    /// Descriptors of the script, and what the stack calls them.
    descriptors: HashMap<i32, i32>,
    /// Octets that were written and read, by the script's descriptors.
    written: HashMap<i32, u64>,
    read: HashMap<i32, u64>,
    /// Texts that were written in place of the pattern.
    texts: Vec<(u64, bytes::Bytes)>,
    mappings: Vec<Mapping>,
    current: Option<usize>,
    /// The port of a listener that has not got its connection yet.
    listening: Option<u16>,
    /// Whether a `connect` has not sent its SYN yet.
    is_connecting: bool,
    bound: HashMap<i32, u16>,
    next_port: u16,
    /// Packets that came out and were not looked at yet.
    unseen: VecDeque<Seen>,
    waiting: Option<Waiting>,
    /// What `connect` and `accept` returned last: what assertions are about.
    under_test: Option<i32>,
    kept: BTreeMap<String, Value>,
    history: VecDeque<String>,
    place: Place,
}

/// Where the script's own ports begin, as the ephemeral ports do.
const FIRST_PORT: u16 = 50_000;

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl<'a> Runner<'a> {
    fn new(script: &'a Script, plan: &'a Plan, stack: &'a mut dyn Stack) -> Self {
        Self {
            script,
            plan,
            stack,
            base_ns: 0,
            sent_ns: None,
            late_ns: 0,
            delay_ns: 0,
            descriptors: HashMap::new(),
            written: HashMap::new(),
            read: HashMap::new(),
            texts: Vec::new(),
            mappings: Vec::new(),
            current: None,
            listening: None,
            is_connecting: false,
            bound: HashMap::new(),
            next_port: FIRST_PORT,
            unseen: VecDeque::new(),
            waiting: None,
            under_test: None,
            kept: BTreeMap::new(),
            history: VecDeque::new(),
            place: Place::default(),
        }
    }

    fn walk(&mut self, steps: &[Step<'_>]) -> Result<(), End> {
        for step in steps {
            self.place = step.event.place;
            self.step(step)?;
        }
        self.finish()
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), End> {
        let event = step.event;
        match &event.what {
            What::Packet(packet) if packet.direction == Direction::Out => self.expect(event.when, packet),
            What::Packet(packet) => {
                self.wait_for(event.when)?;
                self.inject(packet)
            }
            What::Call(call) => {
                self.finish_waiting()?;
                let began_ns = self.wait_for(event.when)?;
                match &step.call {
                    Some(system_call) => self.call(began_ns, event.when, call, system_call),
                    None => Ok(()),
                }
            }
            What::Command(command) => {
                self.wait_for(event.when)?;
                self.command(command)
            }
            What::Code(code) => {
                self.wait_for(event.when)?;
                self.assertion(code)
            }
        }
    }

    /// What is left at the end.
    fn finish(&mut self) -> Result<(), End> {
        self.finish_waiting()?;
        self.collect()?;
        if self.plan.is_strict
            && let Some(seen) = self.unseen.pop_front()
        {
            let came = self.notation(&seen, &IpFields::default());
            return Err(self.failed("a packet came out that no line expects", "nothing", came));
        }
        Ok(())
    }

    /// Lets time go on to an event that happens at a certain time, and makes that what later ones count from.
    fn wait_for(&mut self, when: When) -> Result<u64, End> {
        let at_ns = match when {
            When::At(time) => nanos(time),
            When::After(time) => self.base_ns.saturating_add(nanos(time)),
            // The parser has none of the others here.
            _ => self.base_ns,
        };
        self.run_to(at_ns)?;
        self.delay_ns = self.delay_ns.max(self.stack.now_ns().saturating_sub(at_ns));
        self.stack.catch_up(at_ns);
        self.base_ns = at_ns;
        Ok(at_ns)
    }

    /// Lets time go on, and takes in what happens meanwhile.
    fn run_to(&mut self, at_ns: u64) -> Result<(), End> {
        loop {
            let run = self.stack.run(at_ns);
            self.stopped(run)?;
            let is_any = self.collect()?;
            if self.stack.now_ns() >= at_ns && !is_any {
                return Ok(());
            }
        }
    }

    /// Takes in packets that came out, and the return of a call.
    fn collect(&mut self) -> Result<bool, End> {
        let mut is_any = false;
        while let Some((at_ns, packet)) = self.stack.poll_packet() {
            is_any = true;
            self.unseen.extend(super::wire::read(at_ns, &packet));
            if self.unseen.len() > UNSEEN_MAX {
                let what = format!("more than {UNSEEN_MAX} packets came out that no line expects");
                return Err(self.failed(what, self.line(), "packets without end"));
            }
        }
        if let Some(waiting) = &mut self.waiting
            && let Some((at_ns, returned)) = self.stack.poll_call()
        {
            is_any = true;
            waiting.returned = Some((at_ns, returned));
        }
        Ok(is_any)
    }

    fn stopped<T>(&self, result: Result<T, Stop>) -> Result<T, End> {
        result.map_err(|stop| End::Stopped(self.place, stop))
    }

    fn command(&mut self, command: &str) -> Result<(), End> {
        for setting in self.stopped(sysctl::settings(command).map_err(Stop::Unsupported))? {
            let set = self.stack.set(&setting);
            self.stopped(set)?;
        }
        Ok(())
    }

    fn assertion(&mut self, code: &str) -> Result<(), End> {
        let variables = match self.under_test {
            Some(descriptor) => {
                let info = self.stack.info(descriptor);
                self.stopped(info)?
            }
            // Known are all names that are asked for, or the script would not have been begun.
            None if code.contains("tcpi_") => {
                return self
                    .stopped(Err(Stop::Unsupported("TCP_INFO of no socket, or a closed one".to_owned())));
            }
            None => BTreeMap::new(),
        };
        let look_up = |name: &str| variables.get(name).map(|value| Value::Number(*value));
        let outcome = expression::run(code, &look_up, &mut self.kept).map_err(Stop::Unsupported);
        match self.stopped(outcome)? {
            expression::Outcome::Holds => Ok(()),
            expression::Outcome::Fails { assertion, values, message } => {
                let mut came: Vec<_> =
                    values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                came.extend(message.map(|message| format!("which says {message}")));
                Err(self.failed("the assertion does not hold", assertion, came.join(", ")))
            }
        }
    }

    /// How exactly a packet is compared that came with these numbers.
    fn exactness(&self, came: &Tcp) -> Exactness {
        let Plan { tolerance, tick, is_strict, compares_push, expects_pushed_bursts, .. } = *self.plan;
        let written = self.written.values().max().copied().unwrap_or_default();
        let is_within = u64::from(came.seq) + u64::from(came.len) < written.saturating_add(1);
        Exactness {
            tolerance,
            tick,
            is_strict,
            compares_push,
            excuses_push: expects_pushed_bursts && came.len > 0 && is_within,
        }
    }

    /// How far a time may be off, `after` the event before it.
    fn tolerance_ns(&self, after_ns: u64) -> u64 {
        let part = u128::from(after_ns) * u128::from(self.plan.tolerance_parts) / 10_000;
        nanos(self.plan.tolerance).max(u64::try_from(part).unwrap_or(u64::MAX))
    }

    fn note(&mut self, at_ns: u64, what: &str) {
        if self.history.len() >= HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(format!("{} {what}", seconds(at_ns)));
    }

    fn failed(&self, what: impl Into<String>, expected: impl Into<String>, came: impl Into<String>) -> End {
        End::Failed(Box::new(Failure {
            place: self.place,
            what: what.into(),
            expected: expected.into(),
            came: came.into(),
            history: self.history.iter().cloned().collect(),
        }))
    }

    fn mapping(&mut self, index: usize) -> Result<&mut Mapping, End> {
        let place = self.place;
        self.mappings
            .get_mut(index)
            .ok_or_else(|| End::Stopped(place, Stop::Broken("a connection that is none".to_owned())))
    }

    fn add_mapping(&mut self, ports: Ports) -> usize {
        self.mappings.push(Mapping::new(ports));
        self.mappings.len() - 1
    }

    /// The line of the script, as it stands there.
    fn line(&self) -> String {
        self.script.line(self.place.line).to_owned()
    }
}

/// A time as scripts have it.
fn seconds(at_ns: u64) -> String {
    let us = at_ns / 1000;
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// Which connection a packet of the script is about.
fn ports_of(packet: &Packet) -> Option<Ports> {
    let (source, destination) = packet.ports?;
    Some(match packet.direction {
        Direction::In => Ports { local: destination, remote: source },
        Direction::Out => Ports { local: source, remote: destination },
    })
}
