use std::io::Write;

use super::*;

/// Gives its chunks one at a time, as a pipe does, and panics when asked for more than the test allows.
struct Chunks(Vec<Vec<u8>>);

impl Read for Chunks {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        assert!(!self.0.is_empty(), "read ahead of what was needed");
        let chunk = self.0.remove(0);
        buf[..chunk.len()].copy_from_slice(&chunk);
        Ok(chunk.len())
    }
}

#[test]
fn a_stream_is_never_read_ahead_of_need() {
    let mut window = Window::over_stream(Box::new(Chunks(vec![vec![1, 2], vec![3, 4, 5]])));
    assert!(window.ensure(2).unwrap());
    window.consume(2);
    assert!(window.ensure(3).unwrap());
    let start = window.consume(3);
    assert_eq!(window.slice(start..start + 3), [3, 4, 5]);
    assert_eq!(window.offset(), 5);
}

#[test]
fn the_buffer_grows_with_what_arrived_and_not_with_what_was_claimed() {
    let mut window = Window::over_stream(Box::new(io::Cursor::new(vec![7; 10])));
    assert!(!window.ensure(MAX_RECORD as usize).unwrap());
    let Backing::Stream { buffer, .. } = &window.backing else { panic!("not a stream") };
    assert_eq!(buffer.len(), BUFFER_BYTES);
}

#[test]
fn records_longer_than_the_buffer_arrive_whole() {
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let mut window = Window::over_stream(Box::new(io::Cursor::new(bytes.clone())));
    assert!(window.ensure(10).unwrap());
    window.consume(10);
    assert!(window.ensure(2_999_990).unwrap());
    assert_eq!(window.at_hand(), &bytes[10..]);
    window.consume(2_999_990);
    assert!(!window.ensure(1).unwrap());
    assert_eq!(window.offset(), 3_000_000);
}

#[test]
fn a_mapped_file_that_is_shortened_ends_where_it_is_cut() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![1; 3 * CHECKED_BYTES]).unwrap();
    let mut window = Window::over_file(file.reopen().unwrap()).unwrap();
    assert!(window.ensure(10).unwrap());
    window.consume(CHECKED_BYTES);
    file.as_file().set_len(CHECKED_BYTES as u64 + 5).unwrap();
    assert!(!window.ensure(100).unwrap());
    assert!(window.is_cut());
    assert_eq!(window.at_hand(), [1; 5]);
}

#[test]
fn a_mapped_file_that_grows_ends_where_it_did_at_opening() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&[1; 100]).unwrap();
    let mut window = Window::over_file(file.reopen().unwrap()).unwrap();
    file.write_all(&[2; 100]).unwrap();
    assert!(!window.ensure(101).unwrap());
    assert!(!window.is_cut());
    assert_eq!(window.at_hand(), [1; 100]);
}
