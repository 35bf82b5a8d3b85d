/* SPDX-License-Identifier: MIT */
/*
 * The rows of the ladder. From left to right: the time, the left host's zone (its states and its
 * user's calls), its life line, the lane with segments and notes, the right host's life line and
 * zone. Called from ladder.c and ladder_fold.c.
 */
#include "view/ladder.h"

#include <string.h>

enum { TIME_WIDTH = 9, ZONE_WIDTH = 13, PADDING = 2 };

static unsigned
lane_width(const struct view_ladder *v)
{
    return v->line[RIGHT] - v->line[LEFT] - 1;
}

static void
write_row(struct view_ladder *v)
{
    if (v->error == 0)
        v->error = estab_row_write(&v->row, v->write, v->ctx);
}

void
estab_ladder_blank(struct view_ladder *v)
{
    estab_row_clear(&v->row);
    write_row(v);
}

/* Text in a host's zone, next to its life line. */
static void
put_in_zone(struct view_ladder *v, int side, enum style style, const char *text)
{
    unsigned cells = estab_row_cells(&v->row, text, strlen(text));
    unsigned room = v->line[LEFT] - 1;

    if (side == RIGHT)
        estab_row_put(&v->row, v->line[RIGHT] + 2, style, text);
    else
        estab_row_put(&v->row, cells < room ? room - cells : 0, style, text);
}

static void
put_life_lines(struct view_ladder *v, const char *line)
{
    estab_row_put(&v->row, v->line[LEFT], STYLE_DIM, line);
    estab_row_put(&v->row, v->line[RIGHT], STYLE_DIM, line);
}

/* ---- head ---- */

static void
put_centred(struct view_ladder *v, unsigned middle, enum style style, const char *text)
{
    unsigned cells = estab_row_cells(&v->row, text, strlen(text));
    unsigned col = middle > cells / 2 ? middle - cells / 2 : 0;

    if (col + cells > v->row.width)
        col = v->row.width > cells ? v->row.width - cells : 0;
    estab_row_put(&v->row, col, style, text);
}

void
estab_ladder_head(struct view_ladder *v)
{
    estab_row_clear(&v->row);
    estab_row_put(&v->row, TIME_WIDTH - 7, STYLE_DIM, "seconds");
    put_centred(v, v->line[LEFT], STYLE_NAME, v->name[LEFT]);
    put_centred(v, v->line[RIGHT], STYLE_NAME, v->name[RIGHT]);
    write_row(v);
    if (!v->options.both) {
        /* What we know of the peer is what its segments tell. */
        estab_row_clear(&v->row);
        put_centred(v, v->line[RIGHT], STYLE_DIM, "state? from its segments");
        write_row(v);
    }
    estab_row_clear(&v->row);
    estab_row_fill(&v->row, 0, v->row.width, STYLE_DIM, "─");
    put_life_lines(v, "┬");
    write_row(v);
}

void
estab_ladder_introduce(struct view_ladder *v, struct ladder_conn *c, estab_time at)
{
    struct phrase left = { .len = 0 }, right = { .len = 0 };
    unsigned room = lane_width(v) - 2 * PADDING, from, cells;

    c->shown = true;
    estab_ladder_row(v, at, -1);
    if (c->number > 1)
        estab_phrase_add(&left, "#%u ", c->number);
    estab_phrase_endpoint(&left, &c->end[LEFT]);
    estab_phrase_endpoint(&right, &c->end[RIGHT]);
    from = estab_row_put(&v->row, v->line[LEFT] + PADDING, STYLE_NAME, left.s);
    cells = estab_row_cells(&v->row, right.s, right.len);
    if (from + cells > v->line[RIGHT] - PADDING) {
        estab_ladder_row_end(v);
        estab_ladder_row(v, at, -1);
    }
    estab_row_put(&v->row, v->line[RIGHT] - PADDING - (cells < room ? cells : room) + 1, STYLE_NAME,
                  right.s);
    estab_ladder_row_end(v);
}

