/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * TCP packets that the kernel drops, and why (tracepoint skb:kfree_skb). Segments for a socket in TIME-WAIT end here
 * too, having been heard: they are told apart, since they are the only sign of the FIN that begins TIME-WAIT when the
 * process has closed before.
 */
#pragma once

#include "../../sys/packet.bpf.h"

INLINE int tell_drop(const struct sk_buff *skb, u32 reason, const struct sock *receiver)
{
	struct endpoints ends;
	struct segment segment;
	struct record *record;
	u64 cookie = 0;
	u8 state = 0, substate = 0;
	void *pending = 0;

	/*
	 * No drops in truth: when a socket goes, so does its queue, and in it the FIN, heard long ago (of what was not
	 * read a reset tells); and what is seen in promiscuous mode was never meant for this host.
	 */
	if (reason == queue_purge || reason == other_host || !read_packet(&ends, &segment, skb))
		return 0;
	if (receiver) {
		READ(state, receiver, __sk_common.skc_state);
		READ(cookie, receiver, __sk_common.skc_cookie.counter);
		ends.netns = probe_netns(&receiver->__sk_common);
		if (state == TCP_TIME_WAIT) {
			const struct inet_timewait_sock *tw = (const void *)receiver;

			READ(substate, tw, tw_substate);
			/* With its timer goes the socket. */
			READ(pending, tw, tw_timer.entry.pprev);
		}
	}
	if (!is_wanted(&ends, 0))
		return 0;
	record = begin(state == TCP_TIME_WAIT ? KIND_TIME_WAIT_SEGMENT : KIND_DROP, cookie, &ends);
	if (!record)
		return 0;
	record->from = state;
	record->to = substate;
	record->flags = segment.flags;
	record->reason = reason;
	record->value = state == TCP_TIME_WAIT ? !pending : segment.seq;
	submit(record);
	return 0;
}

SEC("raw_tp/kfree_skb")
int kfree_skb(u64 *args)
{
	return tell_drop((const void *)args[0], args[2], (const void *)args[3]);
}

/* Before Linux 6.11 the receiving socket was not told. */
SEC("raw_tp/kfree_skb")
int kfree_skb_plain(u64 *args)
{
	return tell_drop((const void *)args[0], args[2], 0);
}
