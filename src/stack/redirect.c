/* SPDX-License-Identifier: MIT */
/*
 * Redirects: the router in use names a better next hop for one destination (RFC 4861 §8, RFC 792,
 * RFC 1122 §3.2.2.2, §3.3.1.2). Acted on only where accept_redirects says so, and then as a route
 * to that destination alone, whatever the message says of networks, for ten minutes. Called from
 * nd.c and icmp_input.c.
 */
#include "stack/link.h"

#include "base/bytes.h"

#include <string.h>

#define REDIRECT_LIFE ESTAB_SEC(600)

/* Can `target` be the next hop for `dst`, or `dst` itself, on that link? */
static bool
may_be_next(const struct estab_stack *s, unsigned ifindex, unsigned addr_len, const uint8_t *dst,
            const uint8_t *target)
{
    const struct ip_routes *t = &s->routes;
    const uint8_t *hop;

    if (estab_ip_find_address((struct ip_routes *)(uintptr_t)t, target, addr_len, 0) != NULL ||
        estab_ip_is_ours(t, dst, addr_len) || estab_ip_is_broadcast(t, dst, addr_len))
        return false;
    /* RFC 4861 §8.1, which the message was read by: a link-local address, or the destination's */
    if (addr_len == 16)
        return true;
    /* (RFC1122-3.3.1.2) an address of a host of this network, reached without a gateway */
    hop = estab_ip_next_hop(t, target, 4, ifindex);
    return hop == target && !estab_ip_is_loopback(target, 4) &&
           !estab_ip_is_unspecified(target, 4) && !estab_ip_is_broadcast(t, target, 4);
}

bool
estab_redirect(struct estab_stack *s, unsigned ifindex, unsigned addr_len, const uint8_t *router,
               const uint8_t *dst, const uint8_t *target, estab_time now)
{
    struct ip_routes *t = &s->routes;
    const uint8_t *hop = estab_ip_next_hop(t, dst, addr_len, ifindex);
    struct ip_prefix r = { .addr_len = (uint8_t)addr_len,
                           .len = (uint8_t)(addr_len * 8),
                           .ifindex = (uint8_t)ifindex,
                           .origin = ROUTE_REDIRECT,
                           .until = now + REDIRECT_LIFE };
    struct ip_prefix *oldest = NULL;
    uint32_t i, n = 0;

    /* (RFC1122-3.3.1.2) only from the router that we use for that destination now, only if the user
     * wants to be led, and not to that router again */
    if (!s->cfg.accept_redirects || hop == NULL || memcmp(hop, router, addr_len) != 0 ||
        memcmp(target, router, addr_len) == 0 || !may_be_next(s, ifindex, addr_len, dst, target))
        return false;
    memcpy(r.octets, dst, addr_len);
    r.has_gateway = memcmp(target, dst, addr_len) != 0;
    if (r.has_gateway)
        memcpy(r.gateway, target, addr_len);
    for (i = 0; i < t->routes; i++) {
        struct ip_prefix *old = &t->route[i];

        if (old->origin != ROUTE_REDIRECT)
            continue;
        n++;
        /* one for each destination; limit: 16, the oldest goes */
        if (old->addr_len == addr_len && memcmp(old->octets, dst, addr_len) == 0) {
            estab_ip_remove_route(t, old);
            oldest = NULL;
            n = 0;
            break;
        }
        if (oldest == NULL || old->until < oldest->until)
            oldest = old;
    }
    if (n >= REDIRECTS_MAX)
        estab_ip_remove_route(t, oldest);
    return estab_ip_put_route(t, &r) >= 0;
}

void
estab_redirect_forget(struct estab_stack *s, unsigned ifindex, unsigned addr_len,
                      const uint8_t *hop)
{
    struct ip_routes *t = &s->routes;
    uint32_t i;

    for (i = 0; i < t->routes;) {
        struct ip_prefix *r = &t->route[i];

        if (r->origin == ROUTE_REDIRECT && r->ifindex == ifindex && r->addr_len == addr_len &&
            memcmp(r->has_gateway ? r->gateway : r->octets, hop, addr_len) == 0)
            estab_ip_remove_route(t, r);
        else
            i++;
    }
}

enum seg_verdict
estab_redirect_input(struct estab_stack *s, const struct icmp_message *m,
                     const struct ip_header *ip, unsigned ifindex, estab_time now)
{
    struct icmp_quote q;

    if (!s->cfg.accept_redirects || s->interface[ifindex].eth == NULL)
        return SEG_DROP_ICMP_UNKNOWN;
    /* It quotes a packet of ours that went there lately, as any error that is believed: to know
     * the router's address is not enough. */
    if (!estab_icmp_quote(&q, m, 4) ||
        estab_ip_find_address(&s->routes, q.src, 4, ifindex) == NULL ||
        !estab_icmp_quotes_ours(s, &q))
        return SEG_DROP_ICMP_UNRELATED;
    return estab_redirect(s, ifindex, 4, ip->src, q.dst, m->gateway, now) ? SEG_ACCEPTED_REDIRECT
                                                                          : SEG_DROP_ICMP_UNRELATED;
}
