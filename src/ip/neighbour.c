/* SPDX-License-Identifier: MIT */
/*
 * Neighbour unreachability detection, RFC 4861 §7.3, with the table that RFC 6583 asks for; see
 * neighbour.h. Called from stack/link.c, stack/arp.c and stack/nd.c.
 */
#include "ip/neighbour.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <string.h>

#define CONFIRMED_NEVER (INT64_MIN / 2)

static bool
is_resolved(const struct neighbour *n)
{
    return n->state >= NEIGH_REACHABLE;
}

/* ---- the table ---- */

static uint64_t
hash_of(const struct neighbours *t, unsigned ifindex, const uint8_t *addr, unsigned addr_len)
{
    uint8_t name[17];

    name[0] = (uint8_t)ifindex;
    memcpy(name + 1, addr, addr_len);
    return estab_siphash13(&t->key, name, 1 + addr_len);
}

bool
estab_neigh_init(struct neighbours *t, struct arena *arena, struct chunks *chunks,
                 struct neigh_limits max, struct siphash_key key)
{
    uint32_t i;

    memset(t, 0, sizeof(*t));
    t->arena = arena;
    t->chunks = chunks;
    t->max = max;
    t->key = key;
    for (t->buckets = 16; t->buckets < max.resolved + max.unresolved;)
        t->buckets *= 2;
    t->bucket = estab_arena_get(arena, t->buckets * sizeof(*t->bucket));
    if (t->bucket == NULL)
        return false;
    memset(t->bucket, 0, t->buckets * sizeof(*t->bucket));
    estab_pool_init(&t->pool, arena, sizeof(struct neighbour), max.resolved + max.unresolved);
    estab_wheel_init(&t->wheel, 0);
    list_init(&t->resolved);
    list_init(&t->unresolved);
    for (i = 0; i < NEIGH_INTERFACES; i++)
        t->times[i] = (struct neigh_times){ .reachable = ESTAB_SEC(30), .retrans = ESTAB_SEC(1) };
    return true;
}

void
estab_neigh_fini(struct neighbours *t)
{
    uint32_t i;

    if (t->bucket == NULL)
        return;
    for (i = estab_pool_next(&t->pool, 0); i != 0; i = estab_pool_next(&t->pool, i))
        estab_neigh_drop_queue(t, estab_pool_at(&t->pool, i));
    estab_pool_fini(&t->pool);
    estab_arena_put(t->arena, t->bucket, t->buckets * sizeof(*t->bucket));
    t->bucket = NULL;
}

struct neighbour *
estab_neigh_find(const struct neighbours *t, unsigned ifindex, const uint8_t *addr,
                 unsigned addr_len)
{
    uint32_t i = t->bucket[hash_of(t, ifindex, addr, addr_len) & (t->buckets - 1)];
    struct neighbour *n;

    for (; i != 0; i = n->next_in_bucket) {
        n = estab_pool_at(&t->pool, i);
        if (n->ifindex == ifindex && n->addr_len == addr_len &&
            memcmp(n->addr, addr, addr_len) == 0)
            return n;
    }
    return NULL;
}

/* ---- what waits ---- */

void
estab_neigh_drop_queue(struct neighbours *t, struct neighbour *n)
{
    t->dropped += n->waiting;
    n->waiting = 0;
    if (n->out.next != NULL)
        list_remove(&n->out);
    if (n->queue.size != 0)
        estab_chunks_put(t->chunks, n->queue.data, n->queue.size);
    t->queue_bytes -= n->queue.size;
    n->queue = (struct ring){ 0 };
}

static uint32_t
queue_size(const struct neighbour *n, uint32_t need)
{
    uint32_t size = n->queue.size != 0 ? n->queue.size : 1u << CHUNK_MIN_LOG2;

    while (size < n->queue.used + need)
        size *= 2;
    return size;
}

/* The first packet of the queue is lost; each begins with its length, without the header. */
static void
drop_first(struct neighbours *t, struct neighbour *n)
{
    struct neigh_queued q;

    estab_ring_read_at(&n->queue, 0, &q, sizeof(q));
    estab_ring_consume(&n->queue, (uint32_t)sizeof(q) + q.len);
    n->waiting--;
    t->dropped++;
}

/* The queue of the neighbour that was asked for first, but for `n`: its packets are the oldest. */
static struct neighbour *
oldest_queue(struct neighbours *t, const struct neighbour *n)
{
    struct link *l;

    for (l = t->unresolved.next; l != &t->unresolved; l = l->next) {
        struct neighbour *o = CONTAINER(l, struct neighbour, lru);

        if (o != n && o->queue.size != 0)
            return o;
    }
    return NULL;
}

