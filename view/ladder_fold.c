/* SPDX-License-Identifier: MIT */
/*
 * A long run of data segments and their ACKs is one line: the first few each way are drawn, the
 * rest is counted until something else happens. Anything out of the ordinary (a repetition, a
 * duplicate ACK, a closed window, a drop) ends the run and is drawn. Called from ladder.c.
 */
#include "view/ladder.h"

#include <string.h>

static bool
is_plain_segment(const struct estab_trace *r)
{
    return r->proto == 6 && r->state_before == r->state_after && r->seg.sack_blocks == 0 &&
           r->seg.wnd != 0 && (r->seg.ctl & ~ESTAB_CTL_PSH) == ESTAB_CTL_ACK;
}

static bool
is_plain(const struct estab_trace *r)
{
    switch (r->kind) {
    case ESTAB_TRACE_PACKET_IN:
        return is_plain_segment(r) && r->verdict == ESTAB_SEG_ACCEPTED;
    case ESTAB_TRACE_PACKET_OUT:
        return is_plain_segment(r) &&
               (r->reason == ESTAB_WHY_DATA || r->reason == ESTAB_WHY_ACK_DELAYED ||
                r->reason == ESTAB_WHY_ACK_SECOND || r->reason == ESTAB_WHY_ACK_NOW ||
                r->reason == ESTAB_WHY_WINDOW_UPDATE);
    case ESTAB_TRACE_CALL:
        return (r->call == ESTAB_CALL_SEND || r->call == ESTAB_CALL_RECEIVE) && r->result > 0;
    case ESTAB_TRACE_TIMER:
        return r->timer == ESTAB_TIMER_DELAYED_ACK || r->timer == ESTAB_TIMER_PACING;
    case ESTAB_TRACE_MEMORY:
        return r->memory == ESTAB_MEM_SEND_RING || r->memory == ESTAB_MEM_RECEIVE_RING;
    default:
        return false;
    }
}

/* ---- drawing ---- */

static void
add_flow(struct phrase *p, const struct flow *f)
{
    if (f->segments > 0) {
        estab_phrase_number(p, f->segments);
        estab_phrase_add(p, f->segments == 1 ? " data segment, " : " data segments, ");
        estab_phrase_number(p, f->octets);
        estab_phrase_add(p, f->octets == 1 ? " octet" : " octets");
    }
    if (f->acks > 0) {
        estab_phrase_add(p, "%s", f->segments > 0 ? ", and " : "");
        estab_phrase_number(p, f->acks);
        estab_phrase_add(p, f->acks == 1 ? " ACK" : " ACKs");
    }
}

static void
draw_calls(struct view_ladder *v, int side)
{
    static const char *const name[2] = { "SEND", "RECEIVE" };
    const struct flow *f = &v->fold.flow[side];
    struct phrase p = { .len = 0 };
    unsigned i;

    for (i = 0; i < 2; i++) {
        if (f->calls[i] == 0)
            continue;
        estab_phrase_add(&p, "%s", p.len > 0 ? ", " : "");
        estab_phrase_number(&p, f->calls[i]);
        estab_phrase_add(&p, " × %s: ", name[i]);
        estab_phrase_number(&p, f->call_octets[i]);
        estab_phrase_add(&p, " octets");
    }
    if (p.len > 0)
        estab_ladder_note(v, v->fold.to, side, STYLE_DIM, p.s, "");
}

static void
draw_sum(struct view_ladder *v)
{
    const struct fold *fold = &v->fold;
    struct phrase part[2] = { { .len = 0 }, { .len = 0 } }, p = { .len = 0 };
    estab_time took = estab_time_between(fold->from, fold->to);
    unsigned i;
    int side;

    for (side = LEFT; side <= RIGHT; side++)
        add_flow(&part[side], &fold->flow[side]);
    estab_phrase_add(&p, "… ");
    if (took >= ESTAB_MS(1)) {
        estab_phrase_duration(&p, took);
        estab_phrase_add(&p, ": ");
    }
    if (part[LEFT].len > 0)
        estab_phrase_add(&p, "%s →", part[LEFT].s);
    if (part[RIGHT].len > 0)
        estab_phrase_add(&p, "%s← %s", part[LEFT].len > 0 ? "    " : "", part[RIGHT].s);
    estab_ladder_between(v, fold->to, STYLE_DATA, p.s);
    for (side = LEFT; side <= RIGHT; side++) {
        draw_calls(v, side);
        for (i = 0; i < ESTAB_MEMORY_COUNT; i++)
            if (fold->flow[side].memory[i] != 0)
                estab_ladder_memory_note(v, fold->to, side, i, fold->flow[side].memory[i],
                                         fold->held[side]);
    }
}

