//! From records to output: filter, tracker, printer and writer, the same for files and for live captures.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use synfin_capture::{Block, BlockKind, Interface, Record, Writer};
use synfin_flow::{Config, Connection, Open, Packet, SampleEntry, Sink, StateEntry, Tracker};
use synfin_messages::Message;
use synfin_view::{Show, View, footer};
use synfin_wire::{InterfaceId, Loss, Observation, Sample, Side, StateChange};

use crate::cli::{Checksums, ViewArgs};
use crate::comments::Comments;
use crate::failure::{self, Failure};
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::told;

/// Packets that are kept for the ladder of one connection; of longer ones the middle is left out.
const KEPT_PACKETS: usize = 100_000;

/// No machine has as many interfaces; a file that claims so is not asked where they lie.
const MAX_INTERFACES: usize = 1 << 16;

/// What is done with every record.
pub(crate) struct Session {
    tracker: Tracker,
    printer: Only,
    writer: Option<Writer<File>>,
    comments: Comments,
    /// What the kernel told since the last packet, to be written before the next one.
    told: Vec<u8>,
    style: synfin_view::Style,
    is_quiet: bool,
    /// By the numbers of interfaces.
    interfaces_seen: Vec<bool>,
}

/// How long connections that are over are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Linger {
    /// Long enough for whatever may still come: for files, where nobody waits.
    Long,
    /// Short, because somebody waits to see them: for live captures.
    Short,
}

/// What is left to be seen of a connection, from the least on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Unfinished {
    /// It is over.
    Nothing,
    /// An answer to its SYN.
    Answer,
    /// Its close.
    Close,
}

impl Session {
    pub(crate) fn new(
        args: &ViewArgs,
        show: Show,
        checksums: Checksums,
        write: Option<&Path>,
        linger: Linger,
        progress: &Progress,
        is_live: bool,
    ) -> Result<Self, Failure> {
        let mut config = Config {
            kept_packets: if show.needs_packets() { KEPT_PACKETS } else { 0 },
            messages: show.needs_messages() || write.is_some(),
            check_checksums: checksums == Checksums::Check,
            ..Config::default()
        };
        if !show.needs_packets() && !show.contains(View::Findings) {
            // The table looks at the first exchange.
            config.kept_messages = 2;
        }
        if linger == Linger::Short {
            // A second answers most retransmissions of a last segment; who watches wants to see the ladder.
            config.linger_ns = 1_000_000_000;
        }
        Ok(Self {
            tracker: Tracker::new(config),
            printer: Only {
                output: output::open(args, show, progress, is_live)?,
                target: output::name(&args.output),
                ids: args.connection.clone(),
                since_ns: None,
                tree: None,
                shown: 0,
            },
            writer: write.map(writer).transpose()?,
            comments: Comments::default(),
            told: Vec::new(),
            style: output::style(&args.output, io::IsTerminal::is_terminal(&io::stderr())),
            is_quiet: args.output.quiet,
            interfaces_seen: Vec::new(),
        })
    }

    /// Both ends tell their states: nothing is to be inferred.
    pub(crate) fn expect_all_told(&mut self) {
        self.tracker.expect_all_told();
    }

    /// Show nothing but connections that begin from now on.
    pub(crate) fn only_since(&mut self, at_ns: u64) {
        self.printer.since_ns = Some(at_ns);
    }

    /// Show nothing but connections of this process, and of all that it begins: [`on_fork`](Self::on_fork) tells of these.
    pub(crate) fn only_tree(&mut self, pid: u32) {
        self.printer.tree = Some(Tree { root: pid, all: HashSet::from([pid]) });
    }

    /// A process began another one.
    #[cfg_attr(not(feature = "kernel"), expect(dead_code, reason = "nobody tells without the kernel's side"))]
    pub(crate) fn on_fork(&mut self, parent: u32, child: u32) {
        if let Some(tree) = &mut self.printer.tree {
            if tree.all.contains(&parent) {
                tree.all.insert(child);
            } else if child != tree.root {
                // The number may have been that of another one before.
                tree.all.remove(&child);
            }
        }
    }

    /// The kernel told something.
    #[cfg_attr(not(feature = "kernel"), expect(dead_code, reason = "nobody tells without the kernel's side"))]
    pub(crate) fn on_told(&mut self, observation: &Observation<'_>) {
        self.tracker.observe(observation, &mut self.printer);
        if self.writer.is_some() {
            told::encode(observation, &mut self.told);
        }
    }

    /// Writes what the kernel told up to here.
    fn write_told(&mut self) -> Result<(), Failure> {
        let told = std::mem::take(&mut self.told);
        match &mut self.writer {
            Some(writer) if !told.is_empty() => {
                writer.write_block(&Block { kind: BlockKind::Local, body: told }).map_err(failure::write)
            }
            _ => Ok(()),
        }
    }

