/* SPDX-License-Identifier: MIT */
/*
 * How large the buffers of a connection may be, between what it begins with and the maxima of its
 * options: the receive buffer follows what the user takes in a round trip, so that the window is no
 * limit to a sender who doubles; the send buffer follows cwnd, so that no more waits here than the
 * path can soon take. Limits only: memory comes and goes with what is really queued, and the right
 * edge of the window never moves left. Called from text.c, user_calls.c and window.c.
 */
#include "base/mul.h"
#include "tcp/internal.h"

static uint32_t
start_of(uint32_t start, uint32_t max)
{
    max = estab_tcp_power_of_two_below(max);
    return start == 0 || start > max ? max : start;
}

/* Twice cwnd: a window on the way, and as much to follow when it is acknowledged; and what stays in the
 * buffer though it has left the network. */
uint32_t
estab_tcp_send_limit(const struct tcb *tcb)
{
    uint32_t max = estab_tcp_power_of_two_below(tcb->opt->send_buffer_max);
    uint32_t limit = start_of(tcb->opt->send_buffer, tcb->opt->send_buffer_max);
    uint64_t want;

    if (limit >= max)
        return max;
    want = 2 * (uint64_t)tcb->cwnd + (flight_size(tcb) - estab_tcp_pipe(tcb));
    if (want > max)
        return max;
    return want > limit ? (uint32_t)want : limit;
}

uint32_t
estab_tcp_receive_start(const struct estab_tcp_options *opt)
{
    uint32_t start = start_of(opt->receive_buffer, opt->receive_buffer_max);
    uint32_t least = 4u << estab_tcp_window_shift(opt->receive_buffer_max);

    /* the scale is that of the maximum, and less than a few of its units cannot be told */
    return start > least ? start : start_of(least, opt->receive_buffer_max);
}

void
estab_tcp_receive_limit_set(struct tcb *tcb)
{
    uint32_t start = estab_tcp_receive_start(tcb->opt);
    uint32_t max = estab_tcp_power_of_two_below(tcb->opt->receive_buffer_max);

    if (tcb->rcv_limit < start)
        tcb->rcv_limit = start;
    if (tcb->rcv_limit > max) /* it may have been lowered */
        tcb->rcv_limit = max;
    tcb->rcv_tuned = tcb->rcv_limit < max;
}

/* Who only receives has timed no more than the handshake, and the way may grow under a flow. The echo
 * on text (RFC 7323 §3.2) is of the ACK that let it go: as long ago as a round trip, or longer when
 * its sender had nothing to say, so that the shortest of a while counts. */
void
estab_tcp_receive_rtt(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg)
{
    uint32_t ticks = estab_tcp_ts_now(tcb, env) - seg->ts_ecr;
    uint64_t us = ticks * (uint64_t)env->cfg->timestamp_tick / 1000;

    if (!tcb->timestamps || !seg->has_ts || seg->ts_ecr == 0 || us == 0 || us > UINT32_MAX / 2)
        return;
    if (us < tcb->rcv_rtt)
        tcb->rcv_rtt = (uint32_t)us;
    if (tcb->rcv_rtt_low == 0 || us < tcb->rcv_rtt_low)
        tcb->rcv_rtt_low = (uint32_t)us;
}

/* The user has taken `n` octets. */
void
estab_tcp_receive_tune(struct tcb *tcb, const struct tcp_env *env, uint32_t n)
{
    uint32_t rtt = tcb->srtt > 0 ? tcb->srtt / 8 : 100000, now, max;
    uint64_t want;

    if (!tcb->rcv_tuned)
        return;
    if (rtt < tcb->rcv_rtt)
        rtt = tcb->rcv_rtt;
    now = (uint32_t)((uint64_t)env->now / 1000);
    if (tcb->tune_taken == 0)
        tcb->tune_at = now;
    tcb->tune_taken = n < UINT32_MAX - tcb->tune_taken ? tcb->tune_taken + n : UINT32_MAX;
    if (now - tcb->tune_at < rtt)
        return;
    if (tcb->tune_taken > tcb->tune_space) {
        /* As much again as came in this round trip, and, while it comes faster and faster, what the
         * next will bring in excess: a sender in slow start doubles. */
        want = 2 * (uint64_t)tcb->tune_taken + 16 * (uint64_t)tcb->rcv_mss;
        if (tcb->tune_space > 0)
            want += estab_muldiv64(want, tcb->tune_taken - tcb->tune_space, tcb->tune_space) * 2;
        max = estab_tcp_power_of_two_below(tcb->opt->receive_buffer_max);
        tcb->rcv_tuned = want < max;
        if (want > max)
            want = max;
        if (want > tcb->rcv_limit)
            tcb->rcv_limit = (uint32_t)want;
        tcb->tune_space = tcb->tune_taken;
    }
    tcb->tune_taken = 0;
    if (tcb->rcv_rtt_low > rtt + rtt / 4)
        tcb->tune_space = 0; /* a longer while brings more: that is nothing in excess */
    if (tcb->rcv_rtt_low != 0)
        tcb->rcv_rtt = tcb->rcv_rtt_low;
    tcb->rcv_rtt_low = 0;
}
