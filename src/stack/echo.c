/* SPDX-License-Identifier: MIT */
/*
 * Echo endpoints: requests of the user, the replies to them and the ICMP errors about them (RFC 792,
 * RFC 1122 §3.2.2.6, RFC 4443 §4); see include/estab/echo.h for the contract. A message is matched
 * by the identifier, by the number of a request that is remembered, and by both addresses, so that
 * who cannot see the requests cannot answer them. What waits for the user is bounded by
 * receive_bytes_max and receive_count_max. Requests of others are answered in icmp_input.c, which
 * calls this.
 */
#include "stack/internal.h"

#include "base/bits.h"
#include "base/bytes.h"
#include "stack/link.h"

#include <string.h>

#define ICMP_HEADER 8u
#define CHUNK_MIN (1u << CHUNK_MIN_LOG2)
#define ECHO_REQUEST_4 8
#define ECHO_REQUEST_6 128

/* In front of the data of each message in the queue. */
struct held {
    estab_time sent_at, received_at;
    uint32_t len, data, mtu; /* `data`: what the queue has of `len` */
    int32_t error;
    uint16_t seq;
    uint8_t kind, ttl, tos, ifindex, type, code;
    bool duplicate, altered;
    uint8_t from[16], to[16], local[16];
};

static struct estab_addr
address(const uint8_t *octets, unsigned addr_len, unsigned ifindex)
{
    struct estab_addr a = { .family = addr_len == 4 ? ESTAB_INET : ESTAB_INET6 };

    memcpy(a.bytes, octets, addr_len);
    if (addr_len == 16 && estab_ip_is_link_local(octets, 16))
        a.zone = ifindex;
    return a;
}

static unsigned
addr_len_of(unsigned family)
{
    return family == ESTAB_INET ? 4 : family == ESTAB_INET6 ? 16 : 0;
}

static struct echo_endpoint *
from_handle(const struct estab_stack *s, estab_conn handle)
{
    uint32_t ref = (uint32_t)handle;
    struct echo_endpoint *e;

    if (handle == 0 || ref_kind(ref) != REF_ECHO)
        return NULL;
    e = estab_pool_at(&s->echoes, ref_index(ref));
    return e != NULL && e->poll.handle == handle ? e : NULL;
}

struct pollable *
estab_echo_pollable(const struct estab_stack *s, estab_conn handle)
{
    struct echo_endpoint *e = from_handle(s, handle);

    return e != NULL ? &e->poll : NULL;
}

/* There are max_echo of them at most, which is 256 at most. */
static struct echo_endpoint *
find(const struct estab_stack *s, unsigned addr_len, uint16_t id)
{
    uint32_t index;

    for (index = estab_pool_next(&s->echoes, 0); index != 0;
         index = estab_pool_next(&s->echoes, index)) {
        struct echo_endpoint *e = estab_pool_at(&s->echoes, index);

        if (e->addr_len == addr_len && e->id == id)
            return e;
    }
    return NULL;
}

uint64_t
estab_echo_handle_of(const struct estab_stack *s, unsigned addr_len, uint16_t id)
{
    const struct echo_endpoint *e = find(s, addr_len, id);

    return e != NULL ? e->poll.handle : 0;
}

/* ---- records ---- */

static void
hand_on(struct estab_stack *s, const struct echo_endpoint *e, struct estab_trace *t)
{
    t->proto = e->addr_len == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6;
    t->conn = e->poll.handle;
    t->local.addr.family = e->addr_len == 4 ? ESTAB_INET : ESTAB_INET6;
    estab_trace_hand_on(s, t);
}

static void
trace_call(struct estab_stack *s, const struct echo_endpoint *e, enum estab_call call,
           int64_t result)
{
    struct estab_trace t;

    if (LIKELY(s->cfg.trace == NULL))
        return;
    t = (struct estab_trace){ .kind = ESTAB_TRACE_CALL, .call = (uint8_t)call, .result = result };
    hand_on(s, e, &t);
}

