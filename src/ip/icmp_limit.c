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

bool
estab_icmp_limit_allows(struct icmp_limit *l, uint32_t per_second, uint32_t per_destination,
                        const uint8_t *dst, unsigned addr_len, estab_time now)
{
    uint64_t place = estab_siphash13(&l->key, dst, addr_len);
    uint8_t count[8];

    /* the destination's own share first: what is refused there uses nothing of the others' */
    if (!rate_allows(&l->destination[place % ICMP_LIMIT_DESTINATIONS], per_destination, now))
        return false;
    if (!rate_allows(&l->all, per_second, now))
        return false;
    /* one error costs nothing, one or two, which is one on average */
    put_le64(count, l->drawn++);
    l->all.next += ESTAB_SEC(1) / per_second *
                   ((estab_time)(estab_siphash24(&l->key, count, sizeof(count)) % 3) - 1);
    return true;
}
