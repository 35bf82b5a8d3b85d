/* SPDX-License-Identifier: MIT */
/*
 * Which segment next, and build it: the one place that decides what may be sent now
 * (RFC 9293 §3.7, §3.8). Pulled by stack/ until there is nothing more. A retransmission reads the
 * send ring again; what is built here counts as sent.
 */
#include "tcp/cc.h"
#include "tcp/cwnd_validation.h"
#include "tcp/fast_open.h"
#include "tcp/pacing.h"
#include "tcp/path_mtu.h"
#include "tcp/rack.h"
#include "tcp/undo.h"

static void
fill_options(const struct tcb *tcb, const struct tcp_env *env, struct tcp_seg *seg)
{
    if (tcb->timestamps && RULE(env, timestamps_always)) {
        /* RFC 7323 §3.2: on every segment once agreed (RFC7323-3.2-NEG). */
        seg->has_ts = true;
        seg->ts_val = estab_tcp_ts_now(tcb, env);
        seg->ts_ecr = tcb->ts_recent;
    }
}

/* SACK blocks: what came twice (RFC 2883 §4), then what stands out of order, the most recent first
 * (RFC 2018 §4). */
static void
fill_sack(struct tcb *tcb, const struct tcp_env *env, struct tcp_seg *seg)
{
    struct range recent[TCP_SACK_BLOCKS_MAX];
    unsigned i, n = 0, max = tcb->timestamps ? 3 : 4, blocks = 0;

    if (!tcb->sack || !RULE(env, sack))
        return;
    if (tcb->dsack_owed) {
        seg->sack[0][0] = tcb->dsack_left;
        seg->sack[0][1] = tcb->dsack_right;
        blocks = 1;
        tcb->dsack_owed = false;
    }
    if (tcb->ooo != NULL)
        n = estab_ranges_recent(tcb->ooo, recent, max - blocks);
    for (i = 0; i < n; i++, blocks++) {
        seg->sack[blocks][0] = tcb->rcv_nxt + recent[i].left;
        seg->sack[blocks][1] = tcb->rcv_nxt + recent[i].right;
        /* a FIN that came early has a number too: its sender need not send it again */
        if (tcb->fin_ahead && seg->sack[blocks][1] == tcb->fin_seq)
            seg->sack[blocks][1]++;
    }
    seg->sack_blocks = (uint8_t)blocks;
}

static void
begin(struct tcb *tcb, const struct tcp_env *env, struct tcp_out *out, tcp_seq seq, uint8_t ctl,
      enum send_reason reason)
{
    out->seg = (struct tcp_seg){ .seq = seq, .ctl = ctl };
    out->text[0] = (struct ring_span){ 0 };
    out->text[1] = (struct ring_span){ 0 };
    out->reason = (uint8_t)reason;
    if (ctl & CTL_ACK) {
        out->seg.ack = tcb->rcv_nxt;
        out->seg.wnd = estab_tcp_advertise(tcb, env, (ctl & CTL_SYN) != 0);
    }
}

/* What every segment with an ACK settles. */
static void
acknowledged(struct tcb *tcb, const struct tcp_out *out)
{
    tcb->last_ack_sent = tcb->rcv_nxt;
    tcb->delack_at = ESTAB_NEVER;
    tcb->window_update_owed = false;
    /* Duplicate ACKs are owed one for one, text does not replace them; other debts are settled
     * by any segment that carries the ACK (MUST-58). */
    if (out->seg.len > 0 && tcb->ack_reason == WHY_ACK_DUPLICATE)
        return;
    if (tcb->acks_owed > 0)
        tcb->acks_owed--;
    if (tcb->ack_reason != WHY_ACK_DUPLICATE && tcb->ack_reason != WHY_ACK_UNACCEPTABLE)
        tcb->acks_owed = 0;
}

