//! Link types: how the bytes of a frame begin.

/// The link type of a frame, as numbered in capture files (the LINKTYPE registry of the tcpdump group).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: a 4-byte address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without the address and control bytes.
    pub const PPP: Self = Self(9);
    /// FDDI.
    pub const FDDI: Self = Self(10);
    /// PPP in HDLC-like framing.
    pub const PPP_HDLC: Self = Self(50);
    /// Raw IPv4 or IPv6.
    pub const RAW: Self = Self(101);
    /// IEEE 802.11.
    pub const IEEE802_11: Self = Self(105);
    /// OpenBSD loopback: a 4-byte address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// IEEE 802.11 behind a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// The same link type under the one number that the rest of the code knows: libpcap's own DLT numbers for raw
    /// IP (12, and 14 on OpenBSD) differ from the number that files should carry, and some files carry them.
    #[must_use]
    pub fn canonical(self) -> Self {
        match self.0 {
            12 | 14 => Self::RAW,
            _ => self,
        }
    }
}

impl core::fmt::Display for LinkType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let name = match *self {
            Self::NULL => "BSD null",
            Self::ETHERNET => "Ethernet",
            Self::PPP => "PPP",
            Self::FDDI => "FDDI",
            Self::PPP_HDLC => "PPP over HDLC",
            Self::RAW => "raw IP",
            Self::IEEE802_11 => "802.11",
            Self::LOOP => "BSD loop",
            Self::LINUX_SLL => "Linux cooked v1",
            Self::IEEE802_11_RADIOTAP => "802.11 with radiotap",
            Self::IPV4 => "raw IPv4",
            Self::IPV6 => "raw IPv6",
            Self::LINUX_SLL2 => "Linux cooked v2",
            Self(number) => return write!(f, "link type {number}"),
        };
        f.write_str(name)
    }
}
