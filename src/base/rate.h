/* SPDX-License-Identifier: MIT */
/* A rate limit in integers: at most `per_second` events on average, bursts of a tenth of a second
 * (at least one). Used for answers to packets that belong to nobody. */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include "estab/time.h"

#include <stdbool.h>
#include <stdint.h>

struct rate {
    estab_time next; /* the instant up to which the allowance has been used */
};

static inline bool
rate_allows(struct rate *r, uint32_t per_second, estab_time now)
{
    estab_time step, burst = ESTAB_MS(100);

    if (per_second == 0)
        return false;
    step = ESTAB_SEC(1) / per_second;
    if (r->next < now)
        r->next = now;
    if (r->next - now > burst)
        return false;
    r->next += step;
    return true;
}

#endif
