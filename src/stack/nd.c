/* SPDX-License-Identifier: MIT */
/*
 * Neighbour discovery for IPv6 (RFC 4861 §7, §8) of a host: solicitations are answered,
 * advertisements move the cache, redirects may move a route. What routers advertise goes to
 * addresses.c. Called from icmp_input.c, link.c and addresses.c.
 */
#include "stack/link.h"

#include <string.h>

static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 }, all_routers[16] = { 0xff, 2, [15] = 2 },
                     nobody[16];

static void
send(struct estab_stack *s, unsigned ifindex, const struct nd_message *m, const uint8_t *src,
     const uint8_t *dst, enum send_reason why)
{
    uint8_t packet[40 + ND_MESSAGE_MAX];
    uint32_t len = estab_nd_write(packet + 40, m, src, dst);

    (void)estab_ip_write(packet, 6, IP_PROTO_ICMPV6, 255, 0, src, dst, 0, len);
    (void)estab_reply_packet(s, ifindex, packet, 40 + len, why, TCPS_CLOSED);
}

void
estab_nd_ask(struct estab_stack *s, unsigned ifindex, const uint8_t target[16], bool all)
{
    const struct ethernet *e = s->interface[ifindex].eth;
    struct nd_message m = { .type = ND_NEIGHBOUR_SOLICIT, .target = target, .link = e->mac };
    const uint8_t *src = estab_ip_source(&s->routes, target, 16, ifindex);
    uint8_t group[16];

    if (src == NULL)
        return;
    estab_nd_solicited_node(group, target);
    send(s, ifindex, &m, src, all ? group : target, WHY_ND_SOLICIT);
}

void
estab_nd_probe(struct estab_stack *s, unsigned ifindex, const uint8_t target[16])
{
    struct nd_message m = { .type = ND_NEIGHBOUR_SOLICIT, .target = target };
    uint8_t group[16];

    estab_nd_solicited_node(group, target);
    send(s, ifindex, &m, nobody, group, WHY_ND_DAD);
}

static void
advertise(struct estab_stack *s, unsigned ifindex, const uint8_t addr[16], const uint8_t *to)
{
    const struct ethernet *e = s->interface[ifindex].eth;
    struct nd_message m = { .type = ND_NEIGHBOUR_ADVERT,
                            .target = addr,
                            .link = e->mac,
                            .solicited = to[0] != 0xff,
                            .override = true };

    send(s, ifindex, &m, addr, to, WHY_ND_ADVERTISE);
}

void
estab_nd_announce(struct estab_stack *s, unsigned ifindex, const uint8_t addr[16])
{
    advertise(s, ifindex, addr, all_nodes);
}

void
estab_nd_ask_routers(struct estab_stack *s, unsigned ifindex)
{
    const struct ethernet *e = s->interface[ifindex].eth;
    struct nd_message m = { .type = ND_ROUTER_SOLICIT };
    const uint8_t *src = estab_ip_source(&s->routes, all_routers, 16, ifindex);

    if (src != NULL)
        m.link = e->mac;
    send(s, ifindex, &m, src != NULL ? src : nobody, all_routers, WHY_ND_ROUTER_SOLICIT);
}

static void
learn(struct estab_stack *s, unsigned ifindex, const uint8_t *addr, const uint8_t *mac, bool router,
      estab_time now)
{
    const struct ethernet *e = s->interface[ifindex].eth;
    struct neighbour *n;

    if (mac == NULL || mac_is_group(mac) || mac_is_zero(mac) || memcmp(mac, e->mac, 6) == 0)
        n = estab_neigh_find(s->neighbours, ifindex, addr, 16);
    else if (estab_neigh_learn(s->neighbours, ifindex, addr, mac, now, &n))
        estab_link_release(s, n);
    estab_link_tell_memory(s);
    /* RFC 4861 §6.3.4: also where he does not name his hardware address */
    if (n != NULL && router)
        n->router = true;
}

