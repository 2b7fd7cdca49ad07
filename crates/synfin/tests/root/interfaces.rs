//! Interfaces that are not there, or not for long.

use crate::namespace::{self, ip};
use crate::trace::{Trace, packets_by_capinfos, synfin};

#[test]
fn an_interface_that_is_not_there_or_down_is_an_error() {
    if !namespace::enter("interfaces::an_interface_that_is_not_there_or_down_is_an_error") {
        return;
    }
    ip("link add one type veth peer name two");
    let ran = synfin(["trace", "-i", "absent", "-w", "/absent/too"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.starts_with("synfin: cannot capture: absent: no such interface (there are: "));
    for name in ["one", "two", "lo", "any"] {
        assert!(
            ran.stderr.contains(&format!("{name},")) || ran.stderr.contains(&format!("{name})")),
            "{}",
            ran.stderr
        );
    }
    assert!(ran.stderr.ends_with("\nhint: -i any captures on all of them\n"), "{}", ran.stderr);

    let ran = synfin(["trace", "-i", "one"]);
    assert_eq!(ran.status, 2);
    assert_eq!(
        ran.stderr,
        "synfin: cannot capture: one: the interface is down\nhint: sudo ip link set one up\n"
    );
}

#[test]
fn an_interface_that_goes_away_ends_the_trace() {
    if !namespace::enter("interfaces::an_interface_that_goes_away_ends_the_trace") {
        return;
    }
    ip("link add one type veth peer name two");
    ip("link set one up");
    ip("link set two up");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gone");
    let trace = Trace::start(["-i", "one", "-w", file.to_str().unwrap(), "--format", "json"]);
    // One that is only down may come up again.
    ip("link set one down");
    ip("link set one up");
    ip("link del one");
    let ran = trace.wait();
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("synfin: cannot capture on: one: "), "{}", ran.stderr);
    // What was captured up to then is there.
    let frames = ran.objects_of("summary")[0]["frames"].as_u64().unwrap();
    assert_eq!(packets_by_capinfos(&file), frames as usize);
}
