/* SPDX-License-Identifier: MIT */
/*
 * estab nc -u: each piece of standard input as a datagram, and what each datagram brings to standard
 * output.
 */
#ifndef ESTAB_CLI_NC_UDP_H
#define ESTAB_CLI_NC_UDP_H

#include "cli/options.h"

enum {
    NC_UDP_PIECE = 16384, /* as nc(1) reads it */
    NC_UDP_LARGEST = 65507,
};

struct nc_udp {
    const struct command *command;
    bool listen;
    bool keep_listening; /* takes from anybody; the last who spoke is sent to */
    uint32_t size;       /* octets of input in one datagram at most */
    estab_time patience; /* ends when so long nothing came and nothing went; 0: never */
    struct estab_endpoint local, remote;
    const char *remote_name; /* to be resolved, or NULL */
};

/* Runs until an error, a signal or the end of patience: the exit status. */
int estab_nc_udp(const struct nc_udp *what, const struct options *options);

#endif
