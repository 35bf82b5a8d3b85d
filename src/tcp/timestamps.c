/* SPDX-License-Identifier: MIT */
/*
 * Timestamps (RFC 7323 §3-§5): the clock, TS.Recent, and PAWS, the protection against old
 * duplicates. Called from the first check of arrives_other.c and from emit.c.
 */
#include "tcp/internal.h"

/* RFC 7323 §5.5: TS.Recent says nothing any more after more than 24 days without a segment. */
#define TS_RECENT_LIFE ESTAB_SEC(24 * 86400)

/* RFC 7323 §5.4 (RFC7323-5.4-CLOCK, RFC7323-5.4-OFFSET): a clock of 1 ms per tick, moved by an
 * offset of this connection's own, so that it tells nothing about uptime or other connections. */
uint32_t
estab_tcp_ts_now(const struct tcb *tcb, const struct tcp_env *env)
{
    return (uint32_t)(uint64_t)(env->now / env->cfg->timestamp_tick) + tcb->ts_offset;
}

enum seg_verdict
estab_tcp_check_timestamp(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg)
{
    /* RFC 7323 §3.2: not agreed: a TSopt that comes all the same means nothing
     * (RFC7323-3.2-UNNEG). A RST is not asked for it (RFC7323-5.2-RST). */
    if (!tcb->timestamps || seg->ctl & CTL_RST)
        return SEG_CONTINUE;

    /* Agreed and missing: drop silently, never abort (RFC7323-3.2-MISSING). */
    if (!seg->has_ts)
        return SEG_DROP_NO_TIMESTAMP;

    /* §5.3 R1: SEG.TSval < TS.Recent and TS.Recent valid: not acceptable, answer with an ACK
     * (RFC7323-5.3-R1, RFC7323-5.5-24D). */
    if (tcb->ts_recent_valid && seq_lt(seg->ts_val, tcb->ts_recent) && RULE(env, paws)) {
        /* a segment that proves to be in the window gives another */
        if (env->now - tcb->ts_recent_at > TS_RECENT_LIFE) {
            tcb->ts_recent_valid = false;
            return SEG_CONTINUE;
        }
        /* A segment with text or FIN is answered each time; one without could be part of an
         * endless exchange of ACKs, and is answered as seldom as a challenge. */
        if (seg_len(seg) > 0 && !(seg->ctl & CTL_SYN))
            owe_ack(tcb, WHY_ACK_UNACCEPTABLE);
        else
            estab_tcp_challenge(tcb, env);
        return SEG_DROP_PAWS;
    }
    return SEG_CONTINUE;
}

/* §4.3 (2), §5.3 R3: SEG.TSval >= TS.Recent and SEG.SEQ =< Last.ACK.sent: so that a delayed ACK
 * echoes the earliest segment it covers, and a hole-filler is echoed (RFC7323-4.3-RECENT). */
void
estab_tcp_update_ts_recent(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg)
{
    if (!tcb->timestamps || !seg->has_ts || seg->ctl & CTL_RST)
        return;
    if (tcb->ts_recent_valid && seq_lt(seg->ts_val, tcb->ts_recent))
        return;
    if (seq_gt(seg->seq, tcb->last_ack_sent))
        return;
    tcb->ts_recent = seg->ts_val;
    tcb->ts_recent_valid = true;
    tcb->ts_recent_at = env->now;
}
