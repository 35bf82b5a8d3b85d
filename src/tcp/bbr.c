/* SPDX-License-Identifier: MIT */
/*
 * BBR, version 3, as draft-ietf-ccwg-bbr describes it: a model of the path, the largest delivery
 * rate and the smallest round trip seen of late, says how fast to send and how much may be in the
 * network; losses bound it only where they come often. cwnd and the pacing rate are its own, so
 * neither ssthresh nor PRR apply. It needs SACK and the scoreboard; without them the connection
 * goes on with CUBIC. Names are the draft's. Called from ack.c, emit.c, loss.c and rack.c through
 * cc.h.
 */
#include "base/mul.h"
#include "tcp/cc.h"
#include "tcp/delivery_rate.h"
#include "tcp/pacing.h"
#include "tcp/rack.h"

#include <string.h>

#define INFINITE UINT32_MAX
#define SECOND 1000000u /* microseconds */

/* percent */
#define STARTUP_PACING_GAIN 277
#define DRAIN_PACING_GAIN 50
#define DOWN_PACING_GAIN 90
#define UP_PACING_GAIN 125
#define CWND_GAIN 200
#define UP_CWND_GAIN 225
#define PROBE_RTT_CWND_GAIN 50
#define PACING_MARGIN 99
#define LOSS_THRESH 2
#define BETA 70
#define HEADROOM 15
#define FULL_BW_THRESH 125

#define FULL_BW_COUNT 3
#define FULL_LOSS_COUNT 6
#define MIN_RTT_FILTER (10 * SECOND)
#define PROBE_RTT_INTERVAL (5 * SECOND)
#define PROBE_RTT_DURATION (SECOND / 5)
#define EXTRA_ACKED_ROUNDS 5 /* of each of the two windows */

enum bbr_phase { STARTUP, DRAIN, DOWN, CRUISE, REFILL, UP, PROBE_RTT };
enum ack_phase { ACKS_INIT, ACKS_REFILLING, ACKS_STARTING, ACKS_FEEDBACK, ACKS_STOPPING };

struct bbr {
    uint8_t phase, ack_phase;
    bool round_start, loss_round_start, loss_in_round;
    bool full_bw_reached, full_bw_now;
    bool bw_probe_samples;
    bool idle_restart;
    bool probe_rtt_round_done, probe_rtt_timed;
    bool has_min_rtt;
    uint8_t full_bw_count, loss_events, extra_rounds;
    uint8_t bw_probe_up_rounds;

    /* octets per second */
    uint64_t bw, bw_filter[2], bw_lo, bw_latest, full_bw;
    /* octets */
    uint32_t inflight_lo, inflight_hi, inflight_latest;
    uint32_t next_round_delivered, loss_round_delivered;
    uint32_t bw_probe_up_acks, probe_up_cnt;
    uint32_t extra_acked[2], extra_acked_delivered;
    uint32_t prior_cwnd;
    uint32_t rounds_since_bw_probe, cycles;
    /* microseconds */
    uint32_t min_rtt, min_rtt_at, probe_rtt_min, probe_rtt_min_at, probe_rtt_done_at;
    uint32_t cycle_at, bw_probe_wait, extra_acked_at;
    struct delivery_rate rate;
};

#define BBR_SIZE 2048u
_Static_assert(sizeof(struct bbr) <= BBR_SIZE, "a chunk of its own");

static uint32_t
now_us(const struct tcp_env *env)
{
    return (uint32_t)(uint64_t)(env->now / 1000);
}

static uint32_t
least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t
most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t
percent(uint32_t n, uint32_t of)
{
    uint64_t p = (uint64_t)n * of / 100;

    return p < CC_CWND_MAX ? (uint32_t)p : CC_CWND_MAX;
}

static uint64_t
max_bw(const struct bbr *b)
{
    return b->bw_filter[0] > b->bw_filter[1] ? b->bw_filter[0] : b->bw_filter[1];
}

static bool
is_in_probe_bw(const struct bbr *b)
{
    return b->phase >= DOWN && b->phase <= UP;
}

static uint32_t
min_pipe_cwnd(const struct tcb *tcb)
{
    return 4u * tcb->smss;
}