/* ---- rows ---- */

/* Seconds since the first record, in nine columns: as many digits after the point as fit. */
static void
put_time(struct view_ladder *v, estab_time at)
{
    estab_time since = estab_time_between(v->start, at);
    uint64_t ns = since < 0 ? 0 : (uint64_t)since;
    struct phrase p = { .len = 0 };

    if (v->has_shown_time && v->shown_time == at)
        return;
    v->has_shown_time = true;
    v->shown_time = at;
    if (since < 0)
        estab_phrase_add(&p, "earlier");
    else if (ns < 100ull * 1000000000)
        estab_phrase_add(&p, "%u.%06u", (unsigned)(ns / 1000000000),
                         (unsigned)(ns % 1000000000 / 1000));
    else if (ns < 10000ull * 1000000000)
        estab_phrase_add(&p, "%u.%04u", (unsigned)(ns / 1000000000),
                         (unsigned)(ns % 1000000000 / 100000));
    else if (ns < 1000000000ull * 1000000000)
        estab_phrase_add(&p, "%llu", (unsigned long long)(ns / 1000000000));
    else
        estab_phrase_add(&p, ">%u", 99999999u);
    estab_row_put(&v->row, TIME_WIDTH > p.len ? (unsigned)(TIME_WIDTH - p.len) : 0, STYLE_DIM, p.s);
}

static void
begin(struct view_ladder *v, estab_time at)
{
    estab_row_clear(&v->row);
    put_time(v, at);
    put_life_lines(v, "│");
}

static void
put_due(struct view_ladder *v, int side)
{
    if (!v->due[side].waits)
        return;
    put_in_zone(v, side, (enum style)v->due[side].style, v->due[side].text);
    v->due[side].waits = false;
}

void
estab_ladder_flush_due(struct view_ladder *v)
{
    int side;

    for (side = LEFT; side <= RIGHT; side++)
        if (v->due[side].waits) {
            begin(v, v->due[side].at);
            if (side == LEFT && v->due[RIGHT].waits && v->due[RIGHT].at == v->due[LEFT].at)
                put_due(v, RIGHT);
            put_due(v, side);
            write_row(v);
        }
}

static void
draw_silence(struct view_ladder *v, estab_time ns)
{
    struct phrase p = { .len = 0 };

    estab_row_clear(&v->row);
    put_life_lines(v, "┊");
    write_row(v);
    estab_row_clear(&v->row);
    put_life_lines(v, "┊");
    estab_phrase_duration(&p, ns);
    estab_phrase_add(&p, " later");
    put_centred(v, (v->line[LEFT] + v->line[RIGHT]) / 2, STYLE_DIM, p.s);
    write_row(v);
}

void
estab_ladder_row(struct view_ladder *v, estab_time at, int busy)
{
    estab_time silence = v->has_drawn ? estab_time_between(v->drawn_at, at) : 0;
    bool is_silence = silence >= v->options.gap;
    int side;

    for (side = LEFT; side <= RIGHT; side++)
        if (v->due[side].waits && (side == busy || is_silence || v->due[side].at != at))
            estab_ladder_flush_due(v);
    if (is_silence)
        draw_silence(v, silence);
    if (!v->has_drawn || silence > 0)
        v->drawn_at = at;
    v->has_drawn = true;
    begin(v, at);
    put_due(v, LEFT);
    put_due(v, RIGHT);
}

void
estab_ladder_row_end(struct view_ladder *v)
{
    write_row(v);
}

void
estab_ladder_state_due(struct view_ladder *v, estab_time at, int side, unsigned state,
                       bool inferred)
{
    struct phrase p = { .len = 0 };

    if (v->due[side].waits)
        estab_ladder_flush_due(v);
    estab_phrase_add(&p, inferred ? "%s?" : "%s", estab_state_name(state));
    memset(v->due[side].text, 0, sizeof(v->due[side].text));
    memcpy(v->due[side].text, p.s,
           p.len < sizeof(v->due[side].text) ? p.len : sizeof(v->due[side].text) - 1);
    v->due[side].style = (uint8_t)(inferred ? STYLE_DIM : estab_ladder_state_style(state));
    v->due[side].at = at;
    v->due[side].waits = true;
}

