/* SPDX-License-Identifier: MIT */
/* The timer wheel against a list that is searched: exact instants, exact order. */
#include "base/wheel.h"

#include "harness/test.h"
#include "sim/prng.h"

#include <stdlib.h>
#include <string.h>

#define TIMERS 60u

struct entry {
    struct wheel_timer timer;
    uint64_t order; /* of arming */
    estab_time at;
    bool armed;
};

struct world {
    struct wheel wheel;
    struct entry entry[TIMERS];
    uint64_t armings;
    struct sim_prng dice;
    estab_time now;
};

/* The one that must fire next: the earliest, of equals the one armed first. */
static struct entry *
first_of(struct world *w)
{
    struct entry *first = NULL;

    for (struct entry *e = w->entry; e < w->entry + TIMERS; e++)
        if (e->armed &&
            (first == NULL || e->at < first->at || (e->at == first->at && e->order < first->order)))
            first = e;
    return first;
}

static void
arm(struct world *w, struct entry *e, estab_time at)
{
    estab_wheel_arm(&w->wheel, &e->timer, at);
    e->armed = at != ESTAB_NEVER;
    e->at = at;
    e->order = w->armings++;
    assert_int_equal(wheel_is_armed(&e->timer), e->armed);
}

static void
cancel(struct world *w, struct entry *e)
{
    estab_wheel_cancel(&w->wheel, &e->timer);
    assert_false(wheel_is_armed(&e->timer));
    e->armed = false;
}

/* Up to the last instant there is. */
static estab_time
later(estab_time now, estab_time ahead)
{
    return now > 0 && ahead > ESTAB_NEVER - 1 - now ? ESTAB_NEVER - 1 : now + ahead;
}

/* Near, far, very far, equal to another, and past instants. */
static estab_time
some_instant(struct world *w)
{
    estab_time ahead = (estab_time)sim_prng_log(&w->dice, 61);

    switch (sim_prng_below(&w->dice, 12)) {
    case 0:
        return ESTAB_NEVER;
    case 1:
        return w->now - (estab_time)sim_prng_below(&w->dice, 1 << 22);
    case 2:
        return w->entry[sim_prng_below(&w->dice, TIMERS)].at;
    case 3:
        return w->now;
    case 4:
        return w->now + (estab_time)sim_prng_below(&w->dice, 1 << 21);
    default:
        return later(w->now, ahead);
    }
}

static void
change_something(struct world *w)
{
    struct entry *e = &w->entry[sim_prng_below(&w->dice, TIMERS)];

    if (sim_prng_chance(&w->dice, 250000))
        cancel(w, e);
    else
        arm(w, e, some_instant(w));
}

static void
check_deadline(struct world *w)
{
    const struct entry *first = first_of(w);
    estab_time at = estab_wheel_deadline(&w->wheel);
    uint32_t armed = 0;

    for (unsigned i = 0; i < TIMERS; i++)
        armed += w->entry[i].armed;
    assert_int_equal(w->wheel.armed, armed);
    if (first == NULL)
        assert_int_equal(at, ESTAB_NEVER);
    else
        assert_true(at <= first->at);
    /* exact when it lies within the turn of the lowest level */
    if (first != NULL && first->at > w->wheel.now &&
        first->at >> WHEEL_TICK_BITS >> WHEEL_SLOT_BITS ==
            w->wheel.now >> WHEEL_TICK_BITS >> WHEEL_SLOT_BITS)
        assert_int_equal(at, first->at);
}

/* Takes out all that is due, and sometimes changes something in between. */
static void
expire_all(struct world *w, uint32_t change_ppm)
{
    struct wheel_timer *t;

    while ((t = estab_wheel_expire(&w->wheel, w->now)) != NULL) {
        struct entry *first = first_of(w);

        assert_non_null(first);
        assert_ptr_equal(t, &first->timer);
        assert_true(first->at <= w->now);
        assert_false(wheel_is_armed(t));
        first->armed = false;
        if (sim_prng_chance(&w->dice, change_ppm))
            change_something(w);
    }
    if (first_of(w) != NULL)
        assert_true(first_of(w)->at > w->now);
}

