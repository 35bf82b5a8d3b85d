/* SPDX-License-Identifier: MIT */
/*
 * What UDP endpoints (udp.c) and echo endpoints (echo.c) have in common: a queue of messages, each
 * behind a header of its owner's, in a ring that grows as it must and is returned when nothing waits;
 * the wait for room in an interface's queue; the way and the source of what they send; records of
 * calls and memory. Called from both, and from output.c when there is room again.
 */
#include "stack/internal.h"

#include "base/bits.h"
#include "stack/link.h"

#include <string.h>

#define CHUNK_MIN (1u << CHUNK_MIN_LOG2)

struct estab_addr
estab_datagram_address(const uint8_t *octets, unsigned addr_len, unsigned ifindex)
{
    struct estab_addr a = { .family = addr_len == 4 ? ESTAB_INET : ESTAB_INET6 };

    memcpy(a.bytes, octets, addr_len);
    if (addr_len == 16 && estab_ip_is_link_local(octets, 16))
        a.zone = ifindex;
    return a;
}

/* ---- handles and records ---- */

struct datagram_end *
estab_datagram_end_at(const struct pool *pool, enum ref_kind kind, uint64_t handle)
{
    uint32_t ref = (uint32_t)handle;
    struct datagram_end *e;

    if (handle == 0 || ref_kind(ref) != kind)
        return NULL;
    e = estab_pool_at(pool, ref_index(ref));
    return e != NULL && e->poll.handle == handle ? e : NULL;
}

void
estab_datagram_end_begin(struct datagram_end *e, const struct pool *pool, enum ref_kind kind,
                         uint32_t index, unsigned addr_len)
{
    e->ref = make_ref(kind, index);
    e->poll.handle = (uint64_t)estab_pool_generation(pool, index) << 32 | e->ref;
    e->addr_len = (uint8_t)addr_len;
}

static void
hand_on(struct estab_stack *s, const struct datagram_end *e, struct estab_trace *t)
{
    if (ref_kind(e->ref) == REF_UDP) {
        estab_trace_udp(s, (const struct udp_endpoint *)e, t);
        return;
    }
    t->proto = e->addr_len == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6;
    t->conn = e->poll.handle;
    t->local.addr.family = e->addr_len == 4 ? ESTAB_INET : ESTAB_INET6;
    estab_trace_hand_on(s, t);
}

void
estab_datagram_trace_call(struct estab_stack *s, const struct datagram_end *e, enum estab_call call,
                          int64_t result)
{
    struct estab_trace t;

    if (LIKELY(s->cfg.trace == NULL))
        return;
    t = (struct estab_trace){ .kind = ESTAB_TRACE_CALL, .call = (uint8_t)call, .result = result };
    hand_on(s, e, &t);
}

void
estab_datagram_trace_memory(struct estab_stack *s, const struct datagram_end *e,
                            enum estab_memory what, int64_t bytes)
{
    struct estab_trace t;

    if (LIKELY(s->cfg.trace == NULL))
        return;
    t = (struct estab_trace){
        .kind = ESTAB_TRACE_MEMORY,
        .memory = (uint8_t)what,
        .bytes = bytes,
    };
    hand_on(s, e, &t);
}

/* ---- the queue ---- */

bool
estab_datagram_limits_are_good(uint32_t bytes_max, uint32_t count_max)
{
    return bytes_max >= CHUNK_MIN && bytes_max <= 1u << CHUNK_MAX_LOG2 && count_max > 0;
}

/* Room for `need` octets more in the queue. */
static enum seg_verdict
make_room(struct estab_stack *s, struct datagram_end *e, uint32_t need, uint32_t bytes_max,
          uint32_t count_max, enum seg_verdict full)
{
    struct ring *r = &e->queue;
    uint32_t most = 1u << highest_bit(bytes_max);
    uint32_t size = r->size == 0 ? CHUNK_MIN : r->size, old_size = r->size;
    uint8_t *data, *old = r->data;

    if (e->waiting >= count_max || need > most || r->used > most - need)
        return full;
    if (need <= ring_free(r))
        return SEG_CONTINUE;
    while (size < r->used + need)
        size *= 2;
    data = estab_chunks_get(&s->chunks, size);
    if (data == NULL)
        return SEG_DROP_NO_MEMORY;
    if (old == NULL) {
        *r = (struct ring){ .data = data, .size = size };
    } else {
        estab_ring_move(r, data, size, r->used);
        estab_chunks_put(&s->chunks, old, old_size);
    }
    estab_datagram_trace_memory(s, e, ESTAB_MEM_DATAGRAMS, (int64_t)size - old_size);
    return SEG_CONTINUE;
}

enum seg_verdict
estab_datagram_put(struct estab_stack *s, struct datagram_end *e, const void *head,
                   uint32_t head_len, const uint8_t *data, uint32_t len,
                   const struct datagram_limits *limits)
{
    enum seg_verdict v =
        make_room(s, e, head_len + len, limits->bytes_max, limits->count_max, limits->full);
    uint32_t at = e->queue.used;

    if (v != SEG_CONTINUE) {
        e->dropped++;
        return v;
    }
    estab_ring_write_at(&e->queue, at, head, head_len);
    estab_ring_write_at(&e->queue, at + head_len, data, len);
    estab_ring_publish(&e->queue, head_len + len);
    e->waiting++;
    e->poll.bits |= ESTAB_READABLE;
    estab_conn_ready(s, &e->poll);
    return SEG_CONTINUE;
}

