/* SPDX-License-Identifier: MIT */
/*
 * Fifth check (RFC 9293 §3.10.7.4): the ACK field. Moves SND.UNA, the send window and the states
 * that wait for an acknowledgment of our SYN or FIN; tells loss.c about duplicates. Called from
 * arrives_other.c, and from arrives_syn_sent.c through estab_tcp_check_ack().
 */
#include "tcp/cc.h"
#include "tcp/fast_open.h"
#include "tcp/pacing.h"
#include "tcp/path_mtu.h"
#include "tcp/rack.h"
#include "tcp/undo.h"

/* `probed`: the window was closed, and a probe has been sent. */
static void
update_send_window(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg,
                   uint32_t wnd, bool moved_una, bool probed)
{
    /* The window is taken when SND.WL1 < SEG.SEQ, or SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK, so
     * that a reordered, older segment cannot bring back a window the peer has since changed
     * (RFC9293-3.10.7.4-WNDUPD). */
    bool newer_text = seq_lt(tcb->snd_wl1, seg->seq);
    bool newer_ack = tcb->snd_wl1 == seg->seq && seq_leq(tcb->snd_wl2, seg->ack);
    bool was_closed = tcb->snd_wnd == 0;

    /* Differs from RFC 9293 §3.10.7.4, fifth check: an ACK that has moved SND.UNA is newer than all
     * before, wherever its text stands; a hole-filler's would otherwise be passed over, and the
     * old window taken to begin at the new SND.UNA, beyond what the peer has offered. */
    if (!newer_text && !newer_ack && !moved_una)
        return;
    tcb->snd_wnd = wnd;
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
    if (wnd > tcb->max_snd_wnd)
        tcb->max_snd_wnd = wnd;
    if (was_closed && wnd > 0) {
        /* It has opened: go on at once, beginning with the octet that probed, if that was not
         * taken. Without a probe there is nothing to make up for, and a window that flaps must not
         * draw what cwnd does not allow. */
        tcb->backoff = 0;
        tcb->rtx_at = ESTAB_NEVER;
        if (tcb->snd_una != tcb->snd_nxt && probed)
            resend_front(tcb, WHY_RETRANSMIT_WINDOW);
        else if (tcb->snd_una != tcb->snd_nxt)
            estab_tcp_arm_rtx(tcb, env);
    } else if (wnd == 0 && (!was_closed || moved_una)) {
        /* It has closed, or stays so: probes from now on, no timeouts (MUST-35). */
        tcb->rtx_at = ESTAB_NEVER;
        estab_tcp_set_send_timer(tcb, env);
    }
}

static void
sample_rtt(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg)
{
    /* Karn's rule: octets sent once are timed by our clock; after a retransmission only the echo
     * of a timestamp tells which copy was answered (RFC6298-3-KARN, RFC7323-4.1-RTTM: SND.UNA has moved). */
    if (tcb->rtt_timing && seq_gt(seg->ack, tcb->rtt_seq)) {
        tcb->rtt_timing = false;
        tcb->backoff = 0;
        estab_tcp_rtt_sample(tcb, env, env->now - tcb->rtt_at);
        return;
    }
    if (!tcb->rtt_timing && tcb->backoff > 0 && tcb->timestamps && seg->has_ts &&
        seg->ts_ecr != 0) {
        uint32_t ticks = estab_tcp_ts_now(tcb, env) - seg->ts_ecr;

        if (ticks <= INT32_MAX) {
            tcb->backoff = 0;
            estab_tcp_rtt_sample(tcb, env, (estab_time)ticks * env->cfg->timestamp_tick);
        }
    }
}

/* For congestion control, where no scoreboard times each segment: the echo on each ACK. */
static void
sample_rtt_for_cc(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg)
{
    uint32_t ticks = estab_tcp_ts_now(tcb, env) - seg->ts_ecr;
    uint64_t us = ticks * (uint64_t)env->cfg->timestamp_tick / 1000;

    if (tcb->flight == NULL && tcb->timestamps && seg->has_ts && seg->ts_ecr != 0 &&
        us <= UINT32_MAX)
        cc_rtt(tcb, (uint32_t)us);
}

