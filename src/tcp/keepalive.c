/* SPDX-License-Identifier: MIT */
/*
 * Keepalive (RFC 9293 §3.8.4, claims N19-N21): off until the user asks; after `idle` without
 * anything received a probe, then one every `interval`; `count` probes unanswered end the
 * connection. Called from timeouts.c and whenever a segment of the peer was believed.
 */
#include "tcp/internal.h"

static bool
may_probe(const struct tcb *tcb, const struct tcp_env *env)
{
    return tcb->opt->keepalive && RULE(env, keepalive) && is_synchronized(tcb) &&
           tcb->state != TCPS_TIME_WAIT;
}

/* N19: anything received from the peer starts the idle time anew. */
void
estab_tcp_keepalive_heard(struct tcb *tcb, const struct tcp_env *env)
{
    tcb->keepalive_probes = 0;
    tcb->keepalive_at = may_probe(tcb, env) ? env->now + tcb->opt->keepalive_idle : ESTAB_NEVER;
}

void
estab_tcp_keepalive_timeout(struct tcb *tcb, struct tcp_env *env)
{
    if (!may_probe(tcb, env)) {
        tcb->keepalive_at = ESTAB_NEVER;
        return;
    }
    /* (MUST-26) only when nothing sent is unacknowledged: retransmission watches the peer then. */
    if (tcb->snd_una != tcb->snd_nxt || snd_unsent(tcb) > 0) {
        estab_tcp_keepalive_heard(tcb, env);
        return;
    }
    /* (MUST-29) one unanswered probe is no proof; `count` of them are (N21). */
    if (tcb->keepalive_probes >= tcb->opt->keepalive_count) {
        tcb->reset_owed = true;
        tcb->reset_reason = WHY_RST_TIMEOUT;
        estab_tcp_end(tcb, env, ESTAB_ETIMEDOUT, CAUSE_KEEPALIVE_FAILED);
        return;
    }
    /* N20: a probe now, and the next after the interval. */
    tcb->keepalive_probes++;
    tcb->keepalive_owed = true;
    tcb->keepalive_at = env->now + tcb->opt->keepalive_interval;
}
