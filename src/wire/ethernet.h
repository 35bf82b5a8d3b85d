/* SPDX-License-Identifier: MIT */
/* Ethernet II frames (RFC 894, RFC 2464) with at most one VLAN tag (IEEE 802.1Q): octets <-> struct. Pure. */
#ifndef WIRE_ETHERNET_H
#define WIRE_ETHERNET_H

#include <stdbool.h>
#include <stdint.h>

enum { ETHER_IPV4 = 0x0800, ETHER_ARP = 0x0806, ETHER_VLAN = 0x8100, ETHER_IPV6 = 0x86dd };
enum { ETHER_HEADER = 14, ETHER_HEADER_VLAN = 18, ETHER_MIN = 60 }; /* without the check sequence */

struct ether_frame {
    const uint8_t *dst, *src; /* in the frame */
    uint16_t type;            /* of the payload, after the tag */
    uint16_t vlan;            /* 0: no tag, or a tag that only gives a priority */
    const uint8_t *payload;
    uint32_t payload_len; /* with the padding */
};

/* False: too short for its headers, or the type field is a length (IEEE 802.3). */
bool estab_ether_parse(struct ether_frame *f, const uint8_t *data, uint32_t len);

/* Writes the header in front of a payload and returns its length: 14, or 18 with a VLAN. */
uint32_t estab_ether_write(uint8_t *out, const uint8_t dst[6], const uint8_t src[6], uint16_t vlan,
                           uint16_t type);

/* Fills a frame of `len` octets with zeros up to the least length, as far as `cap` goes, so that no
 * octet of an older frame goes out with it; the new length. */
uint32_t estab_ether_pad(uint8_t *frame, uint32_t len, uint32_t cap);

/* A group address: multicast or broadcast. */
static inline bool
mac_is_group(const uint8_t mac[6])
{
    return (mac[0] & 1) != 0;
}
static inline bool
mac_is_zero(const uint8_t mac[6])
{
    return (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]) == 0;
}

/* The group address that carries an IP multicast address, or broadcast for IPv4's broadcast
 * (RFC 1112 §6.4, RFC 2464 §7). */
void estab_ether_group(uint8_t mac[6], const uint8_t *addr, unsigned addr_len);

#endif
