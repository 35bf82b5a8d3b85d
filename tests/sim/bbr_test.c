/* SPDX-License-Identifier: MIT */
/* BBR on simulated paths, looked into after each packet that the sender has taken: its states and their
 * order, the model's variables, and what losses, marks and clumps of ACKs make of them. What it
 * brings is in congestion_test.c and fairness_test.c. */
#include "harness/test.h"
#include "sim/apps.h"
#include "stack/internal.h"
#include "tcp/bbr.h"
#include "tests/sim/heap.h"

#include <inttypes.h>
#include <string.h>

#define MSS 1448u
#define STATES (BBR_PROBE_RTT + 1)

struct look {
    struct sim_world w;
    struct sim_apps apps;

    /* the model after the last packet taken, and the TCB's cwnd and flight then */
    struct bbr model;
    bool begun, marked_down, rtt_twice;
    uint32_t cwnd, pipe;
    uint64_t pacing_rate;

    unsigned entered[STATES];
    estab_time first[STATES], last[STATES], left[STATES]; /* entered first and last, left last */
    estab_time refill_gap[2];                             /* the shortest, the longest */
    estab_time up_min_rtts;                               /* the shortest Up, in min_rtt */
    estab_time probe_rtt_lasted;                          /* the longest */
    uint64_t seen_to[STATES];                             /* bit k: to state k */
    uint64_t max_bw;
    uint32_t most_extra, startup_rounds, startup_full_bw_count, longterm_at_startup_end;
    uint32_t least_min_rtt, cwnd_in_probe_rtt, cwnd_in_cruise, up_pipe;
    unsigned bounded, refilled_bounded; /* packets with a short-term bound; Refills with one */
    unsigned undone;
    uint64_t sent_again;
    /* called after each packet */
    void (*also)(struct look *l);
    unsigned faults; /* of the checks below */
    char fault[200];
};

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond) && l->faults++ == 0)                                                           \
            snprintf(l->fault, sizeof l->fault, "line %d: %s; at %" PRId64 " ms, state %u",        \
                     __LINE__, #cond, l->w.now / 1000000, b->phase);                               \
    } while (0)

static const uint16_t gains[] = { 277, 50, 90, 100, 100, 125, 100 };

static void
changed(struct look *l, const struct bbr *b, unsigned from)
{
    unsigned to = b->phase;
    estab_time now = l->w.now;

    l->seen_to[from] |= (uint64_t)1 << to;
    l->left[from] = now;
    if (from == BBR_PROBE_BW_UP && to == BBR_PROBE_BW_DOWN) {
        estab_time lasted = (now - l->last[from]) / (estab_time)((uint64_t)b->min_rtt * 1000);

        if (l->up_min_rtts == 0 || lasted < l->up_min_rtts)
            l->up_min_rtts = lasted;
    }
    if (from == BBR_PROBE_RTT && now - l->last[from] > l->probe_rtt_lasted)
        l->probe_rtt_lasted = now - l->last[from];
    if (from == BBR_STARTUP) {
        l->startup_rounds = b->round_count;
        l->startup_full_bw_count = b->full_bw_count;
        l->longterm_at_startup_end = b->inflight_longterm;
    }
    if (to == BBR_PROBE_BW_REFILL) {
        if (l->entered[to] > 0) {
            estab_time gap = now - l->last[to];

            if (l->refill_gap[0] == 0 || gap < l->refill_gap[0])
                l->refill_gap[0] = gap;
            l->refill_gap[1] = gap > l->refill_gap[1] ? gap : l->refill_gap[1];
        }
        l->refilled_bounded +=
            b->bw_shortterm != UINT64_MAX || b->inflight_shortterm != BBR_INFINITE;
    }
    if (l->entered[to]++ == 0)
        l->first[to] = now;
    l->last[to] = now;
}

