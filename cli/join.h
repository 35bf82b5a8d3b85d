/* SPDX-License-Identifier: MIT */
/*
 * How a host comes by its addresses on the link that it was put on. Those given are asked for there
 * first, where others could have them (RFC 5227, RFC 4862 §5.4); with --addr auto a DHCP server is
 * asked and, on Ethernet, routers are listened to. Both go on while the host runs; a command
 * begins when there is an address, or is told in one line what there was not.
 */
#ifndef ESTAB_CLI_JOIN_H
#define ESTAB_CLI_JOIN_H

#include "cli/options.h"
#include "drivers/loop.h"
#include "estab/dhcp.h"

struct host;

enum {
    JOIN_PATIENCE_S = 10, /* when nobody has answered */
    JOIN_PATIENCE_HEARD_S = 30,
    JOIN_OTHER_FAMILY_S = 6, /* with an address of one family, when nobody offers the other: a
                                DISCOVER that was lost is repeated after 5 s at the latest */
};

struct join {
    struct host *host;
    const struct options *options; /* lives as long as estab_host_open() */
    bool waiting;
    bool probing;               /* the address of the lease */
    struct estab_addr conflict; /* offered, and used by another host; family 0: none */
    bool hopeless;              /* offered once more */
    estab_time begun_at;
    struct loop_alarm alarm;
    struct estab_addr gateway4; /* --gateway */
    struct estab_addr addr;     /* of the lease, as the interface has it; family 0: none */
    unsigned n_routes;          /* of the lease */
    struct estab_dhcp_route routes[ESTAB_DHCP_ROUTES];
};

/* The way to everywhere, by a gateway that may lie outside of the prefix. */
int estab_join_gateway(struct host *host, const struct prefix *own,
                       const struct estab_addr *gateway);
/* Before the link is driven: the given addresses onto the interface, and a DHCP client between the
 * link and the loop. */
int estab_join_begin(struct join *join, struct host *host, const struct options *options,
                     struct packet_link *link, struct failure *why);
/* Turns the loop until there are addresses. -1 and why. */
int estab_join_wait(struct join *join, struct failure *why);
/* At the end of each turn. */
void estab_join_turn(struct join *join, estab_time now);

#endif
