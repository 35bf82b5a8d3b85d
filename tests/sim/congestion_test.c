/* SPDX-License-Identifier: MIT */
/* CUBIC beside Reno on simulated paths: how fast a long fat path is filled again after a loss, how
 * the two share a short one, and where the initial slow start ends. */
#include "harness/test.h"
#include "sim/swarm.h"
#include "tests/sim/heap.h"

#include <inttypes.h>
#include <string.h>

/* What the sender's own records say, sampled once a second from the first loss on. */
struct curve {
    uint32_t before; /* cwnd when the first loss was noticed */
    estab_time lost_at;
    uint32_t after[64]; /* cwnd that many seconds later */
    uint64_t sent_again;
};

struct stage {
    struct sim_world w;
    struct sim_apps apps;
    struct sim_checks checks;
    struct curve curve;
    uint32_t last_cwnd;
    uint32_t srtt_us;
};

/* The buffers follow the path instead of being large from the start. */
static bool tuned;

static void
look(void *ctx, const struct estab_trace *r)
{
    struct stage *s = ctx;
    struct curve *c = &s->curve;

    if (r->kind != ESTAB_TRACE_PACKET_OUT || r->host != 0)
        return;
    if (r->reason >= ESTAB_WHY_RETRANSMIT_RTO && r->reason <= ESTAB_WHY_RETRANSMIT_PARTIAL &&
        r->reason != ESTAB_WHY_LOSS_PROBE) {
        c->sent_again++;
        if (c->lost_at == 0) {
            c->lost_at = r->at;
            c->before = s->last_cwnd;
        }
    }
    if (c->lost_at != 0 && (r->at - c->lost_at) / ESTAB_SEC(1) < 64)
        c->after[(r->at - c->lost_at) / ESTAB_SEC(1)] = r->tcb.cwnd;
    s->last_cwnd = r->tcb.cwnd;
    s->srtt_us = r->tcb.srtt_us;
}

static void
build(struct stage *s, uint64_t seed, const struct sim_link_config *link)
{
    struct estab_config cfg;

    memset(s, 0, sizeof(*s));
    estab_config_init(&cfg);
    cfg.tcp.send_buffer = cfg.tcp.receive_buffer = tuned ? cfg.tcp.send_buffer : 0;
    cfg.tcp.send_buffer_max = cfg.tcp.receive_buffer_max = 1u << 23;
    assert_true(sim_world_init(&s->w, &heap, seed, 1500));
    assert_true(sim_apps_init(&s->apps, &s->w, 8));
    for (unsigned i = 0; i < 2; i++)
        assert_non_null(sim_world_add_host(&s->w, &cfg, SIM_NO_FAILURE));
    assert_true(sim_world_join(&s->w, s->w.hosts[0], s->w.hosts[1], link, 1500, 1500, true, true));
    assert_true(sim_checks_init(&s->checks, &s->w, &s->apps));
    assert_int_equal(sim_apps_listen(&s->apps, s->w.hosts[1], 80, 8, 0, NULL), 0);
    s->w.sink = look;
    s->w.sink_ctx = s;
}

/* A sender with more to say than there is time. */
static void
add_flow(struct stage *s, uint8_t cc)
{
    struct sim_dialogue d = { .host = { 0, 1 }, .port = { 0, 80 } };

    for (unsigned i = 0; i < 2; i++) {
        d.addr[i] = sim_world_address(&s->w, s->w.hosts[i], s->w.hosts[1 - i], ESTAB_INET);
        d.options[i] = s->w.hosts[i]->cfg.tcp;
        d.part[i] = sim_part(0);
    }
    d.options[0].cc = cc;
    d.part[0].total = (uint64_t)1 << 40;
    d.part[0].chunk = 8192; /* what the ring has no room for is made in vain */
    sim_apps_add(&s->apps, &d);
}

static void
run(struct stage *s, estab_time until)
{
    const struct sim_failure *f = &s->w.failure;

    (void)sim_world_run(&s->w, until, 1000000000);
    if (f->rule != NULL)
        fail_msg("%s: %s; at %" PRId64 " ns, host %" PRIu32, f->rule, f->text, f->at, f->host);
}

static void
take_down(struct stage *s)
{
    sim_checks_fini(&s->checks);
    sim_apps_fini(&s->apps);
    sim_world_fini(&s->w);
}