/* What holds after every ACK, whatever the path. */
static void
check(struct look *l, const struct tcb *tcb)
{
    const struct bbr *b = tcb->ca.bbr;
    uint64_t max = bbr_max_bw(b);

    CHECK(b->bw <= max && b->bw <= b->bw_shortterm);
    CHECK(tcb->cwnd >= 4 * MSS || tcb->recovery != RECOVERY_NONE);
    CHECK(b->rate.n <= RATE_MARKS);
    CHECK(b->min_rtt > 0);
    /* a mark is heard of after the model: rate and cwnd follow with the next ACK */
    if (b->full_bw_reached && b->bw > 0 && b->phase == l->model.phase)
        CHECK(tcb->pacing_rate == b->bw * gains[b->phase] * 99 / 10000);
    if (tcb->recovery != RECOVERY_NONE || b->inflight_longterm != l->model.inflight_longterm)
        return;
    if (bbr_is_in_probe_bw(b))
        CHECK(tcb->cwnd <= bbr_most(b->inflight_longterm, 4 * MSS) &&
              tcb->cwnd <= bbr_most(b->inflight_shortterm, 4 * MSS));
    if (b->phase == BBR_PROBE_BW_CRUISE && b->inflight_longterm != BBR_INFINITE)
        CHECK(tcb->cwnd <=
              bbr_most(b->inflight_longterm - b->inflight_longterm / 100 * 15 + MSS, 4 * MSS));
    if (b->phase == BBR_PROBE_RTT)
        CHECK(tcb->cwnd <= bbr_most((uint32_t)(b->bw * b->min_rtt / 2000000), 4 * MSS));
}

static void
looks(void *ctx, struct sim_host *host)
{
    struct look *l = ctx;
    const struct conn *c;
    const struct bbr *b;

    if (host->number != 0 || l->apps.actors[0].conn == 0)
        return;
    c = estab_conn_from_handle(host->stack, l->apps.actors[0].conn);
    if (c == NULL || c->tcb.cc != &estab_cc_bbr || c->tcb.ca.bbr == NULL)
        return;
    b = c->tcb.ca.bbr;
    if (!l->begun) {
        l->entered[BBR_STARTUP] = 1;
        l->first[BBR_STARTUP] = l->last[BBR_STARTUP] = l->w.now;
    } else if (b->phase != l->model.phase) {
        changed(l, b, l->model.phase);
    }
    check(l, &c->tcb);
    l->begun = true;
    l->model = *b;
    l->cwnd = c->tcb.cwnd;
    l->pacing_rate = c->tcb.pacing_rate;
    l->pipe = c->tcb.flight != NULL ? estab_tcp_pipe(&c->tcb) : 0;
    l->max_bw = bbr_max_bw(b) > l->max_bw ? bbr_max_bw(b) : l->max_bw;
    if (b->full_bw_reached)
        l->most_extra = bbr_most(l->most_extra, bbr_most(b->extra_acked[0], b->extra_acked[1]));
    l->bounded += b->bw_shortterm != UINT64_MAX;
    if (b->phase == BBR_PROBE_RTT)
        l->cwnd_in_probe_rtt = l->cwnd;
    if (b->phase == BBR_PROBE_BW_UP)
        l->up_pipe = bbr_most(l->up_pipe, l->pipe);
    if (l->also != NULL)
        l->also(l);
}

static void
records(void *ctx, struct sim_host *host, const struct estab_trace *r)
{
    struct look *l = ctx;

    if (host->number != 0)
        return;
    if (r->kind == ESTAB_TRACE_PACKET_OUT && r->reason >= ESTAB_WHY_RETRANSMIT_RTO &&
        r->reason <= ESTAB_WHY_RETRANSMIT_PARTIAL)
        l->sent_again++;
    if (r->kind == ESTAB_TRACE_RECOVERY && (r->recovery == ESTAB_RECOVERY_UNDONE_DSACK ||
                                            r->recovery == ESTAB_RECOVERY_UNDONE_TIMESTAMP))
        l->undone++;
}

