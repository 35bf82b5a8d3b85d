/* SPDX-License-Identifier: MIT */
/*
 * The one demultiplexing table: names of a connection (ports and addresses) -> which record. Open
 * addressing with a keyed hash, so that nobody can choose collisions; it grows a cluster at a
 * time, so that no single segment pays for the growth.
 */
#ifndef STACK_DEMUX_H
#define STACK_DEMUX_H

#include "base/assert.h"
#include "base/pool.h"
#include "base/siphash.h"

#include <stdbool.h>
#include <stdint.h>

/* Ports and addresses in network order: local port, remote port, local address, remote address.
 * Records of IPv4 connections end after eight octets of addresses. */
struct names {
    uint8_t ports[4];
    uint8_t addr[32];
};

#define NAMES_LEN(addr_len) (4u + 2u * (addr_len))

struct demux_slot {
    uint32_t hash;
    uint32_t ref; /* 0: empty */
};

struct demux_table {
    struct demux_slot *slot;
    uint32_t mask;
    uint32_t used;
};

struct demux {
    struct arena *arena;
    struct siphash_key key;
    struct demux_table now, old; /* old.slot NULL: not growing */
    uint32_t migrate;            /* next cluster of `old` to move begins here */
    uint32_t migrate_left;       /* slots of `old` not yet looked at */
    /* the names that a reference stands for */
    const uint8_t *(*names_of)(const void *ctx, uint32_t ref, unsigned addr_len);
    const void *ctx;
};

bool estab_demux_init(struct demux *d, struct arena *arena, struct siphash_key key,
                      const uint8_t *(*names_of)(const void *, uint32_t, unsigned),
                      const void *ctx);
void estab_demux_fini(struct demux *d);
uint32_t estab_demux_hash(const struct demux *d, const struct names *names, unsigned addr_len);
static inline void
demux_prefetch(const struct demux *d, uint32_t hash)
{
    PREFETCH(&d->now.slot[hash & d->now.mask]);
}
/* 0: nothing has these names. */
uint32_t estab_demux_find(const struct demux *d, const struct names *names, unsigned addr_len,
                          uint32_t hash);
/* False: no memory for a larger table. The names must not be there yet. */
bool estab_demux_insert(struct demux *d, uint32_t hash, uint32_t ref);
void estab_demux_remove(struct demux *d, uint32_t hash, uint32_t ref);
/* The same names now mean another record. */
void estab_demux_replace(struct demux *d, uint32_t hash, uint32_t ref, uint32_t new_ref);

#endif
