/* SPDX-License-Identifier: MIT */
/*
 * Routes and addresses: RFC 1122 §3.2.1.3 (which addresses mean what), §3.3.1 (next hop), and the
 * part of RFC 6724 that a host with few addresses needs. Pure. Called from stack/.
 */
#include "ip/route.h"

#include <string.h>

static unsigned
octets_of(const struct estab_addr *addr)
{
    return addr->family == ESTAB_INET ? 4 : addr->family == ESTAB_INET6 ? 16 : 0;
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

int
estab_ip_add_route(struct ip_routes *t, const struct estab_addr *prefix, unsigned prefix_len,
                   unsigned ifindex)
{
    unsigned n = octets_of(prefix);
    uint32_t at;

    if (n == 0 || prefix_len > n * 8)
        return -ESTAB_EINVAL;
    if (t->routes == ROUTES_MAX)
        return -ESTAB_ENOBUFS;
    for (at = 0; at < t->routes && t->route[at].len >= prefix_len; at++)
        ;
    memmove(&t->route[at + 1], &t->route[at], (t->routes - at) * sizeof(t->route[0]));
    t->route[at] = (struct ip_prefix){
        .addr_len = (uint8_t)n,
        .len = (uint8_t)prefix_len,
        .ifindex = (uint8_t)ifindex,
    };
    memcpy(t->route[at].octets, prefix->bytes, n);
    t->routes++;
    return 0;
}

int
estab_ip_add_address(struct ip_routes *t, const struct estab_addr *addr, unsigned prefix_len,
                     unsigned ifindex)
{
    unsigned n = octets_of(addr);
    struct ip_prefix *p;
    int err;

    if (n == 0 || prefix_len > n * 8 || estab_ip_is_multicast(addr->bytes, n) ||
        estab_ip_is_unspecified(addr->bytes, n))
        return -ESTAB_EINVAL;
    if (t->addresses == ADDRESSES_MAX)
        return -ESTAB_ENOBUFS;
    err = estab_ip_add_route(t, addr, prefix_len, ifindex);
    if (err < 0)
        return err;
    p = &t->address[t->addresses++];
    *p = (struct ip_prefix){
        .addr_len = (uint8_t)n,
        .len = (uint8_t)prefix_len,
        .ifindex = (uint8_t)ifindex,
    };
    memcpy(p->octets, addr->bytes, n);
    return 0;
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
        if (t->address[i].addr_len == addr_len && memcmp(t->address[i].octets, addr, addr_len) == 0)
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
            memcmp(t->address[i].octets, addr, addr_len) == 0)
            return true;
    return false;
}

bool
estab_ip_is_broadcast(const struct ip_routes *t, const uint8_t *addr, unsigned addr_len)
{
    uint32_t i;

    if (estab_ip_is_multicast(addr, addr_len))
        return true;
    if (addr_len != 4)
        return false;
    for (i = 0; i < t->addresses; i++) {
        const struct ip_prefix *p = &t->address[i];
        uint32_t host_bits, a;

        if (p->addr_len != 4 || p->len >= 31 || !prefix_matches(p->octets, addr, p->len))
            continue;
        host_bits = UINT32_MAX >> p->len;
        a = (uint32_t)addr[0] << 24 | (uint32_t)addr[1] << 16 | (uint32_t)addr[2] << 8 | addr[3];
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

static bool
is_link_local(const uint8_t *addr, unsigned addr_len)
{
    return addr_len == 16 && addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

const uint8_t *
estab_ip_source(const struct ip_routes *t, const uint8_t *dst, unsigned addr_len, unsigned ifindex)
{
    const struct ip_prefix *best = NULL;
    unsigned best_rank = 0;
    uint32_t i;

    if (ifindex == 0)
        return dst; /* to ourselves, from the same address */
    for (i = 0; i < t->addresses; i++) {
        const struct ip_prefix *p = &t->address[i];
        unsigned rank;

        if (p->addr_len != addr_len || p->ifindex != ifindex)
            continue;
        /* RFC 6724 §5, rule 2 (same scope) before rule 8 (longest matching prefix) */
        rank = 1;
        if (is_link_local(p->octets, addr_len) == is_link_local(dst, addr_len))
            rank += 1000;
        if (prefix_matches(p->octets, dst, p->len))
            rank += 1 + p->len;
        if (rank > best_rank) {
            best_rank = rank;
            best = p;
        }
    }
    return best != NULL ? best->octets : NULL;
}
