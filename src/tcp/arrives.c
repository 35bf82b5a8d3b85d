/* SPDX-License-Identifier: MIT */
/*
 * SEGMENT ARRIVES (RFC 9293 §3.10.7): which of the RFC's sections a segment goes to. CLOSED and
 * LISTEN have no TCB and are in half_open.c, TIME-WAIT is in time_wait.c. Called from stack/.
 */
#include "tcp/internal.h"

enum seg_verdict
estab_tcp_segment_arrives(struct tcb *tcb, struct tcp_env *env, struct tcp_seg *seg,
                          struct tcp_out *reply)
{
    enum seg_verdict v;

    reply->seg.ctl = 0;
    if (tcb->state == TCPS_SYN_SENT)
        return estab_tcp_arrives_syn_sent(tcb, env, seg, reply);
    v = estab_tcp_arrives_other(tcb, env, seg, reply);

    /* N19: the peer has been heard; what it could have forged blind does not count. */
    if (v == SEG_ACCEPTED || v == SEG_ACCEPTED_OUT_OF_ORDER || v == SEG_ACCEPTED_PROBE ||
        v == SEG_DROP_DUPLICATE)
        if (tcb->opt->keepalive || tcb->keepalive_at != ESTAB_NEVER)
            if (tcb->state != TCPS_CLOSED && tcb->state != TCPS_TIME_WAIT)
                estab_tcp_keepalive_heard(tcb, env);
    return v;
}
