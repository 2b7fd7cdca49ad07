//! Opening an interface, and what it means when that fails.

use std::ptr::NonNull;
use std::time::Instant;

use synfin_wire::LinkType;

use super::stop::Stop;
use super::{BLOCK_TIMEOUT, Live, interfaces};
use crate::filter::libpcap_message;
use crate::losses::Losses;
use crate::{FilterError, Interface, LiveError, TimeResolution};

/// How to capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveOptions {
    /// On which interface. `any` means all (on Linux).
    pub interface: String,
    /// Which packets, in libpcap's filter language. Empty: all.
    pub filter: String,
    /// At most this many bytes of each frame. 0: all.
    pub snap_len: u32,
    /// Size of the buffer in the kernel, in bytes. What does not fit is lost, and counted.
    pub buffer_bytes: u32,
    /// Also capture what is not addressed to this host.
    pub promiscuous: bool,
    /// Hand over each packet at once, and not in blocks every 10 ms. For where a moment counts more than losses: each
    /// packet then takes the room of the largest one in the buffer, on loopback 128 KiB.
    pub immediate: bool,
}

impl LiveOptions {
    /// All packets of an interface, whole, not promiscuous, with 32 MiB of buffer.
    #[must_use]
    pub fn new(interface: impl Into<String>) -> Self {
        Self {
            interface: interface.into(),
            filter: String::new(),
            snap_len: 0,
            buffer_bytes: 32 << 20,
            promiscuous: false,
            immediate: false,
        }
    }
}

/// What libpcap takes for "whole frames": its `MAXIMUM_SNAPLEN`.
const WHOLE_FRAMES: u32 = 262_144;
/// The pseudo interface that stands for all, on Linux.
const ANY: &str = "any";

/// What `pcap_activate` returns (pcap/pcap.h). Warnings are positive.
mod status {
    pub(super) const NO_SUCH_DEVICE: i32 = -5;
    pub(super) const NO_PERMISSION: i32 = -8;
    pub(super) const INTERFACE_DOWN: i32 = -9;
    pub(super) const NO_PROMISCUOUS_PERMISSION: i32 = -11;
    /// `PCAP_TSTAMP_PRECISION_NANO`.
    pub(super) const NANOSECOND_PRECISION: i32 = 1;
}

#[expect(unsafe_code, reason = "functions of libpcap, which the pcap crate links")]
// SAFETY: The signatures are those in pcap/pcap.h; the pointer is a `pcap_t *`.
unsafe extern "C" {
    fn pcap_activate(handle: *mut libc::c_void) -> libc::c_int;
    fn pcap_get_tstamp_precision(handle: *mut libc::c_void) -> libc::c_int;
    fn pcap_geterr(handle: *mut libc::c_void) -> *const libc::c_char;
}

pub(super) fn activate(options: &LiveOptions) -> Result<Live, LiveError> {
    let name = options.interface.as_str();
    let is_any = name == ANY;
    let other =
        |e: pcap::Error| LiveError::Capture { interface: name.to_owned(), message: libpcap_message(&e) };
    let snap_len = if options.snap_len == 0 { WHOLE_FRAMES } else { options.snap_len };
    let inactive = pcap::Capture::from_device(name)
        .map_err(other)?
        .snaplen(in_range(name, "a snap length", snap_len)?)
        .buffer_size(in_range(name, "a buffer size", options.buffer_bytes)?)
        // On `any` it is not possible, and libpcap warns.
        .promisc(options.promiscuous && !is_any)
        .timeout(BLOCK_TIMEOUT.as_millis() as i32)
        .immediate_mode(options.immediate)
        .precision(pcap::Precision::Nano);
    let mut capture = start(inactive, name)?;
    let resolution = resolution_of(&capture);

    // Version 2 of the cooked header says which interface it was.
    let sll2 = pcap::Linktype(LinkType::LINUX_SLL2.0.into());
    if is_any && capture.list_datalinks().is_ok_and(|links| links.contains(&sll2)) {
        capture.set_datalink(sll2).map_err(other)?;
    }
    let link = u16::try_from(capture.get_datalink().0).map(|number| LinkType(number).canonical());
    let link = link.map_err(|_| other(pcap::Error::InvalidLinktype))?;
    if !options.filter.trim().is_empty() {
        capture
            .filter(&options.filter, true)
            .map_err(|e| FilterError { expression: options.filter.clone(), message: libpcap_message(&e) })?;
    }
    let mut capture = capture.setnonblock().map_err(other)?;
    let counted = capture.stats().unwrap_or(pcap::Stat { received: 0, dropped: 0, if_dropped: 0 });
    let stop = Stop::new().map_err(|source| LiveError::Io { interface: name.to_owned(), source })?;
    let interface = Interface { name: Some(name.to_owned()), snap_len, resolution, ..Interface::new(link) };
    Ok(Live {
        capture,
        name: name.to_owned(),
        link,
        resolution,
        interfaces: vec![interface],
        indices: Vec::new(),
        stop,
        draining_since: None,
        has_ended: false,
        number: 0,
        losses: Losses::default(),
        counted,
        counted_at: Instant::now(),
    })
}

