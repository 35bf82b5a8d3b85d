/* SPDX-License-Identifier: MIT */
/*
 * Routes and addresses: RFC 1122 §3.2.1.3 (which addresses mean what), §3.3.1 (next hop), and the
 * part of RFC 6724 that a host with few addresses needs. Pure. Called from stack/.
 */
#include "ip/route.h"

#include "base/bytes.h"

#include <string.h>

static unsigned
octets_of(const struct estab_addr *addr)
{
    return addr->family == ESTAB_INET ? 4 : addr->family == ESTAB_INET6 ? 16 : 0;
}

/* Of sizes that the compiler knows: asked several times for each packet. */
static inline bool
is_same(const uint8_t *a, const uint8_t *b, unsigned addr_len)
{
    return addr_len == 4 ? memcmp(a, b, 4) == 0 : memcmp(a, b, 16) == 0;
}

static bool
prefix_matches(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0;
}

void
estab_ip_copy_prefix(uint8_t *out, const uint8_t *addr, unsigned addr_len, unsigned bits)
{
    unsigned whole = bits / 8;

    memset(out, 0, addr_len);
    memcpy(out, addr, whole);
    if (bits % 8 != 0)
        out[whole] = (uint8_t)(addr[whole] & 0xff00u >> bits % 8);
}

struct ip_prefix *
estab_ip_find_route(struct ip_routes *t, const uint8_t *prefix, unsigned addr_len,
                    unsigned prefix_len, unsigned ifindex, const uint8_t *gateway)
{
    uint32_t i;

    for (i = 0; i < t->routes; i++) {
        struct ip_prefix *r = &t->route[i];

        if (r->addr_len == addr_len && r->len == prefix_len && r->ifindex == ifindex &&
            memcmp(r->octets, prefix, addr_len) == 0 && r->has_gateway == (gateway != NULL) &&
            (gateway == NULL || memcmp(r->gateway, gateway, addr_len) == 0))
            return r;
    }
    return NULL;
}

/* The longest prefix first; of equal ones a router's preference (RFC 4191 §3.1). */
static bool
goes_before(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return a->len > b->len || (a->len == b->len && a->preference >= b->preference);
}

static int
insert_route(struct ip_routes *t, const struct ip_prefix *route)
{
    uint32_t at;

    if (t->routes == ROUTES_MAX)
        return -ESTAB_ENOBUFS;
    for (at = 0; at < t->routes && goes_before(&t->route[at], route); at++)
        ;
    memmove(&t->route[at + 1], &t->route[at], (t->routes - at) * sizeof(t->route[0]));
    t->route[at] = *route;
    t->routes++;
    return 0;
}

int
estab_ip_put_route(struct ip_routes *t, const struct ip_prefix *route)
{
    struct ip_prefix *old =
        estab_ip_find_route(t, route->octets, route->addr_len, route->len, route->ifindex,
                            route->has_gateway ? route->gateway : NULL);
    struct ip_prefix r = *route;

    if (old != NULL) {
        r.doubts = old->doubts;
        r.mtu = old->mtu;
        estab_ip_remove_route(t, old);
    }
    return insert_route(t, &r);
}

void
estab_ip_remove_route(struct ip_routes *t, struct ip_prefix *route)
{
    uint32_t at = (uint32_t)(route - t->route);

    t->routes--;
    memmove(route, route + 1, (t->routes - at) * sizeof(*route));
}

int
estab_ip_add_route(struct ip_routes *t, const struct estab_addr *prefix, unsigned prefix_len,
                   unsigned ifindex)
{
    unsigned n = octets_of(prefix);
    struct ip_prefix r = {
        .addr_len = (uint8_t)n,
        .len = (uint8_t)prefix_len,
        .ifindex = (uint8_t)ifindex,
        .until = ESTAB_NEVER,
    };

    if (n == 0 || prefix_len > n * 8)
        return -ESTAB_EINVAL;
    memcpy(r.octets, prefix->bytes, n);
    return insert_route(t, &r);
}

struct ip_address *
estab_ip_new_address(struct ip_routes *t, const uint8_t *addr, unsigned addr_len,
                     unsigned prefix_len, unsigned ifindex)
{
    struct ip_address *a;

    if (t->addresses == ADDRESSES_MAX)
        return NULL;
    a = &t->address[t->addresses++];
    *a = (struct ip_address){
        .addr_len = (uint8_t)addr_len,
        .len = (uint8_t)prefix_len,
        .ifindex = (uint8_t)ifindex,
        .send_at = ESTAB_NEVER,
        .defended_at = INT64_MIN / 2,
        .preferred_until = ESTAB_NEVER,
        .valid_until = ESTAB_NEVER,
    };
    memcpy(a->octets, addr, addr_len);
    return a;
}