static struct look look_memory;

/* One flow with more to say than there is time. */
static struct look *
runs(const struct sim_link_config *link, bool ecn, estab_time until, void (*also)(struct look *))
{
    struct look *l = &look_memory;
    struct sim_dialogue d = { .host = { 0, 1 }, .port = { 0, 80 } };
    struct estab_config cfg;

    memset(l, 0, sizeof *l);
    l->also = also;
    estab_config_init(&cfg);
    cfg.tcp.send_buffer_max = cfg.tcp.receive_buffer_max = 1u << 22;
    cfg.ecn = ecn ? ESTAB_ECN_ASK : cfg.ecn;
    assert_true(sim_world_init(&l->w, &heap, 1, 1500));
    assert_true(sim_apps_init(&l->apps, &l->w, 1));
    for (unsigned i = 0; i < 2; i++)
        assert_non_null(sim_world_add_host(&l->w, &cfg, SIM_NO_FAILURE));
    assert_true(sim_world_join(&l->w, l->w.hosts[0], l->w.hosts[1], link, 1500, 1500, true, true));
    assert_int_equal(sim_apps_listen(&l->apps, l->w.hosts[1], 80, 8, 0, NULL), 0);
    l->w.hash_traces = false;
    l->w.observer.ctx = l;
    l->w.observer.input_done = looks;
    l->w.observer.trace = records;
    for (unsigned i = 0; i < 2; i++) {
        d.addr[i] = sim_world_address(&l->w, l->w.hosts[i], l->w.hosts[1 - i], ESTAB_INET);
        d.options[i] = l->w.hosts[i]->cfg.tcp;
        d.part[i] = sim_part(0);
    }
    d.options[0].cc = ESTAB_CC_BBR;
    d.part[0].total = (uint64_t)1 << 40;
    d.part[0].chunk = 8192; /* what the ring has no room for is made in vain */
    sim_apps_add(&l->apps, &d);
    (void)sim_world_run(&l->w, until, 100000000);
    if (l->w.failure.rule != NULL)
        fail_msg("%s: %s", l->w.failure.rule, l->w.failure.text);
    if (l->faults > 0)
        fail_msg("%u times, first %s", l->faults, l->fault);
    assert_true(l->begun);
    return l;
}

static uint64_t
goes_away(struct look *l)
{
    uint64_t heard = l->apps.actors[1].heard;

    sim_apps_fini(&l->apps);
    sim_world_fini(&l->w);
    return heard;
}

/* 10 Mbit/s, 40 ms, a queue of `queue` octets: the product of both is 50,000. */
static struct sim_link_config
path(uint32_t queue)
{
    return (struct sim_link_config){ .delay = ESTAB_MS(20),
                                     .bits_per_second = 10000000,
                                     .queue_bytes = queue,
                                     .heal_at = ESTAB_NEVER };
}
#define BDP 50000u
#define PAYLOAD (10000000u / 8 / 1500 * MSS) /* octets of text that the path takes in a second */

