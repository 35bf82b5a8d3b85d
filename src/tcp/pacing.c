/* SPDX-License-Identifier: MIT */
/* See pacing.h. Called from emit.c and ack.c, and by algorithms of congestion control. */
#include "tcp/pacing.h"

#include "base/mul.h"
#include "tcp/cc.h"
#include "tcp/cwnd_validation.h"

#define SECOND UINT64_C(1000000000)
#define BURST_MAX 65536u

uint32_t
estab_pace_burst(const struct tcb *tcb)
{
    uint64_t ms = tcb->pacing_rate / 1000;
    uint32_t least = 2u * tcb->smss;

    return ms <= least ? least : ms < BURST_MAX ? (uint32_t)ms : BURST_MAX;
}

bool
estab_pace_allows(struct tcb *tcb, const struct tcp_env *env)
{
    estab_time full = (estab_time)estab_muldiv64(estab_pace_burst(tcb), SECOND, tcb->pacing_rate);

    tcb->paced = tcb->pace_at - env->now >= full;
    return !tcb->paced;
}

void
estab_pace_spend(struct tcb *tcb, const struct tcp_env *env, uint32_t octets)
{
    estab_time cost = (estab_time)estab_muldiv64(octets, SECOND, tcb->pacing_rate);

    if (tcb->pace_at < env->now)
        tcb->pace_at = env->now;
    /* A rate that has changed must not leave us waiting for the old one for ever. */
    if (tcb->pace_at > env->now + ESTAB_SEC(1))
        tcb->pace_at = env->now + ESTAB_SEC(1);
    tcb->pace_at += cost;
}

void
estab_pace_follow(struct tcb *tcb)
{
    /* Twice cwnd per round trip while slow start doubles it, 1.2 times after: never what limits. A
     * window that is not validated is no reason to double the rate (RFC 7661 §4.4.2). */
    bool doubles = tcb->cwnd < tcb->ssthresh / 2 && !cwv_is_unvalidated(tcb);
    uint64_t percent = doubles ? 200 : 120;

    if ((!tcb->opt->pacing && !cwv_is_unvalidated(tcb)) || tcb->srtt == 0) {
        tcb->pacing_rate = 0;
        tcb->paced = false;
        return;
    }
    tcb->pacing_rate = estab_muldiv64(percent * tcb->cwnd, 8 * 10000, tcb->srtt);
}
