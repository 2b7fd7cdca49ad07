//! Which sockets are meant, in the words of the capture language that make sense of a socket.
//!
//! `src` is the socket's own end and `dst` the other one, as in `ss`. The whole expression is decided here; what of it
//! the kernel can decide as well, which is ports and addresses at either end, it decides before it tells anything.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use synfin_kernel::EventOptions;

/// An expression over the two ends of a socket.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Expr {
    /// Anything that is TCP.
    All,
    /// IPv6, or IPv4.
    Ip {
        is_v6: bool,
    },
    /// A port from the first to the second one, at this end.
    Port(End, u16, u16),
    /// An address with a prefix of so many bits, at this end.
    Net(End, IpAddr, u32),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Local,
    Remote,
    Either,
    Both,
}

/// Why an expression is not understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot filter sockets by this: {0}")]
pub(crate) struct FilterError(String);

/// What to type instead.
pub(crate) const HINT: &str = "a filter of sockets is something like 'tcp port 80 and host 10.0.0.1': host, net, port, portrange, src, dst, and, or, not";

/// Which sockets are meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Filter(Expr);

impl Filter {
    /// Reads words; none mean all sockets.
    pub(crate) fn parse(words: &[String]) -> Result<Self, FilterError> {
        let text = words.join(" ").replace('(', " ( ").replace(')', " ) ").replace('!', " ! ");
        let mut parser = Parser { words: text.split_whitespace().collect(), at: 0, depth: 0 };
        if parser.words.is_empty() {
            return Ok(Self(Expr::All));
        }
        let expr = parser.any()?;
        match parser.next() {
            None => Ok(Self(expr)),
            Some(word) => Err(FilterError(format!("{word} stands where nothing more was expected"))),
        }
    }

    /// Whether a socket is meant.
    pub(crate) fn matches(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        self.0.matches(local, remote)
    }

    /// Has the kernel decide what it can: all sockets that are meant pass there, and maybe some more.
    pub(crate) fn narrow(&self, options: &mut EventOptions) {
        let fits = |count: usize| count <= EventOptions::MAX_FILTERS;
        if let Some(ports) = self.0.ports().filter(|ports| fits(ports.len())) {
            options.ports = ports.into_iter().collect();
        }
        if let Some(addresses) = self.0.addresses().filter(|addresses| fits(addresses.len())) {
            options.addresses = addresses.into_iter().collect();
        }
    }
}

impl Expr {
    fn matches(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        let at = |end: End, is: &dyn Fn(SocketAddr) -> bool| match end {
            End::Local => is(local),
            End::Remote => is(remote),
            End::Either => is(local) || is(remote),
            End::Both => is(local) && is(remote),
        };
        match self {
            Self::All => true,
            Self::Ip { is_v6 } => local.is_ipv6() == *is_v6,
            Self::Port(end, first, last) => at(*end, &|address| (*first..=*last).contains(&address.port())),
            Self::Net(end, net, bits) => at(*end, &|address| is_within(address.ip(), *net, *bits)),
            Self::Not(expr) => !expr.matches(local, remote),
            Self::And(all) => all.iter().all(|expr| expr.matches(local, remote)),
            Self::Or(any) => any.iter().any(|expr| expr.matches(local, remote)),
        }
    }

    /// Ports of which every socket that is meant has one, at either end; nothing, where that cannot be said.
    fn ports(&self) -> Option<BTreeSet<u16>> {
        match self {
            Self::Port(_, first, last) if usize::from(last - first) < EventOptions::MAX_FILTERS => {
                Some((*first..=*last).collect())
            }
            Self::And(all) => all.iter().filter_map(Self::ports).min_by_key(BTreeSet::len),
            Self::Or(any) => union(any.iter().map(Self::ports)),
            _ => None,
        }
    }

    /// The same of addresses. Those of a listener are unspecified, so that it would not pass; but then the expression
    /// does not mean it.
    fn addresses(&self) -> Option<BTreeSet<IpAddr>> {
        match self {
            Self::Net(_, ip, bits) if *bits == max_bits(*ip) => Some(BTreeSet::from([*ip])),
            Self::And(all) => all.iter().filter_map(Self::addresses).min_by_key(BTreeSet::len),
            Self::Or(any) => union(any.iter().map(Self::addresses)),
            _ => None,
        }
    }
}

fn union<T: Ord>(mut sets: impl Iterator<Item = Option<BTreeSet<T>>>) -> Option<BTreeSet<T>> {
    sets.try_fold(BTreeSet::new(), |mut all, set| {
        all.append(&mut set?);
        Some(all)
    })
}

const fn max_bits(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn is_within(ip: IpAddr, net: IpAddr, bits: u32) -> bool {
    let differing = match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => u128::from(ip.to_bits() ^ net.to_bits()) << 96,
        (IpAddr::V6(ip), IpAddr::V6(net)) => ip.to_bits() ^ net.to_bits(),
        _ => return false,
    };
    differing.checked_shr(128 - bits).unwrap_or_default() == 0
}

