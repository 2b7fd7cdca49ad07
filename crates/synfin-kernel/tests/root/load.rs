//! Many at a time: nothing is lost, and no chain is broken.

use std::{
    collections::HashMap,
    net::{TcpListener, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, poll};
use synfin_kernel::{Change, Event, EventOptions, Events, Namespace, Polled, Report, event::Changed};
use synfin_wire::{SocketId, State};

use crate::world::{PATIENCE, Watch, chain, isolated};

const CONNECTIONS: usize = 4_000;

/// One after the other, each closed by the server first.
fn make_connections(listener: &TcpListener, count: usize) {
    let address = listener.local_addr().unwrap();
    for _ in 0..count {
        let client = TcpStream::connect(address).unwrap();
        drop(listener.accept().unwrap());
        // On a busy machine the server's FIN arrives later: to close before it would be to close at the same time. It is
        // not read, since who reads is told of, and told of again where that was lost.
        poll(&mut [PollFd::new(&client, PollFlags::RDHUP)], None).unwrap();
        drop(client);
    }
}

#[test]
fn thousands_of_short_connections() {
    isolated(|| {
        let mut watch = Watch::begin();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        make_connections(&listener, CONNECTIONS);
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

/// Connections that come and go in another thread of this one's namespace, at most so many: the ring holds what a reader
/// who is late has not read, and not more.
struct Traffic<'t> {
    allowed: &'t AtomicUsize,
}

impl<'t> Traffic<'t> {
    fn start<'scope>(
        scope: &'scope std::thread::Scope<'scope, '_>,
        listener: &'scope TcpListener,
        allowed: &'t AtomicUsize,
    ) -> Self
    where
        't: 'scope,
    {
        scope.spawn(|| {
            let mut made = 0;
            loop {
                match allowed.load(Ordering::Relaxed) {
                    0 => return,
                    allowed if made < allowed => {
                        make_connections(listener, 1);
                        made += 1;
                    }
                    _ => std::thread::yield_now(),
                }
            }
        });
        Self { allowed }
    }
}

/// Also where a test fails: a scope waits for its threads.
impl Drop for Traffic<'_> {
    fn drop(&mut self) {
        self.allowed.store(0, Ordering::Relaxed);
    }
}

/// Watching begins while connections come and go: none has a gap or a step twice, wherever it was just then.
#[test]
fn watching_begins_amid_traffic() {
    /// More than are made until the probes are attached on a busy machine.
    const MEANWHILE: usize = 60_000;
    /// With all that they tell, and the events of what is awaited.
    const RING_BYTES: u32 = 1 << 27;
    isolated(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        for _ in 0..3 {
            let allowed = AtomicUsize::new(MEANWHILE);
            let mut watch = std::thread::scope(|scope| {
                let traffic = Traffic::start(scope, &listener, &allowed);
                let mut watch =
                    Watch::with(EventOptions { ring_bytes: RING_BYTES, ..EventOptions::default() });
                // Some of them begin after this.
                allowed.fetch_add(200, Ordering::Relaxed);
                let is_new = |report: &Report| matches!(report, Report::Change(change) if change.change.to == State::SynSent);
                let mut count = 0;
                watch.until("some whole connections", |report| {
                    count += usize::from(is_new(report));
                    count == 50
                });
                drop(traffic);
                watch
            });
            assert!(!watch.events().any(|event| matches!(event, Event::Lost(_))), "events were lost");
            watch.catch_up();
            let mut state: HashMap<SocketId, State> = HashMap::new();
            for report in &watch.reports {
                match report {
                    Report::Existing(one) => {
                        assert_eq!(state.insert(one.socket, one.state), None, "told twice: {one:?}");
                    }
                    Report::Change(Change { change, .. }) => {
                        let before = state.insert(change.socket, change.to);
                        let is_first = matches!(change.from, State::Closed | State::Listen);
                        assert!(
                            before == Some(change.from) || (before.is_none() && is_first),
                            "{before:?} {change:?}"
                        );
                    }
                    _ => {}
                }
            }
            assert!(state.values().any(|state| *state == State::TimeWait));
        }
    });
}

/// What does not fit into the ring is counted: nothing of it is missing in silence.
#[test]
fn what_is_lost_is_counted() {
    /// A ring of 64 KiB holds the events of some 50 of them.
    const MANY: usize = 500;
    isolated(|| {
        let namespace = u32::try_from(Namespace::Current.inode().unwrap()).unwrap();
        let options =
            EventOptions { namespaces: vec![namespace], ring_bytes: 1 << 16, ..EventOptions::default() };
        // At each event the one that was opened first is told first.
        let mut small = Events::open(&options).unwrap();
        let mut large = Events::open(&EventOptions { ring_bytes: 1 << 24, ..options }).unwrap();
        make_connections(&TcpListener::bind("127.0.0.1:0").unwrap(), MANY);
        // On a busy machine the kernel is not done with the last ones yet, though their processes are. The last thing
        // that happens to a connection is that the client hears that its FIN has arrived; the listener is gone already.
        let (mut all, mut ended) = (0, 0);
        let begun = Instant::now();
        while ended < MANY {
            assert!(begun.elapsed() < PATIENCE, "only {ended} have ended");
            large
                .poll(Some(Duration::from_millis(100)), |event| {
                    assert!(!matches!(event, Event::Lost(_)), "the large ring holds everything");
                    all += 1;
                    ended += usize::from(matches!(
                        event,
                        Event::Changed(Changed { from: State::LastAck, to: State::Closed, .. })
                    ));
                })
                .unwrap();
        }
        let (mut told, mut lost) = (0, 0);
        let mut count = |event| match event {
            Event::Lost(loss) => lost += loss.count,
            _ => told += 1,
        };
        while small.poll(Some(Duration::ZERO), &mut count).unwrap() != Polled::TimedOut {}
        assert!(lost > 0);
        assert_eq!(told + lost, all);
    });
}
