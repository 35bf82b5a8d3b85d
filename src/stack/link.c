/* SPDX-License-Identifier: MIT */
/*
 * Ethernet under IP (RFC 894, RFC 2464): which frames are for us, to whom a packet goes next, and
 * what waits until that is known. A connection whose next hop is unknown is parked and builds
 * nothing; a packet of no connection is kept, whole, before it is cut into fragments. Called from
 * input.c, output.c and stack.c.
 */
#include "stack/link.h"

#include "base/bytes.h"
#include "tcp/internal.h"

#include <string.h>

/* ---- interfaces ---- */

static bool
has_identity(const struct estab_config *cfg)
{
    static const uint8_t none[32];

    return memcmp(cfg->identity, none, sizeof(none)) != 0;
}

static int
make_table(struct estab_stack *s)
{
    if (s->neighbours != NULL)
        return 0;
    s->neighbours = estab_arena_get(&s->arena, sizeof(*s->neighbours));
    if (s->neighbours == NULL)
        return -ESTAB_ENOMEM;
    if (estab_neigh_init(s->neighbours, &s->arena, &s->chunks,
                         (struct neigh_limits){ .resolved = s->cfg.max_neighbours,
                                                .unresolved = s->cfg.max_unresolved_neighbours,
                                                .queue_bytes = s->cfg.neighbour_queue_bytes },
                         estab_siphash_derive(s->cfg.secret, "neighbours"))) {
        s->key_delay = estab_siphash_derive(s->cfg.secret, "delays");
        s->key_iid = estab_siphash_derive(has_identity(&s->cfg) ? s->cfg.identity : s->cfg.secret,
                                          "interface identifiers");
        s->key_temporary = estab_siphash_derive(s->cfg.secret, "temporary addresses");
        return 0;
    }
    estab_arena_put(&s->arena, s->neighbours, sizeof(*s->neighbours));
    s->neighbours = NULL;
    return -ESTAB_ENOMEM;
}

int
estab_link_add(struct estab_stack *s, struct interface *i, const struct estab_link *link)
{
    struct ethernet *e;

    if (mac_is_group(link->mac) || mac_is_zero(link->mac) || link->vlan > 4094)
        return -ESTAB_EINVAL;
    if (make_table(s) < 0)
        return -ESTAB_ENOMEM;
    e = estab_arena_get(&s->arena, sizeof(*e));
    if (e == NULL)
        return -ESTAB_ENOMEM;
    memset(e, 0, sizeof(*e));
    memcpy(e->mac, link->mac, 6);
    e->vlan = link->vlan;
    e->header = link->vlan != 0 ? ETHER_HEADER_VLAN : ETHER_HEADER;
    e->mtu6 = link->mtu;
    e->solicit_at = e->report_at[0] = e->report_at[1] = ESTAB_NEVER;
    i->eth = e;
    return 0;
}

void
estab_link_free(struct estab_stack *s)
{
    uint32_t i;

    for (i = 0; i < s->interfaces; i++)
        if (s->interface[i].eth != NULL)
            estab_arena_put(&s->arena, s->interface[i].eth, sizeof(struct ethernet));
    if (s->neighbours == NULL)
        return;
    estab_neigh_fini(s->neighbours);
    estab_arena_put(&s->arena, s->neighbours, sizeof(*s->neighbours));
}

estab_time
estab_link_delay(struct estab_stack *s, estab_time most)
{
    uint8_t name[8];

    put_le64(name, s->delays++);
    return most / 1024 * (estab_time)(estab_siphash24(&s->key_delay, name, 8) & 1023);
}

/* ---- frames ---- */

