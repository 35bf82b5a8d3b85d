/* SPDX-License-Identifier: MIT */
/* Several flows through one bottleneck, each between hosts of its own: equals get equal shares, and
 * one that comes late gets its own. */
#include "harness/test.h"
#include "sim/netlab.h"
#include "tests/sim/heap.h"

#include <inttypes.h>
#include <string.h>

/* `n` flows over 20 ms and 10 Mbit/s, and 2 more for each, with a queue of one BDP;
 * what is heard between `from` and `until` counts. The last one starts at `last_starts`, 0: with the
 * others. */
static struct sim_fair_result
share(const char *cc, unsigned n, estab_time last_starts, estab_time from, estab_time until)
{
    struct sim_fair_plan plan = {
        .path = { .rtt_ms = 20, .mbit = 10 + 2 * n, .queue_percent = 100 },
        .seed = 1,
        .n = n,
        .from = from,
        .until = until
    };
    struct sim_fair_result r;

    for (unsigned i = 0; i < n; i++) {
        assert_true(estab_cc_by_name(cc) >= 0);
        plan.cc[i] = (uint8_t)estab_cc_by_name(cc);
        plan.start[i] = i + 1 == n && last_starts > 0 ? last_starts : ESTAB_MS(37 * i);
    }
    assert_true(sim_fair_run(&heap, &plan, &r));
    assert_null(r.failure);
    return r;
}

static void
equals_share(const char *cc)
{
    for (unsigned n = 2; n <= SIM_FAIR_MAX; n *= 2) {
        struct sim_fair_result r = share(cc, n, 0, ESTAB_SEC(5), ESTAB_SEC(20));

        if (r.jain_ppm < 950000 || r.use_ppm < 900000)
            fail_msg("%s, %u flows: Jain %" PRIu32 " ppm, use %" PRIu32 " ppm", cc, n, r.jain_ppm,
                     r.use_ppm);
        assert_true(r.use_ppm <= 1010000); /* more would be no bottleneck */
    }
}

TEST(reno_flows_share_a_bottleneck_evenly)
{
    equals_share("reno");
}

TEST(cubic_flows_share_a_bottleneck_evenly)
{
    equals_share("cubic");
}

TEST(bbr_flows_share_a_bottleneck_evenly)
{
    equals_share("bbr");
}

/* RFC9743-NEWCC: CUBIC, BBR and Reno through one bottleneck with a queue of one BDP, one of each or two:
 * BBR has more than CUBIC, and CUBIC than Reno, but nobody is starved: each has at least two fifths
 * of an equal share, and at most twice one; and nothing is wasted. */
TEST(nobody_is_starved_among_different_algorithms)
{
    static const uint8_t cc[3] = { ESTAB_CC_CUBIC, ESTAB_CC_BBR, ESTAB_CC_RENO };

    for (unsigned n = 3; n <= 6; n += 3) {
        struct sim_fair_plan plan = { .path = { .rtt_ms = 20, .mbit = 20, .queue_percent = 100 },
                                      .seed = 1,
                                      .n = n,
                                      .from = ESTAB_SEC(20),
                                      .until = ESTAB_SEC(60) };
        struct sim_fair_result r;
        uint64_t sum = 0;

        for (unsigned i = 0; i < n; i++) {
            plan.cc[i] = cc[i % 3];
            plan.start[i] = ESTAB_MS(37 * i);
        }
        assert_true(sim_fair_run(&heap, &plan, &r));
        assert_null(r.failure);
        for (unsigned i = 0; i < n; i++)
            sum += r.heard[i];
        for (unsigned i = 0; i < n; i++)
            assert_in_range(r.heard[i] * 100 * n / sum, 40, 200);
        assert_true(r.use_ppm > 950000);
    }
}

/* RFC 9438 §5.4: a flow that finds another in full possession comes to its share. */
TEST(cubic_gives_way_to_a_late_starter)
{
    struct sim_fair_result before = share("cubic", 2, ESTAB_SEC(20), ESTAB_SEC(10), ESTAB_SEC(20));
    struct sim_fair_result after = share("cubic", 2, ESTAB_SEC(20), ESTAB_SEC(40), ESTAB_SEC(80));

    assert_true(before.heard[1] == 0 && before.use_ppm > 900000);
    if (after.jain_ppm < 950000)
        fail_msg("Jain %" PRIu32 " ppm", after.jain_ppm);
}

TEST(jains_index_is_one_for_equals_and_one_nth_for_a_monopoly)
{
    static const uint64_t equal[4] = { 7, 7, 7, 7 }, one[4] = { 0, 9, 0, 0 }, none[4] = { 0 };
    static const uint64_t large[2] = { UINT64_C(1) << 40, UINT64_C(3) << 40 };

    assert_int_equal(sim_jain(equal, 4), 1000000);
    assert_int_equal(sim_jain(one, 4), 250000);
    assert_int_equal(sim_jain(none, 4), 0);
    assert_int_equal(sim_jain(large, 2), 800000);
}
