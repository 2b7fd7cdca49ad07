//! Both ends of a connection, in little room.

use core::hash::{Hash, Hasher};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Both ends, local first.
///
/// It is made and compared for every segment that arrives: so in numbers of full size, not as the enums of the
/// standard library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tuple {
    local_ip: u128,
    remote_ip: u128,
    local_port: u16,
    remote_port: u16,
    is_ipv6: bool,
}

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

    fn ip(&self, bits: u128) -> IpAddr {
        if self.is_ipv6 {
            Ipv6Addr::from_bits(bits).into()
        } else {
            // What was put in has no more bits.
            Ipv4Addr::from_bits(bits as u32).into()
        }
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

impl Hash for Tuple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { local_ip, remote_ip, local_port, remote_port, is_ipv6 } = *self;
        let ports = u64::from(local_port) << 16 | u64::from(remote_port) | u64::from(is_ipv6) << 32;
        if is_ipv6 {
            for ip in [local_ip, remote_ip] {
                state.write_u64((ip >> 64) as u64);
                state.write_u64(ip as u64);
            }
        } else {
            state.write_u64((local_ip << 32 | remote_ip) as u64);
        }
        state.write_u64(ports);
    }
}