enum seg_verdict
estab_link_open(const struct ethernet *e, const struct estab_frame *f, struct ether_frame *out)
{
    if (!estab_ether_parse(out, f->data, f->len))
        return SEG_DROP_LINK_HEADER;
    /* No station sends as a group or as nobody; one that sends as ourselves is a loop or a lie, and
     * gets no privilege from it. */
    if (mac_is_group(out->src) || mac_is_zero(out->src) || memcmp(out->src, e->mac, 6) == 0)
        return SEG_DROP_LINK_SOURCE;
    if (out->vlan != e->vlan)
        return SEG_DROP_LINK_VLAN;
    if (!mac_is_group(out->dst) && memcmp(out->dst, e->mac, 6) != 0)
        return SEG_DROP_LINK_NOT_OURS;
    if (out->type != ETHER_IPV4 && out->type != ETHER_IPV6 && out->type != ETHER_ARP)
        return SEG_DROP_LINK_TYPE;
    /* the version says the same as the type */
    if (out->type != ETHER_ARP &&
        (out->payload_len == 0 || out->payload[0] >> 4 != (out->type == ETHER_IPV4 ? 4 : 6)))
        return SEG_DROP_IP_VERSION;
    return SEG_CONTINUE;
}

uint32_t
estab_link_close(const struct ethernet *e, uint8_t *frame, uint32_t len, uint32_t cap,
                 const uint8_t mac[6], uint16_t type)
{
    len += estab_ether_write(frame, mac, e->mac, e->vlan, type);
    return estab_ether_pad(frame, len, cap);
}

bool
estab_link_is_control(const struct estab_stack *s, const struct ip_header *ip, unsigned ifindex)
{
    const struct ethernet *e = s->interface[ifindex].eth;
    uint8_t type = ip->payload_len > 0 ? ip->payload[0] : 0;

    if (e == NULL || estab_ip_is_multicast(ip->src, ip->addr_len) ||
        estab_ip_is_loopback(ip->src, ip->addr_len))
        return false;
    if (ip->version == 4)
        return ip->proto == IP_PROTO_IGMP && ip->dst[0] >> 4 == 14;
    if (ip->proto != IP_PROTO_ICMPV6 || !(nd_is_type(type) || type == MLD_QUERY))
        return false;
    if (ip->dst[0] == 0xff)
        return estab_group_is_member(e, ip->dst, 16);
    /* also an address that is not ours yet: somebody may tell us that it is his */
    return estab_ip_find_address((struct ip_routes *)(uintptr_t)&s->routes, ip->dst, 16, ifindex) !=
           NULL;
}

/* ---- next hops ---- */

/* What waits for neighbours is memory, and is told of as soon as it is more or less. */
void
estab_link_tell_memory(struct estab_stack *s)
{
    int64_t now = (int64_t)s->neighbours->queue_bytes;

    if (now == s->waiting_told)
        return;
    estab_trace_memory_of(s, NULL, ESTAB_MEM_WAITING, now - s->waiting_told);
    s->waiting_told = now;
}

static void
ask(struct estab_stack *s, struct neighbour *n, bool all)
{
    const uint8_t *source;

    if (n->addr_len == 16) {
        estab_nd_ask(s, n->ifindex, n->addr, all);
        return;
    }
    source = estab_ip_source(&s->routes, n->addr, 4, n->ifindex);
    if (source != NULL)
        estab_arp_ask(s, n->ifindex, n->addr, all ? NULL : n->mac, source, WHY_ARP_REQUEST);
}

static void
unpark(struct estab_stack *s, struct neighbour *n)
{
    while (!list_is_empty(&n->parked)) {
        struct link *l = n->parked.next;

        list_remove(l);
        list_append(&s->interface[n->ifindex].send, l);
    }
}

