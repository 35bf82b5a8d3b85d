/* SPDX-License-Identifier: MIT */
/*
 * Round-trip time and retransmission timeout: RFC 6298 (MUST-18), in microseconds. SRTT is kept
 * in eighths and RTTVAR in quarters so that the RFC's constants are shifts and nothing is lost.
 * Called from ack.c with samples that Karn's rule allows.
 */
#include "tcp/internal.h"

#define US 1000 /* nanoseconds */

static uint32_t
to_us(estab_time t)
{
    return t / US > UINT32_MAX / 16 ? UINT32_MAX / 16 : (uint32_t)(t / US);
}

/* RFC 6298 §2.1 (RFC6298-2.1): before any sample the RTO is the configured first value, 1 s. */
void
estab_tcp_rtt_init(struct tcb *tcb, const struct tcp_env *env)
{
    tcb->srtt = 0;
    tcb->rttvar = 0;
    tcb->rto = to_us(env->cfg->rto_initial);
}

void
estab_tcp_rtt_sample(struct tcb *tcb, const struct tcp_env *env, estab_time rtt)
{
    uint32_t r = to_us(rtt);
    uint32_t g = 1; /* our clock's granularity is far below a microsecond */
    uint32_t slack = to_us(env->cfg->rto_slack);
    uint32_t k_rttvar, rto, min = to_us(env->cfg->rto_min), max = to_us(env->cfg->rto_max);

    tcb->rtt_since_probe = true;
    if (!RULE(env, rto_floor))
        min = slack = 1;
    if (tcb->rtt_reseed) {
        /* RFC 4015 §3.1 (11): after a spurious timeout SRTT <- max(SRTT, R), RTTVAR <- max(RTTVAR, R/2) */
        tcb->rtt_reseed = false;
        tcb->srtt = tcb->srtt > r * 8 ? tcb->srtt : r * 8;
        tcb->rttvar = tcb->rttvar > r * 2 ? tcb->rttvar : r * 2;
    } else if (tcb->srtt == 0) {
        /* (2.2) SRTT <- R, RTTVAR <- R/2 (RFC6298-2.2) */
        tcb->srtt = r * 8 > 0 ? r * 8 : 1;
        tcb->rttvar = r * 2;
        /* RFC 8985 §6.2, step 1: RACK.min_RTT is of every measurement, and only the handshake's may
         * have met an empty queue (RFC8985-6.2-1); what is sent later tells itself, in rack.c. */
        if (tcb->min_rtt == 0) {
            tcb->min_rtt = r > 0 ? r : 1;
            tcb->min_rtt_at = (uint32_t)(uint64_t)(env->now / US);
        }
    } else {
        /* (2.3) RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R'| with the old SRTT, and only then
         * SRTT <- 7/8 SRTT + 1/8 R' (RFC6298-2.3) */
        uint32_t srtt = tcb->srtt / 8;
        uint32_t delta = srtt > r ? srtt - r : r - srtt;

        tcb->rttvar = tcb->rttvar - tcb->rttvar / 4 + delta;
        tcb->srtt = tcb->srtt - tcb->srtt / 8 + r;
        if (tcb->srtt == 0)
            tcb->srtt = 1;
    }
    /* RTO <- SRTT + max(G, 4 * RTTVAR); rttvar is 4 * RTTVAR as it stands (RFC6298-4); never less than this (RFC6298-1) */
    k_rttvar = tcb->rttvar > g ? tcb->rttvar : g;
    /* ... and never less than rto_slack more than SRTT: behind a long queue the round trip is long and
     * steady, RTTVAR next to nothing, and the first jitter would be a timeout. */
    if (k_rttvar < slack)
        k_rttvar = slack;
    rto = tcb->srtt / 8 + k_rttvar;
    /* Differs from RFC 6298 §2.4: the lower bound is rto_min (and rto_slack), 200 ms unless the profile
     * is "rfc" (1 s), because delayed ACKs of today fit below it and losses are found sooner (RFC6298-2.4). (2.5) an upper
     * bound of at least 60 s is allowed (RFC6298-2.5). */
    tcb->rto = rto < min ? min : rto > max ? max : rto;
}

estab_time
estab_tcp_rto(const struct tcb *tcb, const struct tcp_env *env)
{
    /* (5.5) double for each expiry, up to the bound (RFC6298-5.5) */
    estab_time rto = (estab_time)tcb->rto * US;
    unsigned i;

    for (i = 0; i < tcb->backoff && rto < env->cfg->rto_max; i++)
        rto *= 2;
    return rto < env->cfg->rto_max ? rto : env->cfg->rto_max;
}
