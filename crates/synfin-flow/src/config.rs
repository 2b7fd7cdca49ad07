//! How the tracker is to work, and its bounds.

/// Settings of a [`Tracker`](crate::Tracker).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Most packets to keep for each connection, for a view that draws them once the connection is over.
    pub kept_packets: usize,
    /// Whether to look for messages in the streams.
    pub messages: bool,
    /// Most messages to keep for each connection.
    pub kept_messages: usize,
    /// Whether packets with a wrong TCP checksum are left out. Captures taken on the sending host have checksums that
    /// the network card was to fill in, so that this is off unless asked for.
    pub check_checksums: bool,
    /// How long a connection that is over stays, for retransmissions of its last segments, in nanoseconds.
    pub linger_ns: u64,
    /// Most connections to keep that are over. Beyond it the one that closed first goes before its time.
    pub max_lingering: usize,
    /// Most connections to follow at once. Beyond it the one that was silent for longest is given up.
    pub max_connections: usize,
    /// Most bytes of one direction to hold while something before them is missing.
    pub max_pending_bytes: usize,
    /// Most segments of one direction to hold while something before them is missing.
    pub max_pending_segments: usize,
    /// Most IP packets to hold while some of their fragments are missing.
    pub max_fragmented: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kept_packets: 0,
            messages: true,
            kept_messages: 256,
            check_checksums: false,
            // As long as Linux stays in TIME-WAIT.
            linger_ns: 60_000_000_000,
            max_lingering: 16_384,
            max_connections: 1_000_000,
            max_pending_bytes: 4 << 20,
            max_pending_segments: 4096,
            max_fragmented: 1024,
        }
    }
}
