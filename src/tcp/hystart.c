/* SPDX-License-Identifier: MIT */
/*
 * HyStart++, RFC 9406: the initial slow start ends before it has filled the queue of the bottleneck.
 * When the shortest RTT of a round is clearly longer than that of the round before, cwnd grows a
 * quarter as fast (Conservative Slow Start); congestion avoidance follows when five rounds have not
 * shown that it was a mistake. Called from cubic.c.
 */
#include "tcp/cc.h"

#define N_RTT_SAMPLE 8
#define MIN_RTT_THRESH 4000 /* microseconds */
#define MAX_RTT_THRESH 16000
#define MIN_RTT_DIVISOR 8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS 5
#define L 8 /* nothing here is paced */

_Static_assert(CSS_GROWTH_DIVISOR >= 2, "RFC 9406 §4.3 (RFC9406-4.3-DIV)");

/* §4.2: a round ends when what was sent last at its beginning is acknowledged (RFC9406-4.2-ROUND). */
static void
begin_round(struct tcb *tcb)
{
    struct hystart *h = &tcb->ca.hystart;

    h->started = true;
    h->window_end = tcb->snd_nxt;
    h->last_min = h->current_min;
    h->current_min = 0;
    h->samples = 0;
}

bool
estab_hystart_acked(struct tcb *tcb, uint32_t acked)
{
    struct hystart *h = &tcb->ca.hystart;
    uint32_t grow = acked < L * (uint32_t)tcb->smss ? acked : L * (uint32_t)tcb->smss;

    /* Its RTT belongs to the round it ends, and comes after this call: so the ACK before is the one
     * to look at. */
    if (!h->started) {
        begin_round(tcb);
    } else if (seq_geq(tcb->snd_una - acked, h->window_end)) {
        begin_round(tcb);
        if (tcb->cc_phase == CC_CONSERVATIVE && ++h->css_rounds >= CSS_ROUNDS)
            return false;
    }
    /* cwnd += min(N, L * SMSS) (RFC9406-4.2-L), in CSS a quarter of it (RFC9406-4.2-CSS) */
    if (tcb->cc_phase == CC_CONSERVATIVE)
        grow /= CSS_GROWTH_DIVISOR;
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
    h->css_baseline = h->current_min;
    h->css_rounds = 0;
    tcb->cc_phase = CC_CONSERVATIVE;
}

void
estab_hystart_not_limiting(struct tcb *tcb)
{
    /* Rounds are counted in flights that fill cwnd; the next of them begins one. */
    tcb->ca.hystart.started = false;
}
