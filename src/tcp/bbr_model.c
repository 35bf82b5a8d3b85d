/* SPDX-License-Identifier: MIT */
/*
 * BBR's model of the path (draft-ietf-ccwg-bbr §5.5): the largest delivery rate and the shortest
 * round trip of late, how much may be in flight, what losses have to say about both in the short
 * and in the long term, and how ACKs clump. See bbr.h; called from bbr.c.
 */
#include "tcp/bbr.h"

#include "base/mul.h"
#include "tcp/pacing.h"

/* ---- what the model says may be in the network ---- */

uint32_t
estab_bbr_bdp(const struct tcb *tcb, const struct tcp_env *env, uint64_t bw, uint32_t gain)
{
    const struct bbr *b = tcb->ca.bbr;
    uint64_t bdp;

    if (b->min_rtt == BBR_INFINITE)
        return estab_cc_initial_window(tcb, env);
    bdp = estab_muldiv64(bw, b->min_rtt, BBR_SECOND);
    return bbr_percent(bdp < CC_CWND_MAX ? (uint32_t)bdp : CC_CWND_MAX, gain);
}

/* Room for the bursts that pacing makes (three quanta of sending), and for delayed ACKs. */
uint32_t
estab_bbr_quantized(const struct tcb *tcb, uint32_t inflight)
{
    inflight = bbr_most(inflight, 3 * estab_pace_burst(tcb));
    inflight = bbr_most(inflight, bbr_min_pipe_cwnd(tcb));
    return tcb->ca.bbr->phase == BBR_PROBE_BW_UP ? inflight + 2u * tcb->smss : inflight;
}

uint32_t
estab_bbr_target_inflight(const struct tcb *tcb, const struct tcp_env *env)
{
    return bbr_least(estab_bbr_bdp(tcb, env, tcb->ca.bbr->bw, 100), tcb->cwnd);
}

uint32_t
estab_bbr_inflight_with_headroom(const struct tcb *tcb)
{
    const struct bbr *b = tcb->ca.bbr;
    uint32_t headroom;

    if (b->inflight_longterm == BBR_INFINITE)
        return BBR_INFINITE;
    headroom = bbr_most(tcb->smss, bbr_percent(b->inflight_longterm, BBR_HEADROOM));
    return b->inflight_longterm > headroom + bbr_min_pipe_cwnd(tcb)
               ? b->inflight_longterm - headroom
               : bbr_min_pipe_cwnd(tcb);
}

/* ---- rounds and signals ---- */

void
estab_bbr_start_round(struct bbr *b)
{
    b->next_round_delivered = b->rate.delivered;
}

void
estab_bbr_reset_full_bw(struct bbr *b, uint64_t bw)
{
    b->full_bw = bw;
    b->full_bw_count = 0;
    b->full_bw_now = false;
}

void
estab_bbr_reset_shortterm(struct bbr *b)
{
    b->bw_shortterm = UINT64_MAX;
    b->inflight_shortterm = BBR_INFINITE;
}

void
estab_bbr_reset_congestion_signals(struct bbr *b)
{
    b->loss_in_round = false;
    b->loss_noted = false;
    b->bw_latest = 0;
    b->inflight_latest = 0;
}

void
estab_bbr_update_round(struct bbr *b, const struct rate_sample *rs)
{
    b->round_start = false;
    b->loss_round_start = false;
    /* The round of a loss is the one that begins when it is seen: a round trip from here on. */
    if (b->loss_noted)
        b->loss_round_delivered = b->rate.delivered;
    b->loss_noted = false;
    if (!rs->valid)
        return;
    if ((int32_t)(rs->prior_delivered - b->next_round_delivered) >= 0) {
        estab_bbr_start_round(b);
        b->round_count++;
        b->rounds_since_bw_probe++;
        b->round_start = true;
        b->limited_before = b->limited;
        b->limited = false;
    }
    if ((int32_t)(rs->prior_delivered - b->loss_round_delivered) >= 0) {
        b->loss_round_delivered = b->rate.delivered;
        b->loss_round_start = true;
    }
}

/* BBRUpdateLatestDeliverySignals(), BBRUpdateCongestionSignals(): a round with losses lowers the
 * short-term bounds at its end, unless we probe. */
