/* SPDX-License-Identifier: MIT */
/*
 * RACK-TLP (RFC 8985) and PRR (RFC 9937) over the scoreboard; see rack.h. The time at which
 * segments were sent tells what is lost: a segment is, when one sent later has arrived and the
 * reordering window has passed. A probe at the end of a flight replaces most timeouts. Called from
 * ack.c, emit.c, loss.c and timeouts.c.
 */
#include "tcp/rack.h"

#include "tcp/cc.h"
#include "tcp/cwnd_validation.h"
#include "tcp/path_mtu.h"
#include "tcp/undo.h"

#include <string.h>

#define US 1000 /* nanoseconds */
#define DUP_THRESH 3
#define MIN_RTT_LIFE 10000000u /* microseconds: a longer path is noticed after 10 s */
#define MAX_ACK_DELAY ESTAB_MS(200)
#define PTO_MIN                                                                                    \
    ESTAB_MS(1) /* a round trip within the host takes no time: that is no reason to probe */

static uint32_t
now_us(const struct tcp_env *env)
{
    return (uint32_t)(uint64_t)(env->now / US);
}

static uint32_t
runs_in(uint32_t size)
{
    return (uint32_t)((size - sizeof(struct flight)) / sizeof(struct sent_run));
}

static void
take_flight(struct tcb *tcb, struct tcp_env *env)
{
    struct flight *f = estab_chunks_get(env->chunks, FLIGHT_SIZE_MIN);

    if (f == NULL)
        return;
    memset(f, 0, sizeof(*f));
    f->size = FLIGHT_SIZE_MIN;
    f->fack = tcb->snd_una;
    f->by_number = !env->cfg->rack;
    estab_scoreboard_init(&f->sb, f->run, runs_in(FLIGHT_SIZE_MIN));
    tcb->flight = f;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_SCOREBOARD, FLIGHT_SIZE_MIN);
}

void
estab_rack_release(struct tcb *tcb, struct tcp_env *env)
{
    uint32_t size;

    if (tcb->flight == NULL)
        return;
    size = tcb->flight->size;
    estab_chunks_put(env->chunks, tcb->flight, size);
    tcb->flight = NULL;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_SCOREBOARD, -(int64_t)size);
}

/* A full scoreboard doubles, up to its limit; without memory it stays and rounds. */
static void
grow(struct tcb *tcb, struct tcp_env *env)
{
    struct flight *f = tcb->flight, *bigger;

    if (!scoreboard_is_full(&f->sb) || f->size >= FLIGHT_SIZE_MAX)
        return;
    bigger = estab_chunks_get(env->chunks, f->size * 2);
    if (bigger == NULL)
        return;
    memcpy(bigger, f, f->size);
    bigger->size = f->size * 2;
    bigger->sb.run = bigger->run;
    bigger->sb.max = runs_in(bigger->size);
    estab_chunks_put(env->chunks, f, f->size);
    tcb->flight = bigger;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_SCOREBOARD, (int64_t)bigger->size / 2);
}

void
estab_rack_sent(struct tcb *tcb, struct tcp_env *env, tcp_seq seq, tcp_seq end, bool fresh)
{
    uint32_t at = now_us(env);

    if (!tcb->sack)
        return;
    if (tcb->flight == NULL) {
        /* Only a flight seen from its first segment is known well enough. */
        if (!fresh || tcb->snd_una != tcb->snd_nxt)
            return;
        take_flight(tcb, env);
        if (tcb->flight == NULL)
            return;
    }
    grow(tcb, env);
    /* RFC 8985 §6.1, §4.2: Segment.xmit_ts, finer than min_RTT/4 (RFC8985-4.2), and fine enough for
     * the thresholds of RFC 9406. */
    if (!fresh)
        estab_scoreboard_sent_again(&tcb->flight->sb, tcb->snd_una, seq, seq_min(end, tcb->snd_nxt),
                                    at);
    if (seq_gt(end, tcb->snd_nxt))
        estab_scoreboard_sent(&tcb->flight->sb, tcb->snd_una, end, at, tcb->min_rtt / 32);
    if (tcb->recovery == RECOVERY_FAST)
        tcb->flight->prr_out += end - seq;
}

/* Step 1: the shortest round trip of the last while. */
static void
update_min_rtt(struct tcb *tcb, uint32_t rtt, uint32_t now)
{
    if (tcb->min_rtt != 0 && rtt > tcb->min_rtt && now - tcb->min_rtt_at < MIN_RTT_LIFE)
        return;
    tcb->min_rtt = rtt > 0 ? rtt : 1;
    tcb->min_rtt_at = now;
}