/* Startup, Drain, and round and round: Down, Cruise, Refill, Up; ProbeRTT in between. */
TEST(the_states_follow_each_other)
{
    struct sim_link_config link = path(2 * BDP);
    struct look *l = runs(&link, false, ESTAB_SEC(30), NULL);
    static const uint64_t allowed[STATES] = {
        [BBR_STARTUP] = 1 << BBR_DRAIN,
        [BBR_DRAIN] = 1 << BBR_PROBE_BW_DOWN | 1 << BBR_PROBE_BW_CRUISE,
        [BBR_PROBE_BW_DOWN] = 1 << BBR_PROBE_BW_CRUISE | 1 << BBR_PROBE_BW_REFILL,
        [BBR_PROBE_BW_CRUISE] = 1 << BBR_PROBE_BW_REFILL,
        [BBR_PROBE_BW_REFILL] = 1 << BBR_PROBE_BW_UP,
        [BBR_PROBE_BW_UP] = 1 << BBR_PROBE_BW_DOWN,
        [BBR_PROBE_RTT] = 1 << BBR_PROBE_BW_CRUISE,
    };

    for (unsigned s = 0; s < STATES; s++) {
        if ((l->seen_to[s] & ~(allowed[s] | 1 << BBR_PROBE_RTT)) != 0)
            fail_msg("from %u: %" PRIx64, s, l->seen_to[s]);
        assert_true(l->entered[s] > 0);
    }
    assert_int_equal(l->entered[BBR_STARTUP], 1);
    assert_int_equal(l->entered[BBR_DRAIN], 1);
    assert_true(l->entered[BBR_PROBE_BW_UP] >= 6);
    /* doubling from ten segments, and three rounds to believe it */
    assert_in_range(l->startup_rounds, 5, 10);
    assert_int_equal(l->startup_full_bw_count, BBR_FULL_BW_COUNT);
    assert_true(l->first[BBR_DRAIN] < ESTAB_SEC(1));
    assert_true(l->left[BBR_DRAIN] - l->first[BBR_DRAIN] < ESTAB_MS(300));
    goes_away(l);
}

/* A probe each 2 to 3 s, or after as many round trips as the path holds segments (34): 1.4 s. */
TEST(bandwidth_is_probed_for_in_time)
{
    struct sim_link_config link = path(2 * BDP);
    struct look *l = runs(&link, false, ESTAB_SEC(30), NULL);

    assert_true(l->refill_gap[0] > ESTAB_MS(34 * 40 - 100));
    assert_true(l->refill_gap[1] < ESTAB_MS(3600));
    assert_true(l->up_min_rtts >= 3); /* three rounds without a quarter more */
    goes_away(l);
    link.delay = ESTAB_MS(200); /* 34 * 10 segments and so 63 rounds: the clock is first */
    l = runs(&link, false, ESTAB_SEC(40), NULL);
    assert_true(l->refill_gap[0] >= ESTAB_SEC(2) && l->entered[BBR_PROBE_BW_REFILL] >= 4);
    goes_away(l);
}

/* What it believes of the path is what the path is: within 5 % of its rate, and its round trip but for
 * the time one packet takes to leave. */
TEST(the_model_is_of_the_path)
{
    struct sim_link_config link = path(2 * BDP);
    struct look *l = runs(&link, false, ESTAB_SEC(20), NULL);

    assert_in_range(bbr_max_bw(&l->model), PAYLOAD / 100 * 95, PAYLOAD / 100 * 108);
    assert_in_range(l->model.min_rtt, 40000, 42500);
    assert_true(goes_away(l) > (uint64_t)20 * PAYLOAD / 100 * 93);
}

/* What is sent within a thirty-second part of a round trip shares one time, the last.
 * A longer way from 3 s on is believed when the shorter round trip is ten seconds old, and not before;
 * a shorter one at once. */
static void
follows_longer(struct look *l)
{
    const struct bbr *b = &l->model;

    if (l->w.now > ESTAB_MS(3200) && l->w.now < ESTAB_SEC(7))
        CHECK(b->min_rtt < 45000);
    if (l->w.now > ESTAB_SEC(18))
        CHECK(b->min_rtt >= 80000 * 31 / 32 && b->min_rtt < 90000);
}

static void
follows_shorter(struct look *l)
{
    const struct bbr *b = &l->model;

    if (l->w.now > ESTAB_SEC(4))
        CHECK(b->min_rtt >= 20000 && b->min_rtt < 25000);
}

TEST(min_rtt_follows_the_way)
{
    struct sim_link_config link = path(2 * BDP);

    link.route_at = ESTAB_SEC(3);
    link.route_delay = ESTAB_MS(40);
    goes_away(runs(&link, false, ESTAB_SEC(25), follows_longer));
    link.route_delay = ESTAB_MS(10);
    goes_away(runs(&link, false, ESTAB_SEC(8), follows_shorter));
}

