/* SPDX-License-Identifier: MIT */
/*
 * A hierarchical timer wheel: arming, moving and cancelling cost O(1). A timer fires at the first
 * advance whose `now` is not before its exact instant, never earlier. The order in which timers of
 * one advance fire is by instant, then by the order in which they were armed.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include "estab/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wheel_timer {
    struct wheel_timer *next, *prev; /* NULL: not armed */
    estab_time at;
};

#define WHEEL_TICK_BITS 20 /* a slot of the lowest level spans 2^20 ns, about 1 ms */
#define WHEEL_SLOT_BITS 6
#define WHEEL_LEVELS 8 /* 2^(20+48) ns: far beyond INT64_MAX */

struct wheel {
    estab_time now;                  /* of the last advance */
    uint32_t armed;                  /* how many timers are armed */
    uint64_t occupied[WHEEL_LEVELS]; /* a bit for each slot that holds a timer */
    struct wheel_timer slot[WHEEL_LEVELS][1u << WHEEL_SLOT_BITS]; /* list heads */
    struct wheel_timer due; /* list head: taken out by advance, not yet fired */
    estab_time earliest;    /* exact or lower bound of the earliest instant, if known */
    bool earliest_known;
};

void estab_wheel_init(struct wheel *w, estab_time now);
static inline bool
wheel_is_armed(const struct wheel_timer *t)
{
    return t->next != NULL;
}
/* Arms t for `at`, or moves it if it is armed. ESTAB_NEVER cancels. */
void estab_wheel_arm(struct wheel *w, struct wheel_timer *t, estab_time at);
void estab_wheel_cancel(struct wheel *w, struct wheel_timer *t);
/* The next instant at which estab_wheel_expire() has something to do: the exact instant of the
 * earliest timer if that lies in the lowest level's current turn, otherwise never later than it
 * (an earlier one only means that timers move down a level). ESTAB_NEVER: none armed. */
estab_time estab_wheel_deadline(struct wheel *w);
/* The same for a caller who knows that it is `now`: the wheel stands still while nothing comes due, so
 * that an instant that is only not later than a timer may have passed unseen. What it gives lies
 * behind `now`, or a timer is due. */
estab_time estab_wheel_deadline_after(struct wheel *w, estab_time now);
/* Takes out one timer whose instant is not after `now`; NULL: none (left). Callers repeat until
 * NULL; a timer may be armed again, cancelled or freed in between. */
struct wheel_timer *estab_wheel_expire(struct wheel *w, estab_time now);

#endif