/* ---- what the model says may be in the network ---- */

static uint32_t
bdp_multiple(const struct tcb *tcb, const struct tcp_env *env, uint64_t bw, uint32_t gain)
{
    const struct bbr *b = tcb->ca.bbr;
    uint64_t bdp;

    if (!b->has_min_rtt)
        return estab_cc_initial_window(tcb, env);
    bdp = estab_muldiv64(bw, b->min_rtt, SECOND);
    return percent(bdp < CC_CWND_MAX ? (uint32_t)bdp : CC_CWND_MAX, gain);
}

/* Room for the bursts that pacing makes, and for delayed ACKs. */
static uint32_t
quantized(const struct tcb *tcb, uint32_t inflight)
{
    inflight = most(inflight, 3 * estab_pace_burst(tcb));
    inflight = most(inflight, min_pipe_cwnd(tcb));
    return tcb->ca.bbr->phase == UP ? inflight + 2u * tcb->smss : inflight;
}

static uint32_t
inflight_at(const struct tcb *tcb, const struct tcp_env *env, uint64_t bw, uint32_t gain)
{
    return quantized(tcb, bdp_multiple(tcb, env, bw, gain));
}

static uint32_t
target_inflight(const struct tcb *tcb, const struct tcp_env *env)
{
    return least(bdp_multiple(tcb, env, tcb->ca.bbr->bw, 100), tcb->cwnd);
}

static uint32_t
inflight_with_headroom(const struct tcb *tcb)
{
    const struct bbr *b = tcb->ca.bbr;
    uint32_t headroom;

    if (b->inflight_hi == INFINITE)
        return INFINITE;
    headroom = most(tcb->smss, percent(b->inflight_hi, HEADROOM));
    return b->inflight_hi > headroom + min_pipe_cwnd(tcb) ? b->inflight_hi - headroom
                                                          : min_pipe_cwnd(tcb);
}

/* ---- the states ---- */

static void
start_round(struct bbr *b)
{
    b->next_round_delivered = b->rate.delivered;
}

static void
reset_full_bw(struct bbr *b, uint64_t bw)
{
    b->full_bw = bw;
    b->full_bw_count = 0;
    b->full_bw_now = false;
}

static void
reset_lower_bounds(struct bbr *b)
{
    b->bw_lo = UINT64_MAX;
    b->inflight_lo = INFINITE;
}

static void
reset_congestion_signals(struct bbr *b)
{
    b->loss_in_round = false;
    b->loss_events = 0;
    b->bw_latest = 0;
    b->inflight_latest = 0;
}

