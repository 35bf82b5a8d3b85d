/* SPDX-License-Identifier: MIT */
/*
 * What the ladder remembers: connections by their two ends, and segments that have left one host
 * and not yet reached the other. Both tables have fixed sizes; when one is full its oldest entry
 * makes room. Called from the other rooms of the ladder.
 */
#include "view/ladder.h"

#include <string.h>

static bool
same_end(const struct estab_endpoint *a, const struct estab_endpoint *b)
{
    return a->port == b->port && a->addr.family == b->addr.family &&
           memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes)) == 0;
}

/* ---- connections ---- */

struct ladder_conn *
estab_ladder_conn(struct view_ladder *v, const struct estab_trace *r, int side)
{
    const struct estab_endpoint *left = side == LEFT ? &r->local : &r->remote;
    const struct estab_endpoint *right = side == LEFT ? &r->remote : &r->local;
    struct ladder_conn *c, *oldest = &v->conn[0];
    unsigned i;

    if (r->local.port == 0 || r->remote.port == 0)
        return NULL; /* a listener, or no TCP */
    for (i = 0; i < LADDER_CONNS; i++) {
        c = &v->conn[i];
        if (c->used != 0 && same_end(&c->end[LEFT], left) && same_end(&c->end[RIGHT], right)) {
            c->used = v->records;
            return c;
        }
        if (c->used < oldest->used)
            oldest = c;
    }
    c = oldest;
    memset(c, 0, sizeof(*c));
    c->used = v->records;
    c->number = ++v->conns_seen;
    c->end[LEFT] = *left;
    c->end[RIGHT] = *right;
    return c;
}

/* A new life of the same two ends. */
static void
begin_again(struct view_ladder *v, struct ladder_conn *c)
{
    struct ladder_conn fresh = { .used = c->used, .number = ++v->conns_seen };

    memcpy(fresh.end, c->end, sizeof(fresh.end));
    *c = fresh;
}

void
estab_ladder_learn(struct view_ladder *v, struct ladder_conn *c, const struct estab_trace *r,
                   int from)
{
    const struct estab_trace_segment *seg = &r->seg;
    bool is_open = (seg->ctl & (ESTAB_CTL_SYN | ESTAB_CTL_ACK | ESTAB_CTL_RST)) == ESTAB_CTL_SYN;

    if (seg->ctl & ESTAB_CTL_SYN) {
        if (is_open && c->is_over && !(c->has_isn[from] && c->isn[from] == seg->seq))
            begin_again(v, c);
        /* An old SYN out of the network must not move what we count from. */
        if (r->kind == ESTAB_TRACE_PACKET_OUT || !c->has_isn[from]) {
            c->isn[from] = seg->seq;
            c->has_isn[from] = true;
            c->has_wscale[from] = seg->has_wscale;
            c->wscale[from] = seg->wscale < 14 ? seg->wscale : 14;
        }
    } else if (!c->has_isn[from] && !(seg->ctl & ESTAB_CTL_RST)) {
        /* Joined in the middle: what we see first is octet 1. */
        c->isn[from] = seg->seq - 1;
        c->has_isn[from] = true;
    }
    if (seg->ctl & ESTAB_CTL_ACK && !c->has_isn[!from] && !(seg->ctl & ESTAB_CTL_RST)) {
        c->isn[!from] = seg->ack - 1;
        c->has_isn[!from] = true;
    }
    if (seg->ctl & ESTAB_CTL_FIN) {
        c->fin_end[from] = seg->seq + seg->len + 1;
        c->has_fin[from] = true;
    }
}

/* What the peer's state must have been when it sent this; what it does with our segments we
 * cannot see. */
static unsigned
state_of_sender(const struct ladder_conn *c, const struct estab_trace_segment *seg, int from)
{
    bool acks_fin = seg->ctl & ESTAB_CTL_ACK && c->has_fin[!from] && seg->ack == c->fin_end[!from];
    bool has_fin = seg->ctl & ESTAB_CTL_FIN || c->has_fin[from];

    if (seg->ctl & ESTAB_CTL_RST)
        return ESTAB_TCPS_CLOSED;
    if (seg->ctl & ESTAB_CTL_SYN)
        return seg->ctl & ESTAB_CTL_ACK ? ESTAB_TCPS_SYN_RECEIVED : ESTAB_TCPS_SYN_SENT;
    if (!has_fin)
        return acks_fin ? ESTAB_TCPS_CLOSE_WAIT : ESTAB_TCPS_ESTABLISHED;
    if (!acks_fin)
        return ESTAB_TCPS_FIN_WAIT_1;
    /* It has closed and has our FIN: after its own FIN it waits, else its FIN was the answer. */
    if (seg->ctl & ESTAB_CTL_FIN)
        return ESTAB_TCPS_LAST_ACK;
    return c->state[from] == ESTAB_TCPS_FIN_WAIT_1 ? ESTAB_TCPS_TIME_WAIT : c->state[from];
}