int
estab_ip_add_address(struct ip_routes *t, const struct estab_addr *addr, unsigned prefix_len,
                     unsigned ifindex)
{
    unsigned n = octets_of(addr);
    int err;

    if (n == 0 || prefix_len > n * 8 || estab_ip_is_multicast(addr->bytes, n) ||
        estab_ip_is_unspecified(addr->bytes, n))
        return -ESTAB_EINVAL;
    if (t->addresses == ADDRESSES_MAX)
        return -ESTAB_ENOBUFS;
    err = estab_ip_add_route(t, addr, prefix_len, ifindex);
    if (err < 0)
        return err;
    (void)estab_ip_new_address(t, addr->bytes, n, prefix_len, ifindex);
    return 0;
}

struct ip_address *
estab_ip_find_address(struct ip_routes *t, const uint8_t *addr, unsigned addr_len, unsigned ifindex)
{
    uint32_t i;

    for (i = 0; i < t->addresses; i++)
        if (t->address[i].addr_len == addr_len &&
            memcmp(t->address[i].octets, addr, addr_len) == 0 &&
            (ifindex == 0 || t->address[i].ifindex == ifindex))
            return &t->address[i];
    return NULL;
}

void
estab_ip_remove_address(struct ip_routes *t, struct ip_address *a)
{
    uint32_t at = (uint32_t)(a - t->address), i;

    /* estab_ip_add_address() gave each address a route of its own */
    for (i = 0; i < t->routes; i++) {
        struct ip_prefix *r = &t->route[i];

        if (!a->autoconf && r->origin == ROUTE_USER && !r->has_gateway && r->len == a->len &&
            r->addr_len == a->addr_len && r->ifindex == a->ifindex &&
            memcmp(r->octets, a->octets, a->addr_len) == 0) {
            estab_ip_remove_route(t, r);
            break;
        }
    }
    t->addresses--;
    memmove(a, a + 1, (t->addresses - at) * sizeof(*a));
}

bool
estab_ip_is_multicast(const uint8_t *addr, unsigned addr_len)
{
    /* 224/4; and 240/4 but for the broadcast is no unicast address either (RFC 1112 §4) */
    return addr_len == 4 ? addr[0] >= 224 : addr[0] == 0xff;
}

bool
estab_ip_is_loopback(const uint8_t *addr, unsigned addr_len)
{
    static const uint8_t one[16] = { [15] = 1 };

    return addr_len == 4 ? addr[0] == 127 : memcmp(addr, one, 16) == 0;
}

bool
estab_ip_is_unspecified(const uint8_t *addr, unsigned addr_len)
{
    static const uint8_t zero[16];

    /* RFC 1122 §3.2.1.3: 0/8 means "this network" and is no destination */
    return addr_len == 4 ? addr[0] == 0 : memcmp(addr, zero, 16) == 0;
}

bool
estab_ip_is_ours(const struct ip_routes *t, const uint8_t *addr, unsigned addr_len)
{
    uint32_t i;

    for (i = 0; i < t->addresses; i++)
        if (t->address[i].addr_len == addr_len && t->address[i].state < ADDR_TENTATIVE &&
            is_same(t->address[i].octets, addr, addr_len))
            return true;
    return estab_ip_is_loopback(addr, addr_len);
}

bool
estab_ip_is_ours_on(const struct ip_routes *t, const uint8_t *addr, unsigned addr_len,
                    unsigned ifindex)
{
    uint32_t i;

    if (ifindex == 0)
        return estab_ip_is_ours(t, addr, addr_len);
    for (i = 0; i < t->addresses; i++)
        if (t->address[i].addr_len == addr_len && t->address[i].ifindex == ifindex &&
            t->address[i].state < ADDR_TENTATIVE && is_same(t->address[i].octets, addr, addr_len))
            return true;
    return false;
}

bool
estab_ip_is_broadcast(const struct ip_routes *t, const uint8_t *addr, unsigned addr_len)
{
    uint32_t i, a;

    if (estab_ip_is_multicast(addr, addr_len))
        return true;
    if (addr_len != 4)
        return false;
    a = get_be32(addr);
    for (i = 0; i < t->addresses; i++) {
        const struct ip_address *p = &t->address[i];
        uint32_t host_bits;

        if (p->addr_len != 4 || p->len >= 31)
            continue;
        host_bits = UINT32_MAX >> p->len;
        if (((a ^ get_be32(p->octets)) & ~host_bits) != 0)
            continue;
        if ((a & host_bits) == host_bits || (a & host_bits) == 0)
            return true;
    }
    return false;
}

