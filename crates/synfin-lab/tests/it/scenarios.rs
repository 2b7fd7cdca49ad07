//! Each ready scenario shows what it says, as RFC 9293 and its companions have it.

use synfin_flow::Close;
use synfin_lab::{Scenario, ready};
use synfin_tcp::ConnectionError;
use synfin_wire::State::{
    CloseWait, Closed, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived, SynSent, TimeWait,
};
use synfin_wire::{Side, Source};

use crate::run::{Ran, ready, segment, toml};

/// RFC 9293 figures 5, 6 and 12: the client opens and closes first.
const CLIENT: [synfin_wire::State; 7] = [Closed, SynSent, Established, FinWait1, FinWait2, TimeWait, Closed];
const SERVER: [synfin_wire::State; 6] = [Listen, SynReceived, Established, CloseWait, LastAck, Closed];

const SECOND_NS: u64 = 1_000_000_000;

/// The chains of a regular connection, nothing left, and every octet that was sent read at the other end.
fn is_regular(ran: &Ran) {
    assert_eq!(ran.states(Side::Client), CLIENT);
    assert_eq!(ran.states(Side::Server), SERVER);
    let report = &ran.report;
    assert_eq!((report.left, report.discarded), (0, 0));
    let [client, server] = &report.apps;
    assert_eq!((client.sent, server.sent), (server.received, client.received));
    for app in [client, server] {
        assert_eq!((app.foreign, app.error, app.unfinished), (0, None, None));
    }
    // Flow draws the told states, not its own inference.
    let [connection] = &ran.connections[..] else { panic!("{} connections", ran.connections.len()) };
    for (side, chain) in [(Side::Client, &CLIENT[..]), (Side::Server, &SERVER)] {
        let states = &connection.endpoint(side).states;
        assert_eq!(states.iter().map(|entry| entry.state).collect::<Vec<_>>(), chain);
        assert!(states.iter().all(|entry| entry.source == Source::Stack));
    }
}

#[test]
fn every_one_is_understood_and_says_what_it_shows() {
    for ready in ready::READY {
        let scenario = Scenario::from_toml(ready.toml).unwrap();
        assert!(scenario.about.len() > 80 && scenario.about.ends_with('.'), "{}", ready.name);
        let first = scenario.about.replace('\n', " ");
        assert!(
            first.split_once(". ").unwrap().0.len() < 100,
            "{}: the first sentence is too long",
            ready.name
        );
    }
}

#[test]
fn textbook_is_eight_packets() {
    let ran = ready("textbook");
    is_regular(&ran);
    let expected =
        ["> SYN", "< SYN,ACK", "> ACK", "> PSH,ACK 100", "> FIN,ACK", "< ACK", "< FIN,ACK", "> ACK"];
    assert_eq!(ran.lines(), expected);
    let ledger = &ran.connections[0].ledger;
    assert_eq!((ledger.open, ledger.data, ledger.ack, ledger.close), (3, 1, 0, 4));
    // TIME-WAIT lasts 2 MSL.
    let waited = ran.report.lasted.as_nanos() as u64 - ran.entered_ns(Side::Client, TimeWait);
    assert_eq!(waited, 60 * SECOND_NS);
}

#[test]
fn a_lost_syn_costs_the_initial_timeout() {
    let ran = ready("lost-syn");
    is_regular(&ran);
    assert_eq!(&ran.lines()[..4], ["> SYN lost", "> SYN", "< SYN,ACK", "> ACK"]);
    // RFC 6298 section 2: the RTO is one second before the first sample.
    assert_eq!(ran.frames[1].at_ns - ran.frames[0].at_ns, SECOND_NS);
    // The server hears of the second only: one way after it.
    assert_eq!(ran.entered_ns(Side::Server, SynReceived), SECOND_NS + 10_000_000);
}

