/* SPDX-License-Identifier: MIT */
/*
 * The eleven states (RFC 9293 §3.3.2): the one place where a connection's state is written, and
 * where each change is explained. Called from all of tcp/.
 */
#include "tcp/internal.h"

static void
stop_timers(struct tcb *tcb)
{
    tcb->rtx_at = ESTAB_NEVER;
    tcb->delack_at = ESTAB_NEVER;
    tcb->keepalive_at = ESTAB_NEVER;
    tcb->orphan_at = ESTAB_NEVER;
    tcb->paced = false;
}

void
estab_tcp_enter_state(struct tcb *tcb, const struct tcp_env *env, enum tcp_state state,
                      enum state_cause cause)
{
    struct estab_trace t;

    /* RFC 9293 §3.10.7.4, TIME-WAIT: the other timers stop; 2MSL is the record's own. */
    if (state == TCPS_TIME_WAIT || state == TCPS_CLOSED)
        stop_timers(tcb);
    if (UNLIKELY(env->trace != NULL)) {
        t = (struct estab_trace){
            .kind = ESTAB_TRACE_STATE,
            .state_before = tcb->state,
            .state_after = (uint8_t)state,
            .cause = (uint16_t)cause,
        };
        tcb->state = (uint8_t)state;
        env->trace(env, tcb, &t);
        return;
    }
    tcb->state = (uint8_t)state;
}

void
estab_tcp_end(struct tcb *tcb, const struct tcp_env *env, enum estab_err err,
              enum state_cause cause)
{
    tcb->error = (uint8_t)err;
    tcb->events |= err == ESTAB_OK ? ESTAB_CLOSED : ESTAB_FAILED;
    tcb->acks_owed = 0;
    enter_state(tcb, env, TCPS_CLOSED, cause);
}

void
estab_tcp_trace_timer(const struct tcb *tcb, const struct tcp_env *env, enum conn_timer timer)
{
    struct estab_trace t;

    if (LIKELY(env->trace == NULL))
        return;
    t = (struct estab_trace){
        .kind = ESTAB_TRACE_TIMER,
        .state_before = tcb->state,
        .state_after = tcb->state,
        .timer = (uint8_t)timer,
    };
    env->trace(env, tcb, &t);
}

void
estab_tcp_explain(const struct tcb *tcb, const struct tcp_env *env, enum estab_recovery what)
{
    struct estab_trace t;

    env->recoveries[what]++;
    if (LIKELY(env->trace == NULL))
        return;
    t = (struct estab_trace){
        .kind = ESTAB_TRACE_RECOVERY,
        .state_before = tcb->state,
        .state_after = tcb->state,
        .recovery = (uint8_t)what,
    };
    env->trace(env, tcb, &t);
}
