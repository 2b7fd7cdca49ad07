//! Header prediction against the steps that it stands for: the same connection twice, one with and one without, through
//! the same life. Whatever arrives and whatever the user does, they never differ, in no variable and no octet sent.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use synfin_wire::tcp::{Flags, Header, SackBlock};
use synfin_wire::{SeqNumber, SocketId, State};

use crate::config::{ConnectionConfig, KeepAlive};
use crate::connection::{Beginning, Challenge, Connection, Handshake};
use crate::incoming::{Ecn, Incoming, KnownOptions};
use crate::observer::NoObserver;
use crate::options::{Agreed, TimestampClock};
use crate::outgoing::Burst;
use crate::time::Instant;

const ISS: SeqNumber = SeqNumber(u32::MAX - 3000);
const IRS: SeqNumber = SeqNumber(u32::MAX - 5000);
const SHIFT: u8 = 2;

#[derive(Clone, Copy, Debug)]
struct Settings {
    timestamps: bool,
    sack: bool,
    ecn: bool,
    pacing: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Segment {
        /// From `rcv.nxt`.
        offset: i32,
        len: usize,
        flags: Flags,
        /// Of what is in flight, in hundredths; beyond a hundred: of what is not.
        ack: u32,
        window: u16,
        /// From TS.Recent.
        age: i32,
        ecn: Ecn,
        /// Whether a report of the second half of what is in flight comes with it.
        reports: bool,
    },
    Write(usize),
    WriteUrgent(usize),
    Read(usize),
    Transmit(u32),
    Wait(u64),
    Shutdown,
    Release,
}

fn act() -> impl Strategy<Value = Act> {
    let flags = prop_oneof![
        12 => Just(Flags::ACK),
        6 => Just(Flags::ACK | Flags::PSH),
        1 => Just(Flags::ACK | Flags::FIN),
        1 => Just(Flags::ACK | Flags::URG),
        1 => Just(Flags::ACK | Flags::ECE),
        1 => Just(Flags::ACK | Flags::CWR),
        1 => Just(Flags::ACK | Flags::SYN),
        1 => Just(Flags::PSH),
    ];
    let segment = (
        prop_oneof![12 => Just(0i32), 1 => -3000..3000i32, 1 => Just(1448)],
        prop_oneof![1 => Just(0usize), 4 => Just(1448), 2 => 1usize..1448],
        flags,
        prop_oneof![8 => Just(0u32), 3 => Just(100), 2 => 0u32..110],
        prop_oneof![12 => Just(1000u16), 1 => Just(0), 1 => 0u16..1200],
        prop_oneof![8 => Just(0i32), 4 => Just(1), 1 => -2..3i32],
        prop_oneof![8 => Just(Ecn::NotEct), 1 => Just(Ecn::Ce)],
        prop::bool::weighted(0.1),
    );
    prop_oneof![
        20 => segment.prop_map(|(offset, len, flags, ack, window, age, ecn, reports)| {
            Act::Segment { offset, len, flags, ack, window, age, ecn, reports }
        }),
        3 => (1usize..6000).prop_map(Act::Write),
        1 => (1usize..100).prop_map(Act::WriteUrgent),
        4 => (1usize..9000).prop_map(Act::Read),
        6 => (1u32..30).prop_map(Act::Transmit),
        3 => prop_oneof![0u64..50, 0u64..3000, 0u64..100_000].prop_map(Act::Wait),
        1 => prop::bool::weighted(0.3).prop_map(|releases| if releases { Act::Release } else { Act::Shutdown }),
    ]
}

fn established(settings: Settings) -> Connection<NoObserver> {
    let config = ConnectionConfig {
        receive_buffer: 9000,
        receive_buffer_max: 20_000,
        timestamps: settings.timestamps,
        sack: settings.sack,
        ecn: settings.ecn,
        pacing: settings.pacing,
        keep_alive: Some(KeepAlive {
            idle: Duration::from_secs(3),
            interval: Duration::from_secs(1),
            probes: 3,
        }),
        ..ConnectionConfig::default()
    };
    let clock = TimestampClock::new(0);
    let mut agreed = Agreed::hoped(&config, clock, false);
    let now = Instant::from_nanos(1_000_000_000);
    let offer = KnownOptions {
        mss: Some(1460),
        window_scale: Some(SHIFT),
        timestamps: Some((100, 0)),
        sack_permitted: true,
        ..KnownOptions::default()
    };
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
    let challenge = Challenge::default();
    let handshake =
        Handshake { irs: IRS, agreed, wnd: 1000, syn_sent_at: now, syn_retransmissions: 0, challenge };
    let mut c = Connection::from_listen(now, beginning, &handshake);
    let ack = Act::Segment {
        offset: 0,
        len: 0,
        flags: Flags::ACK,
        ack: 100,
        window: 1000,
        age: 0,
        ecn: Ecn::NotEct,
        reports: false,
    };
    let mut third = segment(&c, &ack).unwrap();
    c.segment_arrives(now, &mut third);
    assert_eq!(c.state(), State::Established);
    c
}

