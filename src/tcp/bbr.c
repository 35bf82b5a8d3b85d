/* SPDX-License-Identifier: MIT */
/*
 * BBR, version 3, as draft-ietf-ccwg-bbr describes it: a model of the path (bbr_model.c), the largest
 * delivery rate and the smallest round trip seen of late, says how fast to send and how much may be
 * in the network; losses bound it only where they come often. Here are its states (§5.3) and what
 * comes of them (§5.6). cwnd and the pacing rate are its own, so neither ssthresh nor PRR apply. It
 * needs SACK and the scoreboard; without them the connection goes on with CUBIC. Names are the
 * draft's. Called from ack.c, emit.c, loss.c, rack.c, sack.c and undo.c through cc.h.
 */
#include "tcp/bbr.h"

#include "base/mul.h"
#include "tcp/pacing.h"
#include "tcp/rack.h"

#include <string.h>

/* BBRInflight(): what `gain` percent of the model's path and the bursts of sending ask for. */
static uint32_t
inflight_at(const struct tcb *tcb, const struct tcp_env *env, uint64_t bw, uint32_t gain)
{
    return estab_bbr_quantized(tcb, estab_bbr_bdp(tcb, env, bw, gain));
}

/* C.is_cwnd_limited: has cwnd been all used at some time in the last round? */
static bool
is_cwnd_limited(const struct bbr *b)
{
    return b->limited || b->limited_before;
}

/* ---- ProbeBW ---- */

