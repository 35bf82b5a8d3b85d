/* SPDX-License-Identifier: MIT */
/* Worlds: determinism, a long transfer through a bad network, many hosts. */
#include "harness/test.h"
#include "sim/swarm.h"
#include "tests/sim/heap.h"

#include <inttypes.h>
#include <string.h>

/* A world of pairs of neighbours on a ring, or of two hosts, with everything that looks on. */
struct stage {
    struct sim_world w;
    struct sim_apps apps;
    struct sim_checks checks;
};

static void
build(struct stage *s, uint64_t seed, unsigned n_hosts, const struct estab_config *cfg,
      const struct sim_link_config *link)
{
    assert_true(sim_world_init(&s->w, &heap, seed, 1500));
    assert_true(sim_apps_init(&s->apps, &s->w, 256));
    for (unsigned i = 0; i < n_hosts; i++)
        assert_non_null(sim_world_add_host(&s->w, cfg, SIM_NO_FAILURE));
    for (unsigned i = 0; i < (n_hosts == 2 ? 1 : n_hosts); i++)
        assert_true(sim_world_join(&s->w, s->w.hosts[i], s->w.hosts[(i + 1) % n_hosts], link, 1500,
                                   1500, true, true));
    assert_true(sim_checks_init(&s->checks, &s->w, &s->apps));
}

static struct sim_dialogue
dialogue(struct stage *s, uint32_t from, uint32_t to, enum estab_family family, uint64_t total)
{
    struct sim_dialogue d = { .host = { from, to }, .port = { 0, 80 } };

    for (unsigned i = 0; i < 2; i++) {
        d.addr[i] =
            sim_world_address(&s->w, s->w.hosts[d.host[i]], s->w.hosts[d.host[1 - i]], family);
        d.options[i] = s->w.hosts[d.host[i]]->cfg.tcp;
        d.part[i] = sim_part(total);
    }
    return d;
}

static void
expect_no_failure(const struct sim_world *w)
{
    const struct sim_failure *f = &w->failure;

    if (f->rule != NULL)
        fail_msg("%s: %s; at %" PRId64 " ns, host %" PRIu32 ", %" PRIu64 " and %" PRIu64, f->rule,
                 f->text, f->at, f->host, f->a, f->b);
}

static void
run_and_end(struct stage *s, estab_time until)
{
    sim_swarm_finish(&s->w, &s->apps, until, 100000000);
    expect_no_failure(&s->w);
    sim_checks_end(&s->checks);
    expect_no_failure(&s->w);
}

static void
take_down(struct stage *s)
{
    sim_checks_fini(&s->checks);
    sim_apps_fini(&s->apps);
    sim_world_fini(&s->w);
    expect_no_failure(&s->w);
}

/* 0: the run depends on the size of a pointer, because memory is short in it. */
static uint64_t
hash_of_seed(uint64_t seed)
{
    struct sim_result r;

    sim_swarm_run(&heap, seed, NULL, &r);
    assert_null(r.failure.rule);
    assert_true(r.records > 0 && r.hashed == (r.hash != 0));
    return r.hash;
}

TEST(same_seed_gives_the_same_run)
{
    unsigned hashed = 0;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t hash = hash_of_seed(seed);

        assert_true(hash == hash_of_seed(seed));
        hashed += hash != 0;
    }
    assert_true(hashed > 10);
}

TEST(different_seeds_give_different_runs)
{
    uint64_t seen[20];
    unsigned n = 0;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t hash = hash_of_seed(seed);

        for (unsigned i = 0; i < n && hash != 0; i++)
            assert_true(hash != seen[i]);
        seen[n++] = hash;
    }
}