/* ProbeRTT: when no round trip as short as the shortest was seen for five seconds; half a BDP in flight
 * for 200 ms and a round; then back to what was before. */
TEST(a_short_round_trip_is_looked_for)
{
    struct sim_link_config link = path(2 * BDP);
    struct look *l = runs(&link, false, ESTAB_SEC(12), NULL);

    assert_true(l->entered[BBR_PROBE_RTT] >= 1);
    assert_true(l->first[BBR_PROBE_RTT] > ESTAB_SEC(5));
    assert_true(l->probe_rtt_lasted >= ESTAB_MS(200));
    assert_true(l->probe_rtt_lasted < ESTAB_MS(450));
    assert_true(l->cwnd_in_probe_rtt <= BDP / 100 * 55);
    assert_in_range(l->model.min_rtt, 40000, 42500);
    goes_away(l);
}

/* A queue of a tenth of a BDP: Startup overruns it, and many places lost in a round are its end;
 * what was in flight then is the bound from there on. */
TEST(startup_ends_by_losses_in_many_places)
{
    struct sim_link_config link = path(BDP / 10);
    struct look *l;

    link.bits_per_second = 50000000;
    l = runs(&link, false, ESTAB_SEC(5), NULL);
    assert_true(l->startup_full_bw_count < BBR_FULL_BW_COUNT);
    assert_true(l->longterm_at_startup_end != BBR_INFINITE);
    assert_in_range(l->longterm_at_startup_end, 5 * BDP / 2, 5 * BDP * 2);
    goes_away(l);
    /* a loss in a hundred by chance is none of that */
    link = path(2 * BDP);
    link.faults.loss_ppm = 10000;
    link.faults.only = 1;
    l = runs(&link, false, ESTAB_SEC(2), NULL);
    assert_int_equal(l->startup_full_bw_count, BBR_FULL_BW_COUNT);
    goes_away(l);
}

/* The probes that follow find the same wall: each is ended by its losses, inflight_longterm stands at
 * what was in flight when they became too many, and Cruise leaves 15 % of it to others. */
TEST(a_probe_that_loses_too_much_sets_the_bound)
{
    struct sim_link_config link = path(BDP / 5);
    struct look *l = runs(&link, false, ESTAB_SEC(20), NULL);

    assert_true(l->entered[BBR_PROBE_BW_UP] >= 4);
    assert_true(l->model.inflight_longterm != BBR_INFINITE);
    assert_in_range(l->model.inflight_longterm, BDP / 100 * 70, BDP / 100 * 135);
    assert_true(goes_away(l) > (uint64_t)20 * PAYLOAD / 100 * 85);
}

/* Losses by chance below the threshold lower the short-term bounds, to no less than seven tenths or what
 * arrives all the same; each Refill forgets them. */
TEST(losses_between_probes_bound_until_the_next)
{
    struct sim_link_config link = path(2 * BDP);
    struct look *l;

    link.faults.loss_ppm = 5000;
    link.faults.only = 1;
    l = runs(&link, false, ESTAB_SEC(20), NULL);
    assert_true(l->bounded > 100);
    assert_int_equal(l->refilled_bounded, 0);
    assert_true(l->entered[BBR_PROBE_BW_REFILL] >= 4);
    assert_true(goes_away(l) > (uint64_t)20 * PAYLOAD / 100 * 80);
    link.faults.loss_ppm = 0;
    l = runs(&link, false, ESTAB_SEC(20), NULL);
    assert_int_equal(l->bounded, 0);
    goes_away(l);
}

