//! The language of drills: what is no script is an error with its place, and nothing panics.

use proptest::prelude::*;
use synfin_lab::drill::{Content, Script, Settings, What, When, run};

#[test]
fn errors_show_where() {
    let cases = [
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP = 3",
        "0 < S 0:0(0 win 1000",
        "0 < S 0:1(2) win 1000",
        "0 < X 0:0(0) win 1000",
        "0 < S 0:0(0) win 70000",
        "0 < S 0:0(0) win 100 <mss 70000>",
        "0 < S 0:0(0) win 100 <...>",
        "0 > S 0:0(0) <window 7>",
        "+0 listen(3, 1) = 0 then",
        "0.1~0.2 close(3) = 0",
        "* < . 1:1(0) ack 1 win 1",
        "0.2~0.1 > . 1:1(0) ack 1",
        "close(3) = 0",
        "0 %{ assert True",
        "0 `sysctl",
        "/* nobody ends it",
        "--ip_version=\n0 close(3) = 0",
        "-1 close(3) = 0",
        "// profile: bsd\n0 close(3) = 0",
        "\t0\tclose(3)\t=\t!",
    ];
    let all: Vec<_> =
        cases.iter().map(|text| Script::parse("x.pkt", text).unwrap_err().to_string()).collect();
    insta::assert_snapshot!("errors", all.join("\n\n"));
    let flag = Script::parse("x.pkt", "--mtu=many\n0 close(3) = 0").unwrap();
    let told = run(&flag, &Settings::default()).unwrap_err().to_string();
    assert!(told.starts_with("x.pkt:1:1: --mtu: expected a number\n    --mtu=many\n    ^"), "{told}");
}

#[test]
fn what_a_line_means() {
    let text = "\
        // linux differs: it is bold\n\
        // linux may differ: it is moody\n\
        /* linux differs: it is old */ --define=NAME=\"cubic\"\n\
        0.000001 > [ect0,ttl 64] 5 > 6 SEW. 4294967295:4(5) ack 7 win 8 urg 9 <sack 1:2 3:4,TS val 5 ecr 6,FO 0a0b,eol>\n\
        +1.5...2 setsockopt(3, SOL_TCP, TCP_CONGESTION, NAME, 5) = -1 ENOENT (No such file)\n\
        * > . 1:1(0) ack 1 <...> // a comment\n\
        +0~+.5 > icmp unreachable port_unreachable [1:2(1)] # another\n";
    let script = Script::parse("x.pkt", text).unwrap();
    assert_eq!(script.linux_differs, ["it is bold", "it is old"]);
    assert_eq!(script.linux_may_differ, ["it is moody"]);
    assert_eq!(script.flags.len(), 1);
    let [first, second, third, fourth] = script.events.as_slice() else { panic!("{script:#?}") };
    assert_eq!(first.when, When::At(std::time::Duration::from_micros(1)));
    assert_eq!((first.place.line, first.place.column), (4, 1));
    let What::Packet(packet) = &first.what else { panic!("{first:?}") };
    assert_eq!(
        packet.to_string(),
        "> [ect0,ttl 64] 5 > 6 SEW. 4294967295:4(5) ack 7 win 8 urg 9 <sack 1:2 3:4,TS val 5 ecr 6,FO 0a0b,eol>"
    );
    let What::Call(call) = &second.what else { panic!("{second:?}") };
    assert_eq!((call.name.as_str(), call.error.as_deref()), ("setsockopt", Some("ENOENT")));
    assert_eq!(call.end, Some(std::time::Duration::from_secs(2)));
    assert!(format!("{:?}", call.arguments).contains("Text(\"cubic\")"));
    assert_eq!(third.when, When::Any);
    assert!(matches!(fourth.when, When::AfterBetween(..)));
}

