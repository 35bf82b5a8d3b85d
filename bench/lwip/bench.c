/* SPDX-License-Identifier: MIT */
/*
 * The workloads of bench/bench.c with two hosts of lwIP, in the same batches and with the same way of
 * counting: see there. Built and run by bench/peers.
 *
 *   bench --only NAME [--count N] [--ms MS]
 */
#include "host.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 64
#define PORT 80

static const struct lwip_host *host[2]; /* 0 opens, 1 listens */
static uint64_t now_us = 1000000, frames_carried;
static uint64_t count, budget_ns = 400000000, units, spent_ns, begun;

static void
die(const char *what)
{
    fprintf(stderr, "lwip: %s\n", what);
    exit(1);
}

static uint64_t
cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const struct lwip_host *
load(const char *program, const char *name)
{
    const char *slash = strrchr(program, '/');
    char path[4096];
    void *so;

    snprintf(path, sizeof path, "%.*s/%s", slash != NULL ? (int)(slash - program) : 1,
             slash != NULL ? program : ".", name);
    so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (so == NULL)
        die(dlerror());
    return dlsym(so, "bench_lwip_host");
}

static size_t
carry(unsigned from)
{
    struct frame frames[BATCH];
    size_t n = host[from]->output(frames, BATCH);

    host[1 - from]->input(frames, n);
    frames_carried += n;
    return n;
}

static void
settle(void)
{
    while (carry(0) + carry(1) > 0)
        ;
}

static void
advance(uint64_t us)
{
    now_us += us;
    host[0]->now((uint32_t)(now_us / 1000));
    host[1]->now((uint32_t)(now_us / 1000));
}

static void
start_clock(void)
{
    units = 0;
    frames_carried = 0;
    begun = cpu_ns();
}

static bool
goes_on(void)
{
    spent_ns = cpu_ns() - begun;
    return count > 0 ? units < count : spent_ns < budget_ns;
}

static void **
open_many(size_t n)
{
    void **conn = calloc(n, sizeof *conn);

    if (conn == NULL)
        die("memory");
    for (size_t i = 0; i < n; i++) {
        conn[i] = host[0]->connect(2, PORT);
        if (conn[i] == NULL)
            die("connect");
        if (i % BATCH == BATCH - 1 || i == n - 1) {
            settle();
            advance(10);
        }
    }
    if (host[0]->established() != n || host[1]->established() != n)
        die("not every connection was established");
    return conn;
}

static void
bulk(bool copies)
{
    static uint8_t from[65536];
    void **conn;
    uint64_t before;

    host[0]->init(1, ROLE_SINK, copies);
    host[1]->init(2, ROLE_SINK, copies);
    host[1]->listen(PORT);
    conn = open_many(1);
    for (unsigned round = 0;; round++) {
        if (round == 200) /* slow start is over */
            start_clock();
        if (round >= 200 && round % 16 == 8 && !goes_on())
            break;
        while (host[0]->send(conn[0], from, sizeof from) > 0)
            ;
        before = host[1]->counted();
        carry(0);
        units += host[1]->counted() - before;
        carry(1);
        advance(20);
    }
    free(conn);
}

static void
churn(size_t in_flight)
{
    size_t times = in_flight < 64 ? 64 : 1;

    host[0]->init(1, ROLE_ASKS_ONCE, true);
    host[1]->init(2, ROLE_ANSWERS, true);
    host[1]->listen(PORT);
    start_clock();
    while (goes_on())
        for (size_t i = 0; i < times; i++) {
            uint64_t before = host[0]->counted();

            for (size_t k = 0; k < in_flight; k++)
                if (host[0]->connect(2, PORT) == NULL)
                    die("connect");
            settle();
            if (host[0]->counted() - before != in_flight)
                die("connections did not complete");
            units += in_flight;
            advance(5000 * in_flight);
        }
}

static void
round_trips(size_t n)
{
    size_t next = 0, batch = n < BATCH ? n : BATCH;
    void **conn;

    host[0]->init(1, ROLE_ASKS, true);
    host[1]->init(2, ROLE_ANSWERS, true);
    host[1]->listen(PORT);
    conn = open_many(n);
    advance(1000000);
    settle();
    start_clock();
    while (goes_on())
        for (unsigned round = 0; round < 64; round++) {
            uint64_t before = host[0]->counted();

            for (size_t i = 0; i < batch; i++) {
                if (host[0]->send(conn[next], "x", 1) != 1)
                    die("round trip: not sent");
                next = next + 1 == n ? 0 : next + 1;
            }
            carry(0);
            carry(1);
            if (host[0]->counted() - before != batch)
                die("round trip: not answered");
            units += batch;
            advance(1);
        }
    free(conn);
}

int
main(int argc, char **argv)
{
    const char *w = "";
    double scale = 1e9;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--only") == 0)
            w = argv[i + 1];
        else if (strcmp(argv[i], "--count") == 0)
            count = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--ms") == 0)
            budget_ns = strtoull(argv[i + 1], NULL, 10) * 1000000;
        else
            die("unknown option");
    }
    host[0] = load(argv[0], "host-a.so");
    host[1] = load(argv[0], "host-b.so");
    if (host[0] == NULL || host[1] == NULL || host[0] == host[1])
        die("two hosts are needed");
    if (strncmp(w, "bulk-", 5) == 0) {
        bulk(strcmp(w, "bulk-copy") == 0);
        scale = 8;
    } else if (strncmp(w, "churn-", 6) == 0 && atoi(w + 6) > 0) {
        churn((size_t)atoi(w + 6));
    } else if (strncmp(w, "echo-", 5) == 0 && atoi(w + 5) > 0) {
        round_trips((size_t)atoi(w + 5));
    } else {
        die("no such workload");
    }
    printf("%s: %.2f %s, %" PRIu64 " units, %.4f frames per unit\n", w,
           (double)units / (double)spent_ns * scale, scale < 10 ? "Gbit/CPU-s" : "1/CPU-s", units,
           (double)frames_carried / (double)units);
    return 0;
}
