//! Drills: every script of the suite passes; what is wrong fails, with its line and its reason; what is not there is
//! never passed.

use std::fs;
use std::path::{Path, PathBuf};

use synfin_lab::drill::{Profile, Script, Settings, Verdict, run};

/// All scripts below a folder.
fn scripts(folder: &Path, list: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            scripts(&path, list);
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            list.push(path);
        }
    }
}

#[test]
fn the_suite_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("drills");
    let mut list = Vec::new();
    scripts(&folder, &mut list);
    let settings = Settings { is_strict: true, ..Settings::default() };
    let mut wrong = Vec::new();
    for path in &list {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        match Script::parse(&name, &fs::read_to_string(path).unwrap()) {
            Err(error) => wrong.push(error.to_string()),
            Ok(script) => match run(&script, &settings) {
                Ok(Verdict::Passed) => {}
                Ok(Verdict::Failed(failure)) => wrong.push(format!(
                    "{name}:{}: {}\n  expected {}\n  came     {}\n  {}",
                    failure.place.line,
                    failure.what,
                    failure.expected,
                    failure.came,
                    failure.history.join("\n  ")
                )),
                other => wrong.push(format!("{name}: {other:?}")),
            },
        }
    }
    assert!(!list.is_empty());
    assert!(wrong.is_empty(), "{} of {} did not pass:\n{}", wrong.len(), list.len(), wrong.join("\n\n"));
}

/// A connection that is open, from line 8 on, with descriptor 4; the script goes on at 0.1 s.
const OPEN: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 7>
+.1 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
";

fn verdict_of(text: &str, settings: &Settings) -> Verdict {
    run(&Script::parse("test.pkt", text).unwrap_or_else(|error| panic!("{error}")), settings).unwrap()
}

