/* SPDX-License-Identifier: MIT */
/*
 * CUBIC congestion control, RFC 9438: after a loss cwnd follows a cubic function of the time since,
 * flat around the window at which the loss was met, so that growth does not depend on the RTT; where
 * Reno would be faster, it does as Reno (§4.3). The initial slow start is hystart.c's.
 *
 * In integers: windows in octets, times in milliseconds, so that with W in segments of SMSS
 *   W_cubic(t) = C * (t - K)^3 + W_max    is  2 * SMSS * (t - K)^3 / (5 * 10^9) + W_max, and
 *   K = cbrt((W_max - cwnd_epoch) / C)    is  cbrt((W_max - cwnd_epoch) / SMSS * 2.5 * 10^9),
 * C being 0.4 segments per cubic second (RFC9438-5-C). Called from loss.c through cc.h.
 */
#include "base/mul.h"
#include "tcp/cc.h"

#include <string.h>

/* 35 minutes: its cube fits into 63 bits, and lifts any window over CC_CWND_MAX (RFC9438-FXP). */
#define AWAY_MAX (((uint32_t)1 << 21) - 1)
/* Time stops counting here: far beyond K, and no sum overflows. */
#define ELAPSED_MAX (UINT32_MAX / 4)
#define EST_SHIFT 24

uint32_t
estab_cubic_window(uint32_t w_max, uint32_t k_ms, uint32_t t_ms, uint32_t smss)
{
    uint64_t away = t_ms < k_ms ? k_ms - t_ms : t_ms - k_ms, delta, w;

    if (away > AWAY_MAX)
        away = AWAY_MAX;
    delta = estab_muldiv64(away * away * away, 2 * (uint64_t)smss, 5000000000);
    if (t_ms < k_ms)
        return w_max > delta ? w_max - (uint32_t)delta : 0; /* concave (§4.4) */
    w = w_max + delta;                                      /* convex (§4.5) */
    return w < CC_CWND_MAX ? (uint32_t)w : CC_CWND_MAX;
}

uint32_t
estab_cubic_k(uint32_t w_max, uint32_t cwnd_epoch, uint32_t smss)
{
    if (w_max <= cwnd_epoch)
        return 0;
    return estab_cbrt64((uint64_t)(w_max - cwnd_epoch) * 2500000000 / smss);
}

static uint32_t
now_ms(const struct tcp_env *env)
{
    return (uint32_t)((uint64_t)env->now / 1000000);
}

/* The initial slow start is over, or there was none. */
static struct cubic *
begin(struct tcb *tcb)
{
    if (tcb->cc_phase < CC_CUBIC) {
        memset(&tcb->ca, 0, sizeof(tcb->ca));
        tcb->cc_phase = CC_CUBIC;
    }
    return &tcb->ca.cubic;
}

/* §4.2: congestion avoidance begins here. */
static void
begin_epoch(struct tcb *tcb, const struct tcp_env *env)
{
    struct cubic *c = begin(tcb);

    tcb->cc_phase = CC_CUBIC_EPOCH;
    /* §4.8 (RFC9438-4.8): after a timeout the window of the loss says nothing: K = 0, and W_max is
     * cwnd now. §4.10: the same when slow start has ended without a loss. */
    if (c->after_timeout || c->w_max < tcb->cwnd)
        c->w_max = tcb->cwnd;
    c->after_timeout = false;
    c->k_ms = estab_cubic_k(c->w_max, tcb->cwnd, tcb->smss);
    c->w_est = (uint64_t)tcb->cwnd << EST_SHIFT;
    c->elapsed_ms = 0;
    c->seen_ms = now_ms(env);
    tcb->bytes_acked = 0;
}

/* t: of the time since the epoch began, that in which cwnd was what limited (RFC9438-4.2-T). */
static void
advance_time(struct cubic *c, const struct tcp_env *env)
{
    uint32_t now = now_ms(env), passed = now - c->seen_ms;

    c->seen_ms = now;
    c->elapsed_ms = passed < ELAPSED_MAX - c->elapsed_ms ? c->elapsed_ms + passed : ELAPSED_MAX;
}

/*
 * §4.3 (RFC9438-4.3): W_est, the window of a Reno flow whose sawtooth has our beta and the same mean:
 * W_est += alpha * segments_acked / cwnd, alpha = 3 (1 - beta) / (1 + beta) = 9/17, and 1 once it
 * has reached the window before the loss. In octets: alpha * acked * SMSS / cwnd, kept to 2^-24.
 */
static uint32_t
reno_friendly_window(const struct tcb *tcb, struct cubic *c, uint32_t acked)
{
    uint64_t gain = (uint64_t)acked * tcb->smss, unit = (uint64_t)1 << EST_SHIFT;

    if (c->w_est >> EST_SHIFT >= c->cwnd_prior)
        c->w_est += estab_muldiv64(gain, unit, tcb->cwnd);
    else
        c->w_est += estab_muldiv64(9 * gain, unit, 17 * (uint64_t)tcb->cwnd);
    if (c->w_est > (uint64_t)CC_CWND_MAX << EST_SHIFT)
        c->w_est = (uint64_t)CC_CWND_MAX << EST_SHIFT;
    return (uint32_t)(c->w_est >> EST_SHIFT);
}