bool
estab_neigh_queue_room(struct neighbours *t, struct neighbour *n, uint32_t need)
{
    uint32_t size;
    uint8_t *data;

    /* limit: NEIGH_QUEUE; the oldest go, the newest stays (RFC 1122 §2.3.2.2, RFC 4861 §7.2.2) */
    while (n->waiting > 0 &&
           (n->queue.used + need > NEIGH_QUEUE || queue_size(n, need) > t->max.queue_bytes))
        drop_first(t, n);
    if (need > NEIGH_QUEUE)
        return false;
    size = queue_size(n, need);
    if (size == n->queue.size)
        return true;
    if (size > t->max.queue_bytes)
        return false;
    /* limit: neighbour_queue_bytes */
    while (t->queue_bytes - n->queue.size + size > t->max.queue_bytes) {
        struct neighbour *o = oldest_queue(t, n);

        if (o == NULL)
            return false;
        estab_neigh_drop_queue(t, o);
    }
    data = estab_chunks_get(t->chunks, size);
    if (data == NULL)
        return false;
    t->queue_bytes += size;
    if (n->queue.size != 0) {
        uint8_t *old = n->queue.data;
        uint32_t old_size = n->queue.size;

        t->queue_bytes -= old_size;
        estab_ring_move(&n->queue, data, size, n->queue.used);
        estab_chunks_put(t->chunks, old, old_size);
    } else {
        n->queue = (struct ring){ .data = data, .size = size };
    }
    return true;
}

/* ---- entries ---- */

void
estab_neigh_forget(struct neighbours *t, struct neighbour *n)
{
    uint32_t *at = &t->bucket[hash_of(t, n->ifindex, n->addr, n->addr_len) & (t->buckets - 1)];

    ESTAB_ASSERT(list_is_empty(&n->parked));
    estab_neigh_drop_queue(t, n);
    while (*at != n->index)
        at = &((struct neighbour *)estab_pool_at(&t->pool, *at))->next_in_bucket;
    *at = n->next_in_bucket;
    estab_wheel_cancel(&t->wheel, &n->timer);
    list_remove(&n->lru);
    if (is_resolved(n))
        t->resolved_n--;
    else
        t->unresolved_n--;
    estab_pool_put(&t->pool, n->index);
}

/* limit: max_neighbours; the one used longest ago goes, never one that the user gave. */
static bool
room_resolved(struct neighbours *t)
{
    struct link *l;

    if (t->resolved_n < t->max.resolved)
        return true;
    for (l = t->resolved.next; l != &t->resolved; l = l->next) {
        struct neighbour *n = CONTAINER(l, struct neighbour, lru);

        if (n->fixed)
            continue;
        estab_neigh_forget(t, n);
        t->evicted++;
        return true;
    }
    return false;
}

/* limit: max_neighbours_unresolved; the oldest for which no connection waits goes (RFC 6583 §6.2). */
static bool
room_unresolved(struct neighbours *t)
{
    struct link *l;

    if (t->unresolved_n < t->max.unresolved)
        return true;
    for (l = t->unresolved.next; l != &t->unresolved; l = l->next) {
        struct neighbour *n = CONTAINER(l, struct neighbour, lru);

        if (!list_is_empty(&n->parked))
            continue;
        estab_neigh_forget(t, n);
        t->evicted++;
        return true;
    }
    return false;
}

static struct neighbour *
make(struct neighbours *t, unsigned ifindex, const uint8_t *addr, unsigned addr_len,
     enum neigh_state state)
{
    uint32_t index, *at = &t->bucket[hash_of(t, ifindex, addr, addr_len) & (t->buckets - 1)];
    bool resolved = state >= NEIGH_REACHABLE;
    struct neighbour *n;

    if (!(resolved ? room_resolved(t) : room_unresolved(t))) {
        t->refused++;
        return NULL;
    }
    n = estab_pool_get(&t->pool, &index);
    if (n == NULL) {
        t->refused++;
        return NULL;
    }
    n->index = index;
    n->ifindex = (uint8_t)ifindex;
    n->addr_len = (uint8_t)addr_len;
    memcpy(n->addr, addr, addr_len);
    n->state = (uint8_t)state;
    n->confirmed_at = CONFIRMED_NEVER;
    n->next_in_bucket = *at;
    *at = index;
    list_init(&n->parked);
    list_append(resolved ? &t->resolved : &t->unresolved, &n->lru);
    if (resolved)
        t->resolved_n++;
    else
        t->unresolved_n++;
    return n;
}

/* ---- states ---- */

