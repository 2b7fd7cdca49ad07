//! Every call in every state, against RFC 9293 sections 3.10.2 to 3.10.6, written down once more.
//!
//! CLOSED and LISTEN have no connection to call: [`Endpoint::connection_mut`](crate::Endpoint::connection_mut) says so.
//! What a connection that has come to its end says is in every line: each call is made a second time after an ABORT.

use bytes::Bytes;
use synfin_wire::State;
use synfin_wire::tcp::Flags;

use super::{ReadOutcome, WriteError};
use crate::connection::segment_arrives::tests::{CASES, Case, connection, flush, now};
use crate::connection::{Connection, ConnectionError, Event};
use crate::observer::NoObserver;

/// The flags of what is sent, without PSH and in order.
fn sent(c: &mut Connection<NoObserver>) -> Vec<Flags> {
    flush(c).into_iter().map(|header| header.flags.without(Flags::PSH)).collect()
}

fn is_closing(state: State) -> bool {
    use State::*;
    matches!(state, FinWait1 | FinWait2 | Closing | LastAck | TimeWait)
}

fn gone<T>() -> Result<T, WriteError> {
    Err(WriteError::Closed(Some(ConnectionError::Aborted)))
}

/// Section 3.10.2. With and without URGENT.
#[test]
fn send_in_every_state() {
    let text = Bytes::from_static(b"hello");
    for case in CASES {
        for is_urgent in [false, true] {
            let mut c = connection(case);
            let send = |c: &mut Connection<NoObserver>| {
                if is_urgent { c.write_urgent(&text) } else { c.write(&text) }
            };
            let result = send(&mut c);
            if is_closing(case.state) {
                // "Error: connection closing", and no service is performed.
                assert_eq!((result, sent(&mut c)), (Err(WriteError::Closing), vec![]), "{case:?}");
            } else {
                assert_eq!(result, Ok(5), "{case:?}");
                let is_open = matches!(case.state, State::Established | State::CloseWait);
                // SYN-SENT and SYN-RECEIVED: "Queue the data for transmission after entering ESTABLISHED state." Where
                // something is in flight, Nagle holds it back, but for urgent data.
                let urgent = Flags::ACK | Flags::URG;
                let expected = if is_open && is_urgent { vec![urgent] } else { vec![] };
                let in_flight = c.info().variables.in_flight > 0 || !is_open;
                assert!(in_flight || case.is_shut, "{case:?}");
                let flags = sent(&mut c);
                assert_eq!(flags, if in_flight { expected } else { vec![Flags::ACK] }, "{case:?}");
            }
            assert_eq!(c.state(), case.state);
            c.abort(now());
            assert_eq!(send(&mut c), gone(), "error: connection does not exist");
        }
    }
}

/// Section 3.10.3. What was received is given to the user in every state, and never lost by a later one.
#[test]
fn receive_in_every_state() {
    for case in CASES {
        let mut c = connection(case);
        if case.is_shut {
            assert_eq!(c.read(now(), 1000), ReadOutcome::Data(vec![0; 100].into()), "{case:?}");
        }
        let expected = match case.state {
            // "Queue for processing after entering ESTABLISHED state"; "If insufficient incoming segments are queued to
            // satisfy the request, queue the request."
            State::SynSent | State::SynReceived | State::Established | State::FinWait1 | State::FinWait2 => {
                ReadOutcome::Blocked
            }
            // "Error: connection closing."
            _ => ReadOutcome::Finished,
        };
        assert_eq!(c.read(now(), 1000), expected, "{case:?}");
        assert_eq!(c.state(), case.state);
        let is_finished = expected == ReadOutcome::Finished;
        c.abort(now());
        // The peer's FIN stays what it was, though the end came by an ABORT.
        let after = if is_finished { expected } else { ReadOutcome::Failed(ConnectionError::Aborted) };
        assert_eq!(c.read(now(), 1000), after, "{case:?}");
    }
}

