/* SPDX-License-Identifier: MIT */
/*
 * SEGMENT ARRIVES in every state but CLOSED, LISTEN, SYN-SENT and TIME-WAIT.
 *
 * RFC 9293 §3.10.7.4. The eight checks run in the RFC's order and the order is the security
 * argument: a RST is believed only after its sequence number has been, and only an acceptable ACK
 * may move SND.UNA or open the window. Called from arrives.c. TIME-WAIT: time_wait.c.
 */
#include "tcp/accecn.h"
#include "tcp/fast_open.h"
#include "tcp/internal.h"

/* The answer to a segment that is not acceptable: an ACK that says where we stand
 * (RFC9293-3.5.2-SYNC). One that carries text or a FIN is a retransmission whose ACK was lost, and
 * gets it at once; a bare ACK could be one half of an endless exchange, and is answered as seldom
 * as a challenge (CVE-2005-1184). */
static void
answer_unacceptable(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg)
{
    if (seg_len(seg) > 0 && !(seg->ctl & CTL_SYN))
        owe_ack(tcb, WHY_ACK_UNACCEPTABLE);
    else
        estab_tcp_challenge(tcb, env);
}

/* Crossing SYNs: the peer's SYN,ACK repeats the SYN we have and acknowledges ours; what is new in
 * it is the ACK (RFC 9293 §3.5, Figure 7; RFC9293-A.2-SEQVAL). */
static bool
is_crossing_syn_ack(const struct tcb *tcb, const struct tcp_seg *seg)
{
    return tcb->state == TCPS_SYN_RECEIVED && seg->seq == tcb->irs &&
           (seg->ctl & (CTL_SYN | CTL_ACK | CTL_RST)) == (CTL_SYN | CTL_ACK);
}

/* Text or a FIN: what a closed window refuses. */
static bool
brings_text(const struct tcp_seg *seg)
{
    return seg->len > 0 || seg->ctl & CTL_FIN;
}

static enum seg_verdict
check_sequence(struct tcb *tcb, struct tcp_env *env, struct tcp_seg *seg)
{
    enum seg_verdict v = estab_tcp_check_timestamp(tcb, env, seg);

    if (v != SEG_CONTINUE)
        return v;

    /* A RST is judged by SEG.SEQ alone, whatever it carries: at RCV.NXT or in the window it is for
     * the second check, also while the window is closed; elsewhere it is dropped without a word
     * (RFC 5961 §3.2, RFC5961-3.2-OUT; RFC 9293 §3.10.7.4, first). */
    if (seg->ctl & CTL_RST && RULE(env, rst_window))
        return seg->seq == tcb->rcv_nxt || seq_in_window(seg->seq, tcb->rcv_nxt, tcb->rcv_wnd)
                   ? SEG_CONTINUE
                   : SEG_DROP_RST_OUT_OF_WINDOW;

    /* A peer's keepalive or window probe into our closed window: neither text nor FIN is taken, but
     * its ACK, RST and URG are (MUST-66, RFC9293-3.4-ZWACK), and it is answered. */
    if (tcb->rcv_wnd == 0 && seg->seq == tcb->rcv_nxt && brings_text(seg)) {
        seg->len = 0;
        seg->ctl &= (uint8_t)~CTL_FIN;
        owe_ack(tcb, WHY_ACK_UNACCEPTABLE);
    }
    if (!estab_tcp_seq_acceptable(tcb, seg) && RULE(env, sequence_check)) {
        if (seg->ctl & CTL_SYN && is_synchronized(tcb)) {
            estab_tcp_challenge(tcb, env); /* RFC 5961 §4.2: whatever its number */
            return SEG_DROP_SYN_CHALLENGED;
        }
        if (RULE(env, answer_outside))
            answer_unacceptable(tcb, env, seg);
        if (seq_leq(seg->seq + seg_len(seg), tcb->rcv_nxt) && seg_len(seg) > 0) {
            estab_tcp_note_duplicate(tcb, seg->seq, seg->seq + seg->len);
            return SEG_DROP_DUPLICATE;
        }
        if (seg->seq == tcb->rcv_nxt - 1 && seg->len <= 1)
            return SEG_ACCEPTED_PROBE;
        return SEG_DROP_OUT_OF_WINDOW;
    }
    estab_tcp_update_ts_recent(tcb, env, seg);
    return SEG_CONTINUE;
}

