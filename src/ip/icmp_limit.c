/* SPDX-License-Identifier: MIT */
/* Limits of ICMP errors; see icmp_limit.h. Called from stack/icmp_input.c. */
#include "ip/icmp_limit.h"

#include "base/bytes.h"

#include <string.h>

void
estab_icmp_limit_init(struct icmp_limit *l, struct siphash_key key)
{
    memset(l, 0, sizeof(*l));
    l->key = key;
}

/* Takes one from `r`, which costs nothing, one or two: one on average. */
static bool
take(struct icmp_limit *l, struct rate *r, uint32_t per_second, estab_time burst, estab_time now)
{
    uint8_t count[8];

    if (per_second == 0)
        return false;
    if (r->next < now)
        r->next = now;
    if (r->next - now > burst)
        return false;
    put_le64(count, l->drawn++);
    r->next += ESTAB_SEC(1) / per_second *
               (estab_time)(estab_siphash24(&l->key, count, sizeof(count)) % 3);
    return true;
}

bool
estab_icmp_limit_allows(struct icmp_limit *l, uint32_t per_second, uint32_t per_destination,
                        const uint8_t *dst, unsigned addr_len, estab_time now)
{
    uint8_t place[24];
    uint64_t hash;

    /* Destinations that share a place feel each other; they share it for a second at most, so that
     * nobody can look for an address of his own that shares it with another's. */
    put_le64(place, (uint64_t)(now / ESTAB_SEC(1)));
    memcpy(place + 8, dst, addr_len);
    hash = estab_siphash24(&l->key, place, 8 + addr_len);
    /* the destination's own share first: what is refused there uses nothing of the others' */
    return take(l, &l->destination[hash % ICMP_LIMIT_DESTINATIONS], per_destination, ESTAB_MS(300),
                now) &&
           take(l, &l->all, per_second, ESTAB_MS(100), now);
}
