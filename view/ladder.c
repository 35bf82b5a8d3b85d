/* SPDX-License-Identifier: MIT */
/*
 * The ladder as a sink: records in, remarks between them, and the sum at the end. What is drawn,
 * and when, is decided in the other rooms; see ladder.h.
 */
#include "view/ladder.h"

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
    return (r->kind == ESTAB_TRACE_STATE || r->kind == ESTAB_TRACE_MEMORY ||
            r->kind == ESTAB_TRACE_RECOVERY) &&
           estab_ladder_is_effect(v, r, side) && v->last[side].known && v->last[side].at == r->at;
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
            estab_ladder_draw_sent(v, estab_ladder_oldest(v, false), ARROW_SENT, NULL);
        if (!f->drawn)
            estab_ladder_draw_sent(v, f, fate == VIEW_LOST ? ARROW_LOST : ARROW_SENT,
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
