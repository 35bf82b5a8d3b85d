/* SPDX-License-Identifier: MIT */
/*
 * UDP endpoints (RFC 768, RFC 1122 §4.1, RFC 8085): ports, queues, and the datagrams of both
 * directions; see include/estab/udp.h for the contract. An endpoint is found by both ends if it is
 * connected, else by its own, else by its port alone. What it holds is bounded by receive_bytes_max
 * and receive_count_max; a datagram beyond is dropped. What it sends waits in the interface's
 * queue. Called from input.c, icmp_input.c and the user.
 */
#include "stack/internal.h"

#include "base/bytes.h"
#include "stack/link.h"

#include <string.h>

/* In front of each datagram in an endpoint's queue. */
struct held {
    uint32_t len;
    uint16_t port; /* it came from */
    uint8_t ttl, tos;
    uint8_t ifindex;
    uint8_t to_many;
    uint8_t from[16], to[16];
};

/* 224/4 or ff00::/8; the rest of what is not one host's is broadcast. */
static bool
is_group(const uint8_t *addr, unsigned addr_len)
{
    return addr_len == 4 ? addr[0] >> 4 == 14 : addr[0] == 0xff;
}

/* ---- names ---- */

static const uint8_t *
names_of_udp(const void *ctx, uint32_t ref, unsigned addr_len)
{
    const struct estab_stack *s = ctx;
    const struct udp_endpoint *u = estab_pool_at(&s->udps, ref_index(ref));

    return u->end.addr_len == addr_len ? (const uint8_t *)&u->names : NULL;
}

static struct udp_endpoint *
find(const struct estab_stack *s, const struct names *names, unsigned addr_len)
{
    uint32_t ref;

    if (s->udps.lent == 0)
        return NULL;
    ref = estab_demux_find(&s->udp_demux, names, addr_len,
                           estab_demux_hash(&s->udp_demux, names, addr_len));
    return ref != 0 ? estab_pool_at(&s->udps, ref_index(ref)) : NULL;
}

/* Who gets what came from `names`' remote end to its local one. */
static struct udp_endpoint *
find_receiver(const struct estab_stack *s, const struct names *names, unsigned addr_len)
{
    struct names key = *names;
    struct udp_endpoint *u = find(s, &key, addr_len);

    if (u != NULL)
        return u;
    memset(key.ports + 2, 0, 2);
    memset(key.addr + addr_len, 0, addr_len);
    u = find(s, &key, addr_len);
    if (u != NULL)
        return u;
    memset(key.addr, 0, addr_len);
    return find(s, &key, addr_len);
}

uint64_t
estab_udp_handle_of(const struct estab_stack *s, const struct names *names, unsigned addr_len)
{
    const struct udp_endpoint *u = find_receiver(s, names, addr_len);

    return u != NULL ? u->end.poll.handle : 0;
}

static bool
enter_table(struct estab_stack *s, struct udp_endpoint *u)
{
    return estab_demux_insert(
        &s->udp_demux, estab_demux_hash(&s->udp_demux, &u->names, u->end.addr_len), u->end.ref);
}

static void
leave_table(struct estab_stack *s, const struct udp_endpoint *u)
{
    estab_demux_remove(&s->udp_demux, estab_demux_hash(&s->udp_demux, &u->names, u->end.addr_len),
                       u->end.ref);
}

/* RFC 6056 §3.3.2 (RFC6056-3.1): a number that only we can foresee, and another one while it is in
 * use. No counter goes from one to the next, because a resolver's port is all that a forged answer
 * must guess (RFC 5452 §9.2). When so many are in use that luck fails, the next free one. */
static int
choose_port(struct estab_stack *s, struct names *names, unsigned addr_len)
{
    uint32_t range = (uint32_t)s->cfg.port_max - s->cfg.port_min + 1, tries, n = 0;

    for (tries = 0; tries < range; tries++) {
        uint8_t count[8];

        if (tries < 16) {
            put_le64(count, s->udp_port_counter++);
            n = (uint32_t)(estab_siphash24(&s->key_udp, count, sizeof(count)) % range);
        } else {
            n = (n + 1) % range;
        }
        put_be16(names->ports, s->cfg.port_min + n);
        if (find(s, names, addr_len) == NULL)
            return 0;
    }
    return -ESTAB_EADDRNOTAVAIL;
}

