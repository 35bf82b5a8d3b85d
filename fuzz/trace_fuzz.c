/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the reading of captures: the file, the frames, the connections and their verdicts, the
 * ladder, the JSON, the qlog and the pictures drawn of them, with a title that is hostile as well.
 * First octet: bit 0 tables so small that they overflow, bit 1 octets that come one by one, bit 2 a
 * report, bit 3 a moving picture and a plot, bit 4 every other packet is of a second capture that is
 * compared; the rest is the file.
 */
#include "trace/diff.h"
#include "trace/html.h"
#include "trace/list.h"
#include "trace/qlog.h"
#include "trace/xpl.h"
#include "view/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { TITLE_MAX = 48 };

/* What a writer may not let out of a string, whatever it was given. */
struct markup {
    bool in_tag, in_quotes;
    unsigned matched, scripts; /* of "</script", and how many */
};

struct input {
    const uint8_t *data;
    size_t size, at, step;
    struct view_ladder *ladder;
    struct list_options list;
    uint64_t connections;
    size_t written;
    struct qlog qlog;
    struct story story;
    struct html_report html;
    struct markup svg, page;
    bool has_report;
    char title[TITLE_MAX + 1];
};

static ptrdiff_t
read_input(void *ctx, void *p, size_t n)
{
    struct input *in = ctx;

    if (n > in->step)
        n = in->step;
    if (n > in->size - in->at)
        n = in->size - in->at;
    memcpy(p, in->data + in->at, n);
    in->at += n;
    return (ptrdiff_t)n;
}

static int
count(void *ctx, const void *p, size_t n)
{
    struct input *in = ctx;

    (void)p;
    in->written += n;
    return 0;
}

/* No tag opens within a tag, none is left open, no control characters: an SVG of tags and text. */
static int
svg_text(void *ctx, const void *p, size_t n)
{
    struct markup *m = &((struct input *)ctx)->svg;
    const unsigned char *c = p;

    for (size_t i = 0; i < n; i++) {
        REQUIRE(c[i] >= 0x20 || c[i] == '\n');
        if (m->in_tag && c[i] == '"')
            m->in_quotes = !m->in_quotes;
        REQUIRE(!(m->in_tag && c[i] == '<'));
        if (c[i] == '<')
            m->in_tag = true;
        else if (c[i] == '>' && !m->in_quotes)
            m->in_tag = false;
    }
    return 0;
}

/* A page has the scripts of its template: what is drawn ends none of them. */
static int
page_text(void *ctx, const void *p, size_t n)
{
    static const char end[] = "</script";
    struct markup *m = &((struct input *)ctx)->page;
    const char *c = p;

    for (size_t i = 0; i < n; i++) {
        char low = (char)(c[i] >= 'A' && c[i] <= 'Z' ? c[i] + 32 : c[i]);

        m->matched = low == end[m->matched] ? m->matched + 1 : low == end[0];
        if (end[m->matched] == '\0') {
            m->scripts++;
            m->matched = 0;
        }
    }
    return 0;
}

/* Text sequences of JSON (RFC 7464): one record a line, nothing in it ends a string or a tag. */
static int
qlog_text(void *ctx, const void *p, size_t n)
{
    struct input *in = ctx;
    const unsigned char *c = p;

    for (size_t i = 0; i < n; i++)
        REQUIRE((c[i] >= 0x20 && c[i] != '<') || c[i] == '\n' || c[i] == 0x1e);
    in->written += n;
    return 0;
}

static unsigned
scripts_of_template(void)
{
    static unsigned scripts;

    if (scripts == 0) {
        struct input in = { .data = NULL };

        (void)estab_html_begin(&in.html, "", page_text, &in);
        (void)estab_html_end(&in.html, &in.story, 0);
        scripts = in.page.scripts;
        REQUIRE(scripts > 0);
    }
    return scripts;
}

static void
record(void *ctx, const struct estab_trace *r)
{
    struct input *in = ctx;

    REQUIRE(r->state_before <= ESTAB_TCPS_TIME_WAIT && r->state_after <= ESTAB_TCPS_TIME_WAIT);
    REQUIRE(estab_view_ladder_record(in->ladder, r) == 0);
}

static void
segment(void *ctx, const struct segment_seen *s)
{
    struct input *in = ctx;

    REQUIRE(s->reason < ESTAB_REASON_COUNT && s->verdict < ESTAB_VERDICT_COUNT);
    for (unsigned i = 0; i < 2; i++) {
        const struct end_seen *e = &s->conn->end[i];

        REQUIRE(e->n_held <= ENDS_HELD);
        REQUIRE((e->oldest == NULL) == (e->n_outstanding == 0));
    }
    estab_trace_records(s, 0, record, ctx);
    REQUIRE(estab_qlog_segment(&in->qlog, s) == 0);
    REQUIRE(estab_story_take(&in->story, s));
}

