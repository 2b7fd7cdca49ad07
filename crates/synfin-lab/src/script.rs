//! What an application does, one thing after the other: `send 20kB`, `receive 100`, `wait 5ms`, `close`.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::units::{Size, Time};

/// One thing that an application does before it goes on to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Action {
    /// Opens a connection and waits until it is open, or has failed.
    Connect,
    /// Waits for a connection.
    Accept,
    /// Does nothing, and reads nothing, for so long.
    Wait(Duration),
    /// Does nothing until so long after the start.
    Until(Duration),
    /// Writes so many octets; over once TCP has taken all of them.
    Send(u64),
    /// Writes so many octets, and reads whatever comes meanwhile; over once TCP has taken all of them.
    Exchange(u64),
    /// Reads so many octets.
    Receive(u64),
    /// Reads until the peer has closed.
    ReceiveAll,
    /// Closes its direction, and can go on reading.
    Shutdown,
    /// Lets go of the connection. What arrives afterwards is answered by a RST.
    Close,
    /// Aborts the connection: the peer gets a RST.
    Abort,
}

/// Why an action is not understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{0:?} is not what an application does: connect, accept, wait TIME, until TIME, send BYTES, exchange BYTES, receive BYTES, \
     receive, shutdown, close, abort"
)]
pub struct ActionError(String);

impl FromStr for Action {
    type Err = ActionError;

    fn from_str(text: &str) -> Result<Self, ActionError> {
        let fail = || ActionError(text.to_owned());
        let (verb, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let time = || rest.parse::<Time>().map(|time| time.0).map_err(|_| fail());
        let size = || rest.parse::<Size>().map(|size| size.0).map_err(|_| fail());
        Ok(match (verb, rest) {
            ("connect", "") => Self::Connect,
            ("accept", "") => Self::Accept,
            ("receive", "" | "all") => Self::ReceiveAll,
            ("shutdown", "") => Self::Shutdown,
            ("close", "") => Self::Close,
            ("abort", "") => Self::Abort,
            ("wait", _) => Self::Wait(time()?),
            ("until", _) => Self::Until(time()?),
            ("send", _) => Self::Send(size()?),
            ("exchange", _) => Self::Exchange(size()?),
            ("receive", _) => Self::Receive(size()?),
            _ => return Err(fail()),
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect"),
            Self::Accept => f.write_str("accept"),
            Self::Wait(time) => write!(f, "wait {time:?}"),
            Self::Until(time) => write!(f, "until {time:?}"),
            Self::Send(bytes) => write!(f, "send {bytes}"),
            Self::Exchange(bytes) => write!(f, "exchange {bytes}"),
            Self::Receive(bytes) => write!(f, "receive {bytes}"),
            Self::ReceiveAll => f.write_str("receive"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Close => f.write_str("close"),
            Self::Abort => f.write_str("abort"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_actions() {
        for (text, action) in [
            ("send 20kB", Action::Send(20_000)),
            ("receive", Action::ReceiveAll),
            ("receive 1 KiB", Action::Receive(1024)),
            ("wait 5 ms", Action::Wait(Duration::from_millis(5))),
            ("exchange 3 MB", Action::Exchange(3_000_000)),
            ("close", Action::Close),
        ] {
            assert_eq!(text.parse(), Ok(action));
            assert_eq!(action.to_string().parse(), Ok(action), "what is shown is understood");
        }
        for wrong in ["", "send", "send many", "wait", "close 5", "sleep 1s"] {
            assert!(wrong.parse::<Action>().is_err(), "{wrong}");
        }
    }
}
