/* SPDX-License-Identifier: MIT */
/*
 * Seventh and eighth check (RFC 9293 §3.10.7.4): segment text and FIN. Text is trimmed to what is
 * new and inside the window; what is ahead of RCV.NXT stands in its place in the receive ring, and
 * a short list of ranges says where. Called from arrives_other.c and arrives_syn_sent.c.
 */
#include "tcp/internal.h"

/* Text ahead of RCV.NXT may hold at most this many times its own octets of ring memory. */
#define OOO_SHARE 4
#define OOO_PLENTY 4           /* beyond this part of the budget memory is scarce */
#define RANGES_SIZE_MIN 1024u  /* 120 ranges */
#define RANGES_SIZE_MAX 32768u /* 4,088 */

/* RFC 2883 §4 (RFC2883-4): the next ACK reports what came twice, once, before all other blocks. */
void
estab_tcp_note_duplicate(struct tcb *tcb, tcp_seq left, tcp_seq right)
{
    /* Older than all that has come: of another incarnation. */
    if (!tcb->sack || !seq_lt(left, right) ||
        (seq_lt(left, tcb->rcv_nxt) && tcb->rcv_nxt - left > tcb->bytes_received))
        return;
    tcb->dsack_owed = true;
    tcb->dsack_left = left;
    tcb->dsack_right = right;
}

/* What the peer calls full-sized: the largest segment, until so many smaller ones have come, one as
 * long as the other: a path that has become narrower makes all of them so. */
#define SAME_LENGTH 8
#define RCV_MSS_MIN 536

static void
note_length(struct tcb *tcb, uint32_t len)
{
    if (LIKELY(len >= tcb->rcv_mss)) {
        tcb->rcv_mss = (uint16_t)len;
        tcb->rcv_same = 0;
    } else if (len < RCV_MSS_MIN) {
        tcb->rcv_same = 0;
    } else if (len != tcb->rcv_len) {
        tcb->rcv_len = (uint16_t)len;
        tcb->rcv_same = 1;
    } else if (++tcb->rcv_same == SAME_LENGTH) {
        tcb->rcv_mss = (uint16_t)len;
        tcb->rcv_same = 0;
    }
}

static void
schedule_ack(struct tcb *tcb, const struct tcp_env *env, uint32_t len, bool filled_hole)
{
    bool quick = false;

    if (filled_hole) {
        /* RFC 5681 §4.2: at once when a gap is filled, wholly or partly (RFC5681-4.2-OOO); one ACK for all
         * that became in order (MUST-59). */
        owe_one_ack(tcb, WHY_ACK_NOW);
        return;
    }
    note_length(tcb, len);
    /* The first segments are acknowledged at once, however they come together: a sender whose window
     * is small waits for each. */
    if (tcb->quickacks > 0 && len >= tcb->rcv_mss) {
        tcb->quickacks--;
        quick = true;
    }
    if (tcb->rcv_nxt - tcb->last_ack_sent >= 2 * (uint32_t)tcb->rcv_mss) {
        /* at least every second full-sized segment (SHLD-19) */
        owe_one_ack(tcb, WHY_ACK_SECOND);
        return;
    }
    if (quick || tcb->opt->quick_ack || !RULE(env, delayed_ack)) {
        owe_one_ack(tcb, WHY_ACK_NOW);
        return;
    }
    /* (SHLD-18, MUST-40) else within delayed_ack, always below 0.5 s */
    if (tcb->delack_at == ESTAB_NEVER)
        tcb->delack_at = env->now + (RULE(env, ack_in_time) ? env->cfg->delayed_ack : ESTAB_SEC(2));
}

