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
        /* RFC 3810 §5.1.14: from a link-local address, hop limit 1 */
        if (ip->payload_len < 24 || p[0] != MLD_QUERY || ip->ttl != 1 || ip->src[0] != 0xfe ||
            (ip->src[1] & 0xc0) != 0x80)
            return false;
        q->max_delay_ms = ip->payload_len >= 28 ? code_value(get_be16(p + 4), 12) : get_be16(p + 4);
        q->group = p[8] == 0xff ? p + 8 : NULL;
        return true;
    }
    if (ip->payload_len < 8 || p[0] != IGMP_QUERY || ip->ttl != 1 ||
        csum_fold(estab_csum_add(p, ip->payload_len, 0)) != 0xffff)
        return false;
    /* tenths of a second; 0 is a query of IGMPv1, which means ten seconds (RFC 3376 §7.2.1) */
    q->max_delay_ms =
        p[1] == 0 ? 10000 : 100 * (ip->payload_len >= 12 ? code_value(p[1], 4) : p[1]);
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

uint32_t
estab_group_report(uint8_t *out, unsigned addr_len, const uint8_t *src, enum group_record kind,
                   const uint8_t *groups, uint32_t n)
{
    static const uint8_t routers6[16] = { 0xff, 2, [15] = 0x16 }, routers4[4] = { 224, 0, 0, 22 };
    uint32_t len;
    uint16_t sum;

    if (addr_len == 16) {
        /* RFC 3810 §5: hop limit 1, and a router alert in a hop-by-hop header */
        uint8_t *icmp = out + 48;

        len = 8 + put_records(icmp + 8, 16, kind, groups, n);
        (void)estab_icmp_write(icmp, 6, MLD_REPORT, 0, n, icmp + 8, len - 8, src, routers6);
        (void)estab_ip_write(out, 6, 0, 1, 0, src, routers6, 0, 8 + len);
        out[40] = IP_PROTO_ICMPV6;
        out[41] = 0;
        put_be32(out + 42, 0x05020000);
        put_be16(out + 46, 0x0100); /* PadN of nothing */
        return 48 + len;
    }
    len = 8 + put_records(out + 32, 4, kind, groups, n);
    memset(out + 24, 0, 8);
    out[24] = IGMP_REPORT;
    put_be16(out + 30, n);
    sum = (uint16_t)~csum_fold(estab_csum_add(out + 24, len, 0));
    memcpy(out + 26, &sum, 2);
    /* RFC 3376 §4: TTL 1, precedence 0xc0, router alert (RFC 2113) */
    (void)estab_ip_write(out, 4, IP_PROTO_IGMP, 1, 0xc0, src, routers4, 0, 4 + len);
    out[0] = 0x46;
    put_be32(out + 20, 0x94040000);
    put_be16(out + 10, 0);
    sum = (uint16_t)~csum_fold(estab_csum_add(out, 24, 0));
    memcpy(out + 10, &sum, 2);
    return 24 + len;
}