static void
trace_memory(struct estab_stack *s, const struct echo_endpoint *e, enum estab_memory what,
             int64_t bytes)
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

static void
return_ring(struct estab_stack *s, struct echo_endpoint *e)
{
    uint32_t size = e->queue.size;

    if (size == 0)
        return;
    estab_chunks_put(&s->chunks, e->queue.data, size);
    e->queue = (struct ring){ 0 };
    trace_memory(s, e, ESTAB_MEM_DATAGRAMS, -(int64_t)size);
}

static void
set_blocked(struct estab_stack *s, struct echo_endpoint *e, bool blocked)
{
    s->echoes_blocked += blocked;
    s->echoes_blocked -= e->blocked;
    e->blocked = blocked;
}

static void
end(struct estab_stack *s, struct echo_endpoint *e)
{
    struct echo_endpoint gone;

    return_ring(s, e);
    set_blocked(s, e, false);
    if (e->poll.ready.next != NULL)
        list_remove(&e->poll.ready);
    gone = *e;
    estab_stack_record_put(s, &s->echoes, ref_index(e->ref));
    trace_memory(s, &gone, ESTAB_MEM_ECHO, -(int64_t)s->echoes.record_size);
}

void
estab_echo_end_all(struct estab_stack *s)
{
    uint32_t index;

    while ((index = estab_pool_next(&s->echoes, 0)) != 0)
        end(s, estab_pool_at(&s->echoes, index));
}

/* The host ends: memory only. */
void
estab_echo_release(struct estab_stack *s)
{
    uint32_t index;

    for (index = estab_pool_next(&s->echoes, 0); index != 0;
         index = estab_pool_next(&s->echoes, index)) {
        struct echo_endpoint *e = estab_pool_at(&s->echoes, index);

        if (e->queue.size != 0)
            estab_chunks_put(&s->chunks, e->queue.data, e->queue.size);
    }
    estab_pool_fini(&s->echoes);
}

/* ---- the user's calls ---- */

void
estab_echo_options_init(struct estab_echo_options *o)
{
    *o = (struct estab_echo_options){ .receive_bytes_max = 1u << 18, .receive_count_max = 64 };
}

static bool
is_good(const struct estab_stack *s, const struct estab_echo_options *o, unsigned addr_len)
{
    return o->dscp <= 63 && o->ifindex < INTERFACES_MAX && o->receive_bytes_max >= CHUNK_MIN &&
           o->receive_bytes_max <= 1u << CHUNK_MAX_LOG2 && o->receive_count_max > 0 &&
           (o->local.family == ESTAB_UNSPEC ||
            (addr_len_of(o->local.family) == addr_len &&
             estab_ip_is_ours(&s->routes, o->local.bytes, addr_len)));
}

/* As a port is chosen (RFC 6056 §3.3.2): by a key and how many were chosen before. The identifier is
 * what somebody beside the path must guess, and the number of the request. */
static uint16_t
choose_id(struct estab_stack *s, unsigned addr_len)
{
    uint8_t count[8];
    uint16_t id;

    do {
        put_le64(count, s->echo_ids_drawn++);
        id = (uint16_t)estab_siphash24(&s->key_echo_id, count, sizeof(count));
    } while (find(s, addr_len, id) != NULL);
    return id;
}

