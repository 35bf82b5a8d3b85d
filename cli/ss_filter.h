/* SPDX-License-Identifier: MIT */
/*
 * Which sockets `estab ss` shows: states and ends in the words of ss(8). Pure.
 *
 *   state NAME, exclude NAME    a state, or all, connected, synchronized, bucket, big; repeated
 *   sport = :N, dport != :N     ports
 *   src ADDR[/LEN], dst ADDR[/LEN]
 *
 * All of them must hold; `and` may stand between them.
 */
#ifndef ESTAB_CLI_SS_FILTER_H
#define ESTAB_CLI_SS_FILTER_H

#include "cli/options.h"

struct ss_filter {
    uint32_t states; /* a bit each; see ss_filter.c */
    struct {
        bool given, other; /* than this one */
        uint16_t port;
    } port[2]; /* ours, theirs */
    struct {
        bool given;
        struct prefix prefix;
    } net[2];
};

/* What ss shows when nobody says otherwise: neither who waits for somebody nor what is only half a
 * connection (SYN-RECEIVED, TIME-WAIT); with -l the former alone, with -a everything. */
void estab_ss_filter_init(struct ss_filter *filter, bool listening, bool all);
/* Takes words; a state named replaces what was there. -1 and why. */
int estab_ss_filter_parse(struct ss_filter *filter, int n, char *const words[],
                          struct failure *why);

/* State and ends as they come from the control socket. */
bool estab_ss_filter_takes(const struct ss_filter *filter, const char *state, const char *local,
                           const char *local_port, const char *remote, const char *remote_port);

/* "ESTABLISHED" as ss writes it, "ESTAB". */
const char *estab_ss_state(const char *state);

#endif