/* §4.4, §4.5 (RFC9438-4.4): (target - cwnd) / cwnd for each segment acknowledged; bytes_acked keeps
 * the rest of the division. */
static void
approach(struct tcb *tcb, uint32_t target, uint32_t acked)
{
    uint64_t sum;

    if (target <= tcb->cwnd)
        return;
    sum =
        (uint64_t)(target - tcb->cwnd) * (acked < tcb->cwnd ? acked : tcb->cwnd) + tcb->bytes_acked;
    tcb->bytes_acked = (uint32_t)(sum % tcb->cwnd);
    tcb->cwnd += (uint32_t)(sum / tcb->cwnd);
}

static void
avoid_congestion(struct tcb *tcb, const struct tcp_env *env, uint32_t acked)
{
    struct cubic *c = &tcb->ca.cubic;
    uint32_t w_est, target, most = tcb->cwnd + tcb->cwnd / 2;
    uint32_t rtt_ms = tcb->srtt / 8 / 1000;

    if (tcb->cc_phase != CC_CUBIC_EPOCH)
        begin_epoch(tcb, env);
    else
        advance_time(c, env);

    w_est = reno_friendly_window(tcb, c, acked);
    if (estab_cubic_window(c->w_max, c->k_ms, c->elapsed_ms, tcb->smss) < w_est) {
        /* No ACK lowers cwnd, here neither (RFC9438-4.2-TARGET). */
        if (w_est > tcb->cwnd)
            tcb->cwnd = w_est;
        return;
    }
    /* §4.2 (RFC9438-4.2-TARGET): target = W_cubic(t + RTT), within [cwnd, 1.5 * cwnd]. */
    target = estab_cubic_window(c->w_max, c->k_ms, c->elapsed_ms + rtt_ms, tcb->smss);
    approach(tcb, target < most ? target : most, acked);
}

static void
cubic_acked(struct tcb *tcb, const struct tcp_env *env, uint32_t acked)
{
    if (tcb->cc_phase < CC_CUBIC && tcb->ssthresh == CC_SSTHRESH_INITIAL) {
        /* (RFC9438-4.10) */
        if (estab_hystart_acked(tcb, env, acked))
            return;
        /* RFC 9406 §4.2: ssthresh = cwnd, and congestion avoidance begins. */
        tcb->ssthresh = tcb->cwnd;
    }
    begin(tcb);
    if (tcb->cwnd < tcb->ssthresh) {
        tcb->cc_phase = CC_CUBIC;
        estab_cc_slow_start(tcb, acked);
        return;
    }
    avoid_congestion(tcb, env, acked);
}

static uint32_t
cubic_ssthresh(struct tcb *tcb, uint32_t flight)
{
    struct cubic *c = begin(tcb);
    uint32_t cwnd = tcb->cwnd, least = 2u * tcb->smss;
    uint32_t reduced = (uint32_t)((uint64_t)flight * 7 / 10);

    /* §4.7 (RFC9438-4.7): a flow that did not reach its last W_max gives way: others have come.
     * W_max = cwnd * (1 + beta) / 2. */
    c->w_max = cwnd < c->w_max ? (uint32_t)((uint64_t)cwnd * 17 / 20) : cwnd;
    c->cwnd_prior = cwnd;
    c->after_timeout = false;
    tcb->cc_phase = CC_CUBIC;
    /* §4.6 (RFC9438-4.6): flight size * beta, beta = 0.7; at least 2 SMSS. */
    return reduced > least ? reduced : least;
}

static void
cubic_timeout(struct tcb *tcb)
{
    begin(tcb)->after_timeout = true;
    tcb->cc_phase = CC_CUBIC;
}

static void
cubic_not_limiting(struct tcb *tcb, const struct tcp_env *env)
{
    if (tcb->cc_phase < CC_CUBIC)
        estab_hystart_not_limiting(tcb);
    else
        tcb->ca.cubic.seen_ms = now_ms(env);
}

static void
cubic_rtt(struct tcb *tcb, uint32_t us)
{
    /* (RFC9406-4.3-ONCE) the initial slow start alone */
    if (tcb->cc_phase < CC_CUBIC && tcb->ssthresh == CC_SSTHRESH_INITIAL)
        estab_hystart_rtt(tcb, us);
}

const struct cc_ops estab_cc_cubic = {
    .acked = cubic_acked,
    .ssthresh_after_loss = cubic_ssthresh,
    .timeout = cubic_timeout,
    .not_limiting = cubic_not_limiting,
    .rtt = cubic_rtt,
};
