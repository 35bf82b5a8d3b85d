/* SPDX-License-Identifier: MIT */
/*
 * One segment in the lane: what stands on the arrow nearest to its sender, what does not fit in a
 * row below. A whole arrow has left and arrived; a long delay is written on it. When something
 * else happens meanwhile there are two halves: one leaves, one arrives. Called from ladder.c.
 */
#include "view/ladder.h"

#include <string.h>

/* As many items as fit `room`, in order; the rest goes to `rest`. The last one before the details
 * (the window) may be left out. Returns whether all that must stand on the arrow does. */
static bool
spread(const struct view_ladder *v, const struct label *label, unsigned room, struct phrase *on,
       struct phrase *rest)
{
    unsigned i, cells = 0, w;
    bool full = false, fits = true;

    *on = *rest = (struct phrase){ .len = 0 };

    for (i = 0; i < label->n; i++) {
        const struct phrase *item = &label->item[i];

        w = estab_row_cells(&v->row, item->s, item->len) + (cells > 0 ? 1 : 0);
        /* A later item does not overtake one that did not fit: the order is part of the meaning. */
        full = full || i >= label->details || cells + w > room;
        if (full && i > 0) {
            if (i == label->optional && label->n == label->details)
                continue;
            fits = fits && i >= label->optional;
            estab_phrase_add(rest, "%s%s", rest->len > 0 ? ", " : "", item->s);
        } else {
            estab_phrase_add(on, "%s%s", cells > 0 ? " " : "", item->s);
            cells += w;
        }
    }
    return fits;
}

static void
draw_whole(struct view_ladder *v, enum style style, int from, const char *on, const char *end)
{
    unsigned left = v->line[LEFT] + 1, right = v->line[RIGHT] - 1; /* the lane's first and last */
    unsigned cells = estab_row_cells(&v->row, on, strlen(on));
    unsigned end_cells = estab_row_cells(&v->row, end, strlen(end));

    estab_row_fill(&v->row, left, right + 1, style, "─");
    if (from == LEFT) {
        estab_row_put(&v->row, v->line[LEFT], style, "├");
        estab_row_put(&v->row, right, style, "▶");
        estab_row_put(&v->row, left + 1, style, " ");
        estab_row_put(&v->row, left + 2, style, on);
        estab_row_put(&v->row, left + 2 + cells, style, " ");
        if (end_cells > 0) {
            estab_row_put(&v->row, right - end_cells - 3, STYLE_DIM, " ");
            estab_row_put(&v->row, right - end_cells - 2, STYLE_DIM, end);
            estab_row_put(&v->row, right - 2, STYLE_DIM, " ");
        }
    } else {
        estab_row_put(&v->row, v->line[RIGHT], style, "┤");
        estab_row_put(&v->row, left, style, "◀");
        estab_row_put(&v->row, right - 1, style, " ");
        estab_row_put(&v->row, right - 1 - cells, style, on);
        estab_row_put(&v->row, right - 2 - cells, style, " ");
        if (end_cells > 0) {
            estab_row_put(&v->row, left + 2, STYLE_DIM, " ");
            estab_row_put(&v->row, left + 3, STYLE_DIM, end);
            estab_row_put(&v->row, left + 3 + end_cells, STYLE_DIM, " ");
        }
    }
}

/* The half that leaves fades away, the half that arrives comes out of the dark. */
static void
draw_half(struct view_ladder *v, enum style style, enum arrow arrow, int from, const char *on,
          const char *end)
{
    unsigned left = v->line[LEFT] + 1, right = v->line[RIGHT] - 1;
    unsigned cells = estab_row_cells(&v->row, on, strlen(on));
    unsigned end_cells = estab_row_cells(&v->row, end, strlen(end));
    unsigned inset = arrow == ARROW_ARRIVED ? 3 : 2; /* room for the head: ─▶ */
    unsigned solid = cells + inset + 4, lane = right - left + 1;
    unsigned faint = solid + 4 < lane ? solid + 4 : lane - 1;
    bool leaves = arrow != ARROW_ARRIVED;
    bool at_left = (from == LEFT) == leaves; /* the end where the label stands */
    unsigned i, col;

    if (arrow == ARROW_LOST && end_cells + 2 < lane && solid < lane - end_cells - 2)
        solid = lane - end_cells - 2;
    for (i = 0; i < lane; i++) {
        col = at_left ? left + i : right - i;
        if (i < solid)
            estab_row_put(&v->row, col, style, "─");
        else if (i < faint && arrow != ARROW_LOST)
            estab_row_put(&v->row, col, STYLE_DIM, "╌");
    }
    if (leaves)
        estab_row_put(&v->row, v->line[from], style, from == LEFT ? "├" : "┤");
    else
        estab_row_put(&v->row, at_left ? left : right, style, at_left ? "◀" : "▶");
    col = at_left ? left + inset : right + 1 - inset - cells;
    estab_row_put(&v->row, col - 1, style, " ");
    estab_row_put(&v->row, col, style, on);
    estab_row_put(&v->row, col + cells, style, " ");
    if (end_cells > 0 && solid + end_cells + 1 < lane) {
        col = at_left ? left + solid : right - solid + 1 - end_cells;
        estab_row_put(&v->row, col, STYLE_AGAIN, end);
    }
}

static void
draw_details(struct view_ladder *v, estab_time at, int side, const struct phrase *rest)
{
    if (rest->len > 0)
        estab_ladder_note(v, at, side, STYLE_PLAIN, rest->s, "");
}

void
estab_ladder_arrow(struct view_ladder *v, estab_time at, struct ladder_conn *c,
                   const struct estab_trace *r, const struct arrow_options *o)
{
    unsigned lane = v->line[RIGHT] - v->line[LEFT] - 1, taken;
    struct phrase on = { .len = 0 }, rest = { .len = 0 }, end = { .len = 0 };
    struct label label;

    if (c != NULL && !c->shown)
        estab_ladder_introduce(v, c, at);
    estab_ladder_label(v, c, r, o->from, &label);
    if (o->remark != NULL)
        estab_phrase_add(&end, "%s", o->remark);
    else if (o->arrow == ARROW_WHOLE && o->delay >= ESTAB_US(100))
        estab_phrase_duration(&end, o->delay);
    taken = (o->arrow == ARROW_ARRIVED ? 7u : 6u) +
            (end.len > 0 ? estab_row_cells(&v->row, end.s, end.len) + 2 : 0);
    if (!spread(v, &label, lane > taken ? lane - taken : 0, &on, &rest) && o->remark == NULL) {
        end.len = 0; /* the numbers are worth more than the delay */
        end.s[0] = '\0';
        (void)spread(v, &label, lane - 7, &on, &rest);
    }
    estab_ladder_row(v, at, -1);
    if (o->arrow == ARROW_WHOLE)
        draw_whole(v, label.style, o->from, on.s, end.s);
    else
        draw_half(v, label.style, o->arrow, o->from, on.s, end.s);
    estab_ladder_row_end(v);
    if (o->arrow != ARROW_ARRIVED)
        draw_details(v, at, o->from, &rest);
}
