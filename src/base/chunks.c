/* SPDX-License-Identifier: MIT */
/*
 * Ring memory in powers of two; see pool.h. Chunks below 64 KiB are cut from slabs aligned to
 * their own size, so that the slab of a chunk is found from its address; the slab's first chunk is
 * given up for its header. Larger chunks come straight from the arena.
 */
#include "base/assert.h"
#include "base/pool.h"

#define SLAB_LOG2 16

struct chunk_slab {
    struct chunk_slab *next, *prev; /* with a free chunk; NULL: not in the list */
    uint32_t lent, fresh;
    void *free; /* list through the chunks themselves */
};

static unsigned
log2_of(uint32_t size)
{
    unsigned n = 0;

    while (1u << n < size)
        n++;
    ESTAB_ASSERT(1u << n == size);
    return n;
}

void
estab_chunks_init(struct chunks *c, struct arena *arena)
{
    *c = (struct chunks){ .arena = arena };
}

void
estab_chunks_fini(struct chunks *c)
{
    unsigned i;

    for (i = 0; i < SLAB_LOG2; i++)
        while (c->partial[i] != NULL) {
            struct chunk_slab *s = c->partial[i];

            c->partial[i] = s->next;
            estab_arena_put(c->arena, s, SLAB_BYTES);
        }
}

static void
link_slab(struct chunks *c, unsigned k, struct chunk_slab *s)
{
    s->prev = NULL;
    s->next = c->partial[k];
    if (s->next != NULL)
        s->next->prev = s;
    c->partial[k] = s;
}

static void
unlink_slab(struct chunks *c, unsigned k, struct chunk_slab *s)
{
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        c->partial[k] = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    s->next = s->prev = NULL;
}

void *
estab_chunks_get(struct chunks *c, uint32_t size)
{
    unsigned k = log2_of(size);
    uint32_t per_slab;
    struct chunk_slab *s;
    void *p;

    if (k >= SLAB_LOG2) {
        p = estab_arena_get(c->arena, size);
        if (p != NULL)
            c->lent += size;
        return p;
    }
    per_slab = SLAB_BYTES / size;
    s = c->partial[k];
    if (s == NULL) {
        s = estab_arena_get_slab(c->arena);
        if (s == NULL)
            return NULL;
        *s = (struct chunk_slab){ .fresh = 1 };
        link_slab(c, k, s);
    }
    if (s->free != NULL) {
        p = s->free;
        s->free = *(void **)p;
    } else {
        p = (uint8_t *)s + (size_t)s->fresh++ * size;
    }
    s->lent++;
    if (s->free == NULL && s->fresh == per_slab)
        unlink_slab(c, k, s);
    c->lent += size;
    return p;
}

void
estab_chunks_put(struct chunks *c, void *p, uint32_t size)
{
    unsigned k = log2_of(size);
    uint32_t per_slab;
    struct chunk_slab *s;

    ESTAB_ASSERT(c->lent >= size);
    c->lent -= size;
    if (k >= SLAB_LOG2) {
        estab_arena_put(c->arena, p, size);
        return;
    }
    per_slab = SLAB_BYTES / size;
    s = (struct chunk_slab *)(void *)((uint8_t *)p - ((uintptr_t)p & (SLAB_BYTES - 1)));
    if (s->free == NULL && s->fresh == per_slab)
        link_slab(c, k, s);
    *(void **)p = s->free;
    s->free = p;
    /* An empty slab goes back, unless it is the only one of its size. */
    if (--s->lent == 0 && (s->next != NULL || s->prev != NULL)) {
        unlink_slab(c, k, s);
        estab_arena_put(c->arena, s, SLAB_BYTES);
    }
}
