/* SPDX-License-Identifier: MIT */
/*
 * The arena and the record pools; see pool.h. A pool's directory of slabs makes index -> record
 * two loads; free records of a slab form a list of indices inside the slots themselves.
 */
#include "base/pool.h"

#include "base/assert.h"

#include <string.h>

/* ---- arena ---- */

void
estab_arena_init(struct arena *a, const struct estab_alloc *alloc, size_t budget)
{
    *a = (struct arena){ .alloc = *alloc, .budget = budget };
}

static void *
arena_get_aligned(struct arena *a, size_t size, size_t align)
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
    return arena_get_aligned(a, size, 64);
}

void *
estab_arena_get_slab(struct arena *a)
{
    return arena_get_aligned(a, SLAB_BYTES, SLAB_BYTES);
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
    uint32_t generation; /* of the record lent here, or of the next one */
    uint32_t next;       /* lent: SLOT_LENT; free: next free slot of the slab + 1 */
};

#define SLOT_LENT UINT32_MAX

struct pool_slab {
    uint32_t lent;
    uint32_t free;         /* first free slot + 1 */
    uint32_t fresh;        /* slots from here on were never lent since the slab was taken */
    uint32_t next_partial; /* slab + 1 */
    uint32_t on_partial;
    uint32_t generation; /* fresh slots begin here */
};

static uint32_t
stride(const struct pool *p)
{
    return p->record_size + (uint32_t)sizeof(struct slot);
}

static struct slot *
slot_at(const struct pool *p, const struct pool_slab *s, uint32_t i)
{
    return (struct slot *)(void *)((uint8_t *)(uintptr_t)s + sizeof(struct pool_slab) +
                                   (size_t)i * stride(p));
}

void
estab_pool_init(struct pool *p, struct arena *arena, uint32_t record_size, uint32_t limit)
{
    *p = (struct pool){ .arena = arena, .limit = limit, .generation = 1 };
    p->record_size = (record_size + 7) / 8 * 8;
    p->per_slab = (SLAB_BYTES - (uint32_t)sizeof(struct pool_slab)) / stride(p);
    ESTAB_ASSERT(p->per_slab > 0);
}

void
estab_pool_fini(struct pool *p)
{
    uint32_t i;

    for (i = 0; i < p->slabs; i++)
        if (p->slab[i] != NULL)
            estab_arena_put(p->arena, p->slab[i], SLAB_BYTES);
    if (p->slab != NULL)
        estab_arena_put(p->arena, p->slab, p->slab_cap * sizeof(p->slab[0]));
    p->slab = NULL;
    p->slabs = p->slab_cap = p->lent = p->partial = p->empty = 0;
}

static void
push_partial(struct pool *p, uint32_t i)
{
    if (p->slab[i]->on_partial)
        return;
    p->slab[i]->on_partial = 1;
    p->slab[i]->next_partial = p->partial;
    p->partial = i + 1;
}

static bool
grow_directory(struct pool *p)
{
    uint32_t cap = p->slab_cap == 0 ? 16 : p->slab_cap * 2;
    struct pool_slab **d = estab_arena_get(p->arena, cap * sizeof(d[0]));

    if (d == NULL)
        return false;
    if (p->slabs > 0)
        memcpy(d, p->slab, p->slabs * sizeof(d[0]));
    if (p->slab != NULL)
        estab_arena_put(p->arena, p->slab, p->slab_cap * sizeof(d[0]));
    p->slab = d;
    p->slab_cap = cap;
    return true;
}

/* A new slab, in a place of the directory whose slab was given back, or a new one. */
static bool
add_slab(struct pool *p)
{
    struct pool_slab *s;
    uint32_t i;

    for (i = p->hole; i < p->slabs && p->slab[i] != NULL; i++)
        ;
    p->hole = i;
    if (i == p->slab_cap && !grow_directory(p))
        return false;
    s = estab_arena_get_slab(p->arena);
    if (s == NULL)
        return false;
    *s = (struct pool_slab){ .generation = p->generation };
    p->slab[i] = s;
    if (i == p->slabs)
        p->slabs++;
    p->empty++;
    push_partial(p, i);
    return true;
}

