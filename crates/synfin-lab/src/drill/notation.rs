//! Packets as text, in the notation of the scripts: what came stands beside what was expected.

use core::fmt;

use synfin_wire::tcp::Flags;

use super::script::{Content, Direction, EcnField, Icmp, Packet, Tcp, TcpOption};

/// The letters of control bits, in the order in which they are written.
const LETTERS: [(Flags, char); 9] = [
    (Flags::FIN, 'F'),
    (Flags::SYN, 'S'),
    (Flags::RST, 'R'),
    (Flags::PSH, 'P'),
    (Flags::URG, 'U'),
    (Flags::ECE, 'E'),
    (Flags::CWR, 'W'),
    (Flags::AE, 'A'),
    (Flags::ACK, '.'),
];

/// Control bits as a script has them.
pub(crate) fn letters(flags: Flags) -> String {
    let letters: String =
        LETTERS.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, letter)| letter).collect();
    if letters.is_empty() { "-".to_owned() } else { letters }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In => "<",
            Self::Out => ">",
        })
    }
}

impl fmt::Display for EcnField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEct => "noecn",
            Self::Ect0 => "ect0",
            Self::Ect1 => "ect1",
            Self::Ce => "ce",
            Self::Ect01 => "ect01",
        })
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.direction)?;
        let ecn = self.ip.ecn.map(|ecn| ecn.to_string());
        let tos = self.ip.tos.map(|tos| format!("tos {tos:#x}"));
        let ttl = self.ip.ttl.map(|ttl| format!("ttl {ttl}"));
        let fields: Vec<_> = [ecn, tos, ttl].into_iter().flatten().collect();
        if !fields.is_empty() {
            write!(f, "[{}] ", fields.join(","))?;
        }
        if let Some((source, destination)) = self.ports {
            write!(f, "{source} > {destination} ")?;
        }
        match &self.content {
            Content::Tcp(tcp) => tcp.fmt(f),
            Content::Icmp(icmp) => icmp.fmt(f),
            Content::Unsupported(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.seq.wrapping_add(u32::from(self.len));
        write!(f, "{} {}:{end}({})", letters(self.flags), self.seq, self.len)?;
        if let Some(ack) = self.ack {
            write!(f, " ack {ack}")?;
        }
        if let Some(window) = self.window {
            write!(f, " win {window}")?;
        }
        if self.urgent_pointer != 0 {
            write!(f, " urg {}", self.urgent_pointer)?;
        }
        match &self.options {
            None => f.write_str(" <...>"),
            Some(options) if options.is_empty() => Ok(()),
            Some(options) => write!(f, " {}", Options(options)),
        }
    }
}

impl fmt::Display for Icmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "icmp {}", self.kind)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, " mtu {mtu}")?;
        }
        let (seq, len) = self.about;
        write!(f, " [{seq}:{}({len})]", seq.wrapping_add(u32::from(len)))
    }
}

/// A list of options.
pub(crate) struct Options<'a>(pub(crate) &'a [TcpOption]);

impl fmt::Display for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "<{}>", options.join(","))
    }
}

impl fmt::Display for TcpOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nop => f.write_str("nop"),
            Self::Eol => f.write_str("eol"),
            Self::Mss(mss) => write!(f, "mss {mss}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackPermitted => f.write_str("sackOK"),
            Self::Sack(blocks) => {
                f.write_str("sack")?;
                blocks.iter().try_for_each(|(left, right)| write!(f, " {left}:{right}"))
            }
            Self::Timestamps(value, echo) => write!(f, "TS val {value} ecr {echo}"),
            Self::Other(kind, data) => {
                let name = match kind {
                    19 => "md5",
                    34 => "FO",
                    254 => "FOEXP",
                    _ => return write!(f, "kind {kind}, {} bytes", data.len()),
                };
                let data = if *kind == 254 { data.get(2..).unwrap_or_default() } else { data };
                let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
                if hex.is_empty() { f.write_str(name) } else { write!(f, "{name} {hex}") }
            }
        }
    }
}
