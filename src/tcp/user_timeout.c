/* SPDX-License-Identifier: MIT */
/*
 * The user timeout option (RFC 5482): each end may tell how long it means to wait for an ACK, so that
 * both outlast the same silence. Off unless asked for; it is a wish, not a promise, and is not
 * repeated when its segment is lost. Called from ack.c, arrives_other.c, emit.c and timeouts.c.
 */
#include "tcp/internal.h"

/* CHANGEABLE (§3.1, RFC5482-3.1): an application that has set its own timeout keeps it. */
static bool
is_changeable(const struct tcb *tcb, const struct tcp_env *env)
{
    return tcb->opt->user_timeout_option && tcb->opt->user_timeout == env->cfg->tcp.user_timeout;
}

void
estab_uto_arrives(struct tcb *tcb, const struct tcp_seg *seg)
{
    /* §3.1: a value of zero is ignored (RFC5482-3-LIMITS). */
    if (seg->has_user_timeout && seg->user_timeout > 0)
        tcb->remote_uto = seg->user_timeout;
}

void
estab_uto_tell(struct tcb *tcb, struct tcp_seg *seg)
{
    estab_time timeout = tcb->opt->user_timeout / ESTAB_SEC(1);

    /* Where it fits: not beside SACK blocks, and not where it would make the packet too long. */
    if (!tcb->uto_owed || seg->sack_blocks > 0 || seg->len + 4 > tcb->smss)
        return;
    tcb->uto_owed = false;
    if (!tcb->opt->user_timeout_option || tcb->opt->user_timeout == ESTAB_NEVER || timeout == 0)
        return;
    seg->has_user_timeout = true;
    seg->user_timeout = timeout < 0x7fff * 60 ? (uint32_t)timeout : 0x7fffu * 60;
}

estab_time
estab_uto(const struct tcb *tcb, const struct tcp_env *env)
{
    estab_time timeout = tcb->opt->user_timeout, remote = ESTAB_SEC((estab_time)tcb->remote_uto);

    if (tcb->remote_uto == 0 || !is_changeable(tcb, env))
        return timeout;
    /* USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)) */
    if (remote > timeout)
        timeout = remote;
    if (timeout < env->cfg->user_timeout_min)
        timeout = env->cfg->user_timeout_min;
    return timeout < env->cfg->user_timeout_max ? timeout : env->cfg->user_timeout_max;
}
