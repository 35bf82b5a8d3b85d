/* SPDX-License-Identifier: MIT */
/*
 * A connection as a capture sees it: `a_sends` and `b_sends` build whole IP packets, time passes in
 * between, and at the end there is what the analysis made of it. A is the client, its ISN is 1000,
 * B's is 5000; sequence numbers are given relative to them, so that 1 is the first octet.
 */
#ifndef ESTAB_TESTS_TRACE_WIRE_H
#define ESTAB_TESTS_TRACE_WIRE_H

#include "harness/test.h"
#include "trace/verdicts.h"
#include "wire/checksum.h"
#include "wire/ip_header.h"
#include "wire/tcp_header.h"

#include <string.h>

enum { A_ISN = 1000, B_ISN = 5000, WIRE_SEGMENTS = 4096 };

struct sent {
    uint32_t seq, ack, len;
    uint8_t ctl;  /* 0: ACK */
    uint16_t wnd; /* 0: 64240; CLOSED: 0 */
    uint16_t mss;
    bool wscale, sack_ok, ts, damaged;
    uint8_t shift;
    uint32_t ts_val, ts_ecr, sack[2][2];
    uint8_t sacks, ttl, ecn;
    uint16_t id;
};

enum { WND_ZERO = 1 }; /* as `wnd`: the field is 0 */

struct wire {
    struct analysis *analysis;
    estab_time now;
    uint64_t number;
    uint16_t next_id;
    unsigned n_segments;
    struct {
        uint16_t reason, verdict;
        uint8_t from, left_in, state[2];
    } segment[WIRE_SEGMENTS];
    unsigned n_connections;
    struct connection last; /* as told of */
    struct verdict verdict[TRACE_VERDICT_COUNT];
    unsigned n_verdicts;
    uint64_t found; /* of any connection, a bit each */
};

static void
wire_segment(void *ctx, const struct segment_seen *s)
{
    struct wire *w = ctx;

    if (w->n_segments == WIRE_SEGMENTS)
        return;
    w->segment[w->n_segments].reason = s->reason;
    w->segment[w->n_segments].verdict = s->verdict;
    w->segment[w->n_segments].from = s->from;
    w->segment[w->n_segments].left_in = s->left_in;
    w->segment[w->n_segments].state[0] = s->conn->end[0].state;
    w->segment[w->n_segments].state[1] = s->conn->end[1].state;
    w->n_segments++;
}

/* What is said is printed: tests/browser looks whether each has a translation. */
static void
wire_connection(void *ctx, const struct connection *c)
{
    struct wire *w = ctx;

    w->n_connections++;
    w->last = *c;
    w->n_verdicts = estab_trace_verdicts(c, w->verdict);
    for (unsigned i = 0; i < w->n_verdicts; i++) {
        w->found |= (uint64_t)1 << w->verdict[i].kind;
        printf("says %s: %s\n", estab_trace_verdict_id(w->verdict[i].kind), w->verdict[i].text.s);
        assert_true(w->verdict[i].text.len > 0);
        assert_true(w->verdict[i].n > 0); /* evidence, always */
    }
}

static inline void
wire_new(struct wire *w)
{
    struct analysis_options o = { .max_connections = 16,
                                  .max_outstanding = 4096,
                                  .ctx = w,
                                  .segment = wire_segment,
                                  .connection = wire_connection };

    memset(w, 0, sizeof *w);
    w->now = ESTAB_SEC(1000);
    w->next_id = 100;
    w->analysis = estab_analysis_new(&o);
    assert_non_null(w->analysis);
}

static inline void
wire_free(struct wire *w)
{
    estab_analysis_finish(w->analysis);
    estab_analysis_free(w->analysis);
    w->analysis = NULL;
}

static inline void
passes(struct wire *w, estab_time t)
{
    w->now += t;
}

static inline void
packet(struct wire *w, const uint8_t *data, uint32_t len, const char *comment)
{
    struct capture_packet p = { .number = ++w->number,
                                .at = w->now,
                                .link = LINK_RAW,
                                .data = data,
                                .len = len,
                                .wire_len = len,
                                .comment = comment };

    estab_analysis_packet(w->analysis, &p);
}

