//! Header prediction: the segment that is expected more than any other, in few steps.
//!
//! In ESTABLISHED most segments that arrive are text, next in order, that says nothing else that is new. For those the
//! eight steps of RFC 9293 section 3.10.7.4 come down to what is here; everything else takes all of them.

use synfin_wire::State;
use synfin_wire::tcp::Flags;

use crate::connection::Connection;
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::options::TimestampClock;
use crate::receive::{DelayedAck, Owed};
use crate::time::Instant;
use crate::timers::Timer;

impl<O: Observer> Connection<O> {
    /// Takes in a segment if it is one of those that are expected, and says whether it was.
    pub(super) fn may_take_predicted(&mut self, now: Instant, segment: &mut Incoming) -> bool {
        let is_predicted = self.is_predicted(segment);
        if is_predicted {
            self.take_predicted(now, segment);
        }
        is_predicted
    }

    fn is_predicted(&self, segment: &Incoming) -> bool {
        let header = &segment.header;
        self.state == State::Established
            // Neither SYN, FIN, RST nor URG; nor anything of ECN.
            && header.flags.without(Flags::PSH) == Flags::ACK
            && !self.agreed.is_ecn
            && !self.is_released
            && header.ack == self.snd.una
            && u32::from(header.window) << self.agreed.send_shift == self.snd.wnd
            && self.snd.wnd > 0
            && !segment.options.has_sack()
            && self.is_predicted_time(segment)
            && self.rcv.may_append(header.seq, &segment.payload)
    }

    /// RFC 7323 section 5.3 R1: not old by its timestamp.
    fn is_predicted_time(&self, segment: &Incoming) -> bool {
        match (&self.agreed.timestamps, segment.options.timestamps) {
            (None, _) => true,
            (Some(ours), Some((value, _))) => !TimestampClock::is_before(value, ours.recent),
            (Some(_), None) => false,
        }
    }

    fn take_predicted(&mut self, now: Instant, segment: &mut Incoming) {
        // First.
        if let (Some(ours), Some((value, _))) = (&mut self.agreed.timestamps, segment.options.timestamps)
            && segment.header.seq.is_at_or_before(self.rcv.last_ack_sent)
        {
            (ours.recent, ours.recent_at) = (value, now);
        }
        self.on_heard(now);
        // Fifth.
        self.snd.update_window(segment.header.seq, segment.header.ack, self.snd.wnd);
        // Seventh.
        let rmss = self.rmss();
        self.rcv.append(std::mem::take(&mut segment.payload), rmss);
        self.events.on_readable();
        if self.rcv.ack.owed() == Owed::Later && !self.timers.is_running(Timer::DelayedAck) {
            self.timers.start(Timer::DelayedAck, now + DelayedAck::delay(self.config.delayed_ack));
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::*;
    use synfin_wire::tcp::Header;
    use synfin_wire::{SeqNumber, SocketId};

    use super::*;
    use crate::config::ConnectionConfig;
    use crate::connection::{Beginning, Challenge, Handshake};
    use crate::incoming::{Ecn, KnownOptions};
    use crate::observer::NoObserver;
    use crate::options::Agreed;
    use crate::outgoing::Burst;

    const ISS: SeqNumber = SeqNumber(u32::MAX - 3);
    const IRS: SeqNumber = SeqNumber(u32::MAX - 1);

    fn segment(seq: SeqNumber, window: u16, len: usize, tsval: Option<u32>) -> Incoming {
        let flags = if len.is_multiple_of(2) { Flags::ACK } else { Flags::ACK | Flags::PSH };
        Incoming {
            header: Header { seq, ack: ISS + 1, flags, window, ..Header::default() },
            options: KnownOptions { timestamps: tsval.map(|value| (value, 0)), ..KnownOptions::default() },
            payload: Bytes::from(vec![7; len]),
            ecn: Ecn::NotEct,
        }
    }

    fn established(timestamps: bool) -> Connection<NoObserver> {
        let config = ConnectionConfig { receive_buffer: 5000, timestamps, ..ConnectionConfig::default() };
        let clock = TimestampClock::new(0);
        let mut agreed = Agreed::hoped(&config, clock, false);
        let now = Instant::from_nanos(1_000_000_000);
        let offer =
            KnownOptions { timestamps: Some((100, 0)), sack_permitted: true, ..KnownOptions::default() };
        agreed.settle(now, &offer, false);
        let beginning = Beginning {
            socket: SocketId { namespace: 0, cookie: 1 },
            local: SocketAddr::from(([10, 0, 0, 1], 1)),
            remote: SocketAddr::from(([10, 0, 0, 2], 2)),
            iss: ISS,
            clock,
            mtu: 1500,
            config: Arc::new(config),
            observer: NoObserver,
        };
        let handshake = Handshake {
            irs: IRS,
            agreed,
            wnd: 1000,
            syn_sent_at: now,
            syn_retransmissions: 0,
            challenge: Challenge::default(),
        };
        let mut connection = Connection::from_listen(now, beginning, &handshake);
        connection.on_segments(now, [segment(IRS + 1, 1000, 0, Some(100))]);
        assert_eq!(connection.state(), State::Established);
        connection
    }

    fn everything(c: &Connection<NoObserver>) -> String {
        format!("{c:?} {:?} {:?} {:?} {:?} {}", c.agreed, c.pending, c.events, c.last_received, c.attempts)
    }

    proptest! {
        /// Whatever arrives, in order or not, of the usual window or another, early or late by its timestamp, whether
        /// it is read and acknowledged in between or not: with prediction or by the steps alone, all is the same.
        #[test]
        fn it_comes_to_the_same_as_the_steps(
            timestamps: bool,
            arrivals in proptest::collection::vec(
                (prop_oneof![8 => Just(0i32), 1 => -2000..3000], 1usize..1448, 0u8..12, 99u32..102, any::<[bool; 2]>()),
                1..60,
            ),
        ) {
            let (mut short, mut long) = (established(timestamps), established(timestamps));
            let mut now = Instant::from_nanos(1_000_000_000);
            for (offset, len, window, tsval, [reads, answers]) in arrivals {
                now = now + core::time::Duration::from_millis(1);
                let seq = SeqNumber(long.rcv.nxt.0.wrapping_add_signed(offset));
                let window = if window == 0 { 900 } else { 1000 };
                let segment = segment(seq, window, len, timestamps.then_some(tsval));
                long.other_states(now, &segment);
                short.segment_arrives(now, &mut { segment });
                long.settle_timers(now);
                prop_assert_eq!(everything(&short), everything(&long));
                if reads {
                    prop_assert_eq!(short.read(now, usize::MAX), long.read(now, usize::MAX));
                }
                if answers {
                    let mut sent = [Vec::new(), Vec::new()];
                    for (c, sent) in [&mut short, &mut long].into_iter().zip(&mut sent) {
                        c.poll_transmit(now, 10, &mut |burst: &Burst<'_>| sent.push((burst.header, burst.options)));
                    }
                    prop_assert_eq!(&sent[0], &sent[1]);
                }
            }
        }
    }

    /// Most of what arrives in order is predicted.
    #[test]
    fn text_in_order_is_predicted() {
        let mut c = established(true);
        assert!(c.may_take_predicted(
            Instant::from_nanos(2_000_000_000),
            &mut segment(IRS + 1, 1000, 100, Some(100))
        ));
        assert_eq!(c.rcv.nxt, IRS + 101);
    }
}
