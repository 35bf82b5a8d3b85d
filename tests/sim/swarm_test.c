/* SPDX-License-Identifier: MIT */
/* Seeds of the swarm, whole and with memory that runs out at every point. */
#include "harness/test.h"
#include "sim/swarm.h"
#include "tests/sim/heap.h"

#include <inttypes.h>

/* How many allocations failed. */
static uint64_t
expect_pass(uint64_t seed, const struct sim_swarm_options *options)
{
    struct sim_result r;

    sim_swarm_run(&heap, seed, options, &r);
    if (r.failure.rule != NULL)
        fail_msg("seed %" PRIu64 ", allocation %" PRIu64 ": %s: %s; at %" PRId64
                 " ns, host %" PRIu32 ", %" PRIu64 " and %" PRIu64
                 "; again: estab-sim --seed %" PRIu64 " --verbose",
                 seed, options != NULL ? options->fail_at : 0, r.failure.rule, r.failure.text,
                 r.failure.at, r.failure.host, r.failure.a, r.failure.b, seed);
    return r.allocations_failed;
}

/* vuln: Simultaneous close/open state explosion */
TEST(two_hundred_seeds_pass)
{
    for (uint64_t seed = 1; seed <= 200; seed++)
        expect_pass(seed, NULL);
}

/* Worlds in which hunts have found something, in the stack or in the rules (docs/testing.md). What is
 * drawn from a seed changes with the simulator; what they were first seen with has tests of its own. */
TEST(seeds_that_once_failed_pass)
{
    static const uint64_t seeds[] = { 1150793,  10001182, 10054324, 10065888,
                                      10195791, 20080787, 40109583, 40956860 };

    for (unsigned i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
        expect_pass(seeds[i], NULL);
}

/* Every allocation of host 0 in a run, from the first to the last, and at least 0 to 200. */
static void
fail_everywhere(bool fail_after)
{
    uint64_t points = 0;

    for (uint64_t seed = 1; points <= 200 || seed <= 20; seed++)
        for (uint64_t n = 0;; n++) {
            struct sim_swarm_options options = { .fail_allocation = true,
                                                 .fail_after = fail_after,
                                                 .fail_at = n };

            if (expect_pass(seed, &options) == 0)
                break;
            points++;
        }
}

/* vuln: Double free on TCP error path; TCP reassembly uninitialised or UAF */
TEST(any_allocation_may_fail_once)
{
    fail_everywhere(false);
}

TEST(memory_may_run_out_for_good_at_any_point)
{
    fail_everywhere(true);
}

/* RFC 7413: the seeds reach it, on both sides. */
TEST(seeds_open_early)
{
    uint64_t sent = 0, opened = 0;

    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct sim_result r;

        sim_swarm_run(&heap, seed, NULL, &r);
        opened += r.verdicts[ESTAB_SEG_ACCEPTED_FAST_OPEN];
        sent += r.reasons[ESTAB_WHY_SYN_FAST_OPEN];
    }
    assert_true(opened > 10);
    assert_true(sent > 10);
}

/* vuln: ICMP-BLIND; RFC 5927 §4.1: replays, blind segments and lies cost no more than an answer. */
TEST(somebody_means_harm_in_some_seeds)
{
    uint64_t attacks = 0, lies = 0;

    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct sim_result r;

        sim_swarm_run(&heap, seed, NULL, &r);
        assert_null(r.failure.rule);
        attacks += r.attacks;
        lies += r.verdicts[ESTAB_SEG_DROP_ICMP_UNRELATED];
    }
    assert_true(attacks > 100);
    assert_true(lies > 10);
}

static void
count_dialogues(void *ctx, const struct sim_world *w, const struct sim_apps *apps)
{
    *(uint32_t *)ctx = w->attacker == NULL ? apps->n_dialogues : 99;
}

/* What is left out is planned like all else, so that the rest of the world stays as it was. */
TEST(parts_of_a_world_can_be_left_out)
{
    uint32_t dialogues = 0;
    struct sim_swarm_options all = {
        .omit = ~0u, .max_dialogues = 1, .planned = count_dialogues, .planned_ctx = &dialogues
    };

    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim_result r, again;

        sim_swarm_run(&heap, seed, &all, &r);
        assert_null(r.failure.rule);
        assert_int_equal(dialogues, 1);
        sim_swarm_run(&heap, seed, &all, &again);
        assert_true(r.hash == again.hash);
    }
}
