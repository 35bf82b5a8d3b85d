/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the reading of captures: the file, the frames, the connections and their verdicts, the
 * ladder and the JSON drawn of them. First octet: bit 0 tables so small that they overflow, bit 1
 * octets that come one by one; the rest is the file.
 */
#include "trace/list.h"
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

struct input {
    const uint8_t *data;
    size_t size, at, step;
    struct view_ladder *ladder;
    struct list_options list;
    uint64_t connections;
    size_t written;
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
    REQUIRE(s->reason < ESTAB_REASON_COUNT && s->verdict < ESTAB_VERDICT_COUNT);
    for (unsigned i = 0; i < 2; i++) {
        const struct end_seen *e = &s->conn->end[i];

        REQUIRE(e->n_held <= ENDS_HELD);
        REQUIRE((e->oldest == NULL) == (e->n_outstanding == 0));
    }
    estab_trace_records(s, 0, record, ctx);
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
    capture = estab_captured_new(read_input, &in);
    analysis = estab_analysis_new(&options);
    in.ladder = estab_view_ladder_new(&ladder, count, &in);
    REQUIRE(capture != NULL && analysis != NULL && in.ladder != NULL);
    while ((got = estab_captured_next(capture, &packet)) > 0) {
        REQUIRE(packet.number > number && packet.len <= packet.wire_len);
        REQUIRE(packet.at >= 0);
        number = packet.number;
        estab_analysis_packet(analysis, &packet);
    }
    REQUIRE((got < 0) == (estab_captured_error(capture)[0] != '\0'));
    estab_analysis_finish(analysis);
    REQUIRE(in.connections == estab_analysis_totals(analysis)->connections);
    REQUIRE(estab_view_ladder_finish(in.ladder, NULL) == 0);
    estab_view_ladder_free(in.ladder);
    estab_analysis_free(analysis);
    estab_captured_free(capture);
    return 0;
}