bool
estab_ladder_infer(struct ladder_conn *c, const struct estab_trace *r, int from)
{
    unsigned state;

    if (r->verdict == ESTAB_SEG_DROP_DUPLICATE || r->verdict == ESTAB_SEG_DROP_OUT_OF_WINDOW)
        return false; /* perhaps an old one: it says nothing about now */
    state = state_of_sender(c, &r->seg, from);
    if (c->has_state[from] && c->state[from] == state)
        return false;
    c->state[from] = (uint8_t)state;
    c->has_state[from] = true;
    return true;
}

/* ---- segments on their way ---- */

struct flight *
estab_ladder_take_off(struct view_ladder *v, const struct estab_trace *r, int from)
{
    struct flight *f = &v->flight[v->next_serial % LADDER_FLIGHTS];

    if (f->in_air)
        estab_ladder_flight_over(v, f, false); /* so long ago: nobody waits for it any more */
    f->serial = v->next_serial++;
    f->from = (uint8_t)from;
    f->in_air = true;
    f->landed = f->drawn = f->folded = false;
    f->record = *r;
    f->record.packet = NULL; /* lives only as long as the call */
    if (r->frame != NULL) {
        f->record.frame = f->head;
        f->record.frame_len = r->frame_len < sizeof(f->head) ? r->frame_len : sizeof(f->head);
        memcpy(f->head, r->frame, f->record.frame_len);
    }
    v->n_flights++;
    v->n_undrawn++;
    return f;
}

void
estab_ladder_flight_over(struct view_ladder *v, struct flight *f, bool landed)
{
    v->n_flights--;
    if (!f->drawn)
        v->n_undrawn--;
    f->in_air = false;
    f->landed = landed;
}

/* What is sent is what arrives: the same segment between the same ends. */
static bool
is_same(const struct estab_trace *out, const struct estab_trace *in)
{
    const struct estab_trace_segment *a = &out->seg, *b = &in->seg;

    return same_end(&out->local, &in->remote) && same_end(&out->remote, &in->local) &&
           out->proto == in->proto && a->seq == b->seq && a->ack == b->ack && a->ctl == b->ctl &&
           a->len == b->len && a->wnd == b->wnd && a->ts_val == b->ts_val &&
           a->ts_ecr == b->ts_ecr && out->packet_len == in->packet_len;
}

/* Slots in the order of sending. */
static struct flight *
slot(const struct view_ladder *v, unsigned i)
{
    return &v->flight[(v->next_serial + i) % LADDER_FLIGHTS];
}

struct flight *
estab_ladder_landing(struct view_ladder *v, const struct estab_trace *r, int from)
{
    unsigned i;

    if (v->n_flights == 0)
        return NULL;
    for (i = 0; i < LADDER_FLIGHTS; i++) {
        struct flight *f = slot(v, i);

        if (f->in_air && f->from == from && is_same(&f->record, r))
            return f;
    }
    return NULL;
}

bool
estab_ladder_has_landed(const struct view_ladder *v, const struct estab_trace *r, int from)
{
    unsigned i;

    for (i = 0; i < LADDER_FLIGHTS; i++) {
        struct flight *f = slot(v, i);

        if (f->landed && f->from == from && is_same(&f->record, r))
            return true;
    }
    return false;
}

struct flight *
estab_ladder_oldest(struct view_ladder *v, bool any)
{
    unsigned i;

    if ((any ? v->n_flights : v->n_undrawn) == 0)
        return NULL;
    for (i = 0; i < LADDER_FLIGHTS; i++) {
        struct flight *f = slot(v, i);

        if (f->in_air && (any || !f->drawn))
            return f;
    }
    return NULL;
}
