/* SPDX-License-Identifier: MIT */
/*
 * Neighbour discovery for IPv6 (RFC 4861 §4): the five messages and their options, octets <->
 * struct. The parser makes every check of §6.1, §7.1 and §8.1 that needs only the packet; who sent
 * it and what it may change is the business of stack/. Pure.
 */
#ifndef WIRE_ND_H
#define WIRE_ND_H

#include "wire/ip_header.h"

#include <stdbool.h>
#include <stdint.h>

enum nd_type {
    ND_ROUTER_SOLICIT = 133,
    ND_ROUTER_ADVERT = 134,
    ND_NEIGHBOUR_SOLICIT = 135,
    ND_NEIGHBOUR_ADVERT = 136,
    ND_REDIRECT = 137,
};

enum { ND_PREFIXES_MAX = 8, ND_DNS_MAX = 4, ND_MESSAGE_MAX = 64 };
enum { ND_DOMAIN_TEXT = 64 }; /* a domain with its closing zero */

/* RFC 4861 §4.6.2. Lifetimes are seconds; UINT32_MAX: for ever. */
struct nd_prefix {
    const uint8_t *prefix;
    uint8_t len;
    bool on_link, autonomous;
    uint32_t valid, preferred;
};

/* RFC 8106 §5.1, §5.2: what name servers, or search domains, an option tells. */
struct nd_dns {
    const uint8_t *data; /* addresses of 16 octets; names, and zeros behind them */
    uint32_t len;
    uint32_t lifetime;
};

struct nd_message {
    uint8_t type;
    const uint8_t *target; /* solicitation, advertisement, redirect */
    const uint8_t *dst;    /* redirect: whom the better next hop is for */
    const uint8_t
        *link; /* source (RS, RA, NS) or target (NA, redirect) link-layer address, or NULL */
    bool router, solicited, override; /* NA */
    /* RA */
    bool managed, other;
    int8_t preference;                 /* RFC 4191 §2.1: -1 low, 0 medium, 1 high */
    uint8_t hop_limit;                 /* 0: not told */
    uint16_t router_lifetime;          /* seconds */
    uint32_t reachable_ms, retrans_ms; /* 0: not told */
    uint32_t mtu;                      /* 0: not told */
    uint32_t prefixes;                 /* those beyond ND_PREFIXES_MAX are passed over */
    struct nd_prefix prefix[ND_PREFIXES_MAX];
    uint32_t n_rdnss, n_dnssl; /* those beyond ND_DNS_MAX are passed over */
    struct nd_dns rdnss[ND_DNS_MAX], dnssl[ND_DNS_MAX];
};

static inline bool
nd_is_type(uint8_t type)
{
    return type >= ND_ROUTER_SOLICIT && type <= ND_REDIRECT;
}

/* Of an ICMPv6 message whose checksum is right. ESTAB_SEG_NONE, DROP_ND_HOP_LIMIT or
 * DROP_ND_MALFORMED. What `m` points to lies in the packet. */
enum estab_verdict estab_nd_parse(struct nd_message *m, const struct ip_header *ip);

/* Writes an RS, NS or NA (ICMPv6 message with its checksum, at most ND_MESSAGE_MAX octets) and
 * returns its length. `link` NULL: no link-layer address option. */
uint32_t estab_nd_write(uint8_t *out, const struct nd_message *m, const uint8_t *src,
                        const uint8_t *dst);

/* The domain at *at (0 at first) as text, "example.org", and *at moves on; false: no more. One of
 * more than ND_DOMAIN_TEXT - 1 characters, or with others than letters, digits, '-' and '_', is
 * passed over. */
bool estab_nd_next_domain(const struct nd_dns *o, uint32_t *at, char text[ND_DOMAIN_TEXT]);

/* ff02::1:ffXX:XXXX of an address (RFC 4291 §2.7.1). */
void estab_nd_solicited_node(uint8_t group[16], const uint8_t addr[16]);

#endif