static void
return_ring(struct estab_stack *s, struct datagram_end *e)
{
    uint32_t size = e->queue.size;

    if (size == 0)
        return;
    estab_chunks_put(&s->chunks, e->queue.data, size);
    e->queue = (struct ring){ 0 };
    estab_datagram_trace_memory(s, e, ESTAB_MEM_DATAGRAMS, -(int64_t)size);
}

void
estab_datagram_peek(const struct datagram_end *e, void *head, uint32_t head_len)
{
    estab_ring_read_at(&e->queue, 0, head, head_len);
}

uint32_t
estab_datagram_take(struct estab_stack *s, struct datagram_end *e, uint32_t head_len, uint32_t held,
                    void *buf, size_t len)
{
    uint32_t n = len < held ? (uint32_t)len : held;

    estab_ring_read_at(&e->queue, head_len, buf, n);
    estab_ring_consume(&e->queue, head_len + held);
    if (--e->waiting == 0) {
        return_ring(s, e);
    } else {
        e->poll.bits |= ESTAB_READABLE;
        estab_conn_ready(s, &e->poll);
    }
    return n;
}

void
estab_datagram_end_empty(struct estab_stack *s, struct datagram_end *e)
{
    return_ring(s, e);
    if (e->poll.ready.next != NULL)
        list_remove(&e->poll.ready);
    if (e->blocked.next != NULL)
        list_remove(&e->blocked);
}

void
estab_datagram_release(struct estab_stack *s, struct pool *pool)
{
    uint32_t index;

    for (index = estab_pool_next(pool, 0); index != 0; index = estab_pool_next(pool, index)) {
        struct datagram_end *e = estab_pool_at(pool, index);

        if (e->queue.size != 0)
            estab_chunks_put(&s->chunks, e->queue.data, e->queue.size);
    }
    estab_pool_fini(pool);
}

/* ---- what leaves ---- */

int
estab_way_to(const struct estab_stack *s, const uint8_t *dst, unsigned addr_len, unsigned asked)
{
    int route;

    if (estab_ip_is_ours(&s->routes, dst, addr_len))
        return 0;
    if (asked != 0)
        return asked < s->interfaces ? (int)asked : -ESTAB_ENETUNREACH;
    route = estab_ip_route(&s->routes, dst, addr_len);
    if (route < 0 && s->interfaces == 2 && estab_ip_is_broadcast(&s->routes, dst, addr_len))
        return 1;
    return route;
}

int
estab_way_source(const struct estab_stack *s, const uint8_t *dst, unsigned addr_len,
                 unsigned ifindex, const struct estab_addr *asked, uint8_t source[16])
{
    const uint8_t *from;

    memset(source, 0, 16);
    if (asked->family != ESTAB_UNSPEC && !estab_addr_is_any(asked)) {
        if (addr_len_of(asked->family) != addr_len)
            return -ESTAB_EAFNOSUPPORT;
        if (!estab_ip_is_ours(&s->routes, asked->bytes, addr_len))
            return -ESTAB_EADDRNOTAVAIL;
        from = asked->bytes;
    } else {
        from = estab_ip_source(&s->routes, dst, addr_len, ifindex);
    }
    /* RFC 1122 §3.2.1.3 (g): the loopback's addresses are never seen outside */
    if (from == NULL || (ifindex != 0 && estab_ip_is_loopback(from, addr_len)))
        return -ESTAB_EADDRNOTAVAIL;
    memcpy(source, from, addr_len);
    return 0;
}

int
estab_datagram_fits(struct estab_stack *s, struct datagram_end *e, const uint8_t *dst,
                    unsigned ifindex, uint32_t whole, bool dont_fragment)
{
    uint32_t mtu;

    if (dont_fragment) {
        mtu = paths_mtu(&s->paths, dst, e->addr_len, s->now);
        if (whole > estab_route_mtu(s, ifindex, dst, e->addr_len) || (mtu != 0 && whole > mtu))
            return -ESTAB_EMSGSIZE;
    }
    if (ring_free(&s->interface[ifindex].replies) >= whole + REPLY_RESERVE)
        return 0;
    e->blocked_on = (uint8_t)ifindex;
    if (e->blocked.next == NULL)
        list_append(&s->datagrams_blocked, &e->blocked);
    return -ESTAB_EAGAIN;
}

uint32_t
estab_datagram_head(struct estab_stack *s, uint8_t *head, const struct datagram_way *way,
                    uint32_t len)
{
    bool v4 = way->addr_len == 4;
    uint32_t ip_len = v4 ? 20 : 40;

    (void)estab_ip_write(head, v4 ? 4 : 6, way->proto, way->ttl, way->tos, way->src, way->dst, 0,
                         len);
    if (v4 && !way->dont_fragment)
        estab_ip_allow_fragments(head,
                                 (uint16_t)estab_ip_id(&s->ids, way->src, way->dst, 4, way->proto));
    return ip_len;
}

uint32_t
estab_datagram_max(unsigned addr_len, uint32_t head_len)
{
    /* an IPv4 packet is at most 65535 octets (RFC 791 §3.1), and so is what follows an IPv6 header
     * (RFC 8200 §3) */
    return 65535u - head_len - (addr_len == 4 ? 20u : 0u);
}

void
estab_datagram_room(struct estab_stack *s, unsigned ifindex)
{
    struct link *l, *next;

    if (s->interface[ifindex].replies.used > REPLY_RING / 2 - REPLY_RESERVE)
        return;
    for (l = s->datagrams_blocked.next; l != &s->datagrams_blocked; l = next) {
        struct datagram_end *e = CONTAINER(l, struct datagram_end, blocked);

        next = l->next;
        if (e->blocked_on != ifindex)
            continue;
        list_remove(l);
        e->poll.bits |= ESTAB_WRITABLE;
        estab_conn_ready(s, &e->poll);
    }
}
