/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What no tracepoint shows of a handshake: the local port of a SYN, and the request socket in which SYN-RECEIVED
 * lives. The kernel asks programs of type sock_ops for advice at both moments; this one listens and advises nothing.
 */
#pragma once

#include "../../sys/record.bpf.h"
#include "owner.bpf.h"

/*
 * The members of the context are read in place, and a request socket has them too; only its namespace has to be asked
 * for the long way.
 */
INLINE int read_context(struct endpoints *ends, struct bpf_sock_ops *context)
{
	const struct bpf_sock_ops_kern *kernel = (void *)context;
	struct sock *sk = 0;

	if (CONTEXT(context, family) == AF_INET) {
		set_ipv4(&ends->local, CONTEXT(context, local_ip4));
		set_ipv4(&ends->remote, CONTEXT(context, remote_ip4));
	} else if (CONTEXT(context, family) == AF_INET6) {
		u32 *local = (u32 *)&ends->local, *remote = (u32 *)&ends->remote;

#pragma unroll
		for (int i = 0; i < 4; i++) {
			local[i] = CONTEXT(context, local_ip6[i]);
			remote[i] = CONTEXT(context, remote_ip6[i]);
		}
	} else {
		return 0;
	}
	ends->local_port = CONTEXT(context, local_port);
	ends->remote_port = swap32(CONTEXT(context, remote_port));
	READ(sk, kernel, sk);
	ends->netns = probe_netns(&sk->__sk_common);
	return 1;
}

SEC("sockops")
int handshake(struct bpf_sock_ops *context)
{
	struct endpoints ends;
	struct record *record;
	u64 cookie;
	u32 op = CONTEXT(context, op);

	/* The question about timeouts comes for connecting sockets too. */
	if (op != BPF_SOCK_OPS_TCP_CONNECT_CB && (op != BPF_SOCK_OPS_TIMEOUT_INIT || CONTEXT(context, is_fullsock)))
		return 1;
	if (!read_context(&ends, context) || !is_wanted(&ends, 0))
		return 1;
	cookie = bpf_get_socket_cookie(context);
	record = begin(op == BPF_SOCK_OPS_TCP_CONNECT_CB ? KIND_CONNECTING : KIND_REQUEST, cookie, &ends);
	if (!record)
		return 1;
	if (op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		fill_process(record);
		/* So that the first send is no news. */
		is_new_owner(cookie, record->tgid);
	}
	submit(record);
	return 1;
}
