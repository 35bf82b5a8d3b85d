/* SPDX-License-Identifier: MIT */
/*
 * Ring memory in powers of two; see pool.h. A slab of 64 KiB is 64 units of 1 KiB and one word of
 * 64 bits says which are free; a chunk is 1 to 32 units at a multiple of its size, so all sizes
 * share the slabs. The first unit holds the slab's head and is found by cutting the low bits off
 * a chunk's address. Called from tcp/buffers.c when a ring grows or drains.
 */
#include "base/assert.h"
#include "base/bits.h"
#include "base/pool.h"

#define SLAB_LOG2 16
#define UNIT_BYTES (1u << CHUNK_MIN_LOG2)
#define ALL_FREE (~(uint64_t)1)  /* but for the head's unit */
#define NOTHING CHUNK_ORDERS     /* the order of a slab that has no unit free */
#define EMPTY (CHUNK_ORDERS - 1) /* that of one of which nothing is lent: its upper half is free */

struct chunk_slab {
    struct chunk_slab *next, *prev;
    uint64_t free;  /* a bit for each unit */
    unsigned order; /* the list it stands in: that of the largest room it has */
};

static unsigned
log2_of(uint32_t size)
{
    ESTAB_ASSERT(size >= UNIT_BYTES && (size & (size - 1)) == 0);
    return highest_bit(size);
}

/* The units at which 2^order units are free, at a multiple of their number. */
static uint64_t
places(uint64_t free, unsigned order)
{
    static const uint64_t aligned[CHUNK_ORDERS] = { UINT64_MAX,          0x5555555555555555u,
                                                    0x1111111111111111u, 0x0101010101010101u,
                                                    0x0001000100010001u, 0x0000000100000001u };
    unsigned i;

    for (i = 0; i < order; i++)
        free &= free >> (1u << i);
    return free & aligned[order];
}

static unsigned
largest(uint64_t free)
{
    unsigned order = CHUNK_ORDERS;

    while (order > 0)
        if (places(free, --order) != 0)
            return order;
    return NOTHING;
}

static uint64_t
units(unsigned order, unsigned at)
{
    return (((uint64_t)1 << (1u << order)) - 1) << at;
}

static void
link_slab(struct chunks *c, struct chunk_slab *s)
{
    s->prev = NULL;
    s->next = c->slab[s->order];
    if (s->next != NULL)
        s->next->prev = s;
    c->slab[s->order] = s;
    c->lists |= 1u << s->order;
}

static void
unlink_slab(struct chunks *c, struct chunk_slab *s)
{
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        c->slab[s->order] = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    if (c->slab[s->order] == NULL)
        c->lists &= ~(1u << s->order);
}

/* Into the list where it now belongs. */
static void
refile(struct chunks *c, struct chunk_slab *s)
{
    unlink_slab(c, s);
    s->order = largest(s->free);
    link_slab(c, s);
}

/* Units have been lent: mostly there is as large a place as before. */
static void
refile_after_get(struct chunks *c, struct chunk_slab *s)
{
    if (places(s->free, s->order) == 0)
        refile(c, s);
}

/* Units have come back: only a larger place than before is news. */
static void
refile_after_put(struct chunks *c, struct chunk_slab *s)
{
    if (s->order == NOTHING || (s->order < EMPTY && places(s->free, s->order + 1) != 0))
        refile(c, s);
}

void
estab_chunks_init(struct chunks *c, struct arena *arena)
{
    *c = (struct chunks){ .arena = arena };
}

void
estab_chunks_fini(struct chunks *c)
{
    struct chunk_slab *s;
    unsigned i;

    for (i = 0; i <= NOTHING; i++)
        while ((s = c->slab[i]) != NULL) {
            c->slab[i] = s->next;
            estab_arena_put(c->arena, s, SLAB_BYTES);
        }
    if (c->spare != NULL)
        estab_arena_put(c->arena, c->spare, SLAB_BYTES);
    *c = (struct chunks){ .arena = c->arena };
}

/* The slab whose room fits most closely, so that large places stay whole; then the spare one, then
 * a new one. */
static struct chunk_slab *
find_slab(struct chunks *c, unsigned order)
{
    uint32_t fitting = c->lists & ((1u << CHUNK_ORDERS) - (1u << order));
    struct chunk_slab *s;

    if (fitting != 0)
        return c->slab[lowest_bit(fitting)];
    s = c->spare;
    c->spare = NULL;
    if (s == NULL)
        s = estab_arena_get_slab(c->arena);
    if (s == NULL)
        return NULL;
    *s = (struct chunk_slab){ .free = ALL_FREE, .order = EMPTY };
    link_slab(c, s);
    return s;
}

void *
estab_chunks_get(struct chunks *c, uint32_t size)
{
    unsigned log2 = log2_of(size), order = log2 - CHUNK_MIN_LOG2, at;
    struct chunk_slab *s;
    void *p;

    if (log2 >= SLAB_LOG2) {
        p = estab_arena_get(c->arena, size);
        if (p != NULL)
            c->lent += size;
        return p;
    }
    s = find_slab(c, order);
    if (s == NULL)
        return NULL;
    at = lowest_bit(places(s->free, order));
    s->free &= ~units(order, at);
    refile_after_get(c, s);
    c->lent += size;
    return (uint8_t *)s + at * UNIT_BYTES;
}

void
estab_chunks_put(struct chunks *c, void *p, uint32_t size)
{
    unsigned log2 = log2_of(size), order = log2 - CHUNK_MIN_LOG2;
    struct chunk_slab *s;
    uint32_t offset;

    ESTAB_ASSERT(c->lent >= size);
    c->lent -= size;
    if (log2 >= SLAB_LOG2) {
        estab_arena_put(c->arena, p, size);
        return;
    }
    offset = (uint32_t)((uintptr_t)p & (SLAB_BYTES - 1));
    s = (struct chunk_slab *)(void *)((uint8_t *)p - offset);
    ESTAB_ASSERT(offset % size == 0 && offset != 0 &&
                 (s->free & units(order, offset / UNIT_BYTES)) == 0);
    s->free |= units(order, offset / UNIT_BYTES);
    if (s->free != ALL_FREE) {
        refile_after_put(c, s);
        return;
    }
    unlink_slab(c, s);
    if (c->spare == NULL)
        c->spare = s;
    else
        estab_arena_put(c->arena, s, SLAB_BYTES);
}
