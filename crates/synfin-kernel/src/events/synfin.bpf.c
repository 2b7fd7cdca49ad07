// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * All probes in one object. Each lies beside the Rust that attaches it, in probes/.
 */
#include "probes/state.bpf.h"
#include "probes/owner.bpf.h"
#include "probes/handshake.bpf.h"
#include "probes/retransmit.bpf.h"
#include "probes/reset.bpf.h"
#include "probes/drop.bpf.h"
#include "probes/timer.bpf.h"
#include "probes/fork.bpf.h"

/* Several helpers are for GPL-compatible programs only; the kernel accepts this dual licence as such. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";
