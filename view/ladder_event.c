/* SPDX-License-Identifier: MIT */
/*
 * Which records belong together. State and memory records come before the packet or call that
 * caused them, so they wait for it and stand under it; a segment that both hosts tell of waits for
 * its arrival and is one arrow, unless something else happens meanwhile. Called from ladder.c and
 * ladder_fold.c.
 */
#include "view/ladder.h"

#include "estab/estab.h"

/* ---- memory, states, timers ---- */

void
estab_ladder_memory_note(struct view_ladder *v, estab_time at, int side, unsigned memory,
                         int64_t bytes, uint64_t held)
{
    struct phrase p = { .len = 0 };

    estab_ladder_memory_text(memory, bytes, held, &p);
    estab_ladder_note(v, at, side, bytes < 0 ? STYLE_GIVEN : STYLE_TAKEN, p.s, "");
}

static void
note_2msl(struct view_ladder *v, const struct estab_trace *r, int side, const char *what)
{
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p, "2MSL");
    if (r->tcb.timer == ESTAB_TIMER_TIME_WAIT && r->tcb.timer_at != ESTAB_NEVER &&
        r->tcb.timer_at > r->at) {
        estab_phrase_add(&p, ": ");
        estab_phrase_duration(&p, estab_time_between(r->at, r->tcb.timer_at));
    } else if (v->options.msl > 0 && v->options.msl < ESTAB_NEVER / 2) {
        estab_phrase_add(&p, ": ");
        estab_phrase_duration(&p, 2 * v->options.msl);
    }
    estab_phrase_add(&p, "%s", what);
    estab_ladder_note(v, r->at, side, STYLE_TIMER, p.s, "RFC 9293 §3.6.1");
}

/* The state alone; why stands elsewhere. */
static void
take_state(struct view_ladder *v, const struct estab_trace *r, int side)
{
    struct ladder_conn *c = estab_ladder_conn(v, r, side);

    if (c != NULL) {
        if (!c->shown)
            estab_ladder_introduce(v, c, r->at);
        c->state[side] = r->state_after;
        c->has_state[side] = true;
        if (r->state_after == ESTAB_TCPS_CLOSED || r->state_after == ESTAB_TCPS_TIME_WAIT)
            c->is_over = true;
    }
    estab_ladder_state_due(v, r->at, side, r->state_after, false);
}

/* Whether the row before already says why. */
static bool
is_said(const struct view_ladder *v, const struct estab_trace *r, int side)
{
    if (!v->last[side].known || v->last[side].at != r->at)
        return false;
    if (v->last[side].kind == ESTAB_TRACE_CALL)
        return r->cause == ESTAB_CAUSE_OPEN_ACTIVE || r->cause == ESTAB_CAUSE_CLOSE_CALL ||
               r->cause == ESTAB_CAUSE_ABORT_CALL;
    return v->last[side].kind == ESTAB_TRACE_TIMER && r->cause == ESTAB_CAUSE_TIME_WAIT_OVER;
}

static void
draw_recovery(struct view_ladder *v, const struct estab_trace *r, int side)
{
    struct phrase p = { .len = 0 };

    if (r->tcb.send_queued == 0 && r->state_after != ESTAB_TCPS_ESTABLISHED &&
        r->state_after != ESTAB_TCPS_CLOSE_WAIT)
        return; /* a FIN alone is, or was, out: cwnd does not matter any more */
    estab_phrase_add(&p, "%s (cwnd %u)", estab_recovery_text(r->recovery), r->tcb.cwnd);
    estab_ladder_note(v, r->at, side, STYLE_TIMER, p.s, estab_recovery_rule(r->recovery));
}

/* A state, memory or recovery record that stands for itself. */
static void
draw_alone(struct view_ladder *v, const struct estab_trace *r)
{
    int side = estab_ladder_side(v, r->host);

    if (r->kind == ESTAB_TRACE_MEMORY) {
        estab_ladder_memory_note(v, r->at, side, r->memory, r->bytes, r->bytes_held);
        return;
    }
    if (r->kind == ESTAB_TRACE_RECOVERY) {
        draw_recovery(v, r, side);
        return;
    }
    take_state(v, r, side);
    if (!is_said(v, r, side))
        estab_ladder_note(v, r->at, side, STYLE_DIM, estab_cause_text(r->cause),
                          estab_cause_rule(r->cause));
    if (r->state_after == ESTAB_TCPS_TIME_WAIT)
        note_2msl(v, r, side, "");
}

