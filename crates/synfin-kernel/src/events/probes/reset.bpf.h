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
	struct endpoints ends = {}, packet;
	struct segment segment = {};
	struct record *record;
	u64 cookie = 0;
	u8 state = 0;

	if (sk)
		READ(state, sk, __sk_common.skc_state);
	if (sk && probe_socket(&ends, sk, state))
		READ(cookie, sk, __sk_common.skc_cookie.counter);
	else if (!skb)
		return 0;
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
	record = begin(KIND_RESET_SENT, cookie, &ends);
	if (!record)
		return 0;
	record->from = state;
	record->reason = reason;
	submit(record);
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

	if (!read_socket(&ends, sk, bpf_skc_to_tcp_sock(sk)) || !is_wanted(&ends, 0))
		return 0;
	record = begin(KIND_RESET_RECEIVED, cookie_of(&sk->__sk_common), &ends);
	if (!record)
		return 0;
	record->from = sk->__sk_common.skc_state;
	submit(record);
	return 0;
}
