/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who owns a socket: whoever sends or receives through it. Told once a socket and process: a cache remembers what was
 * said, and forgets by being overwritten, which costs a repeated record and nothing else.
 */
#pragma once

#include "../../sys/record.bpf.h"

/* A power of two, small enough to stay in a processor cache. */
#define OWNER_SLOTS (1 << 14)

struct {
	MAP_UINT(type, BPF_MAP_TYPE_ARRAY);
	MAP_UINT(max_entries, OWNER_SLOTS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u64);
} owners SEC(".maps");

/* Whether this pair was not told yet; from now on it was. */
INLINE int is_new_owner(u64 cookie, u32 tgid)
{
	/* Cookies are given out in sequence: neighbours in time lie in one line of the cache. */
	u32 slot = cookie & (OWNER_SLOTS - 1);
	u64 told = cookie << 24 ^ tgid;
	u64 *known = bpf_map_lookup_elem(&owners, &slot);

	if (!known || *known == told)
		return 0;
	*known = told;
	return 1;
}

INLINE int tell_owner(struct sock *sk)
{
	struct endpoints ends;
	struct record *record;
	u64 cookie;
	u32 tgid;

	if ((mode & MODE_SILENT) || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	tgid = bpf_get_current_pid_tgid() >> 32;
	if (!tgid)
		return 0;
	cookie = cookie_of(&sk->__sk_common);
	if (!is_new_owner(cookie, tgid) || !read_socket(&ends, sk, bpf_skc_to_tcp_sock(sk)) || !is_wanted(&ends, 0))
		return 0;
	record = begin(KIND_OWNER, cookie, &ends);
	if (!record)
		return 0;
	record->from = sk->__sk_common.skc_state;
	fill_process(record);
	submit(record);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int sock_recv_length(u64 *args)
{
	return tell_owner((struct sock *)args[0]);
}

SEC("tp_btf/sock_send_length")
int sock_send_length(u64 *args)
{
	return tell_owner((struct sock *)args[0]);
}

/* Where the two above do not exist (before Linux 6.3): when data reached the reader. */
SEC("tp_btf/tcp_rcv_space_adjust")
int tcp_rcv_space_adjust(u64 *args)
{
	return tell_owner((struct sock *)args[0]);
}