    /// What the kernel told when the capture was taken.
    fn read_told(&mut self, blocks: &[Block]) {
        for block in blocks {
            told::decode(block, |observation| self.tracker.observe(observation, &mut self.printer));
        }
    }

    pub(crate) fn on_record(&mut self, record: &Record<'_>) -> Result<(), Failure> {
        let observation = Observation::Frame(record.frame);
        self.on_interface(record.frame.interface, record.interface);
        self.write_told()?;
        self.read_told(record.blocks);
        match &mut self.writer {
            None => self.tracker.observe(&observation, &mut self.printer),
            Some(writer) => {
                self.tracker.observe(&observation, &mut Both(&mut self.printer, &mut self.comments));
                let ours = self.comments.take();
                let comment = match (&record.comment, &ours) {
                    (Some(theirs), Some(ours)) => Some(format!("{theirs}\n{ours}")),
                    (Some(theirs), None) => Some(theirs.clone().into_owned()),
                    (None, _) => ours,
                };
                for block in record.blocks {
                    writer.write_block(block).map_err(failure::write)?;
                }
                let written = writer.write_frame(&record.frame, record.interface, comment.as_deref());
                written.map_err(failure::write)?;
            }
        }
        self.check_output()
    }

    /// Frames may come by this interface: where it is said to lie in a namespace, so do its connections.
    pub(crate) fn on_interface(&mut self, id: InterfaceId, interface: &Interface) {
        let position = id.0 as usize;
        if position >= self.interfaces_seen.len() && position < MAX_INTERFACES {
            self.interfaces_seen.resize(position + 1, false);
        }
        match self.interfaces_seen.get_mut(position) {
            Some(is_seen @ false) => *is_seen = true,
            _ => return,
        }
        if let Some(namespace) = interface.description.as_deref().and_then(told::namespace_of) {
            self.tracker.assign_namespace(id, namespace);
        }
    }

    /// Somebody who knows tells of a state.
    pub(crate) fn on_state_change(&mut self, change: &StateChange) -> Result<(), Failure> {
        self.tracker.observe(&Observation::StateChange(*change), &mut self.printer);
        self.check_output()
    }

    /// A TCP of our own tells of its variables.
    pub(crate) fn on_sample(&mut self, sample: &Sample) -> Result<(), Failure> {
        self.tracker.observe(&Observation::Sample(*sample), &mut self.printer);
        self.check_output()
    }

    /// Names and secrets that no packet brings along: those around packets that did not match, and at the end.
    pub(crate) fn on_blocks(&mut self, blocks: &[Block]) -> Result<(), Failure> {
        self.read_told(blocks);
        match &mut self.writer {
            None => Ok(()),
            Some(writer) => {
                blocks.iter().try_for_each(|block| writer.write_block(block)).map_err(failure::write)
            }
        }
    }

    pub(crate) fn on_loss(&mut self, loss: &Loss) {
        if let Some(writer) = &mut self.writer {
            writer.handle_loss(loss);
        }
        self.tracker.observe(&Observation::Loss(*loss), &mut self.printer);
    }

    /// It is `now_ns`, on the clock of the packets.
    pub(crate) fn on_time(&mut self, now_ns: u64) -> Result<(), Failure> {
        self.tracker.tick(now_ns, &mut self.printer);
        self.check_output()
    }

    /// Nothing came for a while; it is `now_ns`.
    pub(crate) fn on_idle(&mut self, now_ns: u64) -> Result<(), Failure> {
        self.tracker.tick(now_ns, &mut self.printer);
        self.printer.output.flush();
        if let Some(writer) = &mut self.writer {
            writer.flush().map_err(failure::write)?;
        }
        self.check_output()
    }

    /// Whether there was any connection yet.
    pub(crate) fn has_any(&self) -> bool {
        self.tracker.summary().connections > 0
    }

    /// What is left to be seen of connections that are to be shown, by their packets.
    pub(crate) fn unfinished(&self) -> Unfinished {
        let left = |connection: &Connection| {
            let is_over = |side| {
                use synfin_wire::State::{Closed, Listen, TimeWait};
                let state = connection.endpoint(side).state();
                // What answers a socket that has connected to itself looks like its own.
                matches!(state, Closed | Listen | TimeWait)
                    || connection.is_to_itself() && (side == Side::Server || state.has_sent_fin())
            };
            if !self.printer.shows(connection) || Side::BOTH.into_iter().all(is_over) {
                Unfinished::Nothing
            } else if connection.open == Open::Attempt && connection.server.sent.packets == 0 {
                Unfinished::Answer
            } else {
                Unfinished::Close
            }
        };
        self.tracker.connections().map(left).max().unwrap_or(Unfinished::Nothing)
    }

