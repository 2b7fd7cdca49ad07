/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every state change of a full socket (tracepoint sock:inet_sock_set_state).
 */
#pragma once

#include "../../sys/record.bpf.h"
#include "owner.bpf.h"

INLINE void fill_counters(struct counters *to, const struct tcp_sock *tp)
{
	to->bytes_sent = tp->bytes_sent;
	to->bytes_acked = tp->bytes_acked;
	to->bytes_received = tp->bytes_received;
	to->bytes_retransmitted = tp->bytes_retrans;
	to->segments_out = tp->segs_out;
	to->segments_in = tp->segs_in;
	to->data_segments_out = tp->data_segs_out;
	to->data_segments_in = tp->data_segs_in;
	to->retransmits = tp->total_retrans;
	to->srtt_us = tp->srtt_us >> 3;
	to->cwnd = tp->snd_cwnd;
	to->mss = tp->mss_cache;
}

/*
 * Whether the kernel had no room for a time-wait socket (tcp_max_tw_buckets), so that the connection ends here. At the
 * very moment when the last room is taken it says so wrongly: the new one is counted already.
 */
INLINE int is_time_wait_full(const struct sock *sk)
{
	if (!HAS(struct netns_ipv4, tcp_death_row.tw_refcount) ||
	    !HAS(struct netns_ipv4, tcp_death_row.sysctl_max_tw_buckets))
		return 0;
	const struct net *net = sk->__sk_common.skc_net.net;

	return net->ipv4.tcp_death_row.tw_refcount.refs.counter - 1 >= net->ipv4.tcp_death_row.sysctl_max_tw_buckets;
}

/*
 * The current task is trusted only while a task holds the socket's lock: then it is this one, since a softirq that
 * finds the lock held leaves the packet in the backlog and changes nothing.
 */
INLINE void fill_state(struct record *to, const struct sock *sk, int from, int state)
{
	unsigned long flags = sk->__sk_common.skc_flags;

	to->from = from;
	to->to = state;
	if (flags & SOCK_DONE)
		to->flags |= FLAG_FIN_RECEIVED;
	if (flags & SOCK_DEAD)
		to->flags |= FLAG_ORPHAN;
	to->reason = sk->sk_err;
	if (sk->sk_lock.owned && is_new_owner(to->cookie, bpf_get_current_pid_tgid() >> 32))
		fill_process(to);
}

SEC("tp_btf/inet_sock_set_state")
int inet_sock_set_state(u64 *args)
{
	struct sock *sk = (struct sock *)args[0];
	int from = args[1], state = args[2];
	const struct tcp_sock *tp;
	struct endpoints ends;
	u64 cookie;

	/*
	 * A child is copied from its listener, addresses and all, before it gets its own; its cookie comes later still.
	 * What follows at once, SYN_RECV to ESTABLISHED, says everything.
	 */
	if (from == TCP_LISTEN && state == TCP_SYN_RECV)
		return 0;
	if (state == TCP_SYN_SENT && (mode & MODE_CONNECTING_TOLD))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || !read_socket(&ends, sk, tp) || !is_wanted(&ends, state == TCP_SYN_SENT))
		return 0;
	cookie = cookie_of(&sk->__sk_common);
	if (state == TCP_CLOSE) {
		struct closed_record *record = reserve(sizeof(*record));

		if (!record)
			return 0;
		fill(&record->head, KIND_CLOSED, cookie, &ends);
		fill_state(&record->head, sk, from, state);
		if ((from == TCP_FIN_WAIT2 || from == TCP_CLOSING) && is_time_wait_full(sk))
			record->head.flags |= FLAG_TIME_WAIT_FULL;
		fill_counters(&record->counters, tp);
		submit(&record->head);
	} else {
		struct record *record = begin(KIND_STATE, cookie, &ends);

		if (!record)
			return 0;
		fill_state(record, sk, from, state);
		/* The kernel's first round-trip sample: from its SYN-ACK to the segment that opened it. */
		if (from == TCP_SYN_RECV)
			record->value = tp->srtt_us >> 3;
		submit(record);
	}
	return 0;
}