static enum seg_verdict
check_rst(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg)
{
    if (!(seg->ctl & CTL_RST))
        return SEG_CONTINUE;

    /* RFC 5961 §3.2: at RCV.NXT exactly: reset (RFC5961-3.2-EXACT); elsewhere in the window: a
     * challenge ACK, for the true peer will answer it with an exact one (RFC5961-3.2-CHALLENGE). */
    if (seg->seq != tcb->rcv_nxt && RULE(env, rst_exact)) {
        estab_tcp_challenge(tcb, env);
        return SEG_DROP_RST_CHALLENGED;
    }
    if (!RULE(env, rst_ends))
        return SEG_DROP_RST_CHALLENGED;
    switch (tcb->state) {
    case TCPS_SYN_RECEIVED:
        /* MUST-11: from an active OPEN: connection refused. From a passive one the half-open
         * record simply goes, half_open.c; a user who has it already, by Fast Open, is told that it
         * was reset. */
        estab_tcp_end(tcb, env, tcb->passive ? ESTAB_ECONNRESET : ESTAB_ECONNREFUSED,
                      CAUSE_RST_ARRIVED);
        break;
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
        estab_tcp_end(tcb, env, ESTAB_OK, CAUSE_RST_ARRIVED);
        break;
    default:
        /* "connection reset", told apart from an orderly end (MUST-12) */
        estab_tcp_end(tcb, env, ESTAB_ECONNRESET, CAUSE_RST_ARRIVED);
        break;
    }
    return SEG_ACCEPTED_RST;
}

static enum seg_verdict
check_syn(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg)
{
    if (!(seg->ctl & CTL_SYN) || !RULE(env, syn_challenge))
        return SEG_CONTINUE;
    /* RFC 5961 §4.2: a challenge ACK, and drop (RFC5961-4.2-SYN); in SYN-RECEIVED of an active
     * OPEN too (RFC9293-3.10.7.4-SYNRCVD-SYN). A peer that has restarted answers with a RST.
     * Differs from RFC 9293 §3.10.7.4, fourth check: a connection opened by Fast Open does not go
     * back to LISTEN, because the user may be at work on its text. */
    estab_tcp_challenge(tcb, env);
    return SEG_DROP_SYN_CHALLENGED;
}

/* Sixth: RCV.UP <- max(RCV.UP, SEG.UP), and the user is told when it moves (MUST-32); after the
 * peer's FIN there is nothing urgent to come (RFC9293-3.10.7.4-URG). */
static void
check_urg(struct tcb *tcb, const struct tcp_seg *seg)
{
    tcp_seq up = seg->seq + seg->up;

    if (!(seg->ctl & CTL_URG) || !may_receive_text(tcb) || seg->up == 0)
        return;
    if (tcb->rcv_up_valid ? seq_leq(up, tcb->rcv_up) : seq_leq(up, tcb->rcv_nxt - tcb->rcv.used))
        return;
    tcb->rcv_up = up;
    tcb->rcv_up_valid = true;
    tcb->events |= ESTAB_URGENT;
}

enum seg_verdict
estab_tcp_arrives_other(struct tcb *tcb, struct tcp_env *env, struct tcp_seg *seg,
                        struct tcp_out *reply)
{
    bool has_text = brings_text(seg);
    bool crossing = is_crossing_syn_ack(tcb, seg);
    enum seg_verdict v;

    if (UNLIKELY(is_opened_early(tcb)) && seg->seq == tcb->irs &&
        (seg->ctl & (CTL_SYN | CTL_ACK | CTL_RST | CTL_FIN)) == CTL_SYN)
        return estab_fast_open_syn_again(tcb, env);

    /* Its SYN bit stays until the fifth check has read its window, which is not scaled. */
    if (crossing)
        seg->seq++;

    v = check_sequence(tcb, env, seg); /* First */
    if (v != SEG_CONTINUE)
        return v;
    v = check_rst(tcb, env, seg); /* Second */
    if (v != SEG_CONTINUE)
        return v;
    /* Third, security and compartment: not implemented, see docs/rfc/9293.md. */
    v = crossing ? SEG_CONTINUE : check_syn(tcb, env, seg); /* Fourth */
    if (v != SEG_CONTINUE)
        return v;
    v = estab_tcp_check_ack(tcb, env, seg, reply); /* Fifth */
    if (v != SEG_CONTINUE)
        return v;
    seg->ctl &= (uint8_t)~CTL_SYN;
    /* a closed window has refused that, but not the rest of the segment */
    v = has_text && !brings_text(seg) ? SEG_ACCEPTED_PROBE : SEG_ACCEPTED;
    estab_ecn_arrives(tcb, env, seg);
    estab_uto_arrives(tcb, seg);
    check_urg(tcb, seg);                       /* Sixth */
    estab_tcp_process_text(tcb, env, seg, &v); /* Seventh */
    if (tcb->state != TCPS_CLOSED)
        estab_tcp_check_fin(tcb, env, seg, &v); /* Eighth */
    if (UNLIKELY(tcb->accecn) && seg->ip_ecn == IP_ECN_CE && tcb->state != TCPS_CLOSED)
        estab_accecn_owe(tcb, has_text);
    return v;
}
