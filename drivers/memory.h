/* SPDX-License-Identifier: MIT */
/*
 * A wire in memory between two stacks of one process, in real time: every packet arrives, in
 * order, `delay` after it was sent; what does not fit the queue is lost, as on any link. Used where
 * there is no right to make a TUN device. Links that lose and reorder are in sim/.
 */
#ifndef ESTAB_DRIVERS_MEMORY_H
#define ESTAB_DRIVERS_MEMORY_H

#include "drivers/packet_link.h"

struct memory_wire;

/* `mtu`: of the longest packet; with Ethernet interfaces at its ends the MTU and
 * ESTAB_LINK_HEADER_MAX. Each direction holds up to `packets` packets on their way. NULL: no memory. */
struct memory_wire *estab_memory_new(uint32_t mtu, estab_time delay, size_t packets);
void estab_memory_free(struct memory_wire *wire);

/* One end of the wire, 0 or 1; lives as long as the wire. */
struct packet_link estab_memory_link(struct memory_wire *wire, unsigned end);

/* Packets lost because the queue towards `end` was full. */
uint64_t estab_memory_lost(const struct memory_wire *wire, unsigned end);

#endif
