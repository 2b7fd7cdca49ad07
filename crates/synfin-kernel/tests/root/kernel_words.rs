//! What the kernel says besides: counters, clocks, reasons.

use std::io::{Read, Write};

use synfin_kernel::{Capabilities, Event, EventOptions, Events, Polled};
use synfin_wire::State;

use crate::world::{Pair, Watch, isolated};

#[test]
fn counters_at_the_end() {
    isolated(|| {
        let Pair { mut watch, mut client, mut server, client_address, server_address, .. } = Pair::connect();
        client.write_all(&[1; 3000]).unwrap();
        let mut bytes = [0; 3000];
        server.read_exact(&mut bytes).unwrap();
        server.write_all(&[2; 500]).unwrap();
        drop(server);
        client.read_to_end(&mut Vec::new()).unwrap();
        drop(client);
        watch.until_state(server_address, State::TimeWait);
        watch.until_state(client_address, State::Closed);
        let counters = |local| {
            watch
                .changes()
                .filter(|change| change.change.local == local)
                .find_map(|change| change.counters)
                .unwrap()
        };
        let (client, server) = (counters(client_address), counters(server_address));
        assert_eq!((client.bytes_sent, server.bytes_sent), (3000, 500));
        assert!(
            [3000, 3001].contains(&server.bytes_received),
            "with a FIN, unless a time-wait socket heard it"
        );
        assert_eq!(client.bytes_received, 501, "its payload and FIN");
        assert_eq!((client.retransmits, server.retransmits), (0, 0));
        assert!(client.srtt_ns > 0 && client.srtt_ns < 1_000_000_000, "{client:?}");
    });
}

/// Kernel times are wall-clock times, and each state lasts from one change to the next.
#[test]
fn times_are_utc() {
    isolated(|| {
        let now = || u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos()).unwrap();
        let before = now();
        let Pair { mut watch, client, server, client_address, .. } = Pair::connect();
        drop(client);
        drop(server);
        watch.until_state(client_address, State::FinWait1);
        let after = now();
        let changes: Vec<_> =
            watch.changes().filter(|change| change.change.local == client_address).collect();
        let (first, second) = (changes[0].change, changes[1].change);
        // The conversion is good to well under a millisecond.
        assert!(first.at_ns + 1_000_000 > before && second.at_ns < after + 1_000_000);
        assert_eq!(changes[1].in_state_ns, Some(second.at_ns - first.at_ns));
    });
}

#[test]
fn filters_run_in_the_kernel() {
    isolated(|| {
        let wanted = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = wanted.local_addr().unwrap();
        let mut watch = Watch::with(EventOptions { ports: vec![address.port()], ..EventOptions::default() });
        for listener in [&other, &wanted] {
            drop(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            drop(listener.accept().unwrap());
        }
        watch.until_state(address, State::Closed);
        for change in watch.changes() {
            assert!(change.change.local == address || change.change.remote == address, "{change:?}");
        }
        assert!(!watch.chain(address).is_empty());

        let wanted = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
        let address = wanted.local_addr().unwrap();
        let mut watch =
            Watch::with(EventOptions { addresses: vec![address.ip()], ..EventOptions::default() });
        for listener in [&other, &wanted] {
            drop(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            drop(listener.accept().unwrap());
        }
        watch.until_state(address, State::Closed);
        let ends = |change: &synfin_kernel::Change| [change.change.local.ip(), change.change.remote.ip()];
        assert!(watch.changes().all(|change| ends(change).contains(&address.ip())));
    });
}

/// Somebody else can end the waiting, and what was told before is not lost.
#[test]
fn a_stopper_stops() {
    isolated(|| {
        let mut events = Events::open(&EventOptions::default()).unwrap();
        let stopper = events.stopper();
        let waiting =
            std::thread::spawn(move || while events.poll(None, |_| {}).unwrap() != Polled::Stopped {});
        stopper.stop();
        waiting.join().unwrap();
    });
}

#[test]
fn this_machine_offers_everything() {
    isolated(|| {
        let missing: Vec<_> = Capabilities::probe().iter().filter(|one| !one.is_working()).cloned().collect();
        assert!(missing.is_empty(), "{missing:?}");
    });
}

/// New processes are those of the whole machine: they are told only to who asks.
#[test]
fn forks_are_told_to_who_asks() {
    isolated(|| {
        for forks in [false, true] {
            let mut events = Events::open(&EventOptions { forks, ..EventOptions::default() }).unwrap();
            assert_eq!(events.report().iter().any(|probe| probe.name == "forks"), forks);
            let child = std::process::Command::new("true").spawn().unwrap();
            let pid = child.id();
            child.wait_with_output().unwrap();
            let (mut told, mut own) = (0, 0);
            while events
                .poll(Some(std::time::Duration::ZERO), |event| {
                    if let Event::Forked { child, .. } = event {
                        told += 1;
                        own += usize::from(child == pid);
                    }
                })
                .unwrap()
                != Polled::TimedOut
            {}
            assert!(forks || told == 0, "{told} were told to who did not ask");
            assert!(!forks || own == 1 || !is_initial_process_namespace());
        }
    });
}

/// In a container processes have other numbers than the kernel tells.
fn is_initial_process_namespace() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/pid").is_ok_and(|pids| pids.ino() == 0xEFFF_FFFC)
}
