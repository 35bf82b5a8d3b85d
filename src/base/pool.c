/* SPDX-License-Identifier: MIT */
/*
 * The arena and the record pools; see pool.h. An index is the slab's place in the directory and
 * the slot in the slab, side by side as bits: index -> record is a shift, a mask and two loads.
 * Called from stack/ for its records and from tcp/ for what undoing needs.
 */
#include "base/pool.h"

#include "base/assert.h"

#include <string.h>

#define DIRECTORY_FIRST 16
#define GENERATION_MAX 0x7fffffffu

/* ---- arena ---- */

void
estab_arena_init(struct arena *a, const struct estab_alloc *alloc, size_t budget)
{
    *a = (struct arena){ .alloc = *alloc, .budget = budget };
}

static void *
get_aligned(struct arena *a, size_t size, size_t align)
{
    void *p;

    if (size > a->budget - a->taken)
        return NULL;
    p = a->alloc.get(a->alloc.ctx, size, align);
    if (p == NULL)
        return NULL;
    a->taken += size;
    if (a->taken > a->peak)
        a->peak = a->taken;
    return p;
}

void *
estab_arena_get(struct arena *a, size_t size)
{
    return get_aligned(a, size, 64);
}

void *
estab_arena_get_slab(struct arena *a)
{
    return get_aligned(a, SLAB_BYTES, SLAB_BYTES);
}

void
estab_arena_put(struct arena *a, void *p, size_t size)
{
    ESTAB_ASSERT(size <= a->taken);
    a->taken -= size;
    a->alloc.put(a->alloc.ctx, p, size);
}

/* ---- pools ---- */

/* In front of each record. */
struct slot {
    uint32_t generation;
    uint32_t next; /* lent: SLOT_LENT; free: next free slot of the slab + 1 */
};

#define SLOT_LENT UINT32_MAX

void
estab_pool_init(struct pool *p, struct arena *arena, uint32_t record_size, uint32_t limit)
{
    *p = (struct pool){ .arena = arena, .limit = limit };
    ESTAB_ASSERT(record_size <= SLAB_BYTES - sizeof(struct slot));
    p->record_size = (record_size + 7) / 8 * 8;
    p->stride = p->record_size + (uint32_t)sizeof(struct slot);
    p->per_slab = SLAB_BYTES / p->stride;
    while (1u << p->shift < p->per_slab)
        p->shift++;
}

void
estab_pool_fini(struct pool *p)
{
    uint32_t i;

    for (i = 0; i < p->slabs; i++)
        if (p->slab[i].memory != NULL)
            estab_arena_put(p->arena, p->slab[i].memory, SLAB_BYTES);
    if (p->slab != NULL)
        estab_arena_put(p->arena, p->slab, p->slab_cap * sizeof(p->slab[0]));
    p->slab = NULL;
    p->slabs = p->slab_cap = p->lent = p->partial = p->hole = p->empty = 0;
}

static struct slot *
slot_at(const struct pool *p, const struct pool_slab *s, uint32_t k)
{
    return (struct slot *)(void *)(s->memory + (size_t)k * p->stride);
}

static void
link_partial(struct pool *p, uint32_t i)
{
    p->slab[i].prev = 0;
    p->slab[i].next = p->partial;
    if (p->partial != 0)
        p->slab[p->partial - 1].prev = i + 1;
    p->partial = i + 1;
}

static void
unlink_partial(struct pool *p, uint32_t i)
{
    const struct pool_slab *s = &p->slab[i];

    if (s->prev != 0)
        p->slab[s->prev - 1].next = s->next;
    else
        p->partial = s->next;
    if (s->next != 0)
        p->slab[s->next - 1].prev = s->prev;
}

static bool
grow_directory(struct pool *p)
{
    uint32_t cap = p->slab_cap == 0 ? DIRECTORY_FIRST : p->slab_cap * 2;
    struct pool_slab *d = estab_arena_get(p->arena, cap * sizeof(d[0]));

    if (d == NULL)
        return false;
    if (p->slab != NULL) {
        memcpy(d, p->slab, p->slabs * sizeof(d[0]));
        estab_arena_put(p->arena, p->slab, p->slab_cap * sizeof(d[0]));
    }
    p->slab = d;
    p->slab_cap = cap;
    return true;
}

