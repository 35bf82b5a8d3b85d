/* SPDX-License-Identifier: MIT */
/*
 * The hierarchical timer wheel; see wheel.h. A tick is 2^20 ns. A timer stands in the level of the
 * highest digit (of 6 bits) in which its tick differs from the wheel's, so the slot that the wheel
 * stands in is empty on every level but the lowest, and a timer moves down at most WHEEL_LEVELS
 * times. When the wheel enters a slot, the timers in it move down in their order; what is due
 * goes, sorted, behind the list `due`. Called from stack/ for all its deadlines.
 */
#include "base/wheel.h"

#include "base/assert.h"
#include "base/bits.h"

#include <stddef.h>

#define SLOTS (1u << WHEEL_SLOT_BITS)
#define TICK_NS ((estab_time)1 << WHEEL_TICK_BITS)
#define SORT_BINS 32

/* Instants before the origin count too: ticks begin at INT64_MIN. */
static uint64_t
tick_of(estab_time t)
{
    return ((uint64_t)t ^ (uint64_t)1 << 63) >> WHEEL_TICK_BITS;
}

static estab_time
begin_of(uint64_t tick)
{
    return (estab_time)(tick << WHEEL_TICK_BITS ^ (uint64_t)1 << 63);
}

/* ---- lists ---- */

static void
list_init(struct wheel_timer *head)
{
    head->next = head->prev = head;
}

static bool
list_is_empty(const struct wheel_timer *head)
{
    return head->next == head;
}

static void
unlink_timer(struct wheel_timer *t)
{
    t->next->prev = t->prev;
    t->prev->next = t->next;
    t->next = t->prev = NULL;
}

static void
insert_behind(struct wheel_timer *at, struct wheel_timer *t)
{
    t->prev = at;
    t->next = at->next;
    at->next->prev = t;
    at->next = t;
}

/* Behind all with an instant not later than its own. */
static void
insert_sorted(struct wheel_timer *head, struct wheel_timer *t)
{
    struct wheel_timer *at = head->prev;

    while (at != head && at->at > t->at)
        at = at->prev;
    insert_behind(at, t);
}

/* Of two chains that end with NULL; of equal instants those of `a` come first. */
static struct wheel_timer *
merge(struct wheel_timer *a, struct wheel_timer *b)
{
    struct wheel_timer *first = NULL, **end = &first;

    while (a != NULL && b != NULL) {
        struct wheel_timer **from = b->at < a->at ? &b : &a;

        *end = *from;
        *from = (*from)->next;
        end = &(*end)->next;
    }
    *end = a != NULL ? a : b;
    return first;
}

/* Sorts by instant and keeps the order of equals: n log n steps even if a peer chose the instants,
 * and n if they are in order already. */
static void
list_sort(struct wheel_timer *head)
{
    struct wheel_timer *bin[SORT_BINS] = { NULL }, *t, *next, *chain = NULL;
    unsigned i;

    for (t = head->next; t->next != head && t->at <= t->next->at; t = t->next)
        ;
    if (t->next == head)
        return;
    head->prev->next = NULL;
    for (t = head->next; t != NULL; t = next) {
        next = t->next;
        t->next = NULL;
        chain = t;
        for (i = 0; i < SORT_BINS - 1 && bin[i] != NULL; i++) {
            chain = merge(bin[i], chain);
            bin[i] = NULL;
        }
        bin[i] = bin[i] != NULL ? merge(bin[i], chain) : chain;
    }
    chain = NULL;
    for (i = 0; i < SORT_BINS; i++)
        if (bin[i] != NULL)
            chain = merge(bin[i], chain);
    list_init(head);
    for (t = chain; t != NULL; t = next) {
        next = t->next;
        insert_behind(head->prev, t);
    }
}

