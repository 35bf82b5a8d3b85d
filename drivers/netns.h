/* SPDX-License-Identifier: MIT */
/*
 * A network namespace of one's own: a place to try things where nothing of the host's network can
 * be seen or hurt. It has no name and lives as long as its processes, so there is nothing to clean
 * up, however they end.
 */
#ifndef ESTAB_DRIVERS_NETNS_H
#define ESTAB_DRIVERS_NETNS_H

#include "drivers/failure.h"

#include <sys/types.h>

/* Moves this process, which must have one thread, into a fresh namespace with `lo` up: as root, or
 * as any user where the kernel allows user namespaces (the process then is root in there only). */
int estab_netns_enter(struct failure *why);

/* An open namespace: "" this process's, "1234" that of a process, "name" as ip-netns(8) has it, or
 * the path of one. A file descriptor to close, or -1 and why. */
int estab_netns_open(const char *name, struct failure *why);

/* Moves this process, which must have one thread, into an open one. */
int estab_netns_switch(int fd, struct failure *why);

/* What a child starts with; -1 leaves that stream as it is here. */
struct child_streams {
    int in, out, err;
};

/* Starts a program (searched in PATH) in the same namespaces, with default signal handling; it is
 * killed when this process ends. Returns its pid, or -1 and why, also when it cannot be executed. */
pid_t estab_netns_spawn(const char *const argv[], const struct child_streams *streams,
                        struct failure *why);

/* Ends a child of estab_netns_spawn(): SIGTERM, after `grace_ms` SIGKILL. Returns its wait status. */
int estab_netns_end(pid_t child, unsigned grace_ms);

#endif