/* Step 2: is it the last sent of all that have arrived? */
static void
update_segment(struct flight *f, uint32_t at, tcp_seq end, uint32_t now)
{
    f->rack_rtt = now - at;
    if (f->rack_valid && !sent_after(at, end, f->rack_at, f->rack_end))
        return;
    f->rack_at = at;
    f->rack_end = end;
    f->rack_valid = true;
}

/* Of something sent twice, and the second time at `at`, nobody knows which copy has arrived
 * (RFC8985-6.2-2). */
static bool
answers_first_copy(const struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg,
                   uint32_t at, tcp_seq end)
{
    uint32_t age = now_us(env) - at;

    if (age < tcb->min_rtt)
        return true;
    /* Beyond a hole TSecr tells of the segment before the hole (RFC 7323 §4.3), and nothing of this. */
    if (tcb->timestamps && seg->has_ts && seq_leq(end, tcb->snd_una)) {
        uint32_t ticks = (uint32_t)((uint64_t)age * US / (uint64_t)env->cfg->timestamp_tick);

        return seq_lt(seg->ts_ecr, estab_tcp_ts_now(tcb, env) - ticks - 1);
    }
    return false;
}

static void
update(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg,
       const struct delivered *d, struct rate_news *news)
{
    struct flight *f = tcb->flight;
    uint32_t now = now_us(env);
    bool again = d->again && !answers_first_copy(tcb, env, seg, d->again_at, d->again_end);

    if (d->once) {
        news->has_at = true;
        news->at = d->once_at;
        news->rtt = now - d->once_at;
        update_min_rtt(tcb, now - d->once_at, now);
        cc_rtt(tcb, now - d->once_at);
        /* Step 3: what was sent once and stands below the highest delivered has been overtaken
         * (RFC8985-6.2-3). */
        if (seq_lt(d->once_lowest_end, f->fack))
            tcb->reordering_seen = true;
        update_segment(f, d->once_at, d->once_end, now);
    }
    if (again) {
        if (!news->has_at || (int32_t)(d->again_at - news->at) > 0)
            news->at = d->again_at;
        news->has_at = true;
        update_segment(f, d->again_at, d->again_end, now);
    }
    /* in ascending order of the time sent, so that RACK.rtt is that of the later one */
    if (again && d->once && sent_after(d->once_at, d->once_end, d->again_at, d->again_end))
        f->rack_rtt = now - d->once_at;
    if (d->octets > 0 && seq_gt(d->highest_end, f->fack))
        f->fack = d->highest_end;
}

/* Step 4 */
static uint32_t
reordering_window(const struct tcb *tcb)
{
    uint32_t srtt = tcb->srtt / 8, wnd;

    if (!tcb->reordering_seen && (tcb->recovery != RECOVERY_NONE ||
                                  tcb->flight->sb.sacked >= DUP_THRESH * (uint32_t)tcb->smss))
        return 0;
    wnd = (tcb->reo_wnd_steps + 1u) * (tcb->min_rtt / 4);
    return wnd < srtt ? wnd : srtt;
}

/* D-SACK: something was sent again for nothing; the window was too small (RFC 8985 §6.2, step 4). */
static void
count_dsack(struct tcb *tcb)
{
    struct flight *f = tcb->flight;

    if (f->in_dsack_round && seq_lt(tcb->snd_una, f->dsack_round))
        return;
    f->in_dsack_round = true;
    f->dsack_round = tcb->snd_nxt;
    if (tcb->reo_wnd_steps < 63)
        tcb->reo_wnd_steps++;
    tcb->reo_wnd_persist = 16;
}

void
estab_rack_lose(struct tcb *tcb, const struct tcp_env *env, uint32_t i)
{
    struct scoreboard *sb = &tcb->flight->sb;
    struct cc_loss loss = { .left = run_start(sb, tcb->snd_una, i),
                            .right = sb->run[i].end,
                            .at = sb->run[i].at };

    estab_scoreboard_mark_lost(sb, tcb->snd_una, i);
    if (tcb->cc->lost != NULL)
        tcb->cc->lost(tcb, env, &loss);
}