/* SND.UNA moves to SEG.ACK: octets leave the send ring. */
static void
acknowledge(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg, bool marked)
{
    uint32_t acked = seg->ack - tcb->snd_una;
    uint32_t text = acked;

    sample_rtt(tcb, env, seg);
    if (tcb->snd_una == tcb->iss)
        text--; /* our SYN */
    if (tcb->fin_sent && seg->ack == tcb->snd_nxt && text > tcb->snd.used)
        text--; /* our FIN */
    tcb->snd_una = seg->ack;
    if (UNLIKELY(tcb->first_window) &&
        tcb->snd_una - tcb->window_from >= estab_cc_initial_window(tcb, env))
        tcb->first_window = false;
    if (text > 0) {
        estab_ring_consume(&tcb->snd, text);
        if (tcb->snd.used == 0)
            estab_tcp_ring_return(tcb, env, &tcb->snd);
        if (tcb->user_waits_room) {
            tcb->user_waits_room = false;
            tcb->events |= ESTAB_WRITABLE;
        }
    }
    if (tcb->snd_up_valid && seq_geq(tcb->snd_una, tcb->snd_up))
        tcb->snd_up_valid = false;
    /* RFC 3168 and RFC 5681 count text only: the SYN's ACK does not open cwnd
     * (RFC5681-3.1-SYNACKNOGROW). */
    /* RFC 3168 §6.1.2: no growth by an ACK that tells of congestion. */
    estab_tcp_new_ack(tcb, env, text, marked);
    sample_rtt_for_cc(tcb, env, seg);

    /* RFC 6298 §5.2, §5.3: stop when all is acknowledged, else a full RTO from now (RFC6298-5.2, RFC6298-5.3). */
    tcb->retransmissions = 0;
    if (tcb->soft_error == ESTAB_ETIMEDOUT)
        tcb->soft_error = 0;
    if (tcb->snd_una == tcb->snd_nxt) {
        tcb->rtx_at = ESTAB_NEVER;
        tcb->unanswered_since = ESTAB_NEVER;
    } else {
        estab_tcp_arm_rtx(tcb, env);
        tcb->unanswered_since = env->now;
    }
}

/* RFC 5681 §2 (RFC5681-3.2-DUPDEF): something is out, no text, SYN and FIN off, ACK = SND.UNA and
 * the window unchanged. The answers to probes of a closed window look the same and say nothing of
 * a loss. */
static bool
is_duplicate_ack(const struct tcb *tcb, const struct tcp_seg *seg, uint32_t wnd)
{
    return tcb->snd_una != tcb->snd_nxt && tcb->snd_wnd > 0 && seg->len == 0 &&
           !(seg->ctl & (CTL_SYN | CTL_FIN)) && seg->ack == tcb->snd_una && wnd == tcb->snd_wnd;
}

static void
established(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg, uint32_t wnd)
{
    tcb->snd_wnd = wnd;
    tcb->max_snd_wnd = wnd;
    tcb->snd_wl1 = seg->seq;
    tcb->snd_wl2 = seg->ack;
    /* RFC 6928 §2: ten segments, unless the SYN was lost more than once (RFC6928-2-SYNLOSS). */
    tcb->cwnd = estab_cc_initial_window(tcb, env);
    if (tcb->syn_retransmissions > 1)
        tcb->cwnd = tcb->smss;
    tcb->ssthresh = CC_SSTHRESH_INITIAL;
    cc_first_window(tcb);
    tcb->recover = tcb->iss;
    tcb->last_sent_at = env->now;
    if (!tcb->passive)
        tcb->events |= ESTAB_CONNECTED;
    tcb->events |= ESTAB_WRITABLE;
    tcb->uto_owed = tcb->opt->user_timeout_option;
    enter_state(tcb, env, TCPS_ESTABLISHED, CAUSE_SYN_ACKED);
}

/* RFC 6298 §5.7: the SYN's timer has expired and the RTO is below 3 s: 3 s for data (RFC6298-5.7). */
static void
restore_rto(struct tcb *tcb)
{
    if (tcb->syn_retransmissions > 0 && tcb->srtt == 0 && tcb->rto < 3000000)
        tcb->rto = 3000000;
    tcb->backoff = 0;
}

enum seg_verdict
estab_tcp_check_ack(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg,
                    struct tcp_out *reply)
{
    /* SEG.WND is scaled, but for that of a SYN (RFC7323-2.3-SHIFT, RFC7323-2.2-UNSCALED). */
    uint32_t wnd = (uint32_t)seg->wnd << (seg->ctl & CTL_SYN ? 0 : tcb->snd_wind_shift);
    tcp_seq old_una = tcb->snd_una;
    struct delivered delivered = { 0 };
    bool probed = tcb->timer_kind == TIMER_PERSIST && tcb->backoff > 0;
    bool moved_una, duplicate, marked, by_delivery = grows_by_delivery(tcb);

    /* If the ACK bit is off, drop the segment (RFC9293-3.10.7.4-NOACK). */
    if (!(seg->ctl & CTL_ACK))
        return RULE(env, ack_bit) ? SEG_DROP_NO_ACK : SEG_CONTINUE;

