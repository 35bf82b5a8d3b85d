/* SPDX-License-Identifier: MIT */
/*
 * Addresses and routes of one host: bounded arrays, longest prefix first. Used by stack/ for
 * "is this packet for us", "which way" and "from which address" (RFC 1122 §3.3.1, RFC 6724).
 */
#ifndef IP_ROUTE_H
#define IP_ROUTE_H

#include "estab/addr.h"
#include "estab/err.h"
#include "estab/time.h"

#include <stdbool.h>
#include <stdint.h>

#define ADDRESSES_MAX 64
#define ROUTES_MAX 256

/* Who made a route. */
enum route_origin { ROUTE_USER, ROUTE_ADDRESS, ROUTE_ROUTER, ROUTE_REDIRECT };

struct ip_prefix {
    uint8_t octets[16];
    uint8_t addr_len; /* 4 or 16 */
    uint8_t len;      /* bits */
    uint8_t ifindex;
    uint8_t origin;      /* enum route_origin */
    bool has_gateway;    /* else what it covers is on the link */
    int8_t preference;   /* of a router (RFC 4191 §2.1) */
    uint16_t mtu;        /* octets of the largest packet that way; 0: what the link takes */
    uint32_t doubts;     /* how often TCP got no answer that way */
    uint8_t gateway[16]; /* the next hop */
    estab_time until;    /* of ROUTE_ROUTER and ROUTE_REDIRECT; ESTAB_NEVER */
};

/* RFC 4862 §5.4, §5.5.4. Only the first two are ours to use. */
enum addr_state { ADDR_PREFERRED, ADDR_DEPRECATED, ADDR_TENTATIVE, ADDR_DUPLICATE };

struct ip_address {
    uint8_t octets[16];
    uint8_t addr_len;
    uint8_t len; /* of its network */
    uint8_t ifindex;
    uint8_t state;  /* enum addr_state */
    bool autoconf;  /* made of an advertised prefix (RFC 4862 §5.5) or link-local by ourselves */
    bool temporary; /* RFC 8981 */
    bool probed;    /* its probes are all out: the last wait */
    bool renewed;   /* temporary: its time to have a successor is over */
    bool replaced;  /* temporary: it has one */
    uint8_t sends;  /* probes or announcements left */
    uint8_t tries;  /* DAD_Counter of RFC 7217 §6 */
    estab_time send_at;
    estab_time defended_at;
    estab_time preferred_until, valid_until;
    estab_time preferred_most, valid_most; /* temporary: those are never later */
};

#define ADVERTS_MAX 32

/* A router has advertised this prefix of 64 bits. */
struct ip_advert {
    uint8_t router[16], prefix[8];
    uint8_t ifindex;
};

struct ip_routes {
    uint32_t addresses, routes, adverts;
    bool narrow;                          /* there is, or was, a route with an MTU of its own */
    struct ip_advert advert[ADVERTS_MAX]; /* the one heard longest ago first */
    struct ip_address address[ADDRESSES_MAX];
    struct ip_prefix route[ROUTES_MAX]; /* longest prefix first */
};

int estab_ip_add_address(struct ip_routes *t, const struct estab_addr *addr, unsigned prefix_len,
                         unsigned ifindex);
/* The address alone, without a route; NULL: no room. */
struct ip_address *estab_ip_new_address(struct ip_routes *t, const uint8_t *addr, unsigned addr_len,
                                        unsigned prefix_len, unsigned ifindex);
/* Takes an address away, with its network's route if no other address is in it. */
void estab_ip_remove_address(struct ip_routes *t, struct ip_address *a);
/* The address in any state, or NULL. ifindex 0: on any interface. */
struct ip_address *estab_ip_find_address(struct ip_routes *t, const uint8_t *addr,
                                         unsigned addr_len, unsigned ifindex);
int estab_ip_add_route(struct ip_routes *t, const struct estab_addr *prefix, unsigned prefix_len,
                       unsigned ifindex);
/* The same with everything that a route may have; a route to the same prefix by the same way is
 * replaced. */
int estab_ip_put_route(struct ip_routes *t, const struct ip_prefix *route);
/* The route exactly so, or NULL; gateway NULL: on-link. */
struct ip_prefix *estab_ip_find_route(struct ip_routes *t, const uint8_t *prefix, unsigned addr_len,
                                      unsigned prefix_len, unsigned ifindex,
                                      const uint8_t *gateway);
void estab_ip_remove_route(struct ip_routes *t, struct ip_prefix *route);

/* The first `bits` of an address, and zeros up to addr_len octets. */
void estab_ip_copy_prefix(uint8_t *out, const uint8_t *addr, unsigned addr_len, unsigned bits);

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
/* To whom a packet for `dst` goes on that interface: itself, or a gateway; NULL: no way. */
const uint8_t *estab_ip_next_hop(const struct ip_routes *t, const uint8_t *dst, unsigned addr_len,
                                 unsigned ifindex);
/* Nobody answers at that gateway: others come first from now on (RFC 4861 §6.3.6). */
void estab_ip_doubt_gateway(struct ip_routes *t, const uint8_t *gateway, unsigned addr_len,
                            unsigned ifindex, bool doubt);
/* The MTU of the route that a packet for `dst` takes on that interface; 0: it has none of its own. */
uint32_t estab_ip_route_mtu(const struct ip_routes *t, const uint8_t *dst, unsigned addr_len,
                            unsigned ifindex);
bool estab_ip_is_link_local(const uint8_t *addr, unsigned addr_len);
/* A router advertises a prefix, of 64 bits, or (not `valid`) does so no more. */
void estab_ip_advert(struct ip_routes *t, const uint8_t router[16], const uint8_t prefix[8],
                     unsigned ifindex, bool valid);
/* The address of ours to use towards `dst` on that interface; NULL: none. */
const uint8_t *estab_ip_source(const struct ip_routes *t, const uint8_t *dst, unsigned addr_len,
                               unsigned ifindex);

#endif