/* Step 5: marks what is lost (RFC8985-6.2-5); how long until more may be, 0: nothing waits. */
static uint32_t
detect_loss(struct tcb *tcb, const struct tcp_env *env)
{
    struct flight *f = tcb->flight;
    uint32_t now = now_us(env), timeout = 0, i, wnd;

    if (!RULE(env, rack))
        return 0;
    if (f->by_number) {
        estab_sack_detect_loss(tcb, env);
        return 0;
    }
    if (!f->rack_valid)
        return 0;
    wnd = reordering_window(tcb);
    for (i = 0; i < f->sb.n; i++) {
        const struct sent_run *r = &f->sb.run[i];
        int32_t remaining;

        if (r->fate & (RUN_SACKED | RUN_LOST) ||
            !sent_after(f->rack_at, f->rack_end, r->at, r->end))
            continue;
        remaining = (int32_t)(r->at + f->rack_rtt + wnd - now);
        if (remaining <= 0)
            estab_rack_lose(tcb, env, i);
        else if ((uint32_t)remaining > timeout)
            timeout = (uint32_t)remaining;
    }
    return timeout;
}

static void
enter_recovery(struct tcb *tcb, struct tcp_env *env, uint32_t newly_acked, uint32_t newly_sacked)
{
    struct flight *f = tcb->flight;

    estab_undo_remember(tcb, env, false);
    estab_cc_lost(tcb, env);
    /* RFC 6675 §5 (RFC6675-5-ONCE): one reduction for all that is lost of one window. */
    tcb->recover = tcb->snd_nxt;
    tcb->recovery = RECOVERY_FAST;
    if (cc_has_model(tcb))
        tcb->cc->recovery(tcb, env, CC_RECOVERY_BEGINS);
    else
        estab_cc_reduce(tcb, estab_cc_flight_at_loss(tcb), true);
    /* RFC 9937 §6.1 (RFC9937-6.1) */
    f->prr_delivered = 0;
    f->prr_out = 0;
    f->recover_fs = flight_size(tcb) - (f->sb.sacked - newly_sacked) + newly_acked;
    /* RFC 8985 §7.1 */
    f->probe_out = false;
    /* RFC 6675 §5 (4.3) */
    f->rescued = false;
    f->rescue_rxt = tcb->snd_una + tcb->smss;
    tcb->rtt_timing = false;
    estab_tcp_explain(tcb, env, ESTAB_RECOVERY_LOSS);
}

static void
leave_recovery(struct tcb *tcb, const struct tcp_env *env)
{
    /* RFC 9937 §6.4 (RFC9937-6.4): cwnd = ssthresh */
    if (cc_has_model(tcb))
        tcb->cc->recovery(tcb, env, CC_RECOVERY_ENDS);
    else if (tcb->recovery == RECOVERY_FAST)
        tcb->cwnd = tcb->ssthresh;
    tcb->recovery = RECOVERY_NONE;
    tcb->bytes_acked = 0;
    estab_cwv_recovered(tcb);
    /* RFC 8985 §6.2, step 4: the larger window lasts for 16 recoveries. */
    if (tcb->reo_wnd_persist > 0 && --tcb->reo_wnd_persist == 0)
        tcb->reo_wnd_steps = 0;
    estab_tcp_explain(tcb, env, ESTAB_RECOVERY_OVER);
}

/* RFC 9937 §6.2: what may be sent for what this ACK says has left the network. */
static void
reduce_proportionally(struct tcb *tcb, uint32_t delivered, bool safe)
{
    struct flight *f = tcb->flight;
    uint32_t pipe = flight_pipe(tcb);
    int64_t count;

    if (delivered == 0)
        return; /* (RFC9937-6.2-CWND) */
    f->prr_delivered += delivered;
    if (pipe > tcb->ssthresh) {
        /* Proportional (RFC9937-6.2-PRR): CEIL(prr_delivered * ssthresh / RecoverFS) - prr_out */
        uint64_t due =
            ((uint64_t)f->prr_delivered * tcb->ssthresh + f->recover_fs - 1) / f->recover_fs;

        count = (int64_t)due - f->prr_out;
    } else {
        /* (RFC9937-6.2-RB) MAX(prr_delivered - prr_out, DeliveredData), and one SMSS more when
         * the ACK shows progress without new loss; up to ssthresh. */
        count = (int64_t)f->prr_delivered - f->prr_out;
        if (count < delivered)
            count = delivered;
        if (safe)
            count += tcb->smss;
        if (count > (int64_t)tcb->ssthresh - pipe)
            count = (int64_t)tcb->ssthresh - pipe;
    }
    /* (RFC9937-6.2-FR) the fast retransmit goes out in any case */
    if (f->prr_out == 0 && count < tcb->smss)
        count = tcb->smss;
    tcb->cwnd = pipe + (count > 0 ? (uint32_t)count : 0);
}

