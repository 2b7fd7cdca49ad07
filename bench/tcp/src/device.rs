//! The devices under synfin-tcp, with as much of IP as smoltcp has.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use bytes::{Bytes, BytesMut};
use synfin_tcp::{Checksum, Ecn, Incoming, Outgoing};
use synfin_wire::checksum::{Sum, checksum};

/// Bytes of an IPv4 header without options.
const IP_HEADER: usize = 20;

/// Most bytes before the text.
const HEAD_MAX: usize = IP_HEADER + 60;

/// Bytes of memory that packets in one piece are cut from: more than the link takes at once, so that they fit into two.
const BLOCK: usize = 80 << 10;

/// How a packet is made and taken apart.
pub trait Device: Default {
    type Packet: Default;
    /// Whether it carries bursts whole, as a device with segmentation offload does.
    const TAKES_BURSTS: bool = false;
    /// Makes a packet of a segment, where an empty one is.
    fn send(
        &mut self,
        packet: &mut Self::Packet,
        segment: &Outgoing<'_>,
        addresses: (Ipv4Addr, Ipv4Addr),
        ttl: u8,
        checksum: Checksum,
    );
    /// Reads the segment of a packet for `ip`, and says where it is from, if it is undamaged.
    fn receive(
        packet: &mut Self::Packet,
        ip: Ipv4Addr,
        checksum: Checksum,
        segment: &mut Incoming,
    ) -> Option<Ipv4Addr>;
}

/// A device that gathers a packet from where its pieces lie, as those do that take several buffers for one packet, and
/// puts headers and text apart.
#[derive(Default)]
pub struct Gathering;

/// A packet in two pieces.
pub struct Pieces {
    head: [u8; HEAD_MAX],
    head_len: usize,
    text: Bytes,
}

impl Default for Pieces {
    fn default() -> Self {
        Self { head: [0; HEAD_MAX], head_len: 0, text: Bytes::new() }
    }
}

impl Device for Gathering {
    type Packet = Pieces;

    fn send(
        &mut self,
        packet: &mut Pieces,
        segment: &Outgoing<'_>,
        addresses: (Ipv4Addr, Ipv4Addr),
        ttl: u8,
        checksum: Checksum,
    ) {
        let len = segment.emit_head(&mut packet.head[IP_HEADER..], checksum).expect("there is room");
        write_ip_header(&mut packet.head, addresses, ttl, len + segment.payload.len() as usize);
        packet.head_len = IP_HEADER + len;
        packet.text = text(segment);
    }

    fn receive(
        packet: &mut Pieces,
        ip: Ipv4Addr,
        checksum: Checksum,
        segment: &mut Incoming,
    ) -> Option<Ipv4Addr> {
        let text = std::mem::take(&mut packet.text);
        let (source, len) = read_ip_header(&packet.head, ip)?;
        if len != packet.head_len + text.len() {
            return None;
        }
        let head = &packet.head[IP_HEADER..packet.head_len];
        segment.read_parts(head, text, source.into(), ip.into(), Ecn::NotEct, checksum).ok()?;
        Some(source)
    }
}

/// The text in one piece: what lies across two of the application's buffers is put together.
fn text(segment: &Outgoing<'_>) -> Bytes {
    let mut chunks = segment.payload.chunks();
    let first = chunks.next().unwrap_or_default();
    let Some(second) = chunks.next() else { return first };
    let mut whole = BytesMut::with_capacity(segment.payload.len() as usize);
    for chunk in [first, second].into_iter().chain(chunks) {
        whole.extend_from_slice(&chunk);
    }
    whole.freeze()
}

/// A device that wants a packet in one piece, and gives it so. Its memory is used again when nobody holds a packet in it.
#[derive(Default)]
pub struct OnePiece {
    current: BytesMut,
    used: VecDeque<BytesMut>,
}

impl OnePiece {
    /// At least `len` bytes to write a packet to.
    fn room(&mut self, len: usize) -> &mut [u8] {
        if self.current.len() < len && !reclaim(&mut self.current) {
            let next = self.next();
            let mut used = std::mem::replace(&mut self.current, next);
            if used.capacity() > 0 {
                used.clear();
                self.used.push_back(used);
            }
        }
        &mut self.current
    }

