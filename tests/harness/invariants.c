/* SPDX-License-Identifier: MIT */
/* Invariants of a TCB and of a host; see invariants.h. */
#include "harness/invariants.h"

#include "harness/test.h"
#include "stack/internal.h"
#include "stack/lab.h"
#include "tcp/internal.h"

#define HOLDS(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            fail_msg("invariant broken in %s: %s", estab_state_name(tcb->state), #cond);           \
    } while (0)

static void
check_tcb(const struct tcb *tcb, const struct tcp_env *env)
{
    enum conn_timer which;
    bool wire = tcb->state >= TCPS_SYN_SENT && tcb->state <= TCPS_LAST_ACK;

    HOLDS(tcb->snd.used <= tcb->snd.size && tcb->rcv.used <= tcb->rcv.size);
    HOLDS(tcb->snd.size == 0 || (tcb->snd.size & (tcb->snd.size - 1)) == 0);
    HOLDS((tcb->snd.data != NULL) == (tcb->snd.size != 0));
    HOLDS((tcb->rcv.data != NULL) == (tcb->rcv.size != 0));
    HOLDS(tcb->smss > 0);
    if (!wire)
        return;
    HOLDS(seq_leq(tcb->snd_una, tcb->snd_nxt));
    HOLDS(tcb->state != TCPS_SYN_SENT || tcb->snd_una == tcb->iss);
    HOLDS(seq_leq(tcb->snd_nxt, snd_queued_end(tcb) + tcb->fin_queued));
    HOLDS(!tcb->fin_sent || tcb->fin_queued);
    HOLDS(!tcb->fin_queued || tcb->state != TCPS_ESTABLISHED);
    HOLDS(!tcb->fin_queued || tcb->state != TCPS_CLOSE_WAIT);
    HOLDS(tcb->rcv.used + tcb->rcv_wnd <= tcb->rcv_limit || tcb->rcv_wnd <= 65535);
    HOLDS(tcb->ooo == NULL || tcb->ooo->n > 0);
    HOLDS(tcb->ooo == NULL || tcb->ooo->r[0].left > 0);
    HOLDS(tcb->ooo == NULL || tcb->rcv.used + ranges_end(tcb->ooo) <= tcb->rcv.size);
    HOLDS(!is_synchronized(tcb) || tcb->cwnd > 0);
    /* Something is out: one of the retransmission timers runs. Every state waits for a timer or
     * for somebody. */
    HOLDS(tcb->snd_una == tcb->snd_nxt || tcb->rtx_at != ESTAB_NEVER);
    HOLDS(estab_tcp_next_deadline(tcb, env, &which) == ESTAB_NEVER || which != TIMER_NONE);
}

void
check_invariants(struct estab_stack *s)
{
#ifdef ESTAB_LAB
    if (s->rules != &estab_all_rules) /* a rule is missing on purpose */
        return;
#endif
    struct tcp_env env = estab_stack_env(s, 0);

    for (unsigned f = 0; f < 2; f++)
        for (uint32_t i = estab_pool_next(&s->conns[f], 0); i != 0;
             i = estab_pool_next(&s->conns[f], i)) {
            const struct conn *c = estab_pool_at(&s->conns[f], i);
            const struct tcb *tcb = &c->tcb;
            enum conn_timer which;
            estab_time at = estab_tcp_next_deadline(tcb, &env, &which);

            check_tcb(tcb, &env);
            HOLDS(at == ESTAB_NEVER || tcb->state == TCPS_CLOSED || tcb->state == TCPS_TIME_WAIT ||
                  (wheel_is_armed(&c->timer) && c->timer.at <= at));
        }
    assert_true(s->arena.taken <= s->arena.budget);
}

void
check_host_is_empty(struct estab_stack *s)
{
    struct estab_stack_status st;
    uint64_t cursor = 0;
    struct estab_status c;

    /* handles that the user of the test never gave back */
    while (estab_stack_next(s, &cursor, &c))
        if (c.conn != 0)
            (void)!estab_close(s, c.conn, s->now);
    estab_stack_status(s, &st);
    assert_int_equal(st.connections, 0);
    assert_int_equal(st.half_open, 0);
    assert_int_equal(st.time_wait, 0);
    assert_int_equal(st.listeners, 0);
    assert_int_equal(st.orphans, 0);
    assert_int_equal(st.timers, 0);
    assert_int_equal(st.ports, 0);
    assert_int_equal(st.record_bytes, 0);
    assert_int_equal(st.ring_bytes, 0);
}

void
table_steps(const struct estab_stack *s, uint32_t *mean, uint32_t *most)
{
    const struct demux_table *t = &s->demux.now;
    uint64_t sum = 0;

    *most = 0;
    for (uint32_t i = 0; i <= t->mask; i++) {
        uint32_t steps = 1 + ((i - t->slot[i].hash) & t->mask);

        if (t->slot[i].ref == 0)
            continue;
        sum += steps;
        *most = steps > *most ? steps : *most;
    }
    *mean = (uint32_t)(sum * 100 / (t->used > 0 ? t->used : 1));
}