/* A little chance, so that flows do not probe in step: our ISN is as good a die as any. */
static uint32_t
dice(const struct tcb *tcb)
{
    uint32_t x = tcb->iss + tcb->ca.bbr->cycles * 0x9e3779b9u;

    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

static void
start_down(struct tcb *tcb, uint32_t now)
{
    struct bbr *b = tcb->ca.bbr;

    reset_congestion_signals(b);
    b->probe_up_cnt = INFINITE;
    /* two to three seconds until the next probe for bandwidth, or as many round trips as Reno needs */
    b->cycles++;
    b->rounds_since_bw_probe = dice(tcb) & 1;
    b->bw_probe_wait = 2 * SECOND + dice(tcb) % SECOND;
    b->cycle_at = now;
    b->ack_phase = ACKS_STOPPING;
    start_round(b);
    b->phase = DOWN;
}

static void
start_refill(struct bbr *b)
{
    reset_lower_bounds(b);
    b->bw_probe_up_rounds = 0;
    b->bw_probe_up_acks = 0;
    b->ack_phase = ACKS_REFILLING;
    start_round(b);
    b->phase = REFILL;
}

/* The slope of inflight_hi doubles each round while nothing is lost. */
static void
raise_inflight_hi_slope(struct tcb *tcb)
{
    struct bbr *b = tcb->ca.bbr;
    uint64_t growth = (uint64_t)tcb->smss << b->bw_probe_up_rounds;

    if (b->bw_probe_up_rounds < 30)
        b->bw_probe_up_rounds++;
    /* octets acknowledged for each segment that inflight_hi grows by */
    b->probe_up_cnt = (uint32_t)((uint64_t)tcb->cwnd * tcb->smss / growth);
    if (b->probe_up_cnt == 0)
        b->probe_up_cnt = 1;
}

static void
start_up(struct tcb *tcb, uint64_t rate, uint32_t now)
{
    struct bbr *b = tcb->ca.bbr;

    b->ack_phase = ACKS_STARTING;
    start_round(b);
    reset_full_bw(b, rate);
    b->cycle_at = now;
    b->phase = UP;
    raise_inflight_hi_slope(tcb);
}

static bool
is_time_to_probe_bw(struct tcb *tcb, const struct tcp_env *env)
{
    struct bbr *b = tcb->ca.bbr;
    uint32_t reno_rounds = least(target_inflight(tcb, env) / tcb->smss, 63);

    if (now_us(env) - b->cycle_at <= b->bw_probe_wait && b->rounds_since_bw_probe < reno_rounds)
        return false;
    start_refill(b);
    return true;
}

static bool
is_time_to_cruise(const struct tcb *tcb, const struct tcp_env *env, uint32_t pipe)
{
    return pipe <= inflight_with_headroom(tcb) &&
           pipe <= inflight_at(tcb, env, max_bw(tcb->ca.bbr), 100);
}

static void
handle_inflight_too_high(struct tcb *tcb, const struct tcp_env *env, const struct rate_sample *rs)
{
    struct bbr *b = tcb->ca.bbr;

    b->bw_probe_samples = false;
    if (!rs->app_limited)
        b->inflight_hi = most(rs->tx_in_flight, percent(target_inflight(tcb, env), BETA));
    if (b->phase == UP)
        start_down(tcb, now_us(env));
}

static void
probe_inflight_hi_upward(struct tcb *tcb, uint32_t acked, bool cwnd_limited)
{
    struct bbr *b = tcb->ca.bbr;
    uint32_t steps;

    if (!cwnd_limited || tcb->cwnd < b->inflight_hi)
        return;
    b->bw_probe_up_acks += acked;
    if (b->bw_probe_up_acks >= b->probe_up_cnt) {
        steps = b->bw_probe_up_acks / b->probe_up_cnt;
        b->bw_probe_up_acks -= steps * b->probe_up_cnt;
        b->inflight_hi = least(b->inflight_hi + steps * tcb->smss, CC_CWND_MAX);
    }
    if (b->round_start)
        raise_inflight_hi_slope(tcb);
}

/* BBRAdaptLongTermModel */
static void
adapt_long_term(struct tcb *tcb, const struct tcp_env *env, const struct rate_sample *rs,
                uint32_t acked, bool cwnd_limited)
{
    struct bbr *b = tcb->ca.bbr;

    if (b->ack_phase == ACKS_STARTING && b->round_start)
        b->ack_phase = ACKS_FEEDBACK;
    if (b->ack_phase == ACKS_STOPPING && b->round_start) {
        b->bw_probe_samples = false;
        b->ack_phase = ACKS_INIT;
        /* the bandwidth filter holds two cycles */
        if (is_in_probe_bw(b) && !rs->app_limited && b->bw_filter[1] != 0) {
            b->bw_filter[0] = b->bw_filter[1];
            b->bw_filter[1] = 0;
        }
    }
    if ((uint64_t)rs->lost * 100 > (uint64_t)rs->tx_in_flight * LOSS_THRESH) {
        if (b->bw_probe_samples)
            handle_inflight_too_high(tcb, env, rs);
        return;
    }
    if (b->inflight_hi == INFINITE)
        return;
    if (rs->tx_in_flight > b->inflight_hi)
        b->inflight_hi = rs->tx_in_flight;
    if (b->phase == UP)
        probe_inflight_hi_upward(tcb, acked, cwnd_limited);
}

static void
update_cycle_phase(struct tcb *tcb, const struct tcp_env *env, const struct rate_sample *rs,
                   uint32_t pipe, uint32_t acked, bool cwnd_limited)
{
    struct bbr *b = tcb->ca.bbr;

    if (!b->full_bw_reached)
        return;
    adapt_long_term(tcb, env, rs, acked, cwnd_limited);
    switch (b->phase) {
    case DOWN:
        if (!is_time_to_probe_bw(tcb, env) && is_time_to_cruise(tcb, env, pipe))
            b->phase = CRUISE;
        break;
    case CRUISE:
        (void)is_time_to_probe_bw(tcb, env);
        break;
    case REFILL:
        /* after one round of a full pipe, what is seen is of the path and not of us */
        if (b->round_start) {
            b->bw_probe_samples = true;
            start_up(tcb, rs->rate, now_us(env));
        }
        break;
    case UP:
        if (cwnd_limited && tcb->cwnd >= b->inflight_hi)
            reset_full_bw(b, rs->rate);
        else if (b->full_bw_now)
            start_down(tcb, now_us(env));
        break;
    default:
        break;
    }
}

/* ---- the model ---- */

static void
update_round(struct bbr *b, const struct rate_sample *rs)
{
    b->round_start = false;
    b->loss_round_start = false;
    if (!rs->valid)
        return;
    if ((int32_t)(rs->prior_delivered - b->next_round_delivered) >= 0) {
        start_round(b);
        b->rounds_since_bw_probe++;
        b->round_start = true;
    }
    if ((int32_t)(rs->prior_delivered - b->loss_round_delivered) >= 0) {
        b->loss_round_delivered = b->rate.delivered;
        b->loss_round_start = true;
    }
}

/* BBRUpdateCongestionSignals: losses lower the short-term bounds, once a round, unless we probe. */
static void
update_congestion(struct tcb *tcb, const struct rate_sample *rs, uint32_t lost)
{
    struct bbr *b = tcb->ca.bbr;
    uint64_t beta_bw;

    if (rs->rate > b->bw_latest)
        b->bw_latest = rs->rate;
    b->inflight_latest = most(b->inflight_latest, rs->delivered);
    if (rs->rate > 0 && (rs->rate >= max_bw(b) || !rs->app_limited) && rs->rate > b->bw_filter[1])
        b->bw_filter[1] = rs->rate;
    if (lost > 0) {
        b->loss_in_round = true;
        if (b->loss_events < UINT8_MAX)
            b->loss_events++;
    }
    if (!b->loss_round_start)
        return;
    if (b->loss_in_round && b->phase != STARTUP && b->phase != REFILL && b->phase != UP) {
        if (b->bw_lo == UINT64_MAX)
            b->bw_lo = max_bw(b);
        if (b->inflight_lo == INFINITE)
            b->inflight_lo = tcb->cwnd;
        beta_bw = b->bw_lo / 100 * BETA;
        b->bw_lo = b->bw_latest > beta_bw ? b->bw_latest : beta_bw;
        b->inflight_lo = most(b->inflight_latest, percent(b->inflight_lo, BETA));
    }
}

/* BBRUpdateACKAggregation: what ACKs that come in clumps ask for beyond bw * time. */
static void
update_aggregation(struct tcb *tcb, uint32_t now, uint32_t acked)
{
    struct bbr *b = tcb->ca.bbr;
    uint64_t expected = estab_muldiv64(b->bw, now - b->extra_acked_at, SECOND);

    if (b->round_start && ++b->extra_rounds >= EXTRA_ACKED_ROUNDS) {
        b->extra_rounds = 0;
        b->extra_acked[0] = b->extra_acked[1];
        b->extra_acked[1] = 0;
    }
    if (b->extra_acked_delivered <= expected) {
        b->extra_acked_delivered = 0;
        b->extra_acked_at = now;
        expected = 0;
    }
    b->extra_acked_delivered += acked;
    b->extra_acked[1] =
        most(b->extra_acked[1], least(b->extra_acked_delivered - (uint32_t)expected, tcb->cwnd));
}

/* Startup is over when three rounds have not brought a quarter more, or when losses tell. */
static void
check_startup(struct tcb *tcb, const struct tcp_env *env, const struct rate_sample *rs)
{
    struct bbr *b = tcb->ca.bbr;

    if (!b->full_bw_now && b->round_start && !rs->app_limited && rs->rate > 0) {
        if (rs->rate >= b->full_bw / 100 * FULL_BW_THRESH) {
            reset_full_bw(b, rs->rate);
        } else if (++b->full_bw_count >= FULL_BW_COUNT) {
            b->full_bw_now = true;
            b->full_bw_reached = true;
        }
    }
    if (!b->full_bw_reached && b->loss_round_start && tcb->recovery == RECOVERY_FAST &&
        b->loss_events >= FULL_LOSS_COUNT &&
        (uint64_t)rs->lost * 100 > (uint64_t)rs->tx_in_flight * LOSS_THRESH) {
        b->full_bw_reached = true;
        b->inflight_hi = most(bdp_multiple(tcb, env, max_bw(b), 100), b->inflight_latest);
    }
    if (b->loss_round_start)
        b->loss_events = 0;
    if (b->phase == STARTUP && b->full_bw_reached)
        b->phase = DRAIN;
}

static void
save_cwnd(struct tcb *tcb)
{
    struct bbr *b = tcb->ca.bbr;

    b->prior_cwnd = most(b->prior_cwnd, tcb->cwnd);
}

static void
restore_cwnd(struct tcb *tcb)
{
    struct bbr *b = tcb->ca.bbr;

    tcb->cwnd = most(tcb->cwnd, b->prior_cwnd);
    b->prior_cwnd = 0;
}

static void
check_probe_rtt_done(struct tcb *tcb, uint32_t now)
{
    struct bbr *b = tcb->ca.bbr;

    if (!b->probe_rtt_timed || (int32_t)(now - b->probe_rtt_done_at) <= 0)
        return;
    b->probe_rtt_min_at = now;
    restore_cwnd(tcb);
    reset_lower_bounds(b);
    if (b->full_bw_reached) {
        start_down(tcb, now);
        b->phase = CRUISE;
    } else {
        b->phase = STARTUP;
    }
}

static uint32_t
probe_rtt_cwnd(const struct tcb *tcb, const struct tcp_env *env)
{
    return most(bdp_multiple(tcb, env, tcb->ca.bbr->bw, PROBE_RTT_CWND_GAIN), min_pipe_cwnd(tcb));
}

static void
update_min_rtt(struct tcb *tcb, const struct tcp_env *env, uint32_t rtt, uint32_t pipe,
               uint32_t acked)
{
    struct bbr *b = tcb->ca.bbr;
    uint32_t now = now_us(env);
    bool expired = b->has_min_rtt && now - b->probe_rtt_min_at > PROBE_RTT_INTERVAL;

    if (rtt > 0 && (!b->has_min_rtt || rtt < b->probe_rtt_min || expired)) {
        b->probe_rtt_min = rtt;
        b->probe_rtt_min_at = now;
    }
    if (b->probe_rtt_min > 0 && (!b->has_min_rtt || b->probe_rtt_min < b->min_rtt ||
                                 now - b->min_rtt_at > MIN_RTT_FILTER)) {
        b->min_rtt = b->probe_rtt_min;
        b->min_rtt_at = b->probe_rtt_min_at;
        b->has_min_rtt = true;
    }

    if (b->phase != PROBE_RTT && expired && !b->idle_restart) {
        save_cwnd(tcb);
        b->phase = PROBE_RTT;
        b->probe_rtt_timed = false;
        b->ack_phase = ACKS_STOPPING;
        start_round(b);
    }
    if (b->phase == PROBE_RTT) {
        estab_rate_dry(&b->rate, pipe); /* what is seen now is not what the path could do */
        if (!b->probe_rtt_timed && pipe <= probe_rtt_cwnd(tcb, env)) {
            b->probe_rtt_timed = true;
            b->probe_rtt_done_at = now + PROBE_RTT_DURATION;
            b->probe_rtt_round_done = false;
            start_round(b);
        } else if (b->probe_rtt_timed) {
            b->probe_rtt_round_done |= b->round_start;
            if (b->probe_rtt_round_done)
                check_probe_rtt_done(tcb, now);
        }
    }
    if (acked > 0)
        b->idle_restart = false;
}

/* ---- what comes of it ---- */

static void
set_pacing_rate(struct tcb *tcb)
{
    static const uint16_t gain[] = {
        [STARTUP] = STARTUP_PACING_GAIN,
        [DRAIN] = DRAIN_PACING_GAIN,
        [DOWN] = DOWN_PACING_GAIN,
        [CRUISE] = 100,
        [REFILL] = 100,
        [UP] = UP_PACING_GAIN,
        [PROBE_RTT] = 100,
    };
    const struct bbr *b = tcb->ca.bbr;
    uint64_t rate = estab_muldiv64(b->bw, gain[b->phase] * PACING_MARGIN, 100 * 100);

    if (rate > 0 && (b->full_bw_reached || rate > tcb->pacing_rate))
        tcb->pacing_rate = rate;
}

static void
set_cwnd(struct tcb *tcb, const struct tcp_env *env, uint32_t acked)
{
    const struct bbr *b = tcb->ca.bbr;
    uint32_t gain = b->phase == UP          ? UP_CWND_GAIN
                    : b->phase == PROBE_RTT ? PROBE_RTT_CWND_GAIN
                                            : CWND_GAIN;
    uint32_t extra = most(b->extra_acked[0], b->extra_acked[1]);
    uint32_t limit = quantized(tcb, bdp_multiple(tcb, env, b->bw, gain) + extra), cap = INFINITE;
    uint32_t cwnd = tcb->cwnd;

    if (b->full_bw_reached)
        cwnd = least(cwnd + acked, limit);
    else if (cwnd < limit || b->rate.delivered < estab_cc_initial_window(tcb, env))
        cwnd += acked;
    cwnd = most(cwnd, min_pipe_cwnd(tcb));
    if (b->phase == PROBE_RTT)
        cwnd = least(cwnd, probe_rtt_cwnd(tcb, env));
    /* BBRBoundCwndForModel */
    if (b->phase == CRUISE || b->phase == PROBE_RTT)
        cap = inflight_with_headroom(tcb);
    else if (is_in_probe_bw(b))
        cap = b->inflight_hi;
    cap = most(least(cap, b->inflight_lo), min_pipe_cwnd(tcb));
    tcb->cwnd = least(least(cwnd, cap), CC_CWND_MAX);
}

static void
bbr_model(struct tcb *tcb, struct tcp_env *env, const struct cc_news *n)
{
    struct bbr *b = tcb->ca.bbr;
    struct rate_sample rs;
    bool limited = n->pipe + n->rate.delivered + tcb->smss > tcb->cwnd;

    if (b == NULL)
        return;
    estab_rate_delivered(&b->rate, &n->rate, b->has_min_rtt ? b->min_rtt : 0, &rs);
    update_round(b, &rs);
    update_congestion(tcb, &rs, n->rate.lost);
    update_aggregation(tcb, n->rate.now, n->rate.delivered);
    check_startup(tcb, env, &rs);
    if (b->phase == DRAIN && n->pipe <= inflight_at(tcb, env, max_bw(b), 100))
        start_down(tcb, n->rate.now);
    update_cycle_phase(tcb, env, &rs, n->pipe, n->rate.delivered, limited);
    update_min_rtt(tcb, env, n->rate.rtt, n->pipe, n->rate.delivered);
    if (b->loss_round_start) {
        b->bw_latest = rs.rate;
        b->inflight_latest = rs.delivered;
        b->loss_in_round = false;
    }
    b->bw = max_bw(b) < b->bw_lo ? max_bw(b) : b->bw_lo;
    set_pacing_rate(tcb);
    if (n->rate.delivered > 0)
        set_cwnd(tcb, env, n->rate.delivered);
}

/* ---- what else happens ---- */

static bool
bbr_begin(struct tcb *tcb, struct tcp_env *env)
{
    struct bbr *b;
    uint32_t rtt = tcb->srtt > 0 ? tcb->srtt / 8 : 1000;

    if (!tcb->sack)
        return false;
    b = estab_chunks_get(env->chunks, BBR_SIZE);
    if (b == NULL)
        return false;
    memset(b, 0, sizeof(*b));
    tcb->ca.bbr = b;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_MODEL, BBR_SIZE);
    reset_lower_bounds(b);
    b->inflight_hi = INFINITE;
    b->probe_up_cnt = INFINITE;
    b->min_rtt_at = now_us(env);
    b->probe_rtt_min_at = b->min_rtt_at;
    b->cycle_at = b->min_rtt_at;
    b->extra_acked_at = b->min_rtt_at;
    b->rate.delivered_at = b->min_rtt_at;
    tcb->pacing_rate =
        estab_muldiv64((uint64_t)tcb->cwnd * STARTUP_PACING_GAIN, SECOND / 100, rtt > 0 ? rtt : 1);
    return true;
}

