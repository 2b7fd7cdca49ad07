//! The fusing rules, with events made by hand.

use std::net::SocketAddr;

use proptest::prelude::*;
use synfin_wire::{ProcessName, tcp::Flags};

use super::*;
use crate::{
    Reason, Socket,
    event::{Counters, Dropped, ResetSent, Task, TimeWaitSegment},
};

const SECOND: u64 = 1_000_000_000;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A socket of the client's side, at so many nanoseconds.
fn client(at_ns: u64) -> Subject {
    Subject {
        at_ns,
        socket: SocketId { namespace: 1, cookie: 7 },
        local: address("10.0.0.1:40000"),
        remote: address("10.0.0.2:80"),
    }
}

/// The socket at the other end, on the same machine.
fn server(at_ns: u64) -> Subject {
    let Subject { local, remote, .. } = client(at_ns);
    Subject { at_ns, socket: SocketId { namespace: 1, cookie: 8 }, local: remote, remote: local }
}

fn task(pid: u32) -> Task {
    Task { process: Process { pid, name: ProcessName::new(b"someone") }, cgroup: 1 }
}

fn changed(subject: Subject, from: State, to: State) -> Changed {
    Changed {
        subject,
        from,
        to,
        task: None,
        error: 0,
        is_fin_received: false,
        is_orphan: false,
        is_time_wait_full: false,
        handshake_ns: None,
        counters: None,
    }
}

fn change(subject: Subject, from: State, to: State) -> Event {
    Event::Changed(changed(subject, from, to))
}

fn run(events: impl IntoIterator<Item = Event>) -> (Tracker, Vec<Report>) {
    let mut tracker = Tracker::default();
    events.into_iter().for_each(|event| tracker.handle_event(event));
    let reports = tracker.flush().collect();
    (tracker, reports)
}

/// A line a report.
fn text(reports: &[Report]) -> Vec<String> {
    let line = |report: &Report| match report {
        Report::Existing(one) => format!("{} is {}", one.socket.cookie, one.state),
        Report::Change(Change { change, why, .. }) => {
            let seen = if change.is_inferred { " inferred" } else { "" };
            let why = why.map(|why| format!(" {why:?}")).unwrap_or_default();
            format!("{} {} {} → {}{seen}{why}", change.at_ns, change.socket.cookie, change.from, change.to)
        }
        Report::Owner(owner) => format!("{} is {}'s", owner.socket.cookie, owner.process.pid),
        Report::Event(_) => "event".into(),
    };
    reports.iter().map(line).collect()
}

/// The process of each change.
fn owners(reports: &[Report]) -> Vec<Option<u32>> {
    let owner = |report: &Report| match report {
        Report::Change(change) => Some(change.change.process.map(|process| process.pid)),
        _ => None,
    };
    reports.iter().filter_map(owner).collect()
}

fn listed(subject: Subject, state: State) -> Socket {
    Socket {
        id: subject.socket,
        is_ipv6: false,
        local: subject.local,
        remote: subject.remote,
        state,
        timer: None,
        receive_queue: 0,
        send_queue: 0,
        uid: 0,
        inode: 0,
        interface: 0,
        cgroup: None,
        info: None,
    }
}

fn snapshot(ended_ns: u64, sockets: Vec<Socket>) -> Snapshot {
    Snapshot { namespace: 1, started_ns: 0, ended_ns, sockets, unknown: 0 }
}

/// Closing of a client that closes first and whose process is gone before the FIN comes.
fn handed_over(at_ns: u64) -> [Event; 3] {
    [
        change(client(at_ns), State::Established, State::FinWait1),
        change(client(at_ns + 1), State::FinWait1, State::FinWait2),
        change(client(at_ns + 2), State::FinWait2, State::Closed),
    ]
}

