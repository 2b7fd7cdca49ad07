//! Many at a time: nothing is lost, and no chain is broken.

use std::{
    collections::HashMap,
    net::{TcpListener, TcpStream},
};

use synfin_kernel::{Change, Event, Report};
use synfin_wire::{SocketId, State};

use crate::world::{Watch, chain, isolated};

const CONNECTIONS: usize = 4_000;

#[test]
fn thousands_of_short_connections() {
    isolated(|| {
        let mut watch = Watch::begin();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        for _ in 0..CONNECTIONS {
            let client = TcpStream::connect(address).unwrap();
            drop(listener.accept().unwrap());
            drop(client);
        }
        let mut ended = 0;
        watch.until("the end of all", |report| {
            if let Report::Change(Change { change, .. }) = report
                && change.remote.port() != 0
                && matches!(change.to, State::TimeWait | State::Closed)
            {
                ended += 1;
            }
            ended == 2 * CONNECTIONS
        });
        watch.catch_up();
        assert!(!watch.events().any(|event| matches!(event, Event::Lost(_))), "events were lost");
        let mut sockets: HashMap<SocketId, Vec<&Change>> = HashMap::new();
        for change in watch.changes().filter(|change| change.change.remote.port() != 0) {
            sockets.entry(change.change.socket).or_default().push(change);
        }
        let mut chains: HashMap<String, usize> = HashMap::new();
        for changes in sockets.values() {
            // The client's port may come again, and a new connection take the place of the old.
            *chains.entry(chain(changes).replace(" CLOSED (reused)", "")).or_default() += 1;
        }
        let expected = [
            "CLOSED SYN-SENT ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED",
            "LISTEN SYN-RECEIVED ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT",
        ];
        assert_eq!(chains, expected.map(|chain| (chain.to_owned(), CONNECTIONS)).into());
    });
}
