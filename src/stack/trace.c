/* SPDX-License-Identifier: MIT */
/*
 * Builds trace records, out of line and only with a sink: the hot paths pay one predicted branch.
 * Called from tcp/ through tcp_env.trace and from all of stack/.
 */
#include "stack/internal.h"

#include "base/bytes.h"
#include "tcp/rack.h"

#include <string.h>

static struct estab_endpoint
endpoint(const uint8_t *port, const uint8_t *addr, unsigned addr_len)
{
    struct estab_endpoint e = { .port = get_be16(port) };

    e.addr.family = addr_len == 4 ? ESTAB_INET : ESTAB_INET6;
    memcpy(e.addr.bytes, addr, addr_len);
    return e;
}

struct estab_endpoint
estab_names_local(const struct names *n, unsigned addr_len)
{
    return endpoint(n->ports, names_local(n), addr_len);
}

struct estab_endpoint
estab_names_remote(const struct names *n, unsigned addr_len)
{
    return endpoint(n->ports + 2, names_remote(n, addr_len), addr_len);
}

void
estab_trace_segment(struct estab_trace *t, const struct tcp_seg *seg)
{
    unsigned i;

    t->proto = IP_PROTO_TCP;
    t->seg.seq = seg->seq;
    t->seg.ack = seg->ack;
    t->seg.wnd = seg->wnd;
    t->seg.len = seg->len;
    t->seg.up = seg->up;
    t->seg.ctl = seg->ctl;
    t->seg.ae = seg->ae;
    t->seg.has_mss = seg->has_mss;
    t->seg.has_wscale = seg->has_wscale;
    t->seg.sack_permitted = seg->sack_permitted;
    t->seg.has_ts = seg->has_ts;
    t->seg.has_fast_open = seg->has_fast_open;
    t->seg.fast_open_len = seg->fast_open_len;
    t->seg.wscale = seg->wscale;
    t->seg.mss = seg->mss;
    t->seg.ts_val = seg->ts_val;
    t->seg.ts_ecr = seg->ts_ecr;
    t->seg.sack_blocks = seg->sack_blocks;
    for (i = 0; i < seg->sack_blocks && i < TCP_SACK_BLOCKS_MAX; i++) {
        t->seg.sack[i][0] = seg->sack[i][0];
        t->seg.sack[i][1] = seg->sack[i][1];
    }
}

void
estab_trace_fill_tcb(const struct estab_stack *s, const struct tcb *tcb,
                     struct estab_trace_tcb *out)
{
    struct tcp_env env = estab_stack_env((struct estab_stack *)(uintptr_t)s, s->now);
    enum conn_timer which;

    *out = (struct estab_trace_tcb){
        .iss = tcb->iss,
        .irs = tcb->irs,
        .snd_una = tcb->snd_una,
        .snd_nxt = tcb->snd_nxt,
        .snd_wnd = tcb->snd_wnd,
        .rcv_nxt = tcb->rcv_nxt,
        .rcv_wnd = tcb->rcv_wnd,
        .cwnd = tcb->cwnd,
        .ssthresh = tcb->ssthresh,
        .flight = tcb->snd_nxt - tcb->snd_una,
        .pipe = estab_tcp_pipe(tcb),
        .srtt_us = tcb->srtt / 8,
        .rttvar_us = tcb->rttvar / 4,
        .rto_us = (uint32_t)(estab_tcp_rto(tcb, &env) / 1000),
        .send_queued = tcb->snd.used,
        .receive_queued = tcb->rcv.used,
        .receive_limit = tcb->rcv_limit,
        .send_ring = tcb->snd.size,
        .receive_ring = tcb->rcv.size,
        .accecn = tcb->accecn,
        .retransmissions = tcb->retransmissions,
    };
    out->timer_at = estab_tcp_next_deadline(tcb, &env, &which);
    out->timer = (uint8_t)which;
}

static void
hand_on(struct estab_stack *s, struct estab_trace *t, estab_time now)
{
    t->at = now;
    t->host = s->cfg.host;
    s->cfg.trace(s->cfg.trace_ctx, t);
}

static uint64_t
bytes_held(const struct estab_stack *s)
{
    return estab_stack_record_bytes(s) + s->chunks.lent;
}

/* For tcp/: state, timer and memory records of a connection. */
void
estab_trace_tcb(const struct tcp_env *env, const struct tcb *tcb, struct estab_trace *t)
{
    struct estab_stack *s = env->host;
    const struct conn *c = (const struct conn *)(const void *)tcb;

    t->conn = c->poll.handle;
    t->ifindex = c->ifindex;
    t->local = estab_names_local(&c->names, c->addr_len);
    t->remote = estab_names_remote(&c->names, c->addr_len);
    t->bytes_held = bytes_held(s);
    estab_trace_fill_tcb(s, tcb, &t->tcb);
    hand_on(s, t, env->now);
}

/* What a half-open or TIME-WAIT record knows, if one has these names. */
static void
fill_small_record(const struct estab_stack *s, const struct names *names, unsigned addr_len,
                  struct estab_trace_tcb *out)
{
    uint32_t ref =
        estab_demux_find(&s->demux, names, addr_len, estab_demux_hash(&s->demux, names, addr_len));
    const struct half_record *h = ref != 0 ? estab_half_at(s, ref) : NULL;
    const struct tw_record *tw = ref != 0 ? estab_tw_at(s, ref) : NULL;