int
estab_echo_open(struct estab_stack *s, unsigned family, const struct estab_echo_options *opts,
                estab_echo *echo, estab_time now)
{
    unsigned addr_len = addr_len_of(family);
    struct estab_echo_options defaults;
    struct echo_endpoint *e;
    uint32_t index;

    *echo = 0;
    (void)estab_stack_env(s, now);
    estab_echo_options_init(&defaults);
    if (addr_len == 0)
        return -ESTAB_EAFNOSUPPORT;
    if (opts != NULL && !is_good(s, opts, addr_len))
        return -ESTAB_EINVAL;
    e = estab_stack_record_get(s, &s->echoes, &index);
    if (e == NULL)
        return s->echoes.lent >= s->cfg.max_echo ? -ESTAB_ENOBUFS : -ESTAB_ENOMEM;
    e->ref = make_ref(REF_ECHO, index);
    e->poll.handle = (uint64_t)estab_pool_generation(&s->echoes, index) << 32 | e->ref;
    /* before it has a family, so that it does not find itself */
    e->id = choose_id(s, addr_len);
    e->addr_len = (uint8_t)addr_len;
    e->opt = opts != NULL ? *opts : defaults;
    *echo = e->poll.handle;
    trace_memory(s, e, ESTAB_MEM_ECHO, s->echoes.record_size);
    trace_call(s, e, ESTAB_CALL_OPEN_ACTIVE, 0);
    return 0;
}

