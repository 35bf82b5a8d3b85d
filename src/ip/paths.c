/* SPDX-License-Identifier: MIT */
/* What is known of paths; see paths.h. Called from stack/. */
#include "ip/paths.h"

#include <string.h>

#define WAYS 4 /* places in which a destination can stand */

void
estab_paths_init(struct ip_paths *t, struct arena *arena, uint32_t max, struct siphash_key key)
{
    *t = (struct ip_paths){ .arena = arena, .key = key, .max = max };
    t->ways = max < WAYS ? max : WAYS;
    t->sets = max < WAYS ? 1 : max / WAYS;
}

static size_t
size_of(const struct ip_paths *t)
{
    return (size_t)t->sets * t->ways * sizeof(struct ip_path);
}

void
estab_paths_fini(struct ip_paths *t)
{
    if (t->path != NULL)
        estab_arena_put(t->arena, t->path, size_of(t));
    t->path = NULL;
    t->known = 0;
}

/* The `ways` places of a destination; which others share them is a secret. */
static struct ip_path *
set_of(const struct ip_paths *t, const uint8_t *dst, unsigned addr_len)
{
    return &t->path[(uint32_t)(estab_siphash24(&t->key, dst, addr_len) % t->sets) * t->ways];
}

static void
forget(struct ip_paths *t, struct ip_path *p)
{
    p->addr_len = 0;
    t->known--;
}

static struct ip_path *
find(struct ip_paths *t, const uint8_t *dst, unsigned addr_len, estab_time now)
{
    struct ip_path *set;
    uint32_t i;

    if (t->known == 0)
        return NULL;
    set = set_of(t, dst, addr_len);
    for (i = 0; i < t->ways; i++) {
        struct ip_path *p = &set[i];

        if (p->addr_len != addr_len || memcmp(p->dst, dst, addr_len) != 0)
            continue;
        if (now < p->until)
            return p;
        forget(t, p);
        return NULL;
    }
    return NULL;
}

uint32_t
estab_paths_find(struct ip_paths *t, const uint8_t *dst, unsigned addr_len, estab_time now,
                 estab_time *until)
{
    const struct ip_path *p = find(t, dst, addr_len, now);

    if (p == NULL)
        return 0;
    if (until != NULL)
        *until = p->until;
    return p->mtu;
}

/* A place for one more; limit: max_paths, of those that could stand there the one forgotten first
 * goes. NULL: no memory, or nothing is to be remembered. */
static struct ip_path *
place_for(struct ip_paths *t, const uint8_t *dst, unsigned addr_len)
{
    struct ip_path *set, *p;
    uint32_t i;

    if (t->max == 0)
        return NULL;
    if (t->path == NULL) {
        t->path = estab_arena_get(t->arena, size_of(t));
        if (t->path == NULL)
            return NULL;
        memset(t->path, 0, size_of(t));
    }
    set = set_of(t, dst, addr_len);
    for (i = 0, p = set; i < t->ways && p->addr_len != 0; i++)
        if (set[i].addr_len == 0 || set[i].until < p->until)
            p = &set[i];
    if (p->addr_len == 0)
        t->known++;
    return p;
}

bool
estab_paths_lower(struct ip_paths *t, const uint8_t *dst, unsigned addr_len, uint32_t mtu,
                  estab_time now)
{
    struct ip_path *p = find(t, dst, addr_len, now);

    if (mtu < path_mtu_least(addr_len))
        mtu = path_mtu_least(addr_len);
    if (p != NULL && mtu >= p->mtu)
        return false;
    if (p == NULL)
        p = place_for(t, dst, addr_len);
    if (p == NULL)
        return false;
    *p = (struct ip_path){
        .addr_len = (uint8_t)addr_len,
        .mtu = (uint16_t)mtu,
        .until = now + PATH_MTU_LIFE,
    };
    memcpy(p->dst, dst, addr_len);
    return true;
}

void
estab_paths_raise(struct ip_paths *t, const uint8_t *dst, unsigned addr_len, uint32_t mtu,
                  uint32_t link, estab_time now)
{
    struct ip_path *p = find(t, dst, addr_len, now);

    if (p == NULL || mtu <= p->mtu)
        return;
    if (mtu >= link)
        forget(t, p);
    else
        p->mtu = (uint16_t)mtu;
}
