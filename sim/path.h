/* SPDX-License-Identifier: MIT */
/*
 * A path between two networks, both ways: a link (link.h) decides when a packet arrives, how often
 * and in what state; here it is kept until then. Knows no devices and no clock: who drives it says
 * what time it is, so the same calls give the same packets at the same instants.
 */
#ifndef SIM_PATH_H
#define SIM_PATH_H

#include "estab/config.h"
#include "sim/link.h"

/* One direction. */
struct sim_path_way {
    struct sim_link_config link;
    estab_time jitter;      /* arrivals are later by up to it, evenly spread, in their order */
    uint32_t queue_packets; /* with a rate: this many wait for the link or are on it; 0: no limit */
};

struct sim_path_config {
    struct sim_path_way way[2]; /* 0: from end 0 to end 1, 1: the other way */
    uint32_t largest;           /* packet that may come, octets */
    uint64_t memory;            /* octets that may be kept */
    uint64_t seed;              /* each direction has dice of its own from it */
};

/* packets + duplicated = delivered + lost + queue_full + no_memory + those on the way. */
struct sim_path_counts {
    uint64_t packets, bytes;              /* that came */
    uint64_t delivered, delivered_bytes;  /* that went */
    uint64_t queue_full, lost, no_memory; /* that are gone */
    uint64_t duplicated, corrupted, reordered;
    uint64_t late;        /* delivered more than SIM_PATH_LATE after they were due */
    estab_time late_sum;  /* how much later than due all were */
    estab_time late_most; /* and the worst of them */
};
#define SIM_PATH_LATE ESTAB_US(200)

struct sim_path;

/* NULL: out of memory, or `largest` is 0. */
struct sim_path *sim_path_new(const struct estab_alloc *alloc, const struct sim_path_config *cfg);
void sim_path_free(struct sim_path *p);

/* A packet comes at `now`; it is copied. */
void sim_path_send(struct sim_path *p, unsigned direction, const uint8_t *packet, uint32_t len,
                   estab_time now);
/* When the next packet is to be delivered, in either direction; ESTAB_NEVER: none is on the way. */
estab_time sim_path_due(const struct sim_path *p);
/* Takes the packet that is due first, if it is by `now`: it stays whole until the next call. */
bool sim_path_next(struct sim_path *p, estab_time now, unsigned *direction, uint8_t **packet,
                   uint32_t *len);
void sim_path_counts(const struct sim_path *p, unsigned direction, struct sim_path_counts *counts);
/* Packets on the way in that direction. */
uint32_t sim_path_on_the_way(const struct sim_path *p, unsigned direction);

#endif
