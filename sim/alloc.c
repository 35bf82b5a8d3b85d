/* SPDX-License-Identifier: MIT */
/* See alloc.h. Blocks are slabs, so there are few, and a list that is searched will do. */
#include "sim/alloc.h"

#include <stdalign.h>
#include <string.h>

bool
sim_grow(const struct estab_alloc *from, void **items, size_t *cap, size_t need, size_t size)
{
    size_t more = *cap != 0 ? *cap : 16;
    void *bigger;

    if (need <= *cap)
        return true;
    while (more < need)
        more *= 2;
    bigger = from->get(from->ctx, more * size, alignof(max_align_t));
    if (bigger == NULL)
        return false;
    memset(bigger, 0, more * size);
    if (*cap != 0) {
        memcpy(bigger, *items, *cap * size);
        from->put(from->ctx, *items, *cap * size);
    }
    *items = bigger;
    *cap = more;
    return true;
}

static void *
get(void *ctx, size_t size, size_t align)
{
    struct sim_alloc *a = ctx;
    uint64_t call = a->calls++;
    void *list = a->blocks;
    void *p;

    if (call == a->fail_at || (a->fail_after && call > a->fail_at)) {
        a->failed++;
        return NULL;
    }
    if (!sim_grow(&a->from, &list, &a->cap_blocks, a->n_blocks + 1, sizeof *a->blocks))
        return NULL;
    a->blocks = list;
    p = a->from.get(a->from.ctx, size, align);
    if (p == NULL)
        return NULL;
    /* What the stack has not written it may not read: make that visible. */
    memset(p, 0xa5, size);
    a->blocks[a->n_blocks++] = (struct sim_block){ p, size };
    a->bytes += size;
    if (a->bytes > a->peak)
        a->peak = a->bytes;
    return p;
}

static void
put(void *ctx, void *ptr, size_t size)
{
    struct sim_alloc *a = ctx;

    for (size_t i = 0; i < a->n_blocks; i++) {
        if (a->blocks[i].ptr != ptr)
            continue;
        if (a->blocks[i].size != size)
            a->broken = true;
        size = a->blocks[i].size;
        memset(ptr, 0x5a, size);
        a->bytes -= size;
        a->blocks[i] = a->blocks[--a->n_blocks];
        a->from.put(a->from.ctx, ptr, size);
        return;
    }
    a->broken = true;
}

void
sim_alloc_init(struct sim_alloc *a, const struct estab_alloc *from)
{
    *a = (struct sim_alloc){ .from = *from, .fail_at = SIM_NO_FAILURE };
}

void
sim_alloc_fini(struct sim_alloc *a)
{
    if (a->cap_blocks != 0)
        a->from.put(a->from.ctx, a->blocks, a->cap_blocks * sizeof *a->blocks);
    a->blocks = NULL;
    a->cap_blocks = 0;
    a->n_blocks = 0;
}

struct estab_alloc
sim_alloc_interface(struct sim_alloc *a)
{
    return (struct estab_alloc){ .get = get, .put = put, .ctx = a };
}
