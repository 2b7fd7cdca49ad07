//! What the words in a script's calls mean.
//!
//! Whatever has no meaning here makes the script unsupported, before any of it has run.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use super::{
    Descriptor, How, MessageFlags, OCTETS_MAX, Octets, OptionValue, Request, SocketOption, SystemCall,
};
use crate::drill::names;
use crate::drill::script::{Call, Expression};

/// Why a call has no meaning here.
type Reason = String;

impl SystemCall {
    /// What a call in a script means.
    pub(crate) fn of(call: &Call) -> Result<Self, Reason> {
        let name = call.name.as_str();
        let args = Arguments { name, list: &call.arguments };
        Ok(match name {
            "socket" => socket(&args)?,
            "bind" => Self::Bind(args.descriptor()?, address(args.at(1)?)?),
            "connect" => Self::Connect(args.descriptor()?, address(args.at(1)?)?),
            "listen" => Self::Listen(args.descriptor()?, i32::try_from(args.number(1)?).unwrap_or(i32::MAX)),
            "accept" => Self::Accept(args.descriptor()?, false),
            "accept4" => Self::Accept(args.descriptor()?, args.number(3)? & names::O_NONBLOCK != 0),
            "read" => Self::Read(args.descriptor()?, args.len(2)?, MessageFlags::default()),
            "recv" | "recvfrom" => Self::Read(args.descriptor()?, args.len(2)?, args.flags(3)?),
            "readv" => Self::Read(args.descriptor()?, vectors(args.at(1)?)?, MessageFlags::default()),
            "recvmsg" => Self::Read(args.descriptor()?, message(args.at(1)?)?, args.flags(2)?),
            "write" => Self::Write(args.descriptor()?, args.octets()?, MessageFlags::default()),
            "send" => Self::Write(args.descriptor()?, args.octets()?, args.flags(3)?),
            "sendto" => {
                if args
                    .list
                    .get(4)
                    .is_some_and(|to| !matches!(to, Expression::Ellipsis | Expression::Number(0)))
                {
                    return Err("sendto with an address".to_owned());
                }
                Self::Write(args.descriptor()?, args.octets()?, args.flags(3)?)
            }
            "writev" => Self::Write(
                args.descriptor()?,
                Octets::Pattern(vectors(args.at(1)?)?),
                MessageFlags::default(),
            ),
            "sendmsg" => {
                Self::Write(args.descriptor()?, Octets::Pattern(message(args.at(1)?)?), args.flags(2)?)
            }
            "close" => Self::Close(args.descriptor()?),
            "shutdown" => Self::Shutdown(
                args.descriptor()?,
                match args.number(1)? {
                    0 => How::Read,
                    1 => How::Write,
                    2 => How::Both,
                    other => return Err(format!("shutdown of {other}")),
                },
            ),
            "fcntl" => fcntl(&args)?,
            "setsockopt" => set_option(&args)?,
            "getsockopt" => Self::GetOption(args.descriptor()?, option(&args)?),
            "ioctl" => Self::Ioctl(args.descriptor()?, request(args.at(1)?)?),
            "poll" => poll(&args)?,
            other => return Err(format!("the system call {other}")),
        })
    }
}

/// The arguments of a call.
struct Arguments<'a> {
    name: &'a str,
    list: &'a [Expression],
}

impl<'a> Arguments<'a> {
    fn at(&self, index: usize) -> Result<&'a Expression, Reason> {
        self.list.get(index).ok_or_else(|| format!("{} with {} arguments", self.name, self.list.len()))
    }

    fn number(&self, index: usize) -> Result<i64, Reason> {
        number(self.at(index)?)
    }

    fn descriptor(&self) -> Result<Descriptor, Reason> {
        i32::try_from(self.number(0)?).map_err(|_| format!("{} of such a descriptor", self.name))
    }

    fn len(&self, index: usize) -> Result<usize, Reason> {
        let len = usize::try_from(self.number(index)?).ok().filter(|len| *len <= OCTETS_MAX);
        len.ok_or_else(|| format!("{} of so many octets", self.name))
    }

    fn octets(&self) -> Result<Octets, Reason> {
        let len = self.len(2)?;
        match self.at(1)? {
            Expression::Text(text) => {
                let mut octets = text.clone().into_bytes();
                octets.resize(len, 0);
                Ok(Octets::These(octets.into()))
            }
            _ => Ok(Octets::Pattern(len)),
        }
    }

    /// Flags of `send` and `recv`.
    fn flags(&self, index: usize) -> Result<MessageFlags, Reason> {
        let mut flags = MessageFlags::default();
        for name in parts(self.at(index)?)? {
            match name.as_str() {
                "0" | "MSG_NOSIGNAL" => {}
                "MSG_DONTWAIT" => flags.is_nonblocking = true,
                "MSG_OOB" => flags.is_urgent = true,
                other => return Err(other.to_owned()),
            }
        }
        Ok(flags)
    }
}

