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

#include "base/bytes.h"
#include "stack/link.h"

#include <string.h>

#define ICMP_HEADER 8u
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

static struct echo_endpoint *
from_handle(const struct estab_stack *s, estab_conn handle)
{
    return (struct echo_endpoint *)estab_datagram_end_at(&s->echoes, REF_ECHO, handle);
}

struct pollable *
estab_echo_pollable(const struct estab_stack *s, estab_conn handle)
{
    struct echo_endpoint *e = from_handle(s, handle);

    return e != NULL ? &e->end.poll : NULL;
}

/* There are max_echo of them at most, which is 256 at most. */
static struct echo_endpoint *
find(const struct estab_stack *s, unsigned addr_len, uint16_t id)
{
    uint32_t index;

    for (index = estab_pool_next(&s->echoes, 0); index != 0;
         index = estab_pool_next(&s->echoes, index)) {
        struct echo_endpoint *e = estab_pool_at(&s->echoes, index);

        if (e->end.addr_len == addr_len && e->id == id)
            return e;
    }
    return NULL;
}

uint64_t
estab_echo_handle_of(const struct estab_stack *s, unsigned addr_len, uint16_t id)
{
    const struct echo_endpoint *e = find(s, addr_len, id);

    return e != NULL ? e->end.poll.handle : 0;
}

/* ---- records ---- */

static void
end(struct estab_stack *s, struct echo_endpoint *e)
{
    struct echo_endpoint gone;

    estab_datagram_end_empty(s, &e->end);
    gone = *e;
    estab_stack_record_put(s, &s->echoes, ref_index(e->end.ref));
    estab_datagram_trace_memory(s, &gone.end, ESTAB_MEM_ECHO, -(int64_t)s->echoes.record_size);
}

void
estab_echo_end_all(struct estab_stack *s)
{
    uint32_t index;

    while ((index = estab_pool_next(&s->echoes, 0)) != 0)
        end(s, estab_pool_at(&s->echoes, index));
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
    return o->dscp <= 63 && o->ifindex < INTERFACES_MAX &&
           estab_datagram_limits_are_good(o->receive_bytes_max, o->receive_count_max) &&
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
    /* before it has a family, so that it does not find itself */
    e->id = choose_id(s, addr_len);
    estab_datagram_end_begin(&e->end, &s->echoes, REF_ECHO, index, addr_len);
    e->opt = opts != NULL ? *opts : defaults;
    *echo = e->end.poll.handle;
    estab_datagram_trace_memory(s, &e->end, ESTAB_MEM_ECHO, s->echoes.record_size);
    estab_datagram_trace_call(s, &e->end, ESTAB_CALL_OPEN_ACTIVE, 0);
    return 0;
}

