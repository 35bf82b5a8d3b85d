/* SPDX-License-Identifier: MIT */
/* See path.h. */
#include "sim/path.h"

#include <string.h>

enum { SLAB_BLOCKS = 64, BLOCK_ALIGN = 64 };

/* A packet that is kept, or room for one. */
struct block {
    struct block *next; /* of those without a packet */
    uint32_t len;
    uint8_t packet[];
};

struct slab {
    struct slab *next;
};

/* An entry of the heap: what arrives first is on top, and of two at one instant the older. */
struct arrival {
    estab_time at;
    uint64_t number; /* twice the count of packets kept, + direction */
    struct block *block;
};

struct way {
    struct sim_link link;
    struct sim_prng dice; /* for the jitter */
    estab_time jitter;
    estab_time last_at;  /* arrivals that nothing went wrong with keep their order */
    estab_time *departs; /* ring: when each packet in the queue will have left it */
    uint32_t queue_packets, n_departs, first_departs;
    uint32_t on_the_way;
    struct sim_path_counts counts;
};

struct sim_path {
    struct estab_alloc alloc;
    struct way way[2];
    uint32_t largest;
    size_t block_size;
    uint64_t memory_left;
    struct slab *slabs;
    struct block *free_blocks;
    struct block *delivered; /* handed out by sim_path_next(), until it is called again */
    struct arrival *heap;
    size_t n_heap, cap_heap;
    uint64_t number;
};

/* --- memory --- */

static void *
take(struct sim_path *p, size_t size)
{
    return p->alloc.get(p->alloc.ctx, size, BLOCK_ALIGN);
}

static void
give(struct sim_path *p, void *memory, size_t size)
{
    if (memory != NULL)
        p->alloc.put(p->alloc.ctx, memory, size);
}

static size_t
slab_size(const struct sim_path *p)
{
    return BLOCK_ALIGN + SLAB_BLOCKS * p->block_size;
}

static bool
more_blocks(struct sim_path *p)
{
    struct slab *slab;
    uint8_t *at;

    if (p->memory_left < slab_size(p))
        return false;
    slab = take(p, slab_size(p));
    if (slab == NULL)
        return false;
    p->memory_left -= slab_size(p);
    slab->next = p->slabs;
    p->slabs = slab;
    at = (uint8_t *)slab + BLOCK_ALIGN;
    for (unsigned i = 0; i < SLAB_BLOCKS; i++, at += p->block_size) {
        struct block *b = (struct block *)(void *)at;

        b->next = p->free_blocks;
        p->free_blocks = b;
    }
    return true;
}

static struct block *
take_block(struct sim_path *p)
{
    struct block *b;

    if (p->free_blocks == NULL && !more_blocks(p))
        return NULL;
    b = p->free_blocks;
    p->free_blocks = b->next;
    return b;
}

static void
give_block(struct sim_path *p, struct block *b)
{
    b->next = p->free_blocks;
    p->free_blocks = b;
}

/* --- what is on the way --- */

static bool
is_before(const struct arrival *a, const struct arrival *b)
{
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static bool
heap_has_room(struct sim_path *p)
{
    size_t cap = p->cap_heap == 0 ? 256 : 2 * p->cap_heap;
    struct arrival *heap;

    if (p->n_heap < p->cap_heap)
        return true;
    heap = take(p, cap * sizeof *heap);
    if (heap == NULL)
        return false;
    if (p->n_heap > 0)
        memcpy(heap, p->heap, p->n_heap * sizeof *heap);
    give(p, p->heap, p->cap_heap * sizeof *heap);
    p->heap = heap;
    p->cap_heap = cap;
    return true;
}

static void
push(struct sim_path *p, struct arrival a)
{
    size_t i = p->n_heap++;

    for (; i > 0 && is_before(&a, &p->heap[(i - 1) / 2]); i = (i - 1) / 2)
        p->heap[i] = p->heap[(i - 1) / 2];
    p->heap[i] = a;
}

static struct arrival
pop(struct sim_path *p)
{
    struct arrival top = p->heap[0], last = p->heap[--p->n_heap];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < p->n_heap && is_before(&p->heap[child + 1], &p->heap[child]))
            child++;
        if (child >= p->n_heap || !is_before(&p->heap[child], &last))
            break;
        p->heap[i] = p->heap[child];
        i = child;
    }
    p->heap[i] = last;
    return top;
}

/* --- the queue counted in packets; the one counted in time is the link's --- */

static bool
queue_is_full(struct way *w, estab_time now)
{
    while (w->n_departs > 0 && w->departs[w->first_departs] <= now) {
        w->first_departs = (w->first_departs + 1) % w->queue_packets;
        w->n_departs--;
    }
    return w->queue_packets != 0 && w->n_departs == w->queue_packets;
}

static void
enqueue(struct way *w)
{
    if (w->queue_packets == 0)
        return;
    w->departs[(w->first_departs + w->n_departs) % w->queue_packets] = w->link.busy_until[0];
    w->n_departs++;
}

/* --- a path --- */

