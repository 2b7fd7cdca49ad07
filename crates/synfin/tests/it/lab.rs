//! `synfin lab`: our own TCP in virtual time, through the same views as everything else.

use std::fs;

use synfin_capture::Reader;
use synfin_lab::{Noted, Scenario, Simulation};

use crate::made;
use crate::run::synfin;

#[test]
fn alone_it_lists_what_there_is() {
    let folder = made::folder();
    let list = synfin(folder.path(), ["lab"]).fine();
    assert_eq!(list.lines().count(), 17);
    for line in list.lines() {
        assert!(line.len() <= 128 && line.ends_with('.'), "{line}");
        let name = line.split_whitespace().next().unwrap();
        let toml = synfin(folder.path(), ["lab", name, "--print"]).fine();
        assert!(toml.starts_with("about = "), "{name}");
    }
}

#[test]
fn the_textbook_in_every_view() {
    let folder = made::folder();
    let ran = synfin(folder.path(), ["lab", "textbook"]);
    assert!(ran.stderr.starts_with("The connection of every textbook"), "{}", ran.stderr);
    let ladder = ran.fine();
    for state in
        ["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "CLOSE-WAIT", "LAST-ACK", "TIME-WAIT"]
    {
        assert!(ladder.contains(state), "{state}: {ladder}");
    }
    assert!(ladder.contains("open 3 · data 1 · ack 0 · close 4 = 8 packets"), "{ladder}");
    let args = ["lab", "textbook", "--show", "connections,packets,states", "--format", "json", "-q"];
    let objects = synfin(folder.path(), args).objects();
    let count = |kind: &str| objects.iter().filter(|object| object["type"] == kind).count();
    assert_eq!((count("packet"), count("connection"), count("summary")), (8, 1, 1));
    let states: Vec<_> = objects.iter().filter(|object| object["type"] == "state").collect();
    assert!(states.len() == 11 && states.iter().all(|state| state["source"] == "stack"), "{states:?}");
}

/// The variables of both TCPs, the same in every format.
#[test]
fn the_variables_in_every_format() {
    let folder = made::folder();
    let show = |format| {
        let args = ["lab", "one-loss-with-sack", "-q", "--show", "variables", "--format", format];
        synfin(folder.path(), args)
    };
    let objects: Vec<_> =
        show("json").objects().into_iter().filter(|object| object["type"] == "variables").collect();
    let csv = show("csv").fine();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let text = show("text").fine();
    assert!(objects.len() > 30 && text.lines().count() == objects.len(), "{text}");
    for ((object, row), line) in objects.iter().zip(reader.records()).zip(text.lines()) {
        for (name, field) in names.iter().zip(&row.unwrap()) {
            let expected = match &object[name] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                number => number.to_string(),
            };
            assert_eq!(field, expected, "{name}: {object}");
        }
        let cwnd = object["cwnd"].as_u64().unwrap();
        assert!(cwnd == 0 || line.contains(&format!("  cwnd {cwnd}")), "{line}");
    }
    // Three segments are lost, and sent again.
    let of_client = || objects.iter().filter(|object| object["side"] == "client");
    assert_eq!(of_client().next_back().unwrap()["retransmissions"], 3);
    assert!(of_client().any(|object| object["lost"].as_u64() == Some(3 * 1448)));
    assert!(of_client().any(|object| object["sacked"].as_u64() > Some(0)));
}

/// The packets that are written are those that are shown, and the same ones each time.
#[test]
fn what_is_written_reads_back_and_repeats() {
    let folder = made::folder();
    let args = ["lab", "--loss", "5%", "--seed", "3", "-q", "--show", "packets"];
    let shown = synfin(folder.path(), args.iter().chain(&["-w", "a.pcapng"])).fine();
    assert_eq!(synfin(folder.path(), args.iter().chain(&["-w", "b.pcapng"])).fine(), shown);
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("a.pcapng"), read("b.pcapng"));
    let again =
        synfin(folder.path(), ["read", "a.pcapng", "-q", "--show", "packets", "--checksums", "check"]);
    // What became of a packet is not in the packets.
    assert!(shown.contains("[lost] "));
    assert_eq!(again.fine(), shown.replace("[lost] ", ""));
    let other =
        synfin(folder.path(), ["lab", "--loss", "5%", "--seed", "4", "-q", "--show", "packets"]).fine();
    assert_ne!(other, shown);
}

#[test]
fn the_link_says_what_it_did() {
    let folder = made::folder();
    let ran = synfin(folder.path(), ["lab", "--rule", "drop the 1st SYN", "--delay", "5ms"]);
    let told = "What the link did:\n  0.000000 s  packet 1, SYN from the client: lost: drop the 1st SYN\n";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert!(ran.fine().contains("retransmission"));
}