int
estab_echo_close(struct estab_stack *s, estab_echo echo, estab_time now)
{
    struct echo_endpoint *e = from_handle(s, echo);

    if (e == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    trace_call(s, e, ESTAB_CALL_CLOSE, 0);
    end(s, e);
    return 0;
}

int
estab_echo_set_options(struct estab_stack *s, estab_echo echo,
                       const struct estab_echo_options *opts, estab_time now)
{
    struct echo_endpoint *e = from_handle(s, echo);

    if (e == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    if (!is_good(s, opts, e->addr_len))
        return -ESTAB_EINVAL;
    e->opt = *opts;
    return 0;
}

/* Everything but the call's own checks; `r` gets what is to be remembered. */
static int
transmit(struct estab_stack *s, struct echo_endpoint *e, const struct estab_addr *to, uint16_t seq,
         const void *data, uint32_t len, struct echo_request *r)
{
    bool v4 = e->addr_len == 4, group = v4 ? to->bytes[0] >> 4 == 14 : to->bytes[0] == 0xff;
    uint32_t ip_len = v4 ? 20 : 40, whole = ip_len + ICMP_HEADER + len, mtu;
    uint8_t head[40 + ICMP_HEADER];
    uint8_t ttl = e->opt.ttl != 0 ? e->opt.ttl : group ? 1 : 64;
    int ifindex =
        estab_way_to(s, to->bytes, e->addr_len, e->opt.ifindex != 0 ? e->opt.ifindex : to->zone);
    int err;

    if (ifindex < 0)
        return ifindex;
    r->many = estab_ip_is_broadcast(&s->routes, to->bytes, e->addr_len);
    if (r->many && !group && !e->opt.broadcast)
        return -ESTAB_EINVAL;
    err = estab_way_source(s, to->bytes, e->addr_len, (unsigned)ifindex, &e->opt.local, r->src);
    if (err < 0)
        return err;
    if (e->opt.dont_fragment) {
        mtu = paths_mtu(&s->paths, to->bytes, e->addr_len, s->now);
        if (whole > estab_route_mtu(s, (unsigned)ifindex, to->bytes, e->addr_len) ||
            (mtu != 0 && whole > mtu))
            return -ESTAB_EMSGSIZE;
    }
    if (ring_free(&s->interface[ifindex].replies) < whole + REPLY_RESERVE) {
        e->blocked_on = (uint8_t)ifindex;
        set_blocked(s, e, true);
        return -ESTAB_EAGAIN;
    }
    (void)estab_ip_write(head, v4 ? 4 : 6, v4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6, ttl,
                         (uint8_t)(e->opt.dscp << 2), r->src, to->bytes, 0, ICMP_HEADER + len);
    if (v4 && !e->opt.dont_fragment)
        estab_ip_allow_fragments(
            head, (uint16_t)estab_ip_id(&s->ids, r->src, to->bytes, 4, IP_PROTO_ICMP));
    estab_icmp_write_header(head + ip_len, v4 ? 4 : 6, v4 ? ECHO_REQUEST_4 : ECHO_REQUEST_6, 0,
                            (uint32_t)e->id << 16 | seq, data, len, r->src, to->bytes);
    (void)estab_reply_parts(s, (unsigned)ifindex, head, ip_len + ICMP_HEADER, data, len,
                            WHY_ECHO_REQUEST, TCPS_CLOSED);
    r->ifindex = (uint8_t)ifindex;
    r->whole = e->opt.dont_fragment;
    return 0;
}

int
estab_echo_send(struct estab_stack *s, estab_echo echo, const struct estab_addr *to, uint16_t seq,
                const void *data, size_t len, estab_time now)
{
    struct echo_endpoint *e = from_handle(s, echo);
    struct echo_request r = { .used = true, .seq = seq, .len = (uint32_t)len };
    int err;

    if (e == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    if (addr_len_of(to->family) != e->addr_len)
        return -ESTAB_EAFNOSUPPORT;
    if (estab_ip_is_unspecified(to->bytes, e->addr_len))
        return -ESTAB_EINVAL;
    /* an IPv4 packet is at most 65535 octets (RFC 791 §3.1), and so is what follows an IPv6 header
     * (RFC 8200 §3) */
    if (len > 65535 - ICMP_HEADER - (e->addr_len == 4 ? 20u : 0u))
        return -ESTAB_EMSGSIZE;
    err = transmit(s, e, to, seq, data, (uint32_t)len, &r);
    if (err == 0) {
        memcpy(r.dst, to->bytes, e->addr_len);
        r.data = estab_siphash24(&s->key_echo_id, data, len);
        r.sent_at = s->now;
        e->sent[seq % ESTAB_ECHO_REQUESTS] = r;
        e->requests++;
    }
    trace_call(s, e, ESTAB_CALL_SEND, err == 0 ? (int64_t)len : err);
    return err;
}

ptrdiff_t
estab_echo_receive(struct estab_stack *s, estab_echo echo, struct estab_echo_message *out,
                   void *buf, size_t len, estab_time now)
{
    struct echo_endpoint *e = from_handle(s, echo);
    struct held h;
    uint32_t n;

    if (e == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    if (e->waiting == 0)
        return -ESTAB_EAGAIN;
    estab_ring_read_at(&e->queue, 0, &h, sizeof(h));
    n = len < h.data ? (uint32_t)len : h.data;
    estab_ring_read_at(&e->queue, sizeof(h), buf, n);
    estab_ring_consume(&e->queue, (uint32_t)sizeof(h) + h.data);
    *out = (struct estab_echo_message){
        .kind = h.kind,
        .ttl = h.ttl,
        .dscp = h.tos >> 2,
        .ecn = h.tos & 3,
        .seq = h.seq,
        .from = address(h.from, e->addr_len, h.ifindex),
        .to = address(h.to, e->addr_len, h.ifindex),
        .local = address(h.local, e->addr_len, h.ifindex),
        .ifindex = h.ifindex,
        .sent_at = h.sent_at,
        .received_at = h.received_at,
        .duplicate = h.duplicate,
        .altered = h.altered,
        .len = h.len,
        .error = h.error,
        .icmp_type = h.type,
        .icmp_code = h.code,
        .mtu = h.mtu,
    };
    if (--e->waiting == 0) {
        return_ring(s, e);
    } else {
        e->poll.bits |= ESTAB_READABLE;
        estab_conn_ready(s, &e->poll);
    }
    trace_call(s, e, ESTAB_CALL_RECEIVE, n);
    return (ptrdiff_t)n;
}

static void
status_of(const struct echo_endpoint *e, struct estab_echo_status *out)
{
    *out = (struct estab_echo_status){
        .echo = e->poll.handle,
        .family = e->addr_len == 4 ? ESTAB_INET : ESTAB_INET6,
        .id = e->id,
        .waiting = e->waiting,
        .ring = e->queue.size,
        .sent = e->requests,
        .replies = e->replies,
        .errors = e->errors,
        .dropped = e->dropped,
    };
}

int
estab_echo_status(const struct estab_stack *s, estab_echo echo, struct estab_echo_status *out)
{
    const struct echo_endpoint *e = from_handle(s, echo);

    if (e == NULL)
        return -ESTAB_EBADF;
    status_of(e, out);
    return 0;
}

bool
estab_echo_next(const struct estab_stack *s, uint64_t *cursor, struct estab_echo_status *out)
{
    uint32_t index = estab_pool_next(&s->echoes, (uint32_t)*cursor);

    if (index == 0)
        return false;
    *cursor = index;
    status_of(estab_pool_at(&s->echoes, index), out);
    return true;
}

/* ---- what arrives ---- */

/* Room for `need` octets more in the queue. */
static enum seg_verdict
make_room(struct estab_stack *s, struct echo_endpoint *e, uint32_t need)
{
    struct ring *r = &e->queue;
    uint32_t most = 1u << highest_bit(e->opt.receive_bytes_max);
    uint32_t size = r->size == 0 ? CHUNK_MIN : r->size, old_size = r->size;
    uint8_t *data, *old = r->data;

    if (e->waiting >= e->opt.receive_count_max || need > most || r->used > most - need)
        return SEG_DROP_ECHO_QUEUE_FULL;
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
    trace_memory(s, e, ESTAB_MEM_DATAGRAMS, (int64_t)size - old_size);
    return SEG_CONTINUE;
}

static enum seg_verdict
put_into_queue(struct estab_stack *s, struct echo_endpoint *e, struct held *h,
               const struct ip_header *ip, unsigned ifindex, struct echo_request *r,
               const uint8_t *data)
{
    enum seg_verdict v = make_room(s, e, (uint32_t)sizeof(*h) + h->data);
    uint32_t at = e->queue.used;

    if (v != SEG_CONTINUE) {
        e->dropped++;
        return v;
    }
    h->sent_at = r->sent_at;
    h->received_at = s->now;
    h->seq = r->seq;
    h->ttl = ip->ttl;
    h->tos = ip->tos;
    h->ifindex = (uint8_t)ifindex;
    h->duplicate = r->answered;
    memcpy(h->from, ip->src, e->addr_len);
    memcpy(h->to, r->dst, e->addr_len);
    memcpy(h->local, ip->dst, e->addr_len);
    estab_ring_write_at(&e->queue, at, h, sizeof(*h));
    estab_ring_write_at(&e->queue, at + (uint32_t)sizeof(*h), data, h->data);
    estab_ring_publish(&e->queue, (uint32_t)sizeof(*h) + h->data);
    e->waiting++;
    e->poll.bits |= ESTAB_READABLE;
    estab_conn_ready(s, &e->poll);
    return SEG_CONTINUE;
}

/* The request with that number, if it is remembered and left from that address. */
static struct echo_request *
request_of(struct echo_endpoint *e, uint16_t seq, const uint8_t *src)
{
    struct echo_request *r = &e->sent[seq % ESTAB_ECHO_REQUESTS];

    return r->used && r->seq == seq && memcmp(r->src, src, e->addr_len) == 0 ? r : NULL;
}

enum seg_verdict
estab_echo_input(struct estab_stack *s, const struct icmp_message *m, const struct ip_header *ip,
                 unsigned ifindex, uint64_t *handle)
{
    struct held h = { .kind = ESTAB_ECHO_REPLY };
    struct echo_endpoint *e;
    struct echo_request *r;
    const uint8_t *data;
    enum seg_verdict v;

    if (m->body_len < 4)
        return SEG_DROP_ICMP_MALFORMED;
    e = find(s, ip->addr_len, get_be16(m->body));
    if (e == NULL || (e->opt.ifindex != 0 && ifindex != e->opt.ifindex))
        return SEG_DROP_ECHO_UNASKED;
    /* RFC 1122 §3.2.2.6: a reply is for who has sent the request; it comes from where that went,
     * unless many could answer, to where that came from. */
    r = request_of(e, get_be16(m->body + 2), ip->dst);
    if (r == NULL || (!r->many && memcmp(r->dst, ip->src, e->addr_len) != 0))
        return SEG_DROP_ECHO_UNASKED;
    *handle = e->poll.handle;
    data = m->body + 4;
    h.len = h.data = m->body_len - 4;
    h.altered = h.len != r->len || estab_siphash24(&s->key_echo_id, data, h.len) != r->data;
    v = put_into_queue(s, e, &h, ip, ifindex, r, data);
    if (v != SEG_CONTINUE)
        return v;
    r->answered = true;
    e->replies++;
    return SEG_ACCEPTED_ECHO_REPLY;
}

/* As RFC 5927 §4.1 for TCP: what quotes no request that was sent is somebody's guess. */
static struct echo_request *
quoted(const struct estab_stack *s, const struct icmp_quote *q)
{
    struct echo_endpoint *e = find(s, q->addr_len, (uint16_t)(q->echo >> 16));
    struct echo_request *r = e != NULL ? request_of(e, (uint16_t)q->echo, q->src) : NULL;

    return r != NULL && memcmp(r->dst, q->dst, q->addr_len) == 0 ? r : NULL;
}

bool
estab_echo_quoted(const struct estab_stack *s, const struct icmp_quote *q)
{
    return quoted(s, q) != NULL;
}

/* RFC 1191 §3, RFC 8201 §4 (RFC1191-3, RFC8201-4): a path is narrower than the request and than its
 * link, it has a router, and IPv4's would cut what may be cut. `mtu` 0: the router did not say. */
static bool
can_be_too_big(const struct estab_stack *s, const struct echo_request *r,
               const struct icmp_quote *q, uint32_t mtu)
{
    uint32_t whole = (q->addr_len == 4 ? 20 : 40) + ICMP_HEADER + r->len;

    return r->ifindex != 0 && (q->addr_len == 16 || r->whole) && mtu < whole &&
           mtu < estab_link_mtu(&s->interface[r->ifindex], q->addr_len) &&
           !estab_ip_is_link_local(q->dst, q->addr_len);
}

enum seg_verdict
estab_echo_error(struct estab_stack *s, const struct icmp_message *m, const struct icmp_quote *q,
                 const struct ip_header *ip, unsigned ifindex, enum estab_err err)
{
    struct held h = { .kind = ESTAB_ECHO_ERROR, .type = m->type, .code = m->code };
    struct echo_endpoint *e = find(s, q->addr_len, (uint16_t)(q->echo >> 16));
    struct echo_request *r = quoted(s, q);
    enum seg_verdict v;

    if (r == NULL)
        return SEG_DROP_ICMP_UNRELATED;
    if (m->kind == ICMP_PACKET_TOO_BIG) {
        if (!can_be_too_big(s, r, q, m->mtu))
            return SEG_DROP_ICMP_UNRELATED;
        (void)estab_paths_lower(&s->paths, q->dst, q->addr_len, m->mtu, s->now);
        h.mtu = m->mtu;
        err = ESTAB_EMSGSIZE;
    }
    h.error = -(int32_t)err;
    v = put_into_queue(s, e, &h, ip, ifindex, r, NULL);
    if (v != SEG_CONTINUE)
        return v;
    e->errors++;
    return m->kind == ICMP_PACKET_TOO_BIG ? SEG_ACCEPTED_PACKET_TOO_BIG : SEG_ACCEPTED_SOFT_ERROR;
}

void
estab_echo_room(struct estab_stack *s, unsigned ifindex)
{
    uint32_t index;

    if (s->interface[ifindex].replies.used > REPLY_RING / 2 - REPLY_RESERVE)
        return;
    for (index = estab_pool_next(&s->echoes, 0); index != 0;
         index = estab_pool_next(&s->echoes, index)) {
        struct echo_endpoint *e = estab_pool_at(&s->echoes, index);

        if (!e->blocked || e->blocked_on != ifindex)
            continue;
        set_blocked(s, e, false);
        e->poll.bits |= ESTAB_WRITABLE;
        estab_conn_ready(s, &e->poll);
    }
}