#[test]
fn a_lost_syn_ack_has_both_send_again() {
    let ran = ready("lost-syn-ack");
    is_regular(&ran);
    let lines = ran.lines();
    assert_eq!(&lines[..3], ["> SYN", "< SYN,ACK lost", "> SYN"]);
    assert!(lines[3..5].contains(&"< SYN,ACK".to_owned()));
    assert_eq!(ran.entered_ns(Side::Server, SynReceived), 10_000_000);
    assert!(ran.entered_ns(Side::Client, Established) > SECOND_NS);
}

#[test]
fn a_lost_ack_of_the_handshake_is_made_good_by_data() {
    let ran = ready("lost-ack");
    is_regular(&ran);
    assert_eq!(ran.lines().iter().filter(|line| line.ends_with("lost")).count(), 1);
    assert_eq!(&ran.lines()[2..4], ["> ACK lost", "> PSH,ACK 100"]);
    assert_eq!(ran.frames.len(), 8, "nothing is sent again");
}

#[test]
fn a_lost_fin_is_sent_again() {
    let ran = ready("lost-fin");
    is_regular(&ran);
    let fins: Vec<_> = ran.lines().into_iter().filter(|line| line.starts_with("> FIN")).collect();
    assert_eq!(fins, ["> FIN,ACK lost", "> FIN,ACK"]);
}

#[test]
fn a_lost_last_ack_is_why_time_wait_exists() {
    let ran = ready("lost-last-ack");
    is_regular(&ran);
    let lines = ran.lines();
    assert_eq!(lines[lines.len() - 4..], ["< FIN,ACK", "> ACK lost", "< FIN,ACK", "> ACK"]);
    // RFC 9293 section 3.10.7.4, eighth: a retransmitted FIN restarts the 2 MSL.
    let again = ran.frames[ran.frames.len() - 1].at_ns - ran.frames[0].at_ns;
    assert_eq!(ran.report.lasted.as_nanos() as u64, again + 120 * SECOND_NS);
}

#[test]
fn a_dead_peer_is_found_out_by_both() {
    let ran = ready("dead-peer");
    assert_eq!(ran.states(Side::Client), [Closed, SynSent, Established, Closed]);
    assert_eq!(ran.states(Side::Server), [Listen, SynReceived, Established, Closed]);
    let [client, server] = &ran.report.apps;
    assert_eq!(client.error, Some(ConnectionError::TimedOut));
    assert_eq!(server.error, Some(ConnectionError::PeerGone));
    // RFC 6298 section 5.5: each timeout is twice the one before it. The first is the tail loss probe's.
    let sent: Vec<u64> = (ran.frames.iter())
        .filter(|frame| segment(frame).payload_len == 100 && !frame.fates.is_empty())
        .map(|frame| frame.at_ns)
        .collect();
    let gaps: Vec<u64> = sent.windows(2).map(|pair| pair[1] - pair[0]).skip(1).collect();
    assert!(gaps.len() >= 4 && gaps.windows(2).all(|pair| pair[1] == 2 * pair[0]), "{gaps:?}");
}

#[test]
fn a_zero_window_is_probed_until_it_opens() {
    let ran = ready("zero-window");
    is_regular(&ran);
    let zero =
        ran.frames.iter().filter(|frame| frame.from == Side::Server && segment(frame).header.window == 0);
    assert!(zero.count() >= 2, "the probes are answered");
    let probes: Vec<_> = ran.frames.iter().filter(|frame| segment(frame).payload_len == 1).collect();
    // RFC 9293 section 3.8.6.1: the interval between probes grows exponentially.
    let gaps: Vec<u64> = probes.windows(2).map(|pair| pair[1].at_ns - pair[0].at_ns).collect();
    assert!(!gaps.is_empty() && probes.len() >= 2, "{gaps:?}");
    assert!(probes.iter().all(|frame| frame.from == Side::Client));
}

