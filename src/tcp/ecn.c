/* SPDX-License-Identifier: MIT */
/*
 * Explicit congestion notification (RFC 3168 §6.1): agreed in the handshake with ECE and CWR; from
 * then on new text is sent ECT(0), a CE mark that arrives is echoed with ECE until the sender says
 * CWR, and an ECE that arrives is answered like a loss, once for each window. Called from ack.c,
 * arrives_*.c, emit.c and half_open.c.
 */
#include "tcp/accecn.h"
#include "tcp/accecn_option.h"
#include "tcp/cc.h"

/* (RFC3168-6.1.1-FALLBACK) A SYN that stays unanswered may have met somebody who drops such flags:
 * after the first repetition it goes without. */
static bool
asks(const struct tcb *tcb, const struct tcp_env *env)
{
    return env->cfg->ecn == ESTAB_ECN_ASK && tcb->syn_retransmissions <= 1;
}

/* The flags of our SYN or SYN,ACK. */
void
estab_ecn_mark_syn(const struct tcb *tcb, const struct tcp_env *env, bool answer,
                   struct tcp_seg *seg)
{
    if (answer && tcb->accecn)
        estab_accecn_syn_ack(seg, tcb->accecn_syn_ecn, tcb->syn_retransmissions == 0);
    else if (answer)
        /* ECN-setup SYN,ACK: ECE without CWR, only in answer to an ECN-setup SYN. */
        seg->ctl |= tcb->ecn ? CTL_ECE : 0;
    else if (asks(tcb, env) && env->cfg->accecn)
        estab_accecn_syn(seg);
    else if (asks(tcb, env))
        /* RFC 3168 §6.1.1 (RFC3168-6.1.1-SYN): an ECN-setup SYN has both ECE and CWR. */
        seg->ctl |= CTL_ECE | CTL_CWR;
}

/* The SYN or SYN,ACK in answer to our SYN. */
void
estab_ecn_take_syn(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg)
{
    enum ecn_mode mode;

    /* (RFC3168-6.1.1-NEG) Both ends or neither. A SYN,ACK with both flags is an echo of our SYN by
     * one who does not know them. */
    if (!(seg->ctl & CTL_ACK))
        mode = estab_accecn_mode_of_syn(env, seg);
    else if (!asks(tcb, env))
        mode = ECN_MODE_NONE;
    else if (env->cfg->accecn)
        mode = estab_accecn_mode_of_syn_ack(seg);
    else
        mode = (seg->ctl & (CTL_ECE | CTL_CWR)) == CTL_ECE ? ECN_MODE_CLASSIC : ECN_MODE_NONE;
    tcb->ecn = mode != ECN_MODE_NONE;
    tcb->accecn = false;
    if (mode == ECN_MODE_ACCURATE)
        estab_accecn_begin(tcb, env, seg);
    else
        estab_accecn_option_forget(tcb, env);
}

/* A segment inside the window. */
void
estab_ecn_arrives(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg)
{
    if (!tcb->ecn || seg->ctl & CTL_SYN)
        return;
    if (tcb->accecn) {
        estab_accecn_arrives(tcb, env, seg);
        return;
    }
    /* §6.1.3 (RFC3168-6.1.3-ECE): CWR says that the last echo was heard; a mark on the same packet
     * is a new one. */
    if (seg->ctl & CTL_CWR)
        tcb->ece_owed = false;
    if (seg->ip_ecn == IP_ECN_CE) {
        if (!tcb->ece_owed)
            tcb->quickacks = tcb->quickacks > 2 ? tcb->quickacks : 2;
        tcb->ece_owed = true;
    }
}

bool
estab_ecn_is_marked(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg,
                    uint32_t acked)
{
    if (!tcb->ecn || seg->ctl & CTL_SYN)
        return false;
    if (tcb->accecn)
        return estab_accecn_news(tcb, env, seg, (acked + tcb->smss - 1) / tcb->smss) > 0;
    return (seg->ctl & CTL_ECE) != 0;
}

/* An acceptable ACK that tells of marks; `old_una`: SND.UNA before it. */
void
estab_ecn_echo(struct tcb *tcb, const struct tcp_env *env, tcp_seq old_una)
{
    uint32_t flight = tcb->snd_nxt - old_una, floor = 2u * tcb->smss;

    if (flight == 0)
        return;
    /* §6.1.2 (RFC3168-6.1.2-CWND1): one segment cannot be halved: the timer starts anew, and the
     * next segment waits until it expires (RFC9438-4.6-ECE). */
    if (tcb->cwnd <= tcb->smss) {
        tcb->ecn_waits = true;
        tcb->cwr_owed = !tcb->accecn;
        estab_tcp_arm_rtx(tcb, env);
        return;
    }
    /* (RFC3168-6.1.2-CUT) like a single loss, at most once per window, and nothing is sent again
     * for it. In recovery the reduction has been made. */
    if ((tcb->ecn_reduced && seq_lt(tcb->snd_una, tcb->ecn_high)) || tcb->recovery != RECOVERY_NONE)
        return;
    tcb->ecn_reduced = true;
    tcb->ecn_high = tcb->snd_nxt;
    tcb->cwr_owed = !tcb->accecn; /* (RFC9768-3.1.5-NOCWR) */
    if (cc_has_model(tcb)) {
        tcb->cc->recovery(tcb, env, CC_MARKED);
        estab_tcp_explain(tcb, env, ESTAB_RECOVERY_MARKED);
        return;
    }
    estab_cc_reduce(tcb, flight, false);
    if (tcb->cwnd > tcb->ssthresh)
        tcb->cwnd = tcb->ssthresh;
    /* ssthresh stays at two segments, cwnd goes down to one */
    if (flight <= floor && tcb->cwnd <= floor)
        tcb->cwnd = tcb->smss;
    tcb->bytes_acked = 0;
    estab_tcp_explain(tcb, env, ESTAB_RECOVERY_MARKED);
}

/* What ECN has to say on a segment with an ACK; `fresh`: new text. */
void
estab_ecn_mark(struct tcb *tcb, const struct tcp_env *env, struct tcp_seg *seg, bool fresh)
{
    if (!tcb->ecn)
        return;
    if (tcb->accecn)
        estab_accecn_mark(tcb, env, seg);
    else if (tcb->ece_owed)
        seg->ctl |= CTL_ECE;
    /* §6.1.4, §6.1.5, §6.1.6: pure ACKs, what is sent again and window probes are not ECT
     * (RFC3168-6.1.4-PUREACK, RFC3168-6.1.5-RTX, RFC3168-6.1.6-ZWP). */
    if (!fresh || seg->len == 0 || tcb->accecn_no_ect)
        return;
    seg->ip_ecn = IP_ECN_ECT0;
    if (tcb->cwr_owed) {
        seg->ctl |= CTL_CWR;
        tcb->cwr_owed = false;
    }
}
