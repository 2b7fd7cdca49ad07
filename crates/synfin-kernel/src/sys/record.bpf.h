/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a probe says: one record in the ring buffer. `sys/record.rs` reads the same layout; change both.
 */
#pragma once

#include "kernel.bpf.h"

enum kind {
	KIND_STATE = 1,
	KIND_CLOSED = 2, /* KIND_STATE to CLOSED, with the counters */
	KIND_CONNECTING = 3,
	KIND_REQUEST = 4,
	KIND_REQUEST_ENDED = 5,
	KIND_OWNER = 6,
	KIND_RETRANSMIT = 7,
	KIND_RETRANSMIT_SYNACK = 8,
	KIND_RESET_SENT = 9,
	KIND_RESET_RECEIVED = 10,
	KIND_DROP = 11,
	KIND_TIME_WAIT_SEGMENT = 12,
	KIND_TIME_WAIT_ENDED = 13,
	KIND_FORK = 14,
};

enum flag {
	FLAG_PROCESS = 1 << 0, /* the current task is one that uses this socket, which was not told before */
	FLAG_FIN_RECEIVED = 1 << 1,
	FLAG_ORPHAN = 1 << 2,
	FLAG_TIME_WAIT_FULL = 1 << 3, /* no room for one more time-wait socket in this namespace */
};

struct record {
	u64 at; /* CLOCK_MONOTONIC, ns */
	u64 cookie;
	u32 netns;
	u8 kind;
	u8 from;
	u8 to;
	u8 flags;
	u16 local_port; /* host byte order, as all the rest */
	u16 remote_port;
	u32 reason;
	u32 value; /* its meaning depends on the kind */
	u32 tgid;
	struct in6_addr local; /* IPv4 as ::ffff:a.b.c.d */
	struct in6_addr remote;
	char comm[16];
	u64 cgroup;
};

struct counters {
	u64 bytes_sent;
	u64 bytes_acked;
	u64 bytes_received;
	u64 bytes_retransmitted;
	u32 segments_out;
	u32 segments_in;
	u32 data_segments_out;
	u32 data_segments_in;
	u32 retransmits;
	u32 srtt_us;
	u32 cwnd;
	u32 mss;
};

struct closed_record {
	struct record head;
	struct counters counters;
};

_Static_assert(sizeof(struct record) == 96, "layout shared with record.rs");
_Static_assert(sizeof(struct closed_record) == 160, "layout shared with record.rs");

/* Set before loading, constant afterwards: what does not apply is pruned by the verifier. */

#define MAX_FILTERS 16
const volatile u32 filter_ports = 0;
const volatile u32 filter_addresses = 0;
const volatile u32 filter_namespaces = 0;
const volatile u32 ports[MAX_FILTERS] = {};
const volatile u64 addresses[MAX_FILTERS * 2] = {};
const volatile u32 namespaces[MAX_FILTERS] = {};
/* Addresses of the kernel's timer functions; 0 where they are not known. */
const volatile u64 time_wait_timer = 0;
const volatile u64 request_timer = 0;
/* In this kernel's numbers, SKB_DROP_REASON_QUEUE_PURGE and SKB_DROP_REASON_OTHERHOST. */
const volatile u32 queue_purge = 0xffffffff;
const volatile u32 other_host = 0xffffffff;

/*
 * A wake-up costs more than the record: within this time of one there is no other. Who was woken looks again by
 * itself, at intervals a little longer than this, until there is nothing.
 */
#define WAKE_INTERVAL_NS (10 * 1000 * 1000)

u64 last_wake = 0;

enum mode {
	MODE_SILENT = 1 << 0,
	/*
	 * The program that tells of a SYN with its port is attached: the change to SYN-SENT, which comes a moment before and
	 * without one, is no news.
	 */
	MODE_CONNECTING_TOLD = 1 << 1,
};