static void
emit_syn(struct tcb *tcb, const struct tcp_env *env, struct tcp_out *out)
{
    bool answer = tcb->state == TCPS_SYN_RECEIVED;
    bool first = tcb->snd_nxt == tcb->iss;
    struct tcp_seg *seg = &out->seg;
    uint32_t mss = tcb->mms_max - TCP_HEADER_MIN;

    begin(tcb, env, out, tcb->iss, (uint8_t)(answer ? CTL_SYN | CTL_ACK : CTL_SYN),
          is_opened_early(tcb)           ? first ? WHY_SYN_ACK_FAST_OPEN : WHY_SYN_ACK_AGAIN
          : answer                       ? WHY_SYN_ACK_CROSSING
          : tcb->syn_retransmissions > 0 ? WHY_SYN_AGAIN
                                         : WHY_SYN);
    estab_ecn_mark_syn(tcb, env, answer, seg);
    if (!answer)
        seg->wnd = estab_tcp_advertise(tcb, env, true);
    /* RFC 9293 §3.7.1: MMS_R - 20, options not counted (MUST-14, MUST-67, SHLD-5, MAY-3); what we can
     * receive is the link's or the route's, whatever the path there takes (RFC1191-MSS). */
    seg->has_mss = true;
    seg->mss = estab_tcp_announced_mss(tcb->opt, mss);
    /* A SYN,ACK carries an option only in answer to the same one. */
    if (answer ? tcb->window_scaling : env->cfg->window_scaling) {
        seg->has_wscale = true;
        seg->wscale = estab_tcp_window_shift(tcb->opt->receive_buffer_max);
    }
    seg->sack_permitted = answer ? tcb->sack : env->cfg->sack;
    if (answer ? tcb->timestamps : env->cfg->timestamps) {
        seg->has_ts = true;
        seg->ts_val = estab_tcp_ts_now(tcb, env);
        /* RFC 7323 §3.2: TSecr is zero when the ACK bit is off (RFC7323-3.2-TSECR). */
        seg->ts_ecr = answer ? tcb->ts_recent : 0;
    }
    tcb->syn_owed = false;
    if (UNLIKELY(tcb->fast_open_owed))
        estab_fast_open_emit(tcb, env, out);
    tcb->snd_nxt = seq_max(tcb->snd_nxt, tcb->iss + 1 + seg->len);
    if (answer)
        acknowledged(tcb, out);
    if (first && !tcb->rtt_timing) {
        tcb->rtt_timing = true;
        tcb->rtt_seq = tcb->iss;
        tcb->rtt_at = env->now;
    }
    if (tcb->unanswered_since == ESTAB_NEVER)
        tcb->unanswered_since = env->now;
    if (tcb->rtx_at == ESTAB_NEVER)
        estab_tcp_arm_rtx(tcb, env);
}

/* Text of `len` octets from `seq`, and our FIN behind it if it is the end and `fin` allows. */
static void
emit_text(struct tcb *tcb, struct tcp_env *env, struct tcp_out *out, tcp_seq seq, uint32_t len,
          bool fin, enum send_reason reason)
{
    struct tcp_seg *seg = &out->seg;
    uint32_t offset = seq - snd_ring_seq(tcb);
    bool last = seq + len == snd_queued_end(tcb);
    tcp_seq end = seq + len;
    bool fresh = seq == tcb->snd_nxt;
    bool front_again = !fresh && seq == tcb->snd_una;

    begin(tcb, env, out, seq, CTL_ACK, reason);
    fill_options(tcb, env, seg);
    seg->len = len;
    estab_uto_tell(tcb, seg);
    estab_ecn_mark(tcb, env, seg, fresh && reason != WHY_ZERO_WINDOW_PROBE);
    if (len > 0)
        estab_ring_spans(&tcb->snd, offset, len, out->text);
    /* (MUST-61) PSH on the segment that empties the queue (SHLD-27). */
    if (last && len > 0)
        seg->ctl |= CTL_PSH;
    if (last && fin && tcb->fin_queued) {
        seg->ctl |= CTL_FIN;
        end++;
        tcb->fin_sent = true;
    }
    /* RFC 9293 §3.8.5: the urgent pointer is the octet after the last urgent one (MUST-62), for as
     * long as that lies ahead; what does not fit the field is told as far as it goes (MUST-31). */
    if (tcb->snd_up_valid && seq_gt(tcb->snd_up, seq)) {
        uint32_t up = tcb->snd_up - seq;

        seg->ctl |= CTL_URG;
        seg->up = up < UINT16_MAX ? (uint16_t)up : UINT16_MAX;
    }

    if (fresh) {
        /* (RFC6298-3-KARN) only octets sent for the first time are timed. */
        if (!tcb->rtt_timing) {
            tcb->rtt_timing = true;
            tcb->rtt_seq = seq;
            tcb->rtt_at = env->now;
        }
    } else if (tcb->rtt_timing && seq_leq(seq, tcb->rtt_seq)) {
        tcb->rtt_timing = false;
    }
    if (UNLIKELY(tcb->cc->sent != NULL))
        tcb->cc->sent(tcb, env, end - seq);
    if (!fresh) {
        estab_undo_sent_again(tcb, env, seq, end);
        estab_cwv_sent_again(tcb, seq, end);
    }
    estab_rack_sent(tcb, env, seq, end, fresh);
    if (seq_gt(end, tcb->snd_nxt)) {
        tcb->bytes_sent += len - (seq_gt(tcb->snd_nxt, seq) ? tcb->snd_nxt - seq : 0);
        tcb->snd_nxt = end;
    }
    pace_sent(tcb, env, end - seq);
    tcb->last_sent_at = env->now;
    tcb->override = false;
    if (tcb->unanswered_since == ESTAB_NEVER)
        tcb->unanswered_since = env->now;
    /* RFC 6298 §5.1: the timer runs whenever something is out (RFC6298-5.1); and it never sends a
     * segment again sooner than an RTO after its last copy (RFC6298-5). */
    if (tcb->snd_wnd > 0 &&
        (tcb->rtx_at == ESTAB_NEVER || front_again ||
         (tcb->timer_kind != TIMER_RETRANSMIT && tcb->timer_kind != TIMER_REORDER)))
        estab_tcp_arm_rtx(tcb, env);
    if (fresh)
        estab_rack_schedule_probe(tcb, env);
    acknowledged(tcb, out);
}

