/* SPDX-License-Identifier: MIT */
/*
 * What ICMP says about a connection (RFC 9293 §3.9.2.2) with the checks of RFC 5927: the quoted
 * sequence number must be in flight, a hard error ends an attempt to open and nothing else, and a
 * path MTU is believed within reason. Called from stack/ for the connection that was quoted.
 */
#include "tcp/path_mtu.h"

bool
estab_tcp_is_in_flight(const struct tcb *tcb, tcp_seq seq)
{
    return tcb->snd_una != tcb->snd_nxt && seq_geq(seq, tcb->snd_una) && seq_lt(seq, tcb->snd_nxt);
}

enum seg_verdict
estab_tcp_icmp_error(struct tcb *tcb, struct tcp_env *env, tcp_seq seq, bool hard,
                     enum estab_err err)
{
    if (!estab_tcp_is_in_flight(tcb, seq))
        return SEG_DROP_ICMP_UNRELATED;

    /* SHLD-26 as RFC 5927 §5.2 reads it: abort only before the connection is established. */
    if (hard && !is_synchronized(tcb)) {
        estab_tcp_end(tcb, env, err, CAUSE_HARD_ERROR);
        return SEG_ACCEPTED_HARD_ERROR;
    }
    /* MUST-56, MUST-47, SHLD-25: noted, reported, and given as the reason if we time out. */
    tcb->soft_error = (uint8_t)err;
    if (!tcb->opt->quiet_soft_errors)
        tcb->events |= ESTAB_SOFT_ERROR;
    return SEG_ACCEPTED_SOFT_ERROR;
}

enum seg_verdict
estab_tcp_packet_too_big(struct tcb *tcb, struct tcp_env *env, tcp_seq seq, uint32_t mtu)
{
    /* Least path MTU believed: RFC 791's 576 for IPv4 (CVE-2004-1060: 68 would be an attack) and
     * 1280 for IPv6 (RFC 8201 §4). */
    uint32_t least = tcb->ip_header_len == 20 ? 576 : 1280;

    if (!estab_tcp_is_in_flight(tcb, seq))
        return SEG_DROP_ICMP_UNRELATED;
    if (mtu < least)
        mtu = least;
    if (mtu - tcb->ip_header_len >= tcb->mms_s)
        return SEG_DROP_ICMP_UNRELATED; /* we never sent anything that large */
    /* RFC 5927 §7.2 (RFC5927-7.2-PMTU): larger ones have arrived, so this may be somebody's guess;
     * if it is true, what it quotes will not arrive and time out. Where nothing has been proven yet
     * there is no harm in believing it at once. */
    if (mtu - tcb->ip_header_len < tcb->mms_acked) {
        tcb->pending_mms = (uint16_t)(mtu - tcb->ip_header_len);
        tcb->pending_seq = seq;
        return SEG_ACCEPTED_PACKET_TOO_BIG_LATER;
    }
    /* ssthresh stays: nothing was lost for want of room. */
    estab_path_mtu_lowered(tcb, env, mtu - tcb->ip_header_len);
    /* RFC 1191 §6.5: what was too big is sent again at once; no sign of congestion. */
    if (is_synchronized(tcb)) {
        resend_front(tcb, WHY_RETRANSMIT_MTU);
        tcb->rtt_timing = false;
        tcb->recovery = RECOVERY_RTO;
        tcb->first_window = false;
        tcb->high_rxt = tcb->snd_una + tcb->smss;
        if (seq_gt(tcb->high_rxt, tcb->snd_nxt))
            tcb->high_rxt = tcb->snd_nxt;
        tcb->recover = tcb->snd_nxt;
    }
    return SEG_ACCEPTED_PACKET_TOO_BIG;
}
