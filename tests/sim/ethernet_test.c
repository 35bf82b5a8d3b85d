/* SPDX-License-Identifier: MIT */
/* Ethernet in the simulator: hosts that must find each other first, a switch between many, and rules
 * that notice when somebody does not. */
#include "harness/test.h"
#include "sim/swarm.h"
#include "tests/sim/heap.h"

#include <inttypes.h>
#include <string.h>

struct stage {
    struct sim_world w;
    struct sim_apps apps;
    struct sim_checks checks;
    struct sim_switch *bridge;
};

static const struct sim_link_config good = { .delay = ESTAB_MS(10),
                                             .ethernet = true,
                                             .heal_at = ESTAB_NEVER };
static const struct sim_link_config bad = { .delay = ESTAB_MS(10),
                                            .ethernet = true,
                                            .faults = { .loss_ppm = 150000,
                                                        .duplicate_ppm = 100000,
                                                        .reorder_ppm = 100000,
                                                        .reorder_extra = ESTAB_MS(50),
                                                        .corrupt_ppm = 100000,
                                                        .forge_ppm = 50000 },
                                            .heal_at = ESTAB_SEC(120) };

/* Two hosts on one cable, or more on a switch. */
static void
build(struct stage *s, uint64_t seed, unsigned hosts, const struct sim_link_config *link)
{
    struct estab_config cfg;

    memset(s, 0, sizeof *s);
    estab_config_init(&cfg);
    cfg.ecn = ESTAB_ECN_ASK;
    assert_true(sim_world_init(&s->w, &heap, seed, 1500));
    assert_true(sim_apps_init(&s->apps, &s->w, 64));
    for (unsigned i = 0; i < hosts; i++)
        assert_non_null(sim_world_add_host(&s->w, &cfg, SIM_NO_FAILURE));
    if (hosts == 2) {
        assert_true(
            sim_world_join(&s->w, s->w.hosts[0], s->w.hosts[1], link, 1500, 1500, true, true));
    } else {
        s->bridge = sim_world_add_switch(&s->w);
        for (unsigned i = 0; i < hosts; i++)
            assert_true(sim_world_plug(&s->w, s->bridge, s->w.hosts[i], link, 1500, true, true));
    }
    assert_true(sim_checks_init(&s->checks, &s->w, &s->apps));
    /* who only listens learns that the other has gone by keepalive alone */
    cfg.tcp.keepalive = true;
    cfg.tcp.keepalive_idle = ESTAB_SEC(30);
    for (unsigned i = 0; i < hosts; i++)
        assert_int_equal(sim_apps_listen(&s->apps, s->w.hosts[i], 80, 32, 0, &cfg.tcp), 0);
}

static void
talk(struct stage *s, uint32_t from, uint32_t to, enum estab_family family, uint64_t total)
{
    struct sim_dialogue d = { .host = { from, to }, .port = { 0, 80 } };

    for (unsigned i = 0; i < 2; i++) {
        d.addr[i] =
            sim_world_address(&s->w, s->w.hosts[d.host[i]], s->w.hosts[d.host[1 - i]], family);
        d.options[i] = s->w.hosts[d.host[i]]->cfg.tcp;
        d.options[i].keepalive = true;
        d.options[i].keepalive_idle = ESTAB_SEC(30);
        d.part[i] = sim_part(total);
    }
    sim_apps_add(&s->apps, &d);
}

static void
end(struct stage *s)
{
    const struct sim_failure *f = &s->w.failure;

    sim_swarm_finish(&s->w, &s->apps, ESTAB_SEC(100000), 100000000);
    sim_checks_end(&s->checks);
    if (f->rule != NULL)
        fail_msg("%s: %s; at %" PRId64 " ns, host %" PRIu32 ", %" PRIu64 " and %" PRIu64, f->rule,
                 f->text, f->at, f->host, f->a, f->b);
}

static void
take_down(struct stage *s)
{
    sim_checks_fini(&s->checks);
    sim_apps_fini(&s->apps);
    sim_world_fini(&s->w);
}

static uint64_t
reason(const struct stage *s, unsigned host, enum estab_reason why)
{
    struct estab_stack_status st;

    estab_stack_status(s->w.hosts[host]->stack, &st);
    return st.reasons[why];
}

TEST(two_hosts_find_each_other_by_arp_and_by_discovery)
{
    static struct stage s;

    build(&s, 1, 2, &good);
    talk(&s, 0, 1, ESTAB_INET, 50000);
    talk(&s, 1, 0, ESTAB_INET6, 50000);
    end(&s);
    assert_int_equal(s.apps.completed, 4);
    assert_true(reason(&s, 0, ESTAB_WHY_ARP_REQUEST) > 0);
    assert_true(reason(&s, 1, ESTAB_WHY_ARP_REPLY) > 0);
    assert_true(reason(&s, 1, ESTAB_WHY_ND_SOLICIT) > 0);
    assert_true(reason(&s, 0, ESTAB_WHY_ND_ADVERTISE) > 0);
    take_down(&s);
}

TEST(a_bad_cable_breaks_no_rule_and_no_text)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        static struct stage s;

        build(&s, seed, 2, &bad);
        for (unsigned i = 0; i < 6; i++)
            talk(&s, i & 1, !(i & 1), i & 2 ? ESTAB_INET6 : ESTAB_INET, 20000);
        end(&s);
        assert_true(s.w.joints[0].link.counts[0].corrupted > 0);
        assert_true(s.w.joints[0].link.counts[0].lost > 0);
        take_down(&s);
    }
}