    *out = (struct estab_trace_tcb){ .timer_at = ESTAB_NEVER };
    if (h != NULL) {
        out->iss = out->snd_una = h->h.iss;
        out->snd_nxt = h->h.iss + 1;
        out->irs = h->h.irs;
        out->rcv_nxt = h->h.irs + 1;
        out->retransmissions = h->h.retransmissions;
        out->timer = TIMER_SYN_ACK;
        out->timer_at = h->h.timer.at;
    } else if (tw != NULL) {
        out->snd_una = out->snd_nxt = tw->tw.snd_nxt;
        out->rcv_nxt = tw->tw.rcv_nxt;
        out->timer = TIMER_TIME_WAIT;
        out->timer_at = tw->tw.expires_at;
    }
}

/* For records without a TCB; `ref` 0: nothing at all. */
void
estab_trace_names(struct estab_stack *s, const struct names *names, unsigned addr_len, uint32_t ref,
                  struct estab_trace *t, estab_time now)
{
    struct conn *c = ref != 0 ? estab_conn_at(s, ref) : NULL;

    t->local = estab_names_local(names, addr_len);
    t->remote = estab_names_remote(names, addr_len);
    if (c != NULL) {
        t->conn = c->poll.handle;
        estab_trace_fill_tcb(s, &c->tcb, &t->tcb);
    } else if (t->proto == IP_PROTO_TCP ||
               (t->kind != ESTAB_TRACE_PACKET_IN && t->kind != ESTAB_TRACE_PACKET_OUT)) {
        fill_small_record(s, names, addr_len, &t->tcb);
    } else {
        t->tcb.timer_at = ESTAB_NEVER; /* UDP has ports of its own */
    }
    t->bytes_held = bytes_held(s);
    hand_on(s, t, now);
}

void
estab_trace_state(struct estab_stack *s, const struct names *names, unsigned addr_len,
                  uint8_t before, uint8_t after, enum state_cause cause, estab_time now)
{
    struct estab_trace t;

    if (LIKELY(s->cfg.trace == NULL))
        return;
    t = (struct estab_trace){
        .kind = ESTAB_TRACE_STATE,
        .state_before = before,
        .state_after = after,
        .cause = (uint16_t)cause,
    };
    estab_trace_names(s, names, addr_len, 0, &t, now);
}

void
estab_trace_memory(struct estab_stack *s, const struct names *names, unsigned addr_len,
                   enum estab_memory what, int64_t bytes, uint8_t state, estab_time now)
{
    struct estab_trace t;

    if (LIKELY(s->cfg.trace == NULL))
        return;
    t = (struct estab_trace){
        .kind = ESTAB_TRACE_MEMORY,
        .state_before = state,
        .state_after = state,
        .memory = (uint8_t)what,
        .bytes = bytes,
    };
    estab_trace_names(s, names, addr_len, 0, &t, now);
}

/* A listener's record, and options that one or more connections share: no remote end. */
void
estab_trace_memory_of(struct estab_stack *s, const struct listener *l, enum estab_memory what,
                      int64_t bytes)
{
    struct estab_trace t;

    if (LIKELY(s->cfg.trace == NULL))
        return;
    t = (struct estab_trace){
        .kind = ESTAB_TRACE_MEMORY,
        .memory = (uint8_t)what,
        .bytes = bytes,
        .bytes_held = bytes_held(s),
    };
    if (l != NULL) {
        t.conn = l->poll.handle;
        t.local = l->local;
        t.state_before = t.state_after = TCPS_LISTEN;
    }
    t.tcb.timer_at = ESTAB_NEVER;
    hand_on(s, &t, s->now);
}

/* A record that concerns no connection, as far as its owner has filled it in. */
void
estab_trace_hand_on(struct estab_stack *s, struct estab_trace *t)
{
    t->bytes_held = bytes_held(s);
    t->tcb.timer_at = ESTAB_NEVER;
    hand_on(s, t, s->now);
}

/* Calls and memory of a UDP endpoint. */
void
estab_trace_udp(struct estab_stack *s, const struct udp_endpoint *u, struct estab_trace *t)
{
    if (LIKELY(s->cfg.trace == NULL))
        return;
    t->proto = IP_PROTO_UDP;
    t->conn = u->end.poll.handle;
    t->local = estab_names_local(&u->names, u->end.addr_len);
    if (u->connected)
        t->remote = estab_names_remote(&u->names, u->end.addr_len);
    estab_trace_hand_on(s, t);
}

void
estab_trace_call(struct estab_stack *s, struct conn *c, enum estab_call call, int64_t result,
                 estab_time now)
{
    struct estab_trace t;

    if (LIKELY(s->cfg.trace == NULL))
        return;
    t = (struct estab_trace){
        .kind = ESTAB_TRACE_CALL,
        .state_before = c->tcb.state,
        .state_after = c->tcb.state,
        .call = (uint8_t)call,
        .result = result,
    };
    estab_trace_names(s, &c->names, c->addr_len, conn_ref(c), &t, now);
}

void
estab_trace_listener(struct estab_stack *s, struct listener *l, enum estab_call call,
                     int64_t result, estab_time now)
{
    struct estab_trace t;

    if (LIKELY(s->cfg.trace == NULL))
        return;
    t = (struct estab_trace){
        .kind = ESTAB_TRACE_CALL,
        .state_before = TCPS_LISTEN,
        .state_after = TCPS_LISTEN,
        .call = (uint8_t)call,
        .result = result,
        .conn = l->poll.handle,
        .local = l->local,
        .bytes_held = bytes_held(s),
    };
    t.tcb.timer_at = ESTAB_NEVER;
    hand_on(s, &t, now);
}