/* Everything of `from`, which is not empty, behind everything of `to`. */
static void
list_move(struct wheel_timer *to, struct wheel_timer *from)
{
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* ---- arming ---- */

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

/* Into its slot; t->at lies behind w->now. */
static void
place(struct wheel *w, struct wheel_timer *t)
{
    uint64_t tick = tick_of(t->at), differ = tick ^ tick_of(w->now);
    unsigned level = differ == 0 ? 0 : highest_bit(differ) / WHEEL_SLOT_BITS;
    unsigned i = (unsigned)(tick >> level * WHEEL_SLOT_BITS) & (SLOTS - 1);

    insert_behind(w->slot[level][i].prev, t);
    w->occupied[level] |= (uint64_t)1 << i;
}

void
estab_wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
    struct wheel_timer *next = t->next;

    if (!wheel_is_armed(t))
        return;
    unlink_timer(t);
    w->armed--;
    /* If its list is empty now, `next` is the head, and a slot's bit goes out. */
    if (list_is_empty(next) && next != &w->due) {
        size_t k = (size_t)(next - &w->slot[0][0]);

        w->occupied[k / SLOTS] &= ~((uint64_t)1 << k % SLOTS);
    }
    if (t->at <= w->earliest)
        w->earliest_known = false;
}

void
estab_wheel_arm(struct wheel *w, struct wheel_timer *t, estab_time at)
{
    estab_wheel_cancel(w, t);
    if (at == ESTAB_NEVER)
        return;
    t->at = at;
    if (at <= w->now)
        insert_sorted(&w->due, t);
    else
        place(w, t);
    w->armed++;
    if (at < w->earliest)
        w->earliest = at;
}

/* ---- time passes ---- */

/* The first occupied slot; false: none. Of two levels the lower is nearer. */
static bool
first_slot(const struct wheel *w, unsigned *level, unsigned *index)
{
    unsigned l;

    for (l = 0; l < WHEEL_LEVELS; l++)
        if (w->occupied[l] != 0) {
            *level = l;
            *index = lowest_bit(w->occupied[l]);
            return true;
        }
    return false;
}

/* The instant at which a slot begins: the wheel's digits above it, its own, and zeros. */
static estab_time
slot_begin(const struct wheel *w, unsigned level, unsigned index)
{
    unsigned shift = level * WHEEL_SLOT_BITS;
    uint64_t above = tick_of(w->now) >> (shift + WHEEL_SLOT_BITS);

    return begin_of((above << WHEEL_SLOT_BITS | index) << shift);
}

estab_time
estab_wheel_deadline(struct wheel *w)
{
    unsigned level, index;
    const struct wheel_timer *t;

    if (w->armed == 0)
        return ESTAB_NEVER;
    if (!list_is_empty(&w->due))
        return w->due.next->at;
    if (w->earliest_known)
        return w->earliest;
    w->earliest = ESTAB_NEVER;
    if (first_slot(w, &level, &index)) {
        if (level > 0)
            w->earliest = slot_begin(w, level, index);
        else
            for (t = w->slot[0][index].next; t != &w->slot[0][index]; t = t->next)
                if (t->at < w->earliest)
                    w->earliest = t->at;
    }
    w->earliest_known = true;
    return w->earliest;
}

/* Takes a slot apart: what is due goes to `due`, the rest down to its place. */
static void
open_slot(struct wheel *w, unsigned level, unsigned index)
{
    struct wheel_timer list, due, *t, *next;

    list_init(&list);
    list_init(&due);
    list_move(&list, &w->slot[level][index]);
    w->occupied[level] &= ~((uint64_t)1 << index);
    for (t = list.next; t != &list; t = next) {
        next = t->next;
        if (t->at <= w->now)
            insert_behind(due.prev, t);
        else
            place(w, t);
    }
    if (list_is_empty(&due))
        return;
    list_sort(&due);
    list_move(&w->due, &due);
}

/* Opens, one after the other, the slots that begin up to `now`. The wheel stands at the beginning
 * of the slot it opens, in the lowest level at its end or at `now`; so all of it goes down a level
 * at least, and what gets to `due` lies behind what is there already. */
static void
advance(struct wheel *w, estab_time now)
{
    unsigned level, index;

    while (first_slot(w, &level, &index)) {
        estab_time begin = slot_begin(w, level, index);
        estab_time stand = level > 0 ? begin : begin + (TICK_NS - 1);

        if (begin > now)
            break;
        w->now = stand < now ? stand : now;
        open_slot(w, level, index);
        if (w->now == now)
            break;
    }
    w->now = now;
    w->earliest_known = false;
}

estab_time
estab_wheel_deadline_after(struct wheel *w, estab_time now)
{
    estab_time at = estab_wheel_deadline(w);

    if (at > now || now <= w->now)
        return at;
    advance(w, now);
    return estab_wheel_deadline(w);
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
