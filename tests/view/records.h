/* SPDX-License-Identifier: MIT */
/*
 * Trace records made by hand, and somewhere to put what a sink writes. A story is a list of
 * records; both(), left() hand it to a sink. Client and server are 10.0.0.1:49152 and 10.0.0.2:80.
 */
#ifndef ESTAB_TESTS_VIEW_RECORDS_H
#define ESTAB_TESTS_VIEW_RECORDS_H

#include "estab/estab.h"
#include "harness/test.h"
#include "view/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENT = 0, SERVER = 1, STORY_MAX = 1200 };

static const uint32_t isn[2] = { 1000, 900000 };

/* ---- what was written ---- */

struct sheet {
    char *text;
    size_t len, room;
    size_t fail_after; /* octets; then every write is refused */
    unsigned refused;
};

static inline int
sheet_write(void *ctx, const void *p, size_t n)
{
    struct sheet *s = ctx;

    if (s->fail_after != 0 && s->len + n > s->fail_after) {
        s->refused++;
        return -ENOSPC;
    }
    if (s->len + n + 1 > s->room) {
        s->room = 2 * (s->len + n + 1);
        s->text = realloc(s->text, s->room);
        assert_non_null(s->text);
    }
    memcpy(s->text + s->len, p, n);
    s->len += n;
    s->text[s->len] = '\0';
    return 0;
}

static inline void
sheet_free(struct sheet *s)
{
    free(s->text);
    *s = (struct sheet){ 0 };
}

/* ---- records ---- */

struct story {
    struct estab_trace r[STORY_MAX];
    size_t n;
    estab_time now, delay;
    uint64_t held[2];
    uint32_t nxt[2]; /* what each sends next */
    uint8_t packet[STORY_MAX][40];
};

static inline struct story *
story_new(estab_time delay)
{
    struct story *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    s->now = ESTAB_SEC(5); /* clocks begin anywhere */
    s->delay = delay;
    s->nxt[CLIENT] = isn[CLIENT];
    s->nxt[SERVER] = isn[SERVER];
    return s;
}

static inline struct estab_trace *
add_record(struct story *s, unsigned host, unsigned kind)
{
    struct estab_trace *r = &s->r[s->n++];
    struct estab_endpoint client = { .addr = estab_addr_v4(10, 0, 0, 1), .port = 49152 };
    struct estab_endpoint server = { .addr = estab_addr_v4(10, 0, 0, 2), .port = 80 };

    assert_true(s->n <= STORY_MAX);
    *r = (struct estab_trace){ .at = s->now, .host = host, .kind = (uint8_t)kind };
    r->local = host == CLIENT ? client : server;
    r->remote = host == CLIENT ? server : client;
    r->tcb.timer_at = ESTAB_NEVER;
    r->bytes_held = s->held[host];
    return r;
}

static inline void
passes(struct story *s, estab_time ns)
{
    s->now += ns;
}

static inline void
calls(struct story *s, unsigned host, unsigned call, int64_t result)
{
    struct estab_trace *r = add_record(s, host, ESTAB_TRACE_CALL);

    r->call = (uint8_t)call;
    r->result = result;
    if (call == ESTAB_CALL_OPEN_PASSIVE)
        memset(&r->remote, 0, sizeof(r->remote));
}

static inline void
takes(struct story *s, unsigned host, unsigned memory, int64_t bytes)
{
    struct estab_trace *r;

    s->held[host] += (uint64_t)bytes;
    r = add_record(s, host, ESTAB_TRACE_MEMORY);
    r->memory = (uint8_t)memory;
    r->bytes = bytes;
}

static inline void
enters(struct story *s, unsigned host, unsigned before, unsigned after, unsigned cause)
{
    struct estab_trace *r = add_record(s, host, ESTAB_TRACE_STATE);

    r->state_before = (uint8_t)before;
    r->state_after = (uint8_t)after;
    r->cause = (uint16_t)cause;
}

static inline void
timer_fires(struct story *s, unsigned host, unsigned timer)
{
    add_record(s, host, ESTAB_TRACE_TIMER)->timer = (uint8_t)timer;
}

static inline void
decides(struct story *s, unsigned host, unsigned recovery, uint32_t cwnd)
{
    struct estab_trace *r = add_record(s, host, ESTAB_TRACE_RECOVERY);

    r->state_before = r->state_after = ESTAB_TCPS_ESTABLISHED;
    r->recovery = (uint8_t)recovery;
    r->tcb.cwnd = cwnd;
    r->tcb.send_queued = 1;
}

static inline void
put_packet(struct story *s, struct estab_trace *r, unsigned sender)
{
    uint8_t *p = s->packet[r - s->r];

    /* Only what tells packets apart: ends, numbers, bits. */
    p[0] = 0x45;
    p[3] = 40;
    p[9] = 6;
    p[12] = p[16] = 10;
    p[15] = (uint8_t)(1 + sender);
    p[19] = (uint8_t)(2 - sender);
    for (unsigned i = 0; i < 4; i++) {
        p[24 + i] = (uint8_t)(r->seg.seq >> 8 * (3 - i));
        p[28 + i] = (uint8_t)(r->seg.ack >> 8 * (3 - i));
    }
    p[32] = 0x50;
    p[33] = r->seg.ctl;
    r->packet = p;
    r->packet_len = 40;
    r->proto = 6;
    r->ifindex = 1;
}

