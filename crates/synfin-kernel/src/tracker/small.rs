//! Sockets in TIME-WAIT and SYN-RECEIVED by their addresses.
//!
//! Addresses are long, and with every new connection they are looked up only to find that nobody has them: kept is their
//! hash, and who finds something looks at the socket itself whether the addresses are these. Of two with one hash, which
//! its secret seed makes a matter of chance, the later one would be found.

use std::{
    hash::{BuildHasher, Hasher},
    net::{IpAddr, SocketAddr},
};

use hashbrown::{DefaultHashBuilder, HashTable};
use synfin_wire::SocketId;

use super::entry::Ends;

#[derive(Debug, Default)]
pub(super) struct SmallSockets {
    hasher: DefaultHashBuilder,
    table: HashTable<(u64, SocketId)>,
}

impl SmallSockets {
    /// A socket that was put here with these addresses, or perhaps others.
    pub(super) fn find(&self, ends: &Ends) -> Option<SocketId> {
        let hash = self.hash(ends);
        self.table.find(hash, |(other, _)| *other == hash).map(|(_, socket)| *socket)
    }

    /// In the place of one that was there.
    pub(super) fn insert(&mut self, ends: &Ends, socket: SocketId) {
        let hash = self.hash(ends);
        match self.table.find_mut(hash, |(other, _)| *other == hash) {
            Some((_, old)) => *old = socket,
            None => {
                self.table.insert_unique(hash, (hash, socket), |(hash, _)| *hash);
            }
        }
    }

    pub(super) fn remove(&mut self, ends: &Ends, socket: SocketId) {
        let hash = self.hash(ends);
        if let Ok(found) = self.table.find_entry(hash, |one| *one == (hash, socket)) {
            found.remove();
        }
    }

    fn hash(&self, ends: &Ends) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        let Ends { namespace, local, remote } = ends;
        let ports = u64::from(local.port()) << 16 | u64::from(remote.port());
        hasher.write_u64(namespace ^ ports << 32);
        let mut write = |address: &SocketAddr| match address.ip() {
            IpAddr::V4(ip) => hasher.write_u32(ip.to_bits()),
            IpAddr::V6(ip) => hasher.write_u128(ip.to_bits()),
        };
        write(local);
        write(remote);
        hasher.finish()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_there_goes() {
        let ends = |remote: &str| Ends {
            namespace: 1,
            local: "10.0.0.1:80".parse().unwrap(),
            remote: remote.parse().unwrap(),
        };
        let [one, other] = [1, 2].map(|cookie| SocketId { namespace: 1, cookie });
        let (near, far) = (ends("10.0.0.2:1000"), ends("[2001:db8::1]:1000"));
        let mut small = SmallSockets::default();
        small.insert(&near, one);
        assert_eq!((small.find(&near), small.find(&far)), (Some(one), None));
        small.insert(&near, other);
        small.remove(&near, one);
        assert_eq!(small.find(&near), Some(other), "it has taken the place");
        small.insert(&far, one);
        small.remove(&near, other);
        assert_eq!((small.find(&near), small.find(&far)), (None, Some(one)));
        small.remove(&far, one);
        assert!(small.is_empty());
    }
}
