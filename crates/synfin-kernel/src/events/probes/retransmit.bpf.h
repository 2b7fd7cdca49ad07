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
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	const struct tcp_skb_cb *control;
	struct endpoints ends;
	struct record *record;

	if (!tp || !read_socket(&ends, sk, tp) || !is_wanted(&ends, 0))
		return 0;
	record = begin(KIND_RETRANSMIT, cookie_of(&sk->__sk_common), &ends);
	if (!record)
		return 0;
	record->from = sk->__sk_common.skc_state;
	record->to = tp->inet_conn.icsk_retransmits;
	control = (const void *)skb + OFFSET_OF(struct sk_buff, cb);
	bpf_probe_read_kernel(&record->value, 4, &control->seq);
	bpf_probe_read_kernel(&record->reason, 4, &control->end_seq);
	submit(record);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int tcp_retransmit_synack(u64 *args)
{
	const struct request_sock *request = (const struct request_sock *)args[1];
	struct endpoints ends;
	struct record *record;

	if (!read_common(&ends, &request->__req_common) || !is_wanted(&ends, 0))
		return 0;
	record = begin(KIND_RETRANSMIT_SYNACK, cookie_of(&request->__req_common), &ends);
	if (!record)
		return 0;
	record->from = TCP_SYN_RECV;
	record->to = request->num_retrans;
	submit(record);
	return 0;
}
