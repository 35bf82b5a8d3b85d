/* SPDX-License-Identifier: MIT */
/*
 * An IPv4 address by DHCP (--addr auto): the client of estab/dhcp.h beside the stack, on the same
 * link. It takes what comes to UDP port 68 out of the packets on their way to the stack, so that it
 * works before there is an address, and renews the lease while the loop runs. On Ethernet its
 * hardware address is the host's.
 */
#ifndef ESTAB_CLI_LEASE_H
#define ESTAB_CLI_LEASE_H

#include "drivers/loop.h"
#include "estab/dhcp.h"

struct lease_config {
    struct loop *loop;
    const char *device; /* makes the client's identity where there is no hardware address */
    const uint8_t *mac; /* ours on Ethernet, or NULL: IP packets */
    uint16_t vlan;      /* with it: of the frames; 0: none */
    bool probe;         /* the news ESTAB_DHCP_PROBE is answered with estab_lease_probed() */
    void (*news)(void *ctx, unsigned events, estab_time now); /* enum estab_dhcp_events */
    void *ctx;
};

struct lease {
    struct lease_config cfg; /* loop NULL: not begun */
    struct estab_dhcp client;
    struct packet_link inner;
    struct loop_alarm alarm;
    uint8_t mac[6], server[6]; /* the server's, or the router's on the way to it */
    bool has_server;
};

/* Begins, and puts itself between the link and the loop. */
int estab_lease_begin(struct lease *lease, const struct lease_config *cfg, struct packet_link *link,
                      struct failure *why);
/* Whether somebody else uses the address. */
void estab_lease_probed(struct lease *lease, bool in_use, estab_time now);
/* Gives it back to the server. */
void estab_lease_end(struct lease *lease);

#endif
