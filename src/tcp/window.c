/* SPDX-License-Identifier: MIT */
/*
 * Windows: what is acceptable, what we promise, and what we may send (RFC 9293 §3.4, §3.8.6).
 * Both halves of silly-window avoidance live here. Called from arrives_other.c, emit.c and
 * user_calls.c. Windows are 32-bit and unsigned throughout (MUST-1, REC-1).
 */
#include "tcp/rack.h"

bool
estab_tcp_seq_acceptable(const struct tcb *tcb, const struct tcp_seg *seg)
{
    uint32_t len = seg_len(seg);
    uint32_t wnd = tcb->rcv_wnd;

    /* RFC 9293 §3.10.7.4, first check, the table of four cases (RFC9293-3.4-ACCEPT):
     *   LEN = 0, WND = 0: SEG.SEQ = RCV.NXT
     *   LEN = 0, WND > 0: RCV.NXT =< SEG.SEQ < RCV.NXT + RCV.WND
     *   LEN > 0, WND = 0: never
     *   LEN > 0, WND > 0: the first or the last octet is in the window */
    if (len == 0)
        return wnd == 0 ? seg->seq == tcb->rcv_nxt : seq_in_window(seg->seq, tcb->rcv_nxt, wnd);
    if (wnd == 0)
        return false;
    return seq_in_window(seg->seq, tcb->rcv_nxt, wnd) ||
           seq_in_window(seg->seq + len - 1, tcb->rcv_nxt, wnd);
}

/* The shift that lets the whole buffer be advertised (RFC 7323 §2.3). */
uint8_t
estab_tcp_window_shift(uint32_t receive_buffer_max)
{
    uint8_t shift = 0;

    while (shift < 14 && receive_buffer_max >> shift > UINT16_MAX)
        shift++;
    return shift;
}

/* What rounding by the window scale may add to a window, kept back: up to a unit with each ACK, one
 * for two segments, while the user takes nothing. An eighth at most: then the field is rounded down,
 * and we honour the edge that was promised (RFC 7323 §2.4). */
static uint32_t
rounding_reserve(uint32_t limit, uint32_t unit)
{
    uint64_t by_ack = (uint64_t)limit * unit / (2 * 1440);

    if (by_ack < limit / 32)
        by_ack = limit / 32;
    return unit + (uint32_t)(by_ack < limit / 8 ? by_ack : limit / 8);
}

/* RFC 7323 §2.2: the window of a SYN is never scaled. */
uint32_t
estab_tcp_syn_window(const struct tcp_env *env, const struct estab_tcp_options *opt)
{
    uint32_t limit = estab_tcp_receive_start(opt);
    uint32_t unit = 1u << estab_tcp_window_shift(opt->receive_buffer_max);

    if (!env->cfg->window_scaling || unit == 1)
        return limit < UINT16_MAX ? limit : UINT16_MAX;
    /* A later scaled window tells the same edge exactly, and what it may add by rounding is kept
     * back here too. */
    limit -= rounding_reserve(limit, unit);
    return (limit < UINT16_MAX ? limit : UINT16_MAX) / unit * unit;
}

/* What the buffer could still take: the limit, less what waits for the user, less a little that
 * rounding by the window scale may use up; and never more than the memory budget can back. */
static uint32_t
receive_room(const struct tcb *tcb, const struct tcp_env *env)
{
    uint32_t limit = tcb->rcv_limit;
    uint32_t rounding =
        tcb->rcv_wind_shift > 0 ? rounding_reserve(limit, 1u << tcb->rcv_wind_shift) : 0;
    uint32_t held = tcb->rcv.used + rounding;
    uint32_t room = limit > held ? limit - held : 0;
    uint32_t tellable = (uint32_t)UINT16_MAX << tcb->rcv_wind_shift;
    size_t budget = (env->arena->budget - env->arena->taken) / 2 + ring_free(&tcb->rcv);

    if (room > tellable)
        room = tellable;
    return room < budget ? room : (uint32_t)budget;
}

/* The step that is worth telling the peer: min(Fr * RCV.BUFF, Eff.snd.MSS), RFC 9293 §3.8.6.2.2 (MUST-39). */
static uint32_t
worthwhile_step(const struct tcb *tcb, const struct tcp_env *env)
{
    uint32_t half = tcb->rcv_limit / 2;

    if (!RULE(env, sws_avoidance))
        return 1;
    return half < tcb->smss ? half : tcb->smss;
}

