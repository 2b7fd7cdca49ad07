//! A scenario: link, hosts, applications, and what a third party forges. From TOML, or built by hand.

mod check;
mod file;
mod random;

use core::time::Duration;

use synfin_tcp::{ConnectionConfig, RtoConfig, SynCookies};
use synfin_wire::Side;
use synfin_wire::tcp::Flags;

pub use self::check::SettingError;
use crate::link::LinkConfig;
use crate::script::Action;

/// Everything that decides what happens.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Scenario {
    /// What it shows, in a sentence or two.
    pub about: String,
    /// Where chance comes from, and the secrets of both hosts.
    pub seed: u64,
    /// When to stop, however much is going on, counted from the start.
    pub limit: Duration,
    /// When to stop, however little time has passed: after so many packets of both hosts.
    pub max_packets: u64,
    /// IPv6 instead of IPv4.
    pub is_ipv6: bool,
    /// Where packets are seen.
    pub vantage: Vantage,
    /// From the client to the server.
    pub to_server: LinkConfig,
    /// From the server to the client.
    pub to_client: LinkConfig,
    /// Who connects.
    pub client: HostConfig,
    /// Who is connected to.
    pub server: HostConfig,
    /// What somebody else puts on the wire.
    pub forged: Vec<Forgery>,
}

/// A host and its application.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// What the application does, in order. Without `connect` or `accept` in it, that comes first.
    pub does: Vec<Action>,
    /// Octets a second that the application reads at most.
    pub reads: Option<u64>,
    /// Port of the connection.
    pub port: u16,
    /// When a SYN is answered with a cookie.
    pub syn_cookies: SynCookies,
    /// Settings of TCP.
    pub tcp: ConnectionConfig,
}

/// Where packets are seen, as by a capture there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vantage {
    /// At whoever sends them: each packet once, whether it arrives or not.
    #[default]
    Sender,
    /// At the client: what it sends, and what reaches it.
    Client,
    /// At the server.
    Server,
}

/// A segment that somebody forges in the name of one side, and sends to the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forgery {
    /// When it arrives, counted from the start.
    pub at: Duration,
    /// Whom it is sent to.
    pub to: Side,
    /// Control bits.
    pub flags: Flags,
    /// Its sequence number, counted from the victim's `rcv.nxt`.
    pub offset: i32,
}

/// Why a text is no scenario.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ScenarioError(#[from] toml::de::Error);

/// Where the talk takes place unless somebody says otherwise.
const CLIENT_PORT: u16 = 50_000;
const SERVER_PORT: u16 = 80;

/// Octets of the request and of the answer of the default talk.
const REQUEST: u64 = 100;
const ANSWER: u64 = 20_000;

/// Packets of a run, unless somebody says otherwise: 10 GB in full segments, some seconds of real time.
const MAX_PACKETS: u64 = 10_000_000;

impl Scenario {
    /// Reads a scenario; what is not mentioned is as in [`Scenario::default`].
    ///
    /// # Errors
    /// With line, column and what would be right.
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        Ok(toml::from_str::<file::ScenarioFile>(text)?.into())
    }

    /// The default talk: the client asks in so many octets, the server answers in so many, and both close.
    pub fn talk(&mut self, request: u64, answer: u64) {
        self.client.does = vec![Action::Send(request), Action::Receive(answer), Action::Close];
        self.server.does =
            vec![Action::Receive(request), Action::Send(answer), Action::ReceiveAll, Action::Close];
    }

    /// Both ways of the link, to change them in the same way.
    pub fn links_mut(&mut self) -> [&mut LinkConfig; 2] {
        [&mut self.to_server, &mut self.to_client]
    }

    /// Both hosts, the client first.
    pub fn hosts_mut(&mut self) -> [&mut HostConfig; 2] {
        [&mut self.client, &mut self.server]
    }
}

impl Default for Scenario {
    fn default() -> Self {
        let link = LinkConfig { delay: Duration::from_millis(10), ..LinkConfig::default() };
        let host = |port| HostConfig {
            does: Vec::new(),
            reads: None,
            port,
            syn_cookies: SynCookies::WhenFull,
            tcp: settings(),
        };
        let mut scenario = Self {
            about: "A client asks, a server answers, and both close.".to_owned(),
            seed: 1,
            limit: Duration::from_secs(3600),
            max_packets: MAX_PACKETS,
            is_ipv6: false,
            vantage: Vantage::default(),
            to_server: link.clone(),
            to_client: link,
            client: host(CLIENT_PORT),
            server: host(SERVER_PORT),
            forged: Vec::new(),
        };
        scenario.talk(REQUEST, ANSWER);
        scenario
    }
}

/// The defaults of the TCP, which are those of the RFCs. 2 MSL are one minute, as on most hosts today.
fn settings() -> ConnectionConfig {
    ConnectionConfig {
        msl: Duration::from_secs(30),
        rto: RtoConfig::default(),
        ..ConnectionConfig::default()
    }
}

#[cfg(test)]
mod tests;
