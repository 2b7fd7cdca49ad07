//! `synfin lab`: our own TCP over a link, in virtual time.

use std::borrow::Cow;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, anyhow};
use synfin_capture::{Interface, Record};
use synfin_lab::{Noted, NotedFrame, Plot, Report, Scenario, Simulation, ready};
use synfin_view::View;
use synfin_wire::LinkType;

use crate::Outcome;
use crate::cli::{Checksums, LabArgs, LinkArgs};
use crate::failure::{self, Failure};
use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::Progress;
use crate::session::{Linger, Session};
use crate::targets;

/// What the link did is told of so many packets; of the rest, how many there were.
const REMARKS_MAX: usize = 20;

/// The scenario that is made of its seed.
const RANDOM: &str = "random";

/// Bytes of a scenario: a hundred times the longest that anybody would write by hand.
const SCENARIO_MAX: u64 = 1 << 20;

/// Ctrl-C is looked at every so many events.
const EVENTS_PER_GLANCE: u32 = 4096;

pub(crate) fn run(args: &LabArgs) -> Result<Outcome, Failure> {
    if args.print {
        return print(args.scenario.as_deref().unwrap_or_default(), args.seed);
    }
    if args.scenario.is_none() && is_bare(args) {
        return list();
    }
    let scenario = scenario(args)?;
    let mut simulation = Simulation::new(&scenario).context("cannot run this scenario")?;
    targets::check(&[], args.write.as_deref(), args.view.output.file.as_deref())?;
    let show = output::show(&args.view, View::Ladder.into());
    let mut session = Session::new(
        &args.view,
        show,
        // Ours are always right: a wrong one is damage.
        Checksums::Check,
        args.write.as_deref(),
        Linger::Long,
        &Progress::NONE,
        false,
    )?;
    session.expect_all_told();
    if !args.view.output.quiet {
        // The file may be somebody else's: nothing in it reaches the terminal as a command.
        let is_text = |c: &char| *c == '\n' || !c.is_control();
        eprintln!("{}\n", scenario.about.chars().filter(is_text).collect::<String>());
    }
    let (plot, remarks) = simulate(&mut simulation, &mut session, args.plot.is_some())?;
    let shown = session.finish()?;
    if let Some(path) = &args.plot {
        let name = args.scenario.as_deref().unwrap_or("a request and its answer");
        let written = fs::write(path, plot.to_svg(name));
        written.map_err(|error| failure::output(error, &path.display().to_string()))?;
    }
    if !args.view.output.quiet {
        remarks.print();
        say(&simulation.report());
    }
    Ok(if shown == 0 { Outcome::Nothing } else { Outcome::Fine })
}

/// Runs to the end, or to Ctrl-C.
fn simulate(
    simulation: &mut Simulation,
    session: &mut Session,
    is_plotted: bool,
) -> Result<(Plot, Remarks), Failure> {
    let interface = Interface { name: Some("lab".into()), ..Interface::new(LinkType::RAW) };
    let interrupt = Interrupt::install()?;
    let (mut plot, mut remarks, mut events) = (Plot::default(), Remarks::default(), 0u32);
    while let Some(noted) = simulation.next_noted() {
        match noted {
            Noted::Frame(frame) => {
                let remark = frame.remarks();
                remarks.push(&frame, remark.as_deref());
                session.on_record(&Record {
                    frame: frame.as_frame(),
                    interface: &interface,
                    comment: remark.map(Cow::Owned),
                    blocks: &[],
                })?;
            }
            Noted::StateChange(change) => session.on_state_change(&change)?,
            Noted::Sample { side, sample } => {
                if is_plotted {
                    plot.push(side, &sample);
                }
                session.on_sample(&sample)?;
            }
            _ => {}
        }
        events = events.wrapping_add(1);
        if events.is_multiple_of(EVENTS_PER_GLANCE) && interrupt.is_requested() {
            remarks.is_interrupted = true;
            break;
        }
    }
    Ok((plot, remarks))
}

/// Whether nothing was asked for but the command itself.
fn is_bare(args: &LabArgs) -> bool {
    let LinkArgs { rate, delay, jitter, queue, loss, reorder, duplicate, corrupt, mtu, outage, rule } =
        &args.link;
    let has_chance = [loss, reorder, duplicate, corrupt].into_iter().any(Option::is_some);
    let has_time = delay.is_some() || jitter.is_some() || !outage.is_empty();
    let has_size = rate.is_some() || queue.is_some() || mtu.is_some() || !rule.is_empty();
    let has_talk = args.bytes.is_some() || args.request.is_some() || args.seed.is_some() || args.ipv6;
    let has_limit = args.limit.is_some() || args.max_packets.is_some();
    let has_target = args.plot.is_some() || args.write.is_some();
    !(has_chance || has_time || has_size || has_talk || has_limit || has_target)
}

/// The ready scenarios, each with its first sentence.
fn list() -> Result<Outcome, Failure> {
    let mut text = String::new();
    for ready in ready::READY {
        let about = Scenario::from_toml(ready.toml)?.about.replace('\n', " ");
        let sentence = about.split_once(". ").map_or(about.trim_end_matches('.'), |(first, _)| first);
        text += &format!("{:27} {sentence}.\n", ready.name);
    }
    text += &format!("{RANDOM:27} Any link, any settings and any applications, out of a number (--seed).\n");
    written(&text)?;
    eprintln!("\nhint: synfin lab textbook, a TOML file, or options for the link: synfin lab --loss 5%");
    Ok(Outcome::Fine)
}

