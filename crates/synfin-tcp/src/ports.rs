//! Ephemeral ports (RFC 6056 section 3.3.3, algorithm 3): where the search begins depends on a keyed hash of the
//! addresses, so that ports can't be guessed by others but are not soon used again for one destination.

use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;

use crate::isn::{Secret, Use};

/// Chooses ports.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ports {
    /// `next_ephemeral` of RFC 6056.
    next: u32,
}

impl Ports {
    /// The first port from here on that `is_free`, if there is one.
    pub(crate) fn choose(
        &mut self,
        range: &RangeInclusive<u16>,
        secret: &Secret,
        local: IpAddr,
        remote: SocketAddr,
        is_free: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let count = u32::from(*range.end()).checked_sub(u32::from(*range.start()))? + 1;
        // Only the low bits count.
        let offset = secret.hash(Use::Port, SocketAddr::new(local, 0), remote, 0) as u32 % count;
        for _ in 0..count {
            let port = u32::from(*range.start()) + (offset + self.next % count) % count;
            self.next = self.next.wrapping_add(1);
            let port = u16::try_from(port).ok()?;
            if is_free(port) {
                return Some(port);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_has_its_turn_and_none_is_given_twice() {
        let secret = Secret::new([1; 16]);
        let (local, remote) = (IpAddr::from([10, 0, 0, 1]), SocketAddr::from(([10, 0, 0, 2], 80)));
        let mut ports = Ports::default();
        let mut used = std::collections::BTreeSet::new();
        while let Some(port) = ports.choose(&(1000..=1099), &secret, local, remote, |p| !used.contains(&p)) {
            assert!((1000..=1099).contains(&port));
            assert!(used.insert(port));
        }
        assert_eq!(used.len(), 100);
    }

    /// RFC 6056 section 3.3.3: who sees the ports that are chosen for one destination learns nothing of those for another,
    /// nor does who knows them of one host learn those of another.
    #[test]
    fn where_the_search_begins_is_secret_and_differs_by_destination() {
        let mut begins = std::collections::BTreeSet::new();
        for (key, local, remote) in [
            (1, [10, 0, 0, 1], [10, 0, 0, 2]),
            (2, [10, 0, 0, 1], [10, 0, 0, 2]),
            (1, [10, 0, 0, 3], [10, 0, 0, 2]),
        ] {
            for port in [80, 81] {
                let (secret, remote) = (Secret::new([key; 16]), SocketAddr::from((remote, port)));
                begins.insert(Ports::default().choose(
                    &(1024..=65535),
                    &secret,
                    local.into(),
                    remote,
                    |_| true,
                ));
            }
        }
        assert_eq!(begins.len(), 6, "{begins:?}");
    }
}