/// A number, a constant, or several of them.
pub(crate) fn number(expression: &Expression) -> Result<i64, Reason> {
    match expression {
        Expression::Number(number) => Ok(*number),
        Expression::Word(word) => names::constant(word).ok_or_else(|| word.clone()),
        Expression::Or(left, right) => Ok(number(left)? | number(right)?),
        Expression::List(list) => match list.as_slice() {
            [one] => number(one),
            _ => Err("a list of values".to_owned()),
        },
        Expression::Function(name, arguments) if name == "htons" || name == "htonl" => {
            arguments.first().map_or_else(|| Err(name.clone()), number)
        }
        other => Err(format!("{other:?} as a number")),
    }
}

/// The names that are combined by `|`.
fn parts(expression: &Expression) -> Result<Vec<String>, Reason> {
    match expression {
        Expression::Number(number) => Ok(vec![number.to_string()]),
        Expression::Word(word) => Ok(vec![word.clone()]),
        Expression::Or(left, right) => {
            let mut names = parts(left)?;
            names.extend(parts(right)?);
            Ok(names)
        }
        other => Err(format!("{other:?} as flags")),
    }
}

fn socket(args: &Arguments<'_>) -> Result<SystemCall, Reason> {
    let mut is_nonblocking = false;
    for part in parts(args.at(1)?)? {
        match part.as_str() {
            "SOCK_STREAM" | "SOCK_CLOEXEC" | "1" => {}
            "SOCK_NONBLOCK" => is_nonblocking = true,
            other => return Err(format!("sockets of {other}")),
        }
    }
    match args.at(2)? {
        Expression::Ellipsis | Expression::Number(0 | 6) => {}
        Expression::Word(word) if word == "IPPROTO_TCP" || word == "IPPROTO_IP" => {}
        other => return Err(format!("sockets of the protocol {other:?}")),
    }
    Ok(SystemCall::Socket { is_nonblocking })
}

/// `{sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr("192.168.0.1")}`, or `...`.
fn address(expression: &Expression) -> Result<Option<SocketAddr>, Reason> {
    let Expression::Structure(fields) = expression else {
        return match expression {
            Expression::Ellipsis => Ok(None),
            other => Err(format!("{other:?} as an address")),
        };
    };
    let (mut ip, mut port) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    for field in fields {
        match field {
            Expression::Field(name, value) => match name.as_str() {
                "sa_family" | "sin_family" | "sin6_family" => {}
                "sin_port" | "sin6_port" => {
                    port = u16::try_from(number(value)?).map_err(|_| "a port out of range".to_owned())?;
                }
                "sin_addr" | "sin6_addr" => ip = ip_address(value)?,
                other => return Err(format!("an address with {other}")),
            },
            other => return Err(format!("an address with {other:?}")),
        }
    }
    Ok(Some(SocketAddr::new(ip, port)))
}

fn ip_address(expression: &Expression) -> Result<IpAddr, Reason> {
    match expression {
        Expression::Function(_, arguments) => match arguments.as_slice() {
            [Expression::Text(text)] => text.parse().map_err(|_| format!("the address {text:?}")),
            _ => Err("an address of that form".to_owned()),
        },
        Expression::Word(word) if word == "INADDR_ANY" => Ok(Ipv4Addr::UNSPECIFIED.into()),
        Expression::Word(word) if word == "in6addr_any" => Ok(Ipv6Addr::UNSPECIFIED.into()),
        other => Err(format!("{other:?} as an address")),
    }
}

/// `[{..., 1000}, {..., 500}]`: so many octets.
fn vectors(expression: &Expression) -> Result<usize, Reason> {
    let Expression::List(list) = expression else { return Err("vectors of that form".to_owned()) };
    let mut total = 0usize;
    for vector in list {
        let Expression::Structure(fields) = vector else { return Err("vectors of that form".to_owned()) };
        let len = fields.get(1).map_or_else(|| Err("vectors of that form".to_owned()), number)?;
        total = total.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
    }
    if total <= OCTETS_MAX { Ok(total) } else { Err("so many octets".to_owned()) }
}

