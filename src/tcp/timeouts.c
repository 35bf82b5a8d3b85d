/* SPDX-License-Identifier: MIT */
/*
 * Timeouts (RFC 9293 §3.10.8): retransmission (RFC 6298 §5), zero-window probes, the silly-window
 * override, delayed ACK, keepalive, FIN-WAIT-2 of an orphan, and giving up at R2 (§3.8.3). The
 * first three exclude each other and share one deadline. Called by stack/ when a deadline is due.
 */
#include "tcp/path_mtu.h"
#include "tcp/rack.h"

void
estab_tcp_arm_rtx(struct tcb *tcb, const struct tcp_env *env)
{
    tcb->timer_kind = TIMER_RETRANSMIT;
    tcb->rtx_at = env->now + estab_tcp_rto(tcb, env);
}

static void
arm_once(struct tcb *tcb, enum conn_timer kind, estab_time at)
{
    if (tcb->rtx_at != ESTAB_NEVER && tcb->timer_kind == kind)
        return;
    tcb->timer_kind = (uint8_t)kind;
    tcb->rtx_at = at;
}

/* Which of the three timers should run, now that all that may be sent has been sent. */
void
estab_tcp_set_send_timer(struct tcb *tcb, const struct tcp_env *env)
{
    bool wants_override = false;

    if (!is_synchronized(tcb))
        return; /* the SYN's timer runs by itself */
    if (!may_send_text(tcb)) {
        tcb->rtx_at = ESTAB_NEVER;
        return;
    }
    if (tcb->snd_wnd == 0 && (tcb->snd.used > 0 || tcb->fin_queued)) {
        /* SHLD-29: the first probe when the window has been zero for one RTO; also with a FIN that has
         * been sent, because in these states it is not acknowledged yet. */
        arm_once(tcb, TIMER_PERSIST, env->now + estab_tcp_rto(tcb, env));
        return;
    }
    if (tcb->ecn_waits) {
        arm_once(tcb, TIMER_RETRANSMIT, env->now + estab_tcp_rto(tcb, env));
        return;
    }
    if (tcb->snd_una != tcb->snd_nxt) {
        if (tcb->flight != NULL && tcb->rtx_at != ESTAB_NEVER &&
            (tcb->timer_kind == TIMER_REORDER || tcb->timer_kind == TIMER_LOSS_PROBE))
            return;
        arm_once(tcb, TIMER_RETRANSMIT, env->now + estab_tcp_rto(tcb, env));
        return;
    }
    if (snd_unsent(tcb) > 0 && estab_tcp_sendable(tcb, env, &wants_override) == 0 &&
        wants_override) {
        arm_once(tcb, TIMER_OVERRIDE, env->now + env->cfg->sws_override);
        return;
    }
    tcb->rtx_at = ESTAB_NEVER;
}

/* RFC 9293 §3.8.3: R2 as a time; for a SYN its own, of at least 3 minutes (MUST-23). */
static estab_time
give_up_at(const struct tcb *tcb, const struct tcp_env *env)
{
    estab_time r2 = is_synchronized(tcb) ? estab_uto(tcb, env) : env->cfg->syn_r2;

    if (tcb->unanswered_since == ESTAB_NEVER || tcb->rtx_at == ESTAB_NEVER || !RULE(env, give_up) ||
        r2 > ESTAB_NEVER - tcb->unanswered_since)
        return ESTAB_NEVER;
    return tcb->unanswered_since + r2;
}

estab_time
estab_tcp_next_deadline(const struct tcb *tcb, const struct tcp_env *env, enum conn_timer *which)
{
    estab_time at = tcb->rtx_at;
    estab_time r2 = give_up_at(tcb, env);

    *which = at == ESTAB_NEVER ? TIMER_NONE : (enum conn_timer)tcb->timer_kind;
    if (r2 < at) {
        at = r2;
        *which = TIMER_USER;
    }
    if (tcb->paced && tcb->pace_at < at) {
        at = tcb->pace_at;
        *which = TIMER_PACING;
    }
    if (tcb->delack_at < at) {
        at = tcb->delack_at;
        *which = TIMER_DELAYED_ACK;
    }
    if (tcb->keepalive_at < at) {
        at = tcb->keepalive_at;
        *which = TIMER_KEEPALIVE;
    }
    if (tcb->orphan_at < at) {
        at = tcb->orphan_at;
        *which = tcb->state == TCPS_FIN_WAIT_2 ? TIMER_FIN_WAIT_2 : TIMER_ORPHAN;
    }
    return at;
}

static void
count_retransmission(struct tcb *tcb, const struct tcp_env *env)
{
    if (tcb->retransmissions < UINT8_MAX)
        tcb->retransmissions++;
    /* (5.5) back off (RFC6298-5.5) */
    if (tcb->backoff < 32 && RULE(env, backoff))
        tcb->backoff++;
    /* RFC 9293 §3.8.3 (a): at R1 the user and IP learn of the trouble (MUST-20, SHLD-9, SHLD-10). */
    if (tcb->retransmissions == env->cfg->r1) {
        tcb->path_doubted = true;
        tcb->soft_error = ESTAB_ETIMEDOUT;
        if (!tcb->opt->quiet_soft_errors)
            tcb->events |= ESTAB_SOFT_ERROR;
    }
}

