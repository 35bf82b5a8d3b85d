/* SPDX-License-Identifier: MIT */
/*
 * Makes the lengths and checksums of a packet right for what it says now, so that a mutation goes
 * deeper than the first sum that does not fit. Nothing is looked at twice: what is not a packet
 * stays as it is. Used by mutators and by targets that are told whole packets.
 */
#ifndef FUZZ_FIX_SUMS_H
#define FUZZ_FIX_SUMS_H

#include "base/bytes.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/groups.h"
#include "wire/ip_header.h"

#include <string.h>

/* The sum at `at` of `len` octets, over a pseudo-header unless addr_len is 0. */
static void
fix_sum(uint8_t *p, uint32_t len, uint32_t at, const uint8_t *src, const uint8_t *dst,
        unsigned addr_len, uint8_t proto)
{
    uint64_t sum = addr_len == 0 ? 0 : estab_csum_pseudo(src, dst, addr_len, proto, len);
    uint16_t folded;

    if (len < at + 2)
        return;
    memset(p + at, 0, 2);
    folded = (uint16_t)~csum_fold(estab_csum_add(p, len, sum));
    if (folded == 0 && proto == IP_PROTO_UDP)
        folded = 0xffff;
    memcpy(p + at, &folded, 2);
}

static void
fix_transport(uint8_t *p, uint32_t len, const uint8_t *src, const uint8_t *dst, unsigned addr_len,
              uint8_t proto, bool lengths)
{
    switch (proto) {
    case IP_PROTO_TCP:
        fix_sum(p, len, 16, src, dst, addr_len, proto);
        break;
    case IP_PROTO_UDP:
        if (lengths && len >= 8)
            put_be16(p + 4, len);
        fix_sum(p, len, 6, src, dst, addr_len, proto);
        break;
    case IP_PROTO_ICMP:
    case IP_PROTO_IGMP:
        fix_sum(p, len, 2, src, dst, 0, proto);
        break;
    case IP_PROTO_ICMPV6:
        fix_sum(p, len, 2, src, dst, addr_len, proto);
        break;
    default:
        break;
    }
}

/* Of an IP packet in `len` octets; `lengths`: also what the headers say of their lengths. */
static void
fix_ip(uint8_t *p, uint32_t len, bool lengths)
{
    uint32_t at, end = len;
    uint8_t proto;

    if (len >= 20 && p[0] >> 4 == 4) {
        at = (p[0] & 15) * 4u;
        if (lengths)
            put_be16(p + 2, len);
        if (at < 20 || at > len)
            return;
        end = get_be16(p + 2) < len ? get_be16(p + 2) : len;
        if (end > at && (get_be16(p + 6) & 0x3fff) == 0) /* no fragment */
            fix_transport(p + at, end - at, p + 12, p + 16, 4, p[9], lengths);
        fix_sum(p, at, 10, NULL, NULL, 0, 0);
    } else if (len >= 40 && p[0] >> 4 == 6) {
        if (lengths)
            put_be16(p + 4, len - 40);
        end = 40u + get_be16(p + 4) < len ? 40u + get_be16(p + 4) : len;
        proto = p[6];
        for (at = 40; (proto == 0 || proto == 43 || proto == 60) && at + 8 <= end;) {
            proto = p[at];
            at += 8 + p[at + 1] * 8u;
        }
        if (at < end)
            fix_transport(p + at, end - at, p + 8, p + 24, 16, proto, lengths);
    }
}

/* The same of an Ethernet frame, with or without a VLAN tag. */
static void
fix_frame(uint8_t *p, uint32_t len, bool lengths)
{
    uint32_t at = 14;

    if (len >= 18 && get_be16(p + 12) == 0x8100)
        at = 18;
    if (len > at && (get_be16(p + at - 2) == ETHER_IPV4 || get_be16(p + at - 2) == ETHER_IPV6))
        fix_ip(p + at, len - at, lengths);
}

#endif