/* Copies what no earlier segment has brought: the first copy of an octet wins, on every path. */
static void
write_gaps(struct tcb *tcb, const uint8_t *text, uint32_t offset, uint32_t len)
{
    uint32_t left = offset, end = offset + len, gap_left, gap_right;

    if (tcb->ooo == NULL) {
        estab_ring_write_at(&tcb->rcv, tcb->rcv.used + offset, text, len);
        return;
    }
    while (left < end && estab_ranges_gap(tcb->ooo, left, end, &gap_left, &gap_right)) {
        estab_ring_write_at(&tcb->rcv, tcb->rcv.used + gap_left, text + (gap_left - offset),
                            gap_right - gap_left);
        left = gap_right;
    }
}

static void
advance(struct tcb *tcb, uint32_t len)
{
    tcb->rcv_nxt += len;
    tcb->rcv_wnd -= len < tcb->rcv_wnd ? len : tcb->rcv_wnd;
    tcb->bytes_received += len;
}

static enum seg_verdict
take_in_order(struct tcb *tcb, struct tcp_env *env, const uint8_t *text, uint32_t len)
{
    uint32_t keep = tcb->rcv.used + (tcb->ooo != NULL ? ranges_end(tcb->ooo) : 0);
    uint32_t need = tcb->rcv.used + len;
    uint32_t more = len;
    bool filled = false;

    if (!estab_tcp_ring_grow(tcb, env, &tcb->rcv, need > keep ? need : keep, keep, tcb->rcv_limit))
        return SEG_DROP_NO_MEMORY;

    /* The octets may stand there already: see estab_tcp_text_place(). */
    if (tcb->ooo != NULL ||
        tcb->rcv.size - ((tcb->rcv.head + tcb->rcv.used) & (tcb->rcv.size - 1)) < len ||
        tcb->rcv.data + ((tcb->rcv.head + tcb->rcv.used) & (tcb->rcv.size - 1)) != text)
        write_gaps(tcb, text, 0, len);
    estab_ring_publish(&tcb->rcv, len);
    advance(tcb, len);
    while (tcb->ooo != NULL && more > 0) {
        more = estab_ranges_shift(tcb->ooo, more);
        estab_ring_publish(&tcb->rcv, more);
        advance(tcb, more);
        filled = true;
    }
    if (tcb->ooo != NULL && tcb->ooo->n == 0)
        estab_tcp_ranges_return(tcb, env);
    tcb->events |= ESTAB_READABLE;
    schedule_ack(tcb, env, len, filled);
    return SEG_ACCEPTED;
}

/* A list to begin with, or one twice as long; false: as it was. */
static bool
grow_ranges(struct tcb *tcb, struct tcp_env *env)
{
    uint32_t old = tcb->ooo != NULL ? tcb->ooo->size : 0;
    uint32_t size = old != 0 ? 2 * old : RANGES_SIZE_MIN;
    struct ranges *rs;

    if (size > RANGES_SIZE_MAX)
        return false;
    rs = estab_chunks_get(env->chunks, size);
    if (rs == NULL)
        return false;
    if (old != 0) {
        estab_ranges_copy(rs, tcb->ooo, size);
        estab_chunks_put(env->chunks, tcb->ooo, old);
    } else {
        estab_ranges_init(rs, size);
    }
    tcb->ooo = rs;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_RANGES, (int64_t)size - old);
    return true;
}