struct udp_endpoint *
estab_udp_from_handle(const struct estab_stack *s, estab_conn handle)
{
    return (struct udp_endpoint *)estab_datagram_end_at(&s->udps, REF_UDP, handle);
}

int
estab_udp_options_check(const struct estab_udp_options *o)
{
    if (o->ttl == 0 || o->multicast_ttl == 0 || o->dscp > 63 || o->ecn > 3 ||
        !estab_datagram_limits_are_good(o->receive_bytes_max, o->receive_count_max) ||
        o->ifindex >= INTERFACES_MAX || (o->unconfigured && o->ifindex == 0))
        return -ESTAB_EINVAL;
    return 0;
}

static void
set_options(struct estab_stack *s, struct udp_endpoint *u, const struct estab_udp_options *o)
{
    s->udp_unconfigured -= u->opt.unconfigured;
    u->opt = *o;
    s->udp_unconfigured += u->opt.unconfigured;
}

/* ---- records ---- */

/* In the host's list, and where the link is Ethernet, in that which routers are told of. */
static int
join(struct estab_stack *s, const uint8_t *group, unsigned addr_len, unsigned ifindex)
{
    int err = estab_ip_join(&s->groups, group, addr_len, ifindex);

    if (err < 0 || s->interface[ifindex].eth == NULL)
        return err;
    err = estab_group_join(s, ifindex, group, addr_len, s->now);
    if (err < 0)
        estab_ip_leave(&s->groups, group, addr_len, ifindex);
    return err;
}

static void
leave(struct estab_stack *s, const uint8_t *group, unsigned addr_len, unsigned ifindex)
{
    estab_ip_leave(&s->groups, group, addr_len, ifindex);
    if (s->interface[ifindex].eth != NULL)
        estab_group_leave(s, ifindex, group, addr_len, s->now);
}

static void
end(struct estab_stack *s, struct udp_endpoint *u)
{
    struct udp_endpoint gone;

    while (u->groups > 0) {
        u->groups--;
        leave(s, u->group[u->groups].octets, u->end.addr_len, u->group[u->groups].ifindex);
    }
    leave_table(s, u);
    s->udp_unconfigured -= u->opt.unconfigured;
    estab_datagram_end_empty(s, &u->end);
    gone = *u;
    estab_stack_record_put(s, &s->udps, ref_index(u->end.ref));
    estab_datagram_trace_memory(s, &gone.end, ESTAB_MEM_UDP, -(int64_t)s->udps.record_size);
}

void
estab_udp_end_all(struct estab_stack *s)
{
    uint32_t index;

    while ((index = estab_pool_next(&s->udps, 0)) != 0)
        end(s, estab_pool_at(&s->udps, index));
}

/* The host ends: memory only. */
void
estab_udp_release(struct estab_stack *s)
{
    estab_datagram_release(s, &s->udps);
    if (s->udp_demux.now.slot != NULL)
        estab_demux_fini(&s->udp_demux);
}

/* ---- the user's calls ---- */

static bool
may_bind(const struct estab_stack *s, const struct estab_addr *a, unsigned addr_len)
{
    return estab_addr_is_any(a) || estab_ip_is_ours(&s->routes, a->bytes, addr_len) ||
           estab_addr_is_multicast(a);
}

