//! The sink that prints.

use std::collections::BTreeSet;
use std::io;

use synfin_flow::{Connection, Packet, SampleEntry, Sink, StateEntry, Summary};
use synfin_messages::Message;
use synfin_wire::{Loss, Side};

use crate::show::{Show, View};
use crate::style::Style;
use crate::time::{Clock, TimeStyle};
use crate::{csv, findings, json, ladder, messages, packets, states, table, variables};

/// Handed on when so many bytes have come together.
const BUFFER: usize = 64 * 1024;

/// For whom it is printed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// JSON Lines.
    Json,
    /// Comma-separated values: one view only, the first one of the set.
    Csv,
}

/// What is printed, and how.
#[derive(Clone, Default, Debug)]
pub struct Options {
    /// What is shown.
    pub show: Show,
    /// For whom.
    pub format: Format,
    /// How text looks.
    pub style: Style,
    /// How points in time are shown in text.
    pub time: TimeStyle,
    /// Nothing but these connections. They are numbered all the same.
    pub only: Option<BTreeSet<u64>>,
    /// Hand on every line at once, for someone who watches. Otherwise lines come together in a buffer.
    pub is_live: bool,
}

/// Prints what the tracker finds.
///
/// The first error in writing is kept, and from there on nothing is written: [`Printer::error`] tells a caller who can
/// stop early, and [`Printer::finish`] returns it.
#[derive(Debug)]
pub struct Printer<W: io::Write> {
    out: W,
    options: Options,
    clock: Clock,
    buffer: String,
    scratch: String,
    /// What the last line of text was, so that views that come together stay apart.
    last: Option<View>,
    error: Option<io::Error>,
}

impl<W: io::Write> Printer<W> {
    /// Prints to `out`, which needs no buffer of its own.
    #[must_use]
    pub fn new(out: W, options: Options) -> Self {
        let clock = Clock::new(options.time.clone());
        let (buffer, scratch) = (String::new(), String::new());
        let mut printer = Self { out, options, clock, buffer, scratch, last: None, error: None };
        if let (Format::Csv, Some(view)) = (printer.options.format, printer.options.show.iter().next()) {
            csv::write_header(&mut printer.buffer, view);
        }
        printer
    }

    /// The first error in writing, if there was one: [`io::ErrorKind::BrokenPipe`] when nobody reads on.
    #[must_use]
    pub fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Hands on what is in the buffer.
    pub fn flush(&mut self) {
        if self.error.is_none()
            && let Err(e) = self.out.write_all(self.buffer.as_bytes()).and_then(|()| self.out.flush())
        {
            self.error = Some(e);
        }
        self.buffer.clear();
    }

    /// Prints what comes last: in JSON the summary, in text nothing (see [`footer`](crate::footer)).
    ///
    /// # Errors
    /// The first error in writing, now or before.
    pub fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        match self.options.format {
            Format::Json => json::write_summary(&mut self.buffer, summary),
            Format::Text | Format::Csv => {}
        }
        self.flush();
        self.error.take().map_or(Ok(()), Err)
    }

    /// Whether this view of this connection is to be printed, by anyone who still reads.
    fn shows(&self, view: View, connection: &Connection) -> bool {
        let show = self.options.show;
        // A row of CSV has the columns of one view.
        let is_shown = match self.options.format {
            Format::Csv => show.iter().next() == Some(view),
            Format::Text | Format::Json => show.contains(view),
        };
        is_shown
            && self.error.is_none()
            && self.options.only.as_ref().is_none_or(|only| only.contains(&connection.id))
    }

    /// Begins lines of a view: a blank line and a title, where the one before needs them.
    fn begin(&mut self, view: View) {
        let is_block = |view| matches!(view, View::Connections | View::Ladder);
        let changes = self.last != Some(view);
        if let Some(last) = self.last
            && (view == View::Ladder || (changes && (is_block(view) || is_block(last))))
        {
            self.buffer.push('\n');
        }
        if changes && view == View::Connections {
            table::write_header(&mut self.buffer, &self.clock, &self.options.style);
        }
        self.last = Some(view);
    }

    /// Hands on what was printed, when it is time.
    fn end(&mut self) {
        if self.options.is_live || self.buffer.len() >= BUFFER {
            self.flush();
        }
    }

    fn print_findings(&mut self, connection: &Connection) {
        for finding in connection.findings() {
            match self.options.format {
                Format::Text => {
                    self.begin(View::Findings);
                    findings::write(&mut self.buffer, connection, &finding, &self.options.style);
                }
                Format::Json => json::write_finding(&mut self.buffer, connection, &finding),
                Format::Csv => csv::write_finding(&mut self.buffer, connection, &finding),
            }
        }
    }
}