#[test]
fn sack_repairs_a_burst_in_one_round_trip() {
    let (with, without) = (ready("one-loss-with-sack"), ready("one-loss-without-sack"));
    let repair_ns = |ran: &Ran| {
        is_regular(ran);
        assert_eq!(ran.report.lost, 3);
        let mut seen = std::collections::BTreeMap::new();
        for frame in ran.frames.iter().filter(|frame| segment(frame).payload_len > 0) {
            seen.entry(segment(frame).header.seq.0).or_insert_with(Vec::new).push(frame.at_ns);
        }
        let again: Vec<u64> = seen.values().filter_map(|times| times.get(1).copied()).collect();
        assert_eq!(again.len(), 3, "what is missing is sent again, and nothing else");
        again.iter().max().unwrap() - again.iter().min().unwrap()
    };
    let round_trip_ns = 100_000_000;
    assert!(repair_ns(&with) < round_trip_ns, "{}", repair_ns(&with));
    assert!(repair_ns(&without) >= 2 * round_trip_ns, "{}", repair_ns(&without));
    let has_sack = |ran: &Ran| {
        ran.frames.iter().any(|frame| {
            let segment = segment(frame);
            !segment.header.flags.syn() && segment.options.as_bytes().len() > 12
        })
    };
    assert!(has_sack(&with) && !has_sack(&without));
}

#[test]
fn slow_start_doubles_until_the_queue_is_full() {
    let ran = ready("slow-start");
    is_regular(&ran);
    assert!(ran.report.lost > 1);
    let client = || ran.samples(Side::Client);
    let initial = client().find(|sample| sample.variables.state == Established).unwrap().variables;
    assert_eq!(initial.cwnd, 10 * initial.mss, "RFC 6928");
    let most = client().map(|sample| sample.variables.cwnd).max().unwrap();
    // What the line holds: 10 Mbit/s for 40 ms are 50,000 bytes, and 30 packets of 1500 in the queue.
    assert!(most > 50_000 + 45_000, "{most}");
    let last = client().rfind(|sample| sample.variables.state == FinWait1).unwrap().variables;
    assert!(last.ssthresh < most, "the loss halved it");
}

/// RFC 5681 section 3.1, RFC 9438 section 4.6, RFC 9293 MAY-18: what a loss leaves of the window.
#[test]
fn newreno_halves_and_cubic_keeps_seven_tenths() {
    for (name, least, most) in [("newreno", 45, 52), ("cubic", 65, 72)] {
        let ran = ready(name);
        is_regular(&ran);
        let mut last: Option<synfin_tcp::Variables> = None;
        let mut shares = Vec::new();
        for sample in ran.samples(Side::Client) {
            if let Some(before) = last
                && sample.variables.ssthresh < before.ssthresh
            {
                // What limited transmit and selective reports let out beyond the window does not count.
                let flight = i64::from(before.snd_nxt.distance_from(before.snd_una)).min(before.cwnd.into());
                shares.push(i64::from(sample.variables.ssthresh) * 100 / flight);
            }
            last = Some(sample.variables);
        }
        // One reduction for each time that the queue overflows.
        assert!((2..=4).contains(&shares.len()), "{name}: {shares:?}");
        assert!(shares.iter().all(|share| (least..=most).contains(share)), "{name}: {shares:?}");
    }
}

/// RFC 3522: only the first acknowledgement after a retransmission can say that it was needless. Those that follow, in a
/// recovery of many losses, echo earlier retransmissions, and say nothing of the kind: what was lost is sent again once,
/// and the reduction stays.
#[test]
fn many_losses_are_repaired_once_and_leave_the_window_reduced() {
    for name in ["slow-start", "newreno", "cubic"] {
        let ran = ready(name);
        let client = || ran.samples(Side::Client);
        let resent = client().next_back().unwrap().variables.retransmissions;
        assert!(
            ran.report.lost > 10 && resent == ran.report.lost,
            "{name}: {} lost, {resent} sent again",
            ran.report.lost
        );
        let variables: Vec<_> = client().map(|sample| sample.variables).collect();
        let changes = variables.windows(2).filter(|pair| pair[0].ssthresh != pair[1].ssthresh);
        // A loss sets the threshold below the window that it found; what takes a reduction back, above.
        let reductions: Vec<_> = changes.map(|pair| (pair[0].cwnd, pair[1].ssthresh)).collect();
        assert!((1..=4).contains(&reductions.len()), "{name}: {reductions:?}");
        assert!(
            reductions.iter().all(|(cwnd, ssthresh)| ssthresh < cwnd),
            "{name}: it was taken back: {reductions:?}"
        );
    }
}

