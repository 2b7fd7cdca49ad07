//! The requirements of RFC 9293, Appendix B, in its order and with its headings; the words are our own.

/// A requirement.
pub(crate) struct Requirement {
    /// Its name: `MUST-23`.
    pub(crate) id: &'static str,
    /// Where the RFC has it.
    pub(crate) section: &'static str,
    /// What it asks for, or for MAY allows.
    pub(crate) words: &'static str,
    /// Why there is no code for it, or no test.
    pub(crate) reason: Option<&'static str>,
}

/// A heading, and what stands under it.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) requirements: &'static [Requirement],
}

const fn is(id: &'static str, section: &'static str, words: &'static str) -> Requirement {
    Requirement { id, section, words, reason: None }
}

const fn not(
    id: &'static str,
    section: &'static str,
    words: &'static str,
    reason: &'static str,
) -> Requirement {
    Requirement { id, section, words, reason: Some(reason) }
}

/// What a TCP without an IP below it leaves to that.
const NO_IP_OPTIONS: &str = "IP options end below this crate: no call hands one up or takes one down. A source-routed \
                             packet is answered along the route that the host chooses";

/// What belongs to the IP layer of the host.
const IP_LAYER: &str = "the IP header is the host's: a segment comes out of this crate without one";

/// What is only allowed, and not wanted.
const NOT_WANTED: &str = "allowed, and not done";