/* The segment at `seq` again: as much as one segment holds, with the FIN if it was sent. */
static void
emit_again(struct tcb *tcb, struct tcp_env *env, struct tcp_out *out, tcp_seq seq, tcp_seq end,
           enum send_reason reason)
{
    tcp_seq queued_end = snd_queued_end(tcb);
    uint32_t len = seq_min(end, queued_end) - seq;

    if (seq_geq(seq, queued_end))
        len = 0; /* only the FIN is left */
    if (len > tcb->smss)
        len = tcb->smss;
    emit_text(tcb, env, out, seq, len, tcb->fin_sent, reason);
}

static bool
fin_is_due(const struct tcb *tcb)
{
    return tcb->fin_queued && !tcb->fin_sent && !tcb->ecn_waits &&
           tcb->snd_nxt == snd_queued_end(tcb) && is_synchronized(tcb);
}

/* Room in the peer's window for `n` more octets of sequence space. */
static bool
window_has_room(const struct tcb *tcb, uint32_t n)
{
    return flight_size(tcb) + n <= tcb->snd_wnd;
}

/* RFC 5681 §4.1: after an idle RTO the ACK clock is lost; start from the restart window. Or, as
 * RFC 7661 has it, go on with what is left of cwnd. */
static void
restart_after_idle(struct tcb *tcb, struct tcp_env *env)
{
    uint32_t rw;

    if (tcb->snd_una != tcb->snd_nxt)
        return;
    cc_not_limiting(tcb, env);
    if (UNLIKELY(tcb->cwv != NULL)) {
        estab_cwv_resume(tcb, env);
        return;
    }
    if (tcb->cc->model != NULL || env->now - tcb->last_sent_at <= estab_tcp_rto(tcb, env))
        return;
    rw = estab_cc_restart_window(tcb, env);
    if (tcb->cwnd > rw)
        tcb->cwnd = rw;
    cc_first_window(tcb);
}

static bool
emit_new_text(struct tcb *tcb, struct tcp_env *env, struct tcp_out *out)
{
    bool wants_override;
    uint32_t n, probe;
    bool fin;
    enum send_reason reason = WHY_DATA;

    restart_after_idle(tcb, env);
    n = estab_tcp_sendable(tcb, env, &wants_override);
    if (n > 0 && pace_allows(tcb, env)) {
        if (tcb->recovery == RECOVERY_NONE && tcb->dupacks > 0)
            reason = WHY_LIMITED_TRANSMIT;
        probe = estab_path_mtu_probe(tcb, env);
        if (UNLIKELY(probe > n)) {
            estab_path_mtu_probe_sent(tcb, tcb->snd_nxt, tcb->snd_nxt + probe);
            emit_text(tcb, env, out, tcb->snd_nxt, probe, false, WHY_MTU_PROBE);
            return true;
        }
        fin = is_synchronized(tcb) && window_has_room(tcb, n + 1);
        emit_text(tcb, env, out, tcb->snd_nxt, n, fin, reason);
        if (out->seg.ctl & CTL_FIN)
            out->reason = WHY_FIN;
        return true;
    }
    if (fin_is_due(tcb) && window_has_room(tcb, 1)) {
        emit_text(tcb, env, out, tcb->snd_nxt, 0, true, WHY_FIN);
        return true;
    }
    return false;
}

/* RFC 8985 §7.3: one new segment beyond cwnd, or the last one again; either asks for an ACK that
 * tells what is missing before it. */