static void
draw_timer(struct view_ladder *v, const struct estab_trace *r, int side)
{
    struct phrase p = { .len = 0 };

    if (r->timer == ESTAB_TIMER_DELAYED_ACK || r->timer == ESTAB_TIMER_PACING)
        return; /* the segment says so itself, or nothing is to be said */
    if (r->timer == ESTAB_TIMER_TIME_WAIT) {
        estab_ladder_note(v, r->at, side, STYLE_TIMER, "2MSL are over", "RFC 9293 §3.10.8");
        return;
    }
    estab_phrase_add(&p, "timer: %s", estab_timer_text(r->timer));
    estab_ladder_note(v, r->at, side, STYLE_TIMER, p.s, "");
}

/* Why a segment was sent; in a run of data the same words once. */
static const char *
reason_text(struct view_ladder *v, const struct estab_trace *r, int side)
{
    bool is_same = v->said[side] == r->reason &&
                   (r->reason == ESTAB_WHY_DATA || r->reason == ESTAB_WHY_ACK_SECOND ||
                    r->reason == ESTAB_WHY_ACK_NOW || r->reason == ESTAB_WHY_ACK_DELAYED);

    v->said[side] = r->reason;
    return is_same ? "" : estab_reason_text(r->reason);
}

static void
note_reason(struct view_ladder *v, const struct estab_trace *r, int side)
{
    const char *text = reason_text(v, r, side);

    if (*text != '\0')
        estab_ladder_note(v, r->at, side, STYLE_DIM, text, estab_reason_rule(r->reason));
}

/* ---- what belongs together ---- */

void
estab_ladder_draw_sent(struct view_ladder *v, struct flight *f, enum arrow arrow,
                       const char *remark)
{
    const struct estab_trace *r = &f->record;
    struct arrow_options o = { .arrow = arrow, .from = f->from, .remark = remark };
    struct ladder_conn *c = estab_ladder_conn(v, r, f->from);

    f->drawn = true;
    v->n_undrawn--;
    estab_ladder_arrow(v, r->at, c, r, &o);
    note_reason(v, r, f->from);
}

static void
settle_flights(struct view_ladder *v)
{
    struct flight *f;

    while ((f = estab_ladder_oldest(v, false)) != NULL)
        estab_ladder_draw_sent(v, f, ARROW_SENT, NULL);
}

/* Does a held record belong to what this host did at this instant? */
static bool
belongs(const struct estab_trace *held, const struct estab_trace *r)
{
    return r != NULL && held->host == r->host && held->at == r->at;
}

/* Draws the held records that do not belong to `r` and keeps the others. */
static void
settle_held(struct view_ladder *v, const struct estab_trace *r)
{
    unsigned i, kept = 0;

    for (i = 0; i < v->n_held; i++)
        if (!belongs(&v->held[i], r))
            settle_flights(v);
    for (i = 0; i < v->n_held; i++) {
        if (belongs(&v->held[i], r))
            v->held[kept++] = v->held[i];
        else
            draw_alone(v, &v->held[i]);
    }
    v->n_held = kept;
}

void
estab_ladder_settle(struct view_ladder *v)
{
    settle_flights(v);
    settle_held(v, NULL);
}

static void
remember(struct view_ladder *v, const struct estab_trace *r, int side)
{
    v->last[side].kind = r->kind;
    v->last[side].call = r->call;
    v->last[side].at = r->at;
    v->last[side].known = true;
}

/* States that a packet brings about wait for its record; all others are told right away. */
static bool
is_by_packet(unsigned cause)
{
    switch (cause) {
    case ESTAB_CAUSE_SYN_ARRIVED:
    case ESTAB_CAUSE_SYN_CROSSED:
    case ESTAB_CAUSE_SYN_ACKED:
    case ESTAB_CAUSE_FIN_ACKED:
    case ESTAB_CAUSE_FIN_ARRIVED:
    case ESTAB_CAUSE_RST_ARRIVED:
    case ESTAB_CAUSE_REUSED:
    case ESTAB_CAUSE_SYN_REFUSED:
    case ESTAB_CAUSE_HARD_ERROR:
    case ESTAB_CAUSE_DATA_AFTER_CLOSE:
        return true;
    default:
        return false;
    }
}

bool
estab_ladder_is_effect(const struct view_ladder *v, const struct estab_trace *r, int side)
{
    bool over = r->state_after == ESTAB_TCPS_CLOSED || r->state_after == ESTAB_TCPS_TIME_WAIT;

    if (r->kind == ESTAB_TRACE_STATE)
        return !is_by_packet(r->cause);
    if (!v->last[side].known || v->last[side].at != r->at)
        return false;
    switch (v->last[side].kind) {
    case ESTAB_TRACE_TIMER:
        return r->kind == ESTAB_TRACE_RECOVERY || r->bytes < 0;
    case ESTAB_TRACE_CALL:
        if (v->last[side].call == ESTAB_CALL_OPEN_PASSIVE)
            return r->memory == ESTAB_MEM_LISTENER;
        return r->bytes < 0 && v->last[side].call >= ESTAB_CALL_SHUTDOWN;
    case ESTAB_TRACE_PACKET_IN:
        return over;
    default:
        return false;
    }
}

