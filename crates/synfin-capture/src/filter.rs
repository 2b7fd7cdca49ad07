//! libpcap's filter language on frames from anywhere.

use std::fmt;

use synfin_wire::{Frame, LinkType};

use crate::FilterError;

/// Link types on which an expression is tried when it is compiled: it must make sense on one of them.
const TRIED: [LinkType; 5] = [
    LinkType::ETHERNET,
    LinkType::LINUX_SLL2,
    LinkType::RAW,
    LinkType::IEEE802_11,
    LinkType::IEEE802_11_RADIOTAP,
];

/// A compiled filter expression, like `tcp port 80`.
///
/// What a frame must look like depends on its link type; the expression is compiled once for each that occurs.
pub struct Filter {
    expression: String,
    programs: Vec<(LinkType, Result<Program, FilterError>)>,
}

impl Filter {
    /// Compiles an expression. The empty one matches everything.
    ///
    /// # Errors
    /// With libpcap's own words, if the expression makes no sense.
    pub fn compile(expression: &str) -> Result<Self, FilterError> {
        let mut filter = Self { expression: expression.trim().to_owned(), programs: Vec::new() };
        if filter.expression.is_empty() {
            return Ok(filter);
        }
        let mut first_error = None;
        for link in TRIED {
            match Program::compile(&filter.expression, link) {
                Ok(program) => {
                    filter.programs.push((link, Ok(program)));
                    return Ok(filter);
                }
                Err(e) => first_error = first_error.or(Some(e)),
            }
        }
        match first_error {
            Some(e) => Err(e),
            None => Ok(filter),
        }
    }

    /// Whether the frame is one that the expression asks for. Where the expression makes no sense on the frame's link
    /// type, nothing matches, and [`problems`](Self::problems) says so.
    pub fn matches(&mut self, frame: &Frame<'_>) -> bool {
        if self.expression.is_empty() {
            return true;
        }
        let position = match self.programs.iter().position(|&(link, _)| link == frame.link) {
            Some(position) => position,
            None => {
                let program = Program::compile(&self.expression, frame.link);
                self.programs.push((frame.link, program));
                self.programs.len() - 1
            }
        };
        let program = self.programs.get(position);
        program.is_some_and(|(_, program)| program.as_ref().is_ok_and(|program| program.matches(frame)))
    }

    /// The expression, without spaces around it.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Link types that occurred and on which the expression makes no sense.
    pub fn problems(&self) -> impl Iterator<Item = (LinkType, &FilterError)> {
        self.programs.iter().filter_map(|(link, program)| Some((*link, program.as_ref().err()?)))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("expression", &self.expression).finish_non_exhaustive()
    }
}

/// libpcap knows link types by numbers of its own; some differ from those in files (`dlt_to_linktype` of libpcap).
fn to_dlt(link: LinkType) -> pcap::Linktype {
    pcap::Linktype(match link.0 {
        // ATM, raw IP, SLIP and PPP of BSD/OS, ATM CLIP.
        100 => 11,
        101 if cfg!(target_os = "openbsd") => 14,
        101 => 12,
        102 => 15,
        103 => 16,
        106 => 19,
        number => number.into(),
    })
}

/// An expression as a program for frames of one link type.
struct Program(pcap::BpfProgram);

impl Program {
    fn compile(expression: &str, link: LinkType) -> Result<Self, FilterError> {
        let compiled = pcap::Capture::dead(to_dlt(link)).and_then(|dead| dead.compile(expression, true));
        compiled
            .map(Self)
            .map_err(|e| FilterError { expression: expression.to_owned(), message: libpcap_message(&e) })
    }

    /// Runs the program. Not [`pcap::BpfProgram::filter`]: that takes the captured length for the frame's, and so
    /// `len` and `greater` go wrong on frames that were cut off.
    fn matches(&self, frame: &Frame<'_>) -> bool {
        let instructions = self.0.get_instructions();
        let program = BpfProgram {
            len: instructions.len() as libc::c_uint,
            instructions: instructions.as_ptr().cast(),
        };
        let header = PacketHeader {
            ts: libc::timeval { tv_sec: 0, tv_usec: 0 },
            captured_len: frame.bytes.len() as u32,
            original_len: frame.original_len,
        };
        #[expect(unsafe_code, reason = "the safe function cannot be told the original length")]
        // SAFETY: `program` is what libpcap compiled and lives in `self`; `captured_len` is the length of `bytes`, and
        // the interpreter checks every access against it; both structures have libpcap's layout.
        let matched = unsafe { pcap_offline_filter(&program, &header, frame.bytes.as_ptr()) };
        matched != 0
    }
}

/// libpcap's `struct bpf_program`.
#[repr(C)]
struct BpfProgram {
    len: libc::c_uint,
    instructions: *const libc::c_void,
}

/// libpcap's `struct pcap_pkthdr`.
#[repr(C)]
struct PacketHeader {
    ts: libc::timeval,
    captured_len: u32,
    original_len: u32,
}

#[expect(unsafe_code, reason = "a function of libpcap, which the pcap crate links")]
// SAFETY: The signature is the one in pcap/pcap.h, with `const` where nothing is written.
unsafe extern "C" {
    fn pcap_offline_filter(
        program: *const BpfProgram,
        header: *const PacketHeader,
        bytes: *const u8,
    ) -> libc::c_int;
}

/// libpcap's message without the prefix that the pcap crate puts before it.
pub(crate) fn libpcap_message(e: &pcap::Error) -> String {
    match e {
        pcap::Error::PcapError(message) => message.clone(),
        e => e.to_string(),
    }
}

#[cfg(test)]
mod tests;