/* RFC 8985 §7.4: what the answer to a loss probe says (RFC8985-7.4). */
static void
judge_probe(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg, bool moved_una,
            bool dsack)
{
    struct flight *f = tcb->flight;

    if (!f->probe_out || seq_lt(seg->ack, f->probe_end))
        return;
    if (!f->probe_again || (dsack && seg->sack[0][1] == f->probe_end)) {
        f->probe_out = false;
    } else if (seq_gt(seg->ack, f->probe_end)) {
        /* the probe has repaired a loss that nobody else has seen: answer it all the same */
        f->probe_out = false;
        estab_cc_lost(tcb, env);
        if (cc_has_model(tcb)) {
            tcb->cc->recovery(tcb, env, CC_MARKED);
        } else {
            estab_cc_reduce(tcb, f->probe_flight, false);
            if (tcb->cwnd > tcb->ssthresh)
                tcb->cwnd = tcb->ssthresh;
        }
        estab_tcp_explain(tcb, env, ESTAB_RECOVERY_PROBE_REPAIRED);
    } else if (!moved_una && seg->sack_blocks == 0 && seg->len == 0) {
        f->probe_out = false;
    }
}

static void
arm_reorder(struct tcb *tcb, const struct tcp_env *env, uint32_t timeout)
{
    if (timeout > 0) {
        tcb->timer_kind = TIMER_REORDER;
        tcb->rtx_at = env->now + (estab_time)timeout * US;
    } else if (tcb->timer_kind == TIMER_REORDER) {
        estab_tcp_arm_rtx(tcb, env);
    }
}

/* One block of the option; D-SACK is told by where it stands: below the acknowledgment of its own
 * segment, for SND.UNA may have moved on since, or within the second block (RFC 2883 §4). */
static bool
is_dsack(const struct tcp_seg *seg, unsigned i)
{
    return i == 0 && (seq_leq(seg->sack[0][1], seg->ack) ||
                      (seg->sack_blocks > 1 && seq_geq(seg->sack[0][0], seg->sack[1][0]) &&
                       seq_leq(seg->sack[0][1], seg->sack[1][1])));
}

static void
tell_model(struct tcb *tcb, struct tcp_env *env, struct cc_news *news, uint32_t delivered)
{
    if (LIKELY(tcb->cc->model == NULL) || delivered == 0)
        return;
    news->rate.delivered = delivered;
    news->pipe = flight_pipe(tcb);
    tcb->cc->model(tcb, env, news);
}

void
estab_rack_ack(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg, tcp_seq old,
               struct delivered *d)
{
    struct flight *f = tcb->flight;
    bool moved = tcb->snd_una != old, dsack = false;
    struct cc_news news = { .rate.now = now_us(env) };
    uint32_t lost_before, timeout, acked;
    unsigned i;

    if (f == NULL)
        return;
    if (moved)
        estab_scoreboard_acked(&f->sb, old, tcb->snd_una, d);
    acked = d->octets;
    for (i = 0; i < seg->sack_blocks; i++) {
        tcp_seq left = seg->sack[i][0], right = seg->sack[i][1];

        if (is_dsack(seg, i)) {
            dsack = true;
            estab_undo_dsack(tcb, left, right);
            continue;
        }
        /* A block must lie in what is on the way (RFC 2018 §5); the rest of it is of no use. */
        if (!seq_lt(left, right) || seq_leq(right, tcb->snd_una) || seq_gt(right, tcb->snd_nxt))
            continue;
        grow(tcb, env);
        f = tcb->flight;
        (void)estab_scoreboard_sacked(&f->sb, tcb->snd_una, seq_max(left, tcb->snd_una), right, d);
    }
    update(tcb, env, seg, d, &news.rate);
    judge_probe(tcb, env, seg, moved, dsack);
    if (tcb->recovery != RECOVERY_NONE && seq_geq(tcb->snd_una, tcb->recover))
        leave_recovery(tcb, env);
    if (tcb->snd_una == tcb->snd_nxt) {
        tell_model(tcb, env, &news, d->octets);
        estab_rack_release(tcb, env);
        return;
    }
    if (dsack)
        count_dsack(tcb);
    lost_before = f->sb.lost;
    timeout = d->octets > 0 || dsack ? detect_loss(tcb, env) : 0;
    if (f->by_number)
        estab_sack_count_duplicate(tcb, env, moved, d->octets > acked);
    if (f->sb.lost > lost_before && tcb->recovery == RECOVERY_NONE &&
        !estab_path_mtu_probe_lost(tcb, env))
        enter_recovery(tcb, env, tcb->snd_una - old, d->octets - acked);
    tell_model(tcb, env, &news, d->octets);
    if (tcb->recovery == RECOVERY_FAST && !cc_has_model(tcb))
        reduce_proportionally(tcb, d->octets, moved && f->sb.lost <= lost_before);
    if (d->octets > 0 || dsack)
        arm_reorder(tcb, env, timeout);
    if (moved)
        estab_rack_schedule_probe(tcb, env);
}