/*
 * Set when all probes are attached, and all by itself in .data, where the loader finds it: they begin to tell at the same
 * moment, so that none tells the second half of what another has missed the first half of.
 */
volatile u64 mode = MODE_SILENT;

struct {
	MAP_UINT(type, BPF_MAP_TYPE_RINGBUF);
	MAP_UINT(max_entries, 1 << 23);
} records SEC(".maps");

/* Records that did not fit into the ring: [0]. */
struct {
	MAP_UINT(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u64);
} lost SEC(".maps");

INLINE void *reserve(u32 size)
{
	void *place = bpf_ringbuf_reserve(&records, size, 0);

	if (!place) {
		u32 zero = 0;
		u64 *count = bpf_map_lookup_elem(&lost, &zero);

		/* An interrupt on this processor may count, too, halfway through. */
		if (count)
			__sync_fetch_and_add(count, 1);
	}
	return place;
}

/* Hands over a record, or one that begins with it. */
INLINE void submit(struct record *record)
{
	u64 now = record->at, flags = BPF_RB_NO_WAKEUP;

	if (now - last_wake > WAKE_INTERVAL_NS) {
		last_wake = now;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(record, flags);
}

struct endpoints {
	struct in6_addr local;
	struct in6_addr remote;
	u16 local_port;
	u16 remote_port;
	u32 netns;
};

INLINE void set_ipv4(struct in6_addr *to, u32 address)
{
	u32 *words = (u32 *)to;

	words[0] = 0;
	words[1] = 0;
	words[2] = 0;
	((u16 *)to)[5] = 0xffff;
	words[3] = address;
}

INLINE int is_same_address(const struct in6_addr *one, u32 index)
{
	const u64 *halves = (const u64 *)one;

	return halves[0] == addresses[index * 2] && halves[1] == addresses[index * 2 + 1];
}

/*
 * The lists are mostly empty or of one: each is left at its end, and its length, which is volatile to the compiler, read
 * once.
 */
INLINE int is_wanted_namespace(u32 netns)
{
	u32 count = filter_namespaces;

	for (u32 i = 0; i < MAX_FILTERS && i < count; i++)
		if (namespaces[i] == netns)
			return 1;
	return !count;
}

INLINE int is_wanted_port(const struct endpoints *ends, int is_port_open)
{
	u32 count = filter_ports;

	for (u32 i = 0; i < MAX_FILTERS && i < count; i++) {
		u32 port = ports[i];

		if (port == ends->local_port || port == ends->remote_port)
			return 1;
	}
	return !count || (is_port_open && !ends->local_port);
}

INLINE int is_wanted_address(const struct endpoints *ends)
{
	u32 count = filter_addresses;

	for (u32 i = 0; i < MAX_FILTERS && i < count; i++)
		if (is_same_address(&ends->local, i) || is_same_address(&ends->remote, i))
			return 1;
	return !count;
}

/* Whether the filters let it pass. `is_port_open`: the local port is not chosen yet, so it may match any. */
INLINE int is_wanted(const struct endpoints *ends, int is_port_open)
{
	return !(mode & MODE_SILENT) && is_wanted_port(ends, is_port_open) && is_wanted_namespace(ends->netns) &&
	       is_wanted_address(ends);
}

/* Addresses and namespace of a socket that the verifier knows: full, request or time-wait. Fails on other families. */
INLINE int read_common(struct endpoints *ends, const struct sock_common *common)
{
	u16 family = common->skc_family;

	if (family == AF_INET) {
		set_ipv4(&ends->local, common->skc_rcv_saddr);
		set_ipv4(&ends->remote, common->skc_daddr);
	} else if (family == AF_INET6) {
		bpf_probe_read_kernel(&ends->local, 16, &common->skc_v6_rcv_saddr);
		bpf_probe_read_kernel(&ends->remote, 16, &common->skc_v6_daddr);
	} else {
		return 0;
	}
	ends->local_port = common->skc_num;
	ends->remote_port = swap16(common->skc_dport);
	ends->netns = common->skc_net.net->ns.inum;
	return 1;
}

/* The same of a full socket: the port survives in inet_sport when closing has already cleared skc_num. */
INLINE int read_socket(struct endpoints *ends, const struct sock *sk, const struct tcp_sock *tp)
{
	if (!tp || !read_common(ends, &sk->__sk_common))
		return 0;
	if (!ends->local_port)
		ends->local_port = swap16(tp->inet_conn.icsk_inet.inet_sport);
	return 1;
}

/* Namespace of a socket that the verifier does not know. */
INLINE u32 probe_netns(const struct sock_common *common)
{
	struct net *net = 0;
	u32 inum = 0;

	READ(net, common, skc_net.net);
	if (net)
		READ(inum, net, ns.inum);
	return inum;
}

/* read_common through a pointer that the verifier does not know. */
INLINE int probe_common(struct endpoints *ends, const struct sock_common *common)
{
	u16 family = 0, port = 0;
	u32 address = 0;

	READ(family, common, skc_family);
	if (family == AF_INET) {
		READ(address, common, skc_rcv_saddr);
		set_ipv4(&ends->local, address);
		READ(address, common, skc_daddr);
		set_ipv4(&ends->remote, address);
	} else if (family == AF_INET6) {
		READ(ends->local, common, skc_v6_rcv_saddr);
		READ(ends->remote, common, skc_v6_daddr);
	} else {
		return 0;
	}
	READ(ends->local_port, common, skc_num);
	READ(port, common, skc_dport);
	ends->remote_port = swap16(port);
	ends->netns = probe_netns(common);
	return 1;
}

/* read_socket through a pointer that the verifier does not know, of a socket in this state, full or not. */
INLINE int probe_socket(struct endpoints *ends, const struct sock *sk, u8 state)
{
	if (!probe_common(ends, &sk->__sk_common))
		return 0;
	if (!ends->local_port && state != TCP_NEW_SYN_RECV && state != TCP_TIME_WAIT) {
		u16 port = 0;

		READ(port, (const struct inet_sock *)sk, inet_sport);
		ends->local_port = swap16(port);
	}
	return 1;
}

/* The socket's cookie; the first to ask has it made, which takes a helper. */
INLINE u64 cookie_of(const struct sock_common *common)
{
	u64 cookie = common->skc_cookie.counter;

	return cookie ? cookie : bpf_get_socket_cookie(common);
}

INLINE void fill(struct record *to, u8 kind, u64 cookie, const struct endpoints *ends)
{
	to->at = bpf_ktime_get_ns();
	to->cookie = cookie;
	to->netns = ends->netns;
	to->kind = kind;
	to->from = 0;
	to->to = 0;
	to->flags = 0;
	to->local_port = ends->local_port;
	to->remote_port = ends->remote_port;
	to->reason = 0;
	to->value = 0;
	to->tgid = 0;
	to->local = ends->local;
	to->remote = ends->remote;
	to->cgroup = 0;
}

/* A new record of what happens now, to be completed and submitted; none where the ring is full. */
INLINE struct record *begin(u8 kind, u64 cookie, const struct endpoints *ends)
{
	struct record *record = reserve(sizeof(*record));

	if (record)
		fill(record, kind, cookie, ends);
	return record;
}

INLINE void fill_process(struct record *to)
{
	u64 id = bpf_get_current_pid_tgid();

	to->flags |= FLAG_PROCESS;
	to->tgid = id >> 32;
	if ((u32)id == id >> 32) {
		bpf_get_current_comm(to->comm, sizeof(to->comm));
	} else {
		/* A thread may have a name of its own; the process is called as its first one. */
		const struct task_struct *task = bpf_get_current_task(), *leader = 0;

		READ(leader, task, group_leader);
		bpf_probe_read_kernel(to->comm, sizeof(to->comm), &leader->comm);
	}
	to->cgroup = bpf_get_current_cgroup_id();
}
