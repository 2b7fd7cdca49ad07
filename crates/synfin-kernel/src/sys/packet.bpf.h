/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The TCP segment in a packet buffer of the kernel.
 */
#pragma once

#include "record.bpf.h"

struct segment {
	u32 seq;
	u16 window;
	u8 flags;
};

/* Source as local, destination as remote. Fails on what is not TCP, or not there. */
INLINE int read_packet(struct endpoints *ends, struct segment *segment, const struct sk_buff *skb)
{
	struct net_device *device = 0;
	struct net *net = 0;
	u8 header[20], *head = 0, *tcp;
	u16 network = 0;

	READ(head, skb, head);
	READ(network, skb, network_header);
	if (!head || !network || network == 0xffff)
		return 0;
	if (bpf_probe_read_kernel(header, 20, head + network))
		return 0;
	if (header[0] >> 4 == 4) {
		/* Only a first fragment has a TCP header. */
		if (header[9] != IPPROTO_TCP || (header[6] & 0x1f) || header[7])
			return 0;
		set_ipv4(&ends->local, *(u32 *)(header + 12));
		set_ipv4(&ends->remote, *(u32 *)(header + 16));
		tcp = head + network + (header[0] & 15) * 4;
	} else if (header[0] >> 4 == 6) {
		if (header[6] != IPPROTO_TCP)
			return 0;
		bpf_probe_read_kernel(&ends->local, 16, head + network + 8);
		bpf_probe_read_kernel(&ends->remote, 16, head + network + 24);
		tcp = head + network + 40;
	} else {
		return 0;
	}
	if (bpf_probe_read_kernel(header, 16, tcp))
		return 0;
	ends->local_port = header[0] << 8 | header[1];
	ends->remote_port = header[2] << 8 | header[3];
	segment->seq = (u32)header[4] << 24 | header[5] << 16 | header[6] << 8 | header[7];
	segment->flags = header[13];
	segment->window = header[14] << 8 | header[15];
	ends->netns = 0;
	READ(device, skb, dev);
	if (device) {
		READ(net, device, nd_net.net);
		READ(ends->netns, net, ns.inum);
	}
	return 1;
}