int
estab_udp_open(struct estab_stack *s, const struct estab_endpoint *local,
               const struct estab_udp_options *opts, estab_udp *udp, estab_time now)
{
    unsigned addr_len = addr_len_of(local->addr.family);
    const struct estab_udp_options *o = opts != NULL ? opts : &s->cfg.udp;
    struct udp_endpoint *u;
    struct names names;
    uint32_t index;
    int err;

    *udp = 0;
    (void)estab_stack_env(s, now);
    if (addr_len == 0)
        return -ESTAB_EAFNOSUPPORT;
    if (estab_udp_options_check(o) < 0)
        return -ESTAB_EINVAL;
    if (!may_bind(s, &local->addr, addr_len))
        return -ESTAB_EADDRNOTAVAIL;
    memset(&names, 0, sizeof(names));
    memcpy(names.addr, local->addr.bytes, addr_len);
    put_be16(names.ports, local->port);
    if (local->port == 0) {
        err = choose_port(s, &names, addr_len);
        if (err < 0)
            return err;
    } else if (find(s, &names, addr_len) != NULL) {
        return -ESTAB_EADDRINUSE;
    }
    if (s->udp_demux.now.slot == NULL &&
        !estab_demux_init(&s->udp_demux, &s->arena,
                          estab_siphash_derive(s->cfg.secret, "udp table"), names_of_udp, s))
        return -ESTAB_ENOMEM;
    u = estab_stack_record_get(s, &s->udps, &index);
    if (u == NULL)
        return s->udps.lent >= s->cfg.max_udp ? -ESTAB_ENOBUFS : -ESTAB_ENOMEM;
    estab_datagram_end_begin(&u->end, &s->udps, REF_UDP, index, addr_len);
    u->names = names;
    u->any_local = estab_addr_is_any(&local->addr);
    if (!enter_table(s, u)) {
        estab_stack_record_put(s, &s->udps, index);
        return -ESTAB_ENOMEM;
    }
    set_options(s, u, o);
    *udp = u->end.poll.handle;
    estab_datagram_trace_memory(s, &u->end, ESTAB_MEM_UDP, s->udps.record_size);
    estab_datagram_trace_call(s, &u->end, ESTAB_CALL_OPEN_PASSIVE, 0);
    return 0;
}