TEST(two_hosts_greet_and_part)
{
    static struct stage s;
    struct sim_link_config link = { .delay = ESTAB_MS(10), .heal_at = ESTAB_NEVER };
    struct estab_config cfg;
    struct sim_dialogue d;

    estab_config_init(&cfg);
    build(&s, 1, 2, &cfg, &link);
    assert_int_equal(sim_apps_listen(&s.apps, s.w.hosts[1], 80, 8, 0, NULL), 0);
    d = dialogue(&s, 0, 1, ESTAB_INET, 5);
    d.expect_clean = true;
    sim_apps_add(&s.apps, &d);
    run_and_end(&s, ESTAB_SEC(1000));
    assert_int_equal(s.apps.completed, 2);
    assert_int_equal(s.apps.actors[0].heard, 5);
    assert_int_equal(s.apps.actors[1].heard, 5);
    take_down(&s);
}

/* The packets of a bad hour between two hosts, with or without somebody who looks on. */
static uint64_t
wire_of(bool silent)
{
    static struct stage s;
    struct sim_link_config link = { .delay = ESTAB_MS(10),
                                    .faults = { .loss_ppm = 100000,
                                                .duplicate_ppm = 50000,
                                                .reorder_ppm = 100000,
                                                .reorder_extra = ESTAB_MS(30),
                                                .corrupt_ppm = 50000,
                                                .forge_ppm = 50000 },
                                    .heal_at = ESTAB_SEC(60) };
    struct estab_config cfg;
    uint64_t hash;

    estab_config_init(&cfg);
    assert_true(sim_world_init(&s.w, &heap, 8, 1500));
    s.w.silent = silent;
    assert_true(sim_apps_init(&s.apps, &s.w, 16));
    for (unsigned i = 0; i < 2; i++)
        assert_non_null(sim_world_add_host(&s.w, &cfg, SIM_NO_FAILURE));
    assert_true(sim_world_join(&s.w, s.w.hosts[0], s.w.hosts[1], &link, 1500, 1500, true, true));
    assert_int_equal(sim_apps_listen(&s.apps, s.w.hosts[1], 80, 8, 0, &cfg.tcp), 0);
    for (uint32_t i = 0; i < 8; i++) {
        struct sim_dialogue d =
            dialogue(&s, 0, 1, i % 2 == 0 ? ESTAB_INET : ESTAB_INET6, 3000 * (i + 1));

        d.options[0].keepalive = d.options[1].keepalive = true;
        d.options[0].keepalive_idle = d.options[1].keepalive_idle = ESTAB_SEC(20);
        if (i == 7)
            d.part[0].ending = SIM_END_ABORT;
        sim_apps_add(&s.apps, &d);
    }
    sim_swarm_finish(&s.w, &s.apps, ESTAB_SEC(10000), 1000000);
    expect_no_failure(&s.w);
    assert_true(silent == (s.w.records == 0));
    hash = s.w.wire_hash;
    sim_apps_fini(&s.apps);
    sim_world_fini(&s.w);
    expect_no_failure(&s.w);
    return hash;
}

TEST(nobody_looking_on_changes_nothing)
{
    assert_true(wire_of(true) == wire_of(false));
}

TEST(an_hour_of_loss_reordering_and_corruption_delivers_every_octet)
{
    static struct stage s;
    struct sim_link_config link = { .delay = ESTAB_MS(20),
                                    .faults = { .loss_ppm = 100000,
                                                .reorder_ppm = 300000,
                                                .reorder_extra = ESTAB_MS(30),
                                                .corrupt_ppm = 20000,
                                                .duplicate_ppm = 20000 },
                                    .heal_at = ESTAB_NEVER };
    struct estab_config cfg;
    struct sim_dialogue d;

    estab_config_init(&cfg);
    build(&s, 2, 2, &cfg, &link);
    assert_int_equal(sim_apps_listen(&s.apps, s.w.hosts[1], 80, 8, 0, NULL), 0);
    d = dialogue(&s, 0, 1, ESTAB_INET6, 0);
    d.part[0].total = 3600 * 2000; /* read at 2,000 octets a second: an hour */
    d.part[1].read_chunk = 2000;
    d.part[1].read_gap = ESTAB_SEC(1);
    sim_apps_add(&s.apps, &d);
    run_and_end(&s, ESTAB_SEC(20000));
    assert_true(s.w.now >= ESTAB_SEC(3600));
    assert_int_equal(s.apps.completed, 2);
    assert_int_equal(s.apps.actors[1].heard, 3600 * 2000);
    assert_true(s.w.joints[0].link.counts[0].corrupted > 50);
    take_down(&s);
}

