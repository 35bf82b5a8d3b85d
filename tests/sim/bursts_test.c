/* SPDX-License-Identifier: MIT */
/* A server that answers with a burst every few seconds: what congestion window validation (RFC 7661)
 * is for, against the restart window of RFC 5681 §4.1. */
#include "harness/test.h"
#include "sim/apps.h"
#include "tests/sim/heap.h"

#include <inttypes.h>
#include <string.h>

#define BURST 125000u
#define REQUEST 100u

struct bursts {
    struct sim_world w;
    struct sim_apps apps;
    estab_time began_at, ended_at, together; /* of this burst; of all but the first three */
    unsigned n;
    uint64_t lost; /* sent again by the server */
};

static void
note_end(struct bursts *b)
{
    if (b->n > 3)
        b->together += b->ended_at - b->began_at;
}

static void
look(void *ctx, const struct estab_trace *r)
{
    struct bursts *b = ctx;

    if (r->host != 1 || r->proto != 6)
        return;
    if (r->kind == ESTAB_TRACE_PACKET_OUT && r->seg.len > 0) {
        if (r->reason == ESTAB_WHY_DATA && r->at - b->ended_at > ESTAB_MS(500)) {
            if (b->n > 0)
                note_end(b);
            b->n++;
            b->began_at = r->at;
        }
        b->lost +=
            r->reason >= ESTAB_WHY_RETRANSMIT_RTO && r->reason <= ESTAB_WHY_RETRANSMIT_PARTIAL;
        b->ended_at = r->at;
    }
    if (r->kind == ESTAB_TRACE_PACKET_IN && r->seg.len == 0)
        b->ended_at = r->at;
}

struct outcome {
    estab_time mean;
    uint64_t lost, served, other; /* segments; octets */
};

/* 20 seconds of bursts, one in two seconds, over 10 Mbit/s and 100 ms with a queue of `queue`; with
 * `company`, beside a flow that never ends. */
static struct outcome
bursts(bool validation, uint8_t cc, estab_time queue, bool company)
{
    static struct bursts b;
    struct sim_link_config link = { .delay = ESTAB_MS(50),
                                    .bits_per_second = 10000000,
                                    .queue_max = queue,
                                    .heal_at = ESTAB_NEVER };
    struct sim_dialogue d = { .host = { 0, 1 }, .port = { 0, 80 } };
    struct estab_config cfg;
    const struct sim_failure *f = &b.w.failure;
    struct outcome o;

    memset(&b, 0, sizeof(b));
    estab_config_init(&cfg);
    cfg.cwnd_validation = validation;
    cfg.tcp.cc = cc;
    cfg.tcp.receive_buffer = cfg.tcp.receive_buffer_max = 1 << 21;
    assert_true(sim_world_init(&b.w, &heap, 1, 1500));
    assert_true(sim_apps_init(&b.apps, &b.w, 2));
    b.w.hash_traces = false;
    for (unsigned i = 0; i < 4; i++) {
        b.w.silent = i >= 2;
        assert_non_null(sim_world_add_host(&b.w, &cfg, SIM_NO_FAILURE));
    }
    for (unsigned i = 0; i < 4; i += 2)
        assert_true(
            sim_world_join(&b.w, b.w.hosts[i], b.w.hosts[i + 1], &link, 1500, 1500, true, true));
    assert_true(sim_world_share(&b.w, b.w.hosts[2], b.w.hosts[3], b.w.hosts[0], b.w.hosts[1]));
    for (unsigned i = 1; i < 4; i += 2)
        assert_int_equal(sim_apps_listen(&b.apps, b.w.hosts[i], 80, 1, 0, NULL), 0);
    for (unsigned i = 0; i < (company ? 2 : 1); i++) {
        d.host[0] = 2 * i;
        d.host[1] = 2 * i + 1;
        for (unsigned k = 0; k < 2; k++) {
            struct sim_host *h = b.w.hosts[d.host[k]];

            d.addr[k] = sim_world_address(&b.w, h, b.w.hosts[d.host[1 - k]], ESTAB_INET);
            d.options[k] = h->cfg.tcp;
            d.part[k] = sim_part((uint64_t)1 << 40);
        }
        d.options[1].cc = i == 0 ? cc : ESTAB_CC_CUBIC;
        if (i == 0) {
            d.part[0].turn = REQUEST;
            d.part[1].turn = BURST;
            d.part[1].read_gap = ESTAB_SEC(2);
        } else {
            d.part[0].total = 0;
        }
        sim_apps_add(&b.apps, &d);
    }
    b.w.sink = look;
    b.w.sink_ctx = &b;
    (void)sim_world_run(&b.w, ESTAB_SEC(20), 100000000);
    if (f->rule != NULL)
        fail_msg("%s: %s; at %" PRId64 " ns, host %" PRIu32, f->rule, f->text, f->at, f->host);
    o = (struct outcome){ .mean = b.n > 4 ? b.together / (b.n - 4) : 0,
                          .lost = b.lost,
                          .served = b.apps.actors[0].heard,
                          .other = company ? b.apps.actors[2].heard : 0 };
    sim_apps_fini(&b.apps);
    sim_world_fini(&b.w);
    return o;
}

/* RFC7661-4: alone, each burst takes two round trips instead of four, and nothing is lost by it: the
 * restart window doubles three times until it is the 85 segments of a burst. */
TEST(a_window_once_used_serves_each_burst_at_once)
{
    struct outcome on = bursts(true, ESTAB_CC_CUBIC, ESTAB_MS(100), false);
    struct outcome off = bursts(false, ESTAB_CC_CUBIC, ESTAB_MS(100), false);

    assert_in_range(on.mean / ESTAB_MS(1), 150, 250);
    assert_in_range(off.mean / ESTAB_MS(1), 400, 500);
    assert_true(on.mean > 0 && off.mean > 0);
    assert_int_equal(on.lost, 0);
}

/* Where the queue holds a quarter of what the path does, too: paced, a burst does not overrun it. */
TEST(a_small_queue_is_not_overrun_by_it)
{
    struct outcome on = bursts(true, ESTAB_CC_CUBIC, ESTAB_MS(25), false);
    struct outcome off = bursts(false, ESTAB_CC_CUBIC, ESTAB_MS(25), false);

    assert_true(on.mean < off.mean);
    assert_true(on.lost <= off.lost + 10);
}

/* Beside a flow that is always there no fewer bursts are served, and together the two have the path as
 * before. */
TEST(company_is_not_pushed_aside)
{
    struct outcome on = bursts(true, ESTAB_CC_CUBIC, ESTAB_MS(100), true);
    struct outcome off = bursts(false, ESTAB_CC_CUBIC, ESTAB_MS(100), true);

    assert_true(on.served >= off.served);
    assert_true(on.other + on.served >= (off.other + off.served) / 100 * 97);
}