void *
estab_pool_get(struct pool *p, uint32_t *index)
{
    struct pool_slab *s;
    struct slot *slot;
    uint32_t i, k;

    if (p->lent >= p->limit)
        return NULL;
    for (;;) {
        if (p->partial == 0 && !add_slab(p))
            return NULL;
        i = p->partial - 1;
        s = p->slab[i];
        if (s != NULL && (s->free != 0 || s->fresh < p->per_slab))
            break;
        ESTAB_ASSERT(s != NULL);
        p->partial = s->next_partial;
        s->on_partial = 0;
    }
    if (s->free != 0) {
        k = s->free - 1;
        slot = slot_at(p, s, k);
        s->free = slot->next;
    } else {
        k = s->fresh++;
        slot = slot_at(p, s, k);
        slot->generation = s->generation;
    }
    slot->next = SLOT_LENT;
    if (s->lent++ == 0)
        p->empty--;
    p->lent++;
    *index = i * p->per_slab + k + 1;
    memset(slot + 1, 0, p->record_size);
    return slot + 1;
}

static struct slot *
find(const struct pool *p, uint32_t index, struct pool_slab **slab)
{
    uint32_t i, k;

    if (index == 0)
        return NULL;
    i = (index - 1) / p->per_slab;
    k = (index - 1) % p->per_slab;
    if (i >= p->slabs || p->slab[i] == NULL || k >= p->slab[i]->fresh)
        return NULL;
    *slab = p->slab[i];
    return slot_at(p, p->slab[i], k);
}

/* Takes an empty slab out of the list and gives it back. */
static void
drop_slab(struct pool *p, uint32_t i)
{
    uint32_t *link = &p->partial;

    while (*link != i + 1)
        link = &p->slab[*link - 1]->next_partial;
    *link = p->slab[i]->next_partial;
    estab_arena_put(p->arena, p->slab[i], SLAB_BYTES);
    p->slab[i] = NULL;
    p->empty--;
    if (i < p->hole)
        p->hole = i;
    while (p->slabs > 0 && p->slab[p->slabs - 1] == NULL)
        p->slabs--;
}

void
estab_pool_put(struct pool *p, uint32_t index)
{
    struct pool_slab *s = NULL;
    struct slot *slot = find(p, index, &s);
    uint32_t i = (index - 1) / p->per_slab;

    ESTAB_ASSERT(slot != NULL && slot->next == SLOT_LENT);
    slot->generation = slot->generation == INT32_MAX ? 1 : slot->generation + 1;
    if (slot->generation > p->generation)
        p->generation = slot->generation;
    slot->next = s->free;
    s->free = (index - 1) % p->per_slab + 1;
    s->lent--;
    p->lent--;
    push_partial(p, i);
    if (s->lent == 0 && ++p->empty > 1)
        drop_slab(p, i);
}

void *
estab_pool_at(const struct pool *p, uint32_t index)
{
    struct pool_slab *s;
    struct slot *slot = find(p, index, &s);

    return slot != NULL && slot->next == SLOT_LENT ? slot + 1 : NULL;
}

uint32_t
estab_pool_generation(const struct pool *p, uint32_t index)
{
    struct pool_slab *s;
    struct slot *slot = find(p, index, &s);

    ESTAB_ASSERT(slot != NULL && slot->next == SLOT_LENT);
    return slot->generation;
}

uint32_t
estab_pool_next(const struct pool *p, uint32_t index)
{
    uint32_t end = p->slabs * p->per_slab;

    while (index < end) {
        uint32_t i = index / p->per_slab;

        if (p->slab[i] == NULL || p->slab[i]->lent == 0) {
            index = (i + 1) * p->per_slab;
            continue;
        }
        index++;
        if (estab_pool_at(p, index) != NULL)
            return index;
    }
    return 0;
}
