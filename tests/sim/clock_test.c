/* SPDX-License-Identifier: MIT */
/* Clocks that go wrong: the arithmetic, and hosts that live by such clocks. */
#include "harness/test.h"
#include "sim/script_run.h"
#include "sim/swarm.h"
#include "tests/sim/heap.h"

#include <string.h>

static const int32_t drifts[] = { 0, 1, -1, 50, -50, 20000, -20000, SIM_DRIFT_MAX, -SIM_DRIFT_MAX };
enum { DRIFTS = sizeof drifts / sizeof drifts[0] };

TEST(a_clock_gains_or_loses_what_is_said)
{
    assert_true(sim_clock_at(0, 123456789) == 123456789);
    assert_true(sim_clock_at(50, ESTAB_SEC(1000)) == ESTAB_SEC(1000) + ESTAB_MS(50));
    assert_true(sim_clock_at(-50, ESTAB_SEC(1000)) == ESTAB_SEC(1000) - ESTAB_MS(50));
    assert_true(sim_clock_at(SIM_DRIFT_MAX, 10) == 11);
    assert_true(sim_clock_at(-SIM_DRIFT_MAX, 10) == 9);
    assert_true(sim_clock_when(50, ESTAB_NEVER) == ESTAB_NEVER);
}

TEST(a_clock_never_goes_back_nor_jumps)
{
    for (unsigned i = 0; i < DRIFTS; i++)
        for (estab_time from = 0; from < ESTAB_SEC(3600) * 24 * 365; from = from * 37 + 999900)
            for (estab_time t = from; t < from + 300; t++) {
                estab_time step = sim_clock_at(drifts[i], t + 1) - sim_clock_at(drifts[i], t);

                assert_true(step >= 0 && step <= 2);
                assert_true(drifts[i] > 0 || step <= 1);
                assert_true(drifts[i] < 0 || step >= 1);
            }
}

TEST(the_first_instant_that_shows_a_time_is_found)
{
    for (unsigned i = 0; i < DRIFTS; i++)
        for (estab_time from = 1; from < ESTAB_SEC(3600) * 24 * 365; from = from * 41 + 7)
            for (estab_time shown = from; shown < from + 50; shown++) {
                estab_time when = sim_clock_when(drifts[i], shown);

                assert_true(sim_clock_at(drifts[i], when) >= shown);
                assert_true(when == 0 || sim_clock_at(drifts[i], when - 1) < shown);
            }
}

static void
expect_played(const char *text)
{
    const struct sim_script_watch nobody = { .ctx = NULL };
    const struct sim_script_how how = { .language = SIM_SAY_ENGLISH };
    static struct sim_script_result result;
    static struct sim_script s;
    struct sim_script_error error;

    if (!sim_script_parse(&s, &heap, text, strlen(text), &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.text);
    (void)sim_script_play(&s, &heap, &how, &nobody, &result);
    sim_script_free(&s);
    if (result.failed)
        fail_msg("%u:%u: %s", result.line, result.column, result.text);
}

#define OPEN                                                                                       \
    "link client server delay=1ms\nserver listen 80\nclient connect server:80\n"                   \
    "within 1s server accept -> ok\n"

/* 2MSL are by the clock of who waits: 60 s are 54.5 s, or 66.7 s, of the world. */
TEST(two_msl_are_waited_by_the_hosts_own_clock)
{
    expect_played("host client drift=100000ppm msl=30s\nhost server\n" OPEN
                  "at 1s client close\nwithin 1s server receive -> end\nserver close\n"
                  "at 55s expect client TIME-WAIT\nat 56s expect client CLOSED\n");
    expect_played("host client drift=-100000ppm msl=30s\nhost server\n" OPEN
                  "at 1s client close\nwithin 1s server receive -> end\nserver close\n"
                  "at 67s expect client TIME-WAIT\nat 68s expect client CLOSED\n");
}

/* Nobody's RTT, RTO or PAWS needs the other's clock: data flows as ever. */
TEST(hosts_of_different_clocks_understand_each_other)
{
    expect_played("host client drift=100000ppm\nhost server drift=-100000ppm\n" OPEN
                  "client pour 300000\nserver drain\nwithin 20s expect server octets 300000\n"
                  "at 1h client send \"late\" -> 4\nwithin 1s expect server octets 300004\n"
                  "expect client again 0\n");
}

static void
expect_wrong(const char *text, unsigned column, const char *message)
{
    static struct sim_script s;
    struct sim_script_error error = { .line = 0 };

    assert_false(sim_script_parse(&s, &heap, text, strlen(text), &error));
    sim_script_free(&s);
    assert_int_equal(error.line, 1);
    assert_int_equal(error.column, column);
    assert_non_null(strstr(error.text, message));
}

TEST(a_drift_that_is_none_is_told)
{
    static const char *const wrong[] = {
        "", "5", "ppm", "-ppm", "5%", "--5ppm", "+5ppm", "5.5ppm"
    };
    char line[64];

    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(line, sizeof line, "host a drift=%s\n", wrong[i]);
        expect_wrong(line, 14, "expected ");
    }
    expect_wrong("host a drift=100001ppm\n", 14, "at most 100000ppm either way");
    expect_wrong("host a drift=-100001ppm\n", 14, "at most 100000ppm either way");
}

static void
count_drifting(void *ctx, const struct sim_world *w, const struct sim_apps *apps)
{
    (void)apps;
    for (size_t i = 0; i < w->n_hosts; i++)
        *(uint32_t *)ctx += w->hosts[i]->drift_ppm != 0;
}

TEST(clocks_drift_in_some_seeds_and_can_be_left_alone)
{
    uint32_t drifting = 0, left = 0;
    struct sim_swarm_options with = { .planned = count_drifting, .planned_ctx = &drifting };
    struct sim_swarm_options without = { .planned = count_drifting,
                                         .planned_ctx = &left,
                                         .omit = 1u << SIM_SWARM_DRIFT };

    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim_result r;

        sim_swarm_run(&heap, seed, &with, &r);
        assert_null(r.failure.rule);
        sim_swarm_run(&heap, seed, &without, &r);
        assert_null(r.failure.rule);
    }
    assert_true(drifting > 20);
    assert_int_equal(left, 0);
}
