/* SPDX-License-Identifier: MIT */
/*
 * Memory of one host under one budget. An arena counts what is taken from the allocator; pools cut
 * slabs into records that have an index and a generation; chunks lend ring memory in powers of
 * two. Empty slabs go back to the allocator, but for one spare of each. Nothing here fails in the
 * middle: a call either gives or returns NULL and leaves everything as it was.
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

/* Indices stay below 2^29, so that a reference has room for the kind of the record. */
#define POOL_INDEX_BITS 29

/* A place of the directory: all about a slab, kept beside it, so that the slots fill the slab and
 * finding a record touches one line here and the record itself. */
struct pool_slab {
    uint8_t *memory; /* NULL: no slab in this place */
    uint32_t lent;
    uint32_t free;       /* first free slot + 1 */
    uint32_t fresh;      /* slots from here on were never lent since the slab was taken */
    uint32_t next, prev; /* place + 1: slabs with a free slot; places without a slab (next only) */
};

/*
 * Records are named by an index from 1; the memory of a record does not move while it is lent. In
 * front of it, in its slot of record_size + 8 octets, stands its generation: the number of the
 * get among all of the pool, modulo 2^31 and never 0. So (index, generation) names one record,
 * until it was the pool's 2^31st get ago. A slot of a multiple of 64 octets begins a cache line.
 */
struct pool {
    struct arena *arena;
    struct pool_slab *slab; /* directory, grows by doubling (from the arena) */
    uint32_t record_size;   /* as asked, rounded up to 8 */
    uint32_t stride;        /* octets of a slot */
    uint32_t per_slab;
    uint32_t shift; /* index - 1 = place << shift | slot */
    uint32_t limit; /* records lent at most */
    uint32_t lent;
    uint32_t slabs, slab_cap; /* places used so far, places there are */
    uint32_t partial;         /* first slab with a free slot + 1; 0: none */
    uint32_t hole;            /* first place without a slab + 1; 0: none */
    uint32_t empty;           /* slabs without a lent record: at most one is kept */
    uint32_t generation;      /* of the latest get */
};

void estab_pool_init(struct pool *p, struct arena *arena, uint32_t record_size, uint32_t limit);
/* Gives all memory back, also that of records still lent. */
void estab_pool_fini(struct pool *p);
/* A zeroed record and its index; NULL at the limit or without memory. */
void *estab_pool_get(struct pool *p, uint32_t *index);
void estab_pool_put(struct pool *p, uint32_t index);
/* The record lent under `index`; NULL if none is. O(1). */
void *estab_pool_at(const struct pool *p, uint32_t index);
/* The generation of the record lent under `index`, from 1 to 2^31 - 1. */
uint32_t estab_pool_generation(const struct pool *p, uint32_t index);
/* The next index lent after `index` (start with 0); 0: none. */
uint32_t estab_pool_next(const struct pool *p, uint32_t index);

/* ---- ring memory ---- */

#define CHUNK_MIN_LOG2 10 /* 1 KiB */
#define CHUNK_MAX_LOG2 30
#define CHUNK_ORDERS 6 /* sizes that share slabs: 1 KiB to 32 KiB */

struct chunk_slab;

struct chunks {
    struct arena *arena;
    size_t lent; /* octets */
    /* Lists, by the largest chunk that a slab has free; the last one is of full slabs. */
    struct chunk_slab *slab[CHUNK_ORDERS + 1];
    uint32_t lists;           /* a bit for each that is not empty */
    struct chunk_slab *spare; /* the one slab that is kept though empty */
};

void estab_chunks_init(struct chunks *c, struct arena *arena);
/* Gives the slabs back, also those with chunks still lent; chunks of 64 KiB and more must have come
 * back before. */
void estab_chunks_fini(struct chunks *c);
/* Memory of `size` octets, a power of two from 1 KiB; chunks below 64 KiB share slabs (found from
 * the chunk's address: slabs are aligned), larger ones come straight from the arena. O(1). */
void *estab_chunks_get(struct chunks *c, uint32_t size);
void estab_chunks_put(struct chunks *c, void *p, uint32_t size);

#endif