TEST(a_hundred_hosts_live_in_one_process)
{
    static struct stage s;
    struct sim_link_config link = { .delay = ESTAB_MS(5),
                                    .faults = { .loss_ppm = 20000 },
                                    .heal_at = ESTAB_SEC(60) };
    struct estab_config cfg;

    estab_config_init(&cfg);
    build(&s, 3, 100, &cfg, &link);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(sim_apps_listen(&s.apps, s.w.hosts[i], 80, 8, 0, NULL), 0);
    for (uint32_t i = 0; i < 100; i++) {
        struct sim_dialogue d =
            dialogue(&s, i, (i + 1) % 100, i % 2 == 0 ? ESTAB_INET : ESTAB_INET6, 10000);

        d.start_at = ESTAB_MS(i);
        sim_apps_add(&s.apps, &d);
    }
    run_and_end(&s, ESTAB_SEC(2000));
    assert_int_equal(s.apps.completed, 200);
    take_down(&s);
}

TEST(a_port_is_used_again_and_again)
{
    static struct stage s;
    struct sim_link_config link = { .delay = ESTAB_MS(1), .heal_at = ESTAB_NEVER };
    struct estab_config cfg;

    estab_config_init(&cfg);
    build(&s, 4, 2, &cfg, &link);
    assert_int_equal(sim_apps_listen(&s.apps, s.w.hosts[1], 80, 8, 0, NULL), 0);
    for (uint32_t i = 0; i < 5; i++) {
        struct sim_dialogue d = dialogue(&s, 0, 1, ESTAB_INET, 3000);

        d.port[0] = 1000;
        d.after = i;
        sim_apps_add(&s.apps, &d);
    }
    run_and_end(&s, ESTAB_SEC(2000));
    assert_int_equal(s.apps.completed, 10);
    take_down(&s);
}

TEST(half_closed_connection_carries_the_answer)
{
    static struct stage s;
    struct sim_link_config link = { .delay = ESTAB_MS(10), .heal_at = ESTAB_NEVER };
    struct estab_config cfg;
    struct sim_dialogue d;

    estab_config_init(&cfg);
    build(&s, 5, 2, &cfg, &link);
    assert_int_equal(sim_apps_listen(&s.apps, s.w.hosts[1], 80, 8, 0, NULL), 0);
    d = dialogue(&s, 0, 1, ESTAB_INET, 200000);
    d.part[1].after_peer = true;
    d.part[1].zero_copy = d.part[0].zero_copy = true;
    d.expect_clean = true;
    sim_apps_add(&s.apps, &d);
    run_and_end(&s, ESTAB_SEC(2000));
    assert_int_equal(s.apps.actors[0].heard, 200000);
    take_down(&s);
}

TEST(simultaneous_open_makes_one_connection)
{
    static struct stage s;
    struct sim_link_config link = { .delay = ESTAB_MS(10), .heal_at = ESTAB_NEVER };
    struct estab_config cfg;
    struct sim_dialogue d;

    estab_config_init(&cfg);
    build(&s, 6, 2, &cfg, &link);
    d = dialogue(&s, 0, 1, ESTAB_INET6, 5000);
    d.simultaneous = true;
    d.expect_clean = true;
    d.port[0] = 2000;
    sim_apps_add(&s.apps, &d);
    run_and_end(&s, ESTAB_SEC(2000));
    assert_int_equal(s.apps.completed, 2);
    assert_int_equal(s.apps.actors[0].heard, 5000);
    assert_int_equal(s.apps.actors[1].heard, 5000);
    take_down(&s);
}
