/* SPDX-License-Identifier: MIT */
/*
 * SEGMENT ARRIVES in TIME-WAIT (RFC 9293 §3.10.7.4), with RFC 1337 (a RST does not end it) and
 * RFC 6191 (a newer SYN does). Called from stack/.
 */
#include "tcp/time_wait.h"

#include "tcp/internal.h"

void
estab_time_wait_init(struct time_wait *tw, struct tcb *tcb, const struct tcp_env *env)
{
    uint32_t wnd;

    tw->snd_nxt = tcb->snd_nxt;
    tw->rcv_nxt = tcb->rcv_nxt;
    tw->ts_recent = tcb->ts_recent;
    tw->ts_offset = tcb->ts_offset;
    tw->timestamps = tcb->timestamps;
    /* The edge promised before, rounded up as every ACK was (SHLD-14). */
    wnd = (tcb->rcv_wnd + (1u << tcb->rcv_wind_shift) - 1) >> tcb->rcv_wind_shift;
    tw->wnd = (uint16_t)(wnd < UINT16_MAX ? wnd : UINT16_MAX);
    (void)env;
}

void
estab_time_wait_ack(const struct time_wait *tw, const struct tcp_env *env, enum send_reason reason,
                    struct tcp_out *out)
{
    *out = (struct tcp_out){
        .seg = { .seq = tw->snd_nxt, .ack = tw->rcv_nxt, .ctl = CTL_ACK, .wnd = tw->wnd },
        .reason = (uint8_t)reason,
    };
    if (tw->timestamps) {
        out->seg.has_ts = true;
        out->seg.ts_val = (uint32_t)(uint64_t)(env->now / env->cfg->timestamp_tick) + tw->ts_offset;
        out->seg.ts_ecr = tw->ts_recent;
    }
}

/* RFC 6191 §2: may this SYN open a new connection? With timestamps then and now the TSval decides,
 * and where it has not moved SEG.SEQ; timestamps that are new are enough; without them SEG.SEQ must
 * be beyond the last used, which was the FIN's (SHLD-4, MAY-2, RFC6191-2-TS, RFC6191-2-NOTS). */
static bool
is_new_enough(const struct time_wait *tw, const struct tcp_env *env, const struct tcp_seg *seg)
{
    bool beyond = seq_geq(seg->seq, tw->rcv_nxt);

    if (!seg->has_ts || !env->cfg->timestamps)
        return beyond;
    if (!tw->timestamps)
        return true;
    return seq_gt(seg->ts_val, tw->ts_recent) || (seg->ts_val == tw->ts_recent && beyond);
}

enum seg_verdict
estab_time_wait_arrives(const struct time_wait *tw, const struct tcp_env *env,
                        const struct tcp_seg *seg, enum time_wait_action *action,
                        struct tcp_out *reply)
{
    uint32_t len = seg_len(seg);

    reply->seg.ctl = 0;
    *action = TIME_WAIT_KEEP;

    /* RFC 1337 §3 (F1): a RST must not cut the wait short (RFC1337-F1), or an old duplicate could
     * meet a new connection. Where the setting is off, one at RCV.NXT ends it (RFC 9293, second). */
    if (seg->ctl & CTL_RST) {
        if (RULE(env, time_wait_rst) && (env->cfg->rfc1337 || seg->seq != tw->rcv_nxt))
            return SEG_DROP_RST_TIME_WAIT;
        *action = TIME_WAIT_DELETE;
        return SEG_ACCEPTED_RST;
    }
    if ((seg->ctl & (CTL_SYN | CTL_ACK | CTL_FIN)) == CTL_SYN) {
        if (is_new_enough(tw, env, seg) || !RULE(env, time_wait_new_syn)) {
            *action = TIME_WAIT_REUSE;
            return SEG_ACCEPTED_SYN_TIME_WAIT;
        }
        /* Differs from RFC 6191 §2 (dropped in silence): it is answered with an ACK, as RFC 9293
         * §3.10.7.4 and RFC 5961 §4 have it, so that a peer that has restarted and knows nothing of
         * the old connection can say so by RST and need not wait for a timer. */
        estab_time_wait_ack(tw, env, WHY_ACK_UNACCEPTABLE, reply);
        return SEG_DROP_TIME_WAIT_SYN;
    }
    /* N14: the peer's FIN again, our last ACK was lost: acknowledge, and 2MSL start anew
     * (RFC9293-3.10.7.4-TW, MUST-13). */
    if (seg->ctl & CTL_FIN && seg->ctl & CTL_ACK && !(seg->ctl & CTL_SYN) &&
        seg->seq + len == tw->rcv_nxt) {
        if (RULE(env, time_wait_fin))
            estab_time_wait_ack(tw, env, WHY_ACK_OF_FIN_AGAIN, reply);
        if (RULE(env, time_wait_restart))
            *action = TIME_WAIT_RESTART;
        return SEG_ACCEPTED_FIN_AGAIN;
    }
    /* N15: anything else that takes sequence space is of the old connection, or is a SYN,ACK of a
     * server that believed an old SYN (N8): it is told where we stand. */
    if (len > 0 && RULE(env, time_wait_answer)) {
        estab_time_wait_ack(tw, env, WHY_ACK_UNACCEPTABLE, reply);
        return SEG_DROP_TIME_WAIT_OLD;
    }
    return SEG_DROP_TIME_WAIT_OLD;
}

tcp_seq
estab_time_wait_next_iss(const struct time_wait *tw, tcp_seq iss)
{
    return seq_gt(iss, tw->snd_nxt) ? iss : tw->snd_nxt + 65537;
}
