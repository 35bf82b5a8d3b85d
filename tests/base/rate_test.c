/* SPDX-License-Identifier: MIT */
/* The rate limit for answers to packets that belong to nobody. */
#include "base/rate.h"

#include "harness/test.h"

static unsigned
allowed(struct rate *r, uint32_t per_second, estab_time from, estab_time to, estab_time step)
{
    unsigned n = 0;

    for (estab_time now = from; now < to; now += step)
        n += rate_allows(r, per_second, now);
    return n;
}

TEST(a_flood_gets_the_rate_and_one_burst)
{
    struct rate r = { 0 };

    assert_in_range(allowed(&r, 1000, ESTAB_SEC(5), ESTAB_SEC(15), ESTAB_US(100)), 10000, 10102);
}

TEST(below_the_rate_everything_passes)
{
    struct rate r = { 0 };

    assert_int_equal(allowed(&r, 1000, 0, ESTAB_SEC(2), ESTAB_MS(2)), 1000);
}

TEST(a_burst_is_a_tenth_of_a_second_and_silence_does_not_save_up_more)
{
    struct rate r = { 0 };
    unsigned n = 0;

    for (unsigned i = 0; i < 1000; i++)
        n += rate_allows(&r, 100, ESTAB_SEC(3600));
    assert_in_range(n, 10, 11);
}

TEST(a_rate_of_1_lets_one_pass_and_of_0_none)
{
    struct rate r = { 0 };

    assert_true(rate_allows(&r, 1, ESTAB_SEC(1)));
    assert_false(rate_allows(&r, 1, ESTAB_SEC(1)));
    assert_true(rate_allows(&r, 1, ESTAB_SEC(2)));
    assert_false(rate_allows(&r, 0, ESTAB_SEC(10)));
}
