/* SPDX-License-Identifier: MIT */
/*
 * DHCP messages as IP packets: a client has to send from 0.0.0.0, and to take what comes, before its
 * host has an address (RFC 2131 §4.1).
 */
#include "estab/dhcp.h"

#include "wire/udp.h"

#include <string.h>

enum { CLIENT_PORT = 68, SERVER_PORT = 67 };

size_t
estab_dhcp_write_ip(const struct estab_dhcp_packet *p, uint8_t out[ESTAB_DHCP_IP_PACKET])
{
    const uint8_t *src = p->src.bytes, *dst = p->dst.bytes;
    uint32_t at = estab_ip_write(out, 4, IP_PROTO_UDP, 64, 0, src, dst, 0, UDP_HEADER + p->len);

    estab_udp_write(out + at, CLIENT_PORT, SERVER_PORT, src, dst, 4, p->octets, p->len);
    memcpy(out + at + UDP_HEADER, p->octets, p->len);
    return at + UDP_HEADER + p->len;
}

const uint8_t *
estab_dhcp_read_ip(const uint8_t *packet, size_t packet_len, size_t *len)
{
    struct ip_header ip;
    struct udp_header u;

    if (packet_len < 28 || packet_len > 65535 || packet[0] >> 4 != 4 || packet[9] != IP_PROTO_UDP ||
        estab_ip_parse(&ip, packet, (uint32_t)packet_len, false) != ESTAB_SEG_NONE ||
        estab_udp_parse(&u, &ip) != ESTAB_SEG_NONE || u.src_port != SERVER_PORT ||
        u.dst_port != CLIENT_PORT || !estab_udp_checksum_is_right(&u, &ip))
        return NULL;
    *len = u.data_len;
    return u.data;
}
