//! Any text is a packetdrill script or an error with its place; what is a script runs to an end, whatever it does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synfin_lab::drill::{Profile, Script, Settings, run};

/// So that what follows has a connection to be about.
const OPEN: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n\
    +0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n+0 < S 0:0(0) win 32792 <mss 1000,sackOK,TS val 1 ecr 0>\n\
    +0 > S. 0:0(0) ack 1 <...>\n+.1 < . 1:1(0) ack 1 win 32792 <nop,nop,TS val 2 ecr 0>\n\
    +0 accept(3, ..., ...) = 4\n";

fuzz_target!(|input: &[u8]| {
    let Some((&how, bytes)) = input.split_first() else { return };
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let text = if how & 1 == 1 { format!("{OPEN}{text}") } else { text.to_owned() };
    let profile = Some(if how & 2 == 2 { Profile::Linux } else { Profile::Rfc });
    match Script::parse("fuzz.pkt", &text) {
        Ok(script) => {
            let settings = Settings { profile, is_strict: how & 4 == 4, ..Settings::default() };
            let _ = run(&script, &settings);
        }
        Err(error) => assert!(error.to_string().starts_with("fuzz.pkt:")),
    }
});