#[test]
fn events_of_several_processors_are_sorted() {
    let (_, reports) = run([
        change(client(30), State::Established, State::CloseWait),
        change(server(20), State::Established, State::FinWait1),
        change(client(10), State::SynSent, State::Established),
    ]);
    let times: Vec<_> = reports
        .iter()
        .filter_map(
            |report| if let Report::Change(change) = report { Some(change.change.at_ns) } else { None },
        )
        .collect();
    assert_eq!(times, [10, 20, 30]);
}

#[test]
fn an_event_waits_for_those_before_it() {
    let mut tracker = Tracker::default();
    let hold_back = TrackerOptions::default().hold_back_ns;
    tracker.handle_event(change(client(100), State::Closed, State::Listen));
    assert_eq!(tracker.poll_timeout(), Some(100 + hold_back));
    assert_eq!(tracker.poll(99 + hold_back), None);
    assert!(tracker.poll(100 + hold_back).is_some());
}

#[test]
fn syn_sent_is_told_with_its_port_and_at_its_time() {
    let portless = Subject { local: address("10.0.0.1:0"), ..client(10) };
    let (_, reports) = run([
        change(portless, State::Closed, State::SynSent),
        change(client(20), State::SynSent, State::Established),
    ]);
    assert_eq!(text(&reports), ["10 7 CLOSED → SYN-SENT", "20 7 SYN-SENT → ESTABLISHED"]);
    let Report::Change(first) = reports[0] else { panic!() };
    assert_eq!(first.change.local.port(), 40000);
}

#[test]
fn the_port_is_kept_when_closing_has_cleared_it() {
    let portless = Subject { local: address("10.0.0.1:0"), ..client(20) };
    let (_, reports) = run([
        change(client(10), State::SynSent, State::Established),
        change(portless, State::Established, State::Closed),
    ]);
    let Some(Report::Change(last)) = reports.last() else { panic!() };
    assert_eq!((last.change.local.port(), last.change.to), (40000, State::Closed));
}

#[test]
fn closed_without_a_fin_is_not_time_wait() {
    let (_, reports) = run(handed_over(10));
    assert_eq!(
        text(&reports),
        ["7 is ESTABLISHED", "10 7 ESTABLISHED → FIN-WAIT-1", "11 7 FIN-WAIT-1 → FIN-WAIT-2",]
    );
}

#[test]
fn a_fin_heard_by_the_small_socket_begins_time_wait() {
    let fin = TimeWaitSegment {
        subject: client(20),
        state: State::TimeWait,
        is_destroyed: false,
        flags: Flags::FIN | Flags::ACK,
    };
    let (_, reports) = run(handed_over(10)
        .into_iter()
        .chain([Event::TimeWaitSegment(fin), Event::TimeWaitExpired(client(60 * SECOND), State::TimeWait)]));
    let text = text(&reports);
    assert_eq!(text[3..], ["20 7 FIN-WAIT-2 → TIME-WAIT", "60000000000 7 TIME-WAIT → CLOSED Expired"]);
}

/// Before Linux 6.11 a dropped packet does not name who heard it.
#[test]
fn where_the_kernel_does_not_tell_who_heard_the_fin_it_is_inferred() {
    let subject = Subject { at_ns: 20, socket: SocketId { namespace: 1, cookie: 0 }, ..server(20) };
    let reason = Reason { number: 2, name: None };
    let fin = Event::Dropped(Dropped { subject, flags: Flags::FIN | Flags::ACK, seq: 1, reason });
    let (_, reports) = run(handed_over(10).into_iter().chain([fin]));
    assert_eq!(text(&reports)[3..], ["20 7 FIN-WAIT-2 → TIME-WAIT inferred"]);
}

