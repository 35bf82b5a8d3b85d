/* SPDX-License-Identifier: MIT */
/*
 * The control socket of a running host: a unix socket that only its owner can open (0600, and the
 * peer's user is looked at), on which `estab ss` and `estab set` ask. A request is one line, an
 * answer lines of TAB-separated NAME=VALUE, and then "." or "!" and what was wrong.
 *
 *   sockets        every connection, half-open and TIME-WAIT record, listener and UDP endpoint
 *   links          every interface, with what went over it, and every address
 *   routes         every route, those that routers have advertised too
 *   neighbours     who was found on the links
 *   counters       what became of packets, why others were sent, and limits that were met
 *   knobs          the settings
 *   set NAME VALUE
 *
 * At most CONTROL_CLIENTS at a time, CONTROL_REQUEST octets a request, CONTROL_ANSWER octets an
 * answer, CONTROL_PATIENCE for all of it: whoever asks otherwise is hung up on.
 */
#ifndef ESTAB_CLI_CONTROL_H
#define ESTAB_CLI_CONTROL_H

#include "drivers/loop.h"
#include "estab/estab.h"

struct host;

enum {
    CONTROL_CLIENTS = 8,
    CONTROL_REQUEST = 256,
    CONTROL_ANSWER = 4 << 20,
    CONTROL_PATIENCE_S = 5,
};

struct control_client {
    struct control *control;
    int fd; /* -1: free */
    struct loop_watch watch;
    struct loop_alarm patience;
    size_t asked; /* octets of the request */
    char request[CONTROL_REQUEST];
    char *answer;
    size_t len, cap, sent;
    bool cut;
};

struct control {
    struct host *host; /* NULL: not open */
    int fd;
    char path[108];
    char link[108]; /* to it, where `estab ss` looks (running.h); "" */
    struct loop_watch watch;
    struct control_client clients[CONTROL_CLIENTS];
};

/* Opens the socket; one that a process left behind is replaced, one that answers is not. `path`
 * NULL: where `estab ss` looks, and when there is no such place there is no socket. */
int estab_control_open(struct control *control, struct host *host, const char *path,
                       struct failure *why);
void estab_control_close(struct control *control);

/* Adds to the answer; beyond its limit nothing more, and it says so at its end. */
__attribute__((format(printf, 2, 3))) void estab_control_say(struct control_client *c,
                                                             const char *format, ...);

/* control_views.c: the answers about the network around the host, and what was counted */
void estab_control_say_links(struct control_client *c, estab_time now);
void estab_control_say_routes(struct control_client *c, estab_time now);
void estab_control_say_neighbours(struct control_client *c, estab_time now);
void estab_control_say_counters(struct control_client *c);

#endif