/* A little chance, so that flows do not probe in step: our ISN is as good a die as any. */
static uint32_t
dice(const struct tcb *tcb)
{
    uint32_t x = tcb->iss + tcb->ca.bbr->cycles * 0x9e3779b9u;

    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

/* BBRPickProbeWait(): two to three seconds, or as many round trips as Reno needs. */
static void
pick_probe_wait(struct tcb *tcb)
{
    struct bbr *b = tcb->ca.bbr;

    b->cycles++;
    b->rounds_since_bw_probe = dice(tcb) >> 31;
    b->bw_probe_wait = 2 * BBR_SECOND + dice(tcb) % BBR_SECOND;
}

static void
start_down(struct tcb *tcb, uint32_t now)
{
    struct bbr *b = tcb->ca.bbr;

    estab_bbr_reset_congestion_signals(b);
    b->probe_up_cnt = BBR_INFINITE;
    pick_probe_wait(tcb);
    b->cycle_at = now;
    b->ack_phase = BBR_ACKS_PROBE_STOPPING;
    estab_bbr_start_round(b);
    b->phase = BBR_PROBE_BW_DOWN;
}

static void
start_refill(struct bbr *b)
{
    estab_bbr_reset_shortterm(b);
    b->bw_probe_up_rounds = 0;
    b->bw_probe_up_acks = 0;
    b->ack_phase = BBR_ACKS_REFILLING;
    estab_bbr_start_round(b);
    b->phase = BBR_PROBE_BW_REFILL;
}

/* BBRRaiseInflightLongtermSlope(): inflight_longterm grows by one segment in the first round, and by
 * twice as many in each that follows while nothing is lost; at most by what is acknowledged. */
static void
raise_slope(struct tcb *tcb)
{
    struct bbr *b = tcb->ca.bbr;

    /* octets acknowledged for each segment of growth */
    b->probe_up_cnt = bbr_most(tcb->cwnd >> b->bw_probe_up_rounds, tcb->smss);
    b->bw_probe_up_rounds = (uint8_t)bbr_least(b->bw_probe_up_rounds + 1u, 30);
}

static void
start_up(struct tcb *tcb, uint64_t rate, uint32_t now)
{
    struct bbr *b = tcb->ca.bbr;

    b->ack_phase = BBR_ACKS_PROBE_STARTING;
    estab_bbr_start_round(b);
    estab_bbr_reset_full_bw(b, rate);
    b->cycle_at = now;
    b->phase = BBR_PROBE_BW_UP;
    raise_slope(tcb);
}

/* BBRIsTimeToProbeBW(): the wait is over, or Reno would have filled the path by now
 * (BBRIsRenoCoexistenceProbeTime()). */
static bool
is_time_to_probe_bw(const struct tcb *tcb, const struct tcp_env *env)
{
    const struct bbr *b = tcb->ca.bbr;
    uint32_t reno_rounds = bbr_least(estab_bbr_target_inflight(tcb, env) / tcb->smss, 63);

    return bbr_now(env) - b->cycle_at > b->bw_probe_wait || b->rounds_since_bw_probe >= reno_rounds;
}

static bool
is_time_to_cruise(const struct tcb *tcb, const struct tcp_env *env, uint32_t pipe)
{
    return pipe <= estab_bbr_inflight_with_headroom(tcb) &&
           pipe <= inflight_at(tcb, env, bbr_max_bw(tcb->ca.bbr), 100);
}

/* BBRIsTimeToGoDown(): three rounds have not brought a quarter more, and it was not
 * inflight_longterm that held us. */
static bool
is_time_to_go_down(const struct tcb *tcb, const struct rate_sample *rs)
{
    struct bbr *b = tcb->ca.bbr;

    if (is_cwnd_limited(b) && tcb->cwnd >= b->inflight_longterm) {
        estab_bbr_reset_full_bw(b, rs->rate);
        return false;
    }
    return b->full_bw_now;
}

/* BBRHandleInflightTooHigh(): once for each probe. */
static void
handle_inflight_too_high(struct tcb *tcb, const struct tcp_env *env, const struct rate_sample *rs)
{
    struct bbr *b = tcb->ca.bbr;

    b->bw_probe_samples = false;
    if (!rs->app_limited)
        b->inflight_longterm =
            bbr_most(rs->tx_in_flight, bbr_percent(estab_bbr_target_inflight(tcb, env), BBR_BETA));
    if (b->phase == BBR_PROBE_BW_UP)
        start_down(tcb, bbr_now(env));
}

/* BBRProbeInflightLongtermUpward() */
static void
probe_upward(struct tcb *tcb, uint32_t acked)
{
    struct bbr *b = tcb->ca.bbr;
    uint64_t grown;

    if (!is_cwnd_limited(b) || tcb->cwnd < b->inflight_longterm)
        return;
    b->bw_probe_up_acks += acked;
    if (b->bw_probe_up_acks >= b->probe_up_cnt) {
        grown =
            b->inflight_longterm + (uint64_t)(b->bw_probe_up_acks / b->probe_up_cnt) * tcb->smss;
        b->bw_probe_up_acks %= b->probe_up_cnt;
        b->inflight_longterm = grown < CC_CWND_MAX ? (uint32_t)grown : CC_CWND_MAX;
    }
    if (b->round_start)
        raise_slope(tcb);
}

/* BBRAdaptLongTermModel() */
static void
adapt_long_term(struct tcb *tcb, const struct rate_sample *rs, uint32_t acked)
{
    struct bbr *b = tcb->ca.bbr;

    if (b->ack_phase == BBR_ACKS_PROBE_STARTING && b->round_start)
        b->ack_phase = BBR_ACKS_PROBE_FEEDBACK;
    if (b->ack_phase == BBR_ACKS_PROBE_STOPPING && b->round_start) {
        b->bw_probe_samples = false;
        b->ack_phase = BBR_ACKS_INIT;
        /* BBRAdvanceMaxBwFilter(): it holds two cycles */
        if (bbr_is_in_probe_bw(b) && !rs->app_limited && b->max_bw[1] != 0) {
            b->max_bw[0] = b->max_bw[1];
            b->max_bw[1] = 0;
        }
    }
    if (!rs->valid || bbr_is_inflight_too_high(rs) || b->inflight_longterm == BBR_INFINITE)
        return;
    /* as much was in flight, and few were lost: so much is safe, in whatever state */
    b->inflight_longterm = bbr_most(b->inflight_longterm, rs->tx_in_flight);
    if (b->phase == BBR_PROBE_BW_UP)
        probe_upward(tcb, acked);
}

/* BBRUpdateProbeBWCyclePhase() */
static void
update_cycle(struct tcb *tcb, const struct tcp_env *env, const struct rate_sample *rs,
             const struct cc_news *n)
{
    struct bbr *b = tcb->ca.bbr;

    if (!b->full_bw_reached)
        return;
    adapt_long_term(tcb, rs, n->rate.delivered);
    switch (b->phase) {
    case BBR_PROBE_BW_DOWN:
        if (is_time_to_probe_bw(tcb, env))
            start_refill(b);
        else if (is_time_to_cruise(tcb, env, n->pipe))
            b->phase = BBR_PROBE_BW_CRUISE;
        break;
    case BBR_PROBE_BW_CRUISE:
        if (is_time_to_probe_bw(tcb, env))
            start_refill(b);
        break;
    case BBR_PROBE_BW_REFILL:
        /* after one round of a full pipe, what is seen is of the path and not of us */
        if (b->round_start) {
            b->bw_probe_samples = true;
            start_up(tcb, rs->rate, n->rate.now);
        }
        break;
    case BBR_PROBE_BW_UP:
        if (is_time_to_go_down(tcb, rs))
            start_down(tcb, n->rate.now);
        break;
    default:
        break;
    }
}

/* ---- Startup and Drain ---- */

/* BBRCheckFullBWReached(): three rounds have not brought a quarter more. */
static void
check_full_bw(struct bbr *b, const struct rate_sample *rs)
{
    if (b->full_bw_now || !b->round_start || rs->app_limited || rs->rate == 0)
        return;
    if (rs->rate >= b->full_bw + b->full_bw / 4) {
        estab_bbr_reset_full_bw(b, rs->rate);
        return;
    }
    b->full_bw_count++;
    b->full_bw_now = b->full_bw_count >= BBR_FULL_BW_COUNT;
    b->full_bw_reached |= b->full_bw_now;
}

static void
end_startup_at(struct tcb *tcb, const struct tcp_env *env)
{
    struct bbr *b = tcb->ca.bbr;

    b->full_bw_reached = true;
    b->inflight_longterm =
        bbr_most(estab_bbr_bdp(tcb, env, bbr_max_bw(b), 100), b->inflight_latest);
}

/* BBRCheckStartupHighLoss(): a whole round in fast recovery, more lost in it than the threshold, and
 * that in at least six places: no burst of bad luck. */
static void
check_startup(struct tcb *tcb, const struct tcp_env *env, const struct rate_sample *rs)
{
    struct bbr *b = tcb->ca.bbr;

    if (!b->full_bw_reached && b->loss_round_start && tcb->recovery == RECOVERY_FAST &&
        b->loss_events_in_round >= BBR_FULL_LOSS_COUNT && bbr_is_inflight_too_high(rs))
        end_startup_at(tcb, env);
    if (b->loss_round_start)
        b->loss_events_in_round = 0;
    if (b->phase == BBR_STARTUP && b->full_bw_reached)
        b->phase = BBR_DRAIN;
}

/* ---- ProbeRTT ---- */

/* BBRSaveCwnd(), BBRRestoreCwnd() */
static void
save_cwnd(struct tcb *tcb)
{
    struct bbr *b = tcb->ca.bbr;

    if (!b->in_recovery && b->phase != BBR_PROBE_RTT)
        b->prior_cwnd = tcb->cwnd;
    else
        b->prior_cwnd = bbr_most(b->prior_cwnd, tcb->cwnd);
}

static void
restore_cwnd(struct tcb *tcb)
{
    tcb->cwnd = bbr_most(tcb->cwnd, tcb->ca.bbr->prior_cwnd);
}

static uint32_t
probe_rtt_cwnd(const struct tcb *tcb, const struct tcp_env *env)
{
    return bbr_most(estab_bbr_bdp(tcb, env, tcb->ca.bbr->bw, BBR_PROBE_RTT_CWND_GAIN),
                    bbr_min_pipe_cwnd(tcb));
}

/* BBRCheckProbeRTTDone(), BBRExitProbeRTT() */
static void
check_probe_rtt_done(struct tcb *tcb, uint32_t now)
{
    struct bbr *b = tcb->ca.bbr;

    if (!b->probe_rtt_timed || (int32_t)(now - b->probe_rtt_done_at) <= 0)
        return;
    b->probe_rtt_min_at = now;
    restore_cwnd(tcb);
    estab_bbr_reset_shortterm(b);
    if (b->full_bw_reached) {
        start_down(tcb, now);
        b->phase = BBR_PROBE_BW_CRUISE;
    } else {
        b->phase = BBR_STARTUP;
    }
}

/* BBRCheckProbeRTT(), BBRHandleProbeRTT() */
static void
check_probe_rtt(struct tcb *tcb, const struct tcp_env *env, bool expired, const struct cc_news *n)
{
    struct bbr *b = tcb->ca.bbr;

    if (b->phase != BBR_PROBE_RTT && expired && !b->idle_restart) {
        save_cwnd(tcb);
        b->phase = BBR_PROBE_RTT;
        b->probe_rtt_timed = false;
        b->ack_phase = BBR_ACKS_PROBE_STOPPING;
        estab_bbr_start_round(b);
    }
    if (b->phase == BBR_PROBE_RTT) {
        estab_rate_dry(&b->rate, n->pipe); /* what is seen now is not what the path could do */
        if (!b->probe_rtt_timed && n->pipe <= probe_rtt_cwnd(tcb, env)) {
            b->probe_rtt_timed = true;
            b->probe_rtt_done_at = n->rate.now + BBR_PROBE_RTT_DURATION;
            b->probe_rtt_round_done = false;
            estab_bbr_start_round(b);
        } else if (b->probe_rtt_timed) {
            b->probe_rtt_round_done |= b->round_start;
            if (b->probe_rtt_round_done)
                check_probe_rtt_done(tcb, n->rate.now);
        }
    }
    if (n->rate.delivered > 0)
        b->idle_restart = false;
}

/* ---- what comes of it ---- */

static void
set_pacing_rate(struct tcb *tcb)
{
    static const uint16_t gain[] = {
        [BBR_STARTUP] = BBR_STARTUP_PACING_GAIN,
        [BBR_DRAIN] = BBR_DRAIN_PACING_GAIN,
        [BBR_PROBE_BW_DOWN] = BBR_DOWN_PACING_GAIN,
        [BBR_PROBE_BW_CRUISE] = 100,
        [BBR_PROBE_BW_REFILL] = 100,
        [BBR_PROBE_BW_UP] = BBR_UP_PACING_GAIN,
        [BBR_PROBE_RTT] = 100,
    };
    const struct bbr *b = tcb->ca.bbr;
    uint64_t rate = estab_muldiv64(b->bw, gain[b->phase] * BBR_PACING_MARGIN, 100 * 100);

    if (rate > 0 && (b->full_bw_reached || rate > tcb->pacing_rate))
        tcb->pacing_rate = rate;
}

/* BBRBoundCwndForModel() */
static uint32_t
model_bound(const struct tcb *tcb)
{
    const struct bbr *b = tcb->ca.bbr;
    uint32_t cap = BBR_INFINITE;

    if (b->phase == BBR_PROBE_BW_CRUISE || b->phase == BBR_PROBE_RTT)
        cap = estab_bbr_inflight_with_headroom(tcb);
    else if (bbr_is_in_probe_bw(b))
        cap = b->inflight_longterm;
    return bbr_most(bbr_least(cap, b->inflight_shortterm), bbr_min_pipe_cwnd(tcb));
}

static void
set_cwnd(struct tcb *tcb, const struct tcp_env *env, uint32_t acked)
{
    const struct bbr *b = tcb->ca.bbr;
    uint32_t gain = b->phase == BBR_PROBE_BW_UP ? BBR_UP_CWND_GAIN
                    : b->phase == BBR_PROBE_RTT ? BBR_PROBE_RTT_CWND_GAIN
                                                : BBR_CWND_GAIN;
    uint32_t extra = bbr_most(b->extra_acked[0], b->extra_acked[1]);
    uint32_t max_inflight = estab_bbr_quantized(tcb, estab_bbr_bdp(tcb, env, b->bw, gain) + extra);
    uint32_t cwnd = tcb->cwnd;

    if (b->full_bw_reached)
        cwnd = bbr_least(cwnd + acked, max_inflight);
    else if (cwnd < max_inflight || b->rate.delivered < estab_cc_initial_window(tcb, env))
        cwnd += acked;
    cwnd = bbr_most(cwnd, bbr_min_pipe_cwnd(tcb));
    if (b->phase == BBR_PROBE_RTT) /* BBRBoundCwndForProbeRTT() */
        cwnd = bbr_least(cwnd, probe_rtt_cwnd(tcb, env));
    tcb->cwnd = bbr_least(bbr_least(cwnd, model_bound(tcb)), CC_CWND_MAX);
}

/* BBRUpdateModelAndState(), BBRUpdateControlParameters() */
static void
bbr_model(struct tcb *tcb, struct tcp_env *env, const struct cc_news *n)
{
    struct bbr *b = tcb->ca.bbr;
    struct rate_sample rs;
    bool expired;

    if (b == NULL)
        return;
    if (tcb->recovery == RECOVERY_NONE)
        b->undo_saved = false;
    estab_rate_delivered(&b->rate, &n->rate, b->min_rtt != BBR_INFINITE ? b->min_rtt : 0, &rs);
    estab_bbr_update_round(b, &rs);
    estab_bbr_update_congestion(tcb, &rs);
    estab_bbr_update_aggregation(tcb, n->rate.now, n->rate.delivered);
    check_full_bw(b, &rs);
    check_startup(tcb, env, &rs);
    if (b->phase == BBR_DRAIN && n->pipe <= inflight_at(tcb, env, bbr_max_bw(b), 100))
        start_down(tcb, n->rate.now);
    update_cycle(tcb, env, &rs, n);
    expired = n->rate.now - b->probe_rtt_min_at > BBR_PROBE_RTT_INTERVAL;
    estab_bbr_update_min_rtt(b, n->rate.rtt, n->rate.now);
    check_probe_rtt(tcb, env, expired, n);
    estab_bbr_advance_signals(b, &rs);
    b->bw = bbr_max_bw(b) < b->bw_shortterm ? bbr_max_bw(b) : b->bw_shortterm;
    set_pacing_rate(tcb);
    if (n->rate.delivered > 0)
        set_cwnd(tcb, env, n->rate.delivered);
}

/* ---- what else happens ---- */

/* BBROnInit() */
static bool
bbr_begin(struct tcb *tcb, struct tcp_env *env)
{
    struct bbr *b;
    uint32_t rtt = tcb->srtt / 8;

    if (!tcb->sack)
        return false;
    b = estab_chunks_get(env->chunks, BBR_SIZE);
    if (b == NULL)
        return false;
    memset(b, 0, sizeof(*b));
    tcb->ca.bbr = b;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_MODEL, BBR_SIZE);
    estab_bbr_reset_shortterm(b);
    b->inflight_longterm = BBR_INFINITE;
    b->probe_up_cnt = BBR_INFINITE;
    b->probe_rtt_min = BBR_INFINITE;
    b->min_rtt = rtt > 0 ? rtt : BBR_INFINITE;
    b->min_rtt_at = bbr_now(env);
    b->probe_rtt_min_at = b->min_rtt_at;
    b->cycle_at = b->min_rtt_at;
    b->extra_acked_at = b->min_rtt_at;
    b->rate.delivered_at = b->min_rtt_at;
    /* BBRInitPacingRate(): the window there is in a round trip, or in a millisecond */
    tcb->pacing_rate = estab_muldiv64((uint64_t)tcb->cwnd * BBR_STARTUP_PACING_GAIN,
                                      BBR_SECOND / 100, rtt > 0 ? rtt : 1000);
    return true;
}

