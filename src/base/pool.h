/* SPDX-License-Identifier: MIT */
/*
 * Memory of one host under one budget. An arena counts what is taken from the allocator; pools cut
 * slabs into records that have an index and a generation; chunks lend ring memory in powers of
 * two. Empty slabs go back to the allocator. Nothing here fails in the middle: a call either gives
 * or returns NULL.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "estab/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_BYTES 65536u

struct arena {
    struct estab_alloc alloc;
    size_t budget;
    size_t taken; /* from the allocator now */
    size_t peak;
};

void estab_arena_init(struct arena *a, const struct estab_alloc *alloc, size_t budget);
/* `size` octets aligned to 64; NULL beyond the budget or when the allocator gives none. */
void *estab_arena_get(struct arena *a, size_t size);
/* SLAB_BYTES aligned to SLAB_BYTES. */
void *estab_arena_get_slab(struct arena *a);
void estab_arena_put(struct arena *a, void *p, size_t size);

/* ---- records of one size ---- */

struct pool_slab;

/* Records are named by an index from 1; the memory of a record does not move while it is lent. The
 * first four octets of a record's slot header are its generation, which grows each time the record
 * is returned, so that (index, generation) never names two records. */
struct pool {
    struct arena *arena;
    uint32_t record_size; /* as asked, rounded up to 8 */
    uint32_t per_slab;
    uint32_t limit; /* records lent at most */
    uint32_t lent;
    uint32_t slabs, slab_cap;
    struct pool_slab **slab; /* directory, grows by doubling (from the arena) */
    uint32_t partial;        /* first slab with a free record + 1; 0: none */
    uint32_t hole;           /* no place of the directory below this one is empty */
    uint32_t empty;          /* slabs without a lent record: at most one is kept */
    uint32_t generation;     /* the highest given out so far */
};

void estab_pool_init(struct pool *p, struct arena *arena, uint32_t record_size, uint32_t limit);
void estab_pool_fini(struct pool *p);
/* A zeroed record and its index; NULL at the limit or without memory. */
void *estab_pool_get(struct pool *p, uint32_t *index);
void estab_pool_put(struct pool *p, uint32_t index);
/* The record lent under `index`; NULL if none is. O(1). */
void *estab_pool_at(const struct pool *p, uint32_t index);
/* Its generation, from 1 to 2^31 - 1, then 1 again. Slabs given back to the arena and taken anew
 * must not repeat generations: the pool keeps the highest one it gave out. */
uint32_t estab_pool_generation(const struct pool *p, uint32_t index);
/* The next index lent after `index` (start with 0); 0: none. */
uint32_t estab_pool_next(const struct pool *p, uint32_t index);

/* ---- ring memory ---- */

#define CHUNK_MIN_LOG2 10 /* 1 KiB */
#define CHUNK_MAX_LOG2 30

struct chunk_slab;

struct chunks {
    struct arena *arena;
    size_t lent;                    /* octets */
    struct chunk_slab *partial[17]; /* by log2 size, 0..16: slabs with a free chunk */
};

void estab_chunks_init(struct chunks *c, struct arena *arena);
void estab_chunks_fini(struct chunks *c);
/* Memory of `size` octets, a power of two from 1 KiB; chunks below 64 KiB share slabs (found from
 * the chunk's address: slabs are aligned), larger ones come straight from the arena. */
void *estab_chunks_get(struct chunks *c, uint32_t size);
void estab_chunks_put(struct chunks *c, void *p, uint32_t size);

#endif