uint16_t
estab_tcp_advertise(struct tcb *tcb, const struct tcp_env *env, bool syn)
{
    uint32_t shift = syn ? 0 : tcb->rcv_wind_shift;
    uint32_t unit = 1u << shift;
    uint32_t room = receive_room(tcb, env);
    uint32_t limit = tcb->rcv_limit;
    uint32_t field;

    if (syn) {
        limit = estab_tcp_syn_window(env, tcb->opt);
        if (room > limit)
            room = limit;
        /* a SYN,ACK sent again takes nothing back (SHLD-14) */
        if (room > tcb->rcv_wnd)
            tcb->rcv_wnd = room;
        return (uint16_t)(tcb->rcv_wnd < limit ? tcb->rcv_wnd : limit);
    }
    /* The right edge stays until it can move by a worthwhile step (MUST-39), and it never moves
     * left (SHLD-14). */
    if (!RULE(env, right_edge))
        tcb->rcv_wnd = room - room / 8;
    if (room > tcb->rcv_wnd && room - tcb->rcv_wnd >= worthwhile_step(tcb, env))
        tcb->rcv_wnd = room;

    /* RFC 7323 §2.3: the field is RCV.WND >> shift. Rounded up, so that the edge the peer computes does
     * not move left either; down only when there is no memory behind the rounding, and then we
     * still honour the true edge (§2.4, RFC7323-2.4-RETRACT). */
    field = (tcb->rcv_wnd + unit - 1) >> shift;
    if (field << shift > limit - tcb->rcv.used)
        field = tcb->rcv_wnd >> shift;
    if (field > UINT16_MAX)
        field = UINT16_MAX;
    if (field << shift > tcb->rcv_wnd)
        tcb->rcv_wnd = field << shift;
    return (uint16_t)field;
}

void
estab_tcp_window_opened(struct tcb *tcb, const struct tcp_env *env)
{
    uint32_t room, limit;

    if (!may_receive_text(tcb))
        return;
    room = receive_room(tcb, env);
    limit = tcb->rcv_limit;
    if (room <= tcb->rcv_wnd || room - tcb->rcv_wnd < worthwhile_step(tcb, env))
        return;
    /* A segment of its own is worth it when the peer may be waiting, or much has opened; until
     * then the next ACK tells it for nothing. */
    if (tcb->rcv_wnd < limit / 4 || !RULE(env, sws_avoidance) || room - tcb->rcv_wnd >= limit / 4)
        tcb->window_update_owed = true;
}

/* Octets in flight as congestion control counts them: after a timeout what was out is taken for
 * lost until it is sent again. */
uint32_t
estab_tcp_pipe(const struct tcb *tcb)
{
    if (tcb->flight != NULL)
        return flight_pipe(tcb);
    if (tcb->recovery == RECOVERY_RTO)
        return tcb->high_rxt - tcb->snd_una + (tcb->snd_nxt - tcb->recover);
    return flight_text(tcb);
}

uint32_t
estab_tcp_sendable(const struct tcb *tcb, const struct tcp_env *env, bool *wants_override)
{
    uint32_t d = snd_unsent(tcb);
    tcp_seq edge = tcb->snd_una + tcb->snd_wnd;
    uint32_t u, n, cwnd, pipe, smss = tcb->smss;
    bool idle, ends_queue;

    *wants_override = false;
    if (tcb->ecn_waits)
        return 0;
    if (!RULE(env, send_window))
        edge = tcb->snd_nxt + d;
    if (d == 0 || seq_leq(edge, tcb->snd_nxt)) /* the window may have shrunk: U < 0 (MUST-34) */
        return 0;
    u = edge - tcb->snd_nxt;

    /* RFC 3042 §2: the first two duplicate ACKs let one new segment each go, cwnd unchanged. */
    cwnd = tcb->cwnd;
    if (tcb->recovery == RECOVERY_NONE)
        cwnd += (tcb->dupacks < 2 ? tcb->dupacks : 2u) * smss;
    pipe = estab_tcp_pipe(tcb);
    if (pipe >= cwnd)
        return 0;
    n = d < u ? d : u;
    if (n > smss)
        n = smss;
    if (n > cwnd - pipe) {
        /* cwnd is no reason for a small segment while others are on the way */
        if (pipe > 0)
            return 0;
        n = cwnd - pipe;
    }

    /* RFC 9293 §3.8.6.2.1 (MUST-38), send if
     * (1) min(D,U) >= Eff.snd.MSS;
     * (2) [SND.NXT = SND.UNA and] PUSHed and D =< U;
     * (3) [SND.NXT = SND.UNA and] min(D,U) >= Fs * Max(SND.WND), Fs = 1/2;
     * (4) PUSHed and the override timeout occurs.
     * The brackets are the Nagle algorithm (SHLD-7, MUST-17). All our text is pushed (MUST-60). A
     * FIN behind the text says that no more will join it, so it need not wait. */
    idle = tcb->snd_nxt == snd_ring_seq(tcb) || tcb->opt->nodelay || !RULE(env, nagle);
    ends_queue = d <= u;
    if (n >= smss || !RULE(env, sws_avoidance))
        return n;
    /* Corked, the user wants full-sized segments: only CLOSE or the override lets less go. */
    if (tcb->opt->cork && !tcb->override && !tcb->fin_queued) {
        *wants_override = tcb->snd_nxt == tcb->snd_una;
        return 0;
    }
    if (ends_queue && n == d && (idle || tcb->fin_queued))
        return n;
    if (idle && n >= tcb->max_snd_wnd / 2)
        return n;
    if (tcb->snd_up_valid && seq_lt(tcb->snd_nxt, tcb->snd_up) && ends_queue)
        return n;
    if (tcb->override)
        return n;
    *wants_override = tcb->snd_nxt == tcb->snd_una;
    return 0;
}