static void
arm(struct neighbours *t, struct neighbour *n, estab_time at)
{
    estab_wheel_arm(&t->wheel, &n->timer, n->fixed ? ESTAB_NEVER : at);
}

/* RFC 4861 §6.3.2: between 0.5 and 1.5 of the base, so that hosts do not ask in step. */
static estab_time
reachable_time(const struct neighbours *t, const struct neighbour *n)
{
    estab_time base = t->times[n->ifindex].reachable;
    uint8_t name[8 + 16];

    put_le64(name, (uint64_t)n->confirmed_at);
    memcpy(name + 8, n->addr, 16);
    return base / 2 + base / 1024 * (estab_time)(estab_siphash24(&t->key, name, 24) & 1023);
}

static void
become(struct neighbours *t, struct neighbour *n, enum neigh_state state, estab_time now)
{
    bool was = is_resolved(n);

    n->state = (uint8_t)state;
    n->probes = 0;
    if (!was && is_resolved(n)) {
        t->unresolved_n--;
        t->resolved_n++;
        list_remove(&n->lru);
        list_append(&t->resolved, &n->lru);
    }
    switch (state) {
    case NEIGH_REACHABLE:
        n->confirmed_at = now;
        arm(t, n, now + reachable_time(t, n));
        break;
    case NEIGH_STALE:
        arm(t, n, ESTAB_NEVER);
        break;
    case NEIGH_DELAY:
        arm(t, n, now + NEIGH_DELAY_FIRST);
        break;
    case NEIGH_FAILED:
        arm(t, n, now + t->times[n->ifindex].retrans);
        break;
    default: /* INCOMPLETE, PROBE: ask now */
        arm(t, n, now);
    }
}

enum neigh_answer
estab_neigh_use(struct neighbours *t, unsigned ifindex, const uint8_t *addr, unsigned addr_len,
                estab_time now, struct neighbour **found)
{
    struct neighbour *n = estab_neigh_find(t, ifindex, addr, addr_len);

    *found = n;
    if (n == NULL) {
        *found = n = make(t, ifindex, addr, addr_len, NEIGH_INCOMPLETE);
        if (n == NULL)
            return NEIGH_NOBODY;
        arm(t, n, now);
        return NEIGH_WAIT;
    }
    if (n->state == NEIGH_INCOMPLETE)
        return NEIGH_WAIT;
    if (n->state == NEIGH_FAILED)
        return NEIGH_NOBODY;
    /* RFC 4861 §7.3.3: the first packet to a stale neighbour starts the delay, and goes out. */
    if (n->state == NEIGH_STALE && !n->fixed)
        become(t, n, NEIGH_DELAY, now);
    n->used = true;
    list_remove(&n->lru);
    list_append(&t->resolved, &n->lru);
    return NEIGH_SEND;
}

struct neighbour *
estab_neigh_expire(struct neighbours *t, estab_time now, enum neigh_due *due)
{
    struct wheel_timer *timer;

    while ((timer = estab_wheel_expire(&t->wheel, now)) != NULL) {
        struct neighbour *n = CONTAINER(timer, struct neighbour, timer);
        estab_time retrans = t->times[n->ifindex].retrans, until;

        switch (n->state) {
        case NEIGH_INCOMPLETE:
            /* RFC 4861 §7.2.2: three times, RetransTimer apart; then it is unreachable */
            if (n->probes < NEIGH_SOLICITS) {
                n->probes++;
                arm(t, n, now + retrans);
                *due = NEIGH_ASK_ALL;
                return n;
            }
            t->failed++;
            become(t, n, NEIGH_FAILED, now);
            *due = NEIGH_GAVE_UP;
            return n;
        case NEIGH_FAILED:
            estab_neigh_forget(t, n);
            break;
        case NEIGH_REACHABLE:
            until = n->confirmed_at + reachable_time(t, n);
            if (until > now)
                arm(t, n, until); /* an upper layer has confirmed it since */
            else
                become(t, n, NEIGH_STALE, now);
            break;
        case NEIGH_DELAY:
            n->state = NEIGH_PROBE;
            n->probes = 0;
            /* fallthrough */
        case NEIGH_PROBE:
            if (n->probes < NEIGH_SOLICITS) {
                n->probes++;
                arm(t, n, now + retrans);
                *due = NEIGH_ASK_ONE;
                return n;
            }
            t->failed++;
            *due = NEIGH_LOST;
            return n;
        default:
            break;
        }
    }
    return NULL;
}