static struct world *
world_at(uint64_t seed, estab_time now)
{
    static struct world w;

    memset(&w, 0, sizeof(w));
    sim_prng_seed(&w.dice, seed);
    w.now = now;
    estab_wheel_init(&w.wheel, now);
    return &w;
}

TEST(any_sequence_of_calls_fires_as_a_sorted_list_would)
{
    static const estab_time origins[] = {
        0, 1, -ESTAB_SEC(3600), INT64_MIN + ESTAB_SEC(1), ESTAB_SEC(1700000000), -1
    };

    for (uint64_t seed = 0; seed < 600; seed++) {
        struct world *w = world_at(seed, origins[seed % 6]);

        for (unsigned step = 0; step < 150; step++) {
            estab_time ahead = (estab_time)sim_prng_log(&w->dice, 40);

            for (uint64_t n = sim_prng_below(&w->dice, 4); n > 0; n--)
                change_something(w);
            check_deadline(w);
            if (sim_prng_chance(&w->dice, 20000)) /* years at once */
                ahead = (estab_time)sim_prng_log(&w->dice, 58);
            w->now = later(w->now, ahead);
            expire_all(w, 300000);
            check_deadline(w);
        }
        w->now = ESTAB_NEVER - 1;
        expire_all(w, 0);
        assert_int_equal(w->wheel.armed, 0);
        assert_int_equal(estab_wheel_deadline(&w->wheel), ESTAB_NEVER);
    }
}

/* A user who sleeps until the deadline meets every timer at its instant, and is not woken up for
 * nothing more often than a timer has levels to go down. */
TEST(sleeping_until_the_deadline_fires_each_timer_at_its_very_instant)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct world *w = world_at(seed, seed % 2 == 0 ? 0 : -ESTAB_SEC(10));
        unsigned wakes = 0, fired = 0;

        for (unsigned i = 0; i < TIMERS; i++)
            arm(w, &w->entry[i], w->now + 1 + (estab_time)sim_prng_log(&w->dice, 56));
        while (w->wheel.armed > 0) {
            struct wheel_timer *t;
            estab_time at = estab_wheel_deadline(&w->wheel);

            assert_true(at > w->now);
            w->now = at;
            wakes++;
            while ((t = estab_wheel_expire(&w->wheel, w->now)) != NULL) {
                struct entry *first = first_of(w);

                assert_ptr_equal(t, &first->timer);
                assert_int_equal(first->at, w->now);
                first->armed = false;
                fired++;
            }
        }
        assert_int_equal(fired, TIMERS);
        assert_true(wakes <= TIMERS * WHEEL_LEVELS);
    }
}

TEST(a_timer_fires_at_its_instant_and_not_a_nanosecond_before)
{
    struct world *w = world_at(0, 0);

    arm(w, &w->entry[0], ESTAB_SEC(7200));
    assert_null(estab_wheel_expire(&w->wheel, ESTAB_SEC(7200) - 1));
    assert_ptr_equal(estab_wheel_expire(&w->wheel, ESTAB_SEC(7200)), &w->entry[0].timer);
    assert_null(estab_wheel_expire(&w->wheel, ESTAB_SEC(7200)));
}

TEST(timers_of_one_instant_fire_in_the_order_of_arming)
{
    struct world *w = world_at(0, 0);
    estab_time at = ESTAB_SEC(100);

    /* armed from far, from near, moved, and when it has come */
    arm(w, &w->entry[3], at);
    arm(w, &w->entry[1], at);
    assert_null(estab_wheel_expire(&w->wheel, at - ESTAB_SEC(1)));
    arm(w, &w->entry[2], at - ESTAB_MS(500));
    arm(w, &w->entry[0], at);
    arm(w, &w->entry[3], at); /* moved to where it was: now the last of them */
    assert_null(estab_wheel_expire(&w->wheel, at - ESTAB_MS(600)));
    arm(w, &w->entry[4], at);
    arm(w, &w->entry[2], at);
    w->now = at;
    expire_all(w, 0);
    assert_int_equal(w->wheel.armed, 0);
}