    /// Those used first are free first; if even the first one is still held, all are.
    fn next(&mut self) -> BytesMut {
        let free = if self.used.front_mut().is_some_and(reclaim) { self.used.pop_front() } else { None };
        free.unwrap_or_else(|| BytesMut::zeroed(BLOCK))
    }
}

/// Makes a block whole again, if nobody holds a packet in it.
fn reclaim(block: &mut BytesMut) -> bool {
    block.clear();
    let is_free = block.try_reclaim(BLOCK);
    if is_free {
        // SAFETY: `try_reclaim` allocates nothing: these are the bytes that were zeroed when the block was made.
        unsafe { block.set_len(BLOCK) };
    }
    is_free
}

impl Device for OnePiece {
    type Packet = Bytes;

    fn send(
        &mut self,
        packet: &mut Bytes,
        segment: &Outgoing<'_>,
        addresses: (Ipv4Addr, Ipv4Addr),
        ttl: u8,
        checksum: Checksum,
    ) {
        let room = self.room(IP_HEADER + segment.len_max());
        let len = segment.emit(&mut room[IP_HEADER..], checksum).expect("there is room");
        write_ip_header(room, addresses, ttl, len);
        *packet = self.current.split_to(IP_HEADER + len).freeze();
    }

    fn receive(
        packet: &mut Bytes,
        ip: Ipv4Addr,
        checksum: Checksum,
        segment: &mut Incoming,
    ) -> Option<Ipv4Addr> {
        let mut packet = std::mem::take(packet);
        let (source, len) = read_ip_header(&packet, ip)?;
        if len > packet.len() {
            return None;
        }
        packet.truncate(len);
        bytes::Buf::advance(&mut packet, IP_HEADER);
        segment.read(packet, source.into(), ip.into(), Ecn::NotEct, checksum).ok()?;
        Some(source)
    }
}

/// A device with segmentation offload: a burst is one packet, whatever the MTU.
#[derive(Default)]
pub struct Offload(OnePiece);

impl Device for Offload {
    type Packet = Bytes;
    const TAKES_BURSTS: bool = true;

    fn send(
        &mut self,
        packet: &mut Bytes,
        segment: &Outgoing<'_>,
        addresses: (Ipv4Addr, Ipv4Addr),
        ttl: u8,
        checksum: Checksum,
    ) {
        self.0.send(packet, segment, addresses, ttl, checksum);
    }

    fn receive(
        packet: &mut Bytes,
        ip: Ipv4Addr,
        checksum: Checksum,
        segment: &mut Incoming,
    ) -> Option<Ipv4Addr> {
        OnePiece::receive(packet, ip, checksum, segment)
    }
}

/// Writes an IPv4 header for `len` bytes behind it.
fn write_ip_header(packet: &mut [u8], (source, destination): (Ipv4Addr, Ipv4Addr), ttl: u8, len: usize) {
    let total = u32::try_from(IP_HEADER + len).expect("it fits into a packet");
    let mut words = [
        0x4500_0000 | total,
        0x4000,
        u32::from(ttl) << 24 | 6 << 16,
        source.to_bits(),
        destination.to_bits(),
    ];
    let mut sum = Sum::new();
    words.into_iter().for_each(|word| sum.add_word(word));
    words[2] |= u32::from(sum.finish());
    for (to, word) in packet.as_chunks_mut().0.iter_mut().zip(words) {
        *to = word.to_be_bytes();
    }
}

/// Source and length of a packet for `ip`, if its header is undamaged.
fn read_ip_header(packet: &[u8], ip: Ipv4Addr) -> Option<(Ipv4Addr, usize)> {
    let header: &[u8; IP_HEADER] = packet.first_chunk()?;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let address = |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    let is_ours = header[0] == 0x45
        && header[9] == 6
        && total >= IP_HEADER
        && checksum(header) == 0
        && address(16) == ip;
    is_ours.then(|| (address(12), total))
}