    if (tcb->state == TCPS_SYN_RECEIVED || tcb->state == TCPS_SYN_SENT) {
        /* SND.UNA < SEG.ACK =< SND.NXT: ESTABLISHED; else <SEQ=SEG.ACK><CTL=RST>
         * (RFC9293-3.10.7.4-SYNRCVD-ACK). */
        if (!seq_gt(seg->ack, tcb->snd_una) || seq_gt(seg->ack, tcb->snd_nxt)) {
            estab_tcp_reset_for_ack(seg, reply);
            return SEG_DROP_ACK_SYN_RECEIVED;
        }
        estab_fast_open_acked(tcb, seg->ack);
        established(tcb, env, seg, wnd);
        marked = estab_ecn_is_marked(tcb, env, seg, 0);
        acknowledge(tcb, env, seg, marked);
        restore_rto(tcb);
        if (UNLIKELY(tcb->opt->pacing) && tcb->cc->model == NULL)
            estab_pace_follow(tcb);
        if (tcb->fin_queued)
            enter_state(tcb, env, TCPS_FIN_WAIT_1, CAUSE_CLOSE_CALL);
        return SEG_CONTINUE;
    }

    /* SEG.ACK > SND.NXT: an ACK of something not yet sent: send an ACK, drop
     * (RFC9293-3.10.7.4-ACKFUT). */
    if (seq_gt(seg->ack, tcb->snd_nxt)) {
        if (!RULE(env, ack_unsent))
            return SEG_CONTINUE;
        estab_tcp_challenge(tcb, env);
        return SEG_DROP_ACK_UNSENT;
    }
    /* RFC 5961 §5.2: (SND.UNA - MAX.SND.WND) =< SEG.ACK =< SND.NXT, or the text could be a blind
     * guess (MAY-12, RFC5961-5.2-ACK). */
    if (seq_lt(seg->ack, tcb->snd_una - tcb->max_snd_wnd) && RULE(env, ack_old)) {
        estab_tcp_challenge(tcb, env);
        return SEG_DROP_ACK_OLD;
    }

    moved_una = seq_gt(seg->ack, tcb->snd_una) && RULE(env, ack_moves_una);
    duplicate = !moved_una && is_duplicate_ack(tcb, seg, wnd);
    marked = seq_geq(seg->ack, old_una) && estab_ecn_is_marked(tcb, env, seg, seg->ack - old_una);
    if (moved_una) {
        acknowledge(tcb, env, seg, marked);
        estab_path_mtu_ack(tcb, env, seg->ack - old_una);
        if (tcb->orphan)
            tcb->orphan_at = env->now + env->cfg->orphan_timeout;
    } else if (tcb->flight == NULL && duplicate) {
        estab_tcp_duplicate_ack(tcb, env);
    }
    estab_rack_ack(tcb, env, seg, old_una, &delivered);
    if (by_delivery && !marked && delivered.octets > 0 && tcb->recovery == RECOVERY_NONE)
        estab_tcp_grow(tcb, env, tcb->snd_una - old_una, delivered.octets);
    if (marked)
        estab_ecn_echo(tcb, env, old_una);
    if (UNLIKELY(tcb->opt->pacing || tcb->pacing_rate != 0) && tcb->cc->model == NULL)
        estab_pace_follow(tcb);

    /* A peer that answers probes is alive, however long its window stays closed (MUST-37). */
    if (tcb->snd_wnd == 0 && tcb->timer_kind == TIMER_PERSIST)
        tcb->unanswered_since = ESTAB_NEVER;
    if (seq_geq(seg->ack, tcb->snd_una))
        update_send_window(tcb, env, seg, wnd, moved_una, probed);
    estab_undo_ack(tcb, env, seg, old_una, &delivered, duplicate, marked);

    /* Is our FIN acknowledged? It stands at SND.NXT - 1. */
    if (tcb->fin_sent && tcb->snd_una == tcb->snd_nxt && RULE(env, fin_acked)) {
        switch (tcb->state) {
        case TCPS_FIN_WAIT_1:
            enter_state(tcb, env, TCPS_FIN_WAIT_2, CAUSE_FIN_ACKED);
            if (tcb->orphan)
                tcb->orphan_at = env->now + env->cfg->fin_wait_2;
            break;
        case TCPS_CLOSING:
            enter_state(tcb, env, TCPS_TIME_WAIT, CAUSE_FIN_ACKED);
            break;
        case TCPS_LAST_ACK:
            /* delete the TCB (RFC9293-3.10.7.4-LASTACK) */
            estab_tcp_end(tcb, env, ESTAB_OK, CAUSE_FIN_ACKED);
            return SEG_ACCEPTED;
        default:
            break;
        }
    }
    return SEG_CONTINUE;
}
