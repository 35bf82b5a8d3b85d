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

/* How long `octets` take. A rate below two segments a second is none that was measured while data
 * flowed (a window was closed, a user silent): it must not hold text back for minutes, nor leave a debt
 * that a later, higher rate would have to wait for. What a path that slow can carry is for cwnd to say. */
static estab_time
time_of(const struct tcb *tcb, uint32_t octets)
{
    uint64_t least = 2u * (uint64_t)tcb->smss;

    return (estab_time)estab_muldiv64(octets, SECOND,
                                      tcb->pacing_rate > least ? tcb->pacing_rate : least);
}

bool
estab_pace_allows(struct tcb *tcb, const struct tcp_env *env)
{
    estab_time full = time_of(tcb, estab_pace_burst(tcb));

    tcb->paced = tcb->pace_at - env->now >= full;
    return !tcb->paced;
}

void
estab_pace_spend(struct tcb *tcb, const struct tcp_env *env, uint32_t octets)
{
    if (tcb->pace_at < env->now)
        tcb->pace_at = env->now;
    tcb->pace_at += time_of(tcb, octets);
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
