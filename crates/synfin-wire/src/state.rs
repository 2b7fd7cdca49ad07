//! The states of a TCP endpoint (RFC 9293 section 3.3.2) and the legal transitions between them.

use core::fmt;

/// The state of one endpoint of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// No connection at all.
    Closed,
    /// Waiting for a connection request from any peer.
    Listen,
    /// Sent a SYN, waiting for the peer's.
    SynSent,
    /// Received a SYN and sent one, waiting for its acknowledgement.
    SynReceived,
    /// Open: data flows both ways.
    Established,
    /// Closed by the local user first: FIN sent, not yet acknowledged.
    FinWait1,
    /// FIN sent and acknowledged, waiting for the peer's.
    FinWait2,
    /// The peer has closed; the local user has not.
    CloseWait,
    /// Both have closed at the same time: both FINs sent, ours not yet acknowledged.
    Closing,
    /// The peer has closed, then the local user: FIN sent, waiting for its acknowledgement.
    LastAck,
    /// Both FINs sent and acknowledged: waiting out old duplicates and a lost last acknowledgement.
    TimeWait,
}

/// Why an endpoint goes from one state to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The user calls OPEN, passively.
    PassiveOpen,
    /// The user calls OPEN actively, or SEND on a passive one.
    ActiveOpen,
    /// The user calls CLOSE.
    Close,
    /// The user calls ABORT, a timer gives up, or a RST is received.
    AbortOrReset,
    /// A SYN is received, without acknowledgement of ours.
    Syn,
    /// A SYN is received that acknowledges ours.
    SynAck,
    /// An acknowledgement of our SYN is received.
    AckOfSyn,
    /// An acknowledgement of our FIN is received.
    AckOfFin,
    /// A FIN is received.
    Fin,
    /// A FIN is received that acknowledges ours.
    FinAndAckOfFin,
    /// A RST is received in SYN-RECEIVED that was reached from LISTEN.
    ResetOfPassiveOpen,
    /// The time of 2 MSL is over.
    TimeWaitOver,
    /// A new SYN takes the place of a connection in TIME-WAIT (RFC 6191; RFC 9293 section 3.6.1).
    Reuse,
}

/// A legal transition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Transition {
    /// State before.
    pub from: State,
    /// State after.
    pub to: State,
    /// Why.
    pub cause: Cause,
}

impl State {
    /// All of them, in the order of RFC 9293 section 3.3.2, CLOSED first.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];

    /// The name in RFC 9293.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        }
    }

    /// The name that Linux's netstat prints.
    #[must_use]
    pub const fn linux_name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSE",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN_SENT",
            Self::SynReceived => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN_WAIT1",
            Self::FinWait2 => "FIN_WAIT2",
            Self::CloseWait => "CLOSE_WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
        }
    }

    /// Whether both ends know each other's sequence numbers: any state but CLOSED, LISTEN, SYN-SENT and SYN-RECEIVED.
    #[must_use]
    pub const fn is_synchronized(self) -> bool {
        !matches!(self, Self::Closed | Self::Listen | Self::SynSent | Self::SynReceived)
    }

    /// Whether this endpoint has sent its FIN.
    #[must_use]
    pub const fn has_sent_fin(self) -> bool {
        matches!(self, Self::FinWait1 | Self::FinWait2 | Self::Closing | Self::LastAck | Self::TimeWait)
    }

    /// Whether this endpoint has received the peer's FIN.
    #[must_use]
    pub const fn has_received_fin(self) -> bool {
        matches!(self, Self::CloseWait | Self::Closing | Self::LastAck | Self::TimeWait)
    }

    /// Whether RFC 9293 allows an endpoint to go from here to `to` in one step, for whatever cause.
    #[must_use]
    pub fn may_become(self, to: Self) -> bool {
        TRANSITIONS.iter().any(|t| t.from == self && t.to == to)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

const fn transition(from: State, cause: Cause, to: State) -> Transition {
    Transition { from, to, cause }
}

/// Every legal transition: RFC 9293 figure 5, its notes, and what the text of section 3.10 adds to the figure (a CLOSE
/// in SYN-RECEIVED, a FIN in SYN-RECEIVED, a reset anywhere, the new SYN in TIME-WAIT).
pub const TRANSITIONS: &[Transition] = {
    use Cause::*;
    use State::*;
    &[
        transition(Closed, PassiveOpen, Listen),
        transition(Closed, ActiveOpen, SynSent),
        transition(Listen, ActiveOpen, SynSent),
        transition(Listen, Syn, SynReceived),
        transition(Listen, Close, Closed),
        transition(SynSent, Syn, SynReceived),
        transition(SynSent, SynAck, Established),
        transition(SynSent, Close, Closed),
        transition(SynSent, AbortOrReset, Closed),
        transition(SynReceived, AckOfSyn, Established),
        transition(SynReceived, Fin, CloseWait),
        transition(SynReceived, Close, FinWait1),
        transition(SynReceived, ResetOfPassiveOpen, Listen),
        transition(SynReceived, AbortOrReset, Closed),
        transition(Established, Close, FinWait1),
        transition(Established, Fin, CloseWait),
        transition(Established, AbortOrReset, Closed),
        transition(FinWait1, AckOfFin, FinWait2),
        transition(FinWait1, Fin, Closing),
        transition(FinWait1, FinAndAckOfFin, TimeWait),
        transition(FinWait1, AbortOrReset, Closed),
        transition(FinWait2, Fin, TimeWait),
        transition(FinWait2, AbortOrReset, Closed),
        transition(CloseWait, Close, LastAck),
        transition(CloseWait, AbortOrReset, Closed),
        transition(Closing, AckOfFin, TimeWait),
        transition(Closing, AbortOrReset, Closed),
        transition(LastAck, AckOfFin, Closed),
        transition(LastAck, AbortOrReset, Closed),
        transition(TimeWait, TimeWaitOver, Closed),
        transition(TimeWait, AbortOrReset, Closed),
        transition(TimeWait, Reuse, SynReceived),
    ]
};

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    /// Every pair, the illegal ones too, to be read beside RFC 9293 figure 5.
    #[test]
    fn every_pair_of_states() {
        let mut table = String::new();
        for from in State::ALL {
            table += &std::format!("{from:<13}->");
            for to in State::ALL.into_iter().filter(|to| from.may_become(*to)) {
                table += " ";
                table += to.name();
            }
            table += "\n";
        }
        insta::assert_snapshot!(table, @r"
        CLOSED       -> LISTEN SYN-SENT
        LISTEN       -> CLOSED SYN-SENT SYN-RECEIVED
        SYN-SENT     -> CLOSED SYN-RECEIVED ESTABLISHED
        SYN-RECEIVED -> CLOSED LISTEN ESTABLISHED FIN-WAIT-1 CLOSE-WAIT
        ESTABLISHED  -> CLOSED FIN-WAIT-1 CLOSE-WAIT
        FIN-WAIT-1   -> CLOSED FIN-WAIT-2 CLOSING TIME-WAIT
        FIN-WAIT-2   -> CLOSED TIME-WAIT
        CLOSE-WAIT   -> CLOSED LAST-ACK
        CLOSING      -> CLOSED TIME-WAIT
        LAST-ACK     -> CLOSED
        TIME-WAIT    -> CLOSED SYN-RECEIVED
        ");
    }

    #[test]
    fn a_fin_is_sent_and_received_where_the_names_say() {
        for state in State::ALL {
            if state.has_sent_fin() || state.has_received_fin() {
                assert!(state.is_synchronized(), "{state}");
            }
        }
        assert!(State::Closing.has_sent_fin() && State::Closing.has_received_fin());
    }
}