/// Section 3.10.4.
#[test]
fn close_in_every_state() {
    use State::*;
    for case in CASES {
        let mut c = connection(case);
        let fin = Flags::FIN | Flags::ACK;
        let (expected, to, flags) = match case.state {
            // "Delete the TCB."
            SynSent => (Ok(()), Closed, None),
            // The FIN leaves when our SYN is acknowledged.
            SynReceived => (Ok(()), FinWait1, None),
            Established => (Ok(()), FinWait1, Some(fin)),
            // "An 'ok' response would be acceptable, too, as long as a second FIN is not emitted."
            FinWait1 | FinWait2 => (Ok(()), case.state, None),
            CloseWait => (Ok(()), LastAck, Some(fin)),
            // "Respond with 'error: connection closing'."
            _ => (Err(WriteError::Closing), case.state, None),
        };
        assert_eq!(c.shutdown(now()), expected, "{case:?}");
        assert_eq!(sent(&mut c), flags.into_iter().collect::<Vec<_>>(), "{case:?}");
        assert_eq!(c.state(), to, "{case:?}");
        if to == Closed {
            assert_eq!(c.shutdown(now()), Err(WriteError::Closed(None)));
            continue;
        }
        // No second FIN, whatever the answer.
        let again =
            if matches!(to, Closing | LastAck | TimeWait) { Err(WriteError::Closing) } else { Ok(()) };
        assert_eq!((c.shutdown(now()), sent(&mut c), c.state()), (again, vec![], to), "{case:?}");
        c.abort(now());
        assert_eq!(c.shutdown(now()), gone(), "error: connection does not exist");
    }
}

/// Section 3.10.4, SYN-SENT and SYN-RECEIVED with something to send: "error: closing" for it, or the FIN behind it.
#[test]
fn close_with_something_to_send() {
    for case in CASES {
        let mut c = connection(case);
        match case.state {
            State::SynSent => {
                c.write(&Bytes::from_static(b"hello")).unwrap();
                c.shutdown(now()).unwrap();
                assert_eq!(c.poll_event(), Some(Event::Closed(Some(ConnectionError::Aborted))));
            }
            State::SynReceived => {
                c.write(&Bytes::from_static(b"hello")).unwrap();
                c.shutdown(now()).unwrap();
                assert_eq!(c.state(), State::SynReceived, "queued until ESTABLISHED");
            }
            _ => {}
        }
    }
}

/// Section 3.10.5: `<SEQ=SND.NXT><CTL=RST>` where the peer may have the connection open, and CLOSED.
#[test]
fn abort_in_every_state() {
    use State::*;
    for case in CASES {
        let mut c = connection(case);
        let snd_nxt = c.info().variables.snd_nxt;
        let while_open = c.poll_event();
        assert!(c.abort(now()), "{case:?}");
        assert_eq!((c.state(), c.poll_timeout()), (Closed, None), "{case:?}");
        let resets = flush(&mut c);
        if matches!(case.state, SynReceived | Established | FinWait1 | FinWait2 | CloseWait) {
            assert_eq!(resets.len(), 1, "{case:?}");
            assert!(resets[0].flags.rst() && resets[0].seq == snd_nxt, "{case:?}");
        } else {
            assert!(resets.is_empty(), "{case:?}");
        }
        let mut events: Vec<Event> = while_open.into_iter().collect();
        events.extend(std::iter::from_fn(|| c.poll_event()));
        // "All queued SENDs and RECEIVEs should be given 'connection reset' notification."
        assert_eq!(events.last(), Some(&Event::Closed(Some(ConnectionError::Aborted))), "{case:?}");
        assert!(!c.abort(now()), "error: connection does not exist");
        assert!(flush(&mut c).is_empty(), "one RST is enough");
    }
}

/// Section 3.10.6: STATUS says the state, at any time, and changes nothing.
#[test]
fn status_in_every_state() {
    for case in CASES {
        let mut c = connection(case);
        let Case { state, .. } = case;
        assert_eq!((c.info().variables.state, c.state()), (state, state));
        assert!(flush(&mut c).is_empty());
        c.abort(now());
        assert_eq!(c.info().variables.state, State::Closed);
    }
}