impl<W: io::Write> Sink for Printer<W> {
    fn wants_packets(&self) -> bool {
        self.options.show.contains(View::Packets)
    }

    fn started(&mut self, connection: &Connection) {
        self.clock.start_at(connection.start_ns);
    }

    fn packet(&mut self, connection: &Connection, packet: &Packet) {
        if !self.shows(View::Packets, connection) {
            return;
        }
        self.clock.start_at(packet.at_ns);
        match self.options.format {
            Format::Text => {
                self.begin(View::Packets);
                let names_messages = !self.options.show.contains(View::Messages);
                let (out, style) = (&mut self.buffer, &self.options.style);
                packets::write(out, connection, packet, names_messages, &self.clock, style);
            }
            Format::Json => json::write_packet(&mut self.buffer, connection, packet),
            Format::Csv => csv::write_packet(&mut self.buffer, connection, packet),
        }
        self.end();
    }

    fn state(&mut self, connection: &Connection, side: Side, previous: &StateEntry, entry: &StateEntry) {
        if !self.shows(View::States, connection) {
            return;
        }
        self.clock.start_at(entry.at_ns);
        match self.options.format {
            Format::Text => {
                self.begin(View::States);
                let (out, style) = (&mut self.buffer, &self.options.style);
                states::write(out, connection, side, previous, entry, &self.clock, style);
            }
            Format::Json => json::write_state(&mut self.buffer, connection, side, previous, entry),
            Format::Csv => csv::write_state(&mut self.buffer, connection, side, previous, entry),
        }
        self.end();
    }

    fn sample(&mut self, connection: &Connection, side: Side, entry: &SampleEntry) {
        if !self.shows(View::Variables, connection) {
            return;
        }
        self.clock.start_at(entry.at_ns);
        match self.options.format {
            Format::Text => {
                self.begin(View::Variables);
                let (out, style) = (&mut self.buffer, &self.options.style);
                variables::write(out, connection, side, entry, &self.clock, style);
            }
            Format::Json => json::write_variables(&mut self.buffer, connection, side, entry),
            Format::Csv => csv::write_variables(&mut self.buffer, connection, side, entry),
        }
        self.end();
    }

    fn message(&mut self, connection: &Connection, message: &Message) {
        if !self.shows(View::Messages, connection) {
            return;
        }
        self.clock.start_at(message.first_ns);
        match self.options.format {
            Format::Text => {
                self.begin(View::Messages);
                messages::write(&mut self.buffer, connection, message, &self.clock, &self.options.style);
            }
            Format::Json => json::write_message(&mut self.buffer, connection, message),
            Format::Csv => csv::write_message(&mut self.buffer, connection, message),
        }
        self.end();
    }

    fn connection(&mut self, connection: Connection) {
        self.clock.start_at(connection.start_ns);
        let shows_table = self.shows(View::Connections, &connection);
        let shows_ladder = self.shows(View::Ladder, &connection);
        let shows_findings = self.shows(View::Findings, &connection);
        match self.options.format {
            Format::Text => {
                if shows_ladder {
                    self.begin(View::Ladder);
                    ladder::write(&mut self.buffer, &connection, &self.options.style);
                }
                if shows_table {
                    self.begin(View::Connections);
                    let (out, scratch) = (&mut self.buffer, &mut self.scratch);
                    table::write(out, scratch, &connection, &self.clock, &self.options.style);
                }
                // A ladder has its findings below it.
                if shows_findings && !shows_ladder {
                    self.print_findings(&connection);
                }
            }
            Format::Json => {
                if shows_table || shows_ladder {
                    json::write_connection(&mut self.buffer, &connection);
                }
                if shows_table || shows_ladder || shows_findings {
                    self.print_findings(&connection);
                }
            }
            Format::Csv => {
                if shows_table || shows_ladder {
                    csv::write_connection(&mut self.buffer, &connection);
                } else if shows_findings {
                    self.print_findings(&connection);
                }
            }
        }
        self.end();
    }

    fn loss(&mut self, loss: &Loss) {
        // In text, the footer sums up what was lost.
        if self.options.format == Format::Json && self.error.is_none() {
            json::write_loss(&mut self.buffer, loss);
            self.end();
        }
    }
}
