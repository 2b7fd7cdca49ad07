/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What no tracepoint shows of a handshake: the local port of a SYN, and the request socket in which SYN-RECEIVED
 * lives. The kernel asks programs of type sock_ops for advice at both moments; this one listens and advises nothing.
 */
#pragma once

#include "../../sys/record.bpf.h"
#include "owner.bpf.h"

SEC("sockops")
int handshake(struct bpf_sock_ops *context)
{
	struct bpf_sock_ops_kern *kernel = (void *)context;
	struct endpoints ends;
	struct record *record;
	struct sock *sk = 0;
	u64 cookie, now;
	u32 op = context->op;
	u8 state = 0;

	if (op != BPF_SOCK_OPS_TIMEOUT_INIT && op != BPF_SOCK_OPS_TCP_CONNECT_CB)
		return 1;
	READ(sk, kernel, sk);
	READ(state, sk, __sk_common.skc_state);
	/* The question about timeouts comes for connecting sockets too. */
	if (op == BPF_SOCK_OPS_TIMEOUT_INIT && state != TCP_NEW_SYN_RECV)
		return 1;
	if (!probe_common(&ends, &sk->__sk_common) || !is_wanted(&ends, 0))
		return 1;
	now = bpf_ktime_get_ns();
	cookie = bpf_get_socket_cookie(context);
	record = reserve(sizeof(*record));
	if (!record)
		return 1;
	if (op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		fill(record, KIND_CONNECTING, now, cookie, &ends);
		fill_process(record);
	} else {
		fill(record, KIND_REQUEST, now, cookie, &ends);
	}
	submit(record, now);
	return 1;
}
