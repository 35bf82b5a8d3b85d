/* SPDX-License-Identifier: MIT */
/*
 * DHCPv4 messages (RFC 2131 §2, options of RFC 2132, 3396, 3442): octets <-> struct. Pure. A
 * message with an option that is cut off or has a wrong length is refused as a whole. Used by
 * host/dhcp.c.
 */
#ifndef WIRE_DHCP_H
#define WIRE_DHCP_H

#include "estab/dhcp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DHCP_FIXED = 240, /* up to the options, with the magic cookie */
    DHCP_OPTIONS_AT = 240,
    DHCP_LEAST = 300,  /* RFC 951 §3: shorter ones some relays throw away */
    DHCP_TAKES = 1472, /* octets of the longest message we say to take */
};

enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER = 2,
    DHCP_REQUEST = 3,
    DHCP_DECLINE = 4,
    DHCP_ACK = 5,
    DHCP_NAK = 6,
    DHCP_RELEASE = 7,
};

struct dhcp_message {
    uint8_t op, hardware_type, hardware_len; /* op 1: request, 2: reply */
    uint8_t type;                            /* enum dhcp_type */
    bool broadcast;
    uint16_t secs;
    uint32_t xid;
    struct estab_addr client, your; /* ciaddr, yiaddr; family 0 when all zero */
    uint8_t hardware[16];
    struct estab_addr server, requested; /* options 54, 50; family 0: not there */
    bool has_lease, has_t1, has_t2, has_mask;
    uint32_t lease, t1, t2; /* seconds */
    uint8_t mask[4];
    uint16_t mtu; /* 0: not told, or less than 576 */
    uint8_t n_dns, n_routes;
    struct estab_addr dns[ESTAB_DHCP_DNS];
    struct estab_dhcp_route routes[ESTAB_DHCP_ROUTES]; /* option 121, else option 3 */
    char name[ESTAB_DHCP_TEXT];                        /* reply: option 15; request: option 12 */
};

/* DROP_SHORT, DROP_OPTIONS; ESTAB_DHCP_VERDICT_COUNT: good. */
unsigned estab_dhcp_parse(struct dhcp_message *m, const uint8_t *data, size_t len);

/* Writes a request (op 1) and returns its length, at most ESTAB_DHCP_MESSAGE. */
uint16_t estab_dhcp_write(uint8_t out[ESTAB_DHCP_MESSAGE], const struct dhcp_message *m);

#endif