/* The curve after one segment has been lost with about 800 of them out, 200 ms from end to end. */
static struct curve
long_fat_path(uint8_t cc, estab_time until)
{
    static struct stage s;
    struct sim_link_config link = { .delay = ESTAB_MS(100),
                                    .bits_per_second = 200000000,
                                    .queue_max = ESTAB_MS(500),
                                    .heal_at = ESTAB_NEVER,
                                    .n_holds = 1 };
    struct curve c;

    link.holds[0] = (struct sim_hold){ .ctl = ESTAB_CTL_ACK,
                                       .ctl_mask = ESTAB_CTL_ACK | ESTAB_CTL_SYN,
                                       .with_text = true,
                                       .nth = 800,
                                       .action = SIM_HOLD_DROP };
    build(&s, 1, &link);
    add_flow(&s, cc);
    run(&s, until);
    assert_int_equal(s.curve.sent_again, 1);
    c = s.curve;
    take_down(&s);
    return c;
}

/* RFC9438-4.4: after K seconds CUBIC is back at the window of the loss, whatever the round trip; Reno
 * gains one segment each 200 ms and is not there by far. */
TEST(a_long_fat_path_is_filled_again_sooner_than_by_reno)
{
    struct curve cubic = long_fat_path(ESTAB_CC_CUBIC, ESTAB_SEC(16));
    struct curve reno = long_fat_path(ESTAB_CC_RENO, ESTAB_SEC(16));
    uint32_t segments = cubic.before / 1448, k = 0;

    assert_true(segments > 600);
    /* K = cbrt(0.3 * segments / 0.4) */
    while (4 * k * k * k < 3 * segments)
        k++;
    assert_in_range(k, 7, 12);
    assert_in_range(cubic.after[2], cubic.before / 100 * 70, cubic.before);
    assert_in_range(cubic.after[k + 1], cubic.before / 100 * 97, cubic.before / 100 * 110);
    assert_true(reno.after[k + 1] < reno.before / 100 * 60);
    for (unsigned i = 1; i <= k + 1; i++)
        assert_true(cubic.after[i] >= cubic.after[i - 1] || i == 1);
}

/* Octets that arrive in five seconds over a short path that loses a segment in 500 by chance. */
static uint64_t
short_path(uint8_t cc, uint64_t seed)
{
    static struct stage s;
    struct sim_link_config link = { .delay = ESTAB_MS(5),
                                    .faults = { .loss_ppm = 2000 },
                                    .heal_at = ESTAB_NEVER };
    uint64_t heard;

    build(&s, seed, &link);
    add_flow(&s, cc);
    run(&s, ESTAB_SEC(5));
    heard = s.apps.actors[1].heard;
    take_down(&s);
    return heard;
}

/* RFC9438-4.3: alone on a short path CUBIC is no slower than nine tenths of Reno. */
TEST(a_short_path_is_used_as_well_as_by_reno)
{
    uint64_t cubic = 0, reno = 0;

    for (uint64_t seed = 1; seed <= 2; seed++) {
        cubic += short_path(ESTAB_CC_CUBIC, seed);
        reno += short_path(ESTAB_CC_RENO, seed);
    }
    assert_true(cubic >= reno / 10 * 9);
}

/* RFC9743-NEWCC: RFC9438-4.3: two flows share a bottleneck of 10 Mbit/s with a queue of its own delay: whoever they
 * are, none gets more than twice what the other gets. */
TEST(two_flows_share_a_short_path)
{
    static const uint8_t pairs[][2] = { { ESTAB_CC_CUBIC, ESTAB_CC_RENO },
                                        { ESTAB_CC_RENO, ESTAB_CC_CUBIC },
                                        { ESTAB_CC_CUBIC, ESTAB_CC_CUBIC },
                                        { ESTAB_CC_RENO, ESTAB_CC_RENO },
                                        { ESTAB_CC_BBR, ESTAB_CC_BBR } };

    for (unsigned i = 0; i < 5; i++) {
        static struct stage s;
        struct sim_link_config link = { .delay = ESTAB_MS(10),
                                        .bits_per_second = 10000000,
                                        .queue_max = ESTAB_MS(30),
                                        .faults = { .loss_ppm = 500 },
                                        .heal_at = ESTAB_NEVER };
        uint64_t a, b;

        build(&s, 5 + i, &link);
        add_flow(&s, pairs[i][0]);
        add_flow(&s, pairs[i][1]);
        run(&s, ESTAB_SEC(20));
        a = s.apps.actors[1].heard;
        b = s.apps.actors[3].heard;
        assert_true(a <= 2 * b && b <= 2 * a);
        assert_true(a + b > (uint64_t)20 * 10000000 / 8 / 100 * 75); /* and together they fill it */
        take_down(&s);
    }
}

/* RFC9406-4.2-THRESH: where the bottleneck has a long queue, CUBIC's slow start ends before it is
 * full, without the burst of losses that ends Reno's. */
