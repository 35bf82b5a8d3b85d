/* SPDX-License-Identifier: MIT */
/*
 * Every state, every segment: a host is brought into the state by exchanging segments, is given one
 * segment, and what it does is compared with the oracle. Included by the programs that run it.
 */
#include "matrix/oracle.c"

#include "estab/estab.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER = 2048, PEER_WND = 8192, IRS = 100000, IN_FLIGHT = 10, LOG = 8 };

/* SYN-RECEIVED after a simultaneous open is a state of its own here. */
enum { CROSSED = 11, BUILDS };

struct grid_sent {
    uint8_t ctl;
    uint32_t seq, ack, len;
};
struct grid_host {
    struct estab_stack *stack;
    estab_conn listener, conn;
    estab_time now;
    unsigned family;
    struct estab_endpoint us, them;
    struct oracle_tcb tcb;
    struct grid_sent sent[LOG];
    unsigned n_sent;
    bool not_built; /* the state could not be reached */
};
struct grid_result {
    uint64_t cases, mismatches;
};
/* Called for each new host, before anything happens to it. */
typedef void grid_setup(struct estab_stack *stack, void *ctx);

/* One piece of memory, used from the start again for each host. */
static _Alignas(65536) uint8_t arena[8u << 20];
static size_t arena_used, arena_lent;

static void *
arena_get(void *ctx, size_t size, size_t align)
{
    size_t at = (arena_used + align - 1) / align * align;

    (void)ctx;
    if (size > sizeof(arena) || at > sizeof(arena) - size)
        return NULL;
    arena_used = at + size;
    arena_lent += size;
    return arena + at;
}

static void
arena_put(void *ctx, void *m, size_t size)
{
    (void)ctx;
    (void)m;
    arena_lent -= size;
}

/* ---- packets ---- */

static void
put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

static uint32_t
get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
get32(const uint8_t *p)
{
    return get16(p) << 16 | get16(p + 2);
}

static uint32_t
sum16(const uint8_t *p, uint32_t len, uint32_t sum)
{
    for (; len > 1; p += 2, len -= 2)
        sum += get16(p);
    return len > 0 ? sum + ((uint32_t)p[0] << 8) : sum;
}