int
estab_echo_close(struct estab_stack *s, estab_echo echo, estab_time now)
{
    struct echo_endpoint *e = from_handle(s, echo);

    if (e == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    estab_datagram_trace_call(s, &e->end, ESTAB_CALL_CLOSE, 0);
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
    if (!is_good(s, opts, e->end.addr_len))
        return -ESTAB_EINVAL;
    e->opt = *opts;
    return 0;
}

/* Everything but the call's own checks; `r` gets what is to be remembered. */
static int
transmit(struct estab_stack *s, struct echo_endpoint *e, const struct estab_addr *to, uint16_t seq,
         const void *data, uint32_t len, struct echo_request *r)
{
    bool v4 = e->end.addr_len == 4, group = v4 ? to->bytes[0] >> 4 == 14 : to->bytes[0] == 0xff;
    struct datagram_way way = { .src = r->src,
                                .dst = to->bytes,
                                .addr_len = e->end.addr_len,
                                .proto = v4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6,
                                .ttl = e->opt.ttl != 0 ? e->opt.ttl
                                       : group         ? 1
                                                       : 64,
                                .tos = (uint8_t)(e->opt.dscp << 2),
                                .dont_fragment = e->opt.dont_fragment };
    uint32_t ip_len = v4 ? 20 : 40;
    uint8_t head[40 + ICMP_HEADER];
    int ifindex = estab_way_to(s, to->bytes, e->end.addr_len,
                               e->opt.ifindex != 0 ? e->opt.ifindex : to->zone);
    int err;

    if (ifindex < 0)
        return ifindex;
    r->many = estab_ip_is_broadcast(&s->routes, to->bytes, e->end.addr_len);
    if (r->many && !group && !e->opt.broadcast)
        return -ESTAB_EINVAL;
    err = estab_way_source(s, to->bytes, e->end.addr_len, (unsigned)ifindex, &e->opt.local, r->src);
    if (err == 0)
        err = estab_datagram_fits(s, &e->end, to->bytes, (unsigned)ifindex,
                                  ip_len + ICMP_HEADER + len, e->opt.dont_fragment);
    if (err < 0)
        return err;
    (void)estab_datagram_head(s, head, &way, ICMP_HEADER + len);
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
    if (addr_len_of(to->family) != e->end.addr_len)
        return -ESTAB_EAFNOSUPPORT;
    if (estab_ip_is_unspecified(to->bytes, e->end.addr_len))
        return -ESTAB_EINVAL;
    if (len > estab_datagram_max(e->end.addr_len, ICMP_HEADER))
        return -ESTAB_EMSGSIZE;
    err = transmit(s, e, to, seq, data, (uint32_t)len, &r);
    if (err == 0) {
        memcpy(r.dst, to->bytes, e->end.addr_len);
        r.data = estab_siphash24(&s->key_echo_id, data, len);
        r.sent_at = s->now;
        e->sent[seq % ESTAB_ECHO_REQUESTS] = r;
        e->requests++;
    }
    estab_datagram_trace_call(s, &e->end, ESTAB_CALL_SEND, err == 0 ? (int64_t)len : err);
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
    if (e->end.waiting == 0)
        return -ESTAB_EAGAIN;
    estab_datagram_peek(&e->end, &h, sizeof(h));
    n = estab_datagram_take(s, &e->end, sizeof(h), h.data, buf, len);
    *out = (struct estab_echo_message){
        .kind = h.kind,
        .ttl = h.ttl,
        .dscp = h.tos >> 2,
        .ecn = h.tos & 3,
        .seq = h.seq,
        .from = estab_datagram_address(h.from, e->end.addr_len, h.ifindex),
        .to = estab_datagram_address(h.to, e->end.addr_len, h.ifindex),
        .local = estab_datagram_address(h.local, e->end.addr_len, h.ifindex),
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
    estab_datagram_trace_call(s, &e->end, ESTAB_CALL_RECEIVE, n);
    return (ptrdiff_t)n;
}

static void
status_of(const struct echo_endpoint *e, struct estab_echo_status *out)
{
    *out = (struct estab_echo_status){
        .echo = e->end.poll.handle,
        .family = e->end.addr_len == 4 ? ESTAB_INET : ESTAB_INET6,
        .id = e->id,
        .waiting = e->end.waiting,
        .ring = e->end.queue.size,
        .sent = e->requests,
        .replies = e->replies,
        .errors = e->errors,
        .dropped = e->end.dropped,
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

static enum seg_verdict
put_into_queue(struct estab_stack *s, struct echo_endpoint *e, struct held *h,
               const struct ip_header *ip, unsigned ifindex, struct echo_request *r,
               const uint8_t *data)
{
    const struct datagram_limits limits = { e->opt.receive_bytes_max, e->opt.receive_count_max,
                                            SEG_DROP_ECHO_QUEUE_FULL };

    h->sent_at = r->sent_at;
    h->received_at = s->now;
    h->seq = r->seq;
    h->ttl = ip->ttl;
    h->tos = ip->tos;
    h->ifindex = (uint8_t)ifindex;
    h->duplicate = r->answered;
    memcpy(h->from, ip->src, e->end.addr_len);
    memcpy(h->to, r->dst, e->end.addr_len);
    memcpy(h->local, ip->dst, e->end.addr_len);
    return estab_datagram_put(s, &e->end, h, sizeof(*h), data, h->data, &limits);
}

/* The request with that number, if it is remembered and left from that address. */
static struct echo_request *
request_of(struct echo_endpoint *e, uint16_t seq, const uint8_t *src)
{
    struct echo_request *r = &e->sent[seq % ESTAB_ECHO_REQUESTS];

    return r->used && r->seq == seq && memcmp(r->src, src, e->end.addr_len) == 0 ? r : NULL;
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
    if (r == NULL || (!r->many && memcmp(r->dst, ip->src, e->end.addr_len) != 0))
        return SEG_DROP_ECHO_UNASKED;
    *handle = e->end.poll.handle;
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