/// An orphan that is given up sends a reset, just before or just after it closes.
#[test]
fn an_orphan_that_is_given_up_was_never_in_time_wait() {
    let why = Reason { number: 14, name: Some("TCP_STATE") };
    for at_ns in [12, 14] {
        let reset = ResetSent { subject: client(at_ns), state: None, reason: why };
        let (tracker, reports) = run(handed_over(10).into_iter().chain([Event::ResetSent(reset)]));
        let ends =
            text(&reports).into_iter().filter(|line| line.contains("FIN-WAIT-2 → CLOSED ResetSent")).count();
        assert_eq!(ends, 1, "{:?}", text(&reports));
        assert!(tracker.is_empty());
    }
}

#[test]
fn an_unseen_request_is_inferred_from_the_first_round_trip() {
    let opened =
        Changed { handshake_ns: Some(30), ..changed(server(100), State::SynReceived, State::Established) };
    let (_, reports) = run([Event::Changed(opened)]);
    assert_eq!(text(&reports), ["70 8 LISTEN → SYN-RECEIVED inferred", "100 8 SYN-RECEIVED → ESTABLISHED"]);
}

#[test]
fn a_snapshot_and_events_join_without_a_gap_or_a_double() {
    let quiet = Subject { socket: SocketId { namespace: 1, cookie: 9 }, ..client(0) };
    let mut tracker = Tracker::default();
    // The list saw the client after this change, and a quiet socket of which nothing is told.
    tracker.handle_event(change(client(10), State::Established, State::CloseWait));
    tracker.handle_snapshot(
        &snapshot(20, vec![listed(client(0), State::CloseWait), listed(quiet, State::Established)]),
        &Processes::default(),
    );
    // This one took place before the list was ready, but was told too late.
    tracker.handle_event(change(Subject { at_ns: 15, ..quiet }, State::SynSent, State::Established));
    tracker.handle_event(change(client(30), State::CloseWait, State::LastAck));
    let reports: Vec<_> = tracker.flush().collect();
    assert_eq!(
        text(&reports),
        [
            "9 is ESTABLISHED",
            "7 is ESTABLISHED",
            "10 7 ESTABLISHED → CLOSE-WAIT",
            "30 7 CLOSE-WAIT → LAST-ACK",
        ]
    );
}

#[test]
fn another_snapshot_mends_what_a_loss_has_broken() {
    let mut tracker = Tracker::default();
    tracker.handle_event(change(client(10), State::Established, State::FinWait1));
    tracker.handle_event(change(server(10), State::Established, State::CloseWait));
    tracker.flush().for_each(drop);
    tracker.handle_snapshot(&snapshot(20, vec![listed(server(0), State::LastAck)]), &Processes::default());
    let mut reports: Vec<_> = text(&tracker.flush().collect::<Vec<_>>());
    reports.sort();
    assert_eq!(reports, ["20 7 FIN-WAIT-1 → CLOSED inferred", "20 8 CLOSE-WAIT → LAST-ACK inferred",]);
    assert_eq!(tracker.len(), 1);
}

#[test]
fn an_owner_learned_later_owns_what_came_before() {
    let opened = changed(server(10), State::SynReceived, State::Established);
    let (_, reports) = run([Event::Changed(opened), Event::Owner(server(20), task(42))]);
    for report in &reports {
        if let Report::Change(change) = report {
            assert_eq!(change.change.process.map(|process| process.pid), Some(42));
        }
    }
}

#[test]
fn until_a_worker_is_known_the_listener_owns_the_connection() {
    let listener = Subject {
        socket: SocketId { namespace: 1, cookie: 1 },
        local: address("0.0.0.0:80"),
        remote: address("0.0.0.0:0"),
        ..server(5)
    };
    let elsewhere = Subject { socket: SocketId { namespace: 2, cookie: 2 }, ..listener };
    let listens = |subject, pid| {
        Event::Changed(Changed { task: Some(task(pid)), ..changed(subject, State::Closed, State::Listen) })
    };
    let (tracker, _) = run([
        listens(listener, 41),
        // The same address in another namespace is another one.
        listens(elsewhere, 51),
        Event::RequestCreated(server(10)),
    ]);
    assert_eq!(tracker.owner(server(0).socket).map(|process| process.pid), Some(41));
}

