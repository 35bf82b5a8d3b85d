/* SPDX-License-Identifier: MIT */
/* ARP for IPv4 over Ethernet (RFC 826, RFC 5227): octets <-> struct. Pure. */
#ifndef WIRE_ARP_H
#define WIRE_ARP_H

#include <stdbool.h>
#include <stdint.h>

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };
enum { ARP_LEN = 28 };

struct arp_packet {
    uint16_t op;
    uint8_t sha[6], spa[4]; /* sender: hardware and protocol address */
    uint8_t tha[6], tpa[4]; /* target */
};

/* False: shorter than 28 octets, or anything but a request or reply for IPv4 over Ethernet. */
bool estab_arp_parse(struct arp_packet *a, const uint8_t *data, uint32_t len);
/* Writes ARP_LEN octets. */
void estab_arp_write(uint8_t *out, const struct arp_packet *a);

#endif