static void
bbr_release(struct tcb *tcb, struct tcp_env *env)
{
    if (tcb->ca.bbr == NULL)
        return;
    estab_chunks_put(env->chunks, tcb->ca.bbr, BBR_SIZE);
    tcb->ca.bbr = NULL;
    tcb->pacing_rate = 0;
    tcb->paced = false;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_MODEL, -(int64_t)BBR_SIZE);
}

/* BBRHandleRestartFromIdle() */
static void
restart_from_idle(struct tcb *tcb, uint32_t now)
{
    struct bbr *b = tcb->ca.bbr;

    b->idle_restart = true;
    b->extra_acked_at = now;
    if (bbr_is_in_probe_bw(b) && b->bw > 0)
        tcb->pacing_rate = estab_muldiv64(b->bw, BBR_PACING_MARGIN, 100);
    else if (b->phase == BBR_PROBE_RTT)
        check_probe_rtt_done(tcb, now);
    if (tcb->pacing_rate == 0)
        tcb->pacing_rate = 1;
}

/* BBROnTransmit() */
static void
bbr_sent(struct tcb *tcb, struct tcp_env *env, uint32_t octets)
{
    struct bbr *b = tcb->ca.bbr;
    uint32_t pipe, rtt;

    if (b == NULL) {
        if (!bbr_begin(tcb, env)) {
            tcb->cc = &estab_cc_cubic;
            return;
        }
        b = tcb->ca.bbr;
    }
    pipe = estab_tcp_pipe(tcb);
    if (pipe == 0 && b->rate.app_limited)
        restart_from_idle(tcb, bbr_now(env));
    b->limited |= pipe + octets + tcb->smss > tcb->cwnd;
    rtt = bbr_most(tcb->srtt / 8, b->min_rtt != BBR_INFINITE ? b->min_rtt : 0);
    estab_rate_sent(&b->rate, bbr_now(env), pipe, octets, rtt / 32);
}