/* IEEE 802.1D: a frame for a station that is known goes to it alone. */
TEST(a_switch_floods_what_it_does_not_know_and_nothing_else)
{
    static struct stage s;
    uint64_t to_third;

    build(&s, 3, 4, &good);
    talk(&s, 0, 1, ESTAB_INET, 500000);
    end(&s);
    assert_int_equal(s.apps.completed, 2);
    assert_int_equal(s.bridge->n_learned, 4);
    assert_true(s.bridge->forwarded > 300);
    /* the third hears announcements, reports and questions, and none of the stream */
    to_third = s.w.joints[s.bridge->joint[2]].link.counts[1].packets;
    assert_true(to_third <= s.bridge->flooded && to_third < 60);
    take_down(&s);
}

TEST(many_hosts_talk_over_one_bad_switch)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        static struct stage s;

        build(&s, seed, 5, &bad);
        for (unsigned a = 0; a < 5; a++)
            for (unsigned b = 0; b < 5; b++)
                if (a != b)
                    talk(&s, a, b, (a + b) & 1 ? ESTAB_INET6 : ESTAB_INET, 5000);
        end(&s);
        take_down(&s);
    }
}

/* Who marks a packet on its second link writes its header checksum anew; that must not make a packet
 * whole that was damaged on the first. */
TEST(what_was_damaged_before_the_switch_is_not_repaired_behind_it)
{
    struct sim_link_config marks = bad;

    marks.faults = (struct sim_faults){ .corrupt_ppm = 300000, .mark_ppm = 1000000 };
    for (uint64_t seed = 1; seed <= 10; seed++) {
        static struct stage s;

        build(&s, seed, 3, &marks);
        talk(&s, 0, 1, ESTAB_INET, 20000);
        talk(&s, 1, 2, ESTAB_INET, 20000);
        end(&s);
        take_down(&s);
    }
}

TEST(a_host_that_reboots_is_found_again)
{
    static struct stage s;

    build(&s, 9, 3, &good);
    talk(&s, 0, 1, ESTAB_INET, 5000);
    sim_apps_reboot_at(&s.apps, 1, ESTAB_SEC(30));
    end(&s);
    take_down(&s);
}

/* ---- do the rules bite? ---- */

static void
expect_rule(struct stage *s, enum sim_rule rule)
{
    assert_non_null(s->w.failure.rule);
    assert_string_equal(s->w.failure.rule, sim_rule_name(rule));
    take_down(s);
}

/* A frame of the first host's, as if it had been sent. */
static void
sends(struct stage *s, const uint8_t *octets, uint32_t len)
{
    uint8_t data[60] = { 0 };
    struct estab_frame f = { .data = data, .len = 60 };

    memcpy(data, octets, len);
    s->w.observer.output(s->w.observer.ctx, s->w.hosts[0], 1, &f);
}

/* ARP of host 0 (10.0.0.1) to host 1 (10.0.0.2). */
static const uint8_t question[42] = {
    255, 255, 255, 255, 255, 255, 2, 0,  0, 0, 1, 0, 8, 6, 0, 1, 8, 0,  6, 4, 0,
    1,   2,   0,   0,   0,   1,   0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
};

TEST(a_question_repeated_too_soon_is_noticed)
{
    static struct stage s;

    build(&s, 1, 2, &good);
    sends(&s, question, sizeof question);
    assert_null(s.w.failure.rule);
    s.w.now += ESTAB_SEC(1);
    sends(&s, question, sizeof question);
    assert_null(s.w.failure.rule);
    s.w.now += ESTAB_SEC(1) - 1;
    sends(&s, question, sizeof question);
    expect_rule(&s, SIM_RULE_ASKS_SELDOM);
}

TEST(a_frame_for_the_wrong_station_is_noticed)
{
    static struct stage s;
    uint8_t answer[42];

    build(&s, 1, 2, &good);
    memcpy(answer, question, sizeof answer);
    memcpy(answer, (uint8_t[6]){ 2, 0, 0, 0, 2, 0 }, 6);
    answer[21] = 2;
    sends(&s, answer, sizeof answer);
    assert_null(s.w.failure.rule);
    answer[4] = 3;
    sends(&s, answer, sizeof answer);
    expect_rule(&s, SIM_RULE_RIGHT_MAC);
}

TEST(a_frame_that_is_not_padded_with_zeros_is_noticed)
{
    static const uint8_t echo[14 + 29] = {
        2,  0, 0,    0,    2,  0, 2, 0, 0,  0, 1, 0, 8, 0, 0x45, 0,    0, 28, 0, 0, 0, 0,
        64, 1, 0x66, 0xdf, 10, 0, 0, 1, 10, 0, 0, 2, 8, 0, 0xf7, 0xff, 0, 0,  0, 0, 1,
    };
    static struct stage s;

    build(&s, 1, 2, &good);
    sends(&s, echo, sizeof echo - 1);
    assert_null(s.w.failure.rule);
    sends(&s, echo, sizeof echo);
    expect_rule(&s, SIM_RULE_PACKET_WHOLE);
}

TEST(a_cache_that_was_lied_to_is_noticed)
{
    static const uint8_t wrong[6] = { 2, 0, 0, 0, 9, 9 };
    static struct stage s;
    struct estab_addr peer = estab_addr_v4(10, 0, 0, 2);

    build(&s, 1, 2, &good);
    assert_int_equal(estab_stack_set_neighbour(s.w.hosts[0]->stack, 1, &peer, wrong, s.w.now), 0);
    talk(&s, 0, 1, ESTAB_INET6, 5);
    sim_swarm_finish(&s.w, &s.apps, ESTAB_SEC(1000), 1000000);
    expect_rule(&s, SIM_RULE_NEIGHBOUR_TRUE);
}
