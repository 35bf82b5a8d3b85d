/* SPDX-License-Identifier: MIT */
/*
 * Open addressing with linear probing; a slot keeps the whole hash, so a miss seldom touches a
 * record, and removal shifts the cluster back, so there are no tombstones. Called from stack/.
 */
#include "stack/demux.h"

#include "base/assert.h"

#include <string.h>

#define FIRST_SLOTS 256u

bool
estab_demux_init(struct demux *d, struct arena *arena, struct siphash_key key,
                 const uint8_t *(*names_of)(const void *, uint32_t, unsigned), const void *ctx)
{
    memset(d, 0, sizeof(*d));
    d->arena = arena;
    d->key = key;
    d->names_of = names_of;
    d->ctx = ctx;
    d->now.slot = estab_arena_get(arena, FIRST_SLOTS * sizeof(struct demux_slot));
    if (d->now.slot == NULL)
        return false;
    memset(d->now.slot, 0, FIRST_SLOTS * sizeof(struct demux_slot));
    d->now.mask = FIRST_SLOTS - 1;
    return true;
}

static void
table_free(struct demux *d, struct demux_table *t)
{
    if (t->slot != NULL)
        estab_arena_put(d->arena, t->slot, ((size_t)t->mask + 1) * sizeof(struct demux_slot));
    *t = (struct demux_table){ 0 };
}

void
estab_demux_fini(struct demux *d)
{
    table_free(d, &d->now);
    table_free(d, &d->old);
}

uint32_t
estab_demux_hash(const struct demux *d, const struct names *names, unsigned addr_len)
{
    return (uint32_t)estab_siphash13(&d->key, names, NAMES_LEN(addr_len));
}

static uint32_t
table_find(const struct demux *d, const struct demux_table *t, const struct names *names,
           unsigned addr_len, uint32_t hash)
{
    uint32_t i = hash & t->mask;

    for (; t->slot[i].ref != 0; i = (i + 1) & t->mask) {
        const uint8_t *have;

        if (t->slot[i].hash != hash)
            continue;
        have = d->names_of(d->ctx, t->slot[i].ref, addr_len);
        if (have != NULL && (addr_len == 4 ? memcmp(have, names, NAMES_LEN(4)) == 0
                                           : memcmp(have, names, NAMES_LEN(16)) == 0))
            return t->slot[i].ref;
    }
    return 0;
}

uint32_t
estab_demux_find(const struct demux *d, const struct names *names, unsigned addr_len, uint32_t hash)
{
    uint32_t ref = table_find(d, &d->now, names, addr_len, hash);

    if (ref == 0 && d->old.slot != NULL)
        ref = table_find(d, &d->old, names, addr_len, hash);
    return ref;
}

static void
table_put(struct demux_table *t, uint32_t hash, uint32_t ref)
{
    uint32_t i = hash & t->mask;

    while (t->slot[i].ref != 0)
        i = (i + 1) & t->mask;
    t->slot[i] = (struct demux_slot){ .hash = hash, .ref = ref };
    t->used++;
}

static void
table_remove_at(struct demux_table *t, uint32_t hole)
{
    uint32_t i = hole;

    /* Shift back every later member of the cluster whose home is not behind the hole. */
    for (;;) {
        i = (i + 1) & t->mask;
        if (t->slot[i].ref == 0)
            break;
        if (((i - t->slot[i].hash) & t->mask) >= ((i - hole) & t->mask)) {
            t->slot[hole] = t->slot[i];
            hole = i;
        }
    }
    t->slot[hole].ref = 0;
    t->used--;
}

static struct demux_slot *
table_slot_of(const struct demux_table *t, uint32_t hash, uint32_t ref)
{
    uint32_t i = hash & t->mask;

    for (; t->slot[i].ref != 0; i = (i + 1) & t->mask)
        if (t->slot[i].ref == ref && t->slot[i].hash == hash)
            return &t->slot[i];
    return NULL;
}

/* Moves one whole cluster of the old table, so that what is left of it stays searchable. */
static void
migrate_step(struct demux *d)
{
    unsigned steps = 16;

    while (d->migrate_left > 0 && steps-- > 0) {
        while (d->migrate_left > 0 && d->old.slot[d->migrate].ref == 0) {
            d->migrate = (d->migrate + 1) & d->old.mask;
            d->migrate_left--;
            if (steps == 0 || --steps == 0)
                return;
        }
        while (d->migrate_left > 0 && d->old.slot[d->migrate].ref != 0) {
            struct demux_slot *s = &d->old.slot[d->migrate];

            table_put(&d->now, s->hash, s->ref);
            s->ref = 0;
            d->old.used--;
            d->migrate = (d->migrate + 1) & d->old.mask;
            d->migrate_left--;
        }
    }
    if (d->migrate_left == 0)
        table_free(d, &d->old);
}

static bool
grow(struct demux *d)
{
    uint32_t slots = (d->now.mask + 1) * 2;
    struct demux_slot *slot;
    uint32_t i;

    if (slots == 0 || slots > 1u << 28)
        return false;
    slot = estab_arena_get(d->arena, slots * sizeof(*slot));
    if (slot == NULL)
        return false;
    memset(slot, 0, slots * sizeof(*slot));
    d->old = d->now;
    d->now = (struct demux_table){ .slot = slot, .mask = slots - 1 };
    /* Begin behind an empty slot: then no cluster is cut in two. */
    for (i = 0; d->old.slot[i].ref != 0; i++)
        ;
    d->migrate = i;
    d->migrate_left = d->old.mask + 1;
    return true;
}

bool
estab_demux_insert(struct demux *d, uint32_t hash, uint32_t ref)
{
    if (d->old.slot != NULL)
        migrate_step(d);
    /* Load at most 3/4; a full table without memory to grow refuses at 15/16. */
    if (d->old.slot == NULL && d->now.used >= (d->now.mask + 1) / 4 * 3 && !grow(d) &&
        d->now.used >= (d->now.mask + 1) / 16 * 15)
        return false;
    table_put(&d->now, hash, ref);
    return true;
}

void
estab_demux_remove(struct demux *d, uint32_t hash, uint32_t ref)
{
    struct demux_slot *s = table_slot_of(&d->now, hash, ref);

    if (s != NULL) {
        table_remove_at(&d->now, (uint32_t)(s - d->now.slot));
    } else {
        ESTAB_ASSERT(d->old.slot != NULL);
        s = table_slot_of(&d->old, hash, ref);
        ESTAB_ASSERT(s != NULL);
        table_remove_at(&d->old, (uint32_t)(s - d->old.slot));
    }
    if (d->old.slot != NULL)
        migrate_step(d);
}

void
estab_demux_replace(struct demux *d, uint32_t hash, uint32_t ref, uint32_t new_ref)
{
    struct demux_slot *s = table_slot_of(&d->now, hash, ref);

    if (s == NULL && d->old.slot != NULL)
        s = table_slot_of(&d->old, hash, ref);
    ESTAB_ASSERT(s != NULL);
    s->ref = new_ref;
}