int
estab_ip_route(const struct ip_routes *t, const uint8_t *dst, unsigned addr_len)
{
    const struct ip_prefix *best = NULL;
    uint32_t i;

    if (estab_ip_is_ours(t, dst, addr_len))
        return 0;
    /* the longest prefix; of equal ones the least doubted, then the first */
    for (i = 0; i < t->routes && (best == NULL || t->route[i].len == best->len); i++)
        if (t->route[i].addr_len == addr_len &&
            prefix_matches(t->route[i].octets, dst, t->route[i].len) &&
            (best == NULL || t->route[i].doubts < best->doubts))
            best = &t->route[i];
    return best != NULL ? best->ifindex : -ESTAB_ENETUNREACH;
}

void
estab_ip_doubt(struct ip_routes *t, const uint8_t *dst, unsigned addr_len, unsigned ifindex)
{
    uint32_t i;

    for (i = 0; i < t->routes; i++) {
        struct ip_prefix *r = &t->route[i];

        if (r->addr_len != addr_len || r->ifindex != ifindex ||
            !prefix_matches(r->octets, dst, r->len))
            continue;
        if (r->doubts < UINT32_MAX)
            r->doubts++;
        return;
    }
}

void
estab_ip_doubt_gateway(struct ip_routes *t, const uint8_t *gateway, unsigned addr_len,
                       unsigned ifindex, bool doubt)
{
    uint32_t i;

    for (i = 0; i < t->routes; i++) {
        struct ip_prefix *r = &t->route[i];

        if (!r->has_gateway || r->addr_len != addr_len || r->ifindex != ifindex ||
            memcmp(r->gateway, gateway, addr_len) != 0)
            continue;
        if (!doubt)
            r->doubts = 0;
        else if (r->doubts < UINT32_MAX)
            r->doubts++;
    }
}

/* The route that a packet for `dst` takes on that interface, or NULL. */
static const struct ip_prefix *
route_towards(const struct ip_routes *t, const uint8_t *dst, unsigned addr_len, unsigned ifindex)
{
    const struct ip_prefix *best = NULL;
    uint32_t i;

    for (i = 0; i < t->routes && (best == NULL || t->route[i].len == best->len); i++) {
        const struct ip_prefix *r = &t->route[i];

        if (r->addr_len == addr_len && r->ifindex == ifindex &&
            prefix_matches(r->octets, dst, r->len) && (best == NULL || r->doubts < best->doubts))
            best = r;
    }
    return best;
}

const uint8_t *
estab_ip_next_hop(const struct ip_routes *t, const uint8_t *dst, unsigned addr_len,
                  unsigned ifindex)
{
    const struct ip_prefix *r;

    /* these never have a gateway (RFC 4291 §2.5.6) */
    if (estab_ip_is_link_local(dst, addr_len) || estab_ip_is_multicast(dst, addr_len))
        return dst;
    r = route_towards(t, dst, addr_len, ifindex);
    return r == NULL ? NULL : r->has_gateway ? r->gateway : dst;
}

uint32_t
estab_ip_route_mtu(const struct ip_routes *t, const uint8_t *dst, unsigned addr_len,
                   unsigned ifindex)
{
    const struct ip_prefix *r = t->narrow ? route_towards(t, dst, addr_len, ifindex) : NULL;

    return r == NULL ? 0 : r->mtu;
}

bool
estab_ip_is_link_local(const uint8_t *addr, unsigned addr_len)
{
    return addr_len == 16 ? addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80
                          : addr[0] == 169 && addr[1] == 254;
}

/* RFC 6724 §3.1: loopback and link-local are 2, global is 14; a multicast address tells its own. */
static unsigned
scope_of(const uint8_t *addr, unsigned addr_len)
{
    if (addr_len == 16 && addr[0] == 0xff)
        return addr[1] & 15u;
    if (addr_len == 16 && addr[0] == 0xfe && (addr[1] & 0xc0) == 0xc0)
        return 5; /* the site-local addresses of old */
    return estab_ip_is_link_local(addr, addr_len) || estab_ip_is_loopback(addr, addr_len) ? 2 : 14;
}

/* RFC 6724 §2.1: the labels of the default policy table. */
static unsigned
label_of(const uint8_t *addr, unsigned addr_len)
{
    static const struct {
        uint8_t octets[16];
        uint8_t len, label;
    } table[] = {
        { { [15] = 1 }, 128, 0 },   { { [10] = 0xff, [11] = 0xff }, 96, 4 },
        { { 0 }, 96, 3 },           { { 0x20, 0x01 }, 32, 5 },
        { { 0x20, 0x02 }, 16, 2 },  { { 0x3f, 0xfe }, 16, 12 },
        { { 0xfe, 0xc0 }, 10, 11 }, { { 0xfc }, 7, 13 },
    };
    unsigned i;

    if (addr_len == 4)
        return 4;
    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (prefix_matches(table[i].octets, addr, table[i].len))
            return table[i].label;
    return 1;
}

