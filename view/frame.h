/* SPDX-License-Identifier: MIT */
/* What the sinks tell of an Ethernet frame (IEEE 802.3, 802.1Q) and of ARP in it (RFC 826). */
#ifndef ESTAB_VIEW_FRAME_H
#define ESTAB_VIEW_FRAME_H

#include "view/row.h"

struct view_frame {
    const uint8_t *dst, *src;
    uint16_t type; /* after the tag */
    uint16_t vlan; /* 0: none */
    const uint8_t *payload;
    uint32_t len; /* of the payload, with padding */
};

struct view_arp {
    uint16_t op; /* 1: request, 2: reply */
    const uint8_t *sha, *spa, *tha, *tpa;
};

enum {
    VIEW_ETHER_ARP = 0x0806,
    VIEW_FRAME_HEAD = 96 /* octets that hold what is told of a frame */
};

/* False: the record has no frame, or one too short for its header. */
bool estab_view_frame(const struct estab_trace *r, struct view_frame *f);
/* False: no ARP for IPv4 over Ethernet. */
bool estab_view_arp(const struct view_frame *f, struct view_arp *a);

void estab_phrase_mac(struct phrase *p, const uint8_t mac[6]); /* 02:00:00:00:00:10 */
void estab_phrase_addr(struct phrase *p, enum estab_family family, const uint8_t *octets);

#endif