/// The segment of an act, as the peer of this connection would send it now.
fn segment(c: &Connection<NoObserver>, act: &Act) -> Option<Incoming> {
    let &Act::Segment { offset, len, flags, ack, window, age, ecn, reports } = act else { return None };
    let outstanding = u32::try_from(c.snd.nxt.distance_from(c.snd.una)).unwrap();
    let mut options = KnownOptions {
        timestamps: c.agreed.timestamps.map(|ours| (ours.recent.wrapping_add_signed(age), 0)),
        ..KnownOptions::default()
    };
    if reports && outstanding > 1 {
        options.sack[0] = Some(SackBlock { left: c.snd.una + outstanding / 2, right: c.snd.nxt });
    }
    let header = Header {
        seq: SeqNumber(c.rcv.nxt.0.wrapping_add_signed(offset)),
        ack: c.snd.una + (u64::from(outstanding) * u64::from(ack) / 100) as u32,
        flags,
        window,
        urgent_pointer: 5,
        ..Header::default()
    };
    Some(Incoming { header, options, payload: Bytes::from(vec![7; len]), ecn })
}

/// All that a connection is.
fn everything(c: &Connection<NoObserver>) -> String {
    let Connection { agreed, pending, events, last_received, stalled_since, attempts, .. } = c;
    let Connection { challenge, is_ce_pending, is_released, mtu, .. } = c;
    format!(
        "{c:?} {agreed:?} {pending:?} {events:?} {last_received:?} {stalled_since:?} {attempts} {challenge:?} \
         {is_ce_pending} {is_released} {mtu}"
    )
}

fn sent(c: &mut Connection<NoObserver>, now: Instant, budget: u32) -> Vec<String> {
    let mut lines = Vec::new();
    c.poll_transmit(now, budget, &mut |burst: &Burst<'_>| {
        lines.push(format!("{:?} {:?} {:?} {:?}", burst.header, burst.options, burst.payload, burst.ecn));
    });
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn prediction_and_steps_never_differ(
        settings in any::<[bool; 4]>().prop_map(|[timestamps, sack, ecn, pacing]| {
            Settings { timestamps, sack, ecn: ecn && sack, pacing }
        }),
        acts in proptest::collection::vec(act(), 1..120),
    ) {
        let (mut with, mut without) = (established(settings), established(settings));
        let mut now = Instant::from_nanos(1_000_000_000);
        for act in acts {
            now = now + Duration::from_micros(100);
            if let Some(mut arriving) = segment(&with, &act) {
                without.take_by_the_steps(now, &arriving);
                with.segment_arrives(now, &mut arriving);
            }
            if let Act::Wait(ms) = act {
                now = now + Duration::from_millis(ms);
            }
            for c in [&mut with, &mut without] {
                match act {
                    Act::Write(len) => drop(c.write(&Bytes::from(vec![1; len]))),
                    Act::WriteUrgent(len) => drop(c.write_urgent(&Bytes::from(vec![1; len]))),
                    Act::Wait(_) => c.handle_timeout(now),
                    Act::Shutdown => drop(c.shutdown(now)),
                    Act::Release => c.release(now),
                    _ => {}
                }
            }
            if let Act::Read(max) = act {
                prop_assert_eq!(with.read(now, max), without.read(now, max));
            }
            if let Act::Transmit(budget) = act {
                prop_assert_eq!(sent(&mut with, now, budget), sent(&mut without, now, budget));
            }
            prop_assert_eq!(with.poll_timeout(), without.poll_timeout());
            prop_assert_eq!(everything(&with), everything(&without));
        }
    }
}

/// What arrives in order and says nothing else is predicted, whether timestamps were agreed on or not.
#[test]
fn text_in_order_is_predicted() {
    for timestamps in [false, true] {
        let mut c = established(Settings { timestamps, sack: true, ecn: false, pacing: true });
        let act = Act::Segment {
            offset: 0,
            len: 1448,
            flags: Flags::ACK,
            ack: 0,
            window: 1000,
            age: 1,
            ecn: Ecn::NotEct,
            reports: false,
        };
        let (before, mut text) = (c.rcv.nxt, segment(&c, &act).unwrap());
        assert!(c.may_take_predicted(Instant::from_nanos(2_000_000_000), &mut text));
        assert_eq!(c.rcv.nxt, before + 1448);
    }
}
