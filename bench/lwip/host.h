/* SPDX-License-Identifier: MIT */
/*
 * One host of lwIP with the users of the workloads in it. lwIP's state is global: each host is a
 * shared object of its own, loaded by bench.c, which finds `bench_lwip_host` in it.
 */
#ifndef BENCH_LWIP_HOST_H
#define BENCH_LWIP_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum role {
    ROLE_SINK,      /* takes text and counts its octets */
    ROLE_ANSWERS,   /* answers each octet with one, closes when the peer has */
    ROLE_ASKS_ONCE, /* sends an octet, closes after the answer, and counts that */
    ROLE_ASKS,      /* counts answers */
};

struct frame {
    uint8_t *data;
    size_t len;
};

struct lwip_host {
    void (*init)(uint8_t last_octet, enum role role, bool copies);
    void (*listen)(uint16_t port);
    /* A connection to 10.0.0.`last_octet`; NULL: it could not be had. */
    void *(*connect)(uint8_t last_octet, uint16_t port);
    /* Queues what fits of `len` octets; how much that was. */
    size_t (*send)(void *conn, const void *data, size_t len);
    /* Frames that wait to be sent, at most `n`; theirs until the next call of output(). */
    size_t (*output)(struct frame *frames, size_t n);
    void (*input)(const struct frame *frames, size_t n);
    /* Virtual time, milliseconds. */
    void (*now)(uint32_t ms);
    uint64_t (*counted)(void);     /* octets or answers, by role */
    uint64_t (*established)(void); /* connections that have been */
};

#endif
