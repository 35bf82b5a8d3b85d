/* SPDX-License-Identifier: MIT */
/*
 * What BBR remembers of a path, and what bbr.c (the states, and what comes of them) and bbr_model.c
 * (the model) have in common. Names are those of draft-ietf-ccwg-bbr; times are microseconds on a
 * circle, rates octets per second. Tests look at it, and write nothing.
 */
#ifndef TCP_BBR_H
#define TCP_BBR_H

#include "tcp/cc.h"

#define BBR_INFINITE UINT32_MAX
#define BBR_SECOND 1000000u
#define BBR_SIZE 2048u /* a chunk of its own */

/* percent */
#define BBR_STARTUP_PACING_GAIN 277 /* 4 ln 2 */
#define BBR_DRAIN_PACING_GAIN 50
#define BBR_DOWN_PACING_GAIN 90
#define BBR_UP_PACING_GAIN 125
#define BBR_CWND_GAIN 200
#define BBR_UP_CWND_GAIN 225
#define BBR_PROBE_RTT_CWND_GAIN 50
#define BBR_PACING_MARGIN 99
#define BBR_LOSS_THRESH 2
#define BBR_BETA 70
#define BBR_HEADROOM 15

#define BBR_FULL_BW_COUNT 3
#define BBR_FULL_LOSS_COUNT 6
#define BBR_FULL_MARK_COUNT 2 /* rounds with a mark, one after the other */
#define BBR_MIN_RTT_FILTER (10 * BBR_SECOND)
#define BBR_PROBE_RTT_INTERVAL (5 * BBR_SECOND)
#define BBR_PROBE_RTT_DURATION (BBR_SECOND / 5)
#define BBR_EXTRA_ACKED_ROUNDS 5 /* of each of the two windows; one in Startup */

enum bbr_state {
    BBR_STARTUP,
    BBR_DRAIN,
    BBR_PROBE_BW_DOWN,
    BBR_PROBE_BW_CRUISE,
    BBR_PROBE_BW_REFILL,
    BBR_PROBE_BW_UP,
    BBR_PROBE_RTT,
};

/* Of what the samples tell that come now. */
enum bbr_ack_phase {
    BBR_ACKS_INIT,
    BBR_ACKS_REFILLING,
    BBR_ACKS_PROBE_STARTING,
    BBR_ACKS_PROBE_FEEDBACK,
    BBR_ACKS_PROBE_STOPPING,
};

struct bbr {
    uint8_t phase, ack_phase;
    bool round_start, loss_round_start;
    bool loss_in_round;
    bool loss_noted; /* the first of its round, since the last ACK */
    bool full_bw_reached, full_bw_now;
    bool bw_probe_samples;
    bool idle_restart;
    bool probe_rtt_round_done, probe_rtt_timed; /* the latter: probe_rtt_done_at counts */
    bool in_recovery, undo_saved;
    bool limited, limited_before; /* by cwnd, in this round and in the one before */
    uint8_t full_bw_count, loss_events_in_round, marked_rounds, extra_acked_rounds;
    uint8_t bw_probe_up_rounds;
    uint8_t undo_phase;

    /* UINT64_MAX, BBR_INFINITE: no bound */
    uint64_t bw, max_bw[2], bw_shortterm, bw_latest, full_bw, undo_bw_shortterm;
    uint32_t inflight_shortterm, inflight_longterm, inflight_latest;
    uint32_t undo_inflight_shortterm, undo_inflight_longterm;

    uint32_t round_count, marked_round;
    uint32_t next_round_delivered, loss_round_delivered;
    tcp_seq loss_end; /* where the latest loss ended */
    uint32_t bw_probe_up_acks, probe_up_cnt;
    uint32_t extra_acked[2], extra_acked_delivered;
    uint32_t prior_cwnd;
    uint32_t rounds_since_bw_probe, cycles;

