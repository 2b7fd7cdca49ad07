//! What can be captured on.

use std::net::IpAddr;
use std::os::fd::AsRawFd;

use crate::LiveError;
use crate::filter::libpcap_message;

/// An interface on which one can capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Available {
    /// Name, to be used as [`LiveOptions::interface`](super::LiveOptions::interface).
    pub name: String,
    /// What libpcap says about it.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it is up.
    pub is_up: bool,
    /// Whether it is a loopback interface.
    pub is_loopback: bool,
}

/// All interfaces on which one can capture, in libpcap's order: the likeliest first.
///
/// # Errors
/// If libpcap cannot list them.
pub fn interfaces() -> Result<Vec<Available>, LiveError> {
    let devices = pcap::Device::list().map_err(|e| LiveError::Capture {
        interface: "interfaces".to_owned(),
        message: libpcap_message(&e),
    })?;
    let available = devices.into_iter().map(|device| Available {
        is_up: device.flags.is_up(),
        is_loopback: device.flags.is_loopback(),
        addresses: device.addresses.iter().map(|address| address.addr).collect(),
        name: device.name,
        description: device.desc,
    });
    Ok(available.collect())
}

/// The name of the interface with this index, in the network namespace that the socket is of: a capture may have been
/// opened in another one than that of this thread (netdevice(7)).
pub(super) fn name_of_index(socket: &impl AsRawFd, index: u32) -> Option<String> {
    #[expect(unsafe_code, reason = "the standard library does not know interface indices")]
    // SAFETY: All bytes of the structure may be zero. The call reads and writes it, and nothing else; of its union it
    // reads the index, which was written here. The descriptor is borrowed from what owns it.
    let name = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_ifru.ifru_ifindex = libc::c_int::try_from(index).ok()?;
        if libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFNAME as _, &raw mut request) < 0 {
            return None;
        }
        request.ifr_name
    };
    let bytes: Vec<u8> = name.iter().map(|&c| c.cast_unsigned()).take_while(|&byte| byte != 0).collect();
    String::from_utf8(bytes).ok()
}
