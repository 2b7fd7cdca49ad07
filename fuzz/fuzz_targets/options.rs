//! Any bytes are a list of options that ends, perhaps in an error; what was read can be written, and reads the same.
//!
//! Input: how many bytes were cut off by the capture, the bytes of the options.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synfin_wire::tcp::{MAX_OPTIONS_LEN, Options, OptionsBuf};

fuzz_target!(|input: &[u8]| {
    let Some((&cut_off, bytes)) = input.split_first() else { return };
    let bytes = &bytes[..bytes.len().min(MAX_OPTIONS_LEN)];
    let options = Options::new(bytes, bytes.len() + usize::from(cut_off));
    let read: Vec<_> = options.iter().map_while(Result::ok).collect();
    assert!(options.iter().count() <= read.len() + 1, "an error ends the list");

    let mut written = OptionsBuf::new();
    for option in &read {
        written.push(option).expect("what came out of a header fits into one");
    }
    let again = Options::new(written.padded(), written.padded().len());
    let again: Vec<_> = again.iter().map(|option| option.expect("what was written is valid")).collect();
    assert_eq!(read, again);
    assert_eq!(options.timestamps(), Options::new(written.padded(), written.padded().len()).timestamps());
});