/// What the simulation's tests print for a seed that fails: it runs the very packets again.
#[test]
fn the_command_for_a_seed_runs_the_same_packets() {
    let folder = made::folder();
    for seed in [0u64, 292, 8017] {
        let scenario = Scenario::from_toml(&Scenario::random_toml(seed)).unwrap();
        let mut simulation = Simulation::new(&scenario).unwrap();
        let mut expected = Vec::new();
        while let Some(noted) = simulation.next_noted() {
            if let Noted::Frame(frame) = noted {
                expected.push((frame.at_ns, frame.bytes.to_vec()));
            }
        }
        let seed = seed.to_string();
        synfin(folder.path(), ["lab", "random", "--seed", &seed, "-q", "-w", "seed.pcapng"]).fine();
        let mut reader = Reader::open(folder.path().join("seed.pcapng")).unwrap();
        let mut written = Vec::new();
        while let Some(record) = reader.next_record().unwrap() {
            written.push((record.frame.at_ns, record.frame.bytes.to_vec()));
        }
        assert!(!written.is_empty() && written == expected, "seed {seed}");
    }
}

/// What never arrives is seen not to arrive: the arrow ends short of the other lane, in columns and without colour.
#[test]
fn a_lost_packet_is_marked_on_the_ladder() {
    let folder = made::folder();
    let ladder = synfin(folder.path(), ["lab", "lost-last-ack"]).fine();
    let lost: Vec<_> = ladder.lines().filter(|line| line.contains("[lost]")).collect();
    assert_eq!(lost, [" 120.000              ├──── ACK  [lost]  ack 2 ────────────────✗  │"], "{ladder}");
    let options =
        ["--rule", "drop the 1st SYN,ACK", "--rule", "repeat data 1 after 1ms", "--rule", "corrupt data 2"];
    let args = ["lab", "-q", "--show", "packets", "--format", "json"].iter().chain(&options);
    let objects = synfin(folder.path(), args).objects();
    let marked = |mark: &str| {
        let has = |object: &serde_json::Value| {
            object["marks"].as_array().is_some_and(|all| all.contains(&mark.into()))
        };
        objects.iter().filter(|object| has(object)).count()
    };
    assert_eq!((marked("lost"), marked("duplicated"), marked("corrupted")), (1, 1, 1));
}

/// A state stands beside the packet that brought it about, and never beside one that did not arrive.
#[test]
fn no_state_stands_beside_a_lost_packet() {
    let folder = made::folder();
    for (name, state, arrow) in [
        ("lost-fin", "CLOSE-WAIT", "╌╌╌╌ FIN,ACK  [retransmission]"),
        ("lost-ack", "ESTABLISHED", "├──── PSH,ACK  seq 1"),
        ("lost-syn-ack", "ESTABLISHED", "├──── ACK  ack 1 "),
    ] {
        let ladder = synfin(folder.path(), ["lab", name]).fine();
        let beside: Vec<_> = ladder.lines().filter(|line| line.ends_with(state)).collect();
        assert!(beside.len() == 1 && beside[0].contains(arrow), "{name}: {ladder}");
    }
    // Both have given up; nothing was closed.
    let ladder = synfin(folder.path(), ["lab", "dead-peer"]).fine();
    assert!(ladder.contains("opened by a handshake, given up by both ends;"), "{ladder}");
}

/// What SACK is about: the reports are on the ladder, at 80 columns too.
#[test]
fn reports_are_on_the_ladder() {
    let folder = made::folder();
    let ladder = synfin(folder.path(), ["lab", "one-loss-with-sack"]).fine();
    assert!(ladder.contains("◀─── ACK  ack 15929  sack 20273-"), "{ladder}");
}

#[test]
fn a_limit_that_was_reached_is_said() {
    let folder = made::folder();
    let ran = synfin(folder.path(), ["lab", "--max-packets", "5"]);
    assert!(ran.stderr.contains("Cut short: it took more than 5 packets (max-packets)."), "{}", ran.stderr);
    let ran = synfin(folder.path(), ["lab", "--limit", "15ms"]);
    assert!(ran.stderr.contains("Cut short: time was up after 15ms (limit)."), "{}", ran.stderr);
}

#[test]
fn a_scenario_of_ones_own_and_a_plot() {
    let folder = made::folder();
    fs::write(folder.path().join("own.toml"), "bytes = '100kB'\nlink.rate = '5Mbit/s'\n").unwrap();
    synfin(folder.path(), ["lab", "own.toml", "--show", "connections", "--plot", "own.svg"]).fine();
    let svg = fs::read_to_string(folder.path().join("own.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("cwnd"));
}

#[test]
fn errors_say_what_to_type() {
    let folder = made::folder();
    fs::write(folder.path().join("wrong.toml"), "[link]\ndelay = 20\n").unwrap();
    for (args, what, hint) in [
        (&["lab", "lost-sin"][..], "synfin: no scenario is called lost-sin", "hint: synfin lab lists"),
        (&["lab", "none.toml"], "synfin: cannot read none.toml: ", ""),
        (&["lab", "wrong.toml"], "is not a time, such as 20ms", "hint: synfin lab textbook --print"),
        (&["lab", "--rule", "lose SYN"], "which packet?", "hint: "),
        (&["lab", "--mtu", "1"], "synfin: cannot run this scenario: link.mtu is 1: from 88 to 65535", ""),
        (&["lab", "--loss", "200%"], "is not a chance, such as 1%", "hint: "),
    ] {
        let ran = synfin(folder.path(), args);
        assert_eq!(ran.status, 2, "{args:?}");
        assert!(ran.stderr.contains(what) && ran.stderr.contains(hint), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}
