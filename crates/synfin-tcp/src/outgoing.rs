//! What a connection sends: bursts.
//!
//! A burst is one header, one set of options, a segment size and a range of the send queue. A device with
//! segmentation offload takes it whole; for any other, [`Burst::segments`] cuts it up in the way that such devices
//! do: sequence numbers go on, PSH and FIN stand in the last segment only, CWR in the first only.

use core::net::SocketAddr;

use bytes::Bytes;
use synfin_wire::tcp::{Flags, HEADER_LEN, Header, MAX_OPTIONS_LEN, OptionsBuf};

use crate::incoming::Ecn;
use crate::send::Payload;

/// Takes what is to be sent. Called with one burst after the other.
pub trait Sink {
    /// Takes a burst. A device that has no room drops it: TCP copes.
    fn transmit(&mut self, burst: &Burst<'_>);
}

impl<F: FnMut(&Burst<'_>)> Sink for F {
    fn transmit(&mut self, burst: &Burst<'_>) {
        self(burst);
    }
}

/// One or more segments that differ in nothing but what segmentation offload changes.
#[derive(Clone, Copy, Debug)]
pub struct Burst<'a> {
    /// Where from.
    pub source: SocketAddr,
    /// Where to.
    pub destination: SocketAddr,
    /// Header of the first segment, with the flags of all together. The checksum is not filled in.
    pub header: Header,
    /// Options of every segment.
    pub options: OptionsBuf,
    /// The text.
    pub payload: Payload<'a>,
    /// Most octets of text in one segment. Never zero.
    pub segment_size: u32,
    /// What the IP header is to say.
    pub ecn: Ecn,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// Differentiated services code point.
    pub dscp: u8,
}

/// One segment of a burst.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Where from.
    pub source: SocketAddr,
    /// Where to.
    pub destination: SocketAddr,
    /// The header, but for its checksum.
    pub header: Header,
    /// The options.
    pub options: OptionsBuf,
    /// The text.
    pub payload: Payload<'a>,
    /// What the IP header is to say.
    pub ecn: Ecn,
}

impl<'a> Burst<'a> {
    /// Number of segments.
    #[must_use]
    pub fn segment_count(&self) -> u32 {
        self.payload.len().div_ceil(self.segment_size.max(1)).max(1)
    }

    /// The segments, one by one.
    pub fn segments(&self) -> impl Iterator<Item = Outgoing<'a>> + use<'a> {
        let burst = *self;
        let count = burst.segment_count();
        (0..count).map(move |i| {
            let (first, last) = (i == 0, i + 1 == count);
            let offset = i * burst.segment_size;
            let mut header = burst.header;
            header.seq += offset;
            if !last {
                header.flags = header.flags.without(Flags::PSH | Flags::FIN);
            }
            if !first {
                header.flags = header.flags.without(Flags::CWR);
            }
            Outgoing {
                source: burst.source,
                destination: burst.destination,
                header,
                options: burst.options,
                payload: burst.payload.part(offset, burst.segment_size),
                ecn: burst.ecn,
            }
        })
    }
}

impl Outgoing<'_> {
    /// Writes the whole segment, checksum included.
    // RFC 9293 MUST-2: the sender computes the checksum.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(HEADER_LEN + MAX_OPTIONS_LEN + self.payload.len() as usize);
        bytes.resize(HEADER_LEN + MAX_OPTIONS_LEN, 0);
        // The buffer is as large as a header can be.
        let len = self.header.emit(&self.options, &mut bytes).unwrap_or(HEADER_LEN);
        bytes.truncate(len);
        for chunk in self.payload.chunks() {
            bytes.extend_from_slice(&chunk);
        }
        Header::fill_checksum(&mut bytes, self.source.ip(), self.destination.ip());
        bytes.into()
    }
}
