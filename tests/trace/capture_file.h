/* SPDX-License-Identifier: MIT */
/* A capture file in the making, in either byte order, for tests that read it again. */
#ifndef TESTS_TRACE_CAPTURE_FILE_H
#define TESTS_TRACE_CAPTURE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file {
    uint8_t octets[4096];
    size_t len, at, step; /* step: at most so many octets a call */
    bool big;
};

static inline void
put(struct file *f, uint64_t v, unsigned octets)
{
    for (unsigned i = 0; i < octets; i++)
        f->octets[f->len++] = (uint8_t)(v >> 8 * (f->big ? octets - 1 - i : i));
}

/* The head of the older format. */
static inline void
pcap_head(struct file *f, uint32_t magic, uint32_t link)
{
    put(f, magic, 4);
    put(f, 2, 2);
    put(f, 4, 2);
    put(f, 0, 8);
    put(f, 65535, 4);
    put(f, link, 4);
}

#endif