/* RFC 4861 §7.2.3, RFC 4862 §5.4.3 */
static enum seg_verdict
solicited(struct estab_stack *s, const struct nd_message *m, const struct ip_header *ip,
          unsigned ifindex, estab_time now)
{
    struct ip_address *a = estab_ip_find_address(&s->routes, m->target, 16, ifindex);
    bool anonymous = estab_ip_is_unspecified(ip->src, 16);

    if (a == NULL || a->state == ADDR_DUPLICATE)
        return SEG_DROP_ND_UNASKED;
    if (a->state == ADDR_TENTATIVE) {
        if (!anonymous)
            return SEG_DROP_ND_UNASKED; /* he only looks for it */
        estab_address_conflict(s, a, now);
        return SEG_DROP_ND_CONFLICT;
    }
    if (!rate_allows(&s->arp_rate, s->cfg.arp_per_second, now))
        return SEG_DROP_RATE_LIMIT;
    if (!anonymous)
        learn(s, ifindex, ip->src, m->link, false, now);
    advertise(s, ifindex, m->target, anonymous ? all_nodes : ip->src);
    return SEG_ACCEPTED_ND;
}

/* RFC 4861 §7.2.5: a router that says it is one no more is no gateway any longer. */
static void
forget_router(struct estab_stack *s, unsigned ifindex, const uint8_t *router)
{
    uint32_t i;

    for (i = 0; i < s->routes.routes;) {
        struct ip_prefix *r = &s->routes.route[i];

        if (r->origin == ROUTE_ROUTER && r->has_gateway && r->ifindex == ifindex &&
            memcmp(r->gateway, router, 16) == 0)
            estab_ip_remove_route(&s->routes, r);
        else
            i++;
    }
}

static enum seg_verdict
advertised(struct estab_stack *s, const struct nd_message *m, unsigned ifindex, estab_time now)
{
    const struct ethernet *e = s->interface[ifindex].eth;
    struct ip_address *a = estab_ip_find_address(&s->routes, m->target, 16, ifindex);
    struct neighbour *n;
    bool was_router, taken;

    if (a != NULL) {
        /* RFC 4862 §5.4.4 */
        estab_address_conflict(s, a, now);
        return SEG_DROP_ND_CONFLICT;
    }
    if (m->link != NULL &&
        (mac_is_group(m->link) || mac_is_zero(m->link) || memcmp(m->link, e->mac, 6) == 0))
        return SEG_DROP_LINK_SOURCE;
    n = estab_neigh_find(s->neighbours, ifindex, m->target, 16);
    if (n == NULL)
        return SEG_DROP_ND_UNASKED;
    was_router = n->router;
    if (estab_neigh_advert(s->neighbours, n, m->link, m->solicited, m->override, m->router, now,
                           &taken))
        estab_link_release(s, n);
    if (was_router && !n->router)
        forget_router(s, ifindex, n->addr);
    return taken ? SEG_ACCEPTED_ND : SEG_DROP_ND_UNASKED;
}

/* RFC 4861 §8.3 */
static enum seg_verdict
redirected(struct estab_stack *s, const struct nd_message *m, const struct ip_header *ip,
           unsigned ifindex, estab_time now)
{
    if (!estab_redirect(s, ifindex, 16, ip->src, m->dst, m->target, now))
        return SEG_DROP_ND_UNASKED;
    learn(s, ifindex, m->target, m->link, memcmp(m->target, m->dst, 16) != 0, now);
    return SEG_ACCEPTED_ND;
}

enum seg_verdict
estab_nd_input(struct estab_stack *s, const struct ip_header *ip, unsigned ifindex, estab_time now)
{
    struct nd_message m;
    enum seg_verdict v = (enum seg_verdict)estab_nd_parse(&m, ip);

    if (v != SEG_CONTINUE)
        return v;
    switch (m.type) {
    case ND_NEIGHBOUR_SOLICIT:
        return solicited(s, &m, ip, ifindex, now);
    case ND_NEIGHBOUR_ADVERT:
        return advertised(s, &m, ifindex, now);
    case ND_ROUTER_ADVERT:
        if (!s->interface[ifindex].link.autoconf)
            return SEG_DROP_ND_UNASKED;
        learn(s, ifindex, ip->src, m.link, true, now);
        estab_addresses_router(s, ifindex, &m, ip->src, now);
        return SEG_ACCEPTED_ND;
    case ND_REDIRECT:
        return redirected(s, &m, ip, ifindex, now);
    default:
        return SEG_DROP_ND_UNASKED; /* RFC 4861 §6.2.6: hosts do not answer router solicitations */
    }
}
