/* SPDX-License-Identifier: MIT */
/*
 * Somebody who sees packets and means harm, but cannot stop them: he sends old ones again, blind
 * segments with numbers that are far off, and ICMP errors about segments that were never sent
 * (RFC 5927 §4.1). None of it may do more than cost an answer.
 */
#ifndef SIM_ATTACKER_H
#define SIM_ATTACKER_H

#include "estab/stack.h"
#include "sim/prng.h"

#include <stdbool.h>

struct sim_world;

enum { SIM_ATTACKER_KEEPS = 16, SIM_ATTACKER_ROOM = 2048 };

struct sim_attacker {
    struct sim_prng dice;
    uint32_t ppm;     /* how often he acts on a packet that he sees */
    estab_time until; /* and no longer */
    bool replays, forges, lies;
    uint64_t replayed, forged, lied; /* so far */
    struct {
        uint32_t host, ifindex, len; /* where it was going */
        estab_time at;
        uint8_t data[SIM_ATTACKER_ROOM];
    } kept[SIM_ATTACKER_KEEPS];
};

/* A packet is on its way from (from_host, from_ifindex) to (host, ifindex). */
void sim_attacker_sees(struct sim_attacker *a, struct sim_world *w, uint32_t from_host,
                       uint32_t from_ifindex, uint32_t host, uint32_t ifindex,
                       const struct estab_frame *packet);

#endif
