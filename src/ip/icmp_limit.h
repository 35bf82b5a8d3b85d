/* SPDX-License-Identifier: MIT */
/*
 * How many ICMP errors may leave (RFC 4443 §2.4 (f), RFC 1812 §4.3.2.8): some to each destination, some
 * in all. The limit of all is met at a time that nobody can foresee, and what one destination
 * draws does not meet it, so that who counts answers learns nothing of other people's (SAD DNS,
 * CVE-2020-25705).
 */
#ifndef IP_ICMP_LIMIT_H
#define IP_ICMP_LIMIT_H

#include "base/rate.h"
#include "base/siphash.h"

#include <stdbool.h>
#include <stdint.h>

#define ICMP_LIMIT_DESTINATIONS 256

struct icmp_limit {
    struct siphash_key key;
    struct rate all;
    uint64_t drawn; /* random costs so far */
    struct rate
        destination[ICMP_LIMIT_DESTINATIONS]; /* by a keyed hash that changes every second */
};

void estab_icmp_limit_init(struct icmp_limit *l, struct siphash_key key);
/* May an error go to `dst` now? It is taken to have gone if so. */
bool estab_icmp_limit_allows(struct icmp_limit *l, uint32_t per_second, uint32_t per_destination,
                             const uint8_t *dst, unsigned addr_len, estab_time now);

#endif