TEST(slow_start_ends_before_the_queue_is_full)
{
    uint64_t lost[2];

    for (uint8_t cc = ESTAB_CC_RENO; cc <= ESTAB_CC_CUBIC; cc++) {
        static struct stage s;
        struct sim_link_config link = { .delay = ESTAB_MS(30),
                                        .bits_per_second = 20000000,
                                        .queue_max = ESTAB_MS(1000),
                                        .heal_at = ESTAB_NEVER };

        build(&s, 9, &link);
        add_flow(&s, cc);
        run(&s, ESTAB_SEC(4));
        lost[cc] = s.w.joints[0].link.counts[0].queue_full;
        take_down(&s);
    }
    assert_true(lost[ESTAB_CC_RENO] > 100);
    assert_int_equal(lost[ESTAB_CC_CUBIC], 0);
}

/* What one flow brings through a bottleneck. */
static uint64_t
bottleneck_for(estab_time lasts, uint8_t cc, uint64_t bits_per_second, estab_time delay,
               estab_time queue, uint32_t loss_ppm, uint32_t *srtt_us)
{
    static struct stage s;
    struct sim_link_config link = { .delay = delay,
                                    .bits_per_second = bits_per_second,
                                    .queue_max = queue,
                                    .faults = { .loss_ppm = loss_ppm },
                                    .heal_at = ESTAB_NEVER };
    uint64_t heard;

    build(&s, 3, &link);
    add_flow(&s, cc);
    run(&s, lasts);
    heard = s.apps.actors[1].heard;
    *srtt_us = s.srtt_us;
    take_down(&s);
    return heard;
}

static uint64_t
bottleneck(uint8_t cc, uint64_t bits_per_second, estab_time delay, estab_time queue,
           uint32_t loss_ppm, uint32_t *srtt_us)
{
    return bottleneck_for(ESTAB_SEC(5), cc, bits_per_second, delay, queue, loss_ppm, srtt_us);
}

/* BBR sends as fast as the path delivers and leaves the queue nearly empty; CUBIC and Reno fill it.
 * CUBIC takes its time: its slow start ends when the queue begins to grow (RFC 9406), at some 40
 * segments, and then W = 40 + 0.4 t^3 reaches the 170 that make a round trip of 100 ms after 7 s. */
TEST(bbr_fills_the_path_and_not_the_queue)
{
    static const uint8_t ccs[3] = { ESTAB_CC_BBR, ESTAB_CC_RENO, ESTAB_CC_CUBIC };
    uint64_t whole = 8 * 20000000 / 8;
    uint32_t srtt_us[3];

    for (unsigned i = 0; i < 3; i++)
        assert_true(bottleneck_for(ESTAB_SEC(8), ccs[i], 20000000, ESTAB_MS(10), ESTAB_MS(100), 0,
                                   &srtt_us[i]) > whole / 100 * 85);
    assert_true(srtt_us[0] < 50000);
    assert_true(srtt_us[1] > 80000);
    assert_true(srtt_us[2] > 80000);
}

/* Losses by chance, 1 %, say nothing of congestion, and BBR's rate does not fall for them. */
TEST(bbr_is_not_slowed_by_chance)
{
    uint32_t srtt;
    uint64_t whole = 5 * 20000000 / 8;

    assert_true(bottleneck(ESTAB_CC_BBR, 20000000, ESTAB_MS(50), ESTAB_MS(100), 10000, &srtt) >
                whole / 100 * 65);
    assert_true(bottleneck(ESTAB_CC_CUBIC, 20000000, ESTAB_MS(50), ESTAB_MS(100), 10000, &srtt) <
                whole / 100 * 30);
}

/* A long fat path, 50 Mbit/s and 100 ms, with the buffers that a connection has by default: no
 * slower than with large ones from the start, but for what the first round trips cost. */
TEST(buffers_that_follow_the_path_do_not_slow_it)
{
    uint32_t srtt;
    uint64_t large, followed;

    large = bottleneck(ESTAB_CC_CUBIC, 50000000, ESTAB_MS(50), ESTAB_MS(100), 0, &srtt);
    tuned = true;
    followed = bottleneck(ESTAB_CC_CUBIC, 50000000, ESTAB_MS(50), ESTAB_MS(100), 0, &srtt);
    tuned = false;
    assert_true(followed > large / 100 * 90);
}

/* RFC 2018 §4: slow start overruns a long fat path, and every second of some thousand segments is
 * lost. As many are sent again as were lost: neither end has lost count of the holes. */
TEST(thousands_of_holes_are_each_filled_once)
{
    static struct stage s;
    struct sim_link_config link = { .delay = ESTAB_MS(50),
                                    .bits_per_second = 100000000,
                                    .queue_max = ESTAB_MS(100),
                                    .heal_at = ESTAB_NEVER };

    build(&s, 3, &link);
    add_flow(&s, ESTAB_CC_RENO);
    run(&s, ESTAB_SEC(2));
    assert_true(s.w.joints[0].link.counts[0].queue_full > 1500);
    assert_true(s.curve.sent_again <= s.w.joints[0].link.counts[0].queue_full);
    take_down(&s);
}
