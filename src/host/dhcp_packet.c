/* SPDX-License-Identifier: MIT */
/*
 * DHCP messages as IP packets, and as Ethernet frames: a client has to send from 0.0.0.0, and to take
 * what comes, before its host has an address (RFC 2131 §4.1).
 */
#include "estab/dhcp.h"

#include "wire/ethernet.h"
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

static const uint8_t *
find(const uint8_t *packet, size_t packet_len, bool csum_verified, size_t *len)
{
    struct ip_header ip;
    struct udp_header u;

    if (packet_len < 28 || packet_len > 65535 || packet[0] >> 4 != 4 || packet[9] != IP_PROTO_UDP ||
        estab_ip_parse(&ip, packet, (uint32_t)packet_len, false) != ESTAB_SEG_NONE ||
        estab_udp_parse(&u, &ip) != ESTAB_SEG_NONE || u.src_port != SERVER_PORT ||
        u.dst_port != CLIENT_PORT || (!csum_verified && !estab_udp_checksum_is_right(&u, &ip)))
        return NULL;
    *len = u.data_len;
    return u.data;
}

const uint8_t *
estab_dhcp_read_ip(const uint8_t *packet, size_t packet_len, size_t *len)
{
    return find(packet, packet_len, false, len);
}

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

size_t
estab_dhcp_write_frame(const struct estab_dhcp_packet *p, const uint8_t own[6], const uint8_t *to,
                       uint16_t vlan, uint8_t out[ESTAB_DHCP_FRAME])
{
    bool to_all = to == NULL || memcmp(p->dst.bytes, everybody, 4) == 0;

    uint32_t at = estab_ether_write(out, to_all ? everybody : to, own, vlan, ETHER_IPV4);

    return at + estab_dhcp_write_ip(p, out + at);
}

const uint8_t *
estab_dhcp_read_frame(const uint8_t *frame, size_t frame_len, const uint8_t own[6], uint16_t vlan,
                      bool csum_verified, uint8_t from[6], size_t *len)
{
    struct ether_frame e;

    if (frame_len > 65535 + ETHER_HEADER_VLAN ||
        !estab_ether_parse(&e, frame, (uint32_t)frame_len) || e.type != ETHER_IPV4 ||
        e.vlan != vlan || mac_is_group(e.src) || mac_is_zero(e.src) ||
        (memcmp(e.dst, own, 6) != 0 && memcmp(e.dst, everybody, 6) != 0))
        return NULL;
    memcpy(from, e.src, 6);
    return find(e.payload, e.payload_len, csum_verified, len);
}
