//! The lanes of our own TCP are exact: what flow draws of a run is what both TCPs told, no more, no less and at no other
//! time, and nothing of it is inferred.

use std::collections::BTreeMap;

use synfin_lab::{Scenario, ready};
use synfin_wire::{Side, Source};

use crate::run::{Ran, run};

/// The states that a socket told, each with its time, by the address it told them for.
fn told(ran: &Ran) -> Vec<Vec<(u64, &'static str)>> {
    let mut sockets: BTreeMap<u64, Vec<(u64, &'static str)>> = BTreeMap::new();
    for change in &ran.changes {
        sockets.entry(change.socket.cookie).or_default().push((change.at_ns, change.to.name()));
    }
    let mut told: Vec<_> = sockets.into_values().collect();
    told.sort();
    told
}

fn is_exact(ran: &Ran, name: &str) {
    let mut drawn = Vec::new();
    for connection in &ran.connections {
        for side in [Side::Client, Side::Server] {
            let states = &connection.endpoint(side).states;
            let is_told =
                |entry: &synfin_flow::StateEntry| entry.source == Source::Stack && !entry.is_inferred;
            // In front is the state that the first change came from.
            let changes = states.get(1..).unwrap_or_default();
            assert!(changes.iter().all(is_told), "{name}, {side:?}: {states:?}");
            if !changes.is_empty() {
                drawn.push(changes.iter().map(|entry| (entry.at_ns, entry.state.name())).collect::<Vec<_>>());
            }
        }
    }
    drawn.sort();
    assert_eq!(drawn, told(ran), "{name}");
}

#[test]
fn ready_scenarios_are_drawn_as_they_were() {
    for ready in ready::READY {
        is_exact(&run(&Scenario::from_toml(ready.toml).unwrap()), ready.name);
    }
}

/// Every set of variables that both TCPs told of is handed on, in the numbers of the connection.
#[test]
fn the_variables_are_handed_on_as_they_were_told() {
    for name in ["textbook", "one-loss-with-sack", "zero-window", "lost-last-ack"] {
        let ran = run(&Scenario::from_toml(ready::find(name).unwrap().toml).unwrap());
        let told: Vec<_> = ran.samples.iter().map(|(side, s)| (*side, s.at_ns, s.variables)).collect();
        let drawn: Vec<_> = ran.entries.iter().map(|(side, e)| (*side, e.at_ns, e.variables)).collect();
        assert_eq!(drawn, told, "{name}");
        let first = ran.entries[0].1;
        assert_eq!((first.snd_una, first.snd_nxt, first.rcv_nxt), (0, 1, 0), "{name}: the SYN was sent");
        // One for the SYN, one for the FIN, and what the application has sent between them.
        for side in [Side::Client, Side::Server] {
            let last = ran.entries.iter().rfind(|(whose, _)| *whose == side).unwrap().1;
            let sent = i64::try_from(ran.connections[0].endpoint(side).sent.payload_bytes).unwrap();
            assert_eq!((last.snd_una, last.snd_nxt), (sent + 2, sent + 2), "{name}, {side:?}");
        }
    }
}
