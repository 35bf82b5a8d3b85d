/* SPDX-License-Identifier: MIT */
/*
 * A segment as the trace records that two hosts would have made of it, so that the ladder, the
 * JSON and the captures of view/ draw what was captured as they draw what the stack did. Host 0 is
 * the end that opened, host 1 the other; the segment leaves and arrives at the same instant,
 * because only one point of its way is known.
 */
#include "trace/analysis.h"

/* What of the connection can be known from outside. */
static void
take_tcb(struct estab_trace_tcb *t, const struct end_seen *e, const struct end_seen *o)
{
    t->iss = e->isn;
    t->irs = o->isn;
    t->snd_una = e->snd_una;
    t->snd_nxt = e->snd_max;
    t->snd_wnd = o->last_wnd;
    t->rcv_nxt = e->last_ack;
    t->rcv_wnd = e->last_wnd;
    t->flight = e->snd_max - e->snd_una;
    t->srtt_us = (uint32_t)(e->srtt / 1000);
    t->rttvar_us = (uint32_t)(e->rttvar / 1000);
    t->timer_at = ESTAB_NEVER;
}

static struct estab_trace
record_of(const struct segment_seen *s, unsigned side, unsigned kind, estab_time origin)
{
    struct estab_trace r = {
        .at = s->packet->at - origin,
        .host = side,
        .kind = (uint8_t)kind,
        .proto = 6,
        .ifindex = 1,
        .conn = s->conn->number,
        .local = s->conn->end[side].at,
        .remote = s->conn->end[!side].at,
        .state_before = s->state[side].before,
        .state_after = s->state[side].after,
    };

    take_tcb(&r.tcb, &s->conn->end[side], &s->conn->end[!side]);
    return r;
}

static void
tell_state(const struct segment_seen *s, unsigned side, estab_time origin, record_sink *sink,
           void *ctx)
{
    struct estab_trace r = record_of(s, side, ESTAB_TRACE_STATE, origin);

    if (!s->state[side].known ||
        (s->state[side].was_known && s->state[side].before == s->state[side].after))
        return;
    r.cause = s->state[side].cause;
    sink(ctx, &r);
}

void
estab_trace_records(const struct segment_seen *s, estab_time origin, record_sink *sink, void *ctx)
{
    struct estab_trace r;

    tell_state(s, s->from, origin, sink, ctx);
    r = record_of(s, s->from, ESTAB_TRACE_PACKET_OUT, origin);
    r.reason = s->reason;
    r.seg = s->packet->seg;
    r.packet = s->packet->packet;
    r.packet_len = s->packet->packet_len;
    sink(ctx, &r);
    tell_state(s, !s->from, origin, sink, ctx);
    r.kind = ESTAB_TRACE_PACKET_IN;
    r.host = !s->from;
    r.local = s->conn->end[!s->from].at;
    r.remote = s->conn->end[s->from].at;
    r.reason = 0;
    r.verdict = s->verdict;
    r.state_before = s->state[!s->from].before;
    r.state_after = s->state[!s->from].after;
    take_tcb(&r.tcb, &s->conn->end[!s->from], &s->conn->end[s->from]);
    sink(ctx, &r);
}
