//! Names of hosts and ports, from what this machine knows by itself: `/etc/hosts` and `/etc/services`.
//!
//! netstat without `-n` asks name servers as well, and waits for each of them: a list that takes a minute shows what is no
//! longer so, and a capture that runs beside it shows the questions.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use crate::kernel::text::End;

/// Names of hosts and ports.
#[derive(Debug, Default)]
pub(super) struct Names {
    hosts: HashMap<IpAddr, String>,
    ports: HashMap<u16, String>,
}

impl Names {
    /// What the files of this machine say; without them everything stays a number.
    pub(super) fn load() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/etc/hosts"), &read("/etc/services"))
    }

    /// From the text of hosts(5) and services(5). Of several names the first one counts, as everywhere.
    fn parse(hosts: &str, services: &str) -> Self {
        let mut names = Self::default();
        for words in lines(hosts) {
            if let [address, name, ..] = words.as_slice()
                && let Ok(ip) = address.parse::<IpAddr>()
            {
                names.hosts.entry(ip.to_canonical()).or_insert_with(|| (*name).to_owned());
            }
        }
        for words in lines(services) {
            if let [name, port, ..] = words.as_slice()
                && let Some(port) = port.strip_suffix("/tcp").and_then(|number| number.parse().ok())
            {
                names.ports.entry(port).or_insert_with(|| (*name).to_owned());
            }
        }
        names
    }

    /// An address, by name as far as it has one.
    pub(super) fn show(&self, address: SocketAddr) -> String {
        let host = self.hosts.get(&address.ip()).cloned().unwrap_or_else(|| match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        });
        match self.ports.get(&address.port()) {
            Some(name) => format!("{host}:{name}"),
            // A port that is none is shown as a star.
            None if address.port() == 0 => {
                let numeric = End(address).to_string();
                numeric.rsplit_once(':').map_or(numeric.clone(), |(_, port)| format!("{host}:{port}"))
            }
            None => format!("{host}:{}", address.port()),
        }
    }
}

/// The words of each line, without comments. Names that a terminal might obey are none.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| {
        let words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        words.take_while(|word| word.bytes().all(|byte| byte.is_ascii_graphic())).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_files_say() {
        let hosts =
            "127.0.0.1\tlocalhost me # you\n::1 ip6-localhost\n# 10.0.0.1 nobody\n10.0.0.2 a\x1b[31m\n";
        let services = "http 80/tcp www\nhttp-alt 80/tcp\ndomain 53/udp\ndomain 53/tcp\nbad 99999/tcp\n";
        let names = Names::parse(hosts, services);
        for (address, shown) in [
            ("127.0.0.1:80", "localhost:http"),
            ("127.0.0.1:81", "localhost:81"),
            ("[::1]:53", "ip6-localhost:domain"),
            ("10.0.0.1:80", "10.0.0.1:http"),
            ("10.0.0.2:0", "10.0.0.2:*"),
            ("[::]:0", "[::]:*"),
            ("[2001:db8::1]:80", "[2001:db8::1]:http"),
        ] {
            assert_eq!(names.show(address.parse().unwrap()), shown);
        }
    }
}
