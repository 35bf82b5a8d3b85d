/* SPDX-License-Identifier: MIT */
/* What the demo shows; see demo_show.h. */
#include "cli/demo_show.h"
#include "cli/terminal.h"

#include "view/view.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A descriptor with a buffer; the first error stays. */
struct buffered {
    int fd;
    int error; /* errno */
    size_t used;
    char data[16 * 1024];
};

struct demo_show {
    struct demo_show_options options;
    struct view_ladder *ladder;
    struct view_narrator *narrator;
    struct view_pcapng *pcapng;
    struct buffered screen, capture;
    struct new_file file;
    const char *file_name; /* NULL: no capture */
    struct demo_counts counts;
};

static int
drain(struct buffered *b)
{
    size_t at = 0;

    while (at < b->used && b->error == 0) {
        ssize_t n = write(b->fd, b->data + at, b->used - at);

        if (n > 0)
            at += (size_t)n;
        else if (n == 0 || (errno != EINTR && errno != EAGAIN))
            b->error = n == 0 ? EIO : errno;
    }
    b->used = 0;
    return b->error;
}

/* A view_write_fn. */
static int
put(void *ctx, const void *p, size_t n)
{
    struct buffered *b = ctx;
    const char *from = p;

    while (n > 0 && b->error == 0) {
        size_t room = sizeof b->data - b->used;
        size_t part = n < room ? n : room;

        memcpy(b->data + b->used, from, part);
        b->used += part;
        from += part;
        n -= part;
        if (b->used == sizeof b->data)
            drain(b);
    }
    return -b->error;
}

static int
open_capture(struct demo_show *s, int64_t origin, struct failure *why)
{
    const struct view_pcapng_options options = {
        .origin = origin,
        .both = s->options.both,
        .host = { 0, 1 },
        .name = { "client", "server" },
    };
    struct failure reason;

    if (s->options.pcap == NULL)
        return 0;
    if (estab_new_file_open(&s->file, s->options.pcap, &reason) < 0) {
        if (s->options.pcap_is_wanted)
            return estab_fail(why, "%s", reason.text);
        estab_demo_show_line(s, "(no capture: %s)", reason.text);
        return 0;
    }
    s->capture.fd = s->file.fd;
    s->pcapng = estab_view_pcapng_new(&options, put, &s->capture);
    if (s->pcapng == NULL)
        return estab_fail(why, "out of memory");
    s->file_name = s->options.pcap;
    return 0;
}

int
estab_demo_show_open(struct demo_show **show, const struct demo_show_options *o,
                     struct failure *why)
{
    const struct view_ladder_options ladder = {
        .width = o->width != 0 ? o->width : terminal_width(STDOUT_FILENO),
        .colour = o->colour,
        .ascii = o->ascii,
        .both = o->both,
        .host = { 0, o->both ? 1 : 0 },
        .name = { "client (estab)", o->both ? "server (estab)" : "server (kernel)" },
        .msl = o->msl,
    };
    const struct view_narrator_options narrator = {
        .both = o->both,
        .host = { 0, o->both ? 1 : 0 },
        .msl = o->msl,
    };
    struct demo_show *s = calloc(1, sizeof *s);
    struct timespec t;

    *show = NULL;
    if (s == NULL)
        return estab_fail(why, "out of memory");
    s->options = *o;
    s->screen.fd = STDOUT_FILENO;
    s->file.fd = s->file.directory = -1;
    clock_gettime(CLOCK_REALTIME, &t);
    s->ladder = estab_view_ladder_new(&ladder, put, &s->screen);
    if (s->ladder != NULL)
        s->narrator = estab_view_narrator_new(&narrator, estab_view_ladder_remark, s->ladder);
    if (s->narrator == NULL) {
        estab_demo_show_close(s);
        return estab_fail(why, "out of memory");
    }
    if (open_capture(s, ESTAB_SEC(t.tv_sec) + t.tv_nsec - o->now, why) < 0) {
        estab_demo_show_close(s);
        return -1;
    }
    *show = s;
    return 0;
}

