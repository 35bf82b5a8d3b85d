/* SPDX-License-Identifier: MIT */
/*
 * Reno congestion control: slow start and congestion avoidance of RFC 5681 §3.1 with byte counting
 * (RFC 3465), so that many small ACKs gain nothing (RFC9293-7-ABC). Called from loss.c through cc.h.
 */
#include "tcp/cc.h"

static void
reno_acked(struct tcb *tcb, const struct tcp_env *env, uint32_t acked)
{
    (void)env;
    if (tcb->cwnd < tcb->ssthresh) {
        /* Slow start: cwnd += min(N, L * SMSS); L = 2 as RFC 3465 §2.2 allows, but 1 after a timeout
         * (RFC5681-3.1-SS, RFC3465-2.2). */
        uint32_t limit = tcb->recovery == RECOVERY_RTO ? tcb->smss : 2u * tcb->smss;
        uint32_t grow = acked < limit ? acked : limit;

        tcb->cwnd = tcb->cwnd + grow < tcb->ssthresh ? tcb->cwnd + grow : tcb->ssthresh;
        return;
    }
    /* Congestion avoidance: one SMSS for each cwnd of octets acknowledged, so one SMSS per RTT
     * (RFC5681-3.1-CA). */
    tcb->bytes_acked += acked;
    if (tcb->bytes_acked >= tcb->cwnd) {
        tcb->bytes_acked -= tcb->cwnd;
        if (tcb->cwnd < UINT32_MAX / 2)
            tcb->cwnd += tcb->smss;
    }
}

/* ssthresh = max(FlightSize / 2, 2 * SMSS), RFC 5681 (4) (RFC5681-3.1-RTO-SSTHRESH) */
static uint32_t
reno_ssthresh(const struct tcb *tcb, uint32_t flight)
{
    uint32_t half = flight / 2;
    uint32_t least = 2u * tcb->smss;

    return half > least ? half : least;
}

const struct cc_ops estab_cc_reno = {
    .name = "reno",
    .acked = reno_acked,
    .ssthresh_after_loss = reno_ssthresh,
};

const struct cc_ops *
estab_cc_by_number(unsigned cc)
{
    return cc == ESTAB_CC_RENO ? &estab_cc_reno : NULL;
}

uint32_t
estab_cc_initial_window(const struct tcb *tcb, const struct tcp_env *env)
{
    uint32_t n = env->cfg->initial_window;
    uint32_t full = n * tcb->smss;
    uint32_t bound = n * 1460u;

    if (bound < 2u * tcb->smss)
        bound = 2u * tcb->smss;
    return full < bound ? full : bound;
}
