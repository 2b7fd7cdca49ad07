//! Packets: `< [ect0] S. 0:0(0) ack 1 win 1000 <mss 1460>`.

use synfin_wire::tcp::Flags;

use super::{Parsed, Parser};
use crate::drill::lexer::Kind;
use crate::drill::script::{Content, Direction, EcnField, Icmp, IpFields, Packet, Tcp, TcpOption, What};

/// Letters of control bits.
const LETTERS: [(char, Flags); 9] = [
    ('F', Flags::FIN),
    ('S', Flags::SYN),
    ('R', Flags::RST),
    ('P', Flags::PSH),
    ('.', Flags::ACK),
    ('U', Flags::URG),
    ('E', Flags::ECE),
    ('W', Flags::CWR),
    ('A', Flags::AE),
];

/// What a packet may begin with that is no TCP over plain IP.
const ELSEWHERE: [&str; 7] = ["udp", "gre", "GREv0", "mpls", "ipv4", "ipv6", "raw"];

/// Options of packetdrill's descendants: Accurate ECN, Multipath TCP.
const FOREIGN_OPTIONS: [&str; 6] = ["ECN", "accecn", "dss", "dss_ack", "add_address", "remove_address"];

/// The text of a script, for what is kept as it stands.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) text: &'a str,
}

impl<'a> Words<'a> {
    /// From a byte to the end of its line.
    fn rest_of_line(self, start: usize) -> &'a str {
        let rest = self.text.get(start..).unwrap_or_default();
        rest.split('\n').next().unwrap_or_default()
    }
}

