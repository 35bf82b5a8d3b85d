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
        estab_cc_slow_start(tcb, acked);
        return;
    }
    /* Congestion avoidance: one SMSS for each cwnd of octets acknowledged, so one SMSS per RTT
     * (RFC5681-3.1-CA). */
    tcb->bytes_acked += acked;
    if (tcb->bytes_acked >= tcb->cwnd) {
        tcb->bytes_acked -= tcb->cwnd;
        if (tcb->cwnd < CC_CWND_MAX)
            tcb->cwnd += tcb->smss;
    }
}

/* ssthresh = max(FlightSize / 2, 2 * SMSS), RFC 5681 (4) (RFC5681-3.1-RTO-SSTHRESH) */
static uint32_t
reno_ssthresh(struct tcb *tcb, uint32_t flight)
{
    uint32_t half = flight / 2;
    uint32_t least = 2u * tcb->smss;

    return half > least ? half : least;
}

const struct cc_ops estab_cc_reno = {
    .acked = reno_acked,
    .ssthresh_after_loss = reno_ssthresh,
};
