/* SPDX-License-Identifier: MIT */
/* UDP headers (RFC 768): octets <-> struct. Pure. */
#ifndef WIRE_UDP_H
#define WIRE_UDP_H

#include "estab/trace.h"
#include "wire/ip_header.h"

#include <stdbool.h>
#include <stdint.h>

#define UDP_HEADER 8u

struct udp_header {
    uint16_t src_port, dst_port;
    const uint8_t *data;
    uint32_t data_len;
    bool no_checksum; /* the field was 0 */
};

/* Checks the length. ESTAB_SEG_NONE, DROP_UDP_HEADER, DROP_PORT_ZERO or DROP_UDP_NO_CHECKSUM. */
enum estab_verdict estab_udp_parse(struct udp_header *u, const struct ip_header *ip);
/* Is the checksum right, or absent where it may be? */
bool estab_udp_checksum_is_right(const struct udp_header *u, const struct ip_header *ip);
/* Writes the header of a datagram with its checksum, which is never 0. */
void estab_udp_write(uint8_t out[UDP_HEADER], uint16_t src_port, uint16_t dst_port,
                     const uint8_t *src, const uint8_t *dst, unsigned addr_len, const void *data,
                     uint32_t len);

#endif
