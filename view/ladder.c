/* SPDX-License-Identifier: MIT */
/*
 * The ladder: which records belong together. State and memory records come before the packet or
 * call that caused them, so they wait for it and stand under it; a segment that both hosts tell of
 * waits for its arrival and is one arrow, unless something else happens meanwhile. See ladder.h.
 */
#include "view/ladder.h"

#include "estab/estab.h"

#include <stdlib.h>
#include <string.h>

int
estab_ladder_side(struct view_ladder *v, uint32_t host)
{
    int side;

    for (side = LEFT; side <= (v->options.both ? RIGHT : LEFT); side++) {
        if (!v->has_host[side]) {
            v->has_host[side] = true;
            v->host[side] = host;
        }
        if (v->host[side] == host)
            return side;
    }
    return -1;
}

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

/* A state or memory record that stands for itself. */
static void
draw_alone(struct view_ladder *v, const struct estab_trace *r)
{
    int side = estab_ladder_side(v, r->host);

    if (r->kind == ESTAB_TRACE_MEMORY) {
        estab_ladder_memory_note(v, r->at, side, r->memory, r->bytes, r->bytes_held);
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

    if (r->timer == ESTAB_TIMER_DELAYED_ACK)
        return; /* the ACK says so itself */
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

static void
draw_flight_as_sent(struct view_ladder *v, struct flight *f, enum arrow arrow, const char *remark)
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
        draw_flight_as_sent(v, f, ARROW_SENT, NULL);
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

/* Is this state or memory record the effect of what the host did last, and not the herald of what
 * it will do next? */
static bool
is_effect(const struct view_ladder *v, const struct estab_trace *r, int side)
{
    bool over = r->state_after == ESTAB_TCPS_CLOSED || r->state_after == ESTAB_TCPS_TIME_WAIT;

    if (r->kind == ESTAB_TRACE_STATE)
        return !is_by_packet(r->cause);
    if (!v->last[side].known || v->last[side].at != r->at)
        return false;
    switch (v->last[side].kind) {
    case ESTAB_TRACE_TIMER:
        return r->bytes < 0;
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
    if (is_effect(v, r, side) || v->n_held == LADDER_HELD) {
        estab_ladder_settle(v);
        draw_alone(v, r);
        return;
    }
    v->held[v->n_held] = *r;
    v->held[v->n_held++].packet = NULL;
}

/* ---- events ---- */

static void
draw_group_memory(struct view_ladder *v, unsigned from)
{
    unsigned i;

    for (i = from; i < v->n_held; i++)
        if (v->held[i].kind == ESTAB_TRACE_MEMORY)
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
        draw_flight_as_sent(v, estab_ladder_oldest(v, false), ARROW_SENT, NULL);
    *out = f->record;
    *whole = out;
    o.delay = estab_time_between(f->record.at, r->at);
    estab_ladder_flight_over(v, f, true);
    estab_ladder_arrow(v, out->at, c, out, &o);
}

static void
draw_in(struct view_ladder *v, const struct estab_trace *r, int side)
{
    struct ladder_conn *c = estab_ladder_conn(v, r, side);
    const char *text = "", *rule = "", *why = "";
    const struct estab_trace *sent;
    struct estab_trace out;
    bool waits = false;
    unsigned i;

    settle_held(v, r);
    draw_arrival(v, r, c, side, &sent, &out);
    if (r->verdict != ESTAB_SEG_ACCEPTED) {
        text = estab_verdict_text(r->verdict);
        rule = estab_verdict_rule(r->verdict);
    }
    /* With a delay between, the reason has its own row, of its own time. */
    if (sent != NULL && sent->at != r->at)
        note_reason(v, sent, !side);
    else if (sent != NULL)
        why = reason_text(v, sent, !side);
    for (i = 0; i < v->n_held; i++) {
        const struct estab_trace *s = &v->held[i];

        if (s->kind != ESTAB_TRACE_STATE)
            continue;
        take_state(v, s, side);
        waits = waits || s->state_after == ESTAB_TCPS_TIME_WAIT;
        if (*text == '\0') {
            text = estab_cause_text(s->cause);
            rule = estab_cause_rule(s->cause);
        }
        estab_ladder_notes(v, r->at, side, text, rule, why,
                           *why != '\0' ? estab_reason_rule(sent->reason) : "");
        text = rule = why = "";
    }
    estab_ladder_notes(v, r->at, side, text, rule, why,
                       *why != '\0' ? estab_reason_rule(sent->reason) : "");
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
        if (r->timer != ESTAB_TIMER_DELAYED_ACK)
            estab_ladder_settle(v);
        draw_timer(v, r, side);
        break;
    case ESTAB_TRACE_CALL:
        draw_call(v, r, side);
        break;
    case ESTAB_TRACE_STATE:
    case ESTAB_TRACE_MEMORY:
        hold(v, r, side);
        return;
    default:
        return;
    }
    remember(v, r, side);
}

/* ---- remarks ---- */

static void
draw_remarks(struct view_ladder *v)
{
    char *at = v->remarks, *end;

    if (v->remarks_len == 0)
        return;
    estab_ladder_flush_due(v);
    while ((end = memchr(at, '\n', (size_t)(v->remarks + v->remarks_len - at))) != NULL) {
        *end = '\0';
        if (*at != '\0')
            estab_ladder_prose(v, STYLE_REMARK, at);
        at = end + 1;
    }
    v->remarks_len = 0;
}

int
estab_view_ladder_remark(void *ladder, const void *p, size_t n)
{
    struct view_ladder *v = ladder;
    size_t room = sizeof(v->remarks) - v->remarks_len - 2;

    if (n > room)
        n = room;
    memcpy(v->remarks + v->remarks_len, p, n);
    v->remarks_len += n;
    if (n == 0 || v->remarks[v->remarks_len - 1] != '\n')
        v->remarks[v->remarks_len++] = '\n';
    if (v->has_start)
        estab_ladder_unfold(v);
    return v->error;
}

/* ---- the sink ---- */

struct view_ladder *
estab_view_ladder_new(const struct view_ladder_options *options, view_write_fn *write, void *ctx)
{
    struct view_ladder *v = calloc(1, sizeof(*v));
    const char *name;
    unsigned width;
    int side;

    if (v == NULL)
        return NULL;
    v->flight = calloc(LADDER_FLIGHTS, sizeof(*v->flight));
    if (v->flight == NULL) {
        free(v);
        return NULL;
    }
    v->options = *options;
    v->write = write;
    v->ctx = ctx;
    width = options->width < ROW_WIDTH_MIN ? ROW_WIDTH_MIN : options->width;
    v->row.width = width < ROW_WIDTH_MAX ? width : ROW_WIDTH_MAX;
    v->row.ascii = options->ascii;
    v->row.colour = options->colour;
    v->line[LEFT] = 24;
    v->line[RIGHT] = v->row.width - 15;
    if (v->options.gap <= 0)
        v->options.gap = ESTAB_MS(500);
    if (options->host[LEFT] != options->host[RIGHT])
        for (side = LEFT; side <= RIGHT; side++) {
            v->has_host[side] = true;
            v->host[side] = options->host[side];
        }
    for (side = LEFT; side <= RIGHT; side++) {
        name = options->name[side];
        if (name == NULL)
            name = options->both ? (side == LEFT ? "A" : "B") : (side == LEFT ? "host" : "peer");
        strncpy(v->name[side], name, sizeof(v->name[side]) - 1);
    }
    return v;
}

/* Does what the remarks are about still go on: a segment on its way, an effect to be told? */
static bool
is_continued(const struct view_ladder *v, const struct estab_trace *r)
{
    int side = v->has_host[RIGHT] && v->host[RIGHT] == r->host ? RIGHT : LEFT;

    if (v->n_held > 0 || v->n_undrawn > 0)
        return true;
    if (r->kind == ESTAB_TRACE_PACKET_OUT && v->due[side].waits && v->due[side].at == r->at)
        return true; /* the state will stand beside the segment */
    return (r->kind == ESTAB_TRACE_STATE || r->kind == ESTAB_TRACE_MEMORY) &&
           is_effect(v, r, side) && v->last[side].known && v->last[side].at == r->at;
}

int
estab_view_ladder_record(struct view_ladder *v, const struct estab_trace *r)
{
    struct estab_trace sane;

    if (v->error != 0)
        return v->error;
    if (estab_ladder_side(v, r->host) < 0) {
        v->strangers++;
        return 0;
    }
    if (r->kind == ESTAB_TRACE_MEMORY && r->memory >= ESTAB_MEMORY_COUNT) {
        /* A kind of memory made later than this ladder: drawn, but not counted. */
        sane = *r;
        sane.memory = ESTAB_MEMORY_COUNT;
        r = &sane;
    }
    if (!v->has_start) {
        v->has_start = true;
        v->start = r->at;
        estab_ladder_head(v);
    }
    v->records++;
    v->record_at = r->at;
    if (v->remarks_len > 0 && !is_continued(v, r))
        draw_remarks(v);
    if (!estab_ladder_fold(v, r))
        estab_ladder_event(v, r);
    return v->error;
}

int
estab_view_ladder_time(struct view_ladder *v, estab_time now)
{
    estab_time idle = estab_time_between(v->record_at, now);
    bool waits = v->n_undrawn > 0 && idle < ESTAB_MS(250);

    if (v->error != 0 || !v->has_start)
        return v->error;
    if (idle >= ESTAB_SEC(1))
        estab_ladder_unfold(v);
    if (waits)
        return v->error;
    estab_ladder_settle(v);
    if (!v->fold.active || idle >= ESTAB_MS(250)) {
        estab_ladder_flush_due(v);
        draw_remarks(v);
    }
    return v->error;
}

int
estab_view_ladder_fate(struct view_ladder *v, uint32_t host, enum view_fate fate)
{
    static const char *const word[] = { "╳ lost", "held", "doubled", "damaged" };
    int side = estab_ladder_side(v, host);
    struct flight *f;

    if (v->error != 0 || side < 0 || v->next_serial == 0)
        return v->error;
    estab_ladder_unfold(v);
    f = &v->flight[(v->next_serial - 1) % LADDER_FLIGHTS];
    if (f->in_air && f->from == side) {
        while (!f->drawn && estab_ladder_oldest(v, false) != f)
            draw_flight_as_sent(v, estab_ladder_oldest(v, false), ARROW_SENT, NULL);
        if (!f->drawn)
            draw_flight_as_sent(v, f, fate == VIEW_LOST ? ARROW_LOST : ARROW_SENT,
                                (unsigned)fate <= VIEW_CORRUPTED ? word[fate] : NULL);
        if (fate == VIEW_LOST || fate == VIEW_CORRUPTED)
            estab_ladder_flight_over(v, f, false);
    }
    return v->error;
}

/* ---- the end ---- */

static void
draw_missing(struct view_ladder *v)
{
    struct flight *f;
    unsigned shown = 0;
    uint64_t more = 0;

    while ((f = estab_ladder_oldest(v, true)) != NULL) {
        struct arrow_options o = { .arrow = ARROW_LOST, .from = f->from, .remark = "╳" };
        struct ladder_conn *c = estab_ladder_conn(v, &f->record, f->from);
        struct phrase p = { .len = 0 };

        estab_ladder_flight_over(v, f, false);
        if (shown++ >= 8) {
            more++;
            continue;
        }
        estab_phrase_add(&p, "sent ");
        estab_phrase_duration(&p, estab_time_between(v->start, f->record.at));
        estab_phrase_add(&p, " after the start; never arrived");
        estab_ladder_arrow(v, v->record_at, c, &f->record, &o);
        estab_ladder_note(v, v->record_at, f->from, STYLE_AGAIN, p.s, "");
    }
    if (more > 0) {
        struct phrase p = { .len = 0 };

        estab_phrase_add(&p, "… and ");
        estab_phrase_number(&p, more);
        estab_phrase_add(&p, " more never arrived");
        estab_ladder_between(v, v->record_at, STYLE_AGAIN, p.s);
    }
}

struct holdings {
    uint64_t connections, bytes, timers, ports;
};

static struct holdings
holdings_of(const struct estab_stack_status *s)
{
    return (struct holdings){
        .connections = (uint64_t)s->connections + s->half_open + s->time_wait + s->listeners,
        .bytes = s->record_bytes + s->ring_bytes,
        .timers = s->timers,
        .ports = s->ports,
    };
}

static void
draw_holdings(struct view_ladder *v, const char *who, const struct estab_stack_status *s)
{
    struct holdings h = holdings_of(s);
    bool is_clean = h.connections + h.bytes + h.timers + h.ports == 0;
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p, "%s: ", who);
    estab_phrase_number(&p, h.connections - s->listeners);
    estab_phrase_add(&p, h.connections - s->listeners == 1 ? " connection, " : " connections, ");
    if (s->listeners > 0)
        estab_phrase_add(&p, "%u listener%s, ", (unsigned)s->listeners,
                         s->listeners == 1 ? "" : "s");
    estab_phrase_number(&p, h.bytes);
    estab_phrase_add(&p, " bytes, %llu timer%s, %llu port%s", (unsigned long long)h.timers,
                     h.timers == 1 ? "" : "s", (unsigned long long)h.ports,
                     h.ports == 1 ? "" : "s");
    estab_row_clear(&v->row);
    estab_row_put(&v->row, 2, is_clean ? STYLE_OPEN : STYLE_AGAIN, p.s);
    estab_ladder_row_end(v);
}

static bool
is_equal(const struct estab_stack_status *a, const struct estab_stack_status *b)
{
    struct holdings x = holdings_of(a), y = holdings_of(b);

    return x.connections == y.connections && x.bytes == y.bytes && x.timers == y.timers &&
           x.ports == y.ports && a->listeners == b->listeners;
}

int
estab_view_ladder_finish(struct view_ladder *v, const struct estab_stack_status *const status[2])
{
    int side;

    if (v->error != 0)
        return v->error;
    estab_ladder_unfold(v);
    estab_ladder_settle(v);
    estab_ladder_flush_due(v);
    draw_missing(v);
    draw_remarks(v);
    if (v->has_start) {
        estab_row_clear(&v->row);
        estab_row_fill(&v->row, 0, v->row.width, STYLE_DIM, "─");
        estab_row_put(&v->row, v->line[LEFT], STYLE_DIM, "┴");
        estab_row_put(&v->row, v->line[RIGHT], STYLE_DIM, "┴");
        estab_ladder_row_end(v);
    }
    if (v->strangers > 0) {
        struct phrase p = { .len = 0 };

        estab_phrase_number(&p, v->strangers);
        estab_phrase_add(&p, " records of other hosts are not drawn");
        estab_ladder_prose(v, STYLE_DIM, p.s);
    }
    if (status != NULL && v->options.both && status[LEFT] != NULL && status[RIGHT] != NULL &&
        is_equal(status[LEFT], status[RIGHT])) {
        draw_holdings(v, "both hosts", status[LEFT]);
    } else if (status != NULL) {
        for (side = LEFT; side <= RIGHT; side++)
            if (status[side] != NULL)
                draw_holdings(v, v->name[side], status[side]);
    }
    return v->error;
}

void
estab_view_ladder_free(struct view_ladder *v)
{
    if (v == NULL)
        return;
    free(v->flight);
    free(v);
}