/* CheckIfApplicationLimited(): nothing waits to be sent, new or again, and cwnd would let more go. */
static void
bbr_dry(struct tcb *tcb)
{
    struct bbr *b = tcb->ca.bbr;
    uint32_t pipe = estab_tcp_pipe(tcb);

    if (b != NULL && pipe < tcb->cwnd && (tcb->flight == NULL || tcb->flight->sb.lost == 0))
        estab_rate_dry(&b->rate, pipe);
}

/* BBRHandleLostPacket() */
static void
bbr_lost(struct tcb *tcb, const struct tcp_env *env, const struct cc_loss *loss)
{
    struct bbr *b = tcb->ca.bbr;
    uint32_t size = loss->right - loss->left;
    struct rate_sample rs;
    bool known;

    if (b == NULL)
        return;
    if (!b->undo_saved)
        estab_bbr_save_state(b);
    b->undo_saved = true;
    known = estab_rate_lost(&b->rate, loss->at, size, &rs);
    estab_bbr_note_loss(b);
    if (b->loss_events_in_round == 0 || loss->left != b->loss_end)
        b->loss_events_in_round = (uint8_t)bbr_least(b->loss_events_in_round + 1u, UINT8_MAX);
    b->loss_end = loss->right;
    if (!known || !b->bw_probe_samples || !bbr_is_inflight_too_high(&rs))
        return;
    rs.tx_in_flight = estab_bbr_inflight_at_loss(&rs, size);
    handle_inflight_too_high(tcb, env, &rs);
}