/* Questions that are due go to the front of what the interfaces have to send. */
static void
ask_what_is_due(struct estab_stack *s, estab_time now)
{
    struct neighbour *n;
    enum neigh_due due;

    while ((n = estab_neigh_expire(s->neighbours, now, &due)) != NULL) {
        switch (due) {
        case NEIGH_ASK_ALL:
        case NEIGH_ASK_ONE:
            ask(s, n, due == NEIGH_ASK_ALL);
            break;
        case NEIGH_GAVE_UP:
            estab_ip_doubt_gateway(&s->routes, n->addr, n->addr_len, n->ifindex, true);
            estab_redirect_forget(s, n->ifindex, n->addr_len, n->addr);
            estab_neigh_drop_queue(s->neighbours, n);
            unpark(s, n); /* estab_link_resolve() tells them */
            break;
        case NEIGH_LOST:
            estab_ip_doubt_gateway(&s->routes, n->addr, n->addr_len, n->ifindex, true);
            estab_redirect_forget(s, n->ifindex, n->addr_len, n->addr);
            estab_neigh_forget(s->neighbours, n);
            break;
        }
        estab_link_tell_memory(s);
    }
}

/* The packet of `len` octets that stands at `at` in the interface's reply ring waits for `n`. */
static void
keep(struct estab_stack *s, struct neighbour *n, uint32_t at, uint32_t len, uint8_t reason,
     uint8_t state)
{
    struct neigh_queued q = { .len = len, .reason = reason, .state = state };
    struct ring_span part[2];
    uint32_t end;

    if (!estab_neigh_queue_room(s->neighbours, n, (uint32_t)sizeof(q) + len)) {
        s->unreachable_drops++;
        estab_link_tell_memory(s);
        return;
    }
    estab_ring_spans(&s->interface[n->ifindex].replies, at, len, part);
    end = n->queue.used;
    estab_ring_write_at(&n->queue, end, &q, sizeof(q));
    end += (uint32_t)sizeof(q);
    estab_ring_write_at(&n->queue, end, part[0].data, part[0].len);
    estab_ring_write_at(&n->queue, end + part[0].len, part[1].data, part[1].len);
    estab_ring_publish(&n->queue, (uint32_t)sizeof(q) + len);
    n->waiting++;
    estab_link_tell_memory(s);
}

/* What waited for an address that is known now, as far as the ring has room. */
void
estab_link_refill(struct estab_stack *s, unsigned ifindex)
{
    struct interface *i = &s->interface[ifindex];

    while (!list_is_empty(&i->released)) {
        struct neighbour *n = CONTAINER(i->released.next, struct neighbour, out);

        for (; n->waiting > 0; n->waiting--) {
            struct neigh_queued q;
            struct ring_span part[2];

            estab_ring_read_at(&n->queue, 0, &q, sizeof(q));
            if (!estab_reply_fits(i, q.len))
                return;
            estab_ring_spans(&n->queue, sizeof(q), q.len, part);
            (void)estab_reply_parts(s, ifindex, part[0].data, part[0].len, part[1].data,
                                    part[1].len, (enum send_reason)q.reason, q.state);
            estab_ring_consume(&n->queue, (uint32_t)sizeof(q) + q.len);
        }
        estab_neigh_drop_queue(s->neighbours, n);
        estab_link_tell_memory(s);
    }
}

void
estab_link_release(struct estab_stack *s, struct neighbour *n)
{
    estab_ip_doubt_gateway(&s->routes, n->addr, n->addr_len, n->ifindex, false);
    unpark(s, n);
    if (n->waiting > 0 && n->out.next == NULL)
        list_append(&s->interface[n->ifindex].released, &n->out);
    estab_link_refill(s, n->ifindex);
}

static enum neigh_answer
resolve(struct estab_stack *s, unsigned ifindex, const uint8_t *dst, unsigned addr_len,
        uint8_t mac[6], estab_time now, struct neighbour **n)
{
    const uint8_t *hop;
    enum neigh_answer a;

    *n = NULL;
    if (estab_ip_is_broadcast(&s->routes, dst, addr_len)) {
        estab_ether_group(mac, dst, addr_len);
        return NEIGH_SEND;
    }
    hop = estab_ip_next_hop(&s->routes, dst, addr_len, ifindex);
    if (hop == NULL)
        return NEIGH_NOBODY;
    a = estab_neigh_use(s->neighbours, ifindex, hop, addr_len, now, n);
    estab_link_tell_memory(s); /* of another that had to make room */
    if (a == NEIGH_SEND)
        memcpy(mac, (*n)->mac, 6);
    return a;
}

