/* SPDX-License-Identifier: MIT */
/*
 * A host for a command: stack, TUN device, addresses, routes, trace and signals, made from the
 * options. The commands only open connections on it and watch their own descriptors.
 */
#ifndef ESTAB_CLI_HOST_H
#define ESTAB_CLI_HOST_H

#include "cli/addressing.h"
#include "cli/control.h"
#include "cli/join.h"
#include "cli/lease.h"
#include "cli/options.h"
#include "cli/sinks.h"
#include "drivers/loop.h"
#include "drivers/packet.h"
#include "drivers/tun.h"

struct host {
    struct loop *loop;
    struct estab_stack *stack;
    struct estab_config config; /* as the stack was made */
    struct tun tun;             /* with --packet only its name */
    struct packet_device *packet;
    struct addressing addressing;
    uint8_t mac[6]; /* ours, with --tap and --packet */
    unsigned ifindex;
    uint32_t mtu, link_mtu; /* as it is now; what the link takes */
    struct join join;
    struct control control;
    bool leased; /* the address is of `lease` */
    struct lease lease;
    /* Set by the command before estab_host_run(), if it has more to do on a signal than to end:
     * SIGINT and SIGTERM call it; NULL: everything is reset and the loop stops. */
    void (*on_signal)(void *ctx, estab_time now);
    void (*on_turn)(void *ctx, estab_time now); /* the end of every turn of the loop, or NULL */
    void *ctx;
    int signalled; /* the last signal, 0: none */

    struct sinks *sinks;
    struct loop_alarm flush;
    bool has_failed; /* in `failure` */
    struct failure failure;
    int signal_fd;
    struct loop_watch signals;
};

/* Makes the host. `keepalive`: whether its connections probe silent peers when no option says
 * otherwise. `events` gets the stack's events with `ctx`. SIGPIPE is ignored from here on; SIGINT,
 * SIGTERM and SIGHUP arrive in the loop. On -1 nothing is left behind. */
int estab_host_open(struct host *host, const struct options *options, bool keepalive,
                    loop_events_fn *events, void *ctx, struct failure *why);

/* Runs the loop until estab_loop_stop(). -1 and why: device or capture failed. */
int estab_host_run(struct host *host, struct failure *why);

/* Resets what is still open, sends that, closes everything. -1 and why: the capture is not whole. */
int estab_host_close(struct host *host, struct failure *why);

/* Our first address of a family, or NULL. */
const struct estab_addr *estab_host_address(const struct host *host, unsigned family);

#endif
