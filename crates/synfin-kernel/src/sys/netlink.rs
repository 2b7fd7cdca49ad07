//! The netlink socket that sock_diag answers on (linux/netlink.h, linux/sock_diag.h).

use std::{io, os::fd::OwnedFd};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
    netlink::{self, SocketAddrNetlink},
    recv, sendto, socket_with, sockopt,
};

use super::bytes::{u16_at, u32_at};

/// `SOCK_DIAG_BY_FAMILY`: the request and its answers.
const BY_FAMILY: u16 = 20;
/// `NLMSG_ERROR`.
const ERROR: u16 = 2;
/// `NLMSG_DONE`.
const DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP_REQUEST: u16 = 1 | 0x300;
/// `NLM_F_DUMP_INTR`: what was listed changed meanwhile, so that something may be missing.
const INTERRUPTED: u16 = 0x10;
const HEADER_LEN: usize = 16;
/// As much as the kernel ever puts into one answer.
const BUFFER_LEN: usize = 1 << 16;

pub(crate) struct SockDiag {
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

impl SockDiag {
    /// Opens one in this thread's namespace, where it stays.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )?;
        // More room lets the kernel answer in fewer pieces; without it, it takes longer.
        let _ = sockopt::set_socket_recv_buffer_size(&socket, 1 << 20);
        Ok(Self { socket, buffer: vec![0; BUFFER_LEN], sequence: 0 })
    }

    /// Asks for a list, and hands over the payload of each entry. Whether the list was interrupted.
    pub(crate) fn dump(&mut self, request: &[u8], mut on_entry: impl FnMut(&[u8])) -> io::Result<bool> {
        self.sequence = self.sequence.wrapping_add(1);
        let len = u32::try_from(HEADER_LEN + request.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut message = Vec::with_capacity(HEADER_LEN + request.len());
        message.extend(len.to_ne_bytes());
        message.extend(BY_FAMILY.to_ne_bytes());
        message.extend(DUMP_REQUEST.to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(request);
        sendto(&self.socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let mut is_interrupted = false;
        loop {
            let (_, len) = recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::TRUNC)?;
            let received = self.buffer.get(..len).ok_or_else(|| malformed("an answer is too long"))?;
            for message in Messages(received) {
                let message = message?;
                if message.sequence != self.sequence {
                    continue;
                }
                is_interrupted |= message.flags & INTERRUPTED != 0;
                match message.kind {
                    BY_FAMILY => on_entry(message.payload),
                    DONE => return result(message.payload).map(|()| is_interrupted),
                    ERROR => {
                        result(message.payload)?;
                        return Err(malformed("an acknowledgement instead of a list"));
                    }
                    _ => {}
                }
            }
        }
    }
}

/// The negative error number that both kinds of last message begin with.
fn result(payload: &[u8]) -> io::Result<()> {
    match u32_at(payload, 0).map_or(0, u32::cast_signed) {
        code if code < 0 => Err(io::Error::from_raw_os_error(code.wrapping_neg())),
        _ => Ok(()),
    }
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    payload: &'a [u8],
}

/// The messages in what was received at once.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = io::Result<Message<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.0;
        if bytes.is_empty() {
            return None;
        }
        let parsed = (|| {
            let len = usize::try_from(u32_at(bytes, 0)?).ok()?;
            let message = Message {
                kind: u16_at(bytes, 4)?,
                flags: u16_at(bytes, 6)?,
                sequence: u32_at(bytes, 8)?,
                payload: bytes.get(HEADER_LEN..len)?,
            };
            Some((message, bytes.get(len.next_multiple_of(4)..).unwrap_or_default()))
        })();
        let (message, rest) =
            parsed.map_or((Err(malformed("a message is cut off")), [].as_slice()), |(m, rest)| (Ok(m), rest));
        self.0 = rest;
        Some(message)
    }
}

/// Attributes (`struct nlattr`) as kind and payload, up to the first that is cut off.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(bytes, 0)?);
        // The two upper bits of the kind are flags.
        let kind = u16_at(bytes, 2)? & 0x3fff;
        let payload = bytes.get(4..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, payload))
    })
}