/* ---- notes ---- */

static void
put_note(struct view_ladder *v, int side, enum style style, const char *text, size_t len)
{
    unsigned cells = estab_row_cells(&v->row, text, len);
    unsigned left = v->line[LEFT] + PADDING, right = v->line[RIGHT] - PADDING + 1;

    estab_row_put_part(&v->row, side == LEFT || right - left < cells ? left : right - cells, style,
                       text, len);
}

/* One row for as many words as fit; returns the rest. */
static const char *
note_row(struct view_ladder *v, estab_time at, int side, enum style style, const char *text)
{
    size_t n = estab_row_break(&v->row, text, lane_width(v) - 2 * (PADDING - 1));

    estab_ladder_row(v, at, -1);
    put_note(v, side, style, text, n);
    text += n;
    while (*text == ' ')
        text++;
    return text;
}

void
estab_ladder_note(struct view_ladder *v, estab_time at, int side, enum style style,
                  const char *text, const char *rule)
{
    unsigned room = lane_width(v) - 2 * (PADDING - 1);
    struct phrase r = { .len = 0 };
    unsigned cells, rule_cells, short_cells, col;

    estab_phrase_rule(&r, rule);
    rule_cells = r.len > 0 ? estab_row_cells(&v->row, r.s, r.len) + 2 : 0;
    /* The last row of the text also carries the rule, when there is room, or its beginning. */
    for (;;) {
        cells = estab_row_cells(&v->row, text, strlen(text));
        if (cells > 0 && cells <= room && cells + rule_cells > room) {
            short_cells = estab_row_cells(&v->row, r.s, strcspn(r.s, ",;")) + 2;
            if (cells + short_cells <= room) {
                r.len = strcspn(r.s, ",;");
                r.s[r.len] = '\0';
                rule_cells = short_cells;
            }
        }
        if (cells + rule_cells <= room && cells > 0) {
            estab_ladder_row(v, at, -1);
            if (side == LEFT) {
                col = estab_row_put(&v->row, v->line[LEFT] + PADDING, style, text);
            } else {
                col = v->line[RIGHT] - PADDING + 1 - cells - rule_cells;
                col = estab_row_put(&v->row, col, style, text);
            }
            if (r.len > 0)
                estab_row_put(&v->row, col + 2, STYLE_RULE, r.s);
            estab_ladder_row_end(v);
            return;
        }
        if (cells == 0)
            break;
        text = note_row(v, at, side, style, text);
        estab_ladder_row_end(v);
    }
    for (text = r.s; *text != '\0';) {
        text = note_row(v, at, side, STYLE_RULE, text);
        estab_ladder_row_end(v);
    }
}

/* Columns of a text and its rule. */
static unsigned
note_cells(const struct view_ladder *v, const char *text, const char *rule)
{
    struct phrase r = { .len = 0 };
    unsigned cells = estab_row_cells(&v->row, text, strlen(text));

    estab_phrase_rule(&r, rule);
    return cells + (r.len > 0 ? estab_row_cells(&v->row, r.s, r.len) + 2 : 0);
}

bool
estab_ladder_fits(const struct view_ladder *v, const char *text, const char *rule,
                  const char *other_text, const char *other_rule)
{
    unsigned room = lane_width(v) - 2 * (PADDING - 1);

    return note_cells(v, text, rule) + note_cells(v, other_text, other_rule) + 4 <= room;
}