static uint16_t
folded(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* The first octet of a stream is 1 more than the number before it: the place tells the value. */
static uint8_t
octet_at(uint32_t seq)
{
    return (uint8_t)(seq * 5 + (seq >> 8) * 3);
}

static void
pull(struct grid_host *h)
{
    static uint8_t packet[2048];
    struct estab_frame f = { .data = packet, .cap = sizeof(packet) };
    struct estab_event e;

    while (estab_stack_output(h->stack, 1, &f, 1, h->now) == 1) {
        uint32_t ip = h->family == 4 ? 20 : 40;
        const uint8_t *t = packet + ip;

        if (h->n_sent < LOG)
            h->sent[h->n_sent] = (struct grid_sent){ .ctl = t[13],
                                                     .seq = get32(t + 4),
                                                     .ack = get32(t + 8),
                                                     .len = f.len - ip - (t[12] >> 4) * 4u };
        h->n_sent++;
        f.cap = sizeof(packet);
    }
    while (estab_stack_events(h->stack, &e, 1) > 0)
        ;
}

static void
arrives(struct grid_host *h, struct oracle_seg s)
{
    static uint8_t packet[4096];
    unsigned ip = h->family == 4 ? 20 : 40, n = h->family == 4 ? 4 : 16, syn = s.ctl & Y ? 4 : 0;
    uint32_t len = 20 + syn + s.len, from = s.seq + ((s.ctl & Y) != 0);
    struct estab_frame f = { .data = packet, .len = ip + len };
    uint8_t *t = packet + ip;

    memset(packet, 0, ip + 24);
    memcpy(packet + (n == 4 ? 12 : 8), h->them.addr.bytes, n);
    memcpy(packet + (n == 4 ? 16 : 24), h->us.addr.bytes, n);
    if (n == 4) {
        packet[0] = 0x45;
        put16(packet + 2, ip + len);
        packet[6] = 0x40;
        packet[8] = 64;
        packet[9] = 6;
        put16(packet + 10, folded(sum16(packet, 20, 0)));
    } else {
        packet[0] = 0x60;
        put16(packet + 4, len);
        packet[6] = 6;
        packet[7] = 64;
    }
    put16(t, h->them.port);
    put16(t + 2, h->us.port);
    put32(t + 4, s.seq);
    put32(t + 8, s.ack);
    t[12] = (uint8_t)((20 + syn) << 2);
    t[13] = s.ctl;
    put16(t + 14, PEER_WND);
    put16(t + 18, s.ctl & ESTAB_CTL_URG ? 1 : 0);
    if (syn != 0)
        put32(t + 20, 2u << 24 | 4u << 16 | 1440);
    for (uint32_t i = 0; i < s.len; i++)
        t[20 + syn + i] = octet_at(from + i);
    put16(t + 16, folded(sum16(t, len, sum16(packet + (n == 4 ? 12 : 8), 2 * n, 6 + len))));
    estab_stack_input(h->stack, 1, &f, 1, h->now);
    pull(h);
}

static void
waits(struct grid_host *h, estab_time ns)
{
    estab_time until = h->now + ns, at;

    while ((at = estab_stack_deadline(h->stack)) <= until) {
        h->now = at > h->now ? at : h->now;
        estab_stack_tick(h->stack, h->now);
        pull(h);
    }
    h->now = until;
}

static bool
found(const struct grid_host *h, struct estab_status *st)
{
    uint64_t cursor = 0;

    while (estab_stack_next(h->stack, &cursor, st))
        if (st->remote.port == h->them.port && st->local.port == h->us.port &&
            st->state != GO(CLOSED) && st->state != GO(LISTEN))
            return true;
    memset(st, 0, sizeof(*st));
    return false;
}

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "matrix: %s does not hold (line %d)\n", #cond, __LINE__);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A host without one of its rules may not even get there. */
#define REACHES_STATE(h, cond)                                                                     \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            (h)->not_built = true;                                                                 \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* ---- states ---- */

static struct estab_endpoint
end_of(unsigned family, const char *v4, const char *v6, uint16_t port)
{
    struct estab_endpoint e = { .port = port };

    MUST(estab_addr_parse(&e.addr, family == 4 ? v4 : v6) == 0);
    return e;
}

static void
user_writes_and_closes(struct grid_host *h, bool closes)
{
    static const uint8_t text[IN_FLIGHT];

    REACHES_STATE(h, estab_send(h->stack, h->conn, text, sizeof(text), h->now) == IN_FLIGHT);
    pull(h);
    if (closes) {
        REACHES_STATE(h, estab_shutdown(h->stack, h->conn, h->now) == 0);
        pull(h);
        h->tcb.fin_sent = true;
    }
}

static void
build(struct grid_host *h, unsigned family, unsigned what, bool no_window, grid_setup *setup,
      void *ctx)
{
    struct estab_link link = { .mtu = 1500 };
    struct estab_endpoint any = { .port = 80 };
    struct estab_config cfg;
    struct estab_status st;
    uint32_t iss, nxt = IRS + 1;
    bool active = what == ESTAB_TCPS_SYN_SENT || what == CROSSED;

    memset(h, 0, sizeof(*h));
    arena_used = arena_lent = 0;
    estab_config_init(&cfg);
    memset(cfg.secret, 7, sizeof(cfg.secret));
    cfg.alloc = (struct estab_alloc){ .get = arena_get, .put = arena_put };
    cfg.timestamps = cfg.sack = cfg.window_scaling = false;
    cfg.ecn = ESTAB_ECN_OFF;
    cfg.rst_per_second = 1000000;
    cfg.tcp.receive_buffer_max = cfg.tcp.send_buffer_max = BUFFER;
    h->stack = estab_stack_new(&cfg);
    MUST(h->stack != NULL);
    if (setup != NULL)
        setup(h->stack, ctx);
    h->family = family;
    h->now = ESTAB_SEC(1000);
    h->us = end_of(family, "192.0.2.1", "2001:db8::1", 80);
    h->them = end_of(family, "192.0.2.2", "2001:db8::2", 40000);
    MUST(estab_stack_add_interface(h->stack, &link) == 1);
    MUST(estab_stack_add_address(h->stack, 1, &h->us.addr, family == 4 ? 24 : 64) == 0);
    h->tcb = (struct oracle_tcb){ .state = (uint8_t)(what == CROSSED ? GO(SYN_RECEIVED) : what),
                                  .passive = !active,
                                  .irs = IRS,
                                  .rcv_nxt = nxt,
                                  .rcv_wnd = BUFFER,
                                  .snd_una = 5000000,
                                  .snd_nxt = 5000000 + IN_FLIGHT,
                                  .max_snd_wnd = PEER_WND };
    if (what == ESTAB_TCPS_CLOSED)
        return;
    if (active) {
        MUST(estab_connect(h->stack, &h->us, &h->them, NULL, &h->conn, h->now) == 0);
        pull(h);
        if (what == CROSSED)
            arrives(h, (struct oracle_seg){ .ctl = Y, .seq = IRS });
    } else {
        MUST(estab_listen(h->stack, &any, 8, NULL, &h->listener, h->now) == 0);
        if (what == ESTAB_TCPS_LISTEN)
            return;
        arrives(h, (struct oracle_seg){ .ctl = Y, .seq = IRS });
    }
    REACHES_STATE(h, h->n_sent > 0);
    iss = h->sent[0].seq;
    if (!active && what != ESTAB_TCPS_SYN_RECEIVED) {
        struct oracle_seg s = { .ctl = A, .seq = nxt, .ack = iss + 1 };

        arrives(h, s);
        REACHES_STATE(h, estab_accept(h->stack, h->listener, &h->conn, h->now) == 0);
        if (no_window) {
            s.len = BUFFER;
            arrives(h, s);
            s.seq = nxt += BUFFER;
            s.len = 0;
            waits(h, ESTAB_MS(50));
        }
        s.ctl = A | F;
        if (what == ESTAB_TCPS_CLOSE_WAIT || what == ESTAB_TCPS_LAST_ACK)
            arrives(h, s);
        user_writes_and_closes(h, what != ESTAB_TCPS_ESTABLISHED && what != ESTAB_TCPS_CLOSE_WAIT);
        if (h->not_built)
            return;
        if (what == ESTAB_TCPS_CLOSING)
            arrives(h, s);
        if (what == ESTAB_TCPS_FIN_WAIT_2 || what == ESTAB_TCPS_TIME_WAIT) {
            s.ctl = A;
            s.ack = iss + 1 + IN_FLIGHT + 1;
            arrives(h, s);
        }
        if (what == ESTAB_TCPS_TIME_WAIT) {
            s.ctl = A | F;
            arrives(h, s);
            REACHES_STATE(h, estab_close(h->stack, h->conn, h->now) == 0);
            waits(h, ESTAB_SEC(1));
        }
    }
    REACHES_STATE(h, found(h, &st));
    REACHES_STATE(h, st.state == h->tcb.state);
    h->tcb.iss = iss;
    h->tcb.snd_una = st.tcb.snd_una;
    h->tcb.snd_nxt = st.tcb.snd_nxt;
    if (what != ESTAB_TCPS_SYN_SENT) {
        h->tcb.rcv_nxt = st.tcb.rcv_nxt;
        /* a half-open record names no window: it is what a new connection offers */
        if (what != ESTAB_TCPS_SYN_RECEIVED)
            h->tcb.rcv_wnd = st.tcb.rcv_wnd;
        if (what == ESTAB_TCPS_TIME_WAIT) /* the record names no window either */
            h->tcb.rcv_wnd = BUFFER - 1;
        REACHES_STATE(h, no_window == (h->tcb.rcv_wnd == 0));
    }
    h->n_sent = 0;
}

/* ---- one case ---- */

static const char *const seq_names[] = { "far left",   "left edge", "RCV.NXT",   "inside",
                                         "last octet", "beyond",    "2^31 away", "IRS" };
static const char *const ack_names[] = {
    "ancient", "old", "SND.UNA", "between", "SND.NXT", "unsent"
};
enum { SEQS = 8, ACKS = 6, DATA = 4 };

static uint32_t
seq_of(const struct oracle_tcb *t, unsigned at)
{
    const uint32_t off[SEQS] = { 0u - 50000,     0u - 1,         0,           t->rcv_wnd / 2,
                                 t->rcv_wnd - 1, t->rcv_wnd + 3, 0x80000000u, t->irs - t->rcv_nxt };

    return t->rcv_nxt + off[at];
}

static uint32_t
ack_of(const struct oracle_tcb *t, unsigned at)
{
    const uint32_t flight = t->snd_nxt - t->snd_una;
    const uint32_t off[ACKS] = { 0u - 20000, 0u - 5, 0, flight / 2, flight, flight + 5 };

    return t->snd_una + off[at];
}

static const char *
differs(struct grid_host *h, const struct oracle_seg *s, const struct oracle_answer *want)
{
    struct estab_status st;
    uint8_t mask = (uint8_t)~ESTAB_CTL_PSH;
    uint32_t n = s->len + ((s->ctl & Y) != 0) + ((s->ctl & F) != 0), before = 0;
    unsigned at_once;
    estab_time now = h->now;
    struct grid_sent w = { .ctl = A, .seq = h->tcb.snd_nxt, .ack = want->rcv_nxt };
    bool lives = want->state != GO(CLOSED) && want->state != GO(LISTEN);

    if (found(h, &st))
        before = st.tcb.receive_queued;
    arrives(h, *s);
    at_once = h->n_sent;
    if (found(h, &st) != lives || (lives && st.state != want->state))
        return "state";
    if (lives && st.state == GO(TIME_WAIT) && h->conn != 0) {
        struct estab_status held;

        /* while the user holds the handle, its status tells the timer of the small record */
        if (estab_status(h->stack, h->conn, &held) == 0)
            st.tcb.timer_at = held.tcb.timer_at;
    }
    if (lives && want->state != GO(SYN_RECEIVED) && want->state != GO(SYN_SENT)) {
        if (st.tcb.snd_una != want->snd_una)
            return "SND.UNA";
        if (st.tcb.rcv_nxt != want->rcv_nxt)
            return "RCV.NXT";
        if (want->state != GO(TIME_WAIT) && st.tcb.receive_queued != before + want->delivered)
            return "delivery";
        if (want->state == GO(TIME_WAIT) &&
            (st.tcb.timer_at == now + ESTAB_SEC(60)) != want->restart)
            return "2MSL";
    }
    waits(h, ESTAB_MS(41));
    if (want->reply == NOTHING)
        return h->n_sent == 0 ? NULL : "a reply to nothing";
    if (h->n_sent == 0)
        return "no reply";
    if (h->n_sent > 1)
        return "too many replies";
    if (at_once == 0 && want->reply != ACK_SOON)
        return "late reply";
    if (want->reply == RST_OF_ACK)
        w = (struct grid_sent){ .ctl = R, .seq = s->ack };
    else if (want->reply == RST_OF_SEQ)
        w = (struct grid_sent){ .ctl = R | A, .ack = s->seq + n };
    else if (want->reply == SYN_ACK_OURS || want->reply == SYN_ACK_ANEW)
        w = (struct grid_sent){ .ctl = Y | A,
                                .seq = want->reply == SYN_ACK_OURS ? h->tcb.iss : h->sent[0].seq,
                                .ack = s->seq + 1 };
    if ((h->sent[0].ctl & mask) != w.ctl || h->sent[0].seq != w.seq || h->sent[0].len != 0 ||
        (w.ctl & A && h->sent[0].ack != w.ack))
        return "another reply";
    return NULL;
}

/* ---- the grid ---- */

static const char *
build_name(unsigned what)
{
    return what == CROSSED ? "SYN-RECEIVED (crossed)" : estab_state_name(what);
}

static struct grid_result
run_grid(uint64_t every, grid_setup *setup, void *ctx, unsigned shown)
{
    struct grid_result r = { 0, 0 };
    uint64_t at = 0;

    for (uint64_t i = 0; at < (uint64_t)2 * BUILDS * 2 * 4 * 64 * SEQS * ACKS * DATA; at++, i++) {
        uint64_t k = at;
        unsigned data = (unsigned)(k % DATA), ack = (unsigned)(k / DATA % ACKS);
        unsigned seq = (unsigned)(k / (DATA * ACKS) % SEQS);
        unsigned ctl = (unsigned)(k / (DATA * ACKS * SEQS) % 256);
        unsigned rest = (unsigned)(k / (DATA * ACKS * SEQS * 256));
        unsigned family = rest % 2 ? 6 : 4, no_window = rest / 2 % 2, what = rest / 4;
        struct oracle_answer want;
        struct oracle_seg s;
        struct grid_host h;
        const char *why;

        if (at % every != 0)
            continue;
        /* no window can be closed before there is one, or after the peer's FIN; ECN bits are
         * given to a third of the grid */
        if (no_window && what != ESTAB_TCPS_ESTABLISHED && what != ESTAB_TCPS_FIN_WAIT_1 &&
            what != ESTAB_TCPS_FIN_WAIT_2)
            continue;
        if (ctl >= 64 && (data == 3 || (seq & 1) != 0 || (ack & 1) != 0))
            continue;
        build(&h, family, what, no_window, setup, ctx);
        if (h.not_built) {
            if (r.mismatches++ < shown)
                printf("MISMATCH %s cannot be reached\n", build_name(what));
            r.cases++;
            estab_stack_free(h.stack);
            continue;
        }
        s = (struct oracle_seg){ .ctl = (uint8_t)ctl,
                                 .seq = seq_of(&h.tcb, seq),
                                 .ack = ack_of(&h.tcb, ack),
                                 .len = (const uint32_t[]){ 0, 1, 5, h.tcb.rcv_wnd + 1 }[data] };
        want = oracle_asks(&h.tcb, &s);
        r.cases++;
        why = differs(&h, &s, &want);
        if (why != NULL && r.mismatches++ < shown)
            printf("MISMATCH %s | %s%s IPv%u ctl %s%s%s%s%s%s%s%s seq %s ack %s len %" PRIu32
                   " | want reply %u %s | sent %u first ctl %02x | %s\n",
                   why, build_name(what), no_window ? " wnd 0" : "", family, ctl & Y ? "S" : "",
                   ctl & F ? "F" : "", ctl & R ? "R" : "", ctl & A ? "A" : "", ctl & 8 ? "P" : "",
                   ctl & 32 ? "U" : "", ctl & 64 ? "E" : "", ctl & 128 ? "C" : "", seq_names[seq],
                   ack_names[ack], s.len, want.reply, estab_state_name(want.state), h.n_sent,
                   h.n_sent > 0 ? h.sent[0].ctl : 0u, want.cited);
        estab_stack_free(h.stack);
        MUST(arena_lent == 0);
    }
    return r;
}

/* All cases natively; a part of them where each costs more. */
static uint64_t
grid_stride(void)
{
    const char *text = getenv("ESTAB_MATRIX_EVERY"), *runner = getenv("RUNNER");

    if (text != NULL && strtoull(text, NULL, 10) > 0)
        return strtoull(text, NULL, 10);
    if (runner != NULL && runner[0] != '\0')
        return 53;
#if defined(__SANITIZE_ADDRESS__)
    return 17;
#else
    return sizeof(void *) == 4 ? 17 : 1;
#endif
}
