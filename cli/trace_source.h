/* SPDX-License-Identifier: MIT */
/*
 * Where the packets of `estab trace` come from: a file, standard input, or with libpcap a device;
 * and with libpcap the filters of tcpdump. Without libpcap the last two are refused in one line.
 */
#ifndef ESTAB_CLI_TRACE_SOURCE_H
#define ESTAB_CLI_TRACE_SOURCE_H

#include "drivers/failure.h"
#include "trace/capture.h"

struct trace_source;

struct trace_source_options {
    const char *file;   /* "-": standard input; NULL: `device` */
    const char *device; /* live */
    const char *filter; /* of tcpdump, or NULL */
};

/* NULL, and why. */
struct trace_source *estab_trace_source_open(const struct trace_source_options *o,
                                             struct failure *why);
/* 1 and a packet; 0: the end, or for a device nothing for now; -1 and why. */
int estab_trace_source_next(struct trace_source *s, struct capture_packet *packet,
                            struct failure *why);
/* Octets read so far of how many; false: not known. */
bool estab_trace_source_progress(const struct trace_source *s, uint64_t *done, uint64_t *of);
void estab_trace_source_close(struct trace_source *s);

#endif