int
estab_udp_close(struct estab_stack *s, estab_udp udp, estab_time now)
{
    struct udp_endpoint *u = estab_udp_from_handle(s, udp);

    if (u == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    estab_datagram_trace_call(s, &u->end, ESTAB_CALL_CLOSE, 0);
    end(s, u);
    return 0;
}

/* By the interface asked for, the endpoint's, that of a link-local zone, the route's. */
static int
way_to(const struct estab_stack *s, const struct udp_endpoint *u, unsigned asked, uint32_t zone,
       const uint8_t *dst)
{
    return estab_way_to(s, dst, u->end.addr_len,
                        asked != 0            ? asked
                        : u->opt.ifindex != 0 ? u->opt.ifindex
                                              : zone);
}

int
estab_udp_connect(struct estab_stack *s, estab_udp udp, const struct estab_endpoint *remote,
                  estab_time now)
{
    struct udp_endpoint *u = estab_udp_from_handle(s, udp);
    struct names names, old;
    const uint8_t *source;
    int ifindex;

    if (u == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    names = old = u->names;
    memset(names.ports + 2, 0, 2);
    memset(names.addr + u->end.addr_len, 0, u->end.addr_len);
    if (u->any_local)
        memset(names.addr, 0, u->end.addr_len);
    if (remote != NULL) {
        if (addr_len_of(remote->addr.family) != u->end.addr_len)
            return -ESTAB_EAFNOSUPPORT;
        if (remote->port == 0 || estab_ip_is_unspecified(remote->addr.bytes, u->end.addr_len))
            return -ESTAB_EINVAL;
        ifindex = way_to(s, u, 0, remote->addr.zone, remote->addr.bytes);
        if (ifindex < 0)
            return ifindex;
        if (u->any_local) {
            source =
                estab_ip_source(&s->routes, remote->addr.bytes, u->end.addr_len, (unsigned)ifindex);
            if (source == NULL)
                return -ESTAB_EADDRNOTAVAIL;
            memcpy(names.addr, source, u->end.addr_len);
        }
        put_be16(names.ports + 2, remote->port);
        memcpy(names.addr + u->end.addr_len, remote->addr.bytes, u->end.addr_len);
    }
    if (find(s, &names, u->end.addr_len) != NULL && find(s, &names, u->end.addr_len) != u)
        return -ESTAB_EADDRINUSE;
    leave_table(s, u);
    u->names = names;
    if (!enter_table(s, u)) {
        bool back;

        u->names = old;
        back = enter_table(s, u); /* the slot has just become free */
        ESTAB_ASSERT(back);
        return -ESTAB_ENOMEM;
    }
    u->connected = remote != NULL;
    u->zone = remote != NULL ? remote->addr.zone : 0;
    u->has_error = false;
    estab_datagram_trace_call(s, &u->end, ESTAB_CALL_OPEN_ACTIVE, 0);
    return 0;
}

static uint64_t
hash_destination(const struct estab_stack *s, const uint8_t *addr, unsigned addr_len, uint16_t port)
{
    uint8_t key[18];

    memcpy(key, addr, addr_len);
    put_be16(key + addr_len, port);
    return estab_siphash24(&s->key_udp, key, addr_len + 2);
}

/* An error that a connected endpoint has not been told yet: once. */
static int
take_error(struct udp_endpoint *u)
{
    if (!u->connected || !u->has_error)
        return 0;
    u->has_error = false;
    return u->error.error;
}

/* The message's address, the endpoint's, the route's; a host that is being configured has none
 * (RFC 2131 §4.1). */
static int
choose_source(const struct estab_stack *s, const struct udp_endpoint *u,
              const struct estab_addr *asked, const uint8_t *dst, unsigned ifindex,
              uint8_t source[16])
{
    struct estab_addr bound = estab_datagram_address(names_local(&u->names), u->end.addr_len, 0);
    bool any = asked->family == ESTAB_UNSPEC || estab_addr_is_any(asked);

    if (any && !estab_ip_is_unspecified(bound.bytes, u->end.addr_len) &&
        !estab_ip_is_multicast(bound.bytes, u->end.addr_len))
        asked = &bound;
    else if (any && u->opt.unconfigured &&
             estab_ip_source(&s->routes, dst, u->end.addr_len, ifindex) == NULL) {
        memset(source, 0, 16);
        return 0;
    }
    return estab_way_source(s, dst, u->end.addr_len, ifindex, asked, source);
}

static ptrdiff_t
transmit(struct estab_stack *s, struct udp_endpoint *u, const struct estab_udp_message *to,
         const uint8_t *dst, uint16_t port, const void *data, uint32_t len)
{
    static const struct estab_addr any;
    uint8_t head[40 + UDP_HEADER], source[16];
    uint32_t ip_len = u->end.addr_len == 4 ? 20 : 40;
    bool many = estab_ip_is_broadcast(&s->routes, dst, u->end.addr_len);
    bool group = is_group(dst, u->end.addr_len);
    struct datagram_way way = { .src = source,
                                .dst = dst,
                                .addr_len = u->end.addr_len,
                                .proto = IP_PROTO_UDP,
                                .ttl = group ? u->opt.multicast_ttl : u->opt.ttl,
                                .tos = (uint8_t)(u->opt.dscp << 2 | u->opt.ecn),
                                .dont_fragment = u->opt.dont_fragment };
    int ifindex, err;

    ifindex = way_to(
        s, u, to != NULL ? to->ifindex : 0,
        to != NULL && to->remote.addr.family != ESTAB_UNSPEC ? to->remote.addr.zone : u->zone, dst);
    if (ifindex < 0)
        return ifindex;
    /* a mistaken address must not reach a whole network */
    if (many && !group && !u->opt.broadcast)
        return -ESTAB_EINVAL;
    err = choose_source(s, u, to != NULL ? &to->local : &any, dst, (unsigned)ifindex, source);
    if (err == 0)
        err = estab_datagram_fits(s, &u->end, dst, (unsigned)ifindex, ip_len + UDP_HEADER + len,
                                  u->opt.dont_fragment);
    if (err < 0)
        return err;
    (void)estab_datagram_head(s, head, &way, UDP_HEADER + len);
    estab_udp_write(head + ip_len, get_be16(u->names.ports), port, source, dst, u->end.addr_len,
                    data, len);
    (void)estab_reply_parts(s, (unsigned)ifindex, head, ip_len + UDP_HEADER, data, len,
                            WHY_DATAGRAM, 0);
    u->sent_to[u->sent_next] = hash_destination(s, dst, u->end.addr_len, port);
    u->sent_next = (uint8_t)((u->sent_next + 1) % UDP_SENT_TO);
    u->sent++;
    return (ptrdiff_t)len;
}

ptrdiff_t
estab_udp_send(struct estab_stack *s, estab_udp udp, const struct estab_udp_message *to,
               const void *data, size_t len, estab_time now)
{
    struct udp_endpoint *u = estab_udp_from_handle(s, udp);
    const uint8_t *dst;
    ptrdiff_t sent;
    uint16_t port;
    int err;

    if (u == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    err = take_error(u);
    if (err < 0)
        return err;
    if (to != NULL && to->remote.addr.family != ESTAB_UNSPEC) {
        if (addr_len_of(to->remote.addr.family) != u->end.addr_len)
            return -ESTAB_EAFNOSUPPORT;
        dst = to->remote.addr.bytes;
        port = to->remote.port;
    } else {
        if (!u->connected)
            return -ESTAB_ENOTCONN;
        dst = names_remote(&u->names, u->end.addr_len);
        port = get_be16(u->names.ports + 2);
    }
    if (port == 0 || estab_ip_is_unspecified(dst, u->end.addr_len))
        return -ESTAB_EINVAL;
    if (len > estab_datagram_max(u->end.addr_len, UDP_HEADER))
        return -ESTAB_EMSGSIZE;
    sent = transmit(s, u, to, dst, port, data, (uint32_t)len);
    estab_datagram_trace_call(s, &u->end, ESTAB_CALL_SEND, sent);
    return sent;
}

ptrdiff_t
estab_udp_receive(struct estab_stack *s, estab_udp udp, struct estab_udp_message *from, void *buf,
                  size_t len, estab_time now)
{
    struct udp_endpoint *u = estab_udp_from_handle(s, udp);
    struct held h;
    uint32_t n;
    int err;

    if (u == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    err = take_error(u);
    if (err < 0)
        return err;
    if (u->end.waiting == 0)
        return -ESTAB_EAGAIN;
    estab_datagram_peek(&u->end, &h, sizeof(h));
    n = estab_datagram_take(s, &u->end, sizeof(h), h.len, buf, len);
    if (from != NULL)
        *from = (struct estab_udp_message){
            .remote = { .addr = estab_datagram_address(h.from, u->end.addr_len, h.ifindex),
                        .port = h.port },
            .local = estab_datagram_address(h.to, u->end.addr_len, 0),
            .ifindex = h.ifindex,
            .ttl = h.ttl,
            .dscp = h.tos >> 2,
            .ecn = h.tos & 3,
            .multicast = h.to_many != 0,
            .len = h.len,
        };
    estab_datagram_trace_call(s, &u->end, ESTAB_CALL_RECEIVE, n);
    return (ptrdiff_t)n;
}

int
estab_udp_error(struct estab_stack *s, estab_udp udp, struct estab_udp_error *out)
{
    struct udp_endpoint *u = estab_udp_from_handle(s, udp);

    if (u == NULL)
        return -ESTAB_EBADF;
    if (!u->has_error)
        return -ESTAB_EAGAIN;
    *out = u->error;
    u->has_error = false;
    return 0;
}

/* ---- groups ---- */

static int
find_group(const struct udp_endpoint *u, const uint8_t *group, unsigned ifindex)
{
    unsigned i;

    for (i = 0; i < u->groups; i++)
        if (u->group[i].ifindex == ifindex &&
            memcmp(u->group[i].octets, group, u->end.addr_len) == 0)
            return (int)i;
    return -1;
}

/* The interface of a membership, or why there can be none. */
static int
check_group(const struct estab_stack *s, const struct udp_endpoint *u, unsigned ifindex,
            const struct estab_addr *group)
{
    int i;

    if (addr_len_of(group->family) != u->end.addr_len)
        return -ESTAB_EAFNOSUPPORT;
    if (!estab_addr_is_multicast(group))
        return -ESTAB_EINVAL;
    i = way_to(s, u, ifindex, group->zone, group->bytes);
    return i;
}

int
estab_udp_join(struct estab_stack *s, estab_udp udp, unsigned ifindex,
               const struct estab_addr *group, estab_time now)
{
    struct udp_endpoint *u = estab_udp_from_handle(s, udp);
    int i, err;

    if (u == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    i = check_group(s, u, ifindex, group);
    if (i < 0)
        return i;
    if (find_group(u, group->bytes, (unsigned)i) >= 0)
        return -ESTAB_EADDRINUSE;
    if (u->groups == ESTAB_UDP_GROUPS_MAX)
        return -ESTAB_ENOBUFS;
    err = join(s, group->bytes, u->end.addr_len, (unsigned)i);
    if (err < 0)
        return err;
    memcpy(u->group[u->groups].octets, group->bytes, u->end.addr_len);
    u->group[u->groups++].ifindex = (uint8_t)i;
    return 0;
}

int
estab_udp_leave(struct estab_stack *s, estab_udp udp, unsigned ifindex,
                const struct estab_addr *group, estab_time now)
{
    struct udp_endpoint *u = estab_udp_from_handle(s, udp);
    int i, at;

    if (u == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    i = check_group(s, u, ifindex, group);
    if (i < 0)
        return i;
    at = find_group(u, group->bytes, (unsigned)i);
    if (at < 0)
        return -ESTAB_EADDRNOTAVAIL;
    leave(s, group->bytes, u->end.addr_len, (unsigned)i);
    u->group[at] = u->group[--u->groups];
    return 0;
}

/* ---- status and options ---- */

static void
status_of(const struct udp_endpoint *u, struct estab_udp_status *out)
{
    *out = (struct estab_udp_status){
        .udp = u->end.poll.handle,
        .local = estab_names_local(&u->names, u->end.addr_len),
        .waiting = u->end.waiting,
        .waiting_bytes = u->end.queue.used - u->end.waiting * (uint32_t)sizeof(struct held),
        .ring = u->end.queue.size,
        .received = u->received,
        .sent = u->sent,
        .dropped = u->end.dropped,
    };
    if (u->connected)
        out->remote = estab_names_remote(&u->names, u->end.addr_len);
}

int
estab_udp_status(const struct estab_stack *s, estab_udp udp, struct estab_udp_status *out)
{
    const struct udp_endpoint *u = estab_udp_from_handle(s, udp);

    if (u == NULL)
        return -ESTAB_EBADF;
    status_of(u, out);
    return 0;
}

bool
estab_udp_next(const struct estab_stack *s, uint64_t *cursor, struct estab_udp_status *out)
{
    uint32_t index = estab_pool_next(&s->udps, (uint32_t)*cursor);

    if (index == 0)
        return false;
    *cursor = index;
    status_of(estab_pool_at(&s->udps, index), out);
    return true;
}

int
estab_udp_get_options(const struct estab_stack *s, estab_udp udp, struct estab_udp_options *out)
{
    const struct udp_endpoint *u = estab_udp_from_handle(s, udp);

    if (u == NULL)
        return -ESTAB_EBADF;
    *out = u->opt;
    return 0;
}

int
estab_udp_set_options(struct estab_stack *s, estab_udp udp, const struct estab_udp_options *opts,
                      estab_time now)
{
    struct udp_endpoint *u = estab_udp_from_handle(s, udp);

    if (u == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    if (estab_udp_options_check(opts) < 0)
        return -ESTAB_EINVAL;
    set_options(s, u, opts);
    return 0;
}

/* ---- what arrives ---- */

bool
estab_udp_takes_foreign(const struct estab_stack *s, const struct ip_header *ip, unsigned ifindex)
{
    const struct udp_endpoint *u;
    struct names names;

    if (LIKELY(s->udp_unconfigured == 0) || ip->fragment || ip->payload_len < UDP_HEADER)
        return false;
    memset(&names, 0, sizeof(names));
    memcpy(names.ports, ip->payload + 2, 2);
    u = find(s, &names, ip->addr_len);
    return u != NULL && u->opt.unconfigured && u->opt.ifindex == ifindex;
}

static enum seg_verdict
put_into_queue(struct estab_stack *s, struct udp_endpoint *u, const struct ip_header *ip,
               const struct udp_header *udp, unsigned ifindex, bool to_many)
{
    struct held h = {
        .len = udp->data_len,
        .port = udp->src_port,
        .ttl = ip->ttl,
        .tos = ip->tos,
        .ifindex = (uint8_t)ifindex,
        .to_many = to_many,
    };
    const struct datagram_limits limits = { u->opt.receive_bytes_max, u->opt.receive_count_max,
                                            SEG_DROP_UDP_QUEUE_FULL };
    enum seg_verdict v;

    memcpy(h.from, ip->src, ip->addr_len);
    memcpy(h.to, ip->dst, ip->addr_len);
    v = estab_datagram_put(s, &u->end, &h, sizeof(h), udp->data, udp->data_len, &limits);
    if (v != SEG_CONTINUE)
        return v;
    u->received++;
    return SEG_ACCEPTED_DATAGRAM;
}

enum seg_verdict
estab_udp_input(struct estab_stack *s, const struct ip_header *ip, unsigned ifindex, bool to_many,
                bool verified, struct names *names, uint64_t *handle)
{
    struct udp_header udp;
    struct udp_endpoint *u;
    enum seg_verdict v = (enum seg_verdict)estab_udp_parse(&udp, ip);

    if (v != SEG_CONTINUE)
        return v;
    put_be16(names->ports, udp.dst_port);
    put_be16(names->ports + 2, udp.src_port);
    /* RFC 1122 §4.1.3.4 (CVE-2015-5364): before anybody is woken, and before anybody is answered */
    if (!verified && !estab_udp_checksum_is_right(&udp, ip))
        return SEG_DROP_UDP_CHECKSUM;
    u = find_receiver(s, names, ip->addr_len);
    if (u == NULL || (u->opt.ifindex != 0 && u->opt.ifindex != ifindex) ||
        (is_group(ip->dst, ip->addr_len) && find_group(u, ip->dst, ifindex) < 0))
        return SEG_DROP_UDP_NO_ENDPOINT;
    *handle = u->end.poll.handle;
    return put_into_queue(s, u, ip, &udp, ifindex, to_many);
}

static bool
was_sent_to(const struct estab_stack *s, const struct udp_endpoint *u, const struct icmp_quote *q)
{
    uint64_t hash = hash_destination(s, q->dst, q->addr_len, q->dst_port);
    unsigned i;

    for (i = 0; i < UDP_SENT_TO; i++)
        if (u->sent_to[i] == hash)
            return true;
    return false;
}

struct udp_endpoint *
estab_udp_quoted(const struct estab_stack *s, const struct icmp_quote *q)
{
    struct udp_endpoint *u;
    struct names names;

    memset(&names, 0, sizeof(names));
    memcpy(names.addr, q->src, q->addr_len);
    memcpy(names.addr + q->addr_len, q->dst, q->addr_len);
    put_be16(names.ports, q->src_port);
    put_be16(names.ports + 2, q->dst_port);
    u = find_receiver(s, &names, q->addr_len);
    /* As RFC 5927 §4.1 for TCP: an error about what this endpoint has not sent is somebody's guess. */
    return u != NULL && was_sent_to(s, u, q) ? u : NULL;
}

enum seg_verdict
estab_udp_icmp_error(struct estab_stack *s, const struct icmp_message *m,
                     const struct icmp_quote *q, enum estab_err err)
{
    struct udp_endpoint *u = estab_udp_quoted(s, q);

    if (u == NULL)
        return SEG_DROP_ICMP_UNRELATED;
    if (m->kind == ICMP_PACKET_TOO_BIG) {
        int ifindex = way_to(s, u, 0, 0, q->dst);
        enum seg_verdict v =
            ifindex < 0 ? SEG_DROP_ICMP_UNRELATED
                        : estab_icmp_path_mtu(s, q->dst, q->addr_len, (unsigned)ifindex, m->mtu);

        if (v != SEG_ACCEPTED_PACKET_TOO_BIG)
            return v;
        err = ESTAB_EMSGSIZE;
    }
    u->error = (struct estab_udp_error){
        .error = -(int)err,
        .icmp_type = m->type,
        .icmp_code = m->code,
        .mtu =
            m->kind == ICMP_PACKET_TOO_BIG ? paths_mtu(&s->paths, q->dst, q->addr_len, s->now) : 0,
        .remote = { .addr = estab_datagram_address(q->dst, q->addr_len, 0), .port = q->dst_port },
    };
    u->has_error = true;
    u->end.poll.bits |= ESTAB_SOFT_ERROR;
    estab_conn_ready(s, &u->end.poll);
    return m->kind == ICMP_PACKET_TOO_BIG ? SEG_ACCEPTED_PACKET_TOO_BIG : SEG_ACCEPTED_SOFT_ERROR;
}
