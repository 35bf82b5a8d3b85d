/* SPDX-License-Identifier: MIT */
/*
 * Connects a host to a name: the resolver's datagrams and streams over UDP and TCP of the host
 * itself, and then the addresses in turn, until one answers (RFC 8305).
 */
#ifndef ESTAB_CLI_DIAL_H
#define ESTAB_CLI_DIAL_H

#include "cli/host.h"
#include "estab/estab.h"

enum { DIAL_STREAM_MAX = 2 + 65535 };

/* One query's way to a server: a port of UDP, or a connection. */
struct dial_socket {
    uint32_t query;
    estab_conn handle; /* of either; 0: none */
    uint16_t port;     /* 0: a connection */
    struct estab_resolver_message message;
    size_t sent, filled;
    uint8_t *text; /* DIAL_STREAM_MAX octets, of a connection */
};

struct dial {
    struct host *host;
    struct estab_resolver resolver;
    struct estab_eyeballs eyeballs;
    struct estab_host_entry *hosts;
    uint16_t port, local_port;
    uint8_t worst; /* enum estab_answer_kind of the answers without address */
    int error;     /* of the last attempt, 0: there was none */
    bool asked, over;
    struct dial_socket sockets[2 * ESTAB_RESOLVER_QUERIES];
    estab_conn attempts[ESTAB_EYEBALLS_ADDRS];
    struct loop_alarm alarm;
    /* Exactly one of the two is called, not before estab_dial_start() has returned. */
    void (*connected)(void *ctx, estab_conn conn, const struct estab_endpoint *remote,
                      estab_time now);
    void (*failed)(void *ctx, const char *why, estab_time now);
    /* Instead of `connected`: only the address is wanted, the best that there is. */
    void (*resolved)(void *ctx, const struct estab_addr *addr, estab_time now);
    void *ctx;
};

/* Begins; `dial` is zeroed but for the two calls and `ctx`. `local_port` 0: any. -1 and why. */
int estab_dial_start(struct dial *dial, struct host *host, const struct options *options,
                     const char *name, uint16_t port, uint16_t local_port, struct failure *why);
/* Gets every event of the stack first. True: it was about a query or an attempt that is over; the
 * event that connects is to be looked at by the caller too, after `connected` was called. */
bool estab_dial_event(struct dial *dial, const struct estab_event *event, estab_time now);
/* Frees what it holds; the host's connections end with the host. */
void estab_dial_close(struct dial *dial);

#endif
