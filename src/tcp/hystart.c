/* SPDX-License-Identifier: MIT */
/*
 * HyStart++, RFC 9406: the initial slow start ends before it has filled the queue of the bottleneck.
 * When the shortest RTT of a round is clearly longer than that of the round before, cwnd grows a
 * quarter as fast (Conservative Slow Start); congestion avoidance follows when five rounds have not
 * shown that it was a mistake. Called from cubic.c.
 *
 * Differs from RFC 9406 §4.2: ACKs that follow each other closely for half of the shortest RTT lead
 * to Conservative Slow Start too, because the RTT of a round is seen a round after its segments
 * left, which for a queue of one BDP is a round too late. (S. Ha, I. Rhee: Taming the elephants, 2011.)
 */
#include "tcp/cc.h"
#include "tcp/rack.h"

#define N_RTT_SAMPLE 8
#define MIN_RTT_THRESH 4000 /* microseconds */
#define MAX_RTT_THRESH 16000
#define MIN_RTT_DIVISOR 8
#define CSS_GROWTH_DIVISOR 4
#define CSS_GROWTH_DIVISOR_TRAIN 8 /* the path is full, and who knows how long its queue is */
#define CSS_ROUNDS 5
#define L 8                 /* where segments are not paced */
#define TRAIN_GAP_MIN 2000u /* microseconds; ACKs of a train are at most so far apart, or RTT / 8 */
#define TRAIN_CWND 16u      /* segments; below it cwnd cannot fill a queue that matters */

_Static_assert(CSS_GROWTH_DIVISOR >= 2, "RFC 9406 §4.3 (RFC9406-4.3-DIV)");

/* §4.2: a round ends when what was sent last at its beginning is acknowledged (RFC9406-4.2-ROUND). */
static void
begin_round(struct tcb *tcb, uint32_t now)
{
    struct hystart *h = &tcb->ca.hystart;

    h->started = true;
    h->round_at = now;
    h->train_at = now;
    h->window_end = tcb->snd_nxt;
    h->last_min = h->current_min;
    h->current_min = 0;
    h->samples = 0;
}

static void
begin_css(struct tcb *tcb, uint32_t baseline)
{
    struct hystart *h = &tcb->ca.hystart;

    h->css_baseline = baseline;
    h->css_rounds = 0;
    tcb->cc_phase = CC_CONSERVATIVE;
}

/* A train of ACKs is as long as the bottleneck takes for the segments of a round: once it is longer than
 * half of the shortest RTT, what cwnd allows now fills the path. Segments that are paced come in a
 * train anyway, and then it must be as long as the RTT. */
static bool
is_long_train(struct tcb *tcb, uint32_t now)
{
    struct hystart *h = &tcb->ca.hystart;
    uint32_t gap = tcb->min_rtt / MIN_RTT_DIVISOR;

    if (now - h->train_at > (gap > TRAIN_GAP_MIN ? gap : TRAIN_GAP_MIN))
        return false;
    h->train_at = now;
    return tcb->cwnd >= TRAIN_CWND * tcb->smss && tcb->min_rtt != 0 &&
           now - h->round_at > (tcb->pacing_rate == 0 ? tcb->min_rtt / 2 : tcb->min_rtt);
}

/* Its RTT belongs to the round it ends, and comes after this call: so the ACK before is the one to look
 * at. Where the path reorders, SND.UNA would be late: what has arrived says as much. */
static tcp_seq
reached(const struct tcb *tcb, uint32_t acked)
{
    return grows_by_delivery(tcb) ? tcb->flight->fack : tcb->snd_una - acked;
}

bool
estab_hystart_acked(struct tcb *tcb, const struct tcp_env *env, uint32_t acked)
{
    struct hystart *h = &tcb->ca.hystart;
    uint32_t now = (uint32_t)((uint64_t)env->now / 1000);
    uint32_t most = tcb->pacing_rate == 0 ? L * (uint32_t)tcb->smss : UINT32_MAX;
    uint32_t grow = acked < most ? acked : most;

    if (!h->started) {
        begin_round(tcb, now);
    } else if (seq_geq(reached(tcb, acked), h->window_end)) {
        begin_round(tcb, now);
        if (tcb->cc_phase == CC_CONSERVATIVE && ++h->css_rounds >= CSS_ROUNDS)
            return false;
    } else if (tcb->cc_phase == CC_INITIAL && is_long_train(tcb, now)) {
        begin_css(tcb, 0); /* no RTT is shorter: it says nothing of a train */
    }
    /* cwnd += min(N, L * SMSS), paced N (RFC9406-4.2-L), in CSS a quarter of it (RFC9406-4.2-CSS) */
    if (tcb->cc_phase == CC_CONSERVATIVE)
        grow /= h->css_baseline == 0 ? CSS_GROWTH_DIVISOR_TRAIN : CSS_GROWTH_DIVISOR;
    tcb->cwnd = tcb->cwnd + grow < CC_CWND_MAX ? tcb->cwnd + grow : CC_CWND_MAX;
    return true;
}

void
estab_hystart_rtt(struct tcb *tcb, uint32_t us)
{
    struct hystart *h = &tcb->ca.hystart;
    uint32_t thresh;

    if (us == 0)
        us = 1; /* 0 says that there is none */
    if (h->current_min == 0 || us < h->current_min)
        h->current_min = us;
    if (h->samples < N_RTT_SAMPLE)
        h->samples++;
    if (h->samples < N_RTT_SAMPLE)
        return;
    if (tcb->cc_phase == CC_CONSERVATIVE) {
        /* The path is as short as it was when we left: that was jitter (RFC9406-4.2-CSS). */
        if (h->current_min < h->css_baseline)
            tcb->cc_phase = CC_INITIAL;
        return;
    }
    if (h->last_min == 0)
        return;
    /* (RFC9406-4.2-THRESH) RttThresh = max(4 ms, min(lastRoundMinRTT / 8, 16 ms)) */
    thresh = h->last_min / MIN_RTT_DIVISOR;
    if (thresh > MAX_RTT_THRESH)
        thresh = MAX_RTT_THRESH;
    if (thresh < MIN_RTT_THRESH)
        thresh = MIN_RTT_THRESH;
    if (h->current_min < h->last_min + thresh)
        return;
    begin_css(tcb, h->current_min);
}

void
estab_hystart_not_limiting(struct tcb *tcb)
{
    /* Rounds are counted in flights that fill cwnd; the next of them begins one. */
    tcb->ca.hystart.started = false;
}
