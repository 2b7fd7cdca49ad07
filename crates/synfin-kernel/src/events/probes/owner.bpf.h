/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who owns a socket: whoever sends or receives through it. Told once a socket and process: a cache remembers what was
 * said, and forgets by being overwritten, which costs a repeated record and nothing else.
 */
#pragma once

#include "../../sys/record.bpf.h"

/* Small enough to stay in a processor cache. */
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
	u32 slot = (cookie * 0x9e3779b97f4a7c15ull) >> 50;
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
	u64 cookie, now;
	u32 tgid;

	if (is_silent || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	tgid = bpf_get_current_pid_tgid() >> 32;
	if (!tgid)
		return 0;
	cookie = sk->__sk_common.skc_cookie.counter;
	if (!cookie)
		cookie = bpf_get_socket_cookie(sk);
	if (!is_new_owner(cookie, tgid) || !read_socket(&ends, sk) || !is_wanted(&ends, 0))
		return 0;
	record = reserve(sizeof(*record));
	if (!record)
		return 0;
	now = bpf_ktime_get_ns();
	fill(record, KIND_OWNER, now, cookie, &ends);
	record->from = sk->__sk_common.skc_state;
	fill_process(record);
	submit(record, now);
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