/*
 * A mark of RFC 3168, at most one in a round, is answered as a loss is (RFC3168-6.1.2-CUT): in the
 * rounds in between through the short-term bounds, while a probe for bandwidth is judged by its end,
 * and in Startup, where a mark in each of two rounds says that the path is full.
 */
static void
marked(struct tcb *tcb, const struct tcp_env *env)
{
    struct bbr *b = tcb->ca.bbr;
    struct rate_sample rs = { .tx_in_flight = estab_tcp_pipe(tcb) };

    estab_bbr_note_loss(b);
    if (b->bw_probe_samples)
        handle_inflight_too_high(tcb, env, &rs);
    if (b->marked_rounds == 0 || b->round_count - b->marked_round > 1)
        b->marked_rounds = 1;
    else if (b->round_count != b->marked_round)
        b->marked_rounds = (uint8_t)bbr_least(b->marked_rounds + 1u, BBR_FULL_MARK_COUNT);
    b->marked_round = b->round_count;
    if (!b->full_bw_reached && b->marked_rounds >= BBR_FULL_MARK_COUNT)
        end_startup_at(tcb, env);
}

/* BBRHandleSpuriousLossDetection(): back to where we were, if that was a probe. The draft leaves
 * full_bw_reached alone; but it was the losses, which were none, that said so. */
