/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * When TIME-WAIT and SYN-RECEIVED run out (tracepoints timer:timer_expire_entry and timer:timer_expire_exit). No
 * tracepoint of TCP tells; but both are ended by a timer of their own, known by the function it calls.
 */
#pragma once

#include "../../sys/record.bpf.h"

/* The request whose timer runs on this processor. */
struct {
	MAP_UINT(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct record);
} running_request SEC(".maps");

INLINE int on_time_wait_timer(const void *timer)
{
	const struct inet_timewait_sock *tw = timer - OFFSET_OF(struct inet_timewait_sock, tw_timer);
	struct endpoints ends;
	struct record *record;
	u64 cookie = 0;

	if (!probe_common(&ends, &tw->__tw_common) || !is_wanted(&ends, 0))
		return 0;
	READ(cookie, tw, __tw_common.skc_cookie.counter);
	record = begin(KIND_TIME_WAIT_ENDED, cookie, &ends);
	if (!record)
		return 0;
	READ(record->from, tw, tw_substate);
	submit(record);
	return 0;
}

SEC("tp_btf/timer_expire_entry")
int timer_expire_entry(u64 *args)
{
	const struct timer_list *timer = (const struct timer_list *)args[0];
	u64 function = (u64)timer->function;

	if (function == time_wait_timer)
		return on_time_wait_timer((const void *)args[0]);
	if (function == request_timer) {
		const struct request_sock *request =
			(const void *)args[0] - OFFSET_OF(struct request_sock, rsk_timer);
		u32 zero = 0;
		struct record *pending = bpf_map_lookup_elem(&running_request, &zero);
		struct endpoints ends;
		u64 cookie = 0;

		if (!pending || !probe_common(&ends, &request->__req_common) || !is_wanted(&ends, 0))
			return 0;
		READ(cookie, request, __req_common.skc_cookie.counter);
		fill(pending, KIND_REQUEST_ENDED, cookie, &ends);
	}
	return 0;
}

/* A request that nobody holds any more was given up; otherwise its SYN-ACK was sent once more. */
SEC("tp_btf/timer_expire_exit")
int timer_expire_exit(u64 *args)
{
	const struct request_sock *request;
	struct record *pending, *record;
	s32 holders = 1;
	u32 zero = 0;

	pending = bpf_map_lookup_elem(&running_request, &zero);
	if (!pending || !pending->kind)
		return 0;
	request = (const void *)args[0] - OFFSET_OF(struct request_sock, rsk_timer);
	READ(holders, request, __req_common.skc_refcnt.refs.counter);
	if (holders == 0) {
		record = reserve(sizeof(*record));
		if (record) {
			*record = *pending;
			submit(record);
		}
	}
	pending->kind = 0;
	return 0;
}
