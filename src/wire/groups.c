/* SPDX-License-Identifier: MIT */
/* Group membership messages; see groups.h. Called from stack/groups.c. */
#include "wire/groups.h"

#include "base/bytes.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

#include <string.h>

/* RFC 3810 §5.1.3, RFC 3376 §4.1.1: small values as they are, larger ones floating. */
static uint32_t
code_value(uint32_t code, unsigned mantissa_bits)
{
    uint32_t top = 1u << (mantissa_bits + 3);

    if (code < top)
        return code;
    return ((code & ((1u << mantissa_bits) - 1)) | 1u << mantissa_bits)
           << ((code >> mantissa_bits & 7) + 3);
}

bool
estab_group_query_parse(struct group_query *q, const struct ip_header *ip)
{
    const uint8_t *p = ip->payload;

    if (ip->version == 6) {
        /* RFC 3810 §6.2: from a link-local address, hop limit 1, with a router alert */
        if (ip->payload_len < 24 || p[0] != MLD_QUERY || ip->ttl != 1 || !ip->router_alert ||
            ip->src[0] != 0xfe || (ip->src[1] & 0xc0) != 0x80)
            return false;
        /* RFC 3810 §8.1: the length tells the version, and no other length is one */
        if (ip->payload_len > 24 && ip->payload_len < 28)
            return false;
        q->version = ip->payload_len == 24 ? 1 : 2;
        q->max_delay_ms = q->version == 2 ? code_value(get_be16(p + 4), 12) : get_be16(p + 4);
        q->group = p[8] == 0xff ? p + 8 : NULL;
        return true;
    }
    if (ip->payload_len < 8 || p[0] != IGMP_QUERY || ip->ttl != 1 ||
        csum_fold(estab_csum_add(p, ip->payload_len, 0)) != 0xffff)
        return false;
    /* RFC 3376 §7.1: by length and code */
    if (ip->payload_len > 8 && ip->payload_len < 12)
        return false;
    q->version = ip->payload_len >= 12 ? 3 : p[1] != 0 ? 2 : 1;
    /* tenths of a second; a query of IGMPv1 means ten seconds */
    q->max_delay_ms =
        q->version == 1 ? 10000 : 100 * (q->version == 3 ? code_value(p[1], 4) : p[1]);
    q->group = p[4] >> 4 == 14 ? p + 4 : NULL;
    return true;
}

static uint32_t
put_records(uint8_t *out, unsigned addr_len, enum group_record kind, const uint8_t *groups,
            uint32_t n)
{
    uint32_t at = 0, i;

    for (i = 0; i < n; i++) {
        put_be32(out + at, (uint32_t)kind << 24); /* no sources, no auxiliary data */
        memcpy(out + at + 4, groups + i * addr_len, addr_len);
        at += 4 + addr_len;
    }
    return at;
}

/* IPv6 with a router alert in a hop-by-hop header (RFC 3810 §5) in front of the ICMPv6 message of
 * `len` octets at out + 48. */
static uint32_t
finish6(uint8_t *out, const uint8_t *src, const uint8_t *dst, uint32_t len)
{
    (void)estab_ip_write(out, 6, 0, 1, 0, src, dst, 0, 8 + len);
    out[40] = IP_PROTO_ICMPV6;
    out[41] = 0;
    put_be32(out + 42, 0x05020000);
    put_be16(out + 46, 0x0100); /* PadN of nothing */
    return 48 + len;
}

/* TTL 1, precedence 0xc0, router alert (RFC 3376 §4, RFC 2113) in front of the IGMP message at
 * out + 24, which gets its checksum. */
static uint32_t
finish4(uint8_t *out, const uint8_t *src, const uint8_t *dst, uint32_t len)
{
    uint16_t sum = (uint16_t)~csum_fold(estab_csum_add(out + 24, len, 0));

    memcpy(out + 26, &sum, 2);
    (void)estab_ip_write(out, 4, IP_PROTO_IGMP, 1, 0xc0, src, dst, 0, 4 + len);
    out[0] = 0x46;
    put_be32(out + 20, 0x94040000);
    put_be16(out + 10, 0);
    sum = (uint16_t)~csum_fold(estab_csum_add(out, 24, 0));
    memcpy(out + 10, &sum, 2);
    return 24 + len;
}

uint32_t
estab_group_old_report(uint8_t *out, unsigned addr_len, const uint8_t *src, uint8_t type,
                       const uint8_t *group)
{
    static const uint8_t routers6[16] = { 0xff, 2, [15] = 2 }, routers4[4] = { 224, 0, 0, 2 };
    const uint8_t *dst = group;

    /* RFC 2710 §3, RFC 2236 §3: the end of a membership is told to the routers alone */
    if (addr_len == 16) {
        if (type == MLD1_DONE)
            dst = routers6;
        memcpy(out + 56, group, 16);
        (void)estab_icmp_write(out + 48, 6, type, 0, 0, out + 56, 16, src, dst);
        return finish6(out, src, dst, 24);
    }
    if (type == IGMP2_LEAVE)
        dst = routers4;
    put_be32(out + 24, (uint32_t)type << 24);
    memcpy(out + 28, group, 4);
    return finish4(out, src, dst, 8);
}

uint32_t
estab_group_report(uint8_t *out, unsigned addr_len, const uint8_t *src, enum group_record kind,
                   const uint8_t *groups, uint32_t n)
{
    static const uint8_t routers6[16] = { 0xff, 2, [15] = 0x16 }, routers4[4] = { 224, 0, 0, 22 };
    uint32_t len;

    if (addr_len == 16) {
        uint8_t *icmp = out + 48;

        len = 8 + put_records(icmp + 8, 16, kind, groups, n);
        (void)estab_icmp_write(icmp, 6, MLD_REPORT, 0, n, icmp + 8, len - 8, src, routers6);
        return finish6(out, src, routers6, len);
    }
    len = 8 + put_records(out + 32, 4, kind, groups, n);
    memset(out + 24, 0, 8);
    out[24] = IGMP_REPORT;
    put_be16(out + 30, n);
    return finish4(out, src, routers4, len);
}