/* So few that they are better drawn; those in the air take off again. */
static void
draw_kept(struct view_ladder *v)
{
    struct estab_trace keep[LADDER_KEPT];
    unsigned n = v->fold.kept, i;

    memcpy(keep, v->fold.keep, sizeof(keep));
    for (i = 0; i < LADDER_FLIGHTS; i++) {
        struct flight *f = &v->flight[i];

        if (f->in_air && f->folded && f->serial >= v->fold.first_serial)
            estab_ladder_flight_over(v, f, false);
    }
    for (i = 0; i < n; i++)
        estab_ladder_event(v, &keep[i]);
}

void
estab_ladder_unfold(struct view_ladder *v)
{
    struct fold *fold = &v->fold;

    if (!fold->active)
        return;
    fold->active = false;
    if (!fold->overflowed && fold->hidden_segments <= 2) {
        draw_kept(v);
    } else {
        estab_ladder_settle(v);
        draw_sum(v);
    }
    memset(fold->flow, 0, sizeof(fold->flow));
    fold->kept = 0;
    fold->hidden_segments = 0;
    fold->overflowed = false;
}

/* ---- counting ---- */

static void
add_up(struct fold *fold, const struct estab_trace *r, int side, int from, bool counts)
{
    struct flow *host = &fold->flow[side];
    bool received = r->call == ESTAB_CALL_RECEIVE;

    switch (r->kind) {
    case ESTAB_TRACE_MEMORY:
        if ((r->bytes > 0 && host->memory[r->memory] < INT64_MAX - r->bytes) ||
            (r->bytes <= 0 && host->memory[r->memory] > INT64_MIN - r->bytes))
            host->memory[r->memory] += r->bytes;
        fold->held[side] = r->bytes_held;
        break;
    case ESTAB_TRACE_CALL:
        host->calls[received]++;
        host->call_octets[received] += (uint64_t)r->result;
        break;
    case ESTAB_TRACE_PACKET_IN:
    case ESTAB_TRACE_PACKET_OUT:
        if (!counts)
            break;
        fold->hidden_segments++;
        if (r->seg.len > 0) {
            fold->flow[from].segments++;
            fold->flow[from].octets += r->seg.len;
        } else {
            fold->flow[from].acks++;
        }
        break;
    default:
        break;
    }
    if (fold->kept < LADDER_KEPT) {
        fold->keep[fold->kept] = *r;
        fold->keep[fold->kept++].packet = NULL;
    } else {
        fold->overflowed = true;
    }
}

static void
start(struct view_ladder *v, const struct estab_trace *r)
{
    v->fold.active = true;
    v->fold.first_serial = v->next_serial;
    v->fold.from = r->at;
}

bool
estab_ladder_fold(struct view_ladder *v, const struct estab_trace *r)
{
    struct fold *fold = &v->fold;
    int side = estab_ladder_side(v, r->host);
    bool is_out = r->kind == ESTAB_TRACE_PACKET_OUT;
    bool is_packet = is_out || r->kind == ESTAB_TRACE_PACKET_IN;
    int from = is_out ? side : !side;
    bool first_sight = is_out || !v->options.both; /* of this segment */
    struct flight *f = NULL;

    if (v->options.unfold)
        return false;
    if (fold->active && estab_time_between(fold->to, r->at) >= v->options.gap)
        estab_ladder_unfold(v);
    if (!is_plain(r)) {
        /* A state or memory may belong to the packet that follows: the run goes on until that. */
        estab_ladder_unfold(v);
        memset(fold->lead, 0, sizeof(fold->lead));
        return false;
    }
    if (v->has_drawn && !fold->active && estab_time_between(v->drawn_at, r->at) >= v->options.gap)
        memset(fold->lead, 0, sizeof(fold->lead));
    if (is_packet && !first_sight) {
        /* What is drawn as sent is drawn when it arrives. */
        f = estab_ladder_landing(v, r, from);
        if (f == NULL || !f->folded)
            return false;
        estab_ladder_flight_over(v, f, true);
        if (!fold->active)
            return true; /* left in a fold that has ended: it was counted there */
    }
    if (is_packet && first_sight) {
        if (fold->lead[from] < LADDER_LEAD && !fold->active) {
            fold->lead[from]++;
            return false;
        }
        if (!fold->active)
            start(v, r);
        if (v->options.both) {
            f = estab_ladder_take_off(v, r, from);
            f->folded = true;
            f->drawn = true;
            v->n_undrawn--;
        }
    }
    if (!fold->active)
        return false;
    fold->to = r->at;
    add_up(fold, r, side, from, first_sight);
    return true;
}
