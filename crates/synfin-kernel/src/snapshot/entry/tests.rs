use proptest::prelude::*;

use super::*;

/// A socket in TIME-WAIT, laid out by hand from linux/inet_diag.h.
fn time_wait() -> Vec<u8> {
    let mut bytes = vec![AF_INET6, 6, 3, 0];
    bytes.extend([0x1f, 0x90, 0xc0, 0x01]);
    bytes.extend(Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets());
    bytes.extend(Ipv6Addr::LOCALHOST.octets());
    for word in [7_u32, 0x89ab_cdef, 0x0123_4567, 59_321, 1, 2, 1000, 0] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes
}

#[test]
fn a_time_wait_socket_keeps_its_time_left() {
    let socket = parse(&time_wait(), 42).unwrap();
    assert_eq!(socket.id, SocketId { namespace: 42, cookie: 0x0123_4567_89ab_cdef });
    assert_eq!(socket.state, State::TimeWait);
    assert_eq!(socket.timer, Some(SocketTimer::TimeWait(Duration::from_millis(59_321))));
    assert_eq!(socket.local, "127.0.0.1:8080".parse().unwrap(), "a mapped address is IPv4");
    assert!(socket.is_ipv6, "and the socket of IPv6");
    assert_eq!(socket.remote, "[::1]:49153".parse().unwrap());
    assert_eq!((socket.interface, socket.uid, socket.inode), (7, 1000, 0));
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_value(mut bytes in prop::collection::vec(any::<u8>(), 0..200), family in 0_u8..12) {
        if let Some(first) = bytes.first_mut() {
            *first = family;
        }
        let _ = parse(&bytes, 1);
        let mut after = time_wait();
        after.extend(bytes);
        let _ = parse(&after, 1);
    }
}