/// Between fork and exec a child holds all its parent's sockets; if the parent closes one then, the child closes it last.
#[test]
fn who_closes_last_need_not_be_the_owner() {
    let by = |pid, from, to, at_ns| {
        Event::Changed(Changed { task: Some(task(pid)), ..changed(client(at_ns), from, to) })
    };
    let (_, reports) = run([
        by(1, State::Closed, State::SynSent, 10),
        by(1, State::SynSent, State::Established, 20),
        by(2, State::Established, State::FinWait1, 30),
    ]);
    let Some(Report::Change(last)) = reports.last() else { panic!() };
    assert_eq!(last.change.process.map(|process| process.pid), Some(1));
}

/// What waits to be accepted ends with its listener, a moment after it.
#[test]
fn a_listener_that_is_gone_still_owns_what_it_never_accepted() {
    let listener = Subject {
        socket: SocketId { namespace: 1, cookie: 1 },
        local: address("0.0.0.0:80"),
        remote: address("0.0.0.0:0"),
        ..server(5)
    };
    let listens = Changed { task: Some(task(41)), ..changed(listener, State::Closed, State::Listen) };
    let (_, reports) = run([
        Event::Changed(listens),
        Event::RequestCreated(server(10)),
        change(server(20), State::SynReceived, State::Established),
        change(Subject { at_ns: 30, ..listener }, State::Listen, State::Closed),
        change(server(31), State::Established, State::Closed),
    ]);
    assert_eq!(owners(&reports), [Some(41); 5]);
}

/// One socket connects again and again, faster than events are told of.
#[test]
fn who_connects_again_with_the_same_socket_is_its_owner_again() {
    let connects = |at_ns, pid| Event::Connecting(client(at_ns), task(pid));
    let fails = |at_ns| change(client(at_ns), State::SynSent, State::Closed);
    let (tracker, reports) =
        run([connects(10, 41), fails(20), connects(30, 41), fails(40), connects(50, 41), fails(60)]);
    assert_eq!(owners(&reports), [Some(41); 6]);
    assert!(tracker.sockets.is_empty());
}

#[test]
fn a_new_connection_ends_the_old_ones_time_wait() {
    let closing = Changed { is_fin_received: true, ..changed(server(10), State::FinWait2, State::Closed) };
    let next = Subject { socket: SocketId { namespace: 1, cookie: 99 }, ..server(20) };
    let other_namespace = Subject { socket: SocketId { namespace: 2, cookie: 100 }, ..server(15) };
    let (_, reports) =
        run([Event::Changed(closing), Event::RequestCreated(other_namespace), Event::RequestCreated(next)]);
    assert_eq!(
        text(&reports),
        [
            "8 is FIN-WAIT-2",
            "10 8 FIN-WAIT-2 → TIME-WAIT",
            "15 100 LISTEN → SYN-RECEIVED",
            "20 8 TIME-WAIT → CLOSED Reused",
            "20 99 LISTEN → SYN-RECEIVED",
        ]
    );
}

/// Without the kernel's timers TIME-WAIT ends by the clock; a segment that it hears begins it anew.
#[test]
fn time_wait_ends_by_itself() {
    let closing = Changed { is_fin_received: true, ..changed(client(0), State::FinWait2, State::Closed) };
    let heard = TimeWaitSegment {
        subject: client(30 * SECOND),
        state: State::TimeWait,
        is_destroyed: false,
        flags: Flags::FIN | Flags::ACK,
    };
    let mut tracker = Tracker::default();
    tracker.handle_event(Event::Changed(closing));
    tracker.handle_event(Event::TimeWaitSegment(heard));
    let mut until = |now_ns| std::iter::from_fn(|| tracker.poll(now_ns)).collect::<Vec<_>>();
    assert_eq!(text(&until(89 * SECOND)), ["7 is FIN-WAIT-2", "0 7 FIN-WAIT-2 → TIME-WAIT"]);
    assert_eq!(text(&until(120 * SECOND)), ["90000000000 7 TIME-WAIT → CLOSED inferred Expired"]);
    assert!(tracker.is_empty());
}