static unsigned
common_bits(const uint8_t *a, const uint8_t *b, unsigned most)
{
    unsigned n;

    for (n = 0; n < most && prefix_matches(a, b, n + 1); n++)
        ;
    return n;
}

static bool
is_advert(const struct ip_advert *a, const uint8_t *router, const uint8_t *prefix, unsigned ifindex)
{
    return a->ifindex == ifindex && memcmp(a->prefix, prefix, 8) == 0 &&
           memcmp(a->router, router, 16) == 0;
}

static void
forget_advert(struct ip_routes *t, uint32_t i)
{
    t->adverts--;
    memmove(&t->advert[i], &t->advert[i + 1], (t->adverts - i) * sizeof(t->advert[0]));
}

void
estab_ip_advert(struct ip_routes *t, const uint8_t router[16], const uint8_t prefix[8],
                unsigned ifindex, bool valid)
{
    uint32_t i;

    for (i = 0; i < t->adverts; i++)
        if (is_advert(&t->advert[i], router, prefix, ifindex)) {
            forget_advert(t, i);
            break;
        }
    if (!valid)
        return;
    /* limit: the one heard longest ago goes */
    if (t->adverts == ADVERTS_MAX)
        forget_advert(t, 0);
    t->advert[t->adverts] = (struct ip_advert){ .ifindex = (uint8_t)ifindex };
    memcpy(t->advert[t->adverts].router, router, 16);
    memcpy(t->advert[t->adverts].prefix, prefix, 8);
    t->adverts++;
}

/* Has the router `hop` given the prefix of `a`? */
static bool
is_of_router(const struct ip_routes *t, const struct ip_address *a, const uint8_t *hop)
{
    uint32_t i;

    for (i = 0; hop != NULL && a->addr_len == 16 && i < t->adverts; i++)
        if (is_advert(&t->advert[i], hop, a->octets, a->ifindex))
            return true;
    return false;
}

/* RFC 6724 §5 (RFC6724-SRC): is `a` the better source? The first rule that tells them apart
 * decides. Rules 4 (home addresses) and 5 (interface: the caller's) do not arise. `hop`: the way. */
static bool
is_better_source(const struct ip_routes *t, const struct ip_address *a, const struct ip_address *b,
                 const uint8_t *dst, const uint8_t *hop)
{
    unsigned n = a->addr_len, sa = scope_of(a->octets, n), sb = scope_of(b->octets, n),
             sd = scope_of(dst, n), la, lb, ld;
    bool is_dst = memcmp(a->octets, dst, n) == 0, of_router = is_of_router(t, a, hop);

    if (is_dst != (memcmp(b->octets, dst, n) == 0)) /* 1 */
        return is_dst;
    if (sa != sb) /* 2 */
        return sa < sb ? sa >= sd : sb < sd;
    if (a->state != b->state) /* 3 */
        return a->state == ADDR_PREFERRED;
    if (of_router != is_of_router(t, b, hop)) /* 5.5 */
        return of_router;
    la = label_of(a->octets, n);
    lb = label_of(b->octets, n);
    ld = label_of(dst, n);
    if ((la == ld) != (lb == ld)) /* 6 */
        return la == ld;
    if (a->temporary != b->temporary) /* 7 */
        return a->temporary;
    return common_bits(a->octets, dst, a->len) > common_bits(b->octets, dst, b->len); /* 8 */
}

const uint8_t *
estab_ip_source(const struct ip_routes *t, const uint8_t *dst, unsigned addr_len, unsigned ifindex)
{
    const struct ip_address *best = NULL;
    const uint8_t *hop = NULL;
    uint32_t i;

    if (ifindex == 0)
        return dst; /* to ourselves, from the same address */
    if (addr_len == 16 && t->adverts > 0)
        hop = estab_ip_next_hop(t, dst, addr_len, ifindex);
    for (i = 0; i < t->addresses; i++) {
        const struct ip_address *a = &t->address[i];

        if (a->addr_len != addr_len || a->ifindex != ifindex || a->state >= ADDR_TENTATIVE)
            continue;
        if (best == NULL || is_better_source(t, a, best, dst, hop))
            best = a;
    }
    return best != NULL ? best->octets : NULL;
}
