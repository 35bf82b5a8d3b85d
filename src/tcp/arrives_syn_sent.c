/* SPDX-License-Identifier: MIT */
/*
 * SEGMENT ARRIVES in SYN-SENT (RFC 9293 §3.10.7.3): we have sent a SYN and nothing is known of the
 * peer yet. Called from arrives.c.
 */
#include "tcp/internal.h"

void
estab_tcp_reset_for_ack(const struct tcp_seg *seg, struct tcp_out *reply)
{
    /* <SEQ=SEG.ACK><CTL=RST> */
    *reply = (struct tcp_out){
        .seg = { .seq = seg->ack, .ctl = CTL_RST },
        .reason = WHY_RST_BAD_ACK,
    };
}

enum seg_verdict
estab_tcp_arrives_syn_sent(struct tcb *tcb, struct tcp_env *env, struct tcp_seg *seg,
                           struct tcp_out *reply)
{
    bool has_ack = (seg->ctl & CTL_ACK) != 0;
    bool crossed;
    enum seg_verdict v = SEG_ACCEPTED;

    /* First, the ACK bit: SEG.ACK =< ISS or SEG.ACK > SND.NXT is of nothing we sent: reset it,
     * unless it is a reset (RFC9293-3.10.7.3-SYNSENT, RFC9293-3.5-OLDSYN). */
    if (has_ack && (seq_leq(seg->ack, tcb->iss) || seq_gt(seg->ack, tcb->snd_nxt)) &&
        RULE(env, syn_sent_ack)) {
        if (seg->ctl & CTL_RST)
            return SEG_DROP_RST_UNACCEPTABLE;
        estab_tcp_reset_for_ack(seg, reply);
        return SEG_DROP_ACK_SYN_SENT;
    }
    /* Second, the RST bit: believed with an acceptable ACK alone (RFC9293-3.5.3-RSTVAL). */
    if (seg->ctl & CTL_RST) {
        if (!has_ack && RULE(env, syn_sent_rst))
            return SEG_DROP_RST_UNACCEPTABLE;
        estab_tcp_end(tcb, env, ESTAB_ECONNREFUSED, CAUSE_RST_ARRIVED);
        return SEG_ACCEPTED_RST;
    }
    /* Third, security and compartment: not implemented, see docs/rfc/9293.md. */

    /* Fourth, the SYN bit; fifth, neither SYN nor RST: drop. */
    if (!(seg->ctl & CTL_SYN))
        return SEG_DROP_NO_SYN;
    /* Differs from RFC 9293 §3.10.7.3, fourth: SYN with FIN is dropped, because nobody opens a
     * connection that way; it serves to look for holes in filters. See docs/rfc/decisions.md. */
    if (seg->ctl & CTL_FIN)
        return SEG_DROP_SYN_FIN;

    if (!has_ack && !RULE(env, crossing_syn))
        return SEG_DROP_NO_ACK;

    tcb->rcv_nxt = seg->seq + 1;
    tcb->irs = seg->seq;
    tcb->rcv_up = seg->seq;
    tcb->last_ack_sent = tcb->rcv_nxt;
    estab_tcp_take_syn_options(tcb, env, seg);
    crossed = !has_ack;
    if (crossed) {
        /* Simultaneous open (MUST-10): SYN-RECEIVED, <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>. Text
         * that came along is not acknowledged; the peer sends it again. */
        tcb->snd_wnd = seg->wnd;
        tcb->snd_wl1 = seg->seq;
        tcb->snd_wl2 = tcb->iss;
        tcb->max_snd_wnd = seg->wnd;
        tcb->syn_owed = true;
        enter_state(tcb, env, TCPS_SYN_RECEIVED, CAUSE_SYN_CROSSED);
        return SEG_ACCEPTED;
    }

    /* Our SYN is acknowledged: ESTABLISHED, and <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, with text if
     * any is queued (N6). */
    v = estab_tcp_check_ack(tcb, env, seg, reply);
    if (v != SEG_CONTINUE)
        return v;
    v = SEG_ACCEPTED;
    tcb->quickacks = QUICK_ACKS;
    estab_tcp_keepalive_heard(tcb, env);
    owe_one_ack(tcb, WHY_HANDSHAKE_ACK);
    seg->seq++;
    seg->ctl &= (uint8_t)~CTL_SYN;
    estab_tcp_process_text(tcb, env, seg, &v);
    if (tcb->acks_owed == 0)
        owe_one_ack(tcb, WHY_HANDSHAKE_ACK);
    return v;
}
