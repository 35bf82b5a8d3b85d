/* SPDX-License-Identifier: MIT */
/* A path with everything wrong with it, for an hour of virtual time, in both directions. */
#include "harness/test.h"
#include "sim/swarm.h"
#include "tests/sim/heap.h"

#include <inttypes.h>
#include <stdlib.h>

/* Both speak as fast as the path takes it, for so long; what is wrong with it is wrong in both
 * directions. Each has heard at least so many octets a second. */
static const char *
long_path(uint8_t cc, estab_time lasts, estab_time delay, unsigned mbit, uint64_t at_least)
{
    struct sim_link_config link = { .delay = delay,
                                    .bits_per_second = (uint64_t)mbit * 1000000,
                                    .queue_bytes = 30000 * mbit,
                                    .jitter = delay / 7,
                                    .heal_at = ESTAB_NEVER };
    static struct sim_world w;
    struct sim_apps apps;
    struct sim_checks checks;
    struct estab_config cfg;
    struct sim_dialogue d = { .host = { 0, 1 }, .port = { 0, 80 } };

    link.faults = (struct sim_faults){ .loss_ppm = 100000,
                                       .reorder_ppm = 300000,
                                       .reorder_extra = delay,
                                       .corrupt_ppm = 10000,
                                       .duplicate_ppm = 20000 };
    estab_config_init(&cfg);
    assert_true(sim_world_init(&w, &heap, 1, 1500));
    w.hash_traces = false;
    assert_true(sim_apps_init(&apps, &w, 1));
    for (unsigned i = 0; i < 2; i++)
        assert_non_null(sim_world_add_host(&w, &cfg, SIM_NO_FAILURE));
    assert_true(sim_world_join(&w, w.hosts[0], w.hosts[1], &link, 1500, 1500, true, true));
    assert_true(sim_checks_init(&checks, &w, &apps));
    assert_int_equal(sim_apps_listen(&apps, w.hosts[1], 80, 8, 0, NULL), 0);
    for (unsigned i = 0; i < 2; i++) {
        d.addr[i] = sim_world_address(&w, w.hosts[i], w.hosts[1 - i], ESTAB_INET6);
        d.options[i] = cfg.tcp;
        d.options[i].cc = cc;
        d.part[i] = sim_part((uint64_t)1 << 40);
        d.part[i].chunk = 4096;
    }
    sim_apps_add(&apps, &d);
    assert_int_equal(sim_world_run(&w, lasts, UINT64_C(10000000000)), SIM_STOP_TIME);
    /* Then each says what it has begun to say, and no more. */
    for (unsigned i = 0; i < 2; i++)
        apps.dialogues[0].part[i].total = apps.actors[i].said;
    /* Every octet heard is compared with the one said by the actors; an end says all are there. */
    if (sim_swarm_finish(&w, &apps, lasts + ESTAB_SEC(3600), 1000000000))
        sim_checks_end(&checks);
    assert_int_equal(apps.failed, 0);
    for (unsigned i = 0; i < 2 && !sim_failed(&w); i++) {
        assert_true(apps.actors[i].heard == apps.actors[1 - i].said);
        if (apps.actors[i].heard < (uint64_t)(lasts / ESTAB_SEC(1)) * at_least)
            fail_msg("%s: %" PRIu64 " octets heard", estab_cc_name(cc), apps.actors[i].heard);
    }
    /* No record, no timer, no octet of memory: the first two by sim_checks_end(), the last here. */
    assert_true(sim_failed(&w) || sim_world_next(&w) == ESTAB_NEVER);
    sim_checks_fini(&checks);
    sim_apps_fini(&apps);
    sim_world_fini(&w);
    return w.failure.rule;
}

static void
must_hold(const char *rule)
{
    if (rule != NULL)
        fail_msg("%s", rule);
}

TEST(an_hour_of_loss_reordering_duplication_and_corruption_loses_no_octet)
{
    must_hold(long_path(ESTAB_CC_CUBIC, ESTAB_SEC(3600), ESTAB_MS(20), 1, 35000));
}

/* make long-path: the hour with every algorithm, over a path with twenty times the rate. */
TEST(an_hour_with_every_algorithm_loses_no_octet)
{
    const char *seconds = getenv("ESTAB_LONG_PATH");

    if (seconds == NULL)
        TEST_SKIP("minutes: make long-path");
    for (uint8_t cc = ESTAB_CC_RENO; cc <= ESTAB_CC_BBR; cc++)
        must_hold(long_path(cc, ESTAB_SEC(atoi(seconds)), ESTAB_MS(5), 20, 140000));
}