static void
retransmission_timeout(struct tcb *tcb, struct tcp_env *env)
{
    if (!RULE(env, retransmission)) {
        tcb->rtx_at = ESTAB_NEVER;
        return;
    }
    if (!is_synchronized(tcb)) {
        /* A SYN,ACK no more often than from a half-open record (RFC4987-NOAMP). */
        if (tcb->passive && tcb->syn_retransmissions >= env->cfg->syn_ack_retries) {
            estab_tcp_end(tcb, env, ESTAB_ETIMEDOUT, CAUSE_SYN_ACK_GIVEN_UP);
            return;
        }
        /* MUST-22: a SYN is repeated like data. */
        count_retransmission(tcb, env);
        if (tcb->syn_retransmissions < UINT8_MAX)
            tcb->syn_retransmissions++;
        tcb->rtt_timing = false;
        tcb->syn_owed = true;
        estab_tcp_arm_rtx(tcb, env);
        return;
    }
    tcb->ecn_waits = false;
    if (tcb->snd_una == tcb->snd_nxt) {
        tcb->rtx_at = ESTAB_NEVER;
        return;
    }
    estab_path_mtu_timeout(tcb, env);
    estab_tcp_loss_timeout(tcb, env);
    count_retransmission(tcb, env);
    estab_tcp_arm_rtx(tcb, env); /* (5.6) (RFC6298-5.6) */
}

/* RFC 9293 §3.8.6.1: probe, and wait twice as long for the next (SHLD-30). */
static void
persist_timeout(struct tcb *tcb, struct tcp_env *env)
{
    if (!RULE(env, window_probe)) {
        tcb->rtx_at = ESTAB_NEVER;
        return;
    }
    if (tcb->backoff < 32)
        tcb->backoff++;
    if (tcb->unanswered_since == ESTAB_NEVER)
        tcb->unanswered_since = env->now;
    tcb->probe_owed = true;
    tcb->timer_kind = TIMER_PERSIST;
    tcb->rtx_at = env->now + estab_tcp_rto(tcb, env);
}

void
estab_tcp_timeouts(struct tcb *tcb, struct tcp_env *env)
{
    estab_time now = env->now;

    if (tcb->state == TCPS_CLOSED)
        return;
    if (now >= give_up_at(tcb, env)) {
        /* RFC 9293 §3.10.8: flush, "aborted due to user timeout", delete (RFC9293-3.10.8-UTO). What a soft
         * error has told before is the better reason (SHLD-25). */
        enum estab_err err = ESTAB_ETIMEDOUT;

        if (tcb->soft_error != 0)
            err = (enum estab_err)tcb->soft_error;
        estab_tcp_trace_timer(tcb, env, TIMER_USER);
        if (is_synchronized(tcb)) {
            tcb->reset_owed = true;
            tcb->reset_reason = WHY_RST_TIMEOUT;
        }
        estab_tcp_end(tcb, env, err, CAUSE_USER_TIMEOUT);
        return;
    }
    if (tcb->paced && now >= tcb->pace_at) {
        estab_tcp_trace_timer(tcb, env, TIMER_PACING);
        tcb->paced = false;
    }
    if (now >= tcb->delack_at) {
        tcb->delack_at = ESTAB_NEVER;
        estab_tcp_trace_timer(tcb, env, TIMER_DELAYED_ACK);
        owe_one_ack(tcb, WHY_ACK_DELAYED);
    }
    if (now >= tcb->rtx_at) {
        estab_tcp_trace_timer(tcb, env, (enum conn_timer)tcb->timer_kind);
        switch (tcb->timer_kind) {
        case TIMER_PERSIST:
            persist_timeout(tcb, env);
            break;
        case TIMER_REORDER:
            estab_rack_reorder_timeout(tcb, env);
            break;
        case TIMER_LOSS_PROBE:
            estab_rack_probe_timeout(tcb, env);
            break;
        case TIMER_OVERRIDE:
            tcb->override = true;
            tcb->rtx_at = ESTAB_NEVER;
            break;
        default:
            retransmission_timeout(tcb, env);
            break;
        }
    }
    if (now >= tcb->keepalive_at) {
        estab_tcp_trace_timer(tcb, env, TIMER_KEEPALIVE);
        estab_tcp_keepalive_timeout(tcb, env);
    }
    if (now >= tcb->orphan_at &&
        !(tcb->state == TCPS_FIN_WAIT_2 ? RULE(env, fin_wait_2) : RULE(env, give_up)))
        tcb->orphan_at = ESTAB_NEVER;
    if (now >= tcb->orphan_at && tcb->state != TCPS_FIN_WAIT_2 && tcb->state != TCPS_CLOSED) {
        /* Nobody would miss it, and a peer that only answers probes could keep it for ever. */
        estab_tcp_trace_timer(tcb, env, TIMER_ORPHAN);
        if (tcb->state == TCPS_FIN_WAIT_1) {
            tcb->reset_owed = true;
            tcb->reset_reason = WHY_RST_LIMIT;
        }
        estab_tcp_end(tcb, env, ESTAB_ETIMEDOUT, CAUSE_ORPHAN_GIVEN_UP);
        return;
    }
    if (now >= tcb->orphan_at && tcb->state == TCPS_FIN_WAIT_2) {
        estab_tcp_trace_timer(tcb, env, TIMER_FIN_WAIT_2);
        estab_tcp_end(tcb, env, ESTAB_ETIMEDOUT, CAUSE_FIN_WAIT_2_OVER);
    }
}
