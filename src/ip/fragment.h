/* SPDX-License-Identifier: MIT */
/*
 * Sending in fragments (RFC 791 §3.2, RFC 8200 §4.5) and the identifications of what may be in
 * fragments: they do not repeat soon towards one host, and nobody else can foresee them (RFC 6864
 * §5.2, RFC 7739).
 */
#ifndef IP_FRAGMENT_H
#define IP_FRAGMENT_H

#include "base/siphash.h"

#include <stdbool.h>
#include <stdint.h>

#define IP_ID_COUNTERS 64

struct ip_ids {
    struct siphash_key key;
    uint32_t next[IP_ID_COUNTERS];
};

void estab_ip_ids_init(struct ip_ids *t, struct siphash_key key);
/* The next identification for these ends: 16 bits for IPv4, 32 for IPv6. */
uint32_t estab_ip_id(struct ip_ids *t, const uint8_t *src, const uint8_t *dst, unsigned addr_len,
                     uint8_t proto);

/* An IPv4 header with DF becomes one that routers may fragment. */
void estab_ip_allow_fragments(uint8_t *header, uint16_t id);

#define FRAGMENT_HEADER_MAX 68u /* 60 of IPv4, or 40 and 8 of IPv6 */

struct fragment {
    uint32_t header_len; /* written to `out` */
    uint32_t len;        /* octets of the payload, from `at` on, that follow */
};

/* Writes the header of the fragment of `packet_header` (a whole IPv4 header, or 40 octets of IPv6)
 * that begins at octet `at` (a multiple of 8) of a payload of `payload_len`, so that it fills at
 * most `mtu`, at least 68. */
struct fragment estab_ip_fragment(uint8_t *out, const uint8_t *packet_header, uint32_t payload_len,
                                  uint32_t at, uint32_t mtu, uint32_t id);

#endif
