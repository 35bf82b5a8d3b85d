/* SPDX-License-Identifier: MIT */
/*
 * An address by DHCP (--addr auto): the client of estab/dhcp.h beside the stack, on the same link. It
 * takes what comes to UDP port 68 out of the packets on their way to the stack, so that it works
 * before there is an address, and renews the lease while the host runs.
 */
#ifndef ESTAB_CLI_LEASE_H
#define ESTAB_CLI_LEASE_H

#include "drivers/loop.h"
#include "estab/dhcp.h"

struct lease {
    struct estab_dhcp client;
    struct packet_link inner;
    struct loop *loop; /* NULL: the lease is still being waited for */
    struct loop_alarm alarm;
    /* The lease was lost while the host ran. */
    void (*lost)(void *ctx, estab_time now);
    void *ctx;
};

/* Waits for a lease on the link, at most `patience`. `device` makes the client's identity. */
int estab_lease_acquire(struct lease *lease, const struct packet_link *link, const char *device,
                        estab_time patience, struct failure *why);
/* The link as the loop is to drive it; renews from now on. */
struct packet_link estab_lease_link(struct lease *lease, struct loop *loop);
/* Gives it back to the server. */
void estab_lease_end(struct lease *lease);

#endif