static void
hold(struct view_ladder *v, const struct estab_trace *r, int side)
{
    if (estab_ladder_is_effect(v, r, side) || v->n_held == LADDER_HELD) {
        estab_ladder_settle(v);
        draw_alone(v, r);
        return;
    }
    v->held[v->n_held] = *r;
    v->held[v->n_held].packet = NULL;
    v->held[v->n_held++].frame = NULL;
}

/* ---- events ---- */

static void
draw_group_memory(struct view_ladder *v, unsigned from)
{
    unsigned i;

    for (i = from; i < v->n_held; i++)
        if (v->held[i].kind != ESTAB_TRACE_STATE)
            draw_alone(v, &v->held[i]);
    v->n_held = 0;
}

static void
draw_call(struct view_ladder *v, const struct estab_trace *r, int side)
{
    struct ladder_conn *c = estab_ladder_conn(v, r, side);
    struct phrase p = { .len = 0 }, note = { .len = 0 };
    enum style style = STYLE_DIM;
    unsigned i, from = 0;

    settle_flights(v);
    settle_held(v, r);
    if (c != NULL && !c->shown)
        estab_ladder_introduce(v, c, r->at);
    estab_ladder_call_text(r, &p);
    if (r->result < 0) {
        estab_phrase_add(&note, "refused: %s",
                         estab_err_text(r->result >= -1000 ? (int)r->result : 0));
    } else if (r->call == ESTAB_CALL_OPEN_PASSIVE) {
        estab_phrase_endpoint(&note, &r->local);
        style = STYLE_NAME;
    } else if (v->n_held > 0 && v->held[0].kind == ESTAB_TRACE_MEMORY) {
        estab_ladder_memory_text(v->held[0].memory, v->held[0].bytes, v->held[0].bytes_held, &note);
        style = v->held[0].bytes < 0 ? STYLE_GIVEN : STYLE_TAKEN;
        from = 1;
    }
    estab_ladder_call(v, r->at, side, p.s, style, note.len > 0 ? note.s : NULL);
    if (r->call == ESTAB_CALL_OPEN_PASSIVE && r->result >= 0)
        estab_ladder_state_due(v, r->at, side, ESTAB_TCPS_LISTEN, false);
    for (i = from; i < v->n_held; i++)
        if (v->held[i].kind == ESTAB_TRACE_STATE)
            draw_alone(v, &v->held[i]);
    draw_group_memory(v, from);
}

static void
draw_out(struct view_ladder *v, const struct estab_trace *r, int side)
{
    struct arrow_options o = { .arrow = ARROW_WHOLE, .from = side };
    struct ladder_conn *c = estab_ladder_conn(v, r, side);

    settle_held(v, NULL);
    if (c != NULL)
        estab_ladder_learn(v, c, r, side);
    if (v->options.both) {
        (void)estab_ladder_take_off(v, r, side);
        return;
    }
    estab_ladder_arrow(v, r->at, c, r, &o);
    note_reason(v, r, side);
}

/* Others that have left meanwhile would be drawn below with an earlier time. In a burst from one
 * side that is no trouble, as long as the arrivals have nothing to tell. */
static bool
may_be_whole(const struct view_ladder *v, const struct estab_trace *r, int from)
{
    unsigned i;

    if (v->n_undrawn <= 1)
        return true;
    for (i = 0; i < LADDER_FLIGHTS; i++)
        if (v->flight[i].in_air && !v->flight[i].drawn && v->flight[i].from != from)
            return false;
    return v->n_held == 0 && r->verdict == ESTAB_SEG_ACCEPTED;
}

/* The arrow of a packet that came in; `*whole` is set when its sender's reason is still to be
 * said, with the record that has it. */