static enum seg_verdict
hold_out_of_order(struct tcb *tcb, struct tcp_env *env, const uint8_t *text, uint32_t offset,
                  uint32_t len)
{
    uint32_t held = tcb->ooo != NULL ? tcb->ooo->total : 0;
    uint32_t end = tcb->ooo != NULL ? ranges_end(tcb->ooo) : 0;
    uint32_t keep = tcb->rcv.used + end;
    uint32_t need = tcb->rcv.used + offset + len;
    uint32_t left, right;

    /* RFC 5681 §4.2: each one owes a duplicate ACK at once (RFC5681-4.2-OOO, MAY-13). */
    owe_ack(tcb, WHY_ACK_DUPLICATE);
    /* Its sender will have a small window after this, as in the beginning. */
    tcb->quickacks = QUICK_ACKS;

    /* Bounded: where memory is scarce, a few octets far ahead must not make us hold a large ring. */
    if (need > tcb->rcv.size && env->arena->taken > env->arena->budget / OOO_PLENTY &&
        need - tcb->rcv.used > OOO_SHARE * (held + len) + (1u << CHUNK_MIN_LOG2))
        return SEG_DROP_OOO_BUDGET;
    if (tcb->ooo == NULL && !grow_ranges(tcb, env))
        return SEG_DROP_NO_MEMORY;
    if (estab_ranges_overlap(tcb->ooo, offset, offset + len, &left, &right))
        estab_tcp_note_duplicate(tcb, tcb->rcv_nxt + left, tcb->rcv_nxt + right);
    if (!estab_ranges_can_add(tcb->ooo, offset, offset + len) && !grow_ranges(tcb, env))
        return SEG_DROP_OOO_BUDGET;
    if (!estab_tcp_ring_grow(tcb, env, &tcb->rcv, need > keep ? need : keep, keep,
                             tcb->rcv_limit)) {
        if (tcb->ooo->n == 0)
            estab_tcp_ranges_return(tcb, env);
        return SEG_DROP_NO_MEMORY;
    }
    write_gaps(tcb, text, offset, len);
    (void)estab_ranges_add(tcb->ooo, offset, offset + len);
    return SEG_ACCEPTED_OUT_OF_ORDER;
}

void
estab_tcp_process_text(struct tcb *tcb, struct tcp_env *env, struct tcp_seg *seg,
                       enum seg_verdict *verdict)
{
    const uint8_t *text = seg->text;
    uint32_t offset;

    /* RFC 9293 §3.10.7.4, seventh: only in ESTABLISHED, FIN-WAIT-1 and FIN-WAIT-2; a peer that has
     * sent its FIN sends no more text, what comes is ignored. */
    if (seg->len == 0 || (!may_receive_text(tcb) && RULE(env, text_after_fin)))
        return;

    /* Trim to the window (RFC9293-3.10.7.4-TRIM): what is old ... */
    if (!RULE(env, trim_left))
        seg->seq = seq_lt(seg->seq, tcb->rcv_nxt) ? tcb->rcv_nxt : seg->seq;
    if (seq_lt(seg->seq, tcb->rcv_nxt)) {
        uint32_t old = tcb->rcv_nxt - seg->seq;

        estab_tcp_note_duplicate(tcb, seg->seq,
                                 old < seg->len ? tcb->rcv_nxt : seg->seq + seg->len);
        if (old >= seg->len) {
            seg->seq += seg->len;
            seg->len = 0;
            owe_ack(tcb, WHY_ACK_UNACCEPTABLE);
            return;
        }
        text += old;
        seg->seq += old;
        seg->len -= old;
    }
    /* ... and what lies beyond the right edge, a FIN behind it included. */
    offset = seg->seq - tcb->rcv_nxt;
    if (offset + seg->len > tcb->rcv_wnd && RULE(env, trim_right)) {
        seg->len = offset < tcb->rcv_wnd ? tcb->rcv_wnd - offset : 0;
        seg->ctl &= (uint8_t)~CTL_FIN;
        /* what waits out of order owes an ACK by itself, and one segment never owes two */
        if (offset == 0 || seg->len == 0)
            owe_ack(tcb, WHY_ACK_UNACCEPTABLE);
        if (seg->len == 0)
            return;
    }
    /* ... and what lies beyond a FIN that has come out of order: there can be nothing. */
    if (tcb->fin_ahead && seq_gt(seg->seq + seg->len, tcb->fin_seq)) {
        seg->len = seq_lt(seg->seq, tcb->fin_seq) ? tcb->fin_seq - seg->seq : 0;
        if (seg->len == 0)
            return;
    }