void
estab_bbr_update_congestion(struct tcb *tcb, const struct rate_sample *rs)
{
    struct bbr *b = tcb->ca.bbr;
    uint64_t beta_bw;

    if (rs->rate > b->bw_latest)
        b->bw_latest = rs->rate;
    b->inflight_latest = bbr_most(b->inflight_latest, rs->delivered);
    /* BBRUpdateMaxBw(): what the user had too little for says nothing, unless it is more. */
    if (rs->rate > 0 && (rs->rate >= bbr_max_bw(b) || !rs->app_limited) && rs->rate > b->max_bw[1])
        b->max_bw[1] = rs->rate;
    if (!b->loss_round_start)
        return;
    if (b->loss_in_round && !bbr_is_probing_bw(b)) {
        if (b->bw_shortterm == UINT64_MAX)
            b->bw_shortterm = bbr_max_bw(b);
        if (b->inflight_shortterm == BBR_INFINITE)
            b->inflight_shortterm = tcb->cwnd;
        beta_bw = estab_muldiv64(b->bw_shortterm, BBR_BETA, 100);
        b->bw_shortterm = b->bw_latest > beta_bw ? b->bw_latest : beta_bw;
        b->inflight_shortterm =
            bbr_most(b->inflight_latest, bbr_percent(b->inflight_shortterm, BBR_BETA));
    }
    b->loss_in_round = false;
}

void
estab_bbr_advance_signals(struct bbr *b, const struct rate_sample *rs)
{
    if (!b->loss_round_start)
        return;
    b->bw_latest = rs->rate;
    b->inflight_latest = rs->delivered;
}

/* BBRUpdateACKAggregation(): what ACKs that come in clumps ask for beyond bw * time: the most of the
 * last ten rounds, in Startup of the last. */
void
estab_bbr_update_aggregation(struct tcb *tcb, uint32_t now, uint32_t acked)
{
    struct bbr *b = tcb->ca.bbr;
    uint64_t expected = estab_muldiv64(b->bw, now - b->extra_acked_at, BBR_SECOND);
    uint32_t rounds = b->full_bw_reached ? BBR_EXTRA_ACKED_ROUNDS : 1;

    if (b->round_start && ++b->extra_acked_rounds >= rounds) {
        b->extra_acked_rounds = 0;
        b->extra_acked[0] = b->full_bw_reached ? b->extra_acked[1] : 0;
        b->extra_acked[1] = 0;
    }
    if (b->extra_acked_delivered <= expected) {
        b->extra_acked_delivered = 0;
        b->extra_acked_at = now;
        expected = 0;
    }
    b->extra_acked_delivered += acked;
    b->extra_acked[1] = bbr_most(
        b->extra_acked[1], bbr_least(b->extra_acked_delivered - (uint32_t)expected, tcb->cwnd));
}

void
estab_bbr_update_min_rtt(struct bbr *b, uint32_t rtt, uint32_t now)
{
    if (rtt > 0 && (rtt < b->probe_rtt_min || now - b->probe_rtt_min_at > BBR_PROBE_RTT_INTERVAL)) {
        b->probe_rtt_min = rtt;
        b->probe_rtt_min_at = now;
    }
    if (b->probe_rtt_min != BBR_INFINITE &&
        (b->probe_rtt_min < b->min_rtt || now - b->min_rtt_at > BBR_MIN_RTT_FILTER)) {
        b->min_rtt = b->probe_rtt_min;
        b->min_rtt_at = b->probe_rtt_min_at;
    }
}

/* ---- losses ---- */

void
estab_bbr_note_loss(struct bbr *b)
{
    if (!b->loss_in_round)
        b->loss_noted = true;
    b->loss_in_round = true;
}

/*
 * With inflight_prev octets before them, lost_prev of which were lost, losses were at the threshold
 * when lost_prefix of the `size` had left:
 *   (lost_prev + lost_prefix) / (inflight_prev + lost_prefix) = LossThresh
 */
uint32_t
estab_bbr_inflight_at_loss(const struct rate_sample *rs, uint32_t size)
{
    uint32_t inflight_prev = rs->tx_in_flight > size ? rs->tx_in_flight - size : 0;
    uint32_t lost_prev = rs->lost > size ? rs->lost - size : 0;
    uint64_t allowed = (uint64_t)inflight_prev * BBR_LOSS_THRESH;
    uint64_t lost = (uint64_t)lost_prev * 100;

    if (allowed <= lost)
        return inflight_prev;
    return inflight_prev + (uint32_t)((allowed - lost) / (100 - BBR_LOSS_THRESH));
}

void
estab_bbr_save_state(struct bbr *b)
{
    b->undo_phase = b->phase;
    b->undo_bw_shortterm = b->bw_shortterm;
    b->undo_inflight_shortterm = b->inflight_shortterm;
    b->undo_inflight_longterm = b->inflight_longterm;
}

void
estab_bbr_restore_bounds(struct bbr *b)
{
    b->loss_in_round = false;
    b->loss_noted = false;
    estab_bbr_reset_full_bw(b, 0);
    if (b->bw_shortterm < b->undo_bw_shortterm)
        b->bw_shortterm = b->undo_bw_shortterm;
    b->inflight_shortterm = bbr_most(b->inflight_shortterm, b->undo_inflight_shortterm);
    b->inflight_longterm = bbr_most(b->inflight_longterm, b->undo_inflight_longterm);
}
