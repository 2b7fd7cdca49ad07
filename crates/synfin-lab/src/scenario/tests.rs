use core::time::Duration;

use super::*;
use crate::units::Rate;

#[test]
fn one_way_overrides_both() {
    let scenario = Scenario::from_toml(
        "
        seed = 7
        [link]
        rate = '10 Mbit/s'
        delay = '20 ms'
        rules = ['drop the 1st FIN from the client']
        [to-client]
        delay = '5 ms'
        [hosts]
        sack = false
        [server]
        sack = true
        does = ['receive', 'close']
        ",
    )
    .unwrap();
    assert_eq!(scenario.seed, 7);
    assert_eq!(scenario.to_server.rate, Some(Rate(10_000_000)));
    assert_eq!(scenario.to_client.rate, Some(Rate(10_000_000)));
    assert_eq!(scenario.to_server.delay, Duration::from_millis(20));
    assert_eq!(scenario.to_client.delay, Duration::from_millis(5));
    assert_eq!((scenario.client.tcp.sack, scenario.server.tcp.sack), (false, true));
    assert_eq!(scenario.server.does, [Action::ReceiveAll, Action::Close]);
    assert_eq!(scenario.to_client.rules.len(), 1);
}

/// What is wrong is told with its line and with what would be right.
#[test]
fn errors_teach() {
    for (text, line, why) in [
        ("[link]\ndelay = '20'", "line 2", "is not a time, such as 20ms"),
        ("[link]\ndelay = 20", "line 2", "is not a time, such as 20ms"),
        ("[link]\nrate = '10'", "line 2", "is not a rate above zero"),
        ("[link]\nloss = 1.5", "line 2", "is not a chance, such as 1%"),
        ("\n[link]\ndealy = '1ms'", "line 3", "unknown field `dealy`, expected one of `rate`, `delay`"),
        ("[link]\nrules = ['drop FIN']", "line 2", "which packet?"),
        ("[link]\noutages = ['5s']", "line 2", "is not an outage"),
        ("[client]\ndoes = ['sned 5']", "line 2", "is not what an application does"),
        ("[hosts]\ncongestion = 'vegas'", "line 2", "unknown variant `vegas`, expected `newreno` or `cubic`"),
        ("[[forged]]\nat = '1s'\nto = 'nobody'\nflags = 'RST'", "line 3", "neither client nor server"),
        ("[[forged]]\nat = '1s'\nto = 'client'\nflags = 'XYZ'", "line 4", "no control bit"),
    ] {
        let told = Scenario::from_toml(text).unwrap_err().to_string();
        assert!(told.contains(line) && told.contains(why), "{told}");
    }
}
