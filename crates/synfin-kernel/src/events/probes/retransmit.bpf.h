/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Segments that the kernel sends again (tracepoints tcp:tcp_retransmit_skb and tcp:tcp_retransmit_synack).
 */
#pragma once

#include "../../sys/record.bpf.h"

SEC("tp_btf/tcp_retransmit_skb")
int tcp_retransmit_skb(u64 *args)
{
	const struct sock *sk = (const struct sock *)args[0];
	const struct sk_buff *skb = (const struct sk_buff *)args[1];
	const struct tcp_skb_cb *control;
	const struct tcp_sock *tp;
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
	fill(record, KIND_RETRANSMIT, now, cookie, &ends);
	record->from = sk->__sk_common.skc_state;
	tp = bpf_skc_to_tcp_sock(sk);
	if (tp)
		record->to = tp->inet_conn.icsk_retransmits;
	control = (const void *)skb + OFFSET_OF(struct sk_buff, cb);
	bpf_probe_read_kernel(&record->value, 4, &control->seq);
	bpf_probe_read_kernel(&record->reason, 4, &control->end_seq);
	submit(record, now);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int tcp_retransmit_synack(u64 *args)
{
	const struct request_sock *request = (const struct request_sock *)args[1];
	struct endpoints ends;
	struct record *record;
	u64 cookie, now;

	if (!read_common(&ends, &request->__req_common) || !is_wanted(&ends, 0))
		return 0;
	now = bpf_ktime_get_ns();
	cookie = bpf_get_socket_cookie(request);
	record = reserve(sizeof(*record));
	if (!record)
		return 0;
	fill(record, KIND_RETRANSMIT_SYNACK, now, cookie, &ends);
	record->from = TCP_SYN_RECV;
	record->to = request->num_retrans;
	submit(record, now);
	return 0;
}