static void
handle_spurious_loss(struct tcb *tcb, const struct tcp_env *env)
{
    struct bbr *b = tcb->ca.bbr;

    restore_cwnd(tcb);
    if (b->undo_bw_shortterm == 0)
        return; /* never saved */
    estab_bbr_restore_bounds(b);
    if (b->phase == BBR_PROBE_RTT || b->phase == b->undo_phase)
        return;
    if (b->undo_phase == BBR_STARTUP) {
        b->full_bw_reached = false;
        b->phase = BBR_STARTUP;
    } else if (b->undo_phase == BBR_PROBE_BW_UP) {
        b->bw_probe_samples = true;
        start_up(tcb, 0, bbr_now(env));
    }
}

static void
bbr_recovery(struct tcb *tcb, const struct tcp_env *env, enum cc_recovery what)
{
    struct bbr *b = tcb->ca.bbr;

    if (b == NULL)
        return;
    switch (what) {
    case CC_RECOVERY_BEGINS:  /* BBROnEnterFastRecovery(): for what has left, one may go */
    case CC_RECOVERY_TIMEOUT: /* BBROnEnterRTO() */
        save_cwnd(tcb);
        b->in_recovery = true;
        tcb->cwnd = estab_tcp_pipe(tcb) + tcb->smss;
        break;
    case CC_RECOVERY_ENDS:
        b->in_recovery = false;
        restore_cwnd(tcb);
        break;
    case CC_RECOVERY_UNDONE:
        b->in_recovery = false;
        handle_spurious_loss(tcb, env);
        break;
    case CC_MARKED:
        marked(tcb, env);
        break;
    }
}

/* Before the model has its memory, and where others ask: Reno's. */
static void
bbr_acked(struct tcb *tcb, const struct tcp_env *env, uint32_t acked)
{
    estab_cc_reno.acked(tcb, env, acked);
}

static uint32_t
bbr_ssthresh(struct tcb *tcb, uint32_t flight)
{
    return estab_cc_reno.ssthresh_after_loss(tcb, flight);
}

const struct cc_ops estab_cc_bbr = {
    .acked = bbr_acked,
    .ssthresh_after_loss = bbr_ssthresh,
    .sent = bbr_sent,
    .model = bbr_model,
    .dry = bbr_dry,
    .lost = bbr_lost,
    .recovery = bbr_recovery,
    .release = bbr_release,
};