impl Parser<'_> {
    pub(super) fn packet(&mut self, direction: Direction) -> Parsed<What> {
        self.advance()?;
        let mut ip = IpFields::default();
        let mut about = None;
        for (open, close) in [('(', ')'), ('[', ']')] {
            if self.take(open)? {
                if matches!(self.token.kind, Kind::Number(_)) {
                    about = Some(self.seq()?);
                } else {
                    ip = self.ip_fields(direction)?;
                }
                self.expect(close)?;
                break;
            }
        }
        let ports = self.ports()?;
        let content = match self.token.kind {
            Kind::Word("icmp") => self.icmp(about)?,
            _ if about.is_some() => return Err(self.error("expected icmp: only that is about a segment")),
            Kind::Word(word) if ELSEWHERE.contains(&word) => self.elsewhere(word)?,
            _ => self.tcp(direction)?,
        };
        Ok(What::Packet(Box::new(Packet { direction, ip, ports, content })))
    }

    fn ip_fields(&mut self, direction: Direction) -> Parsed<IpFields> {
        let mut fields = IpFields::default();
        loop {
            let start = self.token.start;
            match self.word("noecn, ect0, ect1, ect01, ce, tos or ttl")? {
                "noecn" => fields.ecn = Some(EcnField::NotEct),
                "ect0" => fields.ecn = Some(EcnField::Ect0),
                "ect1" => fields.ecn = Some(EcnField::Ect1),
                "ce" => fields.ecn = Some(EcnField::Ce),
                "ect01" if direction == Direction::Out => fields.ecn = Some(EcnField::Ect01),
                "ect01" => return Err(self.lexer.error(start, "ect01 only in packets that come out")),
                "tos" => fields.tos = Some(self.number("traffic class")?),
                "ttl" => fields.ttl = Some(self.number("time to live")?),
                // Nobody here sets it, so nothing can be said of it.
                "flowlabel" => drop(self.number::<i64>("flow label")?),
                _ => {
                    let what = "expected noecn, ect0, ect1, ect01, ce, tos or ttl";
                    return Err(self.lexer.error(start, what));
                }
            }
            if !self.take(',')? {
                return Ok(fields);
            }
        }
    }

    /// `1234 > 8080`
    fn ports(&mut self) -> Parsed<Option<(u16, u16)>> {
        if !matches!(self.token.kind, Kind::Number(_)) {
            return Ok(None);
        }
        let source = self.number("source port")?;
        self.expect('>')?;
        Ok(Some((source, self.number("destination port")?)))
    }

    /// What is not read further than to its end: the line.
    fn elsewhere(&mut self, word: &str) -> Parsed<Content> {
        let line = self.words().rest_of_line(self.token.start);
        let end = self.token.start + line.len();
        while self.token.kind != Kind::End && self.token.start < end {
            self.advance()?;
        }
        Ok(Content::Unsupported(format!("packets of {word}")))
    }

    fn tcp(&mut self, direction: Direction) -> Parsed<Content> {
        let flags = self.flags()?;
        let Some(flags) = flags else {
            self.elsewhere("")?;
            return Ok(Content::Unsupported("the ACE field of Accurate ECN".to_owned()));
        };
        let (seq, len) = self.seq()?;
        let ack = if self.take_word("ack")? { Some(self.number("acknowledgement number")?) } else { None };
        let window = if self.take_word("win")? { Some(self.number("window")?) } else { None };
        let urgent_pointer = if self.take_word("urg")? { self.number("urgent pointer")? } else { 0 };
        let start = self.token.start;
        let options = if self.is_options() { self.options()? } else { Some(Vec::new()) };
        if options.is_none() && direction == Direction::In {
            return Err(self.lexer.error(start, "<...> only in packets that come out"));
        }
        if let Some(option) = self.foreign_option.take() {
            return Ok(Content::Unsupported(format!("the option {option}")));
        }
        if self.token.kind == Kind::Sign('{') {
            self.elsewhere("")?;
            return Ok(Content::Unsupported("mutated packets".to_owned()));
        }
        Ok(Content::Tcp(Tcp { flags, seq, len, ack, window, urgent_pointer, options }))
    }

    /// Whether `<` begins options. No event begins with it: each has a time before it.
    fn is_options(&self) -> bool {
        self.token.kind == Kind::Sign('<')
    }

    /// `S.`, `.`, `-`; `None` with the digits of an ACE field.
    fn flags(&mut self) -> Parsed<Option<Flags>> {
        let start = self.token.start;
        let mut flags = Flags::NONE;
        if self.take('-')? {
            return Ok(Some(flags));
        }
        let mut is_any = false;
        if let Kind::Word(letters) = self.token.kind {
            for letter in letters.chars() {
                match LETTERS.iter().find(|(name, _)| *name == letter) {
                    Some((_, flag)) => flags |= *flag,
                    None if letter.is_ascii_digit() => return Ok(None),
                    None => {
                        let what =
                            format!("{letter:?} is no control bit: expected some of F S R P . U E W A, or -");
                        return Err(self.lexer.error(start, what));
                    }
                }
            }
            self.advance()?;
            is_any = true;
        }
        if matches!(self.token.kind, Kind::Decimal(_)) {
            return Ok(None);
        }
        // Only what follows without a gap belongs to the flags, but a dot can be nothing else.
        if self.take('.')? {
            flags |= Flags::ACK;
            is_any = true;
        }
        if is_any {
            Ok(Some(flags))
        } else {
            Err(self.error("expected control bits, such as S, S., . or P."))
        }
    }

    /// `1:1001(1000)`
    fn seq(&mut self) -> Parsed<(u32, u16)> {
        let start = self.token.start;
        let seq: u32 = self.number("sequence number")?;
        self.expect(':')?;
        let end: u32 = self.number("sequence number of the end")?;
        self.expect('(')?;
        let len: u16 = self.number("length")?;
        self.expect(')')?;
        if end != seq.wrapping_add(u32::from(len)) {
            let what = format!("{seq}:{end}({len}) does not agree with itself: {seq} + {len} is not {end}");
            return Err(self.lexer.error(start, what));
        }
        Ok((seq, len))
    }

    fn options(&mut self) -> Parsed<Option<Vec<TcpOption>>> {
        self.expect('<')?;
        if self.token.kind == Kind::Ellipsis {
            self.advance()?;
            self.expect('>')?;
            return Ok(None);
        }
        let start = self.token.start;
        let mut options = Vec::new();
        loop {
            options.push(self.option()?);
            if !self.take(',')? {
                break;
            }
        }
        self.expect('>')?;
        if options.iter().map(TcpOption::wire_len).sum::<usize>() > synfin_wire::tcp::MAX_OPTIONS_LEN {
            return Err(self.lexer.error(start, "more options than a header has room for"));
        }
        Ok(Some(options))
    }

    fn option(&mut self) -> Parsed<TcpOption> {
        let start = self.token.start;
        Ok(match self.word("an option, such as mss 1460 or nop")? {
            "nop" => TcpOption::Nop,
            "eol" => TcpOption::Eol,
            "mss" => TcpOption::Mss(self.number("MSS")?),
            "wscale" => TcpOption::WindowScale(self.number("window scale")?),
            "sackOK" => TcpOption::SackPermitted,
            "sack" => {
                let mut blocks = Vec::new();
                while matches!(self.token.kind, Kind::Number(_)) {
                    let left = self.number("left edge")?;
                    self.expect(':')?;
                    blocks.push((left, self.number("right edge")?));
                }
                if blocks.is_empty() {
                    return Err(self.error("expected a SACK block, such as 1001:2001"));
                }
                TcpOption::Sack(blocks)
            }
            "TS" => {
                let has_words = self.take_word("val")?;
                let value =
                    if has_words { self.number("TS val")? } else { return Err(self.error("expected val")) };
                if !self.take_word("ecr")? {
                    return Err(self.error("expected ecr"));
                }
                TcpOption::Timestamps(value, self.number("TS ecr")?)
            }
            "md5" => TcpOption::Other(19, self.hex()?),
            "FO" | "FOEXP" if matches!(self.token.kind, Kind::Word(word) if word.starts_with("TFO_COOKIE")) =>
            {
                // The key that it follows from is the kernel's.
                self.foreign_option = Some("TFO_COOKIE");
                self.advance()?;
                TcpOption::Nop
            }
            "FO" => TcpOption::Other(34, self.hex()?),
            "FOEXP" => {
                let mut data = vec![0xf9, 0x89];
                data.extend(self.hex()?);
                TcpOption::Other(254, data)
            }
            other if other.starts_with("mp_") || FOREIGN_OPTIONS.contains(&other) => {
                self.foreign_option = Some(other);
                while !matches!(self.token.kind, Kind::Sign('>') | Kind::End) {
                    self.advance()?;
                }
                TcpOption::Nop
            }
            other => {
                let what = format!(
                    "{other:?} is no option: expected mss, wscale, sackOK, sack, TS, nop, eol, md5, FO or FOEXP"
                );
                return Err(self.lexer.error(start, what));
            }
        })
    }

    /// Hexadecimal digits in pairs, or nothing.
    fn hex(&mut self) -> Parsed<Vec<u8>> {
        let (start, end) = (self.token.start, self.token.end);
        if !matches!(self.token.kind, Kind::Word(_) | Kind::Number(_)) {
            return Ok(Vec::new());
        }
        let digits = self.text.get(start..end).unwrap_or_default();
        let pairs = digits.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| match core::str::from_utf8(pair) {
                Ok(pair) if pair.len() == 2 => u8::from_str_radix(pair, 16).ok(),
                _ => None,
            })
            .collect();
        let bytes = bytes.ok_or_else(|| self.error("expected pairs of hexadecimal digits"))?;
        self.advance()?;
        Ok(bytes)
    }

    /// `icmp unreachable frag_needed mtu 1200 [1:1001(1000)]`; what it is about may also stand before it.
    fn icmp(&mut self, before: Option<(u32, u16)>) -> Parsed<Content> {
        self.advance()?;
        let kind = self.word("a kind of ICMP message, such as unreachable")?.to_owned();
        let mut code = None;
        if let Kind::Word(word) = self.token.kind
            && word != "mtu"
            && word != "id"
        {
            code = Some(word.to_owned());
            self.advance()?;
        }
        let mtu = if self.take_word("mtu")? { Some(self.number("MTU")?) } else { None };
        if self.take_word("id")? {
            self.elsewhere("")?;
            return Ok(Content::Unsupported("ICMP echo".to_owned()));
        }
        let mut about = before.unwrap_or_default();
        if before.is_none() && self.take('[')? {
            if let Kind::Word(word @ ("udp" | "raw")) = self.token.kind {
                self.elsewhere("")?;
                return Ok(Content::Unsupported(format!("ICMP about {word}")));
            }
            about = self.seq()?;
            self.expect(']')?;
        }
        Ok(Content::Icmp(Icmp { kind, code, mtu, about }))
    }
}

impl TcpOption {
    /// Bytes that it takes in a header.
    pub(crate) fn wire_len(&self) -> usize {
        match self {
            Self::Nop | Self::Eol => 1,
            Self::SackPermitted => 2,
            Self::WindowScale(_) => 3,
            Self::Mss(_) => 4,
            Self::Timestamps(..) => 10,
            Self::Sack(blocks) => 2 + 8 * blocks.len(),
            Self::Other(_, data) => 2 + data.len(),
        }
    }
}