fn print(name: &str, seed: Option<u64>) -> Result<Outcome, Failure> {
    written(&toml(name, seed)?)?;
    Ok(Outcome::Fine)
}

fn written(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let done = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    done.map_err(|error| failure::output(error, "standard output"))
}

/// A ready scenario, the random one of a seed, or a file.
fn toml(name: &str, seed: Option<u64>) -> Result<Cow<'static, str>, Failure> {
    if name == RANDOM {
        return Ok(Cow::Owned(Scenario::random_toml(seed.unwrap_or(1))));
    }
    if let Some(ready) = ready::find(name) {
        return Ok(Cow::Borrowed(ready.toml));
    }
    if !Path::new(name).exists() && !name.ends_with(".toml") {
        let failure = Failure::from(anyhow!("no scenario is called {name}"));
        return Err(failure.with_hint("synfin lab lists those that there are; a file ends in .toml"));
    }
    let mut text = String::new();
    let file = fs::File::open(name).with_context(|| format!("cannot read {name}"))?;
    file.take(SCENARIO_MAX + 1).read_to_string(&mut text).with_context(|| format!("cannot read {name}"))?;
    if text.len() as u64 > SCENARIO_MAX {
        return Err(anyhow!("{name} is larger than a scenario can be: {SCENARIO_MAX} bytes").into());
    }
    Ok(Cow::Owned(text))
}

/// What was named, changed by what the options say.
fn scenario(args: &LabArgs) -> Result<Scenario, Failure> {
    let mut scenario = match &args.scenario {
        None => Scenario::default(),
        Some(name) => Scenario::from_toml(&toml(name, args.seed)?).map_err(|error| {
            Failure::from(anyhow::Error::new(error).context(format!("cannot understand {name}")))
                .with_hint("synfin lab textbook --print shows a scenario")
        })?,
    };
    if args.bytes.is_some() || args.request.is_some() {
        let octets = |size: Option<synfin_lab::units::Size>, default| size.map_or(default, |size| size.0);
        scenario.talk(octets(args.request, 100), octets(args.bytes, 20_000));
    }
    // The random scenario is made of the seed, its own chances included.
    if let Some(seed) = args.seed.filter(|_| args.scenario.as_deref() != Some(RANDOM)) {
        scenario.seed = seed;
    }
    scenario.is_ipv6 |= args.ipv6;
    scenario.limit = args.limit.map_or(scenario.limit, |time| time.0);
    scenario.max_packets = args.max_packets.unwrap_or(scenario.max_packets);
    let link = &args.link;
    for way in scenario.links_mut() {
        way.rate = link.rate.or(way.rate);
        way.delay = link.delay.map_or(way.delay, |time| time.0);
        way.jitter = link.jitter.map_or(way.jitter, |time| time.0);
        way.queue_packets = link.queue.or(way.queue_packets);
        way.loss = link.loss.unwrap_or(way.loss);
        way.reorder = link.reorder.unwrap_or(way.reorder);
        way.duplicate = link.duplicate.unwrap_or(way.duplicate);
        way.corrupt = link.corrupt.unwrap_or(way.corrupt);
        way.mtu = link.mtu.or(way.mtu);
        way.outages.extend(&link.outage);
        way.rules.extend(link.rule.iter().cloned());
    }
    Ok(scenario)
}

/// What the link did, in words.
#[derive(Default)]
struct Remarks {
    lines: Vec<String>,
    more: u64,
    first_ns: Option<u64>,
    is_interrupted: bool,
}

impl Remarks {
    fn push(&mut self, frame: &NotedFrame, remark: Option<&str>) {
        let first_ns = *self.first_ns.get_or_insert(frame.at_ns);
        let Some(remark) = remark else { return };
        if self.lines.len() >= REMARKS_MAX {
            self.more += 1;
            return;
        }
        let us = frame.at_ns.saturating_sub(first_ns) / 1000;
        let (s, us) = (us / 1_000_000, us % 1_000_000);
        let (n, from, words) = (frame.number, frame.from.name(), frame.words());
        self.lines.push(format!("  {s}.{us:06} s  packet {n}, {words} from the {from}: {remark}"));
    }

    fn print(&self) {
        if self.is_interrupted {
            eprintln!("\nInterrupted: this is how far it went.");
        }
        if self.lines.is_empty() {
            return;
        }
        eprintln!("\nWhat the link did:");
        for line in &self.lines {
            eprintln!("{line}");
        }
        if self.more > 0 {
            eprintln!("  and {} more", self.more);
        }
    }
}

/// What nobody sees in the packets: damage, octets that are not the sender's, errors that applications met.
fn say(report: &Report) {
    for rule in &report.idle_rules {
        eprintln!("No packet was sent that this is about: {rule}.");
    }
    if report.discarded > 0 {
        eprintln!("{} packets arrived damaged, or for nobody, and were discarded.", report.discarded);
    }
    for (name, app) in ["client", "server"].into_iter().zip(&report.apps) {
        if let Some(error) = app.error {
            eprintln!("The {name}'s application heard: {error}.");
        }
        if let Some(error) = app.refused {
            eprintln!("The {name}'s application could not connect: {error}.");
        }
        if app.foreign > 0 {
            eprintln!("The {name}'s application read {} bytes that nobody wrote there.", app.foreign);
        }
        if let Some(action) = app.unfinished {
            eprintln!("The {name}'s application still waits: {action}.");
        }
    }
    if let Some(cut_short) = report.cut_short {
        eprintln!("Cut short: {cut_short}.");
    }
}
