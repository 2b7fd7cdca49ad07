/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who begins which process: the connections of a command are those of its children and their children, too, and most of
 * these are gone by the time anybody could look.
 */
#pragma once

#include "../../sys/record.bpf.h"

SEC("tp_btf/sched_process_fork")
int sched_process_fork(u64 *args)
{
	const struct task_struct *parent = (const struct task_struct *)args[0];
	const struct task_struct *child = (const struct task_struct *)args[1];
	struct endpoints none = {};
	struct record *record;

	/* A new thread is no new process. */
	if ((mode & MODE_SILENT) || child->pid != child->tgid)
		return 0;
	record = begin(KIND_FORK, 0, &none);
	if (!record)
		return 0;
	__builtin_memset(record->comm, 0, sizeof(record->comm));
	record->tgid = parent->tgid;
	record->value = child->tgid;
	submit(record);
	return 0;
}