/// Words that scripts are made of, so that random texts get further than their first character.
const WORDS: [&str; 64] = [
    "0 ",
    "+0 ",
    "+.1 ",
    "0.1~0.2 ",
    "* ",
    "+0...0.1 ",
    "< ",
    "> ",
    "S ",
    "S. ",
    ". ",
    "P. ",
    "F. ",
    "R ",
    "- ",
    "0:0(0) ",
    "1:1(0) ",
    "1:1001(1000) ",
    "ack 1 ",
    "ack 4294967295 ",
    "win 0 ",
    "win 65535 ",
    "urg 1 ",
    "<...> ",
    "<mss 1000> ",
    "<mss 0,sackOK,TS val 1 ecr 0,nop,wscale 255> ",
    "<sack 1:2 3:4 5:6 7:8> ",
    "[ce] ",
    "[ect0] ",
    "icmp unreachable frag_needed mtu 0 [1:2(1)] ",
    "\n",
    "\n",
    "\n",
    "\n+0 ",
    "\n+1000000 ",
    "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n",
    "bind(3, ..., ...) = 0\n",
    "listen(3, 1) = 0\n",
    "accept(3, ..., ...) = 4\n",
    "connect(3, ..., ...) = 0\n",
    "read(4, ..., 1000000) = ...\n",
    "write(4, ..., 1000000) = ...\n",
    "write(4, ..., 1) = 1\n",
    "close(4) = 0\n",
    "close(3) = 0\n",
    "shutdown(4, SHUT_WR) = 0\n",
    "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n",
    "setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0\n",
    "poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 0) = 1\n",
    "= -1 EAGAIN ",
    "= ... ",
    "(",
    ")",
    "[",
    "]",
    "%{ assert tcpi_snd_cwnd // 0 == 1 << 200 }%\n",
    "%{ assert (((((1 }%\n",
    "`sysctl -q net.ipv4.tcp_rmem=\"1 2 3\"`\n",
    "`./defaults.sh`\n",
    "--mtu=68\n",
    "--ip_version=ipv6\n",
    "\"text\\",
    "/*",
    "//",
];

/// An open connection, so that what follows has something to be about.
const OPEN: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n\
    +0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n+0 < S 0:0(0) win 32792 <mss 1000,sackOK>\n\
    +0 > S. 0:0(0) ack 1 <...>\n+.1 < . 1:1(0) ack 1 win 32792\n+0 accept(3, ..., ...) = 4\n";

proptest! {
    /// Texts of any kind.
    #[test]
    fn any_text_is_a_script_or_an_error(text in ".{0,200}") {
        if let Err(error) = Script::parse("x.pkt", &text) {
            let _ = error.to_string();
        }
    }

    /// Texts of words: those that are scripts can be run, to one end or another.
    #[test]
    fn any_words_run_to_an_end(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..40), is_open: bool) {
        let text = format!("{}{}", if is_open { OPEN } else { "" }, words.concat());
        match Script::parse("x.pkt", &text) {
            Ok(script) => drop(run(&script, &Settings { is_strict: true, ..Settings::default() })),
            Err(error) => drop(error.to_string()),
        }
    }

    /// What is printed reads the same.
    #[test]
    fn packets_read_as_they_print(
        direction in prop::sample::select(&["<", ">"][..]),
        flags in 1u16..512,
        seq: u32,
        len: u16,
        ack in prop::option::of(any::<u32>()),
        window in prop::option::of(any::<u16>()),
        urg: u16,
        options in prop::sample::subsequence(vec!["nop", "eol", "mss 9", "wscale 7", "sackOK", "sack 1:2 3:4", "TS val 4 ecr 5"], 0..=7),
    ) {
        let end = seq.wrapping_add(u32::from(len));
        let letters = ['F', 'S', 'R', 'P', 'U', 'E', 'W', 'A', '.'];
        let flags: String = letters.iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1).map(|(_, c)| c).collect();
        let ack = ack.map_or(String::new(), |ack| format!(" ack {ack}"));
        let window = window.map_or(String::new(), |window| format!(" win {window}"));
        let urg = if urg == 0 { String::new() } else { format!(" urg {urg}") };
        let options = if options.is_empty() { String::new() } else { format!(" <{}>", options.join(",")) };
        let line = format!("{direction} {flags} {seq}:{end}({len}){ack}{window}{urg}{options}");
        let script = Script::parse("x.pkt", &format!("0 {line}")).unwrap();
        let What::Packet(packet) = &script.events[0].what else { panic!() };
        prop_assert!(matches!(packet.content, Content::Tcp(_)));
        prop_assert_eq!(packet.to_string(), line);
    }
}
