/* SPDX-License-Identifier: MIT */
/*
 * One end of a link that carries IP packets, as the loop drives it: a TUN device, a wire in
 * memory, a replayed capture. All calls return at once.
 */
#ifndef ESTAB_DRIVERS_PACKET_LINK_H
#define ESTAB_DRIVERS_PACKET_LINK_H

#include "drivers/failure.h"
#include "estab/stack.h"
#include "estab/time.h"

#include <stddef.h>
#include <stdint.h>

struct packet_link {
    void *ctx;
    /* Fills up to `n` frames (`cap` octets of room each) with packets that have arrived and returns
     * how many; 0: none now; the frames' `flags` are set. -1: the link has gone for good, and why. */
    ptrdiff_t (*receive)(void *ctx, struct estab_frame *frames, size_t n, estab_time now,
                         struct failure *why);
    /* Sends frames in order and returns how many were taken; fewer than `n`: wait until `fd` can
     * be written. A packet the link loses counts as taken. -1: gone for good, and why. */
    ptrdiff_t (*transmit)(void *ctx, const struct estab_frame *frames, size_t n, estab_time now,
                          struct failure *why);
    /* Without `fd`: when receive() will have something; ESTAB_NEVER: not foreseeable. */
    estab_time (*deadline)(const void *ctx);
    int fd;           /* to poll, or -1 */
    uint32_t mtu;     /* largest packet to send */
    uint32_t largest; /* packet that may arrive */
};

#endif
