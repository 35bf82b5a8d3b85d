/* SPDX-License-Identifier: MIT */
/*
 * What is lost and what to send again: fast retransmit and fast recovery (RFC 5681 §3.2), their
 * NewReno form (RFC 6582 §3.2), limited transmit (RFC 3042), and recovery after a timeout
 * (RFC 5681 §3.1, RFC 6298 §5). Called from ack.c and timeouts.c.
 */
#include "tcp/cc.h"
#include "tcp/cwnd_validation.h"
#include "tcp/rack.h"
#include "tcp/undo.h"

#define DUP_THRESH 3

void
estab_tcp_duplicate_ack(struct tcb *tcb, struct tcp_env *env)
{
    /* of those that were out when recovery began: the ones sent since are its fruit */
    uint32_t segments_out = (tcb->recover - tcb->snd_una) / tcb->smss + 1;

    if (tcb->recovery == RECOVERY_RTO)
        return;
    if (tcb->dupacks < UINT8_MAX)
        tcb->dupacks++;

    if (tcb->recovery == RECOVERY_FAST) {
        /* RFC 5681 §3.2 (4): each further duplicate says that a segment has left the network; no
         * more of them than segments were out (RFC5681-3.2-DUPLIM). */
        if (tcb->cwnd < tcb->ssthresh + segments_out * tcb->smss)
            tcb->cwnd += tcb->smss;
        return;
    }
    if (tcb->dupacks != DUP_THRESH)
        return;
    /* RFC 6582 §3.2 (1): the ACK must cover more than `recover`, or these duplicates are echoes
     * of an earlier loss (RFC6582-3.2-1). */
    if (seq_leq(tcb->snd_una, tcb->recover) && tcb->recover != tcb->iss)
        return;
    estab_undo_remember(tcb, env, false);
    /* RFC 5681 §3.2 (2)-(3): ssthresh from the flight without what limited transmit added;
     * the segment at SND.UNA now; cwnd for the three that have left (RFC5681-3.2-FRECOV). */
    estab_cc_lost(tcb, env);
    estab_cc_reduce(tcb, estab_cc_flight_at_loss(tcb), true);
    tcb->recover = tcb->snd_nxt;
    tcb->recovery = RECOVERY_FAST;
    tcb->cwnd = tcb->ssthresh + DUP_THRESH * tcb->smss;
    resend_front(tcb, WHY_RETRANSMIT_FAST);
    tcb->rtt_timing = false;
    estab_tcp_explain(tcb, env, ESTAB_RECOVERY_LOSS);
}

/* Of cwnd, `used` octets were out when this ACK came. */
static bool
may_grow(struct tcb *tcb, struct tcp_env *env, uint32_t used, uint32_t acked)
{
    if (UNLIKELY(env->cfg->cwnd_validation))
        return estab_cwv_acked(tcb, env, acked);
    return (uint64_t)used * 2 >= tcb->cwnd;
}

void
estab_tcp_grow(struct tcb *tcb, struct tcp_env *env, uint32_t acked, uint32_t delivered)
{
    if (cc_has_model(tcb))
        return;
    /* Growth only where cwnd is what limits: a window never filled proves nothing. */
    if (may_grow(tcb, env, flight_size(tcb) + acked, acked))
        tcb->cc->acked(tcb, env, delivered);
    else
        cc_not_limiting(tcb, env);
}

void
estab_tcp_new_ack(struct tcb *tcb, struct tcp_env *env, uint32_t acked, bool marked)
{
    uint32_t flight = flight_size(tcb);

    switch (tcb->recovery) {
    case RECOVERY_FAST:
        if (tcb->flight != NULL)
            return; /* rack.c */
        tcb->dupacks = 0;
        if (seq_geq(tcb->snd_una, tcb->recover)) {
            /* RFC 6582 §3.2 (3), full ACK: cwnd = min(ssthresh, max(FlightSize, SMSS) + SMSS),
             * so that no burst follows (RFC6582-3.2-FULL). */
            uint32_t soft = (flight > tcb->smss ? flight : tcb->smss) + tcb->smss;

            tcb->cwnd = tcb->ssthresh < soft ? tcb->ssthresh : soft;
            tcb->recovery = RECOVERY_NONE;
            tcb->bytes_acked = 0;
            estab_cwv_recovered(tcb);
            estab_tcp_explain(tcb, env, ESTAB_RECOVERY_OVER);
            return;
        }
        /* Partial ACK: the next hole at once; deflate by what was acknowledged, and one SMSS back
         * (RFC6582-3.2-PARTIAL). */
        resend_front(tcb, WHY_RETRANSMIT_PARTIAL);
        tcb->cwnd = tcb->cwnd > acked ? tcb->cwnd - acked : 0;
        if (acked >= tcb->smss || tcb->cwnd < tcb->smss)
            tcb->cwnd += tcb->smss;
        return;
    case RECOVERY_RTO:
        tcb->high_rxt = seq_max(tcb->high_rxt, tcb->snd_una);
        if (!marked && !cc_has_model(tcb))
            tcb->cc->acked(tcb, env, acked);
        if (tcb->flight == NULL && seq_geq(tcb->snd_una, tcb->recover)) {
            tcb->recovery = RECOVERY_NONE;
            tcb->dupacks = 0;
            estab_tcp_explain(tcb, env, ESTAB_RECOVERY_OVER);
        }
        return;
    default:
        tcb->dupacks = 0;
        if (!marked && !grows_by_delivery(tcb))
            estab_tcp_grow(tcb, env, acked, acked);
        return;
    }
}

void
estab_tcp_loss_timeout(struct tcb *tcb, struct tcp_env *env)
{
    bool has_model = cc_has_model(tcb);

    estab_undo_remember(tcb, env, true);
    /* RFC 5681 (4): for a segment that the timer has not sent again before; later timeouts of the
     * same one keep ssthresh (RFC5681-3.1-RTO-SSTHRESH). */
    estab_cc_lost(tcb, env);
    estab_cwv_reset(tcb); /* RFC 7661 §4.4: a timeout is answered in the standard way */
    if (tcb->retransmissions == 0 && !has_model)
        tcb->ssthresh = tcb->cc->ssthresh_after_loss(tcb, flight_size(tcb));
    if (tcb->cc->timeout != NULL)
        tcb->cc->timeout(tcb);
    /* cwnd = LW = one segment (RFC5681-3.1-LW); RFC 6582 §3.2: remember how far we had got
     * (RFC6582-3.2-RTO). */
    if (!has_model)
        tcb->cwnd = tcb->smss;
    tcb->bytes_acked = 0;
    tcb->recovery = RECOVERY_RTO;
    tcb->recover = tcb->snd_nxt;
    tcb->first_window = false;
    tcb->high_rxt = tcb->snd_una;
    tcb->dupacks = 0;
    tcb->rtx_front = false;
    tcb->rto_fired = true;
    tcb->rtt_timing = false;
    tcb->loss_probe_owed = false;
    estab_rack_retransmission_timeout(tcb, env);
    if (has_model)
        tcb->cc->recovery(tcb, env, CC_RECOVERY_TIMEOUT);
    estab_tcp_explain(tcb, env, ESTAB_RECOVERY_TIMEOUT);
}