/* Leaves: the next segment of `host`; `len` octets of text. */
static inline struct estab_trace_segment
sends(struct story *s, unsigned host, unsigned ctl, uint32_t len, unsigned reason, unsigned state)
{
    struct estab_trace *r = add_record(s, host, ESTAB_TRACE_PACKET_OUT);
    uint32_t peer = s->nxt[!host];

    r->seg = (struct estab_trace_segment){
        .seq = s->nxt[host],
        .ctl = (uint8_t)ctl,
        .len = len,
        .wnd = 64000,
    };
    if (ctl & ESTAB_CTL_ACK)
        r->seg.ack = peer;
    if (ctl & ESTAB_CTL_SYN) {
        r->seg.has_mss = r->seg.has_wscale = r->seg.sack_permitted = true;
        r->seg.mss = 1460;
        r->seg.wscale = 2;
    }
    s->nxt[host] += len + ((ctl & ESTAB_CTL_SYN) != 0) + ((ctl & ESTAB_CTL_FIN) != 0);
    r->reason = (uint16_t)reason;
    r->state_before = r->state_after = (uint8_t)state;
    put_packet(s, r, host);
    return r->seg;
}

static inline void
arrives(struct story *s, unsigned host, struct estab_trace_segment seg, unsigned verdict,
        unsigned before, unsigned after)
{
    struct estab_trace *r = add_record(s, host, ESTAB_TRACE_PACKET_IN);

    r->seg = seg;
    r->verdict = (uint16_t)verdict;
    r->state_before = (uint8_t)before;
    r->state_after = (uint8_t)after;
    put_packet(s, r, !host);
}

#define ST(name) ESTAB_TCPS_##name

static inline void
handshake(struct story *s)
{
    struct estab_trace_segment seg;

    calls(s, SERVER, ESTAB_CALL_OPEN_PASSIVE, 0);
    passes(s, ESTAB_US(250));
    takes(s, CLIENT, ESTAB_MEM_CONNECTION, 256);
    calls(s, CLIENT, ESTAB_CALL_OPEN_ACTIVE, 0);
    enters(s, CLIENT, ST(CLOSED), ST(SYN_SENT), ESTAB_CAUSE_OPEN_ACTIVE);
    seg = sends(s, CLIENT, ESTAB_CTL_SYN, 0, ESTAB_WHY_SYN, ST(SYN_SENT));
    passes(s, s->delay);
    takes(s, SERVER, ESTAB_MEM_HALF_OPEN, 64);
    enters(s, SERVER, ST(LISTEN), ST(SYN_RECEIVED), ESTAB_CAUSE_SYN_ARRIVED);
    arrives(s, SERVER, seg, ESTAB_SEG_ACCEPTED_SYN, ST(LISTEN), ST(SYN_RECEIVED));
    seg = sends(s, SERVER, ESTAB_CTL_SYN | ESTAB_CTL_ACK, 0, ESTAB_WHY_SYN_ACK, ST(SYN_RECEIVED));
    passes(s, s->delay);
    enters(s, CLIENT, ST(SYN_SENT), ST(ESTABLISHED), ESTAB_CAUSE_SYN_ACKED);
    arrives(s, CLIENT, seg, ESTAB_SEG_ACCEPTED, ST(SYN_SENT), ST(ESTABLISHED));
    seg = sends(s, CLIENT, ESTAB_CTL_ACK, 0, ESTAB_WHY_HANDSHAKE_ACK, ST(ESTABLISHED));
    passes(s, s->delay);
    takes(s, SERVER, ESTAB_MEM_HALF_OPEN, -64);
    takes(s, SERVER, ESTAB_MEM_CONNECTION, 256);
    enters(s, SERVER, ST(SYN_RECEIVED), ST(ESTABLISHED), ESTAB_CAUSE_SYN_ACKED);
    arrives(s, SERVER, seg, ESTAB_SEG_ACCEPTED, ST(SYN_RECEIVED), ST(ESTABLISHED));
    calls(s, SERVER, ESTAB_CALL_ACCEPT, 0);
}

/* `n` segments of 1000 octets from the server, each acknowledged by the client. */
static inline void
data(struct story *s, unsigned n)
{
    struct estab_trace_segment seg;

    while (n-- > 0) {
        seg =
            sends(s, SERVER, ESTAB_CTL_ACK | ESTAB_CTL_PSH, 1000, ESTAB_WHY_DATA, ST(ESTABLISHED));
        passes(s, s->delay);
        arrives(s, CLIENT, seg, ESTAB_SEG_ACCEPTED, ST(ESTABLISHED), ST(ESTABLISHED));
        calls(s, CLIENT, ESTAB_CALL_RECEIVE, 1000);
        seg = sends(s, CLIENT, ESTAB_CTL_ACK, 0, ESTAB_WHY_ACK_NOW, ST(ESTABLISHED));
        passes(s, s->delay);
        arrives(s, SERVER, seg, ESTAB_SEG_ACCEPTED, ST(ESTABLISHED), ST(ESTABLISHED));
    }
}

