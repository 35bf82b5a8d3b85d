/* SPDX-License-Identifier: MIT */
/*
 * The hierarchical timer wheel; see wheel.h. A timer stands in the level of the highest bit in
 * which its tick differs from the wheel's, so it moves down at most WHEEL_LEVELS times.
 */
#include "base/wheel.h"

#include "base/assert.h"

#include <stddef.h>

#define SLOTS (1u << WHEEL_SLOT_BITS)

static unsigned
highest_bit(uint64_t x)
{
    unsigned n = 0;

    while (x >>= 1)
        n++;
    return n;
}

static unsigned
lowest_bit(uint64_t x)
{
    unsigned n = 0;

    while ((x & 1) == 0) {
        x >>= 1;
        n++;
    }
    return n;
}

static uint64_t
tick_of(estab_time t)
{
    return t <= 0 ? 0 : (uint64_t)t >> WHEEL_TICK_BITS;
}

static void
list_init(struct wheel_timer *head)
{
    head->next = head->prev = head;
}

static void
unlink_timer(struct wheel_timer *t)
{
    t->next->prev = t->prev;
    t->prev->next = t->next;
    t->next = t->prev = NULL;
}

static void
append(struct wheel_timer *head, struct wheel_timer *t)
{
    t->next = head;
    t->prev = head->prev;
    head->prev->next = t;
    head->prev = t;
}

/* Into `due`, behind all with an instant not later than its own. */
static void
append_sorted(struct wheel *w, struct wheel_timer *t)
{
    struct wheel_timer *after = w->due.prev;

    while (after != &w->due && after->at > t->at)
        after = after->prev;
    t->prev = after;
    t->next = after->next;
    after->next->prev = t;
    after->next = t;
}

void
estab_wheel_init(struct wheel *w, estab_time now)
{
    unsigned l, i;

    w->now = now;
    w->armed = 0;
    for (l = 0; l < WHEEL_LEVELS; l++) {
        w->occupied[l] = 0;
        for (i = 0; i < SLOTS; i++)
            list_init(&w->slot[l][i]);
    }
    list_init(&w->due);
    w->earliest = ESTAB_NEVER;
    w->earliest_known = true;
}

static void
place(struct wheel *w, struct wheel_timer *t)
{
    uint64_t tick = tick_of(t->at), base = tick_of(w->now), differ = tick ^ base;
    unsigned level, i;

    if (tick < base || t->at <= w->now) {
        append_sorted(w, t);
        return;
    }
    level = differ == 0 ? 0 : highest_bit(differ) / WHEEL_SLOT_BITS;
    ESTAB_ASSERT(level < WHEEL_LEVELS);
    i = (unsigned)(tick >> level * WHEEL_SLOT_BITS) & (SLOTS - 1);
    append(&w->slot[level][i], t);
    w->occupied[level] |= (uint64_t)1 << i;
}

void
estab_wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
    struct wheel_timer *next;

    if (!wheel_is_armed(t))
        return;
    next = t->next;
    unlink_timer(t);
    w->armed--;
    /* a list that is empty now: find its bit, if it was a slot's */
    if (next->next == next && next != &w->due) {
        size_t k = (size_t)(next - &w->slot[0][0]);

        w->occupied[k / SLOTS] &= ~((uint64_t)1 << k % SLOTS);
    }
    if (t->at <= w->earliest)
        w->earliest_known = false;
}

void
estab_wheel_arm(struct wheel *w, struct wheel_timer *t, estab_time at)
{
    if (wheel_is_armed(t))
        estab_wheel_cancel(w, t);
    if (at == ESTAB_NEVER)
        return;
    t->at = at;
    place(w, t);
    w->armed++;
    if (w->earliest_known && at < w->earliest)
        w->earliest = at;
}

/* The first occupied slot after the wheel's position: its level and index; false: none. */
static bool
first_slot(const struct wheel *w, unsigned *level, unsigned *index)
{
    unsigned l;

    for (l = 0; l < WHEEL_LEVELS; l++)
        if (w->occupied[l] != 0) {
            /* slots behind the position are empty: times before now are in `due` */
            *level = l;
            *index = lowest_bit(w->occupied[l]);
            return true;
        }
    return false;
}

/* The instant at which the slot begins. */
static estab_time
slot_begin(const struct wheel *w, unsigned level, unsigned index)
{
    unsigned shift = level * WHEEL_SLOT_BITS;
    uint64_t base = tick_of(w->now);
    uint64_t above = shift + WHEEL_SLOT_BITS >= 64 ? 0 : base >> (shift + WHEEL_SLOT_BITS);

    above = (above << WHEEL_SLOT_BITS | index) << shift;
    return (estab_time)(above << WHEEL_TICK_BITS);
}

estab_time
estab_wheel_deadline(struct wheel *w)
{
    unsigned level, index;
    struct wheel_timer *t;

    if (w->armed == 0)
        return ESTAB_NEVER;
    if (w->due.next != &w->due)
        return w->due.next->at;
    if (w->earliest_known)
        return w->earliest;
    w->earliest = ESTAB_NEVER;
    if (first_slot(w, &level, &index)) {
        if (level == 0)
            for (t = w->slot[0][index].next; t != &w->slot[0][index]; t = t->next) {
                if (t->at < w->earliest)
                    w->earliest = t->at;
            }
        else
            w->earliest = slot_begin(w, level, index);
    }
    w->earliest_known = true;
    return w->earliest;
}

/* Takes a slot apart: what is due goes to `due`, the rest to its place seen from w->now. */
static void
open_slot(struct wheel *w, unsigned level, unsigned index)
{
    struct wheel_timer *head = &w->slot[level][index], list, *t;

    if (head->next == head)
        return;
    list.next = head->next;
    list.prev = head->prev;
    list.next->prev = &list;
    list.prev->next = &list;
    list_init(head);
    w->occupied[level] &= ~((uint64_t)1 << index);
    while ((t = list.next) != &list) {
        unlink_timer(t);
        place(w, t);
    }
}

static void
advance(struct wheel *w, estab_time now)
{
    unsigned level, index;

    while (first_slot(w, &level, &index)) {
        estab_time begin = slot_begin(w, level, index);

        if (begin > now)
            break;
        /* stand at the slot's beginning (or where we are, inside it), and open it */
        if (level > 0) {
            if (begin > w->now)
                w->now = begin;
            open_slot(w, level, index);
            continue;
        }
        if (now >= begin + ((estab_time)1 << WHEEL_TICK_BITS) - 1) {
            w->now = begin + ((estab_time)1 << WHEEL_TICK_BITS) - 1;
            open_slot(w, 0, index);
        } else {
            w->now = now;
            open_slot(w, 0, index);
            break;
        }
    }
    if (now > w->now)
        w->now = now;
    w->earliest_known = false;
}

struct wheel_timer *
estab_wheel_expire(struct wheel *w, estab_time now)
{
    struct wheel_timer *t;

    if (now > w->now && (!w->earliest_known || w->earliest <= now))
        advance(w, now);
    t = w->due.next;
    if (t == &w->due || t->at > now)
        return NULL;
    unlink_timer(t);
    w->armed--;
    w->earliest_known = false;
    return t;
}
