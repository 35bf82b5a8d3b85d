/* SPDX-License-Identifier: MIT */
/*
 * What the stack costs: two hosts in memory, MTU 1500, checksums computed and verified in
 * software, batches of 64 frames as a driver would use. Time is virtual and costs nothing; what is
 * counted is CPU time of this process, both ends together. Each figure is the median of three
 * runs, the workloads take turns, and the floor (what merely copying and summing costs here, now)
 * is measured among them.
 *
 *   bench [--ms MS] [--json FILE]  every workload; FILE is build/bench.json unless given
 *   bench --only NAME [--count N]       one workload, once, N units: for callgrind and perf
 *   bench --compiler                    what it was built with
 */
#include "estab/estab.h"
#include "wire/checksum.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MTU 1500
#define BATCH 64
#define RUNS 3
#define RING (256u * 1024)
#define PORT 80
#define CHUNK 1460

static void
die(const char *what, int64_t value)
{
    fprintf(stderr, "bench: %s (%" PRId64 ")\n", what, value);
    exit(1);
}

/* ---- CPU time and memory ---- */

static uint64_t
cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *
get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void
put(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

/* ---- two hosts ---- */

struct pair {
    struct estab_stack *host[2]; /* 0 opens, 1 listens */
    struct estab_endpoint server;
    estab_conn listener;
    unsigned more_ports; /* PORT + 1 to PORT + more_ports listen too */
    unsigned next_port;
    estab_time now;
    uint64_t frames;
    struct estab_frame frame[BATCH];
    uint8_t memory[BATCH][MTU + 36];
};

/* A sink that looks at each record and forgets it. */
static void
listen_to(void *ctx, const struct estab_trace *t)
{
    uint64_t *heard = ctx;

    heard[t->kind]++;
}

static bool traced; /* the hosts made from now on have that sink */

static void
setup(struct pair *p, enum estab_family family)
{
    static uint64_t heard[256];

    struct estab_addr addr[2] = { estab_addr_v4(10, 0, 0, 1), estab_addr_v4(10, 0, 0, 2) };

    memset(p, 0, sizeof *p);
    p->now = ESTAB_SEC(1);
    for (size_t i = 0; i < BATCH; i++)
        p->frame[i] = (struct estab_frame){ .data = p->memory[i], .cap = MTU };
    if (family == ESTAB_INET6 && (estab_addr_parse(&addr[0], "2001:db8::1") != 0 ||
                                  estab_addr_parse(&addr[1], "2001:db8::2") != 0))
        die("addresses", 0);
    for (int i = 0; i < 2; i++) {
        struct estab_config cfg;
        struct estab_link link = { .mtu = MTU };

        estab_config_init(&cfg);
        memset(cfg.secret, i + 1, sizeof cfg.secret);
        cfg.alloc = (struct estab_alloc){ .get = get, .put = put };
        cfg.memory_budget = (size_t)2 << 30;
        if (traced) {
            cfg.trace = listen_to;
            cfg.trace_ctx = heard;
        }
        cfg.max_connections = cfg.max_half_open = cfg.max_time_wait = 4000000;
        cfg.max_orphans = 4000000;
        cfg.port_min = 1024;
        cfg.port_max = 65535;
        cfg.tcp.send_buffer_max = cfg.tcp.receive_buffer_max = RING;
        p->host[i] = estab_stack_new(&cfg);
        if (p->host[i] == NULL || estab_stack_add_interface(p->host[i], &link) != 1 ||
            estab_stack_add_address(p->host[i], 1, &addr[i], family == ESTAB_INET ? 24 : 64) != 0)
            die("a host could not be made", i);
    }
    p->server = (struct estab_endpoint){ addr[1], PORT };
    if (estab_listen(p->host[1], &p->server, 1000000, NULL, &p->listener, p->now) != 0)
        die("listen", 0);
}

static void
teardown(struct pair *p)
{
    estab_stack_free(p->host[0]);
    estab_stack_free(p->host[1]);
}

/* A batch of what host `from` has to send reaches the other; how many frames. */
static size_t
carry(struct pair *p, unsigned from)
{
    size_t n = estab_stack_output(p->host[from], 1, p->frame, BATCH, p->now);

    if (n > 0)
        estab_stack_input(p->host[1 - from], 1, p->frame, n, p->now);
    p->frames += n;
    return n;
}

static void
advance(struct pair *p, estab_time by)
{
    p->now += by;
    for (unsigned i = 0; i < 2; i++)
        if (estab_stack_deadline(p->host[i]) <= p->now)
            estab_stack_tick(p->host[i], p->now);
}

/* Until neither host has anything to say. */
static void
settle(struct pair *p)
{
    while (carry(p, 0) + carry(p, 1) > 0)
        ;
}

static void
forget_events(struct pair *p)
{
    struct estab_event events[BATCH];

    for (unsigned i = 0; i < 2; i++)
        while (estab_stack_events(p->host[i], events, BATCH) > 0)
            ;
}

/* `n` connections from host 0 to host 1, established and accepted. */
static void
open_many(struct pair *p, size_t n, estab_conn *client, estab_conn *server)
{
    size_t accepted = 0;

    for (size_t i = 0; i < n;) {
        size_t end = i + BATCH < n ? i + BATCH : n;

        for (; i < end; i++) {
            struct estab_endpoint remote = p->server;
            int err = estab_connect(p->host[0], NULL, &remote, NULL, &client[i], p->now);

            if (err != 0)
                die(estab_err_text(err), (int64_t)i);
        }
        settle(p);
        while (estab_accept(p->host[1], p->listener, &server[accepted], p->now) == 0)
            if (++accepted == n)
                break;
        advance(p, ESTAB_US(10));
    }
    if (accepted != n)
        die("not every connection was accepted", (int64_t)accepted);
    forget_events(p);
}

/* ---- workloads: run for a time or a number of units, and tell how many units were done ---- */

struct task {
    uint64_t count; /* stop after so many units; 0: after so much CPU time */
    uint64_t budget_ns;
    uint64_t units; /* done */
    uint64_t spent_ns;
    uint64_t begin;
    uint64_t frames;
};

static void
begin_clock(struct task *t)
{
    t->units = 0;
    t->begin = cpu_ns();
}

static bool
goes_on(struct task *t)
{
    t->spent_ns = cpu_ns() - t->begin;
    return t->count > 0 ? t->units < t->count : t->spent_ns < t->budget_ns;
}

static uint64_t
send_all(struct pair *p, estab_conn conn, bool zero_copy, const uint8_t *from)
{
    uint64_t total = 0;

    for (;;) {
        struct estab_span spans[2];
        ptrdiff_t n = zero_copy ? estab_reserve(p->host[0], conn, RING, spans)
                                : estab_send(p->host[0], conn, from, 65536, p->now);

        if (n == -ESTAB_EAGAIN)
            return total;
        if (n <= 0 || (zero_copy && estab_commit(p->host[0], conn, (size_t)n, p->now) != 0))
            die("send", n);
        total += (uint64_t)n;
    }
}

static uint64_t
receive_all(struct pair *p, estab_conn conn, bool zero_copy, uint8_t *to)
{
    uint64_t total = 0;

    for (;;) {
        struct estab_span spans[2];
        ptrdiff_t n = zero_copy ? estab_peek(p->host[1], conn, spans)
                                : estab_receive(p->host[1], conn, to, 65536, p->now);

        if (n == -ESTAB_EAGAIN)
            return total;
        if (n <= 0 || (zero_copy && estab_consume(p->host[1], conn, (size_t)n, p->now) != 0))
            die("receive", n);
        total += (uint64_t)n;
    }
}

static void
bulk(struct task *t, bool zero_copy)
{
    static struct pair p;
    static uint8_t from[65536], to[65536];
    estab_conn client, server;
    uint64_t frames;

    setup(&p, ESTAB_INET);
    open_many(&p, 1, &client, &server);
    for (unsigned warm = 0; warm < 200; warm++) { /* slow start */
        send_all(&p, client, zero_copy, from);
        carry(&p, 0);
        receive_all(&p, server, zero_copy, to);
        carry(&p, 1);
        advance(&p, ESTAB_US(20));
    }
    frames = p.frames;
    begin_clock(t);
    while (goes_on(t)) {
        for (unsigned i = 0; i < 16; i++) {
            send_all(&p, client, zero_copy, from);
            carry(&p, 0);
            t->units += receive_all(&p, server, zero_copy, to);
            carry(&p, 1);
            advance(&p, ESTAB_US(20));
        }
    }
    t->frames = p.frames - frames;
    teardown(&p);
}

static void
bulk_copy(struct task *t)
{
    bulk(t, false);
}

static void
bulk_zero_copy(struct task *t)
{
    bulk(t, true);
}

static void
bulk_traced(struct task *t)
{
    traced = true;
    bulk(t, true);
    traced = false;
}

/* Both ends of a connection that opens, carries one octet each way and closes in full. The events
 * drive it, as they would drive a server. */
static void
serve(struct pair *p)
{
    struct estab_event events[BATCH];
    size_t n;
    uint8_t octet;

    while ((n = estab_stack_events(p->host[1], events, BATCH)) > 0)
        for (size_t i = 0; i < n; i++) {
            estab_conn conn = events[i].conn;

            if ((events[i].bits & ESTAB_ACCEPTABLE) != 0) {
                while (estab_accept(p->host[1], events[i].conn, &conn, p->now) == 0)
                    ;
                continue;
            }
            if ((events[i].bits & (ESTAB_READABLE | ESTAB_PEER_CLOSED | ESTAB_CLOSED)) == 0)
                continue;
            for (;;) {
                ptrdiff_t got = estab_receive(p->host[1], conn, &octet, 1, p->now);

                if (got == 1 && estab_send(p->host[1], conn, &octet, 1, p->now) != 1)
                    die("answer", 0);
                if (got == 0 && estab_close(p->host[1], conn, p->now) != 0)
                    die("close", 1);
                if (got != 1)
                    break;
            }
        }
}

static size_t
visit(struct pair *p)
{
    struct estab_event events[BATCH];
    size_t n, done = 0;
    uint8_t octet = 'x';

    while ((n = estab_stack_events(p->host[0], events, BATCH)) > 0)
        for (size_t i = 0; i < n; i++) {
            estab_conn conn = events[i].conn;

            if ((events[i].bits & ESTAB_FAILED) != 0)
                die("a connection failed", (int64_t)conn);
            if ((events[i].bits & ESTAB_CONNECTED) != 0 &&
                estab_send(p->host[0], conn, &octet, 1, p->now) != 1)
                die("send", 1);
            if ((events[i].bits & ESTAB_READABLE) != 0 &&
                estab_receive(p->host[0], conn, &octet, 1, p->now) == 1) {
                if (estab_close(p->host[0], conn, p->now) != 0)
                    die("close", 0);
                done++;
            }
        }
    return done;
}

static void
open_and_close(struct pair *p, size_t in_flight, estab_time apart)
{
    size_t done = 0, moved;

    for (size_t i = 0; i < in_flight; i++) {
        struct estab_endpoint to = p->server;
        estab_conn conn;
        int err;

        to.port = (uint16_t)(PORT + p->next_port);
        p->next_port = p->next_port == p->more_ports ? 0 : p->next_port + 1;
        err = estab_connect(p->host[0], NULL, &to, NULL, &conn, p->now);
        if (err != 0)
            die(estab_err_text(err), (int64_t)i);
    }
    do {
        moved = carry(p, 0);
        serve(p);
        moved += carry(p, 1);
        done += visit(p);
    } while (moved > 0);
    if (done != in_flight)
        die("connections did not complete", (int64_t)done);
    advance(p, apart * (estab_time)in_flight);
}

/* TIME-WAIT lasts 60 s: with connections so far `apart` there are 60 s / apart of them, and so many
 * are there before the clock starts, if `filled`. */
static void
churn(struct task *t, size_t in_flight, estab_time apart, bool filled)
{
    static struct pair p;
    size_t times = in_flight < 64 ? 64 : 1; /* between two looks at the clock */
    uint64_t frames;

    setup(&p, ESTAB_INET);
    /* 64,511 local ports for each of the server's */
    p.more_ports = (unsigned)(ESTAB_SEC(60) / apart / 32000);
    for (unsigned i = 1; i <= p.more_ports; i++) {
        struct estab_endpoint at = p.server;
        estab_conn listener;

        at.port = (uint16_t)(PORT + i);
        if (estab_listen(p.host[1], &at, 1000000, NULL, &listener, p.now) != 0)
            die("listen", at.port);
    }
    if (filled)
        for (size_t i = 0; i < (size_t)(ESTAB_SEC(60) / apart); i += in_flight)
            open_and_close(&p, in_flight, apart);
    frames = p.frames;
    begin_clock(t);
    while (goes_on(t))
        for (size_t i = 0; i < times; i++) {
            open_and_close(&p, in_flight, apart);
            t->units += in_flight;
        }
    t->frames = p.frames - frames;
    teardown(&p);
}

static void
churn_1(struct task *t)
{
    churn(t, 1, ESTAB_MS(5), false);
}

static void
churn_1000(struct task *t)
{
    churn(t, 1000, ESTAB_MS(5), false);
}

static void
churn_10000(struct task *t)
{
    churn(t, 10000, ESTAB_MS(5), false);
}

static void
churn_time_wait(struct task *t)
{
    churn(t, 1000, ESTAB_US(60), true);
}

static void
echo(struct pair *p, unsigned host, bool answer)
{
    struct estab_event events[BATCH];
    uint8_t octet;
    size_t n;

    while ((n = estab_stack_events(p->host[host], events, BATCH)) > 0)
        for (size_t i = 0; i < n; i++) {
            if (estab_receive(p->host[host], events[i].conn, &octet, 1, p->now) != 1)
                die("round trip: nothing received", (int64_t)host);
            if (answer && estab_send(p->host[host], events[i].conn, &octet, 1, p->now) != 1)
                die("round trip: not answered", (int64_t)host);
        }
}

/* One octet there and back, over `n` open connections in turn, 64 of them in a batch. */
static void
round_trips(struct task *t, size_t n)
{
    static struct pair p;
    estab_conn *client = calloc(n, sizeof *client), *server = calloc(n, sizeof *server);
    struct estab_tcp_options o;
    size_t next = 0, batch = n < BATCH ? n : BATCH;
    uint64_t frames;
    uint8_t octet = 'x';

    if (client == NULL || server == NULL)
        die("memory", 0);
    setup(&p, ESTAB_INET);
    open_many(&p, n, client, server);
    for (size_t i = 0; i < n; i++)
        for (unsigned side = 0; side < 2; side++) {
            estab_conn conn = side == 0 ? client[i] : server[i];

            if (estab_get_options(p.host[side], conn, &o) != 0)
                die("options", 0);
            o.nodelay = true;
            if (estab_set_options(p.host[side], conn, &o, p.now) != 0)
                die("options", 1);
        }
    advance(&p, ESTAB_SEC(1));
    settle(&p);
    forget_events(&p);
    frames = p.frames;
    begin_clock(t);
    while (goes_on(t)) {
        for (unsigned round = 0; round < 64; round++) {
            for (size_t i = 0; i < batch; i++) {
                if (estab_send(p.host[0], client[next], &octet, 1, p.now) != 1)
                    die("round trip: not sent", (int64_t)next);
                next = next + 1 == n ? 0 : next + 1;
            }
            carry(&p, 0);
            echo(&p, 1, true);
            carry(&p, 1);
            echo(&p, 0, false);
            t->units += batch;
            advance(&p, ESTAB_US(1));
        }
    }
    t->frames = p.frames - frames;
    teardown(&p);
    free(client);
    free(server);
}

static void
round_trips_1(struct task *t)
{
    round_trips(t, 1);
}

static void
round_trips_traced(struct task *t)
{
    traced = true;
    round_trips(t, 1);
    traced = false;
}

static void
round_trips_1000(struct task *t)
{
    round_trips(t, 1000);
}

static void
round_trips_10000(struct task *t)
{
    round_trips(t, 10000);
}

/* ---- the floor: what the octets themselves cost ---- */

enum floor_kind { FLOOR_COPY, FLOOR_SUM, FLOOR_COPY_SUM };

static void
floor_of(struct task *t, enum floor_kind kind)
{
    static uint8_t from[RING], to[RING];
    static volatile uint64_t sink;
    uint64_t sum = 0;

    begin_clock(t);
    while (goes_on(t))
        for (unsigned round = 0; round < 16; round++)
            for (size_t at = 0; at + CHUNK <= RING; at += CHUNK) {
                if (kind == FLOOR_COPY) {
                    memcpy(to + at, from + at, CHUNK);
                    __asm__ volatile("" ::: "memory");
                } else if (kind == FLOOR_SUM) {
                    sum += estab_csum_add(from + at, CHUNK, 0);
                } else {
                    sum += estab_csum_copy(to + at, from + at, CHUNK, 0);
                }
                t->units += CHUNK;
            }
    sink = sum;
    (void)sink;
}

static void
floor_copy(struct task *t)
{
    floor_of(t, FLOOR_COPY);
}

static void
floor_sum(struct task *t)
{
    floor_of(t, FLOOR_SUM);
}

static void
floor_copy_sum(struct task *t)
{
    floor_of(t, FLOOR_COPY_SUM);
}

/* ---- memory ---- */

struct sizes {
    double established, established_record, time_wait, time_wait_record, half_open,
        half_open_record;
};

static struct estab_stack_status
status_of(const struct pair *p, unsigned host)
{
    struct estab_stack_status s;

    estab_stack_status(p->host[host], &s);
    return s;
}

static double
each(uint64_t after, uint64_t before, size_t n)
{
    return (double)(int64_t)(after - before) / (double)n;
}

/* What `n` connections take from the allocator in each of their three sizes: their records, their
 * share of the table at its real load, and their timers. */
static struct sizes
measure_sizes(enum estab_family family, size_t n)
{
    static struct pair p;
    estab_conn *client = calloc(n, sizeof *client), *server = calloc(n, sizeof *server);
    struct estab_stack_status before, after;
    struct sizes s = { 0 };
    uint8_t octet = 'x';

    if (client == NULL || server == NULL)
        die("memory", 0);
    setup(&p, family);
    before = status_of(&p, 0);
    open_many(&p, n, client, server);
    for (size_t i = 0; i < n; i++) {
        if (estab_send(p.host[0], client[i], &octet, 1, p.now) != 1)
            die("send", 0);
        if (i % BATCH == BATCH - 1 || i == n - 1)
            settle(&p);
    }
    for (size_t i = 0; i < n; i++)
        if (estab_receive(p.host[1], server[i], &octet, 1, p.now) != 1)
            die("receive", (int64_t)i);
    for (unsigned i = 0; i < 20; i++) {
        advance(&p, ESTAB_MS(100));
        settle(&p);
    }
    after = status_of(&p, 0);
    s.established = each(after.bytes_taken, before.bytes_taken, n);
    s.established_record = each(after.record_bytes, before.record_bytes, n);
    for (unsigned side = 0; side < 2; side++)
        for (size_t i = 0; i < n; i++) {
            if (estab_close(p.host[side], side == 0 ? client[i] : server[i], p.now) != 0)
                die("close", side);
            if (i % BATCH == BATCH - 1 || i == n - 1)
                settle(&p);
        }
    after = status_of(&p, 0);
    if (after.time_wait != n)
        die("connections in TIME-WAIT", after.time_wait);
    s.time_wait = each(after.bytes_taken, before.bytes_taken, n);
    s.time_wait_record = each(after.record_bytes, before.record_bytes, n);
    teardown(&p);

    setup(&p, family);
    before = status_of(&p, 1);
    for (size_t i = 0; i < n; i++) {
        if (estab_connect(p.host[0], NULL, &p.server, NULL, &client[i], p.now) != 0)
            die("connect", (int64_t)i);
        carry(&p, 0);
        while (estab_stack_output(p.host[1], 1, p.frame, BATCH, p.now) == BATCH)
            ; /* the SYN,ACKs are lost */
    }
    after = status_of(&p, 1);
    if (after.half_open != n)
        die("half-open records", after.half_open);
    s.half_open = each(after.bytes_taken, before.bytes_taken, n);
    s.half_open_record = each(after.record_bytes, before.record_bytes, n);
    teardown(&p);
    free(client);
    free(server);
    return s;
}

/* ---- the table ---- */

struct workload {
    const char *name, *what, *unit;
    void (*run)(struct task *);
    double scale; /* units per CPU-ns to what is printed */
    const char *goal;
    double value[RUNS];
    uint64_t units; /* of the last run */
    double frames_per_unit;
};

/* clang-format off */
static struct workload workloads[] = {
    { "bulk-copy",      "bulk, send() and receive()",              "Gbit/CPU-s", bulk_copy,         8,      ">= 60", { 0 }, 0, 0 },
    { "bulk-zero-copy", "bulk, reserve/commit and peek/consume",   "Gbit/CPU-s", bulk_zero_copy,    8,      ">= 80", { 0 }, 0, 0 },
    { "churn-1",        "open, 1 B each way, close; 1 in flight",  "1/CPU-s",    churn_1,           1e9,    ">= 1,200,000", { 0 }, 0, 0 },
    { "churn-1000",     "the same, 1,000 in flight",               "1/CPU-s",    churn_1000,        1e9,    ">= 700,000", { 0 }, 0, 0 },
    { "churn-10000",    "the same, 10,000 in flight",              "1/CPU-s",    churn_10000,       1e9,    ">= 700,000", { 0 }, 0, 0 },
    { "churn-tw",       "1,000 in flight, 1,000,000 in TIME-WAIT", "1/CPU-s",    churn_time_wait,   1e9,    ">= 500,000", { 0 }, 0, 0 },
    { "echo-1",         "1-byte round trips, 1 connection",        "1/CPU-s",    round_trips_1,     1e9,    ">= 5,000,000", { 0 }, 0, 0 },
    { "echo-1000",      "the same over 1,000 open",                "1/CPU-s",    round_trips_1000,  1e9,    ">= 2,500,000", { 0 }, 0, 0 },
    { "echo-10000",     "the same over 10,000 open",               "1/CPU-s",    round_trips_10000, 1e9,    ">= 2,000,000", { 0 }, 0, 0 },
    { "bulk-traced",    "bulk, zero copy, with a trace sink",      "Gbit/CPU-s", bulk_traced,       8,      "", { 0 }, 0, 0 },
    { "echo-traced",    "round trips, 1 connection, with a sink",  "1/CPU-s",    round_trips_traced, 1e9,   "", { 0 }, 0, 0 },
    { "floor-copy",     "memcpy of 1,460 B",                       "Gbit/CPU-s", floor_copy,        8,      "", { 0 }, 0, 0 },
    { "floor-sum",      "checksum of 1,460 B",                     "Gbit/CPU-s", floor_sum,         8,      "", { 0 }, 0, 0 },
    { "floor-copy-sum", "copy and checksum in one pass",           "Gbit/CPU-s", floor_copy_sum,    8,      "", { 0 }, 0, 0 },
};
/* clang-format on */
#define N_WORKLOADS (sizeof workloads / sizeof workloads[0])

static double
median(const double v[RUNS])
{
    double low = v[0] < v[1] ? v[0] : v[1], high = v[0] < v[1] ? v[1] : v[0];

    return v[2] < low ? low : v[2] > high ? high : v[2];
}

static void
run_once(struct workload *w, unsigned run, uint64_t budget_ns, uint64_t count)
{
    struct task t = { .budget_ns = budget_ns, .count = count };

    w->run(&t);
    if (t.spent_ns == 0 || t.units == 0)
        die(w->name, (int64_t)t.units);
    w->value[run] = (double)t.units / (double)t.spent_ns * w->scale;
    w->units = t.units;
    w->frames_per_unit = (double)t.frames / (double)t.units;
}

static void
print_table(const struct sizes sizes[2])
{
    double copy_sum = median(workloads[N_WORKLOADS - 1].value);
    double copy = median(workloads[N_WORKLOADS - 3].value);

    printf("%-44s %16s  %-12s %s\n", "workload (median of 3)", "measured", "", "goal");
    for (size_t i = 0; i < N_WORKLOADS; i++) {
        const struct workload *w = &workloads[i];
        double v = median(w->value);

        printf("%-44s %16.*f  %-12s %s\n", w->what, v < 1000 ? 1 : 0, v, w->unit, w->goal);
    }
    /* Both ends copy and sum each octet once; the copying calls copy it twice more. */
    printf("%-44s %16.1f  %-12s\n", "floor of bulk, zero copy: 2 copies with sum", copy_sum / 2,
           "Gbit/CPU-s");
    printf("%-44s %16.1f  %-12s\n", "floor of bulk, copying: 2 copies more",
           1 / (2 / copy_sum + 2 / copy), "Gbit/CPU-s");
    for (unsigned i = 0; i < 2; i++) {
        const char *family = i == 0 ? "IPv4" : "IPv6";

        printf("bytes per idle connection, %-17s %16.1f  record %5.1f %s\n", family,
               sizes[i].established, sizes[i].established_record, i == 0 ? " <= 256" : " <= 288");
        printf("bytes per half-open record, %-16s %16.1f  record %5.1f %s\n", family,
               sizes[i].half_open, sizes[i].half_open_record,
               i == 0 ? " <= 96, record 64" : " <= 128, record 96");
        printf("bytes per TIME-WAIT record, %-16s %16.1f  record %5.1f %s\n", family,
               sizes[i].time_wait, sizes[i].time_wait_record,
               i == 0 ? " <= 96, record 64" : " <= 128, record 96");
    }
}

static void
write_json(const char *path, const struct sizes sizes[2])
{
    FILE *f = fopen(path, "w");

    if (f == NULL) {
        perror(path);
        exit(1);
    }
    fprintf(f, "{\n  \"version\": \"%s\",\n  \"compiler\": \"%s\",\n  \"workloads\": {\n",
            estab_version(), __VERSION__);
    for (size_t i = 0; i < N_WORKLOADS; i++) {
        const struct workload *w = &workloads[i];

        fprintf(f,
                "    \"%s\": { \"median\": %.2f, \"runs\": [%.2f, %.2f, %.2f], \"unit\": \"%s\", "
                "\"frames_per_unit\": %.6f }%s\n",
                w->name, median(w->value), w->value[0], w->value[1], w->value[2], w->unit,
                w->frames_per_unit, i + 1 < N_WORKLOADS ? "," : "");
    }
    fprintf(f, "  },\n  \"bytes\": {\n");
    for (unsigned i = 0; i < 2; i++)
        fprintf(f,
                "    \"ipv%d\": { \"established\": %.1f, \"established_record\": %.1f, "
                "\"half_open\": %.1f, \"half_open_record\": %.1f, \"time_wait\": %.1f, "
                "\"time_wait_record\": %.1f }%s\n",
                i == 0 ? 4 : 6, sizes[i].established, sizes[i].established_record,
                sizes[i].half_open, sizes[i].half_open_record, sizes[i].time_wait,
                sizes[i].time_wait_record, i == 0 ? "," : "");
    fprintf(f, "  }\n}\n");
    if (fclose(f) != 0)
        die("the results could not be written", 0);
    printf("written to %s\n", path);
}

static int
run_only(const char *name, uint64_t count, uint64_t budget_ns)
{
    for (size_t i = 0; i < N_WORKLOADS; i++)
        if (strcmp(workloads[i].name, name) == 0) {
            run_once(&workloads[i], 0, budget_ns, count);
            printf("%s: %.2f %s, %" PRIu64 " units, %.4f frames per unit\n", name,
                   workloads[i].value[0], workloads[i].unit, workloads[i].units,
                   workloads[i].frames_per_unit);
            return 0;
        }
    fprintf(stderr, "bench: no workload %s; there are:", name);
    for (size_t i = 0; i < N_WORKLOADS; i++)
        fprintf(stderr, " %s", workloads[i].name);
    fprintf(stderr, "\n");
    return 2;
}

int
main(int argc, char **argv)
{
    const char *json = NULL, *only = NULL;
    uint64_t count = 0, budget_ns = 400000000;
    char path[512];
    struct sizes sizes[2];

    if (argc == 2 && strcmp(argv[1], "--compiler") == 0) {
#ifdef __clang__
        printf("clang " __VERSION__ "\n");
#else
        printf("gcc " __VERSION__ "\n");
#endif
        return 0;
    }
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--ms") == 0)
            budget_ns = strtoull(argv[i + 1], NULL, 10) * 1000000;
        else if (strcmp(argv[i], "--json") == 0)
            json = argv[i + 1];
        else if (strcmp(argv[i], "--only") == 0)
            only = argv[i + 1];
        else if (strcmp(argv[i], "--count") == 0)
            count = strtoull(argv[i + 1], NULL, 10);
        else
            return fprintf(stderr, "bench: unknown option %s\n", argv[i]), 2;
    }
    if (only != NULL)
        return run_only(only, count, budget_ns);
    for (unsigned run = 0; run < RUNS; run++)
        for (size_t i = 0; i < N_WORKLOADS; i++)
            run_once(&workloads[i], run, budget_ns, 0);
    sizes[0] = measure_sizes(ESTAB_INET, 20000);
    sizes[1] = measure_sizes(ESTAB_INET6, 20000);
    print_table(sizes);
    if (json == NULL) {
        /* build/bench/bench -> build/bench.json */
        const char *slash = strrchr(argv[0], '/');

        snprintf(path, sizeof path, "%.*s.json", slash != NULL ? (int)(slash - argv[0]) : 5,
                 slash != NULL ? argv[0] : "bench");
        json = path;
    }
    write_json(json, sizes);
    return 0;
}
