/* SPDX-License-Identifier: MIT */
/*
 * Challenge ACKs (RFC 5961 §3.2, §4.2, §5.2, §7): a segment that a blind attacker could have sent
 * is answered with where we stand; the true peer then proves itself with an exact RST. The limit
 * is this connection's own, so that nobody can count through it what happens on another
 * (CVE-2016-5696). Called from the checks of arrives_other.c.
 */
#include "tcp/internal.h"

void
estab_tcp_challenge(struct tcb *tcb, struct tcp_env *env)
{
    /* RFC5961-7-THROTTLE: at most one in challenge_gap. */
    if (env->now - tcb->challenged_at < env->cfg->challenge_gap && RULE(env, challenge_rate))
        return;
    tcb->challenged_at = env->now;
    owe_ack(tcb, WHY_CHALLENGE_ACK);
}
