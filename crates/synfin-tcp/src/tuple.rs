//! Both ends of a connection, in little room.

use core::hash::{Hash, Hasher};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Both ends, local first.
///
/// It is made and compared for every segment that arrives: so in numbers of full size, not as the enums of the
/// standard library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tuple {
    local_ip: Bits,
    remote_ip: Bits,
    local_port: u16,
    remote_port: u16,
    is_ipv6: bool,
}

/// The bits of an address, upper half first; those of IPv4 are the last ones.
type Bits = [u64; 2];

impl Tuple {
    pub(crate) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self::of(local.ip(), local.port(), remote.ip(), remote.port())
    }

    #[inline]
    pub(crate) fn of(local_ip: IpAddr, local_port: u16, remote_ip: IpAddr, remote_port: u16) -> Self {
        Self {
            local_ip: bits(local_ip),
            remote_ip: bits(remote_ip),
            local_port,
            remote_port,
            // Both ends are of one family.
            is_ipv6: local_ip.is_ipv6(),
        }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        SocketAddr::new(self.ip(self.local_ip), self.local_port)
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        SocketAddr::new(self.ip(self.remote_ip), self.remote_port)
    }

    pub(crate) fn is_ipv6(&self) -> bool {
        self.is_ipv6
    }

    fn ip(&self, [upper, lower]: Bits) -> IpAddr {
        if self.is_ipv6 {
            Ipv6Addr::from_bits(u128::from(upper) << 64 | u128::from(lower)).into()
        } else {
            // What was put in has no more bits.
            Ipv4Addr::from_bits(lower as u32).into()
        }
    }
}

fn bits(ip: IpAddr) -> Bits {
    match ip {
        IpAddr::V4(ip) => [0, ip.to_bits().into()],
        IpAddr::V6(ip) => [(ip.to_bits() >> 64) as u64, ip.to_bits() as u64],
    }
}

impl Hash for Tuple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { local_ip, remote_ip, local_port, remote_port, is_ipv6 } = *self;
        let ports = u64::from(local_port) << 16 | u64::from(remote_port) | u64::from(is_ipv6) << 32;
        if is_ipv6 {
            local_ip.into_iter().chain(remote_ip).for_each(|half| state.write_u64(half));
        } else {
            let ([_, local], [_, remote]) = (local_ip, remote_ip);
            state.write_u64(local << 32 | remote);
        }
        state.write_u64(ports);
    }
}