    uint32_t min_rtt, min_rtt_at, probe_rtt_min, probe_rtt_min_at, probe_rtt_done_at;
    uint32_t cycle_at, bw_probe_wait, extra_acked_at;
    struct delivery_rate rate;
};

_Static_assert(sizeof(struct bbr) <= BBR_SIZE, "");

static inline uint32_t
bbr_now(const struct tcp_env *env)
{
    return (uint32_t)(uint64_t)(env->now / 1000);
}

static inline uint32_t
bbr_least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t
bbr_most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline uint32_t
bbr_percent(uint32_t n, uint32_t of)
{
    uint64_t p = (uint64_t)n * of / 100;

    return p < CC_CWND_MAX ? (uint32_t)p : CC_CWND_MAX;
}

/* The larger of two cycles of probing. */
static inline uint64_t
bbr_max_bw(const struct bbr *b)
{
    return b->max_bw[0] > b->max_bw[1] ? b->max_bw[0] : b->max_bw[1];
}

static inline bool
bbr_is_in_probe_bw(const struct bbr *b)
{
    return b->phase >= BBR_PROBE_BW_DOWN && b->phase <= BBR_PROBE_BW_UP;
}

/* BBRIsProbingBW() */
static inline bool
bbr_is_probing_bw(const struct bbr *b)
{
    return b->phase == BBR_STARTUP || b->phase == BBR_PROBE_BW_REFILL ||
           b->phase == BBR_PROBE_BW_UP;
}

/* IsInflightTooHigh() */
static inline bool
bbr_is_inflight_too_high(const struct rate_sample *rs)
{
    return (uint64_t)rs->lost * 100 > (uint64_t)rs->tx_in_flight * BBR_LOSS_THRESH;
}

static inline uint32_t
bbr_min_pipe_cwnd(const struct tcb *tcb)
{
    return 4u * tcb->smss;
}

/* ---- bbr_model.c ---- */

/* BBRBDPMultiple(): `gain` percent of what fills the path at the rate `bw`. */
uint32_t estab_bbr_bdp(const struct tcb *tcb, const struct tcp_env *env, uint64_t bw,
                       uint32_t gain);
/* BBRQuantizationBudget() */
uint32_t estab_bbr_quantized(const struct tcb *tcb, uint32_t inflight);
/* BBRTargetInflight() */
uint32_t estab_bbr_target_inflight(const struct tcb *tcb, const struct tcp_env *env);
/* BBRInflightWithHeadroom() */
uint32_t estab_bbr_inflight_with_headroom(const struct tcb *tcb);

void estab_bbr_start_round(struct bbr *b);
void estab_bbr_reset_full_bw(struct bbr *b, uint64_t bw);
void estab_bbr_reset_shortterm(struct bbr *b);
void estab_bbr_reset_congestion_signals(struct bbr *b);

/* What an ACK tells, in the draft's order; bw and the states come after. */
void estab_bbr_update_round(struct bbr *b, const struct rate_sample *rs);
void estab_bbr_update_congestion(struct tcb *tcb, const struct rate_sample *rs);
void estab_bbr_update_aggregation(struct tcb *tcb, uint32_t now, uint32_t acked);
void estab_bbr_update_min_rtt(struct bbr *b, uint32_t rtt, uint32_t now);
void estab_bbr_advance_signals(struct bbr *b, const struct rate_sample *rs);
/* BBRNoteLoss() */
void estab_bbr_note_loss(struct bbr *b);
/* BBRInflightAtLoss(): where, within the `size` octets lost of `rs`, losses became too many. */
uint32_t estab_bbr_inflight_at_loss(const struct rate_sample *rs, uint32_t size);
/* BBRSaveStateUponLoss(), and what BBRHandleSpuriousLossDetection() gives back of the bounds. */
void estab_bbr_save_state(struct bbr *b);
void estab_bbr_restore_bounds(struct bbr *b);

#endif
