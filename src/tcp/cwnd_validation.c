/* SPDX-License-Identifier: MIT */
/* See cwnd_validation.h. Called from loss.c, rack.c, ecn.c, emit.c and undo.c. */
#include "tcp/cwnd_validation.h"

#include "tcp/cc.h"
#include "tcp/pacing.h"

#include <string.h>

#define US 1000 /* nanoseconds */

static void
take_record(struct tcb *tcb, struct tcp_env *env)
{
    uint32_t index;
    struct cwv *v = estab_pool_get(env->validations, &index);

    if (v == NULL)
        return;
    v->index = index;
    v->validated = true; /* §4.1: pipeACK is undefined */
    tcb->cwv = v;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_VALIDATION, (int64_t)env->validations->record_size);
}

void
estab_cwv_forget(struct tcb *tcb, struct tcp_env *env)
{
    if (tcb->cwv == NULL)
        return;
    estab_pool_put(env->validations, tcb->cwv->index);
    tcb->cwv = NULL;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_VALIDATION, -(int64_t)env->validations->record_size);
}

void
estab_cwv_reset(struct tcb *tcb)
{
    struct cwv *v = tcb->cwv;

    if (v == NULL)
        return;
    v->measuring = false;
    v->defined = false;
    v->validated = true;
    v->repairing = false;
}

/* §4.2: the sampling period is max(3 * RTT, 1 second). */
static estab_time
part_length(const struct tcb *tcb)
{
    estab_time period = 3 * (estab_time)(tcb->srtt / 8) * US;

    return (period > ESTAB_SEC(1) ? period : ESTAB_SEC(1)) / CWV_PARTS;
}

/* Samples older than the sampling period do not count any more. */
static void
drop_old_samples(const struct tcb *tcb, struct cwv *v, estab_time now)
{
    estab_time length = part_length(tcb);

    if (now - v->part_at >= CWV_PARTS * length) {
        memset(v->sample, 0, sizeof(v->sample));
        v->part_at = now;
        return;
    }
    while (now - v->part_at >= length) {
        memmove(v->sample + 1, v->sample, sizeof(v->sample) - sizeof(v->sample[0]));
        v->sample[0] = 0;
        v->part_at += length;
    }
}

static uint32_t
pipe_ack(const struct cwv *v)
{
    uint32_t most = 0;

    for (unsigned i = 0; i < CWV_PARTS; i++)
        most = v->sample[i] > most ? v->sample[i] : most;
    return most;
}

/*
 * §4.4.3 (RFC7661-4): for each non-validated period ssthresh remembers what was sustained, and half of cwnd goes:
 *   ssthresh = max(ssthresh, 3 * cwnd / 4), cwnd = max(cwnd / 2, IW)
 */
static void
pay_for_periods(struct tcb *tcb, const struct tcp_env *env)
{
    struct cwv *v = tcb->cwv;
    uint32_t least = estab_cc_restart_window(tcb, env);

    while (!v->validated && env->now - v->nvp_at >= CWV_NVP) {
        uint32_t sustained = (uint32_t)((uint64_t)tcb->cwnd * 3 / 4), half = tcb->cwnd / 2;

        if (tcb->cwnd <= least) {
            v->nvp_at = env->now;
            return;
        }
        v->nvp_at += CWV_NVP;
        if (tcb->ssthresh < sustained)
            tcb->ssthresh = sustained;
        tcb->cwnd = half > least ? half : least;
        estab_tcp_explain(tcb, env, ESTAB_RECOVERY_UNUSED);
    }
}

/* §4.3: validated: pipeACK >= cwnd / 2, or pipeACK is undefined. If that ends, it has at `since`. */
static void
judge(struct tcb *tcb, const struct tcp_env *env, estab_time since)
{
    struct cwv *v = tcb->cwv;
    bool was = v->validated;

    drop_old_samples(tcb, v, env->now);
    /* in whole segments, for no others leave */
    v->validated = !v->defined || pipe_ack(v) >= (tcb->cwnd - tcb->cwnd % tcb->smss) / 2;
    if (was && !v->validated)
        v->nvp_at = since;
    pay_for_periods(tcb, env);
    /* §4.4.2: no bursts at the speed of the line while nobody knows what the path takes */
    if (was != v->validated)
        estab_pace_follow(tcb);
}

