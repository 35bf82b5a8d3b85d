/* SPDX-License-Identifier: MIT */
/*
 * What the algorithms of congestion control have in common: their table, the initial window
 * (RFC 6928 §2) and slow start (RFC 5681 §3.1). See cc.h.
 */
#include "tcp/cc.h"

#include "tcp/cwnd_validation.h"
#include "tcp/undo.h"

#include <string.h>

const struct cc_ops *
estab_cc_by_number(unsigned cc)
{
    switch (cc) {
    case ESTAB_CC_RENO:
        return &estab_cc_reno;
    case ESTAB_CC_CUBIC:
        return &estab_cc_cubic;
    case ESTAB_CC_BBR:
        return &estab_cc_bbr;
    default:
        return NULL;
    }
}

void
estab_cc_select(struct tcb *tcb, struct tcp_env *env, unsigned cc)
{
    const struct cc_ops *ops = estab_cc_by_number(cc);

    ESTAB_ASSERT(ops != NULL);
    if (ops == tcb->cc)
        return;
    estab_undo_forget(tcb, env);
    estab_cwv_forget(tcb, env);
    cc_release(tcb, env);
    /* a model has left ssthresh alone: go on from here */
    if (tcb->cc->model != NULL && tcb->cwnd > 0)
        tcb->ssthresh = tcb->cwnd;
    /* cwnd and ssthresh say the same in every algorithm; what it remembers besides does not. */
    tcb->cc = ops;
    tcb->cc_phase = CC_INITIAL;
    tcb->bytes_acked = 0;
    memset(&tcb->ca, 0, sizeof(tcb->ca));
}

void
estab_cc_slow_start(struct tcb *tcb, uint32_t acked)
{
    /* cwnd += min(N, L * SMSS); L = 2 as RFC 3465 §2.2 allows, but 1 after a timeout
     * (RFC5681-3.1-SS, RFC3465-2.2). */
    uint32_t limit = tcb->recovery == RECOVERY_RTO ? tcb->smss : 2u * tcb->smss;
    uint32_t grow = acked < limit ? acked : limit;

    tcb->cwnd = tcb->cwnd + grow < tcb->ssthresh ? tcb->cwnd + grow : tcb->ssthresh;
    if (tcb->cwnd > CC_CWND_MAX)
        tcb->cwnd = CC_CWND_MAX;
}

uint32_t
estab_cc_flight_at_loss(const struct tcb *tcb)
{
    /* RFC 5681 §3.2 (2): what limited transmit has added does not count (RFC5681-3.2-FRECOV). That
     * is what stands beyond the full-sized segments that cwnd holds, for nothing else may. */
    uint32_t flight = flight_size(tcb);

    return flight <= tcb->cwnd ? flight : tcb->cwnd - tcb->cwnd % tcb->smss;
}

void
estab_cc_reduce(struct tcb *tcb, uint32_t flight, bool repair)
{
    uint32_t most = UINT32_MAX, least = 2u * tcb->smss;

    if (UNLIKELY(tcb->cwv != NULL))
        flight = estab_cwv_congestion(tcb, flight, repair, &most);
    tcb->ssthresh = tcb->cc->ssthresh_after_loss(tcb, flight);
    if (tcb->ssthresh > most)
        tcb->ssthresh = most > least ? most : least;
}

uint32_t
estab_cc_restart_window(const struct tcb *tcb, const struct tcp_env *env)
{
    uint32_t iw = estab_cc_initial_window(tcb, env), rw;

    if (!tcb->small_restart)
        return iw;
    /* RFC 3390 §1: min(4 * MSS, max(2 * MSS, 4380 octets)) */
    rw = 2u * tcb->smss > 4380 ? 2u * tcb->smss : 4380;
    if (rw > 4u * tcb->smss)
        rw = 4u * tcb->smss;
    return rw < iw ? rw : iw;
}

/* Of the window that began at window_from, is something still out? */
static bool
is_in_first_window(const struct tcb *tcb, const struct tcp_env *env)
{
    return tcb->first_window && tcb->snd_una - tcb->window_from < estab_cc_initial_window(tcb, env);
}

void
estab_cc_lost(struct tcb *tcb, const struct tcp_env *env)
{
    /* RFC 6928 §2 (RFC6928-2-RWFALL): a path that does not take ten segments at once gets no more
     * than RFC 3390 allows after the next idle time; if more than 4 KB were sent. */
    if (is_in_first_window(tcb, env) && tcb->snd_nxt - tcb->window_from > 4096)
        tcb->small_restart = true;
}

uint32_t
estab_cc_initial_window(const struct tcb *tcb, const struct tcp_env *env)
{
    uint32_t n = env->cfg->initial_window;
    uint32_t full = n * tcb->smss;
    uint32_t bound = n * 1460u;

    if (bound < 2u * tcb->smss)
        bound = 2u * tcb->smss;
    return full < bound ? full : bound;
}
