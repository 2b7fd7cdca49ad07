/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Resets sent and received (tracepoints tcp:tcp_send_reset and tcp:tcp_receive_reset).
 */
#pragma once

#include "../../sys/packet.bpf.h"

/*
 * Raw, since both pointers may be null and older verifiers believe that they are not. With a packet it answers that
 * packet; without one the socket gives up by itself.
 */
INLINE int tell_reset_sent(const struct sock *sk, const struct sk_buff *skb, u32 reason)
{
	struct endpoints ends, packet;
	struct segment segment = {};
	struct record *record;
	u64 cookie = 0, now;
	u8 state = 0;

	if (sk && probe_common(&ends, &sk->__sk_common)) {
		READ(cookie, sk, __sk_common.skc_cookie.counter);
		READ(state, sk, __sk_common.skc_state);
		if (!ends.local_port && state != TCP_NEW_SYN_RECV && state != TCP_TIME_WAIT) {
			u16 port = 0;

			READ(port, (const struct inet_sock *)sk, inet_sport);
			ends.local_port = swap16(port);
		}
	} else if (!skb) {
		return 0;
	} else {
		ends.netns = 0;
	}
	if (skb && (!sk || state == TCP_LISTEN || !ends.remote_port)) {
		if (!read_packet(&packet, &segment, skb))
			return 0;
		if (packet.netns)
			ends.netns = packet.netns;
		ends.local = packet.remote;
		ends.remote = packet.local;
		ends.local_port = packet.remote_port;
		ends.remote_port = packet.local_port;
		cookie = 0;
	}
	if (!is_wanted(&ends, 0))
		return 0;
	record = reserve(sizeof(*record));
	if (!record)
		return 0;
	now = bpf_ktime_get_ns();
	fill(record, KIND_RESET_SENT, now, cookie, &ends);
	record->from = state;
	record->reason = reason;
	submit(record, now);
	return 0;
}

SEC("raw_tp/tcp_send_reset")
int tcp_send_reset(u64 *args)
{
	return tell_reset_sent((const void *)args[0], (const void *)args[1], args[2]);
}

/* Before Linux 6.10 no reason was given. */
SEC("raw_tp/tcp_send_reset")
int tcp_send_reset_plain(u64 *args)
{
	return tell_reset_sent((const void *)args[0], (const void *)args[1], 0);
}

SEC("tp_btf/tcp_receive_reset")
int tcp_receive_reset(u64 *args)
{
	struct sock *sk = (struct sock *)args[0];
	struct endpoints ends;
	struct record *record;
	u64 cookie, now;

	if (!read_socket(&ends, sk) || !is_wanted(&ends, 0))
		return 0;
	now = bpf_ktime_get_ns();
	cookie = bpf_get_socket_cookie(sk);
	record = reserve(sizeof(*record));
	if (!record)
		return 0;
	fill(record, KIND_RESET_RECEIVED, now, cookie, &ends);
	record->from = sk->__sk_common.skc_state;
	submit(record, now);
	return 0;
}
