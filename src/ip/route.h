/* SPDX-License-Identifier: MIT */
/*
 * Addresses and routes of one host: bounded arrays, longest prefix first. Used by stack/ for
 * "is this packet for us", "which way" and "from which address" (RFC 1122 §3.3.1, RFC 6724).
 */
#ifndef IP_ROUTE_H
#define IP_ROUTE_H

#include "estab/addr.h"
#include "estab/err.h"

#include <stdbool.h>
#include <stdint.h>

#define ADDRESSES_MAX 64
#define ROUTES_MAX 256

struct ip_prefix {
    uint8_t octets[16];
    uint8_t addr_len; /* 4 or 16 */
    uint8_t len;      /* bits */
    uint8_t ifindex;
    uint32_t doubts; /* how often TCP got no answer that way */
};

struct ip_routes {
    uint32_t addresses, routes;
    struct ip_prefix address[ADDRESSES_MAX]; /* whole address; len is that of its network */
    struct ip_prefix route[ROUTES_MAX];      /* longest prefix first */
};

int estab_ip_add_address(struct ip_routes *t, const struct estab_addr *addr, unsigned prefix_len,
                         unsigned ifindex);
int estab_ip_add_route(struct ip_routes *t, const struct estab_addr *prefix, unsigned prefix_len,
                       unsigned ifindex);

/* Is it an address of this host? 127/8 and ::1 always are. */
bool estab_ip_is_ours(const struct ip_routes *t, const uint8_t *addr, unsigned addr_len);
/* Is it an address of that interface of this host? Any of ours is one of the loopback, 0. */
bool estab_ip_is_ours_on(const struct ip_routes *t, const uint8_t *addr, unsigned addr_len,
                         unsigned ifindex);
/* All-ones or network broadcast of one of our networks (IPv4), or multicast. */
bool estab_ip_is_broadcast(const struct ip_routes *t, const uint8_t *addr, unsigned addr_len);
bool estab_ip_is_multicast(const uint8_t *addr, unsigned addr_len);
bool estab_ip_is_loopback(const uint8_t *addr, unsigned addr_len);
bool estab_ip_is_unspecified(const uint8_t *addr, unsigned addr_len);
/* The interface towards `dst`; 0: loopback, that is ourselves; negative: no route. */
int estab_ip_route(const struct ip_routes *t, const uint8_t *dst, unsigned addr_len);
/* Advice of TCP: several retransmissions towards `dst` on that interface met no answer (RFC 9293
 * §3.8.3, R1). Where another route is as good, it is the next connection's (RFC 1122 §3.3.1.4). */
void estab_ip_doubt(struct ip_routes *t, const uint8_t *dst, unsigned addr_len, unsigned ifindex);
/* The address of ours to use towards `dst` on that interface; NULL: none. */
const uint8_t *estab_ip_source(const struct ip_routes *t, const uint8_t *dst, unsigned addr_len,
                               unsigned ifindex);

#endif