static bool
emit_loss_probe(struct tcb *tcb, struct tcp_env *env, struct tcp_out *out)
{
    uint32_t unsent = snd_unsent(tcb), n = unsent < tcb->smss ? unsent : tcb->smss;
    struct flight *f = tcb->flight;

    if (f == NULL || tcb->snd_una == tcb->snd_nxt)
        return false;
    if (n > 0 && window_has_room(tcb, n)) {
        f->probe_again = false;
        emit_text(tcb, env, out, tcb->snd_nxt, n, window_has_room(tcb, n + 1), WHY_LOSS_PROBE);
    } else {
        uint32_t back = flight_size(tcb) < tcb->smss ? flight_size(tcb) : tcb->smss;

        f->probe_again = true;
        emit_again(tcb, env, out, tcb->snd_nxt - back, tcb->snd_nxt, WHY_LOSS_PROBE);
    }
    f = tcb->flight;
    f->probe_out = true;
    f->probe_end = tcb->snd_nxt;
    f->probe_flight = flight_size(tcb);
    estab_tcp_arm_rtx(tcb, env);
    return true;
}

/* RFC 9293 §3.8.6.1 (MUST-36): one octet of text, or the FIN, at SND.UNA; new or not. */
static void
emit_probe(struct tcb *tcb, struct tcp_env *env, struct tcp_out *out)
{
    uint32_t len = tcb->snd.used > 0 ? 1 : 0;
    bool timing = tcb->rtt_timing;

    emit_text(tcb, env, out, tcb->snd_una, len, true, WHY_ZERO_WINDOW_PROBE);
    tcb->rtt_timing = timing && tcb->rtt_timing;
}

/* RFC 9293 §3.8.4 (SHLD-12): SEG.SEQ = SND.NXT - 1, no text: the peer must answer with an ACK;
 * MAY-6: with one garbage octet, for a peer that answers nothing else. */
static void
emit_keepalive(struct tcb *tcb, struct tcp_env *env, struct tcp_out *out)
{
    static const uint8_t garbage[1] = { 0 };

    begin(tcb, env, out, tcb->snd_nxt - 1, CTL_ACK, WHY_KEEPALIVE_PROBE);
    fill_options(tcb, env, &out->seg);
    estab_ecn_mark(tcb, env, &out->seg, false);
    if (tcb->opt->keepalive_garbage) {
        out->seg.len = 1;
        out->seg.text = garbage;
    }
    tcb->keepalive_owed = false;
    acknowledged(tcb, out);
}

/* SND.NXT, or the right edge of the peer's window when that has moved left of it or a probe stands
 * beyond it: an empty segment must be acceptable to be heard (RFC 9293 Appendix A.2,
 * RFC9293-A.2-SEQVAL). */
static tcp_seq
acceptable_seq(const struct tcb *tcb)
{
    return is_synchronized(tcb) ? seq_min(tcb->snd_nxt, tcb->snd_una + tcb->snd_wnd) : tcb->snd_nxt;
}

static void
emit_ack(struct tcb *tcb, struct tcp_env *env, struct tcp_out *out)
{
    enum send_reason reason =
        tcb->acks_owed > 0 ? (enum send_reason)tcb->ack_reason : WHY_WINDOW_UPDATE;

    begin(tcb, env, out, acceptable_seq(tcb), CTL_ACK, reason);
    fill_options(tcb, env, &out->seg);
    fill_sack(tcb, env, &out->seg);
    estab_uto_tell(tcb, &out->seg);
    estab_ecn_mark(tcb, env, &out->seg, false);
    acknowledged(tcb, out);
}

