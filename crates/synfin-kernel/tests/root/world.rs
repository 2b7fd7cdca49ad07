//! A network namespace of its own, and someone who watches it.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use rustix::thread::UnshareFlags;
use synfin_kernel::{Change, Event, EventOptions, Report, Session, SessionOptions};
use synfin_wire::State;

/// Longer than anything here takes, on a busy machine too: to fail, and not to hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test in a network namespace with nothing but a loopback interface.
pub(crate) fn isolated(test: impl FnOnce() + Send + 'static) {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "these tests need root");
        println!("skipped: needs root");
        return;
    }
    let run = move || {
        #[expect(
            unsafe_code,
            reason = "rustix marks unshare of files and memory, which is not asked for here"
        )]
        // SAFETY: only the network namespace is unshared; nothing of this thread's memory or files changes.
        unsafe {
            rustix::thread::unshare_unsafe(UnshareFlags::NEWNET).expect("a network namespace");
        }
        ip("link set lo up");
        test();
    };
    if let Err(panic) = std::thread::spawn(run).join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` in this thread's namespace.
pub(crate) fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("ip (iproute2)");
    assert!(status.success(), "ip {arguments}");
}

/// Sets a kernel parameter of this thread's namespace.
pub(crate) fn sysctl(name: &str, value: &str) {
    // The child is born into the namespace of this thread.
    let status = Command::new("sh")
        .args(["-c", &format!("echo {value} > /proc/sys/net/ipv4/{name}")])
        .status()
        .expect("sh");
    assert!(status.success(), "{name} = {value}");
}

/// Watches this thread's namespace.
pub(crate) struct Watch {
    session: Session,
    pub(crate) reports: Vec<Report>,
}

impl Watch {
    pub(crate) fn begin() -> Self {
        Self::with(EventOptions::default())
    }

    pub(crate) fn with(events: EventOptions) -> Self {
        let session = Session::open(&SessionOptions { events, ..SessionOptions::default() }).unwrap();
        let missing: Vec<_> = session.report().iter().filter(|probe| !probe.is_working()).collect();
        assert!(missing.is_empty(), "{missing:?}");
        Self { session, reports: Vec::new() }
    }

    /// Looks until something has happened.
    pub(crate) fn until(&mut self, what: &str, mut has_happened: impl FnMut(&Report) -> bool) {
        let begun = Instant::now();
        if self.reports.iter().any(&mut has_happened) {
            return;
        }
        let mut is_done = false;
        while !is_done {
            assert!(begun.elapsed() < PATIENCE, "never came: {what}; came: {:#?}", self.reports);
            self.session
                .poll(Some(Duration::from_millis(100)), |report| {
                    is_done |= has_happened(&report);
                    self.reports.push(report);
                })
                .unwrap();
        }
    }

    /// Looks until the endpoint at this address has come to this state. A listener of the same address does not count.
    pub(crate) fn until_state(&mut self, local: SocketAddr, state: State) {
        self.until(&format!("{local} in {state}"), |report| {
            matches!(report, Report::Change(Change { change, .. })
                if change.local == local && change.to == state && change.remote.port() != 0)
        });
    }

    /// Looks until all that has happened so far is told: a listener that comes now comes after it.
    pub(crate) fn catch_up(&mut self) {
        let last = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = last.local_addr().unwrap();
        drop(last);
        self.until("a listener come and gone", |report| {
            matches!(report, Report::Change(Change { change, .. })
                if change.local == address && change.to == State::Closed)
        });
        self.reports.retain(|report| match report {
            Report::Change(change) => change.change.local != address,
            _ => true,
        });
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.reports
            .iter()
            .filter_map(|report| if let Report::Change(change) = report { Some(change) } else { None })
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.reports
            .iter()
            .filter_map(|report| if let Report::Event(event) = report { Some(event) } else { None })
    }

    /// The states that the endpoint of this address went through, one socket after the other; an inferred one in brackets,
    /// and in the end why.
    pub(crate) fn chain(&self, local: SocketAddr) -> String {
        let mut sockets: Vec<Vec<&Change>> = Vec::new();
        for change in self.changes().filter(|change| change.change.local == local) {
            // A listener of this address is not one of its connections.
            if change.change.to != State::Listen && change.change.remote.port() != 0 {
                match sockets.iter_mut().find(|changes| changes[0].change.socket == change.change.socket) {
                    Some(changes) => changes.push(change),
                    None => sockets.push(vec![change]),
                }
            }
        }
        let chains: Vec<_> = sockets.iter().map(|changes| chain(changes)).collect();
        chains.join(" | ")
    }
}

/// Each step must begin where the one before ended.
pub(crate) fn chain(changes: &[&Change]) -> String {
    let mut text = changes.first().map_or_else(String::new, |first| first.change.from.to_string());
    for pair in changes.windows(2) {
        if pair[0].change.to != pair[1].change.from {
            text += " BROKEN";
        }
    }
    for change in changes {
        text += &match change.change.is_inferred {
            false => format!(" {}", change.change.to),
            true => format!(" [{}]", change.change.to),
        };
    }
    if let Some(why) = changes.last().and_then(|change| change.why) {
        text += &format!(
            " {}",
            match why {
                synfin_kernel::Why::ResetSent(reason) => format!("(reset sent: {reason})"),
                synfin_kernel::Why::ResetReceived => "(reset received)".into(),
                synfin_kernel::Why::Error(number) => format!("(error {number})"),
                other => format!("({other:?})").to_lowercase(),
            }
        );
    }
    text
}

/// A connection over loopback, and what watches it.
pub(crate) struct Pair {
    pub(crate) watch: Watch,
    pub(crate) listener: TcpListener,
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
    pub(crate) client_address: SocketAddr,
    pub(crate) server_address: SocketAddr,
}

impl Pair {
    pub(crate) fn connect() -> Self {
        Self::connect_to("127.0.0.1:0")
    }

    pub(crate) fn connect_to(address: &str) -> Self {
        let watch = Watch::begin();
        let listener = TcpListener::bind(address).unwrap();
        let server_address = listener.local_addr().unwrap();
        let client = TcpStream::connect(server_address).unwrap();
        let (server, client_address) = listener.accept().unwrap();
        Self { watch, listener, client, server, client_address, server_address }
    }
}