/* A new slab, in a place of the directory whose slab was given back, or in a new one. */
static bool
add_slab(struct pool *p)
{
    uint32_t i = p->hole != 0 ? p->hole - 1 : p->slabs;
    uint8_t *memory;

    if (i >= (1u << POOL_INDEX_BITS >> p->shift) - 1)
        return false;
    if (i == p->slab_cap && !grow_directory(p))
        return false;
    memory = estab_arena_get(p->arena, SLAB_BYTES);
    if (memory == NULL)
        return false;
    if (i == p->slabs)
        p->slabs++;
    else
        p->hole = p->slab[i].next;
    p->slab[i] = (struct pool_slab){ .memory = memory };
    p->empty++;
    link_partial(p, i);
    return true;
}

static void
drop_slab(struct pool *p, uint32_t i)
{
    unlink_partial(p, i);
    estab_arena_put(p->arena, p->slab[i].memory, SLAB_BYTES);
    p->slab[i] = (struct pool_slab){ .next = p->hole };
    p->hole = i + 1;
    p->empty--;
}

static bool
is_full(const struct pool *p, const struct pool_slab *s)
{
    return s->free == 0 && s->fresh == p->per_slab;
}

void *
estab_pool_get(struct pool *p, uint32_t *index)
{
    struct pool_slab *s;
    struct slot *slot;
    uint32_t i, k;

    if (p->lent >= p->limit || (p->partial == 0 && !add_slab(p)))
        return NULL;
    i = p->partial - 1;
    s = &p->slab[i];
    if (s->free != 0) {
        k = s->free - 1;
        slot = slot_at(p, s, k);
        s->free = slot->next;
    } else {
        k = s->fresh++;
        slot = slot_at(p, s, k);
    }
    if (is_full(p, s))
        unlink_partial(p, i);
    if (s->lent++ == 0)
        p->empty--;
    p->lent++;
    p->generation = p->generation < GENERATION_MAX ? p->generation + 1 : 1;
    slot->generation = p->generation;
    slot->next = SLOT_LENT;
    *index = (i << p->shift | k) + 1;
    return memset(slot + 1, 0, p->record_size);
}

/* The slot lent under `index`; NULL: none. */
static struct slot *
find(const struct pool *p, uint32_t index)
{
    uint32_t i = (index - 1) >> p->shift, k = (index - 1) & ((1u << p->shift) - 1);
    struct slot *slot;

    /* a place without a slab has no slot that was ever lent; index 0 is beyond every place */
    if (i >= p->slabs || k >= p->slab[i].fresh)
        return NULL;
    slot = slot_at(p, &p->slab[i], k);
    return slot->next == SLOT_LENT ? slot : NULL;
}

void
estab_pool_put(struct pool *p, uint32_t index)
{
    uint32_t i = (index - 1) >> p->shift, k = (index - 1) & ((1u << p->shift) - 1);
    struct slot *slot = find(p, index);
    struct pool_slab *s;

    ESTAB_ASSERT(slot != NULL);
    s = &p->slab[i];
    if (is_full(p, s))
        link_partial(p, i);
    slot->next = s->free;
    s->free = k + 1;
    s->lent--;
    p->lent--;
    if (s->lent == 0 && ++p->empty > 1)
        drop_slab(p, i);
}

void *
estab_pool_at(const struct pool *p, uint32_t index)
{
    struct slot *slot = find(p, index);

    return slot != NULL ? slot + 1 : NULL;
}

uint32_t
estab_pool_generation(const struct pool *p, uint32_t index)
{
    const struct slot *slot = find(p, index);

    ESTAB_ASSERT(slot != NULL);
    return slot->generation;
}

uint32_t
estab_pool_next(const struct pool *p, uint32_t index)
{
    uint32_t i = index >> p->shift, k = index & ((1u << p->shift) - 1);

    for (; i < p->slabs; i++, k = 0) {
        const struct pool_slab *s = &p->slab[i];

        if (s->lent == 0)
            continue;
        for (; k < s->fresh; k++)
            if (slot_at(p, s, k)->next == SLOT_LENT)
                return (i << p->shift | k) + 1;
    }
    return 0;
}
