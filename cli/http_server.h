/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server: any number of connections of one listener, each a small record. A request is
 * parsed where it lies in the receive ring and a file goes straight into the send ring, so a
 * connection at rest holds nothing but its record.
 */
#ifndef ESTAB_CLI_HTTP_SERVER_H
#define ESTAB_CLI_HTTP_SERVER_H

#include "cli/http_request.h"
#include "drivers/loop.h"
#include "estab/tcp.h"

/* What a connection waits for; each has its patience. */
enum http_wait {
    HTTP_WAIT_HEAD, /* the rest of a request that has begun, or the first one: 10 s */
    HTTP_WAIT_IDLE, /* the next request: 60 s */
    HTTP_WAIT_SEND, /* the client to take more of the answer: 60 s */
    HTTP_WAIT_END,  /* the client's FIN after ours: 2 s */
    HTTP_WAITS,
};

struct http_conn;

/* Connections that wait for the same, the longest-waiting first. */
struct http_queue {
    struct http_conn *first, *last;
};

struct http_server {
    struct estab_stack *stack;
    struct loop *loop;
    int root; /* the directory served */
    bool quiet;
    bool stopping; /* answer what is asked, accept and keep nothing */
    estab_conn listener;
    unsigned connections;
    uint64_t requests;
    struct http_queue waiting[HTTP_WAITS];
    struct http_conn *dead; /* freed at the end of the turn */
    struct loop_alarm alarm, retry;
};

void estab_http_server_event(struct http_server *server, const struct estab_event *event,
                             estab_time now);
/* Frees what ended during the turn; to be called at the end of each. */
void estab_http_server_turn(struct http_server *server);
/* No new connections; those at rest are closed, the others when they have their answer. */
void estab_http_server_stop(struct http_server *server, estab_time now);
/* Frees every record; the stack resets the connections. */
void estab_http_server_free(struct http_server *server);

#endif
