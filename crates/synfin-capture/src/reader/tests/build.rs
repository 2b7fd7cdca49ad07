//! Makes capture files, well-formed or not.

/// A file, where its frames end, and where it could end without being truncated.
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Vec<usize>,
    pub(super) boundaries: Vec<usize>,
}

pub(super) fn small_pcap() -> File {
    let mut bytes = pcap_header(false, 0xa1b2_c3d4, 4, 1);
    let mut boundaries = vec![bytes.len()];
    for n in 1..4 {
        bytes.extend(pcap_record(false, [n, n, n, n], &vec![n as u8; n as usize]));
        boundaries.push(bytes.len());
    }
    File { ends: boundaries[1..].to_vec(), bytes, boundaries }
}

pub(super) fn small_pcapng() -> File {
    let ng = Ng { big: false };
    let blocks = [
        ng.section(),
        ng.interface(1, 0, &[]),
        ng.packet(0, 1, b"one", &[(1, b"comment")]),
        ng.packet(0, 2, b"two", &[]),
    ];
    let mut file = File { bytes: Vec::new(), ends: Vec::new(), boundaries: Vec::new() };
    for (position, block) in blocks.into_iter().enumerate() {
        file.bytes.extend(block);
        file.boundaries.push(file.bytes.len());
        if position >= 2 {
            file.ends.push(file.bytes.len());
        }
    }
    file
}

fn number(big: bool, number: u32) -> [u8; 4] {
    if big { number.to_be_bytes() } else { number.to_le_bytes() }
}

fn half(big: bool, number: u16) -> [u8; 2] {
    if big { number.to_be_bytes() } else { number.to_le_bytes() }
}

pub(super) fn pcap_header(big: bool, magic: u32, minor: u16, link: u32) -> Vec<u8> {
    let mut bytes = number(big, magic).to_vec();
    bytes.extend(half(big, 2));
    bytes.extend(half(big, minor));
    bytes.extend([0; 8]);
    bytes.extend(number(big, 96));
    bytes.extend(number(big, link));
    bytes
}

/// `head`: seconds, fraction, captured length, original length.
pub(super) fn pcap_record(big: bool, head: [u32; 4], frame: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = head.into_iter().flat_map(|field| number(big, field)).collect();
    bytes.extend(frame);
    bytes
}

/// Makes pcapng blocks in one byte order.
#[derive(Clone, Copy)]
pub(super) struct Ng {
    pub(super) big: bool,
}

type Options<'a> = &'a [(u16, &'a [u8])];

impl Ng {
    pub(super) fn u32(self, value: u32) -> [u8; 4] {
        number(self.big, value)
    }

    pub(super) fn u64(self, value: u64) -> [u8; 8] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(super) fn options(self, options: Options<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (code, value) in options {
            bytes.extend(half(self.big, *code));
            bytes.extend(half(self.big, value.len() as u16));
            bytes.extend(*value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            bytes.extend([0; 4]);
        }
        bytes
    }

    pub(super) fn block(self, block_type: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = self.u32(block_type).to_vec();
        let padded = body.len().next_multiple_of(4);
        let length = self.u32(padded as u32 + 12);
        bytes.extend(length);
        bytes.extend(body);
        bytes.resize(8 + padded, 0);
        bytes.extend(length);
        bytes
    }

    pub(super) fn section(self) -> Vec<u8> {
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend(half(self.big, 1));
        body.extend([0; 2]);
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    pub(super) fn interface(self, link: u16, snap_len: u32, options: Options<'_>) -> Vec<u8> {
        let mut body = half(self.big, link).to_vec();
        body.extend([0; 2]);
        body.extend(self.u32(snap_len));
        body.extend(self.options(options));
        self.block(1, &body)
    }

    pub(super) fn packet(self, interface: u32, ticks: u64, frame: &[u8], options: Options<'_>) -> Vec<u8> {
        let mut body = self.packet_head(&self.u32(interface), ticks, frame);
        body.extend(self.options(options));
        self.block(6, &body)
    }

    pub(super) fn obsolete_packet(self, interface: u16, dropped: u16, ticks: u64, frame: &[u8]) -> Vec<u8> {
        let first = [half(self.big, interface), half(self.big, dropped)].concat();
        self.block(2, &self.packet_head(&first, ticks, frame))
    }

    fn packet_head(self, first: &[u8], ticks: u64, frame: &[u8]) -> Vec<u8> {
        let mut body = first.to_vec();
        body.extend(self.u32((ticks >> 32) as u32));
        body.extend(self.u32(ticks as u32));
        body.extend(self.u32(frame.len() as u32));
        body.extend(self.u32(frame.len() as u32 + 100));
        body.extend(frame);
        body.resize(body.len().next_multiple_of(4), 0);
        body
    }

    pub(super) fn simple_packet(self, original_len: u32, frame: &[u8]) -> Vec<u8> {
        self.block(3, &[&self.u32(original_len)[..], frame].concat())
    }

    pub(super) fn statistics(self, interface: u32, ticks: u64, options: Options<'_>) -> Vec<u8> {
        let mut body = self.u32(interface).to_vec();
        body.extend(self.u32((ticks >> 32) as u32));
        body.extend(self.u32(ticks as u32));
        body.extend(self.options(options));
        self.block(5, &body)
    }
}
