/* SPDX-License-Identifier: MIT */
/*
 * What must hold for the states and timers of a connection, and for what a host tells about
 * itself whenever it has nothing more to say.
 */
#include "sim/checks.h"
#include "sim/packet.h"

#include <string.h>

/* ---- a state changed ---- */

/* RFC 9293 §3.3.2, Figure 5, and the RFC's text: every state may end in CLOSED. */
static const unsigned followers[] = {
    [ESTAB_TCPS_CLOSED] = TO(LISTEN) | TO(SYN_SENT) | TO(SYN_RECEIVED) | TO(ESTABLISHED),
    [ESTAB_TCPS_LISTEN] = TO(SYN_RECEIVED) | TO(SYN_SENT) | TO(ESTABLISHED),
    [ESTAB_TCPS_SYN_SENT] = TO(SYN_RECEIVED) | TO(ESTABLISHED),
    [ESTAB_TCPS_SYN_RECEIVED] = TO(ESTABLISHED) | TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(LISTEN),
    [ESTAB_TCPS_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT),
    [ESTAB_TCPS_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(TIME_WAIT),
    [ESTAB_TCPS_FIN_WAIT_2] = TO(TIME_WAIT),
    [ESTAB_TCPS_CLOSE_WAIT] = TO(LAST_ACK),
    [ESTAB_TCPS_CLOSING] = TO(TIME_WAIT),
    [ESTAB_TCPS_LAST_ACK] = 0,
    [ESTAB_TCPS_TIME_WAIT] = TO(SYN_RECEIVED) | TO(ESTABLISHED),
};

static bool
is_unborn(unsigned state)
{
    return state == ESTAB_TCPS_CLOSED || state == ESTAB_TCPS_LISTEN;
}

/* A clock that goes faster than the world's may leave a nanosecond out. */
static bool
is_on_time(const struct sim_host *host, estab_time at, estab_time due)
{
    return at == due || (host->drift_ppm > 0 && at == due + 1);
}

void
sim_check_state(const struct sim_view *v)
{
    unsigned before = v->r->state_before, after = v->r->state_after;
    struct sim_flow *f = v->f;

    if (v->r->cause == ESTAB_CAUSE_NONE || v->r->cause >= ESTAB_CAUSE_COUNT)
        violated(v, SIM_RULE_CAUSE_GIVEN, before, after);
    if (f->state != before && !(is_unborn(f->state) && is_unborn(before)))
        violated(v, SIM_RULE_STATE_CONTINUOUS, f->state, before);
    if (before > ESTAB_TCPS_TIME_WAIT || after > ESTAB_TCPS_TIME_WAIT ||
        (after != ESTAB_TCPS_CLOSED && (followers[before] >> after & 1u) == 0))
        violated(v, SIM_RULE_STATE_LEGAL, before, after);
    if (before == ESTAB_TCPS_TIME_WAIT && v->r->cause == ESTAB_CAUSE_TIME_WAIT_OVER &&
        !is_on_time(v->host, v->r->at, f->time_wait_at + 2 * v->host->cfg.msl))
        violated(v, SIM_RULE_TIME_WAIT_2MSL, (uint64_t)(v->r->at - f->time_wait_at),
                 2 * (uint64_t)v->host->cfg.msl);
    if (after == ESTAB_TCPS_TIME_WAIT)
        f->time_wait_at = v->r->at;
    /* The ISN may be that of the last incarnation, if no tick of its clock lies between them. */
    if (is_unborn(before) && !is_unborn(after))
        f->open = f->seen = false;
    f->state = (uint8_t)after;
    if (after >= ESTAB_TCPS_ESTABLISHED)
        f->unverified_in = f->unverified_out = 0;
}

/* ---- a timer fired ---- */

void
sim_check_timer(const struct sim_view *v)
{
    if (v->f->seen && v->f->conn == v->r->conn && v->f->timer == v->r->timer &&
        !is_on_time(v->host, v->r->at, v->f->timer_at))
        violated(v, SIM_RULE_TIMER_EXACT, (uint64_t)v->r->at, (uint64_t)v->f->timer_at);
    if (v->r->timer == ESTAB_TIMER_RETRANSMIT)
        v->f->timed_out = v->r->at;
}

/* ---- a host has nothing more to say: what does it tell about itself? ---- */

/* In which states a timer may run. The record that a user still holds after TIME-WAIT has begun, or
 * after the end, waits for nothing but him. */
#define OPEN                                                                                       \
    (TO(ESTABLISHED) | TO(FIN_WAIT_1) | TO(FIN_WAIT_2) | TO(CLOSE_WAIT) | TO(CLOSING) |            \
     TO(LAST_ACK))
static const unsigned timer_states[] = {
    [ESTAB_TIMER_NONE] = ~0u,
    [ESTAB_TIMER_RETRANSMIT] = OPEN | TO(SYN_SENT) | TO(SYN_RECEIVED),
    [ESTAB_TIMER_PERSIST] = OPEN,
    [ESTAB_TIMER_OVERRIDE] = OPEN,
    [ESTAB_TIMER_REORDER] = OPEN,
    [ESTAB_TIMER_LOSS_PROBE] = OPEN,
    [ESTAB_TIMER_PACING] = OPEN,
    [ESTAB_TIMER_DELAYED_ACK] = OPEN,
    [ESTAB_TIMER_KEEPALIVE] = OPEN | TO(SYN_RECEIVED),
    [ESTAB_TIMER_FIN_WAIT_2] = TO(FIN_WAIT_2),
    [ESTAB_TIMER_ORPHAN] = TO(FIN_WAIT_1) | TO(CLOSING) | TO(LAST_ACK),
    [ESTAB_TIMER_TIME_WAIT] = TO(TIME_WAIT),
    [ESTAB_TIMER_SYN_ACK] = TO(SYN_RECEIVED),
    [ESTAB_TIMER_USER] = OPEN | TO(SYN_SENT) | TO(SYN_RECEIVED),
};

static bool
fits(const struct estab_status *st)
{
    return st->tcb.timer < ESTAB_TIMER_COUNT && st->state <= ESTAB_TCPS_TIME_WAIT &&
           (timer_states[st->tcb.timer] >> st->state & 1u) != 0;
}

struct census {
    uint32_t listeners, connections, half_open, time_wait, orphans, timers;
    estab_time earliest;
    size_t n;
};

static bool
is_ring_size(uint32_t size)
{
    return (size & (size - 1)) == 0;
}

/* RFC 9293 §3.8.6.3 (MUST-40): an ACK is not delayed for longer than 0.5 s. */
static void
check_ack_in_time(const struct sim_view *v, const struct estab_trace_tcb *t)
{
    struct sim_flow *f = v->f;

    if (!f->open || f->iss != t->iss || !f->has_ack_out || t->rcv_nxt == f->ack_out ||
        v->host->paused_until != 0 ||
        has_ethernet(v->host)) { /* where it may wait for its next hop, or be lost with it */
        f->unacked_since = 0;
        return;
    }
    if (f->unacked_since == 0 || f->unacked_to != f->ack_out) {
        f->unacked_since = sim_host_now(v->host);
        f->unacked_to = f->ack_out;
    } else if (sim_host_now(v->host) - f->unacked_since > ESTAB_MS(500)) {
        violated(v, SIM_RULE_ACK_IN_TIME, t->rcv_nxt, f->ack_out);
    }
}

static void
check_sequence_space(const struct sim_view *v, const struct estab_status *st)
{
    const struct estab_trace_tcb *t = &st->tcb;
    struct sim_flow *f = v->f;
    uint32_t unacked = t->snd_nxt - t->snd_una, edge = t->rcv_nxt + t->rcv_wnd;

    /* SYN and FIN take a number each and no room in the buffer. */
    if (sim_seq_lt(t->snd_nxt, t->snd_una) || unacked > t->send_queued + 2)
        violated(v, SIM_RULE_UNA_NXT, t->snd_una, t->snd_nxt);
    if (t->flight > unacked)
        violated(v, SIM_RULE_FLIGHT, t->flight, unacked);
    if (f->open && f->iss == t->iss && f->has_in_edge && st->state >= ESTAB_TCPS_ESTABLISHED &&
        sim_seq_lt(f->in_edge, t->snd_una + t->snd_wnd))
        violated(v, SIM_RULE_WINDOW_GRANTED, t->snd_una + t->snd_wnd, f->in_edge);
    if (f->seen && f->conn == st->conn) {
        /* SND.NXT may go back in no state: what was sent was sent. */
        if (sim_seq_lt(t->snd_una, f->una) || sim_seq_lt(t->snd_nxt, f->nxt) ||
            sim_seq_lt(t->rcv_nxt, f->rcv_nxt))
            violated(v, SIM_RULE_UNA_FORWARD, t->snd_una, t->rcv_nxt);
        if (sim_seq_lt(edge, f->rcv_edge))
            violated(v, SIM_RULE_RCV_EDGE, edge, f->rcv_edge);
    }
    check_ack_in_time(v, t);
    if (t->cwnd == 0 && st->state >= ESTAB_TCPS_ESTABLISHED)
        violated(v, SIM_RULE_CWND_FLOOR, t->cwnd, st->state);
    f->una = t->snd_una;
    f->nxt = t->snd_nxt;
    f->rcv_nxt = t->rcv_nxt;
    f->rcv_edge = edge;
    f->seen = st->state >= ESTAB_TCPS_ESTABLISHED;
}

static void
check_buffers(const struct sim_view *v, const struct estab_status *st)
{
    const struct estab_trace_tcb *t = &st->tcb;

    if (t->send_queued > t->send_ring || t->receive_queued > t->receive_ring ||
        !is_ring_size(t->send_ring) || !is_ring_size(t->receive_ring))
        violated(v, SIM_RULE_RINGS, t->send_ring, t->receive_ring);
    /* The window field may round up by what its scale cannot express. */
    if (st->state == ESTAB_TCPS_ESTABLISHED &&
        (uint64_t)t->receive_queued + t->rcv_wnd >
            (uint64_t)st->receive_limit + ((uint64_t)1 << st->rcv_wind_shift))
        violated(v, SIM_RULE_BUFFER_PROMISED, (uint64_t)t->receive_queued + t->rcv_wnd,
                 st->receive_limit);
    if (t->send_queued == 0 && t->send_ring != 0)
        violated(v, SIM_RULE_RING_RETURNED, t->send_ring, 0);
    if (v->f->actor != NULL && v->f->actor->conn == st->conn && v->f->actor->phase != SIM_DONE &&
        st->error == 0 && st->bytes_received != v->f->actor->heard + t->receive_queued)
        violated(v, SIM_RULE_BYTES_COUNTED, st->bytes_received,
                 v->f->actor->heard + t->receive_queued);
}

/* It waits for the hardware address of its peer, and the question has a timer of its own. */
static bool
waits_for_neighbour(const struct sim_host *host, const struct estab_status *st)
{
    struct estab_neighbour_info n;
    uint64_t cursor = 0;

    while (estab_stack_next_neighbour(host->stack, &cursor, &n))
        if (n.state == ESTAB_NEIGHBOUR_INCOMPLETE && estab_addr_equal(&n.addr, &st->remote.addr))
            return estab_stack_deadline(host->stack) != ESTAB_NEVER;
    return false;
}

static void
check_connection_timer(const struct sim_view *v, const struct estab_status *st)
{
    const struct estab_trace_tcb *t = &st->tcb;
    bool may_wait = st->state != ESTAB_TCPS_CLOSED && st->state != ESTAB_TCPS_LISTEN;
    bool pending = t->snd_una != t->snd_nxt || t->send_queued > 0 ||
                   st->state == ESTAB_TCPS_SYN_SENT || st->state == ESTAB_TCPS_SYN_RECEIVED ||
                   (st->state == ESTAB_TCPS_TIME_WAIT && st->conn == 0) ||
                   st->state == ESTAB_TCPS_FIN_WAIT_1 || st->state == ESTAB_TCPS_CLOSING ||
                   st->state == ESTAB_TCPS_LAST_ACK;

    if (may_wait && pending && (t->timer == ESTAB_TIMER_NONE || t->timer_at == ESTAB_NEVER) &&
        !(has_ethernet(v->host) && waits_for_neighbour(v->host, st)))
        violated(v, SIM_RULE_TIMER_RUNS, st->state, t->send_queued);
    if (t->timer != ESTAB_TIMER_NONE && t->timer_at < sim_host_now(v->host))
        violated(v, SIM_RULE_TIMER_AHEAD, (uint64_t)t->timer_at, t->timer);
    if ((t->timer == ESTAB_TIMER_RETRANSMIT || t->timer == ESTAB_TIMER_PERSIST) &&
        t->timer_at != ESTAB_NEVER && t->timer_at - sim_host_now(v->host) > v->host->cfg.rto_max)
        violated(v, SIM_RULE_TIMER_NEAR, (uint64_t)(t->timer_at - sim_host_now(v->host)), t->timer);
    /* What has not been sent yet has no timer that would stand before the others. */
    if (!fits(st) && !(has_ethernet(v->host) && waits_for_neighbour(v->host, st)))
        violated(v, SIM_RULE_TIMER_FITS, t->timer, st->state);
    if (t->timer == ESTAB_TIMER_TIME_WAIT && v->f->state == ESTAB_TCPS_TIME_WAIT &&
        t->timer_at != v->f->time_wait_at + 2 * v->host->cfg.msl)
        violated(v, SIM_RULE_TIME_WAIT_2MSL, (uint64_t)(t->timer_at - v->f->time_wait_at),
                 2 * (uint64_t)v->host->cfg.msl);
    v->f->conn = st->conn;
    v->f->timer = t->timer;
    v->f->timer_at = t->timer_at;
}

static void
note_handle(struct sim_checks *c, struct sim_host *host, struct census *n,
            const struct estab_status *st)
{
    void *handles = c->handles;
    uint64_t conn = st->conn;

    /* The small records before and after a connection have no user who could name them. */
    if (conn == 0 && (st->state == ESTAB_TCPS_SYN_RECEIVED || st->state == ESTAB_TCPS_TIME_WAIT))
        return;

    for (size_t i = 0; i < n->n && n->n < 64; i++)
        if (c->handles[i] == conn)
            sim_violated(c->world, SIM_RULE_HANDLES_UNIQUE, host->number, conn, n->n, i);
    if (!sim_grow(&c->world->from, &handles, &c->cap_handles, n->n + 1, sizeof *c->handles))
        return;
    c->handles = handles;
    c->handles[n->n++] = conn;
    if (conn == 0)
        sim_violated(c->world, SIM_RULE_HANDLES_UNIQUE, host->number, conn, n->n, st->state);
}

static void
check_record(struct sim_checks *c, struct sim_host *host, const struct estab_status *st,
             struct census *n)
{
    struct sim_view v = { .c = c, .host = host };
    bool half_open = st->state == ESTAB_TCPS_SYN_RECEIVED && st->tcb.timer == ESTAB_TIMER_SYN_ACK;

    if (st->state == ESTAB_TCPS_LISTEN) {
        n->listeners++;
        return;
    }
    v.f = sim_flow_of(c, host->number, &st->local, &st->remote);
    if (v.f == NULL)
        return;
    if (st->tcb.timer != ESTAB_TIMER_NONE && fits(st)) {
        n->timers++;
        if (st->tcb.timer_at < n->earliest)
            n->earliest = st->tcb.timer_at;
    }
    if (half_open)
        n->half_open++;
    else if (st->state == ESTAB_TCPS_TIME_WAIT && st->conn == 0)
        n->time_wait++;
    else
        n->connections++;
    if (st->orphan)
        n->orphans++;
    if (st->state == ESTAB_TCPS_CLOSED)
        return;
    /* In TIME-WAIT the record that a user still holds stands beside the small one. */
    if (st->state != ESTAB_TCPS_TIME_WAIT && v.f->visited == c->evaluated)
        violated(&v, SIM_RULE_ENDS_UNIQUE, st->state, st->local.port);
    if (st->state != ESTAB_TCPS_TIME_WAIT)
        v.f->visited = c->evaluated;
    if (!half_open && st->state != ESTAB_TCPS_TIME_WAIT) {
        check_sequence_space(&v, st);
        check_buffers(&v, st);
    }
    check_connection_timer(&v, st);
}

static void
check_limit(struct sim_checks *c, uint32_t host, uint32_t value, uint32_t limit)
{
    if (value > limit)
        sim_violated(c->world, SIM_RULE_LIMITS, host, 0, value, limit);
}

/* In these worlds nobody lies about his hardware address: what the cache knows is true. */
static void
check_neighbours(struct sim_checks *c, struct sim_host *host, const struct estab_stack_status *s)
{
    struct estab_neighbour_info n;
    uint64_t cursor = 0;
    uint32_t count = 0, unresolved = 0;

    while (estab_stack_next_neighbour(host->stack, &cursor, &n)) {
        const struct sim_interface *to = sim_world_owner(c->world, host, n.ifindex, &n.addr);

        count++;
        if (n.state == ESTAB_NEIGHBOUR_INCOMPLETE || n.state == ESTAB_NEIGHBOUR_FAILED)
            unresolved++;
        else if (to == NULL || memcmp(to->mac, n.mac, 6) != 0)
            sim_violated(c->world, SIM_RULE_NEIGHBOUR_TRUE, host->number, 0, n.ifindex, n.state);
    }
    if (count != s->neighbours)
        sim_violated(c->world, SIM_RULE_COUNTS_AGREE, host->number, 0, s->neighbours, count);
    check_limit(c, host->number, count - unresolved, host->cfg.max_neighbours);
    check_limit(c, host->number, unresolved, host->cfg.max_unresolved_neighbours);
}

static void
check_books(struct sim_checks *c, struct sim_host *host, const struct estab_stack_status *s,
            const struct census *n)
{
    const struct sim_host_books *b = &c->books[host->number];
    const struct estab_config *cfg = &host->cfg;
    estab_time deadline = estab_stack_deadline(host->stack);
    bool ethernet = has_ethernet(host); /* which has deadlines and packets that wait of its own */
    uint32_t number = host->number;
    uint64_t verdicts = 0, reasons = 0;

    /* Whether an orphan stands in orphans, and a half-open one in connections, is the walk's to
     * say: all records together are what both must agree on. */
    if (s->listeners != n->listeners || s->time_wait != n->time_wait ||
        s->connections + s->half_open != n->connections + n->half_open)
        sim_violated(c->world, SIM_RULE_COUNTS_AGREE, number, 0,
                     (uint64_t)s->connections << 32 | s->half_open,
                     (uint64_t)n->connections << 32 | n->half_open);
    check_limit(c, number, s->connections, cfg->max_connections);
    check_limit(c, number, s->half_open, cfg->max_half_open);
    check_limit(c, number, s->time_wait, cfg->max_time_wait);
    check_limit(c, number, s->orphans, cfg->max_orphans);
    check_limit(c, number, s->listeners, cfg->max_listeners);
    if (deadline > n->earliest)
        sim_violated(c->world, SIM_RULE_DEADLINE_COVERS, number, 0, (uint64_t)deadline,
                     (uint64_t)n->earliest);
    if (s->timers < n->timers ||
        (s->timers == 0 ? deadline != ESTAB_NEVER && !ethernet : deadline == ESTAB_NEVER))
        sim_violated(c->world, SIM_RULE_TIMERS_COUNTED, number, 0, s->timers, n->timers);
    if (b->records_out != host->packets_out)
        sim_violated(c->world, SIM_RULE_PACKET_OUT_TRACED, number, 0, b->records_out,
                     host->packets_out);
    for (unsigned i = 0; i < ESTAB_VERDICT_COUNT; i++)
        verdicts += s->verdicts[i];
    for (unsigned i = 0; i < ESTAB_REASON_COUNT; i++)
        reasons += s->reasons[i];
    if (verdicts != host->packets_in || s->packets_in != host->packets_in ||
        s->verdicts[ESTAB_SEG_NONE] != 0)
        sim_violated(c->world, SIM_RULE_VERDICT_COUNTED, number, 0, verdicts, host->packets_in);
    if (reasons != host->packets_out || s->packets_out != host->packets_out ||
        s->reasons[ESTAB_WHY_NONE] != 0)
        sim_violated(c->world, SIM_RULE_REASON_COUNTED, number, 0, reasons, host->packets_out);
    if ((uint64_t)b->bytes_held != s->record_bytes + s->ring_bytes)
        sim_violated(c->world, SIM_RULE_MEMORY_TRACED, number, 0, (uint64_t)b->bytes_held,
                     s->record_bytes + s->ring_bytes);
    if (s->bytes_taken != host->alloc.bytes)
        sim_violated(c->world, SIM_RULE_MEMORY_COUNTED, number, 0, s->bytes_taken,
                     host->alloc.bytes);
    if (host->alloc.peak > cfg->memory_budget || s->record_bytes + s->ring_bytes > s->bytes_taken)
        sim_violated(c->world, SIM_RULE_MEMORY_BUDGET, number, 0, host->alloc.peak,
                     cfg->memory_budget);
    if (s->connections + s->half_open + s->time_wait == 0 &&
        (s->timers != 0 || (s->ring_bytes != 0 && !ethernet) || s->ports > s->listeners ||
         s->orphans != 0 || (s->listeners == 0 && s->record_bytes != 0)))
        sim_violated(c->world, SIM_RULE_QUIET_WHEN_EMPTY, number, 0,
                     (uint64_t)s->timers << 32 | s->ports, s->ring_bytes + s->record_bytes);
}

void
sim_check_host(struct sim_checks *c, struct sim_host *host)
{
    struct census n = { .earliest = ESTAB_NEVER };
    struct estab_stack_status s;
    struct estab_status st;
    uint64_t cursor = 0;

    while (estab_stack_next(host->stack, &cursor, &st)) {
        note_handle(c, host, &n, &st);
        check_record(c, host, &st, &n);
    }
    estab_stack_status(host->stack, &s);
    check_books(c, host, &s, &n);
    if (has_ethernet(host))
        check_neighbours(c, host, &s);
}