static void
draw_arrival(struct view_ladder *v, const struct estab_trace *r, struct ladder_conn *c, int side,
             const struct estab_trace **whole, struct estab_trace *out)
{
    struct arrow_options o = { .arrow = ARROW_WHOLE, .from = !side };
    struct flight *f;

    *whole = NULL;
    if (!v->options.both) {
        if (c != NULL) {
            estab_ladder_learn(v, c, r, !side);
            if (r->proto == 6 && r->seg.ctl != 0 && estab_ladder_infer(c, r, !side)) {
                if (!c->shown)
                    estab_ladder_introduce(v, c, r->at);
                estab_ladder_state_due(v, r->at, !side, c->state[!side], true);
            }
        }
        estab_ladder_arrow(v, r->at, c, r, &o);
        return;
    }
    f = estab_ladder_landing(v, r, !side);
    if (f != NULL && !f->drawn && !may_be_whole(v, r, !side))
        settle_flights(v);
    if (f == NULL || f->drawn) {
        settle_flights(v);
        o.arrow = ARROW_ARRIVED;
        if (f == NULL) {
            if (c != NULL)
                estab_ladder_learn(v, c, r, !side);
            o.remark = estab_ladder_has_landed(v, r, !side) ? "again" : NULL;
        } else {
            estab_ladder_flight_over(v, f, true);
        }
        estab_ladder_arrow(v, r->at, c, r, &o);
        return;
    }
    while (estab_ladder_oldest(v, false) != f)
        estab_ladder_draw_sent(v, estab_ladder_oldest(v, false), ARROW_SENT, NULL);
    *out = f->record;
    *whole = out;
    o.delay = estab_time_between(f->record.at, r->at);
    estab_ladder_flight_over(v, f, true);
    estab_ladder_arrow(v, out->at, c, out, &o);
}

/* The first state record held from `i` on; NULL: none. */
static const struct estab_trace *
next_state(const struct view_ladder *v, ptrdiff_t i)
{
    for (; i < (ptrdiff_t)v->n_held; i++)
        if (v->held[i].kind == ESTAB_TRACE_STATE)
            return &v->held[i];
    return NULL;
}

static void
draw_in(struct view_ladder *v, const struct estab_trace *r, int side)
{
    struct ladder_conn *c = estab_ladder_conn(v, r, side);
    const char *text = "", *rule = "", *why = "", *why_rule = "";
    const struct estab_trace *sent, *state;
    struct estab_trace out;
    bool waits = false;

    settle_held(v, r);
    draw_arrival(v, r, c, side, &sent, &out);
    state = next_state(v, 0);
    if (r->verdict != ESTAB_SEG_ACCEPTED) {
        text = estab_verdict_text(r->verdict);
        rule = estab_verdict_rule(r->verdict);
    } else if (state != NULL) {
        text = estab_cause_text(state->cause);
        rule = estab_cause_rule(state->cause);
    }
    if (sent != NULL) {
        why = reason_text(v, sent, !side);
        why_rule = *why != '\0' ? estab_reason_rule(sent->reason) : "";
    }
    /* Reason and verdict share a row when they are of one instant and there is room. */
    if (*why != '\0' && (sent->at != r->at || !estab_ladder_fits(v, text, rule, why, why_rule))) {
        estab_ladder_note(v, sent->at, !side, STYLE_DIM, why, why_rule);
        why = "";
    }
    while (state != NULL) {
        take_state(v, state, side);
        waits = waits || state->state_after == ESTAB_TCPS_TIME_WAIT;
        estab_ladder_notes(v, r->at, side, text, rule, why, why_rule);
        state = next_state(v, state - v->held + 1);
        text = state != NULL ? estab_cause_text(state->cause) : "";
        rule = state != NULL ? estab_cause_rule(state->cause) : "";
        why = "";
    }
    estab_ladder_notes(v, r->at, side, text, rule, why, why_rule);
    if (waits)
        note_2msl(v, r, side, "");
    else if (r->verdict == ESTAB_SEG_ACCEPTED_FIN_AGAIN)
        note_2msl(v, r, side, ", starts anew");
    draw_group_memory(v, 0);
}

void
estab_ladder_event(struct view_ladder *v, const struct estab_trace *r)
{
    int side = estab_ladder_side(v, r->host);

    switch (r->kind) {
    case ESTAB_TRACE_PACKET_IN:
        draw_in(v, r, side);
        break;
    case ESTAB_TRACE_PACKET_OUT:
        draw_out(v, r, side);
        break;
    case ESTAB_TRACE_TIMER:
        if (r->timer != ESTAB_TIMER_DELAYED_ACK && r->timer != ESTAB_TIMER_PACING)
            estab_ladder_settle(v);
        draw_timer(v, r, side);
        break;
    case ESTAB_TRACE_CALL:
        draw_call(v, r, side);
        break;
    case ESTAB_TRACE_STATE:
    case ESTAB_TRACE_MEMORY:
    case ESTAB_TRACE_RECOVERY:
        hold(v, r, side);
        return;
    default:
        return;
    }
    remember(v, r, side);
}
