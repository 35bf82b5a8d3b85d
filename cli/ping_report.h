/* SPDX-License-Identifier: MIT */
/*
 * What estab ping says: lines as ping(8) and traceroute(8) write them, or one JSON object a line; and
 * the figures of the summary. Asks nothing and sends nothing.
 */
#ifndef ESTAB_CLI_PING_REPORT_H
#define ESTAB_CLI_PING_REPORT_H

#include "estab/echo.h"

#include <stdio.h>

enum { PING_HOP_ANSWERS = 8 };

struct ping_report {
    FILE *to;
    const char *name; /* of the host, as given */
    struct estab_addr address;
    uint32_t size; /* octets of data */
    bool quiet, json, trace;
    estab_time started_at;
    uint64_t sent, received, duplicates, errors;
    estab_time least, most; /* of the round trips, in nanoseconds */
    double sum, sum_of_squares;
    /* the hop that is asked */
    unsigned hop, answers;
    struct estab_echo_message answer[PING_HOP_ANSWERS];
};

void estab_ping_begin(struct ping_report *r, estab_time now);
/* A reply or an error; `n` is the number of its request. */
void estab_ping_answer(struct ping_report *r, const struct estab_echo_message *m, uint64_t n);
/* The request could not be sent; `mtu`: what the way carries, 0: that was not the reason. */
void estab_ping_refused(struct ping_report *r, uint64_t n, int error);
void estab_ping_end(struct ping_report *r, estab_time now);

/* --trace: the answers of one hop are gathered, and written as one line. */
void estab_ping_hop(struct ping_report *r, unsigned hop);
void estab_ping_hop_answer(struct ping_report *r, const struct estab_echo_message *m);
void estab_ping_hop_end(struct ping_report *r, unsigned probes);

/* Is it a router's word that the TTL was used up? Everything else ends a trace. */
bool estab_ping_is_on_the_way(const struct estab_echo_message *m);

enum { PING_TEXT = 96 };
/* An ICMP error in the words of ping(8). */
const char *estab_ping_error_text(const struct estab_echo_message *m, char buf[PING_TEXT]);
/* Milliseconds with as many digits as ping(8) shows: "0.045", "1.23", "12.3", "123". */
const char *estab_ping_time(estab_time rtt, char buf[PING_TEXT]);

#endif