bool
estab_rack_next_lost(const struct tcb *tcb, tcp_seq *left, tcp_seq *right)
{
    uint32_t len;

    if (tcb->flight == NULL || tcb->snd_wnd == 0 ||
        !estab_scoreboard_first_lost(&tcb->flight->sb, tcb->snd_una, tcb->smss, left, right))
        return false;
    len = *right - *left;
    /* (RFC8985-9.3, RFC2914-3) only as congestion control allows; the timeout's own always */
    return tcb->rto_fired || flight_pipe(tcb) + len <= tcb->cwnd;
}

void
estab_rack_reorder_timeout(struct tcb *tcb, struct tcp_env *env)
{
    struct flight *f = tcb->flight;
    uint32_t lost_before, timeout;

    estab_tcp_arm_rtx(tcb, env);
    if (f == NULL)
        return;
    lost_before = f->sb.lost;
    timeout = detect_loss(tcb, env);
    if (f->sb.lost > lost_before && tcb->recovery == RECOVERY_NONE &&
        !estab_path_mtu_probe_lost(tcb, env)) {
        enter_recovery(tcb, env, 0, 0);
        if (!cc_has_model(tcb))
            tcb->cwnd = flight_pipe(tcb) + tcb->smss; /* (RFC9937-6.2-FR) */
    }
    arm_reorder(tcb, env, timeout);
}

void
estab_rack_schedule_probe(struct tcb *tcb, const struct tcp_env *env)
{
    estab_time pto;

    /* RFC 8985 §7.2: not in recovery, not while something is SACKed; and §7.3: one probe at a
     * time, with an RTT sample since the last (RFC8985-7.3-ONE). */
    if (tcb->flight == NULL || tcb->flight->by_number || !RULE(env, loss_probe) ||
        tcb->recovery != RECOVERY_NONE || tcb->flight->sb.sacked > 0 || tcb->flight->probe_out ||
        !tcb->rtt_since_probe || tcb->ecn_waits || tcb->snd_wnd == 0 ||
        tcb->timer_kind != TIMER_RETRANSMIT || tcb->rtx_at == ESTAB_NEVER)
        return;
    pto = tcb->srtt > 0 ? (estab_time)(tcb->srtt / 4) * US : ESTAB_SEC(1);
    /* WCDelAckT for a segment alone, whose ACK may be delayed; there are stacks that delay that of a
     * FIN too. */
    if (flight_size(tcb) <= tcb->smss)
        pto += MAX_ACK_DELAY;
    if (pto < PTO_MIN)
        pto = PTO_MIN;
    if (env->now + pto >= tcb->rtx_at)
        return;
    tcb->timer_kind = TIMER_LOSS_PROBE;
    tcb->rtx_at = env->now + pto;
}

void
estab_rack_probe_timeout(struct tcb *tcb, struct tcp_env *env)
{
    /* RFC 8985 §7.3: the RTO follows, whatever comes of the probe (RFC8985-7.3-RTO). */
    estab_tcp_arm_rtx(tcb, env);
    if (tcb->flight == NULL || tcb->snd_una == tcb->snd_nxt)
        return;
    tcb->loss_probe_owed = true;
    tcb->rtt_since_probe = false;
}

void
estab_rack_retransmission_timeout(struct tcb *tcb, struct tcp_env *env)
{
    struct flight *f = tcb->flight;
    uint32_t now = now_us(env), i, wnd;

    if (f == NULL || f->sb.n == 0)
        return;
    f->probe_out = false;
    /* RFC 2018 §8: what stands at SND.UNA was not acknowledged though SACKed: the peer has dropped
     * it, and no SACK of its can be believed. */
    if (f->sb.run[0].fate & RUN_SACKED)
        estab_scoreboard_forget_sacks(&f->sb);
    /* RFC 8985 §6.3 (RFC8985-6.3): the first is lost; the others if they are old enough. Without
     * RACK all that is not SACKed (RFC6675-5.1-RTO). */
    wnd = reordering_window(tcb);
    for (i = 0; i < f->sb.n; i++) {
        const struct sent_run *r = &f->sb.run[i];

        if (r->fate & (RUN_SACKED | RUN_LOST))
            continue;
        if (i == 0 || f->by_number || (int32_t)(r->at + f->rack_rtt + wnd - now) <= 0)
            estab_rack_lose(tcb, env, i);
    }
}