    if (tcb->orphan) {
        /* RFC 9293 §3.6.1 (SHLD-3): nobody will read it; the peer must know that it was lost. */
        tcb->reset_owed = true;
        tcb->reset_reason = WHY_RST_AFTER_CLOSE;
        estab_tcp_end(tcb, env, ESTAB_ECONNABORTED, CAUSE_DATA_AFTER_CLOSE);
        *verdict = SEG_DROP_AFTER_CLOSE;
        return;
    }
    if (offset == 0)
        *verdict = take_in_order(tcb, env, text, seg->len);
    else
        *verdict = hold_out_of_order(tcb, env, text, offset, seg->len);
    if (tcb->rcv_tuned && offset == 0 && seg->len >= tcb->rcv_mss)
        estab_tcp_receive_rtt(tcb, env, seg);
    if (*verdict == SEG_DROP_NO_MEMORY || *verdict == SEG_DROP_OOO_BUDGET)
        seg->ctl &= (uint8_t)~CTL_FIN;
}

void
estab_tcp_check_fin(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg,
                    enum seg_verdict *verdict)
{
    /* RFC 9293 §3.10.7.4, eighth: the FIN counts only when everything before it is here
     * (RFC9293-3.10.7.4-FIN); one that came early is remembered. */
    if (seg->ctl & CTL_FIN && !tcb->fin_received) {
        tcb->fin_ahead = true;
        tcb->fin_seq = seg->seq + seg->len;
        if (tcb->fin_seq != tcb->rcv_nxt && *verdict == SEG_ACCEPTED) {
            owe_ack(tcb, WHY_ACK_DUPLICATE);
            *verdict = SEG_ACCEPTED_OUT_OF_ORDER;
        }
    }
    if (!tcb->fin_ahead || tcb->fin_received ||
        (tcb->fin_seq != tcb->rcv_nxt && RULE(env, fin_in_order)))
        return;

    tcb->fin_received = true;
    tcb->fin_ahead = false;
    if (RULE(env, fin_takes_a_number))
        tcb->rcv_nxt++;
    if (tcb->rcv_wnd > 0)
        tcb->rcv_wnd--;
    tcb->events |= ESTAB_PEER_CLOSED | ESTAB_READABLE;
    if (RULE(env, fin_acknowledged))
        owe_one_ack(tcb, WHY_ACK_OF_FIN);
    if (!RULE(env, fin_changes_state))
        return;
    if (!RULE(env, half_close) && tcb->state == TCPS_ESTABLISHED)
        estab_tcp_close(tcb, env);

    switch (tcb->state) {
    case TCPS_SYN_RECEIVED:
    case TCPS_ESTABLISHED:
        enter_state(tcb, env, TCPS_CLOSE_WAIT, CAUSE_FIN_ARRIVED);
        break;
    case TCPS_FIN_WAIT_1:
        /* our FIN is not acknowledged, or the fifth check had moved on: simultaneous close
         * (RFC9293-3.6-SIMCLOSE, RFC9293-3.10.7.4-FW1) */
        enter_state(tcb, env, TCPS_CLOSING, CAUSE_FIN_ARRIVED);
        break;
    case TCPS_FIN_WAIT_2:
        tcb->orphan_at = ESTAB_NEVER;
        enter_state(tcb, env, TCPS_TIME_WAIT, CAUSE_FIN_ARRIVED);
        break;
    default:
        break;
    }
}

uint8_t *
estab_tcp_text_place(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg)
{
    uint32_t at;

    (void)env;
    if (seg->seq != tcb->rcv_nxt || tcb->ooo != NULL || seg->len > tcb->rcv_wnd ||
        !may_receive_text(tcb) || tcb->orphan || ring_free(&tcb->rcv) < seg->len)
        return NULL;
    at = (tcb->rcv.head + tcb->rcv.used) & (tcb->rcv.size - 1);
    return tcb->rcv.size - at >= seg->len ? tcb->rcv.data + at : NULL;
}
