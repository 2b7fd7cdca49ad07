//! Drawings to be read as a person reads them, and what must hold for any drawing.

use proptest::prelude::*;
use synfin_flow::Mark;
use synfin_wire::tcp::Flags;
use synfin_wire::{Side, State};
use unicode_width::UnicodeWidthStr as _;

use crate::style::Style;
use crate::testing::{Client, Server, Talk};

fn draw(talk: &Talk, style: Style) -> String {
    let mut out = String::new();
    super::write(&mut out, &talk.connection, &style);
    out
}

#[test]
fn a_page() {
    insta::assert_snapshot!(draw(&Talk::page(1), Style::default()));
}

#[test]
fn a_page_on_a_wide_terminal() {
    insta::assert_snapshot!(draw(&Talk::page(1), Style { width: 130, ..Style::default() }));
}

#[test]
fn a_page_in_ascii_on_a_narrow_terminal() {
    insta::assert_snapshot!(draw(&Talk::page(1), Style { width: 60, unicode: false, ..Style::default() }));
}

#[test]
fn ten_thousand_packets_fit_a_few_screens() {
    let talk = Talk::download(7, usize::MAX);
    assert!(talk.connection.packets.len() > 9_500);
    let drawing = draw(&talk, Style::default());
    assert_eq!(drawing.matches("[fast retransmission]").count(), 12);
    assert_eq!(drawing.matches("[lost before this]").count(), 12);
    assert!(drawing.lines().count() < 110);
    insta::assert_snapshot!(drawing);
}

#[test]
fn packets_that_were_not_kept_have_a_line() {
    insta::assert_snapshot!(draw(&Talk::download(7, 30), Style::default()));
}

#[test]
fn a_stalled_receiver_and_states_from_two_sources() {
    insta::assert_snapshot!(draw(&Talk::stalled(3), Style::default()));
}

#[test]
fn hundreds_of_requests_fold_in_the_middle() {
    let mut talk = Talk::between(2, "10.0.0.3:40100", "10.0.0.1:80");
    let data = Flags::PSH | Flags::ACK;
    talk.handshake();
    for i in 0..400 {
        talk.wait(900).send(Client, data, format!("GET /{i} HTTP/1.1\r\n\r\n").as_bytes());
        talk.wait(80).send(Server, data, b"HTTP/1.1 204 No Content\r\n\r\n");
        talk.wait(10).send(Client, Flags::ACK, b"");
    }
    talk.close_fin();
    let drawing = draw(&talk, Style::default());
    assert!(drawing.lines().count() < 200, "{drawing}");
    assert!(drawing.contains("GET /0 HTTP/1.1") && drawing.contains("GET /399 HTTP/1.1"));
    let folds = |drawing: &str| {
        drawing.lines().filter(|line| line.contains('⋮')).map(str::to_owned).collect::<Vec<_>>()
    };
    insta::assert_snapshot!(folds(&drawing).join("\n"), @"  19.863              │ ⋮ 730 messages, 7.6 kB ▶ 9.9 kB ◀         │");
    let wide = folds(&draw(&talk, Style { width: 120, ..Style::default() }));
    insta::assert_snapshot!(wide.join("\n"), @"  19.863              │ ⋮ 730 messages, 365 data packets ▶ 7.6 kB, 365 data packets ◀ 9.9 kB, 366 acks ▶  │");
}

#[test]
fn colours_change_nothing_but_colours() {
    for talk in [Talk::page(1), Talk::stalled(3)] {
        let plain = draw(&talk, Style::default());
        let mut coloured = draw(&talk, Style { color: true, ..Style::default() });
        assert!(coloured.contains("\x1b[36m"));
        for code in ["0", "1", "2", "32", "33", "36", "1;31"] {
            coloured = coloured.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(coloured, plain);
    }
}

/// What one end does next.
#[derive(Clone, Debug)]
struct Step {
    from: Side,
    flags: u16,
    seq: i64,
    len: u32,
    marks: Vec<Mark>,
    sack: Vec<(u32, u32)>,
    wait_us: u64,
    state: Option<(Side, State, bool)>,
    payload: Option<Vec<u8>>,
}

fn side() -> impl Strategy<Value = Side> {
    prop::sample::select(Side::BOTH.to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    let payload = prop_oneof![
        "GET /[\\PC ]{0,80} HTTP/1.1\r\nHost: [\\PC]{0,20}\r\n\r\n",
        "HTTP/1.1 [0-9]{3} \\PC{0,90}\r\nContent-Length: 0\r\n\r\n",
    ];
    let state = (side(), prop::sample::select(State::ALL.to_vec()), any::<bool>());
    let packet = (side(), 0..0x200u16, any::<i64>(), any::<u32>());
    let marks = prop::collection::vec(prop::sample::select(Mark::ALL.to_vec()), 0..5);
    let sack = prop::collection::vec(any::<(u32, u32)>(), 0..4);
    let wait_us = prop_oneof![0..1000u64, any::<u32>().prop_map(u64::from)];
    (packet, marks, sack, wait_us, prop::option::of(state), prop::option::weighted(0.2, payload)).prop_map(
        |((from, flags, seq, len), marks, sack, wait_us, state, payload)| Step {
            from,
            flags,
            // Relative numbers count on past 2^32, but only as far as bytes can be sent.
            seq: seq >> 8,
            len,
            marks,
            sack,
            wait_us,
            state,
            payload: payload.map(String::into_bytes),
        },
    )
}

proptest! {
    #[test]
    fn no_line_is_wider_than_it_may_be(
        steps in prop::collection::vec(step(), 0..120),
        names in any::<(String, String)>(),
        namespace in any::<Option<u64>>(),
        width in 60usize..200,
        unicode: bool,
        keep in 1usize..200,
    ) {
        let mut talk = Talk::between(u64::MAX, "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535", "127.0.0.1:80");
        talk.keep = keep;
        talk.connection.namespace = namespace.unwrap_or_default();
        talk.process(Client, u32::MAX, &names.0).process(Server, 1, &names.1);
        for step in steps {
            talk.wait(step.wait_us);
            match &step.payload {
                Some(payload) => talk.send(step.from, Flags::ACK, payload),
                None => {
                    let flags = Flags::from_bits(step.flags);
                    talk.packet(step.from, flags, step.seq, step.len, &step.marks, &step.sack)
                }
            };
            match step.state {
                Some((side, state, true)) => talk.kernel_state(side, state),
                Some((side, state, false)) => talk.state(side, state),
                None => &mut talk,
            };
        }
        let drawing = draw(&talk, Style { width, unicode, ..Style::default() });
        for line in drawing.lines() {
            prop_assert!(line.width() <= width, "{} columns: {line}", line.width());
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(unicode || line.is_ascii(), "{line:?}");
            prop_assert_eq!(line, line.trim_end());
        }
    }
}