bool
estab_link_resolve_packet(struct estab_stack *s, unsigned ifindex, const uint8_t *dst,
                          unsigned addr_len, uint32_t at, uint32_t len, uint8_t reason,
                          uint8_t state, uint8_t mac[6], estab_time now)
{
    struct interface *i = &s->interface[ifindex];
    struct neighbour *n;
    enum neigh_answer a = resolve(s, ifindex, dst, addr_len, mac, now, &n);

    if (a == NEIGH_SEND)
        return true;
    if (a == NEIGH_WAIT)
        keep(s, n, at, len, reason, state);
    else
        s->unreachable_drops++;
    i->fragment_at = 0;
    estab_ring_consume(&i->replies, at + len);
    if (a == NEIGH_WAIT)
        ask_what_is_due(s, now);
    return false;
}

bool
estab_link_resolve(struct estab_stack *s, struct conn *c, uint8_t mac[6], struct tcp_env *env)
{
    struct neighbour *n;
    enum neigh_answer a = resolve(s, c->ifindex, names_remote(&c->names, c->addr_len), c->addr_len,
                                  mac, env->now, &n);
    struct tcp_out out;
    bool any = false;
    tcp_seq seq = c->tcb.snd_una;

    if (a == NEIGH_SEND)
        return true;
    if (a == NEIGH_WAIT) {
        list_append(&n->parked, &c->send);
        ask_what_is_due(s, env->now);
        return false;
    }
    /* Nobody is there. What was to go counts as sent and lost, so that TCP's own timers decide how
     * long to go on; and it hears why, as from a router's host unreachable (RFC 1122 §2.4). */
    while (estab_tcp_next_segment(&c->tcb, env, &out)) {
        s->unreachable_drops++;
        any = true;
    }
    if (any)
        (void)estab_tcp_icmp_error(&c->tcb, env, seq, false, ESTAB_EHOSTUNREACH);
    estab_conn_update(s, c, env);
    /* what its window holds back waits for the next event, as in output() */
    if (c->send.next != NULL)
        list_remove(&c->send);
    return false;
}

void
estab_link_progress(struct estab_stack *s, const struct conn *c, estab_time now)
{
    const uint8_t *hop = estab_ip_next_hop(&s->routes, names_remote(&c->names, c->addr_len),
                                           c->addr_len, c->ifindex);
    struct neighbour *n = NULL;

    if (hop != NULL)
        n = estab_neigh_find(s->neighbours, c->ifindex, hop, c->addr_len);
    if (n != NULL)
        estab_neigh_confirm(s->neighbours, n, now);
}

/* ---- time ---- */

void
estab_link_tick(struct estab_stack *s, estab_time now)
{
    uint32_t i;

    if (s->neighbours == NULL)
        return;
    for (i = 1; i < s->interfaces; i++) {
        struct ethernet *e = s->interface[i].eth;

        if (e == NULL)
            continue;
        if (!e->started) {
            e->started = true;
            estab_addresses_start(s, i, now);
        }
    }
    estab_addresses_tick(s, now);
    for (i = 1; i < s->interfaces; i++)
        if (s->interface[i].eth != NULL)
            estab_groups_tick(s, i, now);
    ask_what_is_due(s, now);
}

estab_time
estab_link_deadline(struct estab_stack *s)
{
    estab_time at, other;
    uint32_t i;

    if (s->neighbours == NULL)
        return ESTAB_NEVER;
    at = estab_wheel_deadline_after(&s->neighbours->wheel, s->now);
    other = estab_addresses_deadline(s);
    at = other < at ? other : at;
    for (i = 1; i < s->interfaces; i++) {
        const struct ethernet *e = s->interface[i].eth;

        if (e == NULL)
            continue;
        if (!e->started)
            return s->now;
        other = estab_groups_deadline(e);
        at = other < at ? other : at;
        at = e->solicit_at < at ? e->solicit_at : at;
    }
    return at;
}
