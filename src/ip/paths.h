/* SPDX-License-Identifier: MIT */
/*
 * The MTU of paths that have turned out to be narrower than their link (RFC 1191 §6.1, RFC 8201
 * §5.2): one bounded cache for all transports of the host, by destination. An entry is forgotten
 * after ten minutes, so that the link's MTU is tried again. The table is made with the first path
 * that is narrow; while there is none, a look costs one comparison. Who believes what an ICMP error
 * says is stack/'s business.
 */
#ifndef IP_PATHS_H
#define IP_PATHS_H

#include "base/pool.h"
#include "base/siphash.h"
#include "estab/time.h"

#include <stdbool.h>
#include <stdint.h>

#define PATH_MTU_LIFE ESTAB_SEC(600) /* RFC 1191 §6.3, RFC 8201 §5.3 (RFC8201-5.2) */

struct ip_path {
    uint8_t dst[16];
    uint8_t addr_len; /* 0: free */
    uint16_t mtu;
    estab_time until;
};

struct ip_paths {
    struct arena *arena;
    struct siphash_key key;
    struct ip_path *path; /* `sets` x `ways`; NULL: none was ever narrow */
    uint32_t max, sets, ways;
    uint32_t known; /* entries, also those whose time is over */
};

void estab_paths_init(struct ip_paths *t, struct arena *arena, uint32_t max,
                      struct siphash_key key);
void estab_paths_fini(struct ip_paths *t);

/* The least MTU that is believed: 576 (RFC 791), below which no path of IPv4 is in practice and
 * CVE-2004-1060 begins, or 1280 (RFC 8201 §4), which each link of IPv6 has. */
static inline uint32_t
path_mtu_least(unsigned addr_len)
{
    return addr_len == 4 ? 576 : 1280;
}

/* 0: not known to be narrower than the link. `until`, if not NULL: when that is forgotten. */
uint32_t estab_paths_find(struct ip_paths *t, const uint8_t *dst, unsigned addr_len, estab_time now,
                          estab_time *until);

static inline uint32_t
paths_mtu(struct ip_paths *t, const uint8_t *dst, unsigned addr_len, estab_time now)
{
    return t->known == 0 ? 0 : estab_paths_find(t, dst, addr_len, now, NULL);
}

/* The path is so narrow; less than the least is taken as that. False: it is known to be, or there
 * is no memory. It may only become narrower (RFC1191-3, RFC8201-4). */
bool estab_paths_lower(struct ip_paths *t, const uint8_t *dst, unsigned addr_len, uint32_t mtu,
                       estab_time now);
/* A packet of `mtu` octets has arrived there (RFC 4821 §7.6.1); the link takes `link`. */
void estab_paths_raise(struct ip_paths *t, const uint8_t *dst, unsigned addr_len, uint32_t mtu,
                       uint32_t link, estab_time now);

#endif
