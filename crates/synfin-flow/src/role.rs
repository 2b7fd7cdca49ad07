//! Who is the client.

use std::net::SocketAddr;

use synfin_wire::tcp::Segment;

/// The two ends by their roles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Roles {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// The first packet came from the server.
    pub(crate) is_flipped: bool,
}

/// Ports below this one are given to services (RFC 6335 section 6); ephemeral ones on Linux start at 32768.
const FIRST_USER_PORT: u16 = 1024;

/// Where ephemeral ports begin on common systems: 32768 on Linux, 49152 by RFC 6335.
const FIRST_EPHEMERAL_PORT: u16 = 32_768;

/// The roles by the first segment that was seen of a connection. A SYN and a SYN-ACK say it. Otherwise a well-known
/// port is the server's, or an ephemeral one the client's, and where ports say nothing, who speaks first is the client:
/// in most protocols it is.
pub(crate) fn likely_client(source: SocketAddr, destination: SocketAddr, segment: &Segment<'_>) -> Roles {
    let flags = segment.header.flags;
    if flags.syn() {
        let (client, server) = if flags.ack() { (destination, source) } else { (source, destination) };
        return Roles { client, server, is_flipped: flags.ack() };
    }
    let rank = |port: u16| match port {
        ..FIRST_USER_PORT => 0,
        FIRST_USER_PORT..FIRST_EPHEMERAL_PORT => 1,
        FIRST_EPHEMERAL_PORT.. => 2,
    };
    if rank(source.port()) < rank(destination.port()) {
        Roles { client: destination, server: source, is_flipped: true }
    } else {
        Roles { client: source, server: destination, is_flipped: false }
    }
}