/* A segment that is late and not lost, as the timestamp says that its ACK echoes: all is as it was. */
TEST(a_loss_that_was_none_is_taken_back)
{
    struct sim_link_config link = path(2 * BDP);
    struct look *l;

    link.holds[0] = (struct sim_hold){
        .with_text = true, .nth = 2600, .action = SIM_HOLD_DELAY, .release_after = ESTAB_MS(30)
    };
    link.n_holds = 1;
    l = runs(&link, false, ESTAB_SEC(5), NULL);
    assert_true(l->sent_again >= 1);
    assert_int_equal(l->undone, 1);
    assert_true(l->model.bw_shortterm == UINT64_MAX);
    assert_true(l->model.inflight_longterm == BBR_INFINITE);
    assert_true(l->model.full_bw_reached && !l->model.in_recovery);
    goes_away(l);
}

/* ACKs that come in clumps, once each 30 ms: what exceeds bw * time is granted beyond twice the BDP. */
TEST(clumps_of_acks_are_allowed_for)
{
    struct sim_link_config link = path(4 * BDP);
    struct look *l = runs(&link, false, ESTAB_SEC(10), NULL);
    uint32_t without = l->most_extra;

    goes_away(l);
    link.coalesce = ESTAB_MS(30);
    link.coalesce_only = 2;
    l = runs(&link, false, ESTAB_SEC(10), NULL);
    assert_true(without < PAYLOAD / 1000 * 20);
    assert_true(l->most_extra > PAYLOAD / 1000 * 20);
    assert_true(l->most_extra < PAYLOAD / 1000 * 90);
    assert_true(goes_away(l) > (uint64_t)10 * PAYLOAD / 100 * 88);
}

/* RFC3168-6.1.2-CUT: marks are answered as losses are: a mark here and there lowers the bounds until the
 * next probe, and a path that marks all ends Startup after two rounds, not three without growth. */
TEST(marks_are_answered_like_losses)
{
    struct sim_link_config link = path(2 * BDP);
    struct look *l;

    link.faults.mark_ppm = 10000;
    link.faults.only = 1;
    l = runs(&link, true, ESTAB_SEC(10), NULL);
    assert_true(l->bounded > 100);
    assert_int_equal(l->refilled_bounded, 0);
    assert_int_equal(l->sent_again, 0);
    assert_true(l->w.joints[0].link.counts[0].marked > 10);
    goes_away(l);
    link.faults.mark_ppm = 1000000;
    l = runs(&link, true, ESTAB_SEC(10), NULL);
    assert_in_range(l->startup_rounds, 2, 4);
    assert_true(l->startup_full_bw_count < BBR_FULL_BW_COUNT);
    assert_true(l->model.inflight_longterm < BDP);
    assert_int_equal(l->sent_again, 0);
    goes_away(l);
    /* without ECN nothing is marked, and nothing bounded */
    l = runs(&link, false, ESTAB_SEC(4), NULL);
    assert_int_equal(l->bounded, 0);
    goes_away(l);
}

/* BBRInflightAtLoss(): where in a run of losses the threshold of 2 % was crossed. */
TEST(the_inflight_at_loss_is_where_losses_became_too_many)
{
    struct rate_sample rs = { .tx_in_flight = 100000, .lost = 5000 };
    uint32_t at = estab_bbr_inflight_at_loss(&rs, 5000);

    /* 95,000 before it, of which nothing lost: (0 + x) / (95000 + x) = 2 % */
    assert_int_equal(at, 95000 + 1938);
    assert_in_range((at - 95000) * 10000 / at, 199, 200);
    rs.lost = 7000; /* 2,000 before it: they were too many already */
    assert_int_equal(estab_bbr_inflight_at_loss(&rs, 5000), 95000);
    rs.lost = 6000; /* 1,000 before it: (1000 + x) / (95000 + x) = 2 % */
    assert_int_equal(estab_bbr_inflight_at_loss(&rs, 5000), 95000 + 918);
    rs = (struct rate_sample){ .tx_in_flight = 1000, .lost = 1000 };
    assert_int_equal(estab_bbr_inflight_at_loss(&rs, 1000), 0);
    assert_int_equal(estab_bbr_inflight_at_loss(&rs, 5000), 0);
}