    /// Everything has been seen. Says how many connections were shown.
    ///
    /// Whatever fails, the rest is done: a full disk does not cost the ladder, nor a closed pipe the packets.
    pub(crate) fn finish(mut self) -> Result<u64, Failure> {
        let told = self.write_told();
        let summary = self.tracker.finish(&mut self.printer);
        let written = self.writer.take().map_or(Ok(()), Writer::finish).map_err(failure::write);
        let printed = self.printer.output.finish(&summary);
        if !self.is_quiet && printed.is_ok() {
            eprint!("{}", footer(&summary, self.printer.shown, &self.style));
            self.printer.tell_missing(summary.connections);
        }
        told?;
        written?;
        printed.map_err(|error| failure::output(error, &self.printer.target))?;
        Ok(self.printer.shown)
    }

    fn check_output(&self) -> Result<(), Failure> {
        match self.printer.output.error() {
            None => Ok(()),
            Some(error) => {
                // The error itself stays with the printer; this one says the same.
                let same =
                    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
                Err(failure::output(same, &self.printer.target))
            }
        }
    }
}

/// A capture file that begins on the disk already: what cannot be written is said before anything else begins.
fn writer(path: &Path) -> Result<Writer<File>, Failure> {
    let mut writer = Writer::create(path).map_err(failure::write)?;
    writer.flush().map_err(failure::write)?;
    Ok(writer)
}

/// Prints only what was asked for: connections by their numbers, or those that began from some time on.
struct Only {
    output: Output,
    /// Where that goes, for messages.
    target: String,
    /// Empty: all.
    ids: Vec<u64>,
    since_ns: Option<u64>,
    /// Only the connections of these processes.
    tree: Option<Tree>,
    shown: u64,
}

/// A process, and all that it has begun, and these, and so on.
struct Tree {
    root: u32,
    all: HashSet<u32>,
}

impl Only {
    /// Says which numbers were asked for that no connection had: they count from 1.
    fn tell_missing(&self, connections: u64) {
        let last = match connections {
            0 => "there are none".to_owned(),
            last => format!("the last one is {last}"),
        };
        for id in self.ids.iter().filter(|id| !(1..=connections).contains(id)) {
            eprintln!("there is no connection {id}: {last}");
        }
    }

    fn shows(&self, connection: &Connection) -> bool {
        let is_new = |since_ns| connection.start_ns >= since_ns && connection.open != Open::Midstream;
        let is_of = |tree: &Tree| {
            let pids = [connection.client.process, connection.server.process];
            pids.into_iter().flatten().any(|process| tree.all.contains(&process.pid))
        };
        self.tree.as_ref().is_none_or(is_of)
            && self.since_ns.is_none_or(is_new)
            && (self.ids.is_empty() || self.ids.contains(&connection.id))
    }
}

impl Sink for Only {
    fn wants_packets(&self) -> bool {
        self.output.wants_packets()
    }

    fn started(&mut self, connection: &Connection) {
        self.output.started(connection);
    }

    fn packet(&mut self, connection: &Connection, packet: &Packet) {
        if self.shows(connection) {
            self.output.packet(connection, packet);
        }
    }

    fn state(&mut self, connection: &Connection, side: Side, previous: &StateEntry, entry: &StateEntry) {
        if self.shows(connection) {
            self.output.state(connection, side, previous, entry);
        }
    }

    fn sample(&mut self, connection: &Connection, side: Side, entry: &SampleEntry) {
        if self.shows(connection) {
            self.output.sample(connection, side, entry);
        }
    }

    fn message(&mut self, connection: &Connection, message: &Message) {
        if self.shows(connection) {
            self.output.message(connection, message);
        }
    }

    fn connection(&mut self, connection: Connection) {
        if self.shows(&connection) {
            self.shown += 1;
            self.output.connection(connection);
        }
    }

    fn loss(&mut self, loss: &Loss) {
        self.output.loss(loss);
    }
}

/// Two sinks at once; the first one gets the connections.
struct Both<'a, A, B>(&'a mut A, &'a mut B);

impl<A: Sink, B: Sink> Sink for Both<'_, A, B> {
    fn wants_packets(&self) -> bool {
        self.0.wants_packets() || self.1.wants_packets()
    }

    fn started(&mut self, connection: &Connection) {
        self.0.started(connection);
        self.1.started(connection);
    }

    fn packet(&mut self, connection: &Connection, packet: &Packet) {
        self.0.packet(connection, packet);
        self.1.packet(connection, packet);
    }

    fn state(&mut self, connection: &Connection, side: Side, previous: &StateEntry, entry: &StateEntry) {
        self.0.state(connection, side, previous, entry);
        self.1.state(connection, side, previous, entry);
    }

    fn sample(&mut self, connection: &Connection, side: Side, entry: &SampleEntry) {
        self.0.sample(connection, side, entry);
        self.1.sample(connection, side, entry);
    }

    fn message(&mut self, connection: &Connection, message: &Message) {
        self.0.message(connection, message);
        self.1.message(connection, message);
    }

    fn connection(&mut self, connection: Connection) {
        self.0.connection(connection);
    }

    fn loss(&mut self, loss: &Loss) {
        self.0.loss(loss);
    }
}