fn in_range(interface: &str, what: &'static str, value: u32) -> Result<i32, LiveError> {
    i32::try_from(value).map_err(|_| LiveError::Option {
        interface: interface.to_owned(),
        what,
        value: value.into(),
    })
}

/// Activates a handle. The pcap crate can do that, but takes warnings for errors and does not say which error it was.
fn start(
    inactive: pcap::Capture<pcap::Inactive>,
    name: &str,
) -> Result<pcap::Capture<pcap::Active>, LiveError> {
    let handle = inactive.as_ptr();
    #[expect(unsafe_code, reason = "see the function's documentation")]
    // SAFETY: `handle` is a handle that was created and not activated, and `inactive` keeps it alive.
    let status = unsafe { pcap_activate(handle.cast()) };
    if status < 0 {
        return Err(activation_error(status, name, message_of(&inactive)));
    }
    let Some(handle) = NonNull::new(handle) else {
        let message = "libpcap lost its handle".to_owned();
        return Err(LiveError::Capture { interface: name.to_owned(), message });
    };
    // From here on the active capture owns the handle, and closes it.
    std::mem::forget(inactive);
    Ok(pcap::Capture::from(handle))
}

fn activation_error(status: i32, name: &str, message: String) -> LiveError {
    let interface = name.to_owned();
    match status {
        status::NO_SUCH_DEVICE => {
            let available = interfaces().unwrap_or_default();
            LiveError::NoSuchInterface {
                interface,
                available: available.into_iter().map(|available| available.name).collect(),
            }
        }
        status::NO_PERMISSION | status::NO_PROMISCUOUS_PERMISSION => {
            LiveError::NoPermission { interface, message }
        }
        status::INTERFACE_DOWN => LiveError::InterfaceDown { interface },
        _ => LiveError::Capture { interface, message },
    }
}

/// An error of a running capture. libpcap has no number for an interface that went away, only words.
pub(super) fn running_error(name: &str, e: &pcap::Error) -> LiveError {
    let message = libpcap_message(e);
    let interface = name.to_owned();
    if message.contains("disappeared") || message.contains("went down") {
        LiveError::InterfaceGone { interface, message }
    } else {
        LiveError::Capture { interface, message }
    }
}

fn message_of(capture: &pcap::Capture<pcap::Inactive>) -> String {
    #[expect(unsafe_code, reason = "the pcap crate tells nobody what libpcap says about a failed activation")]
    // SAFETY: The handle is alive, and `pcap_geterr` returns a terminated string within it, which is copied at once.
    let message = unsafe { std::ffi::CStr::from_ptr(pcap_geterr(capture.as_ptr().cast())) };
    message.to_string_lossy().into_owned()
}

fn resolution_of(capture: &pcap::Capture<pcap::Active>) -> TimeResolution {
    #[expect(unsafe_code, reason = "the pcap crate does not say whether its wish for precision was granted")]
    // SAFETY: The handle is alive and active.
    let precision = unsafe { pcap_get_tstamp_precision(capture.as_ptr().cast()) };
    match precision {
        status::NANOSECOND_PRECISION => TimeResolution::NANOSECONDS,
        _ => TimeResolution::MICROSECONDS,
    }
}