/* A sample is what is acknowledged from one ACK until all is that was sent by the next (§4.2): a round
 * trip's worth, so that in slow start, where cwnd doubles meanwhile, it is half of cwnd. The last ACK may
 * cover a segment more. */
static void
measure(struct tcb *tcb, const struct tcp_env *env, uint32_t acked)
{
    struct cwv *v = tcb->cwv;
    uint32_t n;

    if (!v->measuring) {
        v->measuring = true;
        v->from = tcb->snd_una - acked;
        v->mark = tcb->snd_nxt;
    }
    if (seq_lt(tcb->snd_una, v->mark))
        return;
    if (!v->defined) {
        memset(v->sample, 0, sizeof(v->sample));
        v->part_at = env->now;
        v->defined = true;
    }
    drop_old_samples(tcb, v, env->now);
    n = seq_min(tcb->snd_una, v->mark + 2u * tcb->smss) - v->from;
    if (n > v->sample[0])
        v->sample[0] = n;
    v->measuring = false;
    judge(tcb, env, env->now);
}

bool
estab_cwv_acked(struct tcb *tcb, struct tcp_env *env, uint32_t acked)
{
    uint32_t used = flight_size(tcb) + acked;

    if (tcb->cwv == NULL && tcb->cwnd > estab_cc_initial_window(tcb, env))
        take_record(tcb, env);
    if (tcb->cwv == NULL)
        return (uint64_t)used * 2 >= tcb->cwnd;
    measure(tcb, env, acked);
    /* §4.4 (RFC7661-4): not validated, it grows only where it was used up (§4.5.3: nearly) */
    return tcb->cwv->validated || used + tcb->smss > tcb->cwnd;
}

void
estab_cwv_resume(struct tcb *tcb, struct tcp_env *env)
{
    judge(tcb, env, tcb->last_sent_at);
    if (tcb->cwnd <= estab_cc_restart_window(tcb, env)) {
        tcb->cwv->validated = true;
        estab_pace_follow(tcb);
        estab_cwv_forget(tcb, env);
    }
}

uint32_t
estab_cwv_congestion(struct tcb *tcb, uint32_t flight, bool repair, uint32_t *most)
{
    struct cwv *v = tcb->cwv;
    uint32_t used = pipe_ack(v);
    bool unvalidated = !v->validated;

    estab_cwv_reset(tcb);
    if (!unvalidated)
        return flight;
    /* §4.4.1: cwnd = max(pipeACK, LossFlightSize) / 2, for what cwnd was says nothing */
    if (used < flight)
        used = flight;
    if (used < tcb->cwnd)
        tcb->cwnd = used > tcb->smss ? used : tcb->smss;
    *most = used / 2;
    if (repair) {
        v->repairing = true;
        v->used = used;
        v->again = 0;
        v->again_end = tcb->snd_una;
    }
    return used;
}

void
estab_cwv_sent_again(struct tcb *tcb, tcp_seq seq, tcp_seq end)
{
    struct cwv *v = tcb->cwv;

    /* R does not count what is sent a third time (§4.4.1); losses are repaired in ascending order */
    if (v == NULL || !v->repairing || seq_leq(end, v->again_end))
        return;
    v->again += end - seq_max(seq, v->again_end);
    v->again_end = end;
}

void
estab_cwv_recovered(struct tcb *tcb)
{
    struct cwv *v = tcb->cwv;
    uint32_t cwnd, least = 2u * tcb->smss;

    if (v == NULL)
        return;
    if (v->repairing) {
        /* §4.4.1: cwnd = (max(pipeACK, LossFlightSize) - R) / 2, at least one segment; ssthresh as it */
        cwnd = (v->used > v->again ? v->used - v->again : 0) / 2;
        if (cwnd < tcb->smss)
            cwnd = tcb->smss;
        if (tcb->cwnd > cwnd)
            tcb->cwnd = cwnd;
        tcb->ssthresh = tcb->cwnd > least ? tcb->cwnd : least;
    }
    estab_cwv_reset(tcb);
}