static inline uint32_t
wire_build(struct wire *w, uint8_t out[2048], unsigned from, struct sent s)
{
    static const uint8_t addr[2][4] = { { 10, 0, 0, 1 }, { 10, 0, 0, 2 } };
    const uint32_t isn[2] = { A_ISN, B_ISN };
    struct tcp_seg seg = {
        .seq = s.seq + isn[from],
        .ack = s.ack + isn[!from],
        .ctl = s.ctl != 0 ? s.ctl : CTL_ACK,
        .wnd = s.wnd == WND_ZERO ? 0 : (s.wnd != 0 ? s.wnd : 64240),
        .src_port = from == 0 ? 40000 : 80,
        .dst_port = from == 0 ? 80 : 40000,
        .has_mss = s.mss > 0,
        .mss = s.mss,
        .has_wscale = s.wscale,
        .wscale = s.shift,
        .sack_permitted = s.sack_ok,
        .has_ts = s.ts,
        .ts_val = s.ts_val,
        .ts_ecr = s.ts_ecr,
        .sack_blocks = s.sacks,
    };
    uint32_t header, len;
    uint16_t sum;

    for (unsigned i = 0; i < s.sacks; i++) {
        seg.sack[i][0] = s.sack[i][0] + isn[!from];
        seg.sack[i][1] = s.sack[i][1] + isn[!from];
    }
    assert_true(s.len <= 1800);
    if (!(seg.ctl & CTL_ACK))
        seg.ack = 0;
    header = estab_tcp_header_len(&seg, 0);
    len = estab_ip_write(out, 4, IP_PROTO_TCP, s.ttl != 0 ? s.ttl : 64, s.ecn, addr[from],
                         addr[!from], s.id != 0 ? s.id : w->next_id++, header + s.len);
    estab_tcp_write(out + len, &seg, 0);
    memset(out + len + header, 'x', s.len);
    sum = (uint16_t)~csum_fold(
        estab_csum_add(out + len, header + s.len,
                       estab_csum_pseudo(addr[from], addr[!from], 4, 6, header + s.len)));
    if (s.damaged)
        sum = (uint16_t)(sum ^ 0x5555);
    memcpy(out + len + 16, &sum, 2);
    return len + header + s.len;
}

static inline void
wire_send(struct wire *w, unsigned from, struct sent s)
{
    uint8_t out[2048];
    uint32_t len = wire_build(w, out, from, s);

    packet(w, out, len, "");
}

#define a_sends(w, ...) wire_send((w), END_A, (struct sent){ __VA_ARGS__ })
#define b_sends(w, ...) wire_send((w), END_B, (struct sent){ __VA_ARGS__ })

#define SYN CTL_SYN
#define SYN_ACK (CTL_SYN | CTL_ACK)
#define FIN_ACK (CTL_FIN | CTL_ACK)
#define RST CTL_RST
#define RST_ACK (CTL_RST | CTL_ACK)

static inline uint16_t
last_reason(const struct wire *w)
{
    return w->segment[w->n_segments - 1].reason;
}
static inline uint16_t
last_verdict(const struct wire *w)
{
    return w->segment[w->n_segments - 1].verdict;
}
#define expect_states(w, a, b)                                                                     \
    do {                                                                                           \
        assert_string_equal(estab_state_name((w)->segment[(w)->n_segments - 1].state[0]), (a));    \
        assert_string_equal(estab_state_name((w)->segment[(w)->n_segments - 1].state[1]), (b));    \
    } while (0)

/* A connection with all options, 20 ms away; the point of capture is at A. */
static inline void
open_with(struct wire *w, bool wscale, bool sack)
{
    a_sends(w, .ctl = SYN, .mss = 1460, .wscale = true, .shift = 7, .sack_ok = sack);
    passes(w, ESTAB_MS(20));
    b_sends(w, .ctl = SYN_ACK, .ack = 1, .mss = 1460, .wscale = wscale, .shift = 7,
            .sack_ok = sack);
    a_sends(w, .seq = 1, .ack = 1);
}
static inline void
opened(struct wire *w)
{
    wire_new(w);
    open_with(w, true, true);
}
/* A asks 100 octets, B answers 1000; everything acknowledged. */
static inline void
talked(struct wire *w)
{
    a_sends(w, .seq = 1, .ack = 1, .len = 100);
    passes(w, ESTAB_MS(20));
    b_sends(w, .seq = 1, .ack = 101, .len = 1000);
    a_sends(w, .seq = 101, .ack = 1001);
    passes(w, ESTAB_MS(5));
}
/* From there: A closes first, in four segments. */
static inline void
closed(struct wire *w, uint32_t a, uint32_t b)
{
    a_sends(w, .ctl = FIN_ACK, .seq = a, .ack = b);
    passes(w, ESTAB_MS(20));
    b_sends(w, .seq = b, .ack = a + 1);
    b_sends(w, .ctl = FIN_ACK, .seq = b, .ack = a + 1);
    a_sends(w, .seq = a + 1, .ack = b + 1);
}

static inline const struct verdict *
the_verdict(const struct wire *w, enum trace_verdict v)
{
    for (unsigned i = 0; i < w->n_verdicts; i++)
        if (w->verdict[i].kind == v)
            return &w->verdict[i];
    return NULL;
}

static inline bool
found_it(const struct wire *w, enum trace_verdict v)
{
    return (w->found >> v & 1) != 0;
}

#endif
