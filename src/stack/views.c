/* SPDX-License-Identifier: MIT */
/*
 * What a host shows of itself: its interfaces and its routes, as include/estab/stack.h has them; and
 * the hardware address that a secret makes. Nothing here changes anything. Addresses and neighbours are told by addresses.c.
 */
#include "stack/link.h"

#include "base/bytes.h"

#include <string.h>

void
estab_link_make_mac(uint8_t mac[6], const uint8_t secret[32], const char *name)
{
    struct siphash_key key = estab_siphash_derive(secret, "hardware addresses");
    uint8_t octets[8];

    put_le64(octets, estab_siphash24(&key, name, strlen(name)));
    memcpy(mac, octets, 6);
    mac[0] = (uint8_t)((mac[0] & 0xfc) | 2); /* IEEE 802: one station's, locally administered */
}

bool
estab_stack_next_link(const struct estab_stack *s, uint64_t *cursor, struct estab_link_info *out)
{
    const struct interface *i;
    unsigned ifindex;

    if (*cursor >= s->interfaces)
        return false;
    ifindex = (unsigned)(*cursor)++;
    i = &s->interface[ifindex];
    *out = (struct estab_link_info){
        .ifindex = ifindex,
        .link = i->link,
        .mtu6 = estab_link_mtu(i, 16),
        .packets_in = i->packets_in,
        .packets_out = i->packets_out,
        .octets_in = i->octets_in,
        .octets_out = i->octets_out,
        .queued = i->replies.used,
    };
    return true;
}

/* A route has the octets that it was given; only those of the prefix mean anything. */
static void
copy_prefix(struct estab_addr *out, const struct ip_prefix *r)
{
    out->family = r->addr_len == 4 ? ESTAB_INET : ESTAB_INET6;
    estab_ip_copy_prefix(out->bytes, r->octets, r->addr_len, r->len);
}

/* estab_ip_add_address() gives each address a route of its own, with all of its octets. */
static bool
is_of_address(const struct ip_routes *t, const struct ip_prefix *r)
{
    uint32_t i;

    if (r->has_gateway || r->origin != ROUTE_USER)
        return false;
    for (i = 0; i < t->addresses; i++) {
        const struct ip_address *a = &t->address[i];

        if (a->addr_len == r->addr_len && a->len == r->len && a->ifindex == r->ifindex &&
            memcmp(a->octets, r->octets, r->addr_len) == 0)
            return true;
    }
    return r->addr_len == 16 && r->len == 64 && estab_ip_is_link_local(r->octets, 16);
}

bool
estab_stack_next_route(const struct estab_stack *s, uint64_t *cursor, struct estab_route_info *out)
{
    const struct ip_prefix *r;

    if (*cursor >= s->routes.routes)
        return false;
    r = &s->routes.route[(*cursor)++];
    *out = (struct estab_route_info){
        .prefix_len = r->len,
        .ifindex = r->ifindex,
        .origin = is_of_address(&s->routes, r) ? (uint8_t)ESTAB_ROUTE_ADDRESS : r->origin,
        .preference = r->preference,
        .mtu = r->mtu,
        .doubts = r->doubts,
        .until = r->until,
    };
    copy_prefix(&out->prefix, r);
    if (r->has_gateway) {
        out->gateway.family = out->prefix.family;
        memcpy(out->gateway.bytes, r->gateway, r->addr_len);
    }
    return true;
}
