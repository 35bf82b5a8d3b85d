/* SPDX-License-Identifier: MIT */
/*
 * SEGMENT ARRIVES (RFC 9293 §3.10.7): which of the RFC's sections a segment goes to. CLOSED and
 * LISTEN have no TCB and are in half_open.c, TIME-WAIT is in time_wait.c. Called from stack/.
 */
#include "tcp/internal.h"

/* N19: has the peer been heard? What could have been forged blind does not count, so that nobody else keeps
 * a dead peer's connection alive: an old segment must be one that a window of ours has held, and its ACK
 * of something that we have sent. The others have been checked. */
static bool
is_from_peer(const struct tcb *tcb, const struct tcp_seg *seg, enum seg_verdict v)
{
    if (v == SEG_DROP_DUPLICATE)
        return tcb->rcv_nxt - seg->seq <= tcb->rcv_limit && seg->ctl & CTL_ACK &&
               seq_between(tcb->snd_una - tcb->max_snd_wnd, seg->ack, tcb->snd_nxt);
    return v == SEG_ACCEPTED || v == SEG_ACCEPTED_OUT_OF_ORDER || v == SEG_ACCEPTED_PROBE;
}

enum seg_verdict
estab_tcp_segment_arrives(struct tcb *tcb, struct tcp_env *env, struct tcp_seg *seg,
                          struct tcp_out *reply)
{
    enum seg_verdict v;

    reply->seg.ctl = 0;
    if (tcb->state == TCPS_SYN_SENT)
        return estab_tcp_arrives_syn_sent(tcb, env, seg, reply);
    v = estab_tcp_arrives_other(tcb, env, seg, reply);

    if (tcb->opt->keepalive || tcb->keepalive_at != ESTAB_NEVER)
        if (tcb->state != TCPS_CLOSED && tcb->state != TCPS_TIME_WAIT && is_from_peer(tcb, seg, v))
            estab_tcp_keepalive_heard(tcb, env);
    return v;
}
