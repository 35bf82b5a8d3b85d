/* SPDX-License-Identifier: MIT */
/*
 * The IP packet in a frame of any link that is read: Ethernet with up to three VLAN tags (IEEE
 * 802.1Q, 802.1ad) and PPPoE sessions (RFC 2516), raw IP, Linux cooked captures, BSD loopback.
 */
#include "base/bytes.h"
#include "trace/capture.h"

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, ETHERTYPE_PPPOE = 0x8864 };

bool
estab_captured_link_is_read(uint32_t link)
{
    switch (link) {
    case LINK_NULL:
    case LINK_ETHERNET:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_RAW:
    case LINK_LOOP:
    case LINK_SLL:
    case LINK_IPV4:
    case LINK_IPV6:
    case LINK_SLL2:
        return true;
    default:
        return false;
    }
}

static bool
is_tag(unsigned type)
{
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* Octets in front of the IP packet whose EtherType stands at `at`; 0: there is none. */
static uint32_t
behind_type(const uint8_t *p, uint32_t len, uint32_t at)
{
    unsigned type = get_be16(p + at), tags = 0;

    while (is_tag(type) && tags++ < 3) {
        at += 4;
        if (len < at + 2)
            return 0;
        type = get_be16(p + at);
    }
    if (type == ETHERTYPE_PPPOE) {
        at += 8; /* version, code, session, length; then the protocol of PPP */
        if (len < at + 2 || (get_be16(p + at) != 0x0021 && get_be16(p + at) != 0x0057))
            return 0;
        return at + 2;
    }
    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? at + 2 : 0;
}

/* Octets in front of the IP packet; UINT32_MAX: there is none. */
static uint32_t
header_of(uint32_t link, const uint8_t *p, uint32_t len)
{
    uint32_t n = 0;

    switch (link) {
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_RAW:
    case LINK_IPV4:
    case LINK_IPV6:
        return 0;
    case LINK_NULL:
    case LINK_LOOP:
        return 4; /* the family, which the IP header says as well */
    case LINK_ETHERNET:
        n = len >= 14 ? behind_type(p, len, 12) : 0;
        break;
    case LINK_SLL:
        n = len >= 16 ? behind_type(p, len, 14) : 0;
        break;
    case LINK_SLL2:
        /* the type stands at the beginning, the packet behind 20 octets */
        if (len >= 20 && (get_be16(p) == ETHERTYPE_IPV4 || get_be16(p) == ETHERTYPE_IPV6))
            n = 20;
        break;
    default:
        break;
    }
    return n > 0 ? n : UINT32_MAX;
}

bool
estab_captured_ip(const struct capture_packet *packet, const uint8_t **ip, uint32_t *len,
                  uint32_t *wire_len)
{
    uint32_t n = header_of(packet->link, packet->data, packet->len);

    if (n >= packet->len)
        return false;
    *ip = packet->data + n;
    *len = packet->len - n;
    *wire_len = packet->wire_len - n;
    return **ip >> 4 == 4 || **ip >> 4 == 6;
}
