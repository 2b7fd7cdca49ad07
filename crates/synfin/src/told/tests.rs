use proptest::prelude::*;
use synfin_capture::{Reader, Writer};

use super::*;

fn address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        any::<(u32, u16)>()
            .prop_map(|(ip, port)| SocketAddr::from((std::net::Ipv4Addr::from_bits(ip), port))),
        any::<(u128, u16)>()
            .prop_map(|(ip, port)| SocketAddr::from((std::net::Ipv6Addr::from_bits(ip), port))),
    ]
}

fn process() -> impl Strategy<Value = Process> {
    (1_u32.., "[a-zé]{0,9}").prop_map(|(pid, name)| Process { pid, name: ProcessName::new(name.as_bytes()) })
}

prop_compose! {
    fn state_change()(
        (at_ns, namespace, cookie) in any::<(u64, u64, u64)>(),
        (local, remote) in (address(), address()),
        (from, to) in (0..State::ALL.len(), 0..State::ALL.len()),
        process in prop::option::of(process()),
    ) -> StateChange {
        let socket = SocketId { namespace, cookie };
        let (from, to) = (State::ALL[from], State::ALL[to]);
        StateChange { at_ns, socket, local, remote, from, to, source: Source::Kernel, is_inferred: true, process }
    }
}

/// Every kind, one after the other, as text: observations cannot be compared.
fn shown(observations: &[Observation<'_>]) -> Vec<String> {
    observations.iter().map(|observation| format!("{observation:?}")).collect()
}

fn block(body: Vec<u8>) -> Block {
    Block { kind: BlockKind::Local, body }
}

fn decoded(block: &Block) -> Vec<String> {
    let mut all = Vec::new();
    decode(block, |observation| all.push(format!("{observation:?}")));
    all
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        changes in prop::collection::vec(state_change(), 1..9),
        owner in process(),
        seq in prop::option::of(any::<u32>()),
        reason in "[A-Z_é]{0,40}",
        padding in 0..4_usize,
    ) {
        let StateChange { at_ns, socket, local, remote, .. } = changes[0];
        let mut all: Vec<_> = changes.into_iter().map(Observation::StateChange).collect();
        all.push(Observation::Owner(Owner { at_ns, socket, local, remote, process: owner }));
        for kind in [NoteKind::Retransmit, NoteKind::ResetSent, NoteKind::Dropped] {
            all.push(Observation::Note(Note { at_ns, namespace: socket.namespace, local, remote, kind, seq: seq.map(SeqNumber), reason: &reason }));
        }
        let mut body = Vec::new();
        all.iter().for_each(|observation| encode(observation, &mut body));
        body.resize(body.len() + padding, 0);
        prop_assert_eq!(decoded(&block(body)), shown(&all));
    }

    #[test]
    fn whatever_stands_there_is_passed_over(mut body in prop::collection::vec(any::<u8>(), 0..300), is_ours: bool) {
        if is_ours {
            body = [MAGIC.as_slice(), &body].concat();
        }
        decoded(&block(body));
    }
}

#[test]
fn what_is_not_known_is_passed_over_and_what_follows_is_read() {
    let change = StateChange {
        at_ns: 5,
        socket: SocketId { namespace: 1, cookie: 2 },
        local: "127.0.0.1:1".parse().unwrap(),
        remote: "127.0.0.1:2".parse().unwrap(),
        from: State::Closed,
        to: State::SynSent,
        source: Source::Kernel,
        is_inferred: false,
        process: None,
    };
    let change = Observation::StateChange(change);
    let mut body = MAGIC.to_vec();
    body.extend([77, 2, 0, 9, 9]);
    encode(&change, &mut body);
    assert_eq!(decoded(&block(body.clone())), shown(&[change]));
    let foreign = Block { kind: BlockKind::Custom { enterprise: 1, may_copy: true }, body: body.clone() };
    assert!(decoded(&foreign).is_empty());
    // A later version.
    body[6] = 2;
    assert!(decoded(&block(body)).is_empty());
}

/// Through a file and back, after the last packet too.
#[test]
fn blocks_survive_a_file() {
    let note = Observation::Note(Note {
        at_ns: 7,
        namespace: 3,
        local: "[::1]:1".parse().unwrap(),
        remote: "[::1]:2".parse().unwrap(),
        kind: NoteKind::Dropped,
        seq: None,
        reason: "NO_SOCKET",
    });
    let mut body = Vec::new();
    encode(&note, &mut body);
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, "a file");
    writer.write_block(&block(body)).unwrap();
    writer.finish().unwrap();
    let mut reader = Reader::from_read(std::io::Cursor::new(file), "a file").unwrap();
    assert!(reader.next_record().unwrap().is_none());
    assert_eq!(reader.blocks().iter().flat_map(decoded).collect::<Vec<_>>(), shown(&[note]));
}

#[test]
fn the_description_of_an_interface_tells_its_namespace_or_nothing() {
    for namespace in [0, 4_026_531_840, u64::MAX] {
        assert_eq!(namespace_of(&describe_namespace(namespace)), Some(namespace));
    }
    for text in [
        "",
        "network namespace",
        "network namespace ",
        "network namespace -1",
        "network namespace 99999999999999999999",
        "eth0",
    ] {
        assert_eq!(namespace_of(text), None, "{text}");
    }
}