/// All of them.
pub(crate) const GROUPS: &[Group] = &[
    Group {
        name: "PUSH flag",
        requirements: &[
            is("MAY-16", "3.9.1.2", "what was written in pieces may be sent together"),
            is("SHLD-27", "3.9.1.2", "of several pushes in a row, one bit is sent"),
            not(
                "MAY-15",
                "3.9.1.2",
                "a write may ask for a push",
                "every write is pushed: nothing waits for a flag",
            ),
            is("MUST-60", "3.9.1.2", "where it may not, nothing is held back for ever"),
            is("MUST-61", "3.9.1.2", "where it may not, the last segment of what is queued is pushed"),
            not(
                "MAY-17",
                "3.9.1.3",
                "the reader may hear of a push",
                "octets can be read as soon as they are there",
            ),
            is("SHLD-28", "3.9.1.2", "segments are of full size while there is enough to send"),
        ],
    },
    Group {
        name: "Window",
        requirements: &[
            is("MUST-1", "3.1", "the window is an unsigned number"),
            is("REC-1", "3.1", "windows are kept and computed on 32 bits"),
            is("SHLD-14", "3.8.6", "the right edge of our window does not go back"),
            is("SHLD-15", "3.8.6", "while a window has shrunk, no new data is sent"),
            is("SHLD-16", "3.8.6", "while a window has shrunk, what lies within is sent again as usual"),
            is("SHLD-17", "3.8.6", "what a shrunk window leaves outside does not end the connection"),
            is("MUST-34", "3.8.6", "a peer that shrinks its window does no harm"),
            is("MAY-8", "3.8.6.1", "a receiver may keep its window closed for as long as it likes"),
            is("MUST-35", "3.8.6", "a window that goes to zero is probed"),
            is("MUST-36", "3.8.6.1", "the sender probes a window of zero"),
            is(
                "SHLD-29",
                "3.8.6.1",
                "the first probe comes a retransmission timeout after the window closed",
            ),
            is("SHLD-30", "3.8.6.1", "the time between probes grows exponentially"),
            is("MUST-37", "3.8.6.1", "as long as probes are answered, the connection stays open"),
            not(
                "MAY-7",
                "3.8.6",
                "what lies beyond a shrunk window may be sent again",
                "allowed, and not done: the peer would throw it away",
            ),
            is("MUST-66", "3.4", "with our window closed, RST and URG still count"),
        ],
    },
    Group {
        name: "Urgent data",
        requirements: &[
            is("MUST-30", "3.8.5", "the urgent mechanism is there"),
            is("MUST-62", "3.8.5", "the pointer is that of the octet after the urgent data"),
            is("MUST-31", "3.8.5", "urgent data may be of any length"),
            is("MUST-32", "3.8.5", "the reader is told when urgent data is announced"),
            is("MUST-33", "3.8.5", "the reader can ask whether urgent data remains, and how much"),
            not(
                "SHLD-13",
                "3.9.1.2",
                "new applications do not use it",
                "an advice to applications: the documentation of the call gives it no other one",
            ),
        ],
    },
    Group {
        name: "TCP options",
        requirements: &[
            is("MUST-4", "3.1", "end of list, no operation and maximum segment size are understood"),
            is("MUST-5", "3.1", "options are taken from any segment"),
            is("MUST-6", "3.1", "an option that is not known is passed over by its length"),
            is("MUST-68", "3.1", "every option but the first two kinds has a length"),
            is("MUST-7", "3.1", "a length that cannot be does no harm"),
            is("MUST-64", "3.2", "an option may begin at any octet"),
            is("MUST-14", "3.7.1", "the maximum segment size is announced and heard"),
            is("SHLD-5", "3.7.1", "it is announced unless it is the default"),
            is("MAY-3", "3.7.1", "it may be announced always"),
            is("MUST-15", "3.7.1", "without an announcement it is 536, over IPv6 1220"),
            is("MUST-16", "3.7.1", "segments are no larger than peer, path and options allow"),
            is("SHLD-6", "3.7.3", "what is sent follows the MTU of the path"),
            is("MUST-65", "3.2", "it is announced in a SYN and nowhere else"),
            is("MUST-67", "3.7.1", "it is what can be reassembled, less the fixed headers"),
            is("MUST-69", "3.1", "the header is padded with zeros"),
        ],
    },
    Group {
        name: "Checksums",
        requirements: &[
            is("MUST-2", "3.1", "a checksum is sent"),
            is("MUST-3", "3.1", "a checksum is checked"),
        ],
    },
    Group {
        name: "Initial sequence numbers",
        requirements: &[
            is("MUST-8", "3.4.1", "they follow a clock"),
            is("SHLD-1", "3.4.1", "a keyed hash of addresses and ports is added"),
            is("MUST-9", "3.4.1", "nobody else can compute that hash"),
        ],
    },
    Group {
        name: "Opening",
        requirements: &[
            is("MUST-10", "3.5", "both may open at once"),
            is("MUST-11", "3.5", "SYN-RECEIVED knows whether it came from LISTEN"),
            is("MUST-41", "3.9.1.1", "listening disturbs no connection"),
            is(
                "MUST-42",
                "3.9.1.1",
                "one port can be listened on beside its connections, and at several addresses",
            ),
            is("MUST-44", "3.9.1.1", "a host of several addresses is asked for the one to connect from"),
            is("MUST-45", "3.9.1.1", "what follows comes from the address that the first segment came from"),
            is("MUST-46", "3.9.1.1", "an open to a group, or to no address, is refused"),
            is("MUST-57", "3.9.2.3", "a segment to a group is dropped without an answer"),
        ],
    },
    Group {
        name: "Closing",
        requirements: &[
            is("SHLD-2", "3.5.3", "a RST may carry text"),
            is("MUST-12", "3.6", "the user can tell a regular end from an abort"),
            is("MAY-1", "3.6.1", "a user may let go without reading to the end"),
            is("SHLD-3", "3.6.1", "then a RST says that data was lost"),
            is("MUST-13", "3.6.1", "who closes first stays in TIME-WAIT for 2 MSL"),
            is("MAY-2", "3.6.1", "a SYN may open anew out of TIME-WAIT, if its number lies beyond the last"),
            is("SHLD-4", "3.6.1", "timestamps let it do so sooner (RFC 6191)"),
        ],
    },
    Group {
        name: "Retransmission",
        requirements: &[
            is("MUST-19", "3.8.2", "slow start, congestion avoidance and exponential backoff are there"),
            not("MAY-4", "3.8.1", "what is sent again may have the same IP identification", IP_LAYER),
            is("MUST-18", "3.8.1", "what was sent twice measures no round trip (Karn)"),
        ],
    },
    Group {
        name: "Acknowledging",
        requirements: &[
            is("MUST-58", "3.10.7.4", "what can be acknowledged together is"),
            is("SHLD-31", "3.10.7.4", "what comes out of order is kept"),
            is("MUST-59", "3.10.7.4", "all that waits is taken in before anything is acknowledged"),
            is("MAY-13", "3.10.7.4", "what is out of order may be answered at once"),
            is("SHLD-18", "3.8.6.3", "acknowledgements may wait for company"),
            is("MUST-40", "3.8.6.3", "but less than half a second"),
            is("SHLD-19", "3.8.6.3", "and at the latest for the second full segment"),
            is("MUST-39", "3.8.6.2.2", "the receiver avoids silly windows"),
        ],
    },
    Group {
        name: "Sending",
        requirements: &[
            is("MUST-49", "3.9.2", "the time to live can be set"),
            is("MUST-38", "3.8.6.2.1", "the sender avoids silly windows"),
            is("SHLD-7", "3.7.4", "short segments wait while others are in flight (Nagle)"),
            is("MUST-17", "3.7.4", "a user can turn that off"),
        ],
    },
    Group {
        name: "Failures",
        requirements: &[
            is(
                "MUST-20",
                "3.8.3",
                "R1 and R2 are bounds for what is sent again: the second ends the connection",
            ),
            is("MUST-21", "3.8.3", "a user can set R2"),
            is("SHLD-9", "3.8.3", "between R1 and R2 the user hears of it"),
            is("SHLD-10", "3.8.3", "R1 is at least 3 retransmissions"),
            is("SHLD-11", "3.8.3", "R2 is at least 100 seconds"),
            is("MUST-22", "3.8.3", "a SYN is handled likewise"),
            is("MUST-23", "3.8.3", "for a SYN, R2 is at least 3 minutes"),
        ],
    },
    Group {
        name: "Keep-alives",
        requirements: &[
            is("MAY-5", "3.8.4", "there may be keep-alives"),
            is("MUST-24", "3.8.4", "a user turns them on and off for one connection"),
            is("MUST-25", "3.8.4", "they are off unless asked for"),
            is(
                "MUST-26",
                "3.8.4",
                "they are sent only when nothing came and nothing was sent for the interval",
            ),
            is("MUST-27", "3.8.4", "the interval can be set"),
            is("MUST-28", "3.8.4", "it is at least two hours by default"),
            is("MUST-29", "3.8.4", "one that is not answered proves nothing"),
            is("SHLD-12", "3.8.4", "they carry no data"),
            not("MAY-6", "3.8.4", "they may be made to carry an octet", NOT_WANTED),
        ],
    },
    Group {
        name: "IP options",
        requirements: &[
            not("MUST-50", "3.9.2", "an IP option that TCP does not know is passed over", NO_IP_OPTIONS),
            not("MAY-10", "3.9.2", "the timestamp option may be supported", NO_IP_OPTIONS),
            not("MAY-11", "3.9.2", "the record route option may be supported", NO_IP_OPTIONS),
            not("MUST-51", "3.9.2.1", "a user can give a source route", NO_IP_OPTIONS),
            not("MUST-52", "3.9.2.1", "it comes before one in an arriving packet", NO_IP_OPTIONS),
            not(
                "MUST-53",
                "3.9.2.1",
                "a passive open answers along the route that it was reached by",
                NO_IP_OPTIONS,
            ),
            not("SHLD-24", "3.9.2.1", "a later source route replaces an earlier one", NO_IP_OPTIONS),
        ],
    },
    Group {
        name: "ICMP",
        requirements: &[
            is("MUST-54", "3.9.2.2", "an error reaches the connection that it is about"),
            is("SHLD-25", "3.9.2.2", "soft errors are told to the user"),
            is("MUST-56", "3.9.2.2", "and abort nothing"),
            is("SHLD-26", "3.9.2.2", "hard errors abort"),
            is("MUST-55", "3.9.2.2", "source quench is dropped without a word"),
        ],
    },
    Group {
        name: "Addresses",
        requirements: &[is("MUST-63", "3.9.2.3", "a SYN from an address that is no host's is not taken")],
    },
    Group {
        name: "Services to the user",
        requirements: &[
            is("MUST-47", "3.9.1.8", "soft errors are reported as they come"),
            is("SHLD-20", "3.9.1.8", "who does not want to hear of them need not"),
            is("MUST-48", "3.9.1.9", "a user can set the Differentiated Services field"),
            is("SHLD-22", "3.9.1.9", "it is passed on unchanged"),
            is("SHLD-21", "3.9.1.9", "it can be changed while the connection is open"),
            not("SHLD-23", "3.9.2", "users do not change it all the time", "an advice to applications"),
            not("MAY-9", "3.9.1.9", "the field of what arrives may be passed up", NOT_WANTED),
            not("MAY-14", "3.9.1.7", "there may be a call that empties the send queue", NOT_WANTED),
            is("MUST-43", "3.9.1.1", "an open can name the local address"),
        ],
    },
    Group {
        name: "Other standards",
        requirements: &[
            is("MAY-12", "3.10.7.4", "acknowledgements that nobody can have sent may be refused (RFC 5961)"),
            is("SHLD-8", "3.8.2", "explicit congestion notification is there (RFC 3168)"),
            is("MAY-18", "3.8.2", "there may be other algorithms for congestion control"),
        ],
    },
];
