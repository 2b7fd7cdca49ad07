use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::tcp::Header;

fn read(bytes: &[u8]) -> Vec<Result<TcpOption<'_>, OptionError>> {
    Options::new(bytes, bytes.len()).iter().collect()
}

#[test]
fn reads_what_linux_puts_into_a_syn() {
    let bytes = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7];
    let expected = [
        TcpOption::MaximumSegmentSize(1460),
        TcpOption::SackPermitted,
        TcpOption::Timestamps { value: 9, echo_reply: 0 },
        TcpOption::NoOperation,
        TcpOption::WindowScale(7),
    ];
    assert_eq!(read(&bytes), expected.map(Ok));
}

#[test]
fn reads_each_kind_by_its_rfc() {
    let mac = [7; 12];
    let cases: [(&[u8], TcpOption<'_>); 9] = [
        (&[28, 4, 0x80, 5], TcpOption::UserTimeout { in_minutes: true, value: 5 }),
        (&[19, 18, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], TcpOption::Md5(&[1; 16])),
        (
            &[29, 16, 3, 4, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
            TcpOption::Authentication { key_id: 3, next_key_id: 4, mac: &mac },
        ),
        (&[30, 4, 0x00, 0x81], TcpOption::Mptcp(&[0x00, 0x81])),
        (&[34, 2], TcpOption::FastOpen { cookie: &[], experimental: false }),
        (&[34, 6, 1, 2, 3, 4], TcpOption::FastOpen { cookie: &[1, 2, 3, 4], experimental: false }),
        (&[254, 4, 0xf9, 0x89], TcpOption::FastOpen { cookie: &[], experimental: true }),
        (&[172, 5, 0, 0, 1], TcpOption::AccEcn { order: 0, counters: &[0, 0, 1] }),
        (&[77, 3, 9], TcpOption::Unknown { kind: 77, data: &[9] }),
    ];
    for (bytes, option) in cases {
        assert_eq!(read(bytes), [Ok(option)]);
    }
}

#[test]
fn a_known_kind_with_an_unknown_length_is_kept_as_it_is() {
    assert_eq!(read(&[2, 3, 9]), [Ok(TcpOption::Unknown { kind: 2, data: &[9] })]);
    assert_eq!(read(&[5, 2]), [Ok(TcpOption::Unknown { kind: 5, data: &[] })]);
}

#[test]
fn lying_lengths_end_the_list_with_an_error() {
    assert_eq!(read(&[1, 3, 0, 9]).last(), Some(&Err(OptionError::LengthTooSmall { kind: 3, len: 0 })));
    assert_eq!(read(&[8, 10, 1, 2]), [Err(OptionError::BeyondHeader { kind: 8, len: 10 })]);
    assert_eq!(read(&[8]), [Err(OptionError::BeyondHeader { kind: 8, len: 0 })]);
}

#[test]
fn the_end_of_the_list_is_the_end() {
    assert_eq!(read(&[0, 2, 4, 5, 0xb4]), []);
}

#[test]
fn a_cut_by_the_capture_is_told_from_a_lie() {
    let cut = |bytes| Options::new(bytes, 12).iter().collect::<Vec<_>>();
    assert_eq!(
        cut(&[1, 1, 8, 10, 0]),
        [Ok(TcpOption::NoOperation), Ok(TcpOption::NoOperation), Err(OptionError::CutOff)]
    );
    assert_eq!(cut(&[1]), [Ok(TcpOption::NoOperation), Err(OptionError::CutOff)]);
}

#[test]
fn as_many_sack_blocks_as_fit() {
    let block = |n: u32| SackBlock { left: SeqNumber(n), right: SeqNumber(n + 1) };
    let blocks = [block(1), block(3), block(5), block(7), block(9)];
    let mut options = OptionsBuf::new();
    assert_eq!(options.push_sack(&blocks), 4);
    let mut with_timestamps = OptionsBuf::new();
    with_timestamps.push(&TcpOption::Timestamps { value: 1, echo_reply: 2 }).unwrap();
    assert_eq!(with_timestamps.push_sack(&blocks), 3);
    let read = read(with_timestamps.padded());
    let Ok(TcpOption::Sack(sack)) = read[1] else { panic!("{read:?}") };
    assert_eq!(sack.iter().collect::<Vec<_>>(), blocks[..3]);
}

/// RFC 9293 MUST-69: what is left of the last word is zero, whatever was there before.
#[test]
fn the_last_word_is_filled_with_zeros() {
    let mut options = OptionsBuf::new();
    options.push(&TcpOption::WindowScale(7)).unwrap();
    assert_eq!(options.padded(), [3, 3, 7, 0]);
    let header = Header { source_port: 1, destination_port: 2, ..Header::default() };
    let mut bytes = [0xff; 40];
    assert_eq!(header.emit(&options, &mut bytes), Some(24));
    assert_eq!(&bytes[20..24], [3, 3, 7, 0]);
    options.push(&TcpOption::SackPermitted).unwrap();
    assert_eq!(options.padded(), [3, 3, 7, 4, 2, 0, 0, 0]);
}

#[test]
fn what_does_not_fit_is_refused_whole() {
    let mut options = OptionsBuf::new();
    options.push(&TcpOption::Md5(&[1; 16])).unwrap();
    options.push(&TcpOption::Md5(&[2; 16])).unwrap();
    let before = options;
    assert_eq!(options.push(&TcpOption::SackPermitted), Ok(()));
    assert_eq!(before.padded().len(), 36);
    assert_eq!(
        options.push(&TcpOption::Timestamps { value: 0, echo_reply: 0 }),
        Err(NoRoom { needed: 10, left: 2 })
    );
}

fn any_option() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let plain =
        (any::<u8>().prop_filter("not padding", |k| *k > 1), proptest::collection::vec(any::<u8>(), 0..17));
    let known = proptest::sample::select(&[
        (kind::MAXIMUM_SEGMENT_SIZE, 2),
        (kind::WINDOW_SCALE, 1),
        (kind::SACK_PERMITTED, 0),
        (kind::SACK, 8),
        (kind::SACK, 16),
        (kind::TIMESTAMPS, 8),
        (kind::MD5, 16),
        (kind::USER_TIMEOUT, 2),
        (kind::AUTHENTICATION, 14),
        (kind::MPTCP, 10),
        (kind::FAST_OPEN, 8),
        (kind::ACC_ECN_0, 9),
        (kind::ACC_ECN_1, 3),
    ])
    .prop_flat_map(|(kind, len)| (Just(kind), proptest::collection::vec(any::<u8>(), len)));
    prop_oneof![plain, known]
}

proptest! {
    /// Reading and writing are each other's inverse, whatever the bytes.
    #[test]
    fn what_is_read_is_written_back(options in proptest::collection::vec(any_option(), 0..4)) {
        let mut bytes = Vec::new();
        for (kind, data) in &options {
            if bytes.len() + 2 + data.len() <= MAX_OPTIONS_LEN {
                bytes.extend_from_slice(&[*kind, 2 + data.len() as u8]);
                bytes.extend_from_slice(data);
            }
        }
        let mut written = OptionsBuf::new();
        for option in read(&bytes) {
            written.push(&option.unwrap()).unwrap();
        }
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        prop_assert_eq!(written.padded(), &bytes[..]);
    }

    #[test]
    fn any_bytes_end_in_a_value(bytes in proptest::collection::vec(any::<u8>(), 0..44), more in 0usize..10) {
        let options = Options::new(&bytes, bytes.len() + more);
        let read: Vec<_> = options.iter().collect();
        prop_assert!(read.len() <= bytes.len() + 1);
        prop_assert!(read.iter().rev().skip(1).all(Result::is_ok), "an error is the last item");
        let slow = read.iter().find_map(|o| match o {
            Ok(TcpOption::Timestamps { value, echo_reply }) => Some((*value, *echo_reply)),
            _ => None,
        });
        prop_assert_eq!(options.timestamps(), slow);
    }
}