/* ---- records ---- */

static void
count_segment(struct demo_counts *c, const struct estab_trace *r, bool by_us)
{
    c->packets++;
    if (r->proto != 6)
        return;
    c->octets[by_us ? 0 : 1] += r->seg.len;
    if (r->reason == ESTAB_WHY_RETRANSMIT_RTO || r->reason == ESTAB_WHY_RETRANSMIT_FAST ||
        r->reason == ESTAB_WHY_RETRANSMIT_PARTIAL || r->reason == ESTAB_WHY_SYN_AGAIN)
        c->repeats++;
    if (r->seg.ctl & ESTAB_CTL_SYN) {
        c->opening++;
    } else if (!c->established) {
        c->established = true; /* the third */
        c->opening++;
    }
    if (r->seg.ctl & ESTAB_CTL_FIN)
        c->fin_seen = true;
    if (c->fin_seen)
        c->closing++;
}

static void
count(struct demo_show *s, const struct estab_trace *r)
{
    struct demo_counts *c = &s->counts;

    if (r->kind == ESTAB_TRACE_PACKET_OUT)
        count_segment(c, r, r->host == 0);
    else if (r->kind == ESTAB_TRACE_PACKET_IN && !s->options.both)
        count_segment(c, r, false);
    if (r->kind != ESTAB_TRACE_STATE || r->host != 0)
        return;
    if (r->state_after == ESTAB_TCPS_TIME_WAIT) {
        c->time_wait_begun = true;
        c->time_wait_from = r->at;
    } else if (r->state_before == ESTAB_TCPS_TIME_WAIT && c->time_wait_begun) {
        c->time_wait = r->at - c->time_wait_from;
    }
}

void
estab_demo_show_trace(void *ctx, const struct estab_trace *record)
{
    struct demo_show *s = ctx;

    (void)estab_view_ladder_record(s->ladder, record);
    (void)estab_view_narrator_record(s->narrator, record);
    if (s->pcapng != NULL)
        (void)estab_view_pcapng_record(s->pcapng, record);
    count(s, record);
}

static int
failure_of(const struct demo_show *s, struct failure *why)
{
    if (s->screen.error != 0)
        return estab_fail(why, "cannot write to standard output: %s", strerror(s->screen.error));
    if (s->capture.error != 0)
        return estab_fail(why, "cannot write %.300s: %s", s->file_name, strerror(s->capture.error));
    return 0;
}

int
estab_demo_show_turn(struct demo_show *s, estab_time now, struct failure *why)
{
    (void)estab_view_ladder_time(s->ladder, now);
    drain(&s->screen);
    return failure_of(s, why);
}

void
estab_demo_show_line(struct demo_show *s, const char *format, ...)
{
    char line[1024];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > 0)
        (void)put(&s->screen, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    (void)put(&s->screen, "\n", 1);
}

int
estab_demo_show_finish(struct demo_show *s, const struct estab_stack_status *const status[2],
                       struct failure *why)
{
    (void)estab_view_narrator_finish(s->narrator);
    (void)estab_view_ladder_finish(s->ladder, status);
    if (s->pcapng != NULL) {
        (void)estab_view_pcapng_finish(s->pcapng);
        drain(&s->capture);
        if (s->capture.error == 0 && estab_new_file_keep(&s->file, why) < 0)
            return -1;
    }
    drain(&s->screen);
    return failure_of(s, why);
}

const struct demo_counts *
estab_demo_show_counts(const struct demo_show *s)
{
    return &s->counts;
}

const char *
estab_demo_show_capture(const struct demo_show *s)
{
    return s->file_name;
}

void
estab_demo_show_close(struct demo_show *s)
{
    if (s == NULL)
        return;
    drain(&s->screen);
    estab_new_file_drop(&s->file);
    estab_view_narrator_free(s->narrator);
    estab_view_ladder_free(s->ladder);
    estab_view_pcapng_free(s->pcapng);
    free(s);
}
