/* SPDX-License-Identifier: MIT */
/*
 * What the demo shows: ladder and narrator on standard output while it happens, a capture in a
 * file, and a few counts for the summary at the end.
 */
#ifndef ESTAB_CLI_DEMO_SHOW_H
#define ESTAB_CLI_DEMO_SHOW_H

#include "cli/new_file.h"
#include "drivers/failure.h"
#include "estab/stack.h"

#include <stdbool.h>

struct demo_show_options {
    bool colour, ascii, both;
    unsigned width;      /* 0: the terminal's */
    const char *pcap;    /* NULL: none */
    bool pcap_is_wanted; /* by the user: that it cannot be made is a failure */
    estab_time msl, now;
};

/* What went over the wire, each segment counted once. */
struct demo_counts {
    unsigned long long packets, octets[2]; /* octets: of text, sent by us and received by us */
    unsigned opening, closing;             /* segments of the handshake and of the close */
    unsigned repeats;
    estab_time time_wait_from, time_wait; /* how long it lasted; 0: there was none */
    bool established, fin_seen, time_wait_begun;
};

struct demo_show;

int estab_demo_show_open(struct demo_show **show, const struct demo_show_options *options,
                         struct failure *why);
/* The estab_trace_fn; `ctx` is a struct demo_show. */
void estab_demo_show_trace(void *ctx, const struct estab_trace *record);
/* At the end of every turn: brings the terminal up to date. -1 and why: it cannot be written. */
int estab_demo_show_turn(struct demo_show *show, estab_time now, struct failure *why);
__attribute__((format(printf, 2, 3))) void estab_demo_show_line(struct demo_show *show,
                                                                const char *format, ...);
/* Finishes the ladder with what the hosts hold; keeps the capture. */
int estab_demo_show_finish(struct demo_show *show, const struct estab_stack_status *const status[2],
                           struct failure *why);
const struct demo_counts *estab_demo_show_counts(const struct demo_show *show);
/* The name of the capture, or NULL if there is none. */
const char *estab_demo_show_capture(const struct demo_show *show);
/* Writes out what is left; a capture that was not finished vanishes. NULL is allowed. */
void estab_demo_show_close(struct demo_show *show);

#endif