/// `{msg_name(...)=..., msg_iov(1)=[{..., 1000}], msg_flags=0}`
fn message(expression: &Expression) -> Result<usize, Reason> {
    let Expression::Structure(fields) = expression else { return Err("messages of that form".to_owned()) };
    let mut len = 0;
    for field in fields {
        match field {
            Expression::Field(name, value) => match name.as_str() {
                "msg_name" if **value == Expression::Ellipsis => {}
                "msg_flags" if number(value) == Ok(0) => {}
                "msg_iov" => len = vectors(value)?,
                other => return Err(other.to_owned()),
            },
            other => return Err(format!("messages with {other:?}")),
        }
    }
    Ok(len)
}

fn fcntl(args: &Arguments<'_>) -> Result<SystemCall, Reason> {
    let fd = args.descriptor()?;
    match args.number(1)? {
        names::F_GETFL => Ok(SystemCall::GetFlags(fd)),
        names::F_SETFL => Ok(SystemCall::SetNonblocking(fd, args.number(2)? & names::O_NONBLOCK != 0)),
        other => Err(format!("fcntl of {other}")),
    }
}

fn option(args: &Arguments<'_>) -> Result<SocketOption, Reason> {
    let Expression::Word(name) = args.at(2)? else {
        return Err(format!("{} of an option without a name", args.name));
    };
    names::socket_option(name).ok_or_else(|| name.clone())
}

fn set_option(args: &Arguments<'_>) -> Result<SystemCall, Reason> {
    let (fd, option) = (args.descriptor()?, option(args)?);
    Ok(SystemCall::SetOption(fd, option, option_value(args.at(3)?)?))
}

/// The value of an option, as it is given or expected.
pub(crate) fn option_value(expression: &Expression) -> Result<OptionValue, Reason> {
    match expression {
        Expression::Text(text) => Ok(OptionValue::Text(text.clone())),
        Expression::Structure(fields) => {
            let (mut is_on, mut seconds) = (0, 0);
            for field in fields {
                match field {
                    Expression::Field(name, value) if name == "onoff" => is_on = number(value)?,
                    Expression::Field(name, value) if name == "linger" => seconds = number(value)?,
                    other => return Err(format!("an option with {other:?}")),
                }
            }
            Ok(OptionValue::Linger(is_on != 0, i32::try_from(seconds).unwrap_or(i32::MAX)))
        }
        Expression::List(list) => match list.as_slice() {
            [one @ (Expression::Text(_) | Expression::Structure(_))] => option_value(one),
            _ => number(expression).map(OptionValue::Number),
        },
        other => number(other).map(OptionValue::Number),
    }
}

fn request(expression: &Expression) -> Result<Request, Reason> {
    match expression {
        Expression::Word(word) => match word.as_str() {
            "SIOCINQ" | "FIONREAD" => Ok(Request::InputQueue),
            "SIOCOUTQ" | "TIOCOUTQ" => Ok(Request::OutputQueue),
            "SIOCOUTQNSD" => Ok(Request::NotSent),
            other => Err(other.to_owned()),
        },
        other => Err(format!("ioctl of {other:?}")),
    }
}

/// `poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 0)`
fn poll(args: &Arguments<'_>) -> Result<SystemCall, Reason> {
    let Expression::List(list) = args.at(0)? else { return Err("poll of that form".to_owned()) };
    let mut watched = Vec::new();
    for entry in list {
        let (fd, events) = (poll_field(entry, "fd")?, poll_field(entry, "events")?);
        let (fd, events) = (fd.ok_or("poll without fd")?, events.ok_or("poll without events")?);
        let fits = "poll of such values";
        watched.push((i32::try_from(fd).map_err(|_| fits)?, i16::try_from(events).map_err(|_| fits)?));
    }
    let timeout = args.number(2)?;
    Ok(SystemCall::Poll(watched, u64::try_from(timeout).ok().map(Duration::from_millis)))
}

/// A field of a `pollfd`.
pub(crate) fn poll_field(entry: &Expression, name: &str) -> Result<Option<i64>, Reason> {
    let Expression::Structure(fields) = entry else { return Err("poll of that form".to_owned()) };
    let mut found = fields.iter().filter_map(|field| match field {
        Expression::Field(known, value) if known == name => Some(value),
        _ => None,
    });
    found.next().map(|value| number(value)).transpose()
}