static void
connection(void *ctx, const struct connection *c)
{
    struct input *in = ctx;
    struct verdict v[TRACE_VERDICT_COUNT];
    unsigned n = estab_trace_verdicts(c, v);

    in->connections++;
    REQUIRE(n <= TRACE_VERDICT_COUNT);
    REQUIRE(estab_list_connection(&in->list, c, count, in) == 0);
    REQUIRE(estab_list_json(&in->list, c, count, in) == 0);
    REQUIRE(estab_qlog_connection(&in->qlog, c) == 0);
    estab_story_end(&in->story, c);
    if (in->has_report)
        REQUIRE(estab_html_connection(&in->html, c) == 0);
}

/* Every packet is counted once: paired, lost, made between or seen while only one captured. */
static void
compare(struct diff *d, struct input *in)
{
    const char *const name[2] = { in->title, "" };
    const struct diff_result *r = estab_diff_match(d);

    REQUIRE(r->packets[0] + r->packets[1] ==
            2 * r->both + r->lost[0] + r->lost[1] + r->made[0] + r->made[1] + r->outside);
    REQUIRE(r->altered <= r->both && r->round_trip >= 0);
    REQUIRE(estab_diff_write(d, name, 3, count, in) == 0);
    estab_diff_free(d);
}

static void
draw(struct input *in, bool wants_picture)
{
    const struct svg_options svg = { .title = in->title, .steps_max = 50 };

    if (in->has_report) {
        REQUIRE(estab_html_end(&in->html, &in->story, 0) == 0);
        REQUIRE(in->page.scripts == scripts_of_template());
    }
    if (wants_picture && in->story.n > 0 && in->story.has_conn) {
        REQUIRE(estab_story_svg(&in->story, &svg, svg_text, in) == 0);
        REQUIRE(!in->svg.in_tag);
        REQUIRE(estab_story_xpl(&in->story, estab_xpl_busier(&in->story), count, in) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct view_ladder_options ladder = { .both = true, .host = { 0, 1 } };
    struct input in = { .step = SIZE_MAX, .list = { .least = 1 } };
    struct analysis_options options = { .ctx = &in, .segment = segment, .connection = connection };
    struct capture_packet packet;
    struct capture *capture;
    struct analysis *analysis;
    struct diff *diff = NULL;
    uint64_t number = 0;
    int got;

    if (size == 0)
        return 0;
    in.data = data + 1;
    in.size = size - 1;
    options.max_connections = data[0] & 1 ? 2 : 64;
    options.max_outstanding = data[0] & 1 ? 3 : 256;
    if (data[0] & 2)
        in.step = 1;
    for (size_t i = 0; i < TITLE_MAX && i < in.size; i++)
        in.title[i] = (char)in.data[in.size - 1 - i];
    in.qlog = (struct qlog){ .write = qlog_text, .ctx = &in };
    REQUIRE(estab_qlog_begin(&in.qlog, in.title) == 0);
    in.has_report = (data[0] & 4) != 0;
    in.story.all = in.has_report;
    if (in.has_report)
        REQUIRE(estab_html_begin(&in.html, in.title, page_text, &in) == 0);
    if (data[0] & 16) {
        diff = estab_diff_new();
        REQUIRE(diff != NULL);
    }
    capture = estab_captured_new(read_input, &in);
    analysis = estab_analysis_new(&options);
    in.ladder = estab_view_ladder_new(&ladder, count, &in);
    REQUIRE(capture != NULL && analysis != NULL && in.ladder != NULL);
    while ((got = estab_captured_next(capture, &packet)) > 0) {
        REQUIRE(packet.number > number && packet.len <= packet.wire_len);
        REQUIRE(packet.at >= 0);
        number = packet.number;
        REQUIRE(diff == NULL || estab_diff_take(diff, number & 1, &packet));
        estab_analysis_packet(analysis, &packet);
    }
    REQUIRE((got < 0) == (estab_captured_error(capture)[0] != '\0'));
    estab_analysis_finish(analysis);
    REQUIRE(in.connections == estab_analysis_totals(analysis)->connections);
    REQUIRE(estab_view_ladder_finish(in.ladder, NULL) == 0);
    draw(&in, (data[0] & 8) != 0);
    if (diff != NULL)
        compare(diff, &in);
    estab_story_free(&in.story);
    estab_view_ladder_free(in.ladder);
    estab_analysis_free(analysis);
    estab_captured_free(capture);
    return 0;
}