/// What is told of lines that follow on an open connection.
fn told(lines: &str) -> String {
    let settings = Settings { is_strict: true, ..Settings::default() };
    match verdict_of(&format!("{OPEN}{lines}\n"), &settings) {
        Verdict::Failed(failure) => {
            let line = failure.place.line - 8;
            format!("line {line}: {}\n  expected {}\n  came {}", failure.what, failure.expected, failure.came)
        }
        Verdict::Unsupported(unsupported) => {
            format!("line {}: unsupported: {}", unsupported.place.line - 8, unsupported.what)
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn what_is_right_passes() {
    for lines in [
        "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1",
        "+0 write(4, ..., 3000) = 3000\n+0 > P. 1:3001(3000) ack 1",
        "+0 write(4, \"hello\", 5) = 5\n+0 > P. 1:6(5) ack 1",
        "+0 < P. 1:1001(1000) ack 1 win 257\n+.04 > . 1:1(0) ack 1001\n+0 read(4, ..., 2000) = 1000",
        "+0 < P. 1:1001(1000) ack 1 win 257\n+.03~+.05 > . 1:1(0) ack 1001",
        "+0 < P. 1:1001(1000) ack 1 win 257\n* > . 1:1(0) ack 1001\n+0 < . 1001:1001(0) ack 1 win 9",
        "+0...0.1 read(4, ..., 1000) = 10\n+.1 < P. 1:11(10) ack 1 win 257\n\
         +.04 > . 1:1(0) ack 11",
        "+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n\
         +0 read(4, ..., 1) = -1 EAGAIN (Resource temporarily unavailable)",
        "+0 < R. 1:1(0) ack 1 win 0\n+0 read(4, ..., 1) = -1 ECONNRESET (Connection reset by peer)\n\
         +0 read(4, ..., 1) = 0\n+0 write(4, ..., 1) = -1 EPIPE (Broken pipe)",
        "+0 < F. 1:1(0) ack 1 win 257\n+0 > . 1:1(0) ack 2\n+0 poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 0) = 1",
        "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0\n+0 close(4) = 0\n+0 > R. 1:1(0) ack 1",
        "+0 < [ce] P. 1:11(10) ack 1 win 257\n+.04 > [noecn] . 1:1(0) ack 11",
        "+0 < P. 1:11(10) ack 1 win 257\n+.04 > . 1:1(0) ack 11\n+0 ioctl(4, SIOCINQ, [10]) = 0",
        "+0 < 7 > 8080 . 1:1(0) ack 1 win 257\n+0 > 8080 > 7 R 1:1(0) <...>",
        // The segment that it is about may stand first; what an ACK does not say is zero; 0 answers no timestamp.
        "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n\
         +0 < [1:1001(1000)] icmp unreachable frag_needed mtu 600\n+0 > . 1:561(560) ack 1\n\
         +0 > P. 561:1001(440) ack 1",
        "+0 < P. 1:11(10) win 257\n+.04 > . 1:1(0) ack 11",
        "+0 < P. 1:11(10) ack 1 win 257 <nop,nop,TS val 5 ecr 0>\n+.04 > . 1:1(0) ack 11",
        "+0...+.1 read(4, ..., 1000) = 10\n+.1 < P. 1:11(10) ack 1 win 257\n\
         +.04 > . 1:1(0) ack 11",
        "+0 `ethtool -K tun0 tso off gso off`",
        // Linux's numbers count a segment as lost until it is known to have arrived.
        "+0 write(4, ..., 5000) = 5000\n+0 > P. 1:5001(5000) ack 1\n\
         +.1 < . 1:1(0) ack 1 win 257 <sack 1001:4001,nop,nop>\n+0 > . 1:1001(1000) ack 1\n\
         +0 %{ assert (tcpi_lost, tcpi_retrans, tcpi_sacked) == (1, 1, 3), (tcpi_lost, tcpi_retrans, tcpi_sacked) }%\n\
         +.1 < . 1:1(0) ack 5001 win 257\n+0 %{ assert tcpi_lost + tcpi_retrans == 0 }%",
        "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n+.4 > P. 1:1001(1000) ack 1\n\
         +1 > P. 1:1001(1000) ack 1\n+0 %{ assert tcpi_backoff == 1 and tcpi_advmss == 1460, tcpi_backoff }%",
        "+0 %{ assert tcpi_state == TCP_ESTABLISHED and 9 < tcpi_snd_cwnd <= 10, tcpi_snd_cwnd }%",
        "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n\
         +0 < icmp unreachable frag_needed mtu 600 [1:1001(1000)]\n+0 > . 1:561(560) ack 1\n\
         +0 > P. 561:1001(440) ack 1",
    ] {
        assert_eq!(told(lines), "Passed", "{lines}");
    }
}

#[test]
fn what_is_wrong_fails_with_its_reason() {
    let cases = [
        "+0 write(4, ..., 1000) = 1000\n+0 > . 1:1001(1000) ack 1",
        "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 2",
        "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:901(900) ack 1",
        "+0 write(4, ..., 1000) = 1000\n+.1 > P. 1:1001(1000) ack 1",
        "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1 <nop,nop,TS val 1 ecr 2>",
        "+0 write(4, ..., 1000) = 1000\n+0 > [ect0] P. 1:1001(1000) ack 1",
        "+0 write(4, ..., 1000) = 999",
        "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n+.2 > . 1001:1001(0) ack 1",
        "+0 < P. 1:1001(1000) ack 1 win 257\n+.01 read(4, ..., 2000) = -1 EAGAIN (no)",
        "+0 read(4, ..., 1000) = 0",
        "+0...0.05 read(4, ..., 1000) = 1\n+.1 < P. 1:2(1) ack 1 win 257",
        "+0 < . 1:1(0) ack 1 win 257\n* > . 1:1(0) ack 1",
        "+0 write(4, ..., 1000) = 1000",
        "+0 %{ assert tcpi_snd_cwnd == 11, tcpi_snd_cwnd }%",
        "+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [1], [4]) = 0",
        "+0 read(7, ..., 1) = 0",
    ];
    let all: Vec<_> = cases.iter().map(|lines| format!("{lines}\n--> {}", told(lines))).collect();
    insta::assert_snapshot!("wrong", all.join("\n\n"));
}

/// Whatever is not there makes a script unsupported, however well the rest of it goes.
#[test]
fn what_is_not_there_is_never_passed() {
    let cases = [
        "+0 setsockopt(4, SOL_TCP, TCP_CORK, [1], 4) = 0",
        "+0 splice(4, ..., 5, ..., 1, 0) = 0",
        "+0 sendto(4, ..., 10, MSG_ZEROCOPY, ..., ...) = 10",
        "+0 `nstat | grep -q TcpExtTCPLoss`",
        "+0 `sysctl -q net.ipv4.tcp_recovery=0`",
        "+0 > udp (100)",
        "+0 < ipv4 1.1.1.1 > 2.2.2.2: gre: . 1:1(0) ack 1 win 1",
        "+0 > S.5 0:0(0) ack 1",
        "+0 < . 1:1(0) ack 1 win 1 <nop,ECN e1b 1 ceb 0 e0b 1,nop>",
        "+0 > . 1:1(0) ack 1 <dss dack4=1 nocs>",
        "+0 %{ assert tcpi_reordering == 3 }%",
        // That is found out before anything fails.
        "+0 write(4, ..., 10) = 11\n+0 %{\nn = 2\nassert n == 3 or SK_MEMINFO_RCVBUF == 1\n}%",
        "+0 write(4, ..., 10) = 11\n+0 %{ assert tcpi_snd_cwnd == 1\nfor i in (1, 2): pass }%",
        "+0 < S 0:10(10) win 1000 <mss 1460,FO TFO_COOKIE>",
        "+0 `tc qdisc add dev tun0 root pfifo limit 0`",
        "+0 %{ import re }%",
        "+0 < icmp unreachable no_such_thing [1:2(1)]",
        "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0",
        "+0 close(4) = 0\n+0 %{ assert tcpi_state == TCP_CLOSE }%",
    ];
    let all: Vec<_> = cases.iter().map(|lines| format!("{lines}\n--> {}", told(lines))).collect();
    assert!(all.iter().all(|told| told.contains(": unsupported: ")), "{all:#?}");
    insta::assert_snapshot!("unsupported", all.join("\n\n"));
    let flag = verdict_of(&format!("--wire_client\n{OPEN}"), &Settings::default());
    assert!(matches!(flag, Verdict::Unsupported(_)), "{flag:?}");
}

/// packetdrill does not look at what comes after the last line; `--strict` does.
#[test]
fn strict_looks_at_the_end() {
    let text = format!("{OPEN}+0 write(4, ..., 10) = 10\n");
    assert_eq!(verdict_of(&text, &Settings::default()), Verdict::Passed);
    let strict = verdict_of(&text, &Settings { is_strict: true, ..Settings::default() });
    assert!(
        matches!(strict, Verdict::Failed(failure) if failure.came.ends_with("> P. 1:11(10) ack 1 win 1024"))
    );
}

/// The profiles differ where Linux's values matter: what comes first is acknowledged at once.
#[test]
fn profiles() {
    let open =
        OPEN.replace("> S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 7>", "> S. 0:0(0) ack 1 <...>");
    let text = format!("{open}+0 < P. 1:11(10) ack 1 win 257\n+0 > . 1:1(0) ack 11\n");
    let with = |profile| Settings { profile, ..Settings::default() };
    assert_eq!(verdict_of(&text, &with(Some(Profile::Linux))), Verdict::Passed);
    assert!(matches!(verdict_of(&text, &with(Some(Profile::Rfc))), Verdict::Failed(_)));
    assert_eq!(verdict_of(&format!("// profile: linux\n{text}"), &with(None)), Verdict::Passed);
}

/// Linux sets PSH at the end of each burst. Scripts that take it for granted get ours, which sets it where the text
/// ends, and no other; scripts that do not are not excused.
#[test]
fn a_push_within_the_text_may_be_missing_in_the_profile_of_linux() {
    let with = |profile| Settings { profile: Some(profile), ..Settings::default() };
    let open = OPEN
        .replace("wscale 7>\n+.1", "wscale 8>\n+.1")
        .replace("<mss 1460,nop,nop,sackOK,nop,wscale 8>", "<...>");
    let burst = format!("{open}+0 write(4, ..., 15000) = 15000\n+0 > P. 1:10001(10000) ack 1\n");
    assert_eq!(verdict_of(&burst, &with(Profile::Linux)), Verdict::Passed);
    assert!(matches!(verdict_of(&burst, &with(Profile::Rfc)), Verdict::Failed(_)));
    let end = format!("{open}+0 write(4, ..., 10000) = 10000\n+0 > . 1:10001(10000) ack 1\n");
    assert!(matches!(verdict_of(&end, &with(Profile::Linux)), Verdict::Failed(_)));
}

/// Linux acknowledges at once until it has answered something soon: who speaks first has not.
#[test]
fn speaking_first_is_no_answer() {
    let open =
        OPEN.replace("> S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 7>", "> S. 0:0(0) ack 1 <...>");
    let linux = Settings { profile: Some(Profile::Linux), ..Settings::default() };
    let first = "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1\n+.1 < P. 1:11(10) ack 11 win 257\n+0 > . 11:11(0) ack 11\n";
    let answer = "+.01 write(4, ..., 10) = 10\n+0 > P. 11:21(10) ack 11\n+.1 < P. 11:21(10) ack 21 win 257\n\
                  +.04 > . 21:21(0) ack 21\n";
    assert_eq!(verdict_of(&format!("{open}{first}{answer}"), &linux), Verdict::Passed);
}

/// The same over IPv6, where only the MSS is another one.
#[test]
fn both_families() {
    let text = OPEN.replace("mss 1460", "mss 1440");
    let text =
        format!("--ip_version=ipv6\n{text}+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n");
    assert_eq!(verdict_of(&text, &Settings::default()), Verdict::Passed);
    let text = format!(
        "{text}+0 < icmp packet_too_big mtu 1280 [1:1001(1000)]\n+0 < icmp unreachable no_route [1:1001(1000)]\n\
         +.1 < . 1:1(0) ack 1001 win 257\n"
    );
    assert_eq!(verdict_of(&text, &Settings::default()), Verdict::Passed);
}

/// A script that asks for years gets them, and one that waits for nothing ends.
#[test]
fn nothing_runs_for_ever() {
    let settings = Settings::default();
    let years = format!("{OPEN}+300000000 < . 1:1(0) ack 1 win 257\n");
    assert_eq!(verdict_of(&years, &settings), Verdict::Passed);
    let never = format!("{OPEN}* > . 1:1(0) ack 1\n");
    assert!(matches!(verdict_of(&never, &settings), Verdict::Failed(_)));
    let keep_alive = format!(
        "{OPEN}+0 setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0\n+7200 > . 0:0(0) ack 1\n\
         +0 < . 1:1(0) ack 1 win 257\n"
    );
    assert_eq!(verdict_of(&keep_alive, &settings), Verdict::Passed);
}

/// Packets that nobody expects do not pile up for ever, and a long write does not take all memory or time.
#[test]
fn everything_is_bounded() {
    let settings = Settings::default();
    let probes = format!(
        "{OPEN}+0 setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0\n\
         +0 setsockopt(4, SOL_TCP, TCP_KEEPIDLE, [1], 4) = 0\n+0 setsockopt(4, SOL_TCP, TCP_KEEPINTVL, [1], 4) = 0\n\
         +0 write(4, ..., 300) = 300\n+0 < . 1:1(0) ack 301 win 0\n+0 write(4, ..., 10) = 10\n\
         +0 setsockopt(4, SOL_TCP, TCP_USER_TIMEOUT, [4000000000], 4) = 0\n+40000000 close(4) = 0\n"
    );
    assert_ne!(verdict_of(&probes, &settings).name(), "unsupported");
    let long = format!("{OPEN}+0...100 write(4, ..., 60000000) = 60000000\n");
    let Verdict::Failed(failure) = verdict_of(&long, &settings) else { panic!() };
    assert_eq!(failure.what, "write does not return");
}
