//! Whatever arrives, in whatever order, with whatever calls between: nothing panics, nothing is held without bound.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use synfin_tcp::{ConnectionConfig, ReadOutcome, Variables};

use synfin_wire::tcp::{Flags, TcpOption};

use crate::peer::{Peer, seg};
use crate::world::Host;

#[derive(Clone, Debug)]
enum Act {
    Segment { flags: u16, seq: i64, ack: i64, window: u16, len: usize, kind: u8, a: u32, b: u32 },
    Write(usize),
    Read(usize),
    Shutdown,
    Abort,
    Wait(u64),
    Close,
    TooBig(u32),
}

fn act() -> impl Strategy<Value = Act> {
    let near = prop_oneof![4 => -3i64..2000, 1 => -70_000i64..140_000, 1 => any::<u32>().prop_map(i64::from)];
    let segment =
        (0u16..512, near.clone(), near, any::<u16>(), 0usize..1500, 0u8..6, any::<u32>(), any::<u32>())
            .prop_map(|(flags, seq, ack, window, len, kind, a, b)| Act::Segment {
                // Mostly what gets far.
                flags: if a % 3 == 0 { flags } else { flags & 0x118 | 0x10 },
                seq,
                ack,
                window,
                len: if b % 2 == 0 { 0 } else { len },
                kind,
                a,
                b,
            });
    prop_oneof![
        12 => segment,
        3 => (0usize..5000).prop_map(Act::Write),
        2 => (0usize..5000).prop_map(Act::Read),
        1 => Just(Act::Shutdown),
        1 => Just(Act::Close),
        1 => (0u32..20).prop_map(|n| if n == 0 { Act::Abort } else { Act::Shutdown }),
        4 => (0u64..5000).prop_map(Act::Wait),
        1 => any::<u32>().prop_map(Act::TooBig),
    ]
}

proptest! {
    #[test]
    fn nothing_panics(
        acts in proptest::collection::vec(act(), 1..80),
        listens: bool, timestamps: bool, sack: bool, pacing: bool, ecn: bool,
    ) {
        let config = ConnectionConfig { timestamps, sack, pacing, ecn, ..ConnectionConfig::default() };
        let options = [TcpOption::SackPermitted, TcpOption::Timestamps { value: 7, echo_reply: 0 }];
        let mut peer = if listens {
            let mut peer = Peer::new(config);
            peer.endpoint.listen(Host::A.address(5000), 3, None).unwrap();
            peer.send(&seg(Flags::SYN, 0, 0));
            peer.taken();
            peer
        } else {
            Peer::connected_with(config, &options)
        };
        for act in acts {
            let now = peer.now;
            match act {
                Act::Segment { flags, seq, ack, window, len, kind, a, b } => {
                    let mut arriving = seg(Flags::from_bits(flags), seq, ack).window(window).text(&vec![3; len]);
                    arriving = match kind {
                        0 => arriving.timestamps(a, b),
                        1 | 2 => arriving.timestamps(7 + (a & 1), b),
                        3 => peer.sack(arriving, &[(ack + i64::from(a % 3000), ack + i64::from(b % 6000))]),
                        4 => arriving.option(&TcpOption::MaximumSegmentSize(a as u16)),
                        _ => arriving,
                    };
                    peer.send(&arriving.urgent(a as u16));
                }
                Act::Wait(ms) => {
                    peer.wait(ms);
                }
                Act::TooBig(mtu) => {
                    let error = synfin_tcp::IcmpError {
                        local: Host::A.address(5000),
                        remote: Host::B.address(80),
                        seq: peer.sequence_number(1),
                        message: synfin_tcp::IcmpMessage::TooBig { mtu },
                    };
                    peer.endpoint.handle_icmp(now, &error);
                }
                Act::Close => {
                    if let Some(id) = peer.id {
                        peer.endpoint.close(now, id);
                    }
                }
                call => {
                    let Some(id) = peer.id else { continue };
                    let Some(connection) = peer.endpoint.connection_mut(id) else { continue };
                    match call {
                        Act::Write(len) => {
                            let _result = connection.write(&Bytes::from(vec![1; len]));
                        }
                        Act::Read(max) => {
                            if let ReadOutcome::Data(data) = connection.read(now, max) {
                                prop_assert!(!data.is_empty() && data.len() <= max);
                            }
                        }
                        Act::Shutdown => {
                            let _result = connection.shutdown(now);
                        }
                        _ => {
                            connection.abort(now);
                        }
                    }
                }
            }
            prop_assert!(peer.taken().len() < 5000);
            // The observer knows all there is to know.
            if let Some(connection) = peer.id.and_then(|id| peer.endpoint.connection(id)) {
                let (shown, now) = (peer.watcher.shown(connection.socket()), connection.info().variables);
                // WRITE does not say what time it is: what it queues is shown with what happens next.
                let shown = shown.map(|shown| Variables { send_queue: now.send_queue, ..shown });
                prop_assert_eq!(shown, Some(now));
            }
            peer.now = peer.now + Duration::from_micros(1);
        }

        // In the end it all goes away: R2, TIME-WAIT.
        if let Some(id) = peer.id {
            if let Some(connection) = peer.endpoint.connection_mut(id) {
                connection.abort(peer.now);
            }
            peer.endpoint.close(peer.now, id);
        }
        peer.wait(1_000_000);
        prop_assert_eq!(peer.endpoint.states().count(), 0);
        prop_assert_eq!(peer.endpoint.poll_timeout(), None);
        prop_assert_eq!(peer.watcher.unfinished(), []);
    }
}
