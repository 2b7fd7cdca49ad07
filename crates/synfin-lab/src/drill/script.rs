//! A script as a tree: what the parser makes and the runner walks.

use core::time::Duration;

use synfin_wire::tcp::Flags;

use super::place::Place;
use super::profile::Profile;

/// A script.
#[derive(Clone, PartialEq, Debug)]
pub struct Script {
    /// What it is called in messages: its path.
    pub name: String,
    /// `--name=value` lines at its head.
    pub flags: Vec<Flag>,
    /// What happens, in order.
    pub events: Vec<Event>,
    /// Why Linux differs, as comments of the form `// linux differs: why` say.
    pub linux_differs: Vec<String>,
    /// Why Linux differs at times, as comments of the form `// linux may differ: why` say.
    pub linux_may_differ: Vec<String>,
    /// The host that it takes for granted, as a comment of the form `// profile: linux` says.
    pub profile: Option<Profile>,
    /// The lines, for messages.
    pub lines: Vec<String>,
}

/// A flag, such as `--ip_version=ipv4`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flag {
    /// Without the dashes.
    pub name: String,
    /// What follows the equals sign.
    pub value: Option<String>,
    /// Where it stands.
    pub place: Place,
}

/// One event.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Where it begins.
    pub place: Place,
    /// When.
    pub when: When,
    /// What.
    pub what: What,
}

/// When something happens, counted from the start or from the event before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// `0.5`
    At(Duration),
    /// `+0.5`
    After(Duration),
    /// `0.5~0.6`
    Between(Duration, Duration),
    /// `+0.5~+0.6`
    AfterBetween(Duration, Duration),
    /// `*`: at any time
    Any,
    /// A command before the first event or after the last one has no time: it happens then.
    Now,
}

/// What happens.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// A packet goes in, or is expected to come out.
    Packet(Box<Packet>),
    /// A system call.
    Call(Call),
    /// Text between backquotes.
    Command(String),
    /// Text between `%{` and `}%`.
    Code(String),
}

/// Which way a packet goes, seen from the TCP under test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// `<`
    In,
    /// `>`
    Out,
}

/// A packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Which way.
    pub direction: Direction,
    /// What stands in brackets before the segment.
    pub ip: IpFields,
    /// Source and destination port, where they are given.
    pub ports: Option<(u16, u16)>,
    /// What is in it.
    pub content: Content,
}

/// Fields of the IP header. What is `None` is as usual (in), or not looked at (out).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IpFields {
    /// The last two bits of the traffic class.
    pub ecn: Option<EcnField>,
    /// The whole traffic class.
    pub tos: Option<u8>,
    /// Time to live or hop limit.
    pub ttl: Option<u8>,
}

/// ECN codepoints by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EcnField {
    /// `noecn`
    NotEct,
    /// `ect0`
    Ect0,
    /// `ect1`
    Ect1,
    /// `ce`
    Ce,
    /// `ect01`: either of the two
    Ect01,
}

/// What a packet carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// A TCP segment.
    Tcp(Tcp),
    /// An ICMP message about a segment.
    Icmp(Icmp),
    /// Something else: the script is unsupported, and this is why.
    Unsupported(String),
}

/// A segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tcp {
    /// Control bits.
    pub flags: Flags,
    /// Sequence number: absolute in a SYN, counted from the initial one elsewhere.
    pub seq: u32,
    /// Octets of text.
    pub len: u16,
    /// Acknowledgement number, likewise.
    pub ack: Option<u32>,
    /// The window field, unscaled.
    pub window: Option<u16>,
    /// The urgent pointer.
    pub urgent_pointer: u16,
    /// The options; `None` for `<...>`, any.
    pub options: Option<Vec<TcpOption>>,
}

/// An option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TcpOption {
    /// `nop`
    Nop,
    /// `eol`
    Eol,
    /// `mss 1460`
    Mss(u16),
    /// `wscale 7`
    WindowScale(u8),
    /// `sackOK`
    SackPermitted,
    /// `sack 1001:2001 3001:4001`
    Sack(Vec<(u32, u32)>),
    /// `TS val 100 ecr 0`
    Timestamps(u32, u32),
    /// Any other, as its bytes: kind and what follows the length.
    Other(u8, Vec<u8>),
}

/// An ICMP message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Icmp {
    /// Such as `unreachable`.
    pub kind: String,
    /// Such as `frag_needed`.
    pub code: Option<String>,
    /// `mtu 1200`.
    pub mtu: Option<u32>,
    /// Sequence number and length of the segment that it is about.
    pub about: (u32, u16),
}

/// A system call, and what it is to return.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// When a call that blocks is to return: `0.1...0.2 connect(…)`. Counted as its beginning is.
    pub end: Option<Duration>,
    /// Its name.
    pub name: String,
    /// What it is given.
    pub arguments: Vec<Expression>,
    /// What it is to return.
    pub result: Expression,
    /// The name of the error that it is to fail with.
    pub error: Option<String>,
}

/// What stands in the parentheses of a call.
#[derive(Clone, PartialEq, Debug)]
pub enum Expression {
    /// `...`: whatever fits.
    Ellipsis,
    /// A number.
    Number(i64),
    /// A constant by name.
    Word(String),
    /// `"text"`
    Text(String),
    /// `O_RDWR|O_NONBLOCK`
    Or(Box<Expression>, Box<Expression>),
    /// `name=value` and `name(count)=value`, as in structures.
    Field(String, Box<Expression>),
    /// `[…]`
    List(Vec<Expression>),
    /// `{…}`
    Structure(Vec<Expression>),
    /// `htons(8080)`
    Function(String, Vec<Expression>),
}

impl Script {
    /// A line, from 1, without the blanks around it.
    #[must_use]
    pub fn line(&self, line: u32) -> &str {
        let index = usize::try_from(line).unwrap_or_default().wrapping_sub(1);
        self.lines.get(index).map_or("", |line| line.trim())
    }
}