static void
bbr_release(struct tcb *tcb, struct tcp_env *env)
{
    if (tcb->ca.bbr == NULL)
        return;
    estab_chunks_put(env->chunks, tcb->ca.bbr, BBR_SIZE);
    tcb->ca.bbr = NULL;
    tcb->pacing_rate = 0;
    tcb->paced = false;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_MODEL, -(int64_t)BBR_SIZE);
}

static void
bbr_sent(struct tcb *tcb, struct tcp_env *env, uint32_t octets)
{
    struct bbr *b = tcb->ca.bbr;
    uint32_t pipe, now = now_us(env);

    if (b == NULL) {
        if (!bbr_begin(tcb, env)) {
            tcb->cc = &estab_cc_cubic;
            return;
        }
        b = tcb->ca.bbr;
    }
    pipe = estab_tcp_pipe(tcb);
    if (pipe == 0 && b->rate.app_limited) {
        /* BBRHandleRestartFromIdle */
        b->idle_restart = true;
        b->extra_acked_at = now;
        if (is_in_probe_bw(b))
            tcb->pacing_rate = estab_muldiv64(b->bw, PACING_MARGIN, 100);
        else if (b->phase == PROBE_RTT)
            check_probe_rtt_done(tcb, now);
        if (tcb->pacing_rate == 0)
            tcb->pacing_rate = 1;
    }
    estab_rate_sent(&b->rate, now, pipe, octets, b->has_min_rtt ? b->min_rtt / 32 : 0);
}

