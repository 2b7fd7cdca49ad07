//! Whose connection it is.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

use synfin_kernel::{Change, Report, Snapshot};
use synfin_wire::State;

use crate::{
    helper,
    world::{Pair, Watch, isolated},
};

/// The socket's last word about its owner.
fn owners(watch: &Watch) -> HashMap<(SocketAddr, SocketAddr), u32> {
    let changes = watch.changes().filter_map(|change| {
        let change = change.change;
        Some(((change.local, change.remote), change.process?.pid))
    });
    changes.collect()
}

/// Two workers share a listener, as those of a web server do; the one that answers says who it is.
#[test]
fn the_worker_that_serves() {
    const EACH: usize = 40;
    isolated(|| {
        let mut watch = Watch::begin();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let role = format!("serve {EACH}");
        let mut workers = [0, 1].map(|_| helper::start(&role, listener.try_clone().unwrap()));
        let mut said = HashMap::new();
        for _ in 0..EACH * 2 {
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(b"?").unwrap();
            let mut pid = [0; 4];
            client.read_exact(&mut pid).unwrap();
            said.insert(client.local_addr().unwrap(), u32::from_ne_bytes(pid));
        }
        workers.iter_mut().for_each(|worker| assert!(worker.wait().unwrap().success()));
        let mut ended = 0;
        watch.until("the end of all", |report| {
            let is_end = |report: &Report| matches!(report, Report::Change(change) if change.change.local == address
                && change.change.remote.port() != 0 && matches!(change.change.to, State::TimeWait | State::Closed));
            ended += usize::from(is_end(report));
            ended == EACH * 2
        });
        assert_eq!(said.len(), EACH * 2);
        let owners = owners(&watch);
        for (client, pid) in said {
            assert_eq!(owners.get(&(address, client)), Some(&pid), "who served {client}");
            assert_eq!(owners.get(&(client, address)), Some(&std::process::id()), "who asked from {client}");
        }
        // Every change of a connection, not only the last, since what is told a moment later explains it.
        for change in watch.changes().filter(|change| change.change.remote.port() != 0) {
            let ends = (change.change.local, change.change.remote);
            assert_eq!(
                change.change.process.map(|process| process.pid),
                owners.get(&ends).copied(),
                "{change:?}"
            );
        }
    });
}

/// A server that hangs: it has accepted, and reads nothing.
#[test]
fn the_worker_that_only_accepts() {
    isolated(|| {
        let mut watch = Watch::begin();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut worker = helper::start("hold 1", listener.try_clone().unwrap());
        let client = TcpStream::connect(address).unwrap();
        let client_address = client.local_addr().unwrap();
        watch.until("who has accepted", |report| {
            matches!(report, Report::Owner(owner)
                if (owner.local, owner.remote) == (address, client_address) && owner.process.pid == worker.id())
        });
        let last = TcpStream::connect(address).unwrap();
        assert!(worker.wait().unwrap().success());
        drop((client, last));
        watch.until_state(client_address, State::Closed);
        assert_eq!(owners(&watch).get(&(address, client_address)), Some(&worker.id()));
    });
}

#[test]
fn the_client_that_asks() {
    const EACH: usize = 40;
    isolated(|| {
        let mut watch = Watch::begin();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let role = format!("ask {EACH}");
        let mut clients = [0, 1].map(|_| helper::start(&role, listener.try_clone().unwrap()));
        for _ in 0..EACH * 2 {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 1]).unwrap();
            stream.write_all(b"!").unwrap();
        }
        clients.iter_mut().for_each(|client| assert!(client.wait().unwrap().success()));
        watch.catch_up();
        let mut asked: HashMap<u32, usize> = HashMap::new();
        for ((local, remote), pid) in owners(&watch) {
            if remote == address {
                *asked.entry(pid).or_default() += 1;
            } else if local == address && remote.port() != 0 {
                assert_eq!(pid, std::process::id());
            }
        }
        assert_eq!(asked, clients.iter().map(|client| (client.id(), EACH)).collect());
    });
}

/// What was there before belongs to whom /proc says.
#[test]
fn who_was_there_before() {
    isolated(|| {
        let Pair { watch, client, server, client_address, server_address, listener } = Pair::connect();
        drop(watch);
        let mut watch = Watch::begin();
        watch.catch_up();
        let existing: HashMap<_, _> = watch
            .reports
            .iter()
            .filter_map(
                |report| if let Report::Existing(one) = report { Some((one.local, one)) } else { None },
            )
            .collect();
        for address in [client_address, server_address] {
            let process = existing[&address].process.unwrap();
            assert_eq!(process.pid, std::process::id());
        }
        drop((client, server, listener));
        watch.until_state(server_address, State::Closed);
    });
}

/// Who looks at a socket with a cookie from an event finds the same one in a list.
#[test]
fn cookies_are_the_same_everywhere() {
    isolated(|| {
        let Pair { mut watch, client, server, client_address, server_address, .. } = Pair::connect();
        watch.until_state(server_address, State::Established);
        watch.until_state(client_address, State::Established);
        let snapshot = Snapshot::take(&synfin_kernel::Namespace::Current).unwrap();
        for address in [client_address, server_address] {
            let listed =
                snapshot.sockets.iter().find(|socket| socket.local == address && socket.remote.port() != 0);
            let is_told =
                |change: &&Change| change.change.local == address && change.change.remote.port() != 0;
            assert_eq!(listed.unwrap().id, watch.changes().find(is_told).unwrap().change.socket);
        }
        drop((client, server));
    });
}