bool
estab_tcp_next_segment(struct tcb *tcb, struct tcp_env *env, struct tcp_out *out)
{
    tcp_seq left, right;

    if (tcb->state == TCPS_CLOSED || tcb->state == TCPS_LISTEN)
        return false;
    if (!RULE(env, congestion_control))
        tcb->cwnd = CC_CWND_MAX;
    if (tcb->syn_owed) {
        emit_syn(tcb, env, out);
        return true;
    }
    if (may_send_text(tcb)) {
        if (tcb->rtx_front) {
            tcb->rtx_front = false;
            if (tcb->snd_una != tcb->snd_nxt) {
                /* may run on into text not sent yet, when the front is less than a segment */
                tcp_seq end = tcb->snd_una + tcb->smss;

                if (seq_gt(end, tcb->snd_una + tcb->snd_wnd))
                    end = seq_max(tcb->snd_nxt, tcb->snd_una + tcb->snd_wnd);
                emit_again(tcb, env, out, tcb->snd_una, end, (enum send_reason)tcb->front_reason);
                if (tcb->recovery == RECOVERY_RTO)
                    tcb->high_rxt = seq_max(
                        tcb->high_rxt, seq_min(tcb->snd_una + seg_len(&out->seg), tcb->recover));
                return true;
            }
        }
        if (tcb->probe_owed) {
            tcb->probe_owed = false;
            if (tcb->snd.used > 0 || tcb->fin_queued) {
                emit_probe(tcb, env, out);
                return true;
            }
        }
        if (tcb->loss_probe_owed) {
            tcb->loss_probe_owed = false;
            if (emit_loss_probe(tcb, env, out))
                return true;
        }
        if (!undo_sends_new(tcb) && estab_rack_next_lost(tcb, &left, &right) &&
            (tcb->rto_fired || pace_allows(tcb, env))) {
            emit_again(tcb, env, out, left, right,
                       tcb->rto_fired                  ? WHY_RETRANSMIT_RTO
                       : tcb->recovery == RECOVERY_RTO ? WHY_RETRANSMIT_LOST
                       : tcb->flight->by_number        ? WHY_RETRANSMIT_SACK
                                                       : WHY_RETRANSMIT_RACK);
            tcb->rto_fired = false;
            return true;
        }
        if (!undo_sends_new(tcb) && tcb->flight == NULL && tcb->recovery == RECOVERY_RTO &&
            seq_lt(tcb->high_rxt, tcb->recover) && tcb->snd_wnd > 0 &&
            tcb->high_rxt - tcb->snd_una + (tcb->snd_nxt - tcb->recover) < tcb->cwnd) {
            /* RFC 6298 §5.4: the earliest first; then on, as cwnd grows again (RFC6298-5.4) */
            emit_again(tcb, env, out, tcb->high_rxt, tcb->recover,
                       tcb->rto_fired ? WHY_RETRANSMIT_RTO : WHY_RETRANSMIT_LOST);
            tcb->rto_fired = false;
            tcb->high_rxt += seg_len(&out->seg);
            return true;
        }
        if (emit_new_text(tcb, env, out))
            return true;
        if (!undo_sends_new(tcb) && estab_sack_last_resort(tcb, &left, &right)) {
            emit_again(tcb, env, out, left, right, WHY_RETRANSMIT_RESCUE);
            return true;
        }
    }
    if (tcb->keepalive_owed) {
        emit_keepalive(tcb, env, out);
        return true;
    }
    if ((tcb->acks_owed > 0 || tcb->window_update_owed) && tcb->state != TCPS_SYN_SENT) {
        emit_ack(tcb, env, out);
        return true;
    }
    if (UNLIKELY(tcb->cc->dry != NULL) && snd_unsent(tcb) < tcb->smss)
        tcb->cc->dry(tcb);
    estab_tcp_set_send_timer(tcb, env);
    return false;
}

bool
estab_tcp_has_output(const struct tcb *tcb)
{
    if (tcb->syn_owed || tcb->rtx_front || tcb->probe_owed || tcb->keepalive_owed ||
        tcb->acks_owed > 0 || tcb->window_update_owed || tcb->override || tcb->loss_probe_owed)
        return true;
    if (tcb->flight != NULL && (tcb->flight->sb.lost > 0 || sack_may_resort(tcb)))
        return true;
    if (tcb->flight == NULL && tcb->recovery == RECOVERY_RTO && seq_lt(tcb->high_rxt, tcb->recover))
        return true;
    if (!is_synchronized(tcb) && !is_opened_early(tcb))
        return false;
    /* also when the window is closed: the probe timer is set when nothing could be sent */
    return snd_unsent(tcb) > 0 || (tcb->fin_queued && !tcb->fin_sent);
}

void
estab_tcp_build_reset(struct tcb *tcb, struct tcp_env *env, struct tcp_out *out)
{
    /* RFC 9293 §3.10.5: <SEQ=SND.NXT><CTL=RST>; with ACK, so that a peer in any state takes it. */
    out->seg = (struct tcp_seg){
        .seq = acceptable_seq(tcb),
        .ack = tcb->rcv_nxt,
        .ctl = CTL_RST | CTL_ACK,
    };
    fill_options(tcb, env, &out->seg);
    out->text[0] = (struct ring_span){ 0 };
    out->text[1] = (struct ring_span){ 0 };
    out->reason = tcb->reset_reason;
    tcb->reset_owed = false;
}