static void
bbr_dry(struct tcb *tcb)
{
    struct bbr *b = tcb->ca.bbr;
    uint32_t pipe = estab_tcp_pipe(tcb);

    if (b != NULL && pipe < tcb->cwnd)
        estab_rate_dry(&b->rate, pipe);
}

static void
bbr_recovery(struct tcb *tcb, enum cc_recovery what)
{
    struct bbr *b = tcb->ca.bbr;
    uint32_t pipe = estab_tcp_pipe(tcb);

    if (b == NULL)
        return;
    switch (what) {
    case CC_RECOVERY_BEGINS:
        /* for what the ACK has freed one segment may go; the model says the rest */
        save_cwnd(tcb);
        tcb->cwnd = most(pipe + tcb->smss, min_pipe_cwnd(tcb));
        break;
    case CC_RECOVERY_TIMEOUT:
        save_cwnd(tcb);
        tcb->cwnd = pipe + tcb->smss;
        break;
    case CC_RECOVERY_ENDS:
        restore_cwnd(tcb);
        break;
    case CC_RECOVERY_UNDONE:
        restore_cwnd(tcb);
        reset_lower_bounds(b);
        b->loss_in_round = false;
        reset_full_bw(b, 0);
        break;
    case CC_MARKED:
        b->loss_in_round = true; /* as a loss would be */
        break;
    }
}

/* Before the model has its memory, and where others ask: Reno's. */
static void
bbr_acked(struct tcb *tcb, const struct tcp_env *env, uint32_t acked)
{
    estab_cc_reno.acked(tcb, env, acked);
}

static uint32_t
bbr_ssthresh(struct tcb *tcb, uint32_t flight)
{
    return estab_cc_reno.ssthresh_after_loss(tcb, flight);
}

const struct cc_ops estab_cc_bbr = {
    .acked = bbr_acked,
    .ssthresh_after_loss = bbr_ssthresh,
    .sent = bbr_sent,
    .model = bbr_model,
    .dry = bbr_dry,
    .recovery = bbr_recovery,
    .release = bbr_release,
};
