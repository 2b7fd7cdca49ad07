//! Live captures. They need the right to capture: without it these tests say so and pass, unless in CI, where they fail.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic, in its helpers as well")]

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use synfin_capture::{
    Direction, Interface, LinkType, Live, LiveError, LiveOptions, LossCause, Poll, Reader, TimeResolution,
    Writer, interfaces,
};

/// Longer than any wait that is needed: reaching it is a failure.
const LONG: Duration = Duration::from_secs(10);

/// Opens, or says why that is skipped.
fn open(options: &LiveOptions) -> Option<Live> {
    match Live::open(options) {
        Ok(live) => Some(live),
        Err(e @ LiveError::NoPermission { .. }) => {
            assert!(std::env::var_os("CI").is_none(), "{e}");
            println!("skipped: {e}");
            None
        }
        Err(e) => panic!("{e}"),
    }
}

/// Two sockets on loopback, and the filter that sees only what passes between them.
fn sockets() -> (UdpSocket, UdpSocket, String) {
    let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
    let (from, to) = (bind(), bind());
    from.connect(to.local_addr().unwrap()).unwrap();
    let filter = format!("udp and dst port {}", to.local_addr().unwrap().port());
    (from, to, filter)
}

fn on(interface: &str, filter: String) -> LiveOptions {
    LiveOptions { filter, ..LiveOptions::new(interface) }
}

/// The last four bytes: the number that was sent.
fn payload(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(*bytes.last_chunk().unwrap())
}

#[test]
fn nothing_from_before_the_stop_is_lost_and_nothing_follows() {
    for immediate in [false, true] {
        let (from, _to, filter) = sockets();
        let Some(mut live) = open(&LiveOptions { immediate, ..on("lo", filter) }) else { return };
        // Fewer than an immediate capture has room for.
        for n in 0..100u32 {
            from.send(&n.to_be_bytes()).unwrap();
        }
        let stopper = live.stopper();
        std::thread::spawn(move || stopper.stop()).join().unwrap();
        for n in 1_000..1_020u32 {
            from.send(&n.to_be_bytes()).unwrap();
        }
        // All of this was in the ring before the first frame is taken out.
        let mut seen = Vec::new();
        loop {
            match live.next_record(LONG).unwrap() {
                Poll::Frame(record) => {
                    assert_eq!(record.frame.number, seen.len() as u64 + 1);
                    assert_eq!(record.frame.original_len, 14 + 20 + 8 + 4);
                    seen.push(payload(record.frame.bytes));
                }
                Poll::Idle => panic!("idle after a stop"),
                Poll::End => break,
            }
        }
        assert_eq!(seen, (0..100).collect::<Vec<u32>>());
        assert!(matches!(live.next_record(LONG).unwrap(), Poll::End));
        assert_eq!(live.poll_loss(), None);
    }
}

#[test]
fn waiting_ends_with_the_time_and_with_a_stop() {
    let (_from, _to, filter) = sockets();
    let Some(mut live) = open(&on("lo", filter)) else { return };
    assert!(matches!(live.next_record(Duration::ZERO).unwrap(), Poll::Idle));
    assert!(matches!(live.next_record(Duration::from_millis(5)).unwrap(), Poll::Idle));
    let stopper = live.stopper();
    let thread = std::thread::spawn(move || stopper.stop());
    assert!(matches!(live.next_record(Duration::from_secs(3600)).unwrap(), Poll::End));
    thread.join().unwrap();
}

#[test]
fn stamps_are_those_of_the_clock_and_in_nanoseconds() {
    let (from, _to, filter) = sockets();
    let Some(mut live) = open(&on("lo", filter)) else { return };
    assert_eq!(live.resolution(), TimeResolution::NANOSECONDS);
    assert_eq!(live.link(), LinkType::ETHERNET);
    let now =
        || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let before = now();
    from.send(b"abcd").unwrap();
    let Poll::Frame(record) = live.next_record(LONG).unwrap() else { panic!("no frame") };
    assert!((before..=now()).contains(&record.frame.at_ns));
    assert_eq!(record.interface.name.as_deref(), Some("lo"));
}

#[test]
fn loopback_traffic_is_seen_once_on_any() {
    let (from, _to, filter) = sockets();
    let Some(mut live) = open(&LiveOptions { promiscuous: true, ..on("any", filter) }) else { return };
    assert_eq!(live.link(), LinkType::LINUX_SLL2);
    from.send(b"abcd").unwrap();
    live.stopper().stop();
    let Poll::Frame(record) = live.next_record(LONG).unwrap() else { panic!("no frame") };
    assert_eq!(record.interface.name.as_deref(), Some("lo"));
    assert_eq!(record.frame.direction, Some(Direction::Inbound));
    assert!(matches!(live.next_record(LONG).unwrap(), Poll::End));
    let names: Vec<_> = live.interfaces().iter().map(|interface| interface.name.clone().unwrap()).collect();
    assert_eq!(names, ["any", "lo"]);
}

