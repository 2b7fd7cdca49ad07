/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The kernel's types, helpers and numbers that the probes need, and nothing more. Every structure names only the
 * members that are read; where they lie is found when the program is loaded, from the running kernel's BTF (CO-RE).
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define RELOCATED __attribute__((preserve_access_index))

/* A map as aya and libbpf read it from the section .maps. */
#define MAP_UINT(name, value) int(*name)[value]
#define MAP_TYPE(name, value) typeof(value) *name

enum {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum {
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

/* Numbers of the helpers: stable kernel interface (include/uapi/linux/bpf.h). */
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static long (*const bpf_get_current_comm)(void *to, u32 size) = (void *)16;
static void *(*const bpf_get_current_task)(void) = (void *)35;
static u64 (*const bpf_get_socket_cookie)(const void *context_or_socket) = (void *)46;
static u64 (*const bpf_get_current_cgroup_id)(void) = (void *)80;
static long (*const bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static void *(*const bpf_ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132;
static struct tcp_sock *(*const bpf_skc_to_tcp_sock)(const void *socket) = (void *)137;

/* Reads a member through a pointer that the verifier does not know. `type` is given so that the member is relocated. */
#define READ(to, pointer, member) \
	bpf_probe_read_kernel(&(to), sizeof(to), \
			      (const void *)__builtin_preserve_access_index(&(pointer)->member))

/* Whether the running kernel's structure has such a member. */
#define HAS(type, member) __builtin_preserve_field_info(((type *)0)->member, 2)

/* Byte offset of a member in the running kernel's structure. */
#define OFFSET_OF(type, member) __builtin_preserve_field_info(((type *)0)->member, 0)

enum {
	AF_INET = 2,
	AF_INET6 = 10,
	IPPROTO_TCP = 6,
};

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_FIN_WAIT2 = 5,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_LISTEN = 10,
	TCP_CLOSING = 11,
	TCP_NEW_SYN_RECV = 12,
};

/* Bits of sock_common.skc_flags (enum sock_flags: both older than BTF, never renumbered). */
enum {
	SOCK_DEAD = 1 << 0, /* no process has it any more */
	SOCK_DONE = 1 << 1, /* a FIN was received */
};

struct task_struct {
	s32 pid;
	s32 tgid;
	struct task_struct *group_leader;
	char comm[16];
} RELOCATED;

struct ns_common {
	u32 inum;
} RELOCATED;

struct net;

typedef struct {
	struct net *net;
} RELOCATED possible_net_t;

struct in6_addr {
	u8 bytes[16];
} __attribute__((aligned(8)));

typedef struct {
	s32 counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	atomic_t refs;
} refcount_t;

struct inet_timewait_death_row {
	refcount_t tw_refcount;
	s32 sysctl_max_tw_buckets;
} RELOCATED;

/* Older kernels keep these elsewhere: ask HAS first. */
struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row;
} RELOCATED;

struct net {
	struct ns_common ns;
	struct netns_ipv4 ipv4;
} RELOCATED;

struct sock_common {
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	u8 skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	unsigned long skc_flags;
	refcount_t skc_refcnt;
} RELOCATED;

typedef struct {
	s32 owned;
} RELOCATED socket_lock_t;

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	s32 sk_err;
	u16 sk_protocol;
} RELOCATED;

struct inet_sock {
	u16 inet_sport;
} RELOCATED;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	u8 icsk_retransmits;
} RELOCATED;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u64 bytes_sent;
	u64 bytes_acked;
	u64 bytes_received;
	u64 bytes_retrans;
	u32 segs_out;
	u32 segs_in;
	u32 data_segs_out;
	u32 data_segs_in;
	u32 total_retrans;
	u32 srtt_us;
	u32 snd_cwnd;
	u32 mss_cache;
} RELOCATED;

struct hlist_node {
	void *pprev;
} RELOCATED;

struct timer_list {
	struct hlist_node entry;
	void *function;
} RELOCATED;

struct inet_timewait_sock {
	struct sock_common __tw_common;
	u8 tw_substate;
	struct timer_list tw_timer;
} RELOCATED;

struct request_sock {
	struct sock_common __req_common;
	u8 num_retrans;
	struct timer_list rsk_timer;
} RELOCATED;

struct net_device {
	possible_net_t nd_net;
} RELOCATED;

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	char cb[48];
	u16 network_header;
	u8 *head;
	u32 len;
} RELOCATED;

/* First members of struct tcp_skb_cb, which the kernel keeps in sk_buff.cb while TCP owns the packet. */
struct tcp_skb_cb {
	u32 seq;
	u32 end_seq;
} RELOCATED;

/* What a program of type sock_ops sees behind its context. */
struct bpf_sock_ops_kern {
	struct sock *sk;
} RELOCATED;

/* Stable interface: include/uapi/linux/bpf.h. Read with CONTEXT. */
struct bpf_sock_ops {
	u32 op;
	u32 reply[4];
	u32 family;
	u32 remote_ip4;
	u32 local_ip4;
	u32 remote_ip6[4];
	u32 local_ip6[4];
	u32 remote_port; /* network byte order, unlike the local one */
	u32 local_port;
	u32 is_fullsock;
};

/* A member of such a context. Spelt out, since the verifier refuses what compilers make of two reads in two branches. */
#define CONTEXT(context, member)                                                  \
	({                                                                        \
		u32 value_;                                                       \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                             \
			     : "=r"(value_)                                       \
			     : "r"(context), "i"(__builtin_offsetof(struct bpf_sock_ops, member))); \
		value_;                                                           \
	})

enum {
	BPF_SOCK_OPS_TIMEOUT_INIT = 1,
	BPF_SOCK_OPS_TCP_CONNECT_CB = 3,
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define swap16(value) __builtin_bswap16(value)
#define swap32(value) __builtin_bswap32(value)
#else
#define swap16(value) (value)
#define swap32(value) (value)
#endif