void
estab_neigh_confirm(struct neighbours *t, struct neighbour *n, estab_time now)
{
    if (n->state == NEIGH_REACHABLE)
        n->confirmed_at = now; /* the timer looks at it when it fires */
    else if (is_resolved(n) && !n->fixed)
        become(t, n, NEIGH_REACHABLE, now);
}

/* ---- what is heard ---- */

static bool
resolve(struct neighbours *t, struct neighbour *n, const uint8_t *mac, enum neigh_state state,
        estab_time now)
{
    if (!room_resolved(t))
        return false;
    memcpy(n->mac, mac, 6);
    become(t, n, state, now);
    return true;
}

bool
estab_neigh_advert(struct neighbours *t, struct neighbour *n, const uint8_t *mac, bool solicited,
                   bool override, bool router, estab_time now, bool *taken)
{
    bool same = mac == NULL || memcmp(n->mac, mac, 6) == 0;

    *taken = true;
    if (n->fixed)
        return *taken = false;
    if (!is_resolved(n)) {
        if (mac == NULL)
            return *taken = false;
        n->router = router;
        return *taken = resolve(t, n, mac, solicited ? NEIGH_REACHABLE : NEIGH_STALE, now);
    }
    /* RFC 4861 §7.2.5: without override another address only casts doubt on the one we have */
    if (!override && !same) {
        if (n->state == NEIGH_REACHABLE)
            become(t, n, NEIGH_STALE, now);
        return *taken = false;
    }
    if (!same)
        memcpy(n->mac, mac, 6);
    if (solicited)
        become(t, n, NEIGH_REACHABLE, now);
    else if (!same)
        become(t, n, NEIGH_STALE, now);
    n->router = router;
    return false;
}

bool
estab_neigh_learn(struct neighbours *t, unsigned ifindex, const uint8_t *addr, const uint8_t *mac,
                  estab_time now, struct neighbour **found)
{
    struct neighbour *n = estab_neigh_find(t, ifindex, addr, 16);

    if (n == NULL) {
        /* what nobody has asked for takes no place from what is used */
        if (t->resolved_n < t->max.resolved ||
            !CONTAINER(t->resolved.next, struct neighbour, lru)->used)
            n = make(t, ifindex, addr, 16, NEIGH_STALE);
        if (n != NULL) {
            memcpy(n->mac, mac, 6);
            /* nobody here has used it: it is the first to go, before all that were used */
            list_remove(&n->lru);
            list_append(t->resolved.next, &n->lru);
        }
        *found = n;
        return false;
    }
    *found = n;
    if (n->fixed)
        return false;
    if (!is_resolved(n))
        return resolve(t, n, mac, NEIGH_STALE, now);
    if (memcmp(n->mac, mac, 6) != 0) {
        memcpy(n->mac, mac, 6);
        become(t, n, NEIGH_STALE, now);
    }
    return false;
}

bool
estab_neigh_arp(struct neighbours *t, struct neighbour *n, const uint8_t *mac, bool reply,
                estab_time now, bool *taken)
{
    *taken = false;
    if (n->fixed)
        return false;
    if (!is_resolved(n)) {
        /* only an answer answers: a request of theirs, or an announcement, may be anybody's */
        if (!reply || n->state != NEIGH_INCOMPLETE)
            return false;
        return *taken = resolve(t, n, mac, NEIGH_REACHABLE, now);
    }
    if (memcmp(n->mac, mac, 6) == 0) {
        *taken = true;
        if (reply && n->state == NEIGH_PROBE)
            become(t, n, NEIGH_REACHABLE, now);
        return false;
    }
    /* Another hardware address than the one that answered us. RFC 826 would take it at once, and so
     * hand every conversation to whoever asks for it. Differs from RFC 826, Packet Reception, and
     * from RFC 5227 §2.4's wish that caches follow announcements at once: the one we know is asked
     * first, alone; only when it is silent do we ask everybody anew. */
    if (n->state != NEIGH_PROBE)
        become(t, n, NEIGH_PROBE, now);
    return false;
}

struct neighbour *
estab_neigh_set(struct neighbours *t, unsigned ifindex, const uint8_t *addr, unsigned addr_len,
                const uint8_t *mac, estab_time now)
{
    struct neighbour *n = estab_neigh_find(t, ifindex, addr, addr_len);

    if (n == NULL)
        n = make(t, ifindex, addr, addr_len, NEIGH_STALE);
    else if (!is_resolved(n) && !resolve(t, n, mac, NEIGH_STALE, now))
        return NULL;
    if (n == NULL)
        return NULL;
    memcpy(n->mac, mac, 6);
    n->fixed = n->used = true;
    n->state = NEIGH_REACHABLE;
    arm(t, n, ESTAB_NEVER);
    return n;
}