#[test]
fn paws_tells_an_old_duplicate_and_nothing_else_does() {
    let chain = |ran: &Ran| {
        // The first connection is aborted: no TIME-WAIT.
        let mut expected = vec![Closed, SynSent, Established];
        expected.extend(CLIENT);
        assert_eq!(ran.states(Side::Client), expected);
        assert_eq!((ran.report.left, ran.connections.len()), (0, 2));
        assert!(ran.connections[0].close == Close::RstByClient, "{:?}", ran.connections[0].close);
        ran.report.apps[1].foreign
    };
    assert_eq!(chain(&ready("old-duplicate-with-paws")), 0);
    let foreign = chain(&ready("old-duplicate-without-paws"));
    // All of one segment, but for letters that are the same by chance: one of 26.
    assert!((1300..=1460).contains(&foreign), "{foreign}");
}

#[test]
fn a_blind_reset_gets_a_challenge() {
    let ran = ready("blind-reset");
    assert_eq!(ran.states(Side::Client), CLIENT);
    assert_eq!(ran.states(Side::Server), SERVER);
    assert_eq!(ran.report.apps[1].received, 2000);
    let lines = ran.lines();
    let resets: Vec<_> = (0..lines.len()).filter(|n| lines[*n] == "> RST").collect();
    let [outside, inside] = resets[..] else { panic!("{lines:?}") };
    // RFC 5961 section 3.2: outside of the window it is dropped; inside, but not exact, it gets a challenge ACK.
    assert_eq!(inside, outside + 1, "no answer to the first");
    let is_forged = |n: &usize| ran.frames[*n].as_frame().fate.is_forged;
    assert_eq!((0..lines.len()).filter(is_forged).collect::<Vec<_>>(), resets);
    assert_eq!(lines[inside + 1], "< ACK");
    assert_eq!(ran.frames[inside + 1].at_ns, ran.frames[inside].at_ns);
}

/// RFC 9293 figure 8: both SYNs cross, and figure 13: so do both FINs.
#[test]
fn both_may_open_and_close_at_once() {
    let ran = toml("link.delay = '10ms'\nhosts.does = ['connect', 'until 100ms', 'close']\n");
    use synfin_wire::State::Closing;
    let client = [Closed, SynSent, SynReceived, Established, FinWait1, Closing, TimeWait, Closed];
    assert_eq!(ran.states(Side::Client), client);
    assert_eq!(ran.states(Side::Server), client);
    assert_eq!(ran.report.left, 0);
}

/// RFC 9293 section 3.6: who has closed can go on reading.
#[test]
fn half_a_connection_carries_data() {
    let ran = toml(
        "client.does = ['send 10', 'shutdown', 'receive', 'close']\n\
         server.does = ['receive', 'send 50kB', 'close']",
    );
    is_regular(&ran);
    assert_eq!(ran.report.apps[0].received, 50_000);
}

/// RFC 9293 section 3.5.3: the peer of an abort is told, and nobody waits.
#[test]
fn an_abort_ends_both_at_once() {
    let ran = toml("client.does = ['send 10', 'wait 50ms', 'abort']\nserver.does = ['receive', 'close']");
    assert_eq!(ran.states(Side::Client), [Closed, SynSent, Established, Closed]);
    assert_eq!(ran.states(Side::Server), [Listen, SynReceived, Established, Closed]);
    assert_eq!(ran.report.apps[1].error, Some(ConnectionError::Reset));
    assert_eq!(ran.report.left, 0);
}
