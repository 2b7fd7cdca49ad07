//! What can be captured on.

use std::net::IpAddr;

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

/// The name of the interface with this index, in the network namespace of this thread.
pub(super) fn name_of_index(index: u32) -> Option<String> {
    let mut name = [0 as libc::c_char; libc::IF_NAMESIZE];
    #[expect(unsafe_code, reason = "the standard library does not know interface indices")]
    // SAFETY: `name` has the length that the function asks for.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return None;
    }
    let bytes: Vec<u8> = name.iter().map(|&c| c.cast_unsigned()).take_while(|&byte| byte != 0).collect();
    String::from_utf8(bytes).ok()
}
