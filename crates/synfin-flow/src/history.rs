//! A connection in Zeek's terms: the `conn_state` and `history` of its conn.log, by the documentation of those fields.

use synfin_wire::Side;
use synfin_wire::tcp::Flags;

use crate::arrival::Arrival;
use crate::stream::Coverage;
use crate::{Mark, Marks};

/// The letters, and what the state follows from.
#[derive(Clone, Default, Debug)]
pub(crate) struct History {
    letters: String,
    client: Seen,
    server: Seen,
}

/// What one side has done.
#[derive(Clone, Copy, Default, Debug)]
struct Seen {
    letters: u32,
    syn: bool,
    syn_ack: bool,
    fin: bool,
    rst: bool,
    /// How often what repeats has happened: retransmission, zero window, gap, bad checksum.
    repeated: [u32; 4],
}

impl History {
    /// The first packet came from the responder.
    pub(crate) fn on_flip(&mut self) {
        self.letters.push('^');
    }

    pub(crate) fn on_packet(&mut self, arrival: &Arrival<'_>, marks: Marks, coverage: Coverage) {
        let flags = arrival.flags();
        let side = arrival.from;
        if flags.syn() && flags.intersects(Flags::FIN | Flags::RST) {
            self.once(side, 'q');
        }
        if flags.syn() && !flags.ack() {
            self.once(side, 's');
            self.seen(side).syn = true;
        } else if flags.syn() {
            self.once(side, 'h');
            self.seen(side).syn_ack = true;
        }
        if marks.contains(Mark::ZeroWindow) {
            self.again(side, 'w', 1);
        }
        let is_data = arrival.len > 0 && !marks.contains(Mark::KeepAlive);
        if is_data && (coverage.old > 0 || marks.is_retransmission()) {
            self.again(side, 't', 0);
        } else if is_data {
            self.once(side, 'd');
        }
        if arrival.is_pure_ack() && flags.ack() {
            self.once(side, 'a');
        }
        if flags.fin() {
            self.once(side, 'f');
            self.seen(side).fin = true;
        }
        if flags.rst() {
            self.once(side, 'r');
            self.seen(side).rst = true;
        }
    }

    /// Bytes of this side are missing for good.
    pub(crate) fn on_gap(&mut self, side: Side) {
        self.again(side, 'g', 2);
    }

    /// A packet with a wrong checksum.
    pub(crate) fn on_bad_checksum(&mut self, side: Side) {
        self.again(side, 'c', 3);
    }

    fn seen(&mut self, side: Side) -> &mut Seen {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn once(&mut self, side: Side, letter: char) {
        let bit = 1 << (u32::from(letter) & 31);
        let seen = self.seen(side);
        if seen.letters & bit == 0 {
            seen.letters |= bit;
            self.push(side, letter);
        }
    }

    /// What can go on and on is written down the 1st, the 10th, the 100th time, and so forth.
    fn again(&mut self, side: Side, letter: char, which: usize) {
        let Some(count) = self.seen(side).repeated.get_mut(which) else { return };
        *count = count.saturating_add(1);
        let mut power = *count;
        while power.is_multiple_of(10) {
            power /= 10;
        }
        if power == 1 {
            self.push(side, letter);
        }
    }

    fn push(&mut self, side: Side, letter: char) {
        // The originator's letters are capitals.
        self.letters.push(if side == Side::Client { letter.to_ascii_uppercase() } else { letter });
    }

    /// The state, such as `SF`, and the letters.
    pub(crate) fn zeek(&self) -> (&'static str, &str) {
        let (client, server) = (self.client, self.server);
        let state = if client.fin && server.fin && (client.syn || server.syn_ack) {
            "SF"
        } else if client.syn && (server.syn_ack || server.syn) {
            match (client.rst, server.rst) {
                (true, true) => self.first_reset(),
                (true, false) => "RSTO",
                (false, true) => "RSTR",
                _ if client.fin => "S2",
                _ if server.fin => "S3",
                _ => "S1",
            }
        } else if client.syn {
            match (client.rst, server.rst, client.fin) {
                (_, true, _) => "REJ",
                (true, _, _) => "RSTOS0",
                (_, _, true) => "SH",
                // The responder speaks without having been seen to accept.
                _ if server.letters != 0 => "OTH",
                _ => "S0",
            }
        } else {
            match (server.rst, client.fin, server.fin) {
                (true, _, _) => "RSTRH",
                (_, true, _) => "SH",
                (_, _, true) => "SHR",
                _ => "OTH",
            }
        };
        (state, &self.letters)
    }

    fn first_reset(&self) -> &'static str {
        if self.letters.find('R') < self.letters.find('r') { "RSTO" } else { "RSTR" }
    }
}