void
estab_ladder_notes(struct view_ladder *v, estab_time at, int side, const char *text,
                   const char *rule, const char *other_text, const char *other_rule)
{
    const char *words[2][2];
    int i;

    if (*text == '\0' || *other_text == '\0') {
        if (*text != '\0')
            estab_ladder_note(v, at, side, STYLE_DIM, text, rule);
        if (*other_text != '\0')
            estab_ladder_note(v, at, !side, STYLE_DIM, other_text, other_rule);
        return;
    }
    words[side][0] = text;
    words[side][1] = rule;
    words[!side][0] = other_text;
    words[!side][1] = other_rule;
    estab_ladder_row(v, at, -1);
    for (i = LEFT; i <= RIGHT; i++) {
        struct phrase r = { .len = 0 };
        unsigned col = v->line[LEFT] + PADDING;

        if (i == RIGHT)
            col = v->line[RIGHT] - PADDING + 1 - note_cells(v, words[i][0], words[i][1]);
        col = estab_row_put(&v->row, col, STYLE_DIM, words[i][0]);
        estab_phrase_rule(&r, words[i][1]);
        estab_row_put(&v->row, col + 2, STYLE_RULE, r.s);
    }
    estab_ladder_row_end(v);
}

void
estab_ladder_call(struct view_ladder *v, estab_time at, int side, const char *text,
                  enum style style, const char *note)
{
    unsigned room = lane_width(v) - 2 * (PADDING - 1);
    struct phrase p = { .len = 0 };
    unsigned cells;
    size_t n;

    estab_ladder_row(v, at, side);
    cells = estab_row_cells(&v->row, text, strlen(text));
    if (cells + 2 <= ZONE_WIDTH)
        estab_phrase_add(&p, side == LEFT ? "%s ▸" : "◂ %s", text);
    else
        estab_phrase_add(&p, cells + 1 > ZONE_WIDTH ? "%s" : side == LEFT ? "%s▸" : "◂%s", text);
    put_in_zone(v, side, STYLE_CALL, p.s);
    if (note == NULL) {
        estab_ladder_row_end(v);
        return;
    }
    n = strlen(note);
    if (estab_row_cells(&v->row, note, n) > room)
        n = estab_row_break(&v->row, note, room);
    put_note(v, side, style, note, n);
    estab_ladder_row_end(v);
    note += n;
    note += strspn(note, " ");
    if (*note != '\0')
        estab_ladder_note(v, at, side, style, note, "");
}

void
estab_ladder_between(struct view_ladder *v, estab_time at, enum style style, const char *text)
{
    unsigned room = lane_width(v) - 2 * (PADDING - 1);
    const char *apart;
    size_t n;

    while (*text != '\0') {
        char part[sizeof(((struct phrase *)0)->s)];

        /* Four spaces are the place to break at, if there is one. */
        n = strlen(text);
        if (estab_row_cells(&v->row, text, n) > room) {
            apart = strstr(text, "    ");
            n = apart != NULL && estab_row_cells(&v->row, text, (size_t)(apart - text)) <= room
                    ? (size_t)(apart - text)
                    : estab_row_break(&v->row, text, room);
        }
        if (n >= sizeof(part))
            n = sizeof(part) - 1;
        memcpy(part, text, n);
        part[n] = '\0';
        estab_ladder_row(v, at, -1);
        put_life_lines(v, "┊");
        put_centred(v, (v->line[LEFT] + v->line[RIGHT]) / 2, style, part);
        estab_ladder_row_end(v);
        text += n;
        while (*text == ' ')
            text++;
    }
}

void
estab_ladder_prose(struct view_ladder *v, enum style style, const char *text)
{
    enum { INDENT = 4 };
    unsigned room = v->row.width - INDENT - 2;
    bool first = true;
    size_t n;

    if (room > 96)
        room = 96; /* longer lines are hard to read */
    while (*text != '\0') {
        estab_row_clear(&v->row);
        if (first)
            estab_row_put(&v->row, 2, STYLE_BOLD, "▸");
        n = estab_row_break(&v->row, text, room);
        estab_row_put_part(&v->row, INDENT, style, text, n);
        write_row(v);
        text += n;
        while (*text == ' ')
            text++;
        first = false;
    }
}
