/* SPDX-License-Identifier: MIT */
/*
 * Pacing: text leaves at tcb->pacing_rate, a little at a time, instead of a window at once. A bucket
 * holds what a millisecond brings, but at least two segments; tcb->pace_at is when it is full again.
 * On for BBR, and for the others where opt->pacing asks. What is repeated at once by a rule
 * (the front at a timeout, probes) does not wait.
 */
#ifndef TCP_PACING_H
#define TCP_PACING_H

#include "tcp/internal.h"

/* Out of line halves. */
bool estab_pace_allows(struct tcb *tcb, const struct tcp_env *env);
void estab_pace_spend(struct tcb *tcb, const struct tcp_env *env, uint32_t octets);
/* After an ACK: the rate that cwnd and the RTT give, for algorithms that have none of their own. */
void estab_pace_follow(struct tcb *tcb);
/* Octets that may leave at once. */
uint32_t estab_pace_burst(const struct tcb *tcb);

/* May text leave now? If not, tcb->paced, and TIMER_PACING will tell. */
static inline bool
pace_allows(struct tcb *tcb, const struct tcp_env *env)
{
    return LIKELY(tcb->pacing_rate == 0) || estab_pace_allows(tcb, env);
}

static inline void
pace_sent(struct tcb *tcb, const struct tcp_env *env, uint32_t octets)
{
    if (UNLIKELY(tcb->pacing_rate != 0))
        estab_pace_spend(tcb, env, octets);
}

#endif