/* The client closes first; TIME-WAIT of two seconds. */
static inline void
close_both(struct story *s)
{
    struct estab_trace_segment seg;

    calls(s, CLIENT, ESTAB_CALL_SHUTDOWN, 0);
    enters(s, CLIENT, ST(ESTABLISHED), ST(FIN_WAIT_1), ESTAB_CAUSE_CLOSE_CALL);
    seg = sends(s, CLIENT, ESTAB_CTL_FIN | ESTAB_CTL_ACK, 0, ESTAB_WHY_FIN, ST(FIN_WAIT_1));
    passes(s, s->delay);
    enters(s, SERVER, ST(ESTABLISHED), ST(CLOSE_WAIT), ESTAB_CAUSE_FIN_ARRIVED);
    arrives(s, SERVER, seg, ESTAB_SEG_ACCEPTED, ST(ESTABLISHED), ST(CLOSE_WAIT));
    seg = sends(s, SERVER, ESTAB_CTL_ACK, 0, ESTAB_WHY_ACK_OF_FIN, ST(CLOSE_WAIT));
    passes(s, s->delay);
    enters(s, CLIENT, ST(FIN_WAIT_1), ST(FIN_WAIT_2), ESTAB_CAUSE_FIN_ACKED);
    arrives(s, CLIENT, seg, ESTAB_SEG_ACCEPTED, ST(FIN_WAIT_1), ST(FIN_WAIT_2));
    passes(s, ESTAB_MS(40));
    calls(s, SERVER, ESTAB_CALL_CLOSE, 0);
    enters(s, SERVER, ST(CLOSE_WAIT), ST(LAST_ACK), ESTAB_CAUSE_CLOSE_CALL);
    seg = sends(s, SERVER, ESTAB_CTL_FIN | ESTAB_CTL_ACK, 0, ESTAB_WHY_FIN, ST(LAST_ACK));
    passes(s, s->delay);
    enters(s, CLIENT, ST(FIN_WAIT_2), ST(TIME_WAIT), ESTAB_CAUSE_FIN_ARRIVED);
    arrives(s, CLIENT, seg, ESTAB_SEG_ACCEPTED, ST(FIN_WAIT_2), ST(TIME_WAIT));
    s->r[s->n - 1].state_after = ST(TIME_WAIT);
    takes(s, CLIENT, ESTAB_MEM_TIME_WAIT, 64);
    s->r[s->n - 1].state_after = ST(TIME_WAIT);
    seg = sends(s, CLIENT, ESTAB_CTL_ACK, 0, ESTAB_WHY_ACK_OF_FIN, ST(TIME_WAIT));
    passes(s, s->delay);
    enters(s, SERVER, ST(LAST_ACK), ST(CLOSED), ESTAB_CAUSE_FIN_ACKED);
    arrives(s, SERVER, seg, ESTAB_SEG_ACCEPTED, ST(LAST_ACK), ST(CLOSED));
    takes(s, SERVER, ESTAB_MEM_CONNECTION, -256);
    s->r[s->n - 1].state_after = ST(CLOSED);
    calls(s, CLIENT, ESTAB_CALL_CLOSE, 0);
    takes(s, CLIENT, ESTAB_MEM_CONNECTION, -256);
    passes(s, ESTAB_SEC(2) - s->delay);
    timer_fires(s, CLIENT, ESTAB_TIMER_TIME_WAIT);
    enters(s, CLIENT, ST(TIME_WAIT), ST(CLOSED), ESTAB_CAUSE_TIME_WAIT_OVER);
    takes(s, CLIENT, ESTAB_MEM_TIME_WAIT, -64);
}

/* ---- files ---- */

/* Compares with tests/view/golden/NAME.txt; UPDATE_GOLDEN=1 in the environment writes it. */
static inline void
expect_golden(const char *name, const struct sheet *sheet)
{
    char path[256], *expected;
    FILE *f;
    long len;

    snprintf(path, sizeof(path), "tests/view/golden/%s.txt", name);
    if (getenv("UPDATE_GOLDEN") != NULL) {
        f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(sheet->text, 1, sheet->len, f), sheet->len);
        assert_int_equal(fclose(f), 0);
        return;
    }
    f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("%s: not there (UPDATE_GOLDEN=1 writes it)", path);
    fseek(f, 0, SEEK_END);
    len = ftell(f);
    rewind(f);
    expected = calloc(1, (size_t)len + 1);
    assert_non_null(expected);
    assert_int_equal(fread(expected, 1, (size_t)len, f), (size_t)len);
    fclose(f);
    if (strcmp(expected, sheet->text) != 0) {
        char *copy = strdup(sheet->text);
        size_t line = 1, i;

        for (i = 0; expected[i] != '\0' && expected[i] == copy[i]; i++)
            line += expected[i] == '\n';
        free(expected);
        print_message("%s", copy);
        free(copy);
        fail_msg("%s differs from line %zu on (UPDATE_GOLDEN=1 takes the new one)", path, line);
    }
    free(expected);
}

#endif