TEST(many_timers_in_one_slot_come_out_sorted)
{
    enum { N = 20000 };
    struct wheel_timer *t = calloc(N, sizeof(*t)), *fired;
    static struct wheel w;
    struct sim_prng dice;
    estab_time last = 0;
    unsigned n = 0;

    sim_prng_seed(&dice, 1);
    estab_wheel_init(&w, 0);
    for (unsigned i = 0; i < N; i++) /* descending and at random: the worst for an insertion */
        estab_wheel_arm(&w, &t[i],
                        (1 << WHEEL_TICK_BITS) * 5 +
                            (i % 2 == 0 ? N - (int)i : (int)sim_prng_below(&dice, 1 << 20)));
    while ((fired = estab_wheel_expire(&w, ESTAB_SEC(1))) != NULL) {
        assert_true(fired->at >= last);
        last = fired->at;
        n++;
    }
    assert_int_equal(n, N);
    free(t);
}

TEST(cancelling_the_earliest_moves_the_deadline)
{
    struct world *w = world_at(0, 0);

    arm(w, &w->entry[0], 1000);
    arm(w, &w->entry[1], 2000);
    assert_int_equal(estab_wheel_deadline(&w->wheel), 1000);
    cancel(w, &w->entry[0]);
    cancel(w, &w->entry[0]); /* twice is harmless */
    assert_int_equal(estab_wheel_deadline(&w->wheel), 2000);
    arm(w, &w->entry[1], ESTAB_NEVER); /* cancels */
    assert_int_equal(estab_wheel_deadline(&w->wheel), ESTAB_NEVER);
    assert_null(estab_wheel_expire(&w->wheel, ESTAB_SEC(1)));
}

/* Nothing came due for long, so the wheel stands where it stood; what is armed then must not be announced
 * for an instant that has passed. */
TEST(a_deadline_of_a_wheel_that_stood_still_is_not_in_the_past)
{
    struct world *w = world_at(0, 0);
    estab_time now = ESTAB_MS(13095);

    arm(w, &w->entry[0], ESTAB_SEC(100));
    assert_true(estab_wheel_deadline(&w->wheel) <= ESTAB_SEC(100));
    assert_null(estab_wheel_expire(&w->wheel, now));
    cancel(w, &w->entry[0]);
    arm(w, &w->entry[1], now + 2000);
    cancel(w, &w->entry[1]);
    arm(w, &w->entry[1], now + 5000);
    assert_true(estab_wheel_deadline_after(&w->wheel, now) > now);
    assert_true(estab_wheel_deadline_after(&w->wheel, now) <= now + 5000);
    assert_null(estab_wheel_expire(&w->wheel, now + 4999));
    assert_int_equal(estab_wheel_deadline_after(&w->wheel, now + 5000), now + 5000);
    assert_ptr_equal(estab_wheel_expire(&w->wheel, now + 5000), &w->entry[1].timer);
    assert_int_equal(estab_wheel_deadline_after(&w->wheel, now + 5000), ESTAB_NEVER);
}

/* A timer that comes due again and again within one call must let the caller go on. */
TEST(a_timer_armed_for_now_while_firing_fires_in_the_same_call)
{
    struct world *w = world_at(0, 0);

    arm(w, &w->entry[0], 10);
    assert_ptr_equal(estab_wheel_expire(&w->wheel, 50), &w->entry[0].timer);
    estab_wheel_arm(&w->wheel, &w->entry[0].timer, 50);
    assert_ptr_equal(estab_wheel_expire(&w->wheel, 50), &w->entry[0].timer);
    estab_wheel_arm(&w->wheel, &w->entry[0].timer, 51);
    assert_null(estab_wheel_expire(&w->wheel, 50));
    assert_int_equal(estab_wheel_deadline(&w->wheel), 51);
}