#[test]
fn the_counters_come_with_the_last_change() {
    let counters = Counters { bytes_sent: 5, ..Counters::default() };
    let closing = Changed {
        is_fin_received: true,
        counters: Some(counters),
        ..changed(client(10), State::FinWait2, State::Closed)
    };
    let (_, reports) = run([Event::Changed(closing)]);
    let Some(Report::Change(last)) = reports.last() else { panic!() };
    assert_eq!((last.change.to, last.counters), (State::TimeWait, Some(counters)));
}

#[test]
fn memory_is_bounded() {
    let mut tracker = Tracker::new(TrackerOptions { max_sockets: 10, ..TrackerOptions::default() });
    for cookie in 1..=100 {
        let local = SocketAddr::new(client(0).local.ip(), u16::try_from(cookie).unwrap());
        let subject = Subject { socket: SocketId { namespace: 1, cookie }, local, ..client(cookie) };
        let closing = Changed { is_fin_received: true, ..changed(subject, State::FinWait2, State::Closed) };
        tracker.handle_event(Event::Changed(closing));
    }
    tracker.flush().for_each(drop);
    assert!(tracker.len() <= 10 && tracker.forgotten() >= 90, "{}", tracker.len());
}

fn any_event() -> impl Strategy<Value = Event> {
    let state = prop::sample::select(&State::ALL[..]);
    // FIN-WAIT-2 twice, since most rules are about it.
    let states = (prop_oneof![state.clone(), Just(State::FinWait2)], state);
    (0..13_u8, 1..4_u64, 0..3_u16, 0..1_000_u64, states, any::<bool>()).prop_map(
        |(kind, cookie, port, at_ns, (from, to), flag)| {
            let mut subject = client(at_ns);
            subject.socket.cookie = cookie;
            subject.local.set_port(port);
            let reason = Reason { number: 1, name: None };
            let flags = if flag { Flags::RST } else { Flags::FIN };
            match kind {
                0..5 => Event::Changed(Changed {
                    is_fin_received: flag,
                    task: flag.then(|| task(1)),
                    ..changed(subject, from, to)
                }),
                5 => Event::Connecting(subject, task(1)),
                6 => Event::RequestCreated(subject),
                7 => Event::RequestExpired(subject),
                8 => Event::Owner(subject, task(2)),
                9 => Event::ResetSent(ResetSent { subject, state: None, reason }),
                10 => Event::Dropped(Dropped { subject, flags, seq: 1, reason }),
                11 => {
                    Event::TimeWaitSegment(TimeWaitSegment { subject, state: to, is_destroyed: flag, flags })
                }
                _ => Event::TimeWaitExpired(subject, from),
            }
        },
    )
}

proptest! {
    /// However the kernel's words are lost and mixed up: nothing panics, and when all sockets are closed nothing is left.
    #[test]
    fn nothing_is_left_behind(events in prop::collection::vec(any_event(), 0..60)) {
        let (mut tracker, _) = run(events);
        for cookie in 1..4 {
            let mut subject = client(2_000);
            subject.socket.cookie = cookie;
            tracker.handle_event(change(subject, State::Established, State::Closed));
        }
        tracker.flush().for_each(drop);
        while tracker.poll(10_000 * SECOND).is_some() {}
        prop_assert!(tracker.is_empty(), "{tracker:?}");
        prop_assert!(tracker.sockets.is_empty() && tracker.small.is_empty() && tracker.listeners.is_empty(), "{tracker:?}");
        prop_assert!(tracker.time_wait_deadlines.is_empty() && tracker.request_deadlines.is_empty());
    }
}