/// How deep parentheses and negations may stand in each other.
const MAX_DEPTH: u32 = 64;

struct Parser<'w> {
    words: Vec<&'w str>,
    at: usize,
    depth: u32,
}

impl<'w> Parser<'w> {
    fn peek(&self) -> Option<&'w str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'w str> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    fn takes(&mut self, words: &[&str]) -> bool {
        let is_there = self.peek().is_some_and(|word| words.contains(&word));
        self.at += usize::from(is_there);
        is_there
    }

    fn any(&mut self) -> Result<Expr, FilterError> {
        let mut any = vec![self.all()?];
        while self.takes(&["or", "||"]) {
            any.push(self.all()?);
        }
        Ok(if any.len() > 1 { Expr::Or(any) } else { any.remove(0) })
    }

    fn all(&mut self) -> Result<Expr, FilterError> {
        let mut all = vec![self.one()?];
        loop {
            let follows_protocol = matches!(all.last(), Some(Expr::All | Expr::Ip { .. }));
            let is_more = !matches!(self.peek(), None | Some("or" | "||" | ")"));
            // After `tcp` the next word may follow at once: `tcp port 80`.
            if !(self.takes(&["and", "&&"]) || (follows_protocol && is_more)) {
                break;
            }
            all.push(self.one()?);
        }
        Ok(if all.len() > 1 { Expr::And(all) } else { all.remove(0) })
    }

    fn one(&mut self) -> Result<Expr, FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(FilterError("it is nested too deep".into()));
        }
        let expr = match self.next() {
            Some("not" | "!") => Expr::Not(Box::new(self.one()?)),
            Some("(") => {
                let expr = self.any()?;
                if !self.takes(&[")"]) {
                    return Err(FilterError("a parenthesis is not closed".into()));
                }
                expr
            }
            Some("tcp") => Expr::All,
            Some(word @ ("ip" | "ip6")) => Expr::Ip { is_v6: word == "ip6" },
            Some(word @ ("src" | "dst")) => {
                let end = if word == "src" { End::Local } else { End::Remote };
                let joins = (self.takes(&["or"]), self.takes(&["and"]));
                let end = if joins.0 || joins.1 {
                    self.next();
                    if joins.0 { End::Either } else { End::Both }
                } else {
                    end
                };
                self.primitive(end)?
            }
            Some(_) => {
                self.at -= 1;
                self.primitive(End::Either)?
            }
            None => return Err(FilterError("it ends in the middle".into())),
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn primitive(&mut self, end: End) -> Result<Expr, FilterError> {
        let word = self.next().unwrap_or_default();
        let value = self.next();
        let missing = || FilterError(format!("nothing follows {word}"));
        match word {
            "port" => {
                let port = port(value.ok_or_else(missing)?)?;
                Ok(Expr::Port(end, port, port))
            }
            "portrange" => {
                let range = value.ok_or_else(missing)?;
                let (first, last) = range
                    .split_once('-')
                    .ok_or_else(|| FilterError(format!("{range} is no range of ports")))?;
                let (first, last) = (port(first)?, port(last)?);
                Ok(Expr::Port(end, first.min(last), first.max(last)))
            }
            "host" => host(end, value.ok_or_else(missing)?),
            "net" => net(end, value.ok_or_else(missing)?),
            _ if word.parse::<IpAddr>().is_ok() => {
                self.at -= usize::from(value.is_some());
                host(end, word)
            }
            _ => Err(FilterError(format!("sockets have no {word}"))),
        }
    }
}

fn port(text: &str) -> Result<u16, FilterError> {
    text.parse().map_err(|_| FilterError(format!("{text} is no port number")))
}

/// An address, or a name, which may stand for several.
fn host(end: End, text: &str) -> Result<Expr, FilterError> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        let ip = ip.to_canonical();
        return Ok(Expr::Net(end, ip, max_bits(ip)));
    }
    let found = (text, 0).to_socket_addrs().map_err(|_| FilterError(format!("there is no host {text}")))?;
    let ips: BTreeSet<IpAddr> = found.map(|address| address.ip().to_canonical()).collect();
    Ok(Expr::Or(ips.into_iter().map(|ip| Expr::Net(end, ip, max_bits(ip))).collect()))
}

fn net(end: End, text: &str) -> Result<Expr, FilterError> {
    let wrong = || FilterError(format!("{text} is no network: 10.0.0.0/8"));
    let (ip, bits) = text.split_once('/').ok_or_else(wrong)?;
    let (ip, bits): (IpAddr, u32) = (ip.parse().map_err(|_| wrong())?, bits.parse().map_err(|_| wrong())?);
    if bits > max_bits(ip) { Err(wrong()) } else { Ok(Expr::Net(end, ip, bits)) }
}

#[cfg(test)]
mod tests;