/// Runs one test of this binary again, in a network namespace of its own. `true`: this is it.
fn in_namespace(test: &str) -> bool {
    if std::env::var_os("SYNFIN_IN_NAMESPACE").is_some() {
        return true;
    }
    if open(&LiveOptions::new("lo")).is_none() {
        return false;
    }
    let me = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    command.arg("-n").arg(me).args(["--exact", test, "--nocapture"]);
    let status = command.env("SYNFIN_IN_NAMESPACE", "1").status().unwrap();
    assert!(status.success());
    false
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

#[test]
fn any_knows_direction_and_interface() {
    if !in_namespace("any_knows_direction_and_interface") {
        return;
    }
    ip("link add v0 type veth peer name v1");
    ip("addr add 10.9.0.1/24 dev v0");
    ip("link set v0 up");
    ip("link set v1 up");
    ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0");
    let Some(mut live) = open(&on("any", "udp and port 4000".to_owned())) else { return };
    let from = UdpSocket::bind("10.9.0.1:0").unwrap();
    from.send_to(b"abcd", "10.9.0.2:4000").unwrap();
    let mut seen = BTreeMap::new();
    for _ in 0..2 {
        let Poll::Frame(record) = live.next_record(LONG).unwrap() else { panic!("no frame") };
        seen.insert(record.interface.name.clone().unwrap(), record.frame.direction);
    }
    let expected = [("v0", Direction::Outbound), ("v1", Direction::Inbound)];
    assert_eq!(seen, BTreeMap::from(expected.map(|(name, direction)| (name.to_owned(), Some(direction)))));
}

#[test]
fn an_interface_that_goes_away_is_an_error() {
    if !in_namespace("an_interface_that_goes_away_is_an_error") {
        return;
    }
    ip("link add v0 type veth peer name v1");
    let e = Live::open(&LiveOptions::new("v0")).err().unwrap();
    assert!(matches!(e, LiveError::InterfaceDown { .. }), "{e:?}");
    ip("link set v0 up");
    let Some(mut live) = open(&LiveOptions::new("v0")) else { return };
    // Down for a while is no error: there are no packets, that is all.
    ip("link set v0 down");
    while let Poll::Frame(_) = live.next_record(Duration::from_millis(20)).unwrap() {}
    ip("link set v0 up");
    ip("link del v0");
    let e = loop {
        match live.next_record(LONG) {
            Ok(Poll::Frame(_)) => {}
            Ok(poll) => panic!("{poll:?}"),
            Err(e) => break e,
        }
    };
    assert!(matches!(e, LiveError::InterfaceGone { .. }), "{e:?}");
}

#[test]
fn what_the_buffer_could_not_hold_is_counted() {
    let (from, _to, filter) = sockets();
    let small = LiveOptions { buffer_bytes: 1 << 18, snap_len: 2_000, ..on("lo", filter) };
    let Some(mut live) = open(&small) else { return };
    let sent = 5_000u64;
    for _ in 0..sent {
        from.send(&[0; 1_400]).unwrap();
    }
    live.stopper().stop();
    let mut seen = 0;
    while let Poll::Frame(_) = live.next_record(LONG).unwrap() {
        seen += 1;
    }
    let loss = live.poll_loss().unwrap();
    assert_eq!(loss.cause, LossCause::CaptureBuffer);
    // On loopback the kernel counts each packet on its way out and on its way in; libpcap shows one of them.
    assert!(seen < sent && (sent..2 * sent).contains(&(seen + loss.count)), "{seen} seen, {loss:?}");
    assert!(loss.at_ns > 0);
    assert_eq!(live.poll_loss(), None);
}

#[test]
fn frames_are_cut_at_the_snap_length() {
    let (from, _to, filter) = sockets();
    let Some(mut live) = open(&LiveOptions { snap_len: 60, ..on("lo", filter) }) else { return };
    from.send(&[0; 1_000]).unwrap();
    let Poll::Frame(record) = live.next_record(LONG).unwrap() else { panic!("no frame") };
    assert_eq!((record.frame.bytes.len(), record.frame.original_len), (60, 1_042));
}

#[test]
fn a_capture_can_be_written_while_it_runs() {
    let (from, _to, filter) = sockets();
    let Some(mut live) = open(&on("lo", filter)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.pcapng");
    let mut writer = Writer::create(&path).unwrap();
    from.send(b"abcd").unwrap();
    let Poll::Frame(record) = live.next_record(LONG).unwrap() else { panic!("no frame") };
    writer.write(&record).unwrap();
    writer.flush().unwrap();
    // Not finished yet, and readable.
    let mut reader = Reader::open(&path).unwrap();
    let read = reader.next_record().unwrap().unwrap();
    assert_eq!(read.frame.bytes.last_chunk(), Some(b"abcd"));
    let lo = Interface { name: Some("lo".to_owned()), ..live.interfaces()[0].clone() };
    assert_eq!(*read.interface, lo);
    assert!(reader.next_record().unwrap().is_none());
    assert_eq!(reader.poll_loss(), None);
}

#[test]
fn errors_say_what_it_was() {
    let Some(_) = open(&LiveOptions::new("lo")) else { return };
    match Live::open(&LiveOptions::new("nosuch0")).err().unwrap() {
        LiveError::NoSuchInterface { interface, available } => {
            assert_eq!(interface, "nosuch0");
            assert!(available.iter().any(|name| name == "lo"), "{available:?}");
        }
        e => panic!("{e:?}"),
    }
    let e = Live::open(&on("lo", "tcp prot 80".to_owned())).err().unwrap();
    assert!(matches!(e, LiveError::Filter(_)), "{e:?}");
    let e = Live::open(&LiveOptions { buffer_bytes: u32::MAX, ..LiveOptions::new("lo") }).err().unwrap();
    assert!(matches!(e, LiveError::Option { .. }), "{e:?}");
}

#[test]
fn loopback_and_any_are_listed() {
    let all = interfaces().unwrap();
    let lo = all.iter().find(|available| available.name == "lo").unwrap();
    assert!(lo.is_loopback);
    assert!(all.iter().any(|available| available.name == "any"));
}
