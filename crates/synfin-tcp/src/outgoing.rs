//! What a connection sends: bursts.
//!
//! A burst is one header, one set of options, a segment size and a range of the send queue. A device with
//! segmentation offload takes it whole; for any other, [`Burst::segments`] cuts it up in the way that such devices
//! do: sequence numbers go on, PSH and FIN stand in the last segment only, CWR in the first only.

use core::net::SocketAddr;

use bytes::Bytes;
use synfin_wire::checksum::Sum;
use synfin_wire::tcp::{Flags, HEADER_LEN, Header, MAX_OPTIONS_LEN, OptionsBuf};

use crate::incoming::{Checksum, Ecn};
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
    /// The header, but for its checksum.
    pub header: Header,
    /// The text.
    pub payload: Payload<'a>,
    /// The burst that it is of: where from, where to, options and the IP header are the same for all of it.
    pub burst: &'a Burst<'a>,
    /// The sum of its pseudo-header, but for the length.
    pseudo_header: Sum,
}

impl<'a> Burst<'a> {
    /// Number of segments.
    #[inline]
    #[must_use]
    pub fn segment_count(&self) -> u32 {
        self.payload.len().div_ceil(self.segment_size.max(1)).max(1)
    }

    /// All of it as one segment, for a device with segmentation offload, or a link that carries it whole.
    #[inline]
    #[must_use]
    pub fn whole(&self) -> Outgoing<'_> {
        self.segment(self.header, self.payload, self.pseudo_header())
    }

    /// The segments, one by one.
    #[inline]
    pub fn segments(&self) -> impl Iterator<Item = Outgoing<'_>> {
        let (count, mut header, mut rest) = (self.segment_count(), self.header, self.payload);
        let pseudo_header = self.pseudo_header();
        (0..count).map(move |i| {
            let mut segment = self.segment(header, rest.split_to(self.segment_size), pseudo_header);
            if i + 1 < count {
                segment.header.flags = header.flags.without(Flags::PSH | Flags::FIN);
            }
            header.seq += self.segment_size;
            header.flags = header.flags.without(Flags::CWR);
            segment
        })
    }

    #[inline]
    fn segment<'b>(&'b self, header: Header, payload: Payload<'b>, pseudo_header: Sum) -> Outgoing<'b> {
        Outgoing { header, payload, burst: self, pseudo_header }
    }

    #[inline]
    fn pseudo_header(&self) -> Sum {
        Header::pseudo_header(self.source.ip(), self.destination.ip())
    }
}

impl Outgoing<'_> {
    /// Most bytes that the segment can take.
    #[must_use]
    pub fn len_max(&self) -> usize {
        HEADER_LEN + MAX_OPTIONS_LEN + self.payload.len() as usize
    }

    /// Writes the whole segment to the start of `buffer`, and says how many bytes it takes. Nothing when it does not fit;
    /// the buffer may have been written to all the same. The checksum is computed if somebody is to check it; for a
    /// device that computes it, or a link that needs none, the field stays as it is.
    // RFC 9293 MUST-2: the sender computes the checksum.
    #[inline]
    #[must_use]
    pub fn emit(&self, buffer: &mut [u8], checksum: Checksum) -> Option<usize> {
        let head = HEADER_LEN + self.burst.options.padded().len();
        let len = head + self.payload.len() as usize;
        let (head, text) = buffer.get_mut(..len)?.split_at_mut_checked(head)?;
        let (mut rest, mut sum) = (text, self.pseudo_header);
        for octets in self.payload.slices() {
            let (to, behind) = rest.split_at_mut_checked(octets.len())?;
            match checksum {
                Checksum::Check => sum.add_copied(to, octets),
                Checksum::Trusted => to.copy_from_slice(octets),
            }
            rest = behind;
        }
        self.header_with(checksum, sum).emit(&self.burst.options, head)?;
        Some(len)
    }

    /// As [`emit`](Self::emit), but writes header and options only, for a device that gathers the text from where it
    /// lies: see [`Payload::slices`] and [`Payload::chunks`].
    #[inline]
    #[must_use]
    pub fn emit_head(&self, buffer: &mut [u8], checksum: Checksum) -> Option<usize> {
        let mut sum = self.pseudo_header;
        if checksum == Checksum::Check {
            self.payload.slices().for_each(|octets| sum.add_bytes(octets));
        }
        self.header_with(checksum, sum).emit(&self.burst.options, buffer)
    }

    /// The header, with its checksum if somebody is to check it. `sum` is that of the pseudo-header and the text.
    #[inline]
    fn header_with(&self, checksum: Checksum, sum: Sum) -> Header {
        match checksum {
            Checksum::Trusted => self.header,
            Checksum::Check => {
                let checksum = self.header.checksum_with(&self.burst.options, sum, self.payload.len());
                Header { checksum, ..self.header }
            }
        }
    }

    /// The whole segment, checksum included, in memory of its own.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = vec![0; self.len_max()];
        // There is room for all that it can be.
        let len = self.emit(&mut bytes, Checksum::Check).unwrap_or_default();
        bytes.truncate(len);
        bytes.into()
    }
}
