/* SPDX-License-Identifier: MIT */
/*
 * Which hosts are running: each leaves its control socket (control.h), or a link to it, in the
 * directory `estab` of XDG_RUNTIME_DIR, under the number of its process. The directory is ours
 * alone (0700), the sockets too (0600).
 */
#ifndef ESTAB_CLI_RUNNING_H
#define ESTAB_CLI_RUNNING_H

#include "drivers/failure.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    RUNNING_MAX = 256,   /* hosts that are shown together */
    RUNNING_PATH = 108,  /* of a unix socket */
    RUNNING_COMMAND = 64 /* "estab nc" */
};

struct running_host {
    char path[RUNNING_PATH];
    char command[RUNNING_COMMAND];
    long pid; /* 0: not known */
};

/* Where the socket of this process belongs; the directory is made. False: there is no
 * XDG_RUNTIME_DIR, or what stands there is not ours alone. */
bool estab_running_path(char path[RUNNING_PATH]);

/* Those that answer, in the order of their numbers; what dead ones have left is removed. -1: there
 * is no XDG_RUNTIME_DIR to look in, else how many (at most RUNNING_MAX). */
int estab_running_list(struct running_host *hosts, struct failure *why);

/* The host behind one socket: who listens there. */
void estab_running_at(struct running_host *host, const char *path);

#endif