struct sim_path *
sim_path_new(const struct estab_alloc *alloc, const struct sim_path_config *cfg)
{
    struct sim_path *p;

    if (cfg->largest == 0)
        return NULL;
    p = alloc->get(alloc->ctx, sizeof *p, BLOCK_ALIGN);
    if (p == NULL)
        return NULL;
    *p = (struct sim_path){
        .alloc = *alloc,
        .largest = cfg->largest,
        .block_size =
            (sizeof(struct block) + cfg->largest + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN,
        .memory_left = cfg->memory,
    };
    for (unsigned d = 0; d < 2; d++) {
        struct way *w = &p->way[d];

        sim_link_init(&w->link, &cfg->way[d].link, sim_mix(cfg->seed, d));
        sim_prng_seed(&w->dice, sim_mix(cfg->seed, 2 + d));
        w->jitter = cfg->way[d].jitter;
        if (cfg->way[d].link.bits_per_second == 0 || cfg->way[d].queue_packets == 0)
            continue;
        w->departs = take(p, cfg->way[d].queue_packets * sizeof *w->departs);
        if (w->departs == NULL) {
            sim_path_free(p);
            return NULL;
        }
        w->queue_packets = cfg->way[d].queue_packets;
    }
    return p;
}

void
sim_path_free(struct sim_path *p)
{
    struct estab_alloc alloc;
    struct slab *slab;

    if (p == NULL)
        return;
    while ((slab = p->slabs) != NULL) {
        p->slabs = slab->next;
        give(p, slab, slab_size(p));
    }
    for (unsigned d = 0; d < 2; d++)
        give(p, p->way[d].departs, p->way[d].queue_packets * sizeof *p->way[d].departs);
    give(p, p->heap, p->cap_heap * sizeof *p->heap);
    alloc = p->alloc;
    alloc.put(alloc.ctx, p, sizeof *p);
}

/* When the link lets a packet arrive with which nothing goes wrong, jitter and all. */
static estab_time
on_time(struct way *w, estab_time now)
{
    const struct sim_link_config *cfg = &w->link.cfg;
    estab_time at = (cfg->bits_per_second != 0 ? w->link.busy_until[0] : now) + cfg->delay;

    if (w->jitter > 0)
        at += (estab_time)sim_prng_between(&w->dice, 0, (uint64_t)w->jitter);
    if (at < w->last_at)
        at = w->last_at;
    w->last_at = at;
    return at;
}

void
sim_path_send(struct sim_path *p, unsigned direction, const uint8_t *packet, uint32_t len,
              estab_time now)
{
    struct way *w = &p->way[direction];
    uint64_t full_before = w->link.counts[0].queue_full;
    struct sim_copy copies[SIM_COPIES_MAX];
    enum sim_notice notice;
    estab_time plain, at;
    unsigned n;

    w->counts.packets++;
    w->counts.bytes += len;
    if (queue_is_full(w, now)) {
        w->counts.queue_full++;
        return;
    }
    n = sim_link_carry(&w->link, 0, packet, len, now, copies, &notice);
    if (w->link.counts[0].queue_full != full_before) {
        w->counts.queue_full++;
        return;
    }
    enqueue(w);
    w->counts.corrupted = w->link.counts[0].corrupted;
    w->counts.reordered = w->link.counts[0].reordered;
    if (n == 0) {
        w->counts.lost++;
        return;
    }
    w->counts.duplicated += n - 1;
    plain = (w->link.cfg.bits_per_second != 0 ? w->link.busy_until[0] : now) + w->link.cfg.delay;
    at = on_time(w, now);
    for (unsigned i = 0; i < n; i++) {
        struct block *b = len <= p->largest && heap_has_room(p) ? take_block(p) : NULL;

        if (b == NULL) {
            w->counts.no_memory++;
            continue;
        }
        memcpy(b->packet, packet, len);
        b->len = len;
        sim_copy_flip(&copies[i], b->packet);
        push(p, (struct arrival){ .at = at + (copies[i].at - plain),
                                  .number = p->number + direction,
                                  .block = b });
        p->number += 2;
        w->on_the_way++;
    }
}

estab_time
sim_path_due(const struct sim_path *p)
{
    return p->n_heap == 0 ? ESTAB_NEVER : p->heap[0].at;
}

bool
sim_path_next(struct sim_path *p, estab_time now, unsigned *direction, uint8_t **packet,
              uint32_t *len)
{
    struct arrival a;
    struct way *w;

    if (p->delivered != NULL)
        give_block(p, p->delivered);
    p->delivered = NULL;
    if (sim_path_due(p) > now)
        return false;
    a = pop(p);
    *direction = (unsigned)(a.number & 1);
    *packet = a.block->packet;
    *len = a.block->len;
    p->delivered = a.block;
    w = &p->way[*direction];
    w->on_the_way--;
    w->counts.delivered++;
    w->counts.delivered_bytes += a.block->len;
    w->counts.late_sum += now - a.at;
    if (now - a.at > SIM_PATH_LATE)
        w->counts.late++;
    if (now - a.at > w->counts.late_most)
        w->counts.late_most = now - a.at;
    return true;
}

void
sim_path_counts(const struct sim_path *p, unsigned direction, struct sim_path_counts *counts)
{
    *counts = p->way[direction].counts;
}

uint32_t
sim_path_on_the_way(const struct sim_path *p, unsigned direction)
{
    return p->way[direction].on_the_way;
}
