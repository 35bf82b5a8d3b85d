/* SPDX-License-Identifier: MIT */
/*
 * A plot of xplot.org (text, one object a line): segments as bars between arrows, those sent again
 * in red, the ACKs as the lower stairs, the offered window as the upper ones, SACK blocks at the
 * time they came. Called by cli/trace.c.
 */
#include "trace/xpl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct plot {
    view_write_fn *write;
    void *ctx;
    int error;
    /* the stairs: where they stand */
    bool has_ack;
    estab_time ack_at;
    uint32_t ack, edge;
};

__attribute__((format(printf, 2, 3))) static void
say(struct plot *p, const char *format, ...)
{
    char line[256];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (p->error == 0 && n > 0 && (size_t)n < sizeof line)
        p->error = p->write(p->ctx, line, (size_t)n);
}

struct instant {
    char s[32];
};

/* Seconds since the epoch with microseconds, as xplot's `timeval` wants them. */
static struct instant
instant(estab_time at)
{
    struct instant text;
    estab_time us = at > 0 ? at / 1000 : 0;

    (void)snprintf(text.s, sizeof text.s, "%" PRId64 ".%06" PRId64, us / 1000000, us % 1000000);
    return text;
}

unsigned
estab_xpl_busier(const struct story *s)
{
    uint64_t octets[2] = { 0, 0 };

    for (uint32_t i = 0; i < s->n; i++)
        octets[s->step[i].from] += s->step[i].seg.len;
    return octets[END_B] > octets[END_A] ? END_B : END_A;
}

static void
stairs(struct plot *p, const struct story_step *step, uint32_t edge)
{
    struct instant before = instant(p->ack_at), now = instant(step->at);

    if (p->has_ack) {
        say(p, "green\nline %s %" PRIu32 " %s %" PRIu32 "\n", before.s, p->ack, now.s, p->ack);
        say(p, "yellow\nline %s %" PRIu32 " %s %" PRIu32 "\n", before.s, p->edge, now.s, p->edge);
        if (step->ack != p->ack)
            say(p, "green\nline %s %" PRIu32 " %s %" PRIu32 "\n", now.s, p->ack, now.s, step->ack);
        else if (step->seg.len == 0)
            say(p, "green\ndtick %s %" PRIu32 "\n", now.s, step->ack); /* a duplicate */
        if (edge != p->edge)
            say(p, "yellow\nline %s %" PRIu32 " %s %" PRIu32 "\n", now.s, p->edge, now.s, edge);
        else
            say(p, "yellow\nutick %s %" PRIu32 "\n", now.s, edge);
    }
    p->has_ack = true;
    p->ack_at = step->at;
    p->ack = step->ack;
    p->edge = edge;
}

/* What came back: an ACK with the window behind it. */
static void
came_back(struct plot *p, const struct story_step *step, unsigned from, uint32_t isn)
{
    struct instant now = instant(step->at);

    if (!(step->seg.ctl & ESTAB_CTL_ACK) || step->seg.ctl & ESTAB_CTL_RST)
        return;
    /* An old ACK tells nothing new, and one of the future is a stranger's. */
    if ((p->has_ack && (int32_t)(step->ack - p->ack) < 0) ||
        (int32_t)(step->var[from].snd_nxt - step->ack) < 0)
        return;
    stairs(p, step, step->ack + step->var[from].snd_wnd);
    for (unsigned i = 0; i < step->seg.sack_blocks && i < 4; i++) {
        uint32_t left = step->seg.sack[i][0] - isn, right = step->seg.sack[i][1] - isn;

        say(p, "purple\nline %s %" PRIu32 " %s %" PRIu32 "\n", now.s, left, now.s, right);
        say(p, "purple\nrtext %s %" PRIu32 "\nS\n", now.s, right);
    }
}

static void
was_sent(struct plot *p, const struct story_step *step)
{
    struct instant now = instant(step->at);
    bool again = estab_story_is_again(step->reason);
    uint32_t end = step->seq + step->seg.len;

    if (step->seg.ctl & ESTAB_CTL_SYN)
        say(p, "orange\ndiamond %s %" PRIu32 "\natext %s %" PRIu32 "\nSYN\n", now.s, step->seq,
            now.s, step->seq);
    if (step->seg.ctl & ESTAB_CTL_FIN)
        say(p, "orange\nbox %s %" PRIu32 "\natext %s %" PRIu32 "\nFIN\n", now.s, end, now.s, end);
    if (step->seg.ctl & ESTAB_CTL_RST)
        say(p, "red\natext %s %" PRIu32 "\nRST\n", now.s, step->seq);
    if (step->seg.len > 0) {
        const char *colour = again ? "red" : "white";

        say(p, "%s\ndarrow %s %" PRIu32 "\nuarrow %s %" PRIu32 "\n", colour, now.s, step->seq,
            now.s, end);
        say(p, "%s\nline %s %" PRIu32 " %s %" PRIu32 "\n", colour, now.s, step->seq, now.s, end);
    }
    if (again)
        say(p, "red\natext %s %" PRIu32 "\nR\n", now.s, end);
}

int
estab_story_xpl(const struct story *s, unsigned from, view_write_fn *write, void *ctx)
{
    struct plot p = { .write = write, .ctx = ctx };
    char a[ESTAB_ENDPOINT_TEXT], b[ESTAB_ENDPOINT_TEXT];
    const struct connection *c = &s->conn;

    say(&p, "timeval unsigned\n");
    say(&p, "title\n%s_==>_%s (time sequence graph)\n", estab_endpoint_format(&c->end[from].at, a),
        estab_endpoint_format(&c->end[!from].at, b));
    say(&p, "xlabel\ntime\nylabel\nsequence number\n");
    for (uint32_t i = 0; i < s->n && p.error == 0; i++) {
        const struct story_step *step = &s->step[i];

        if (step->from == from)
            was_sent(&p, step);
        else
            came_back(&p, step, from, c->end[from].isn);
    }
    say(&p, "go\n");
    return p.error;
}
