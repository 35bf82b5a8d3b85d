/* SPDX-License-Identifier: MIT */
/*
 * IPv4 headers (RFC 791, RFC 1122 §3.2.1) and IPv6 headers with their extensions (RFC 8200 §3,
 * §4); see ip_header.h. Called from stack/ for each packet in and out.
 */
#include "wire/ip_header.h"

#include "base/bytes.h"
#include "wire/checksum.h"

#include <string.h>

#define EXTENSIONS_MAX 8

/* RFC 7126 §4.3: source-routed datagrams are dropped; other options are passed over (MUST-50), if
 * their lengths hold. */
static enum estab_verdict
check_v4_options(const uint8_t *opt, uint32_t len)
{
    uint32_t i = 0;

    while (i < len) {
        if (opt[i] == 0)
            return ESTAB_SEG_NONE;
        if (opt[i] == 1) {
            i++;
            continue;
        }
        if (i + 1 >= len || opt[i + 1] < 2 || opt[i + 1] > len - i)
            return ESTAB_SEG_DROP_IP_HEADER;
        if (opt[i] == 131 || opt[i] == 137)
            return ESTAB_SEG_DROP_IP_SOURCE_ROUTE;
        i += opt[i + 1];
    }
    return ESTAB_SEG_NONE;
}

static enum estab_verdict
parse_v4(struct ip_header *ip, const uint8_t *p, uint32_t len, bool csum_verified)
{
    uint32_t header, total, fragment;

    if (len < 20)
        return ESTAB_SEG_DROP_IP_HEADER;
    header = (p[0] & 15u) * 4;
    total = get_be16(p + 2);
    if (header < 20 || total < header || total > len)
        return ESTAB_SEG_DROP_IP_HEADER;
    /* RFC 1122 §3.2.1.2: the checksum is verified, and a bad datagram dropped silently. */
    if (!csum_verified && csum_fold(estab_csum_add(p, header, 0)) != 0xffff)
        return ESTAB_SEG_DROP_IP_CHECKSUM;
    fragment = get_be16(p + 6);
    if (fragment & 0x3fff) /* more fragments, or an offset */
        return ESTAB_SEG_DROP_IP_FRAGMENT;
    ip->version = 4;
    ip->addr_len = 4;
    ip->tos = p[1];
    ip->ttl = p[8];
    ip->proto = p[9];
    ip->df = (fragment & 0x4000) != 0;
    ip->src = p + 12;
    ip->dst = p + 16;
    ip->payload = p + header;
    ip->payload_len = total - header;
    return header > 20 ? check_v4_options(p + 20, header - 20) : ESTAB_SEG_NONE;
}

/* RFC 8200 §4.2: what an unknown option asks for stands in the two highest bits of its type. */
static enum estab_verdict
check_v6_options(const uint8_t *opt, uint32_t len)
{
    uint32_t i = 0;

    while (i < len) {
        if (opt[i] == 0) { /* Pad1 */
            i++;
            continue;
        }
        if (i + 2 > len || opt[i + 1] > len - i - 2)
            return ESTAB_SEG_DROP_IP_HEADER;
        if (opt[i] >> 6 != 0) /* not "skip over": we know none of them */
            return ESTAB_SEG_DROP_IP_HEADER;
        i += 2u + opt[i + 1];
    }
    return ESTAB_SEG_NONE;
}

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, NO_NEXT = 59, DESTINATION = 60 };

static enum estab_verdict
parse_v6(struct ip_header *ip, const uint8_t *p, uint32_t len)
{
    uint32_t payload, at = 40, end, n, ext;
    enum estab_verdict v;
    uint8_t next;

    if (len < 40)
        return ESTAB_SEG_DROP_IP_HEADER;
    payload = get_be16(p + 4);
    if (payload > len - 40)
        return ESTAB_SEG_DROP_IP_HEADER;
    end = 40 + payload;
    next = p[6];
    for (n = 0; next == HOP_BY_HOP || next == ROUTING || next == FRAGMENT || next == DESTINATION;
         n++) {
        /* at most so many, and hop-by-hop options first or not at all (RFC 8200 §4.1) */
        if (n == EXTENSIONS_MAX || (next == HOP_BY_HOP && n > 0) || end - at < 8)
            return ESTAB_SEG_DROP_IP_HEADER;
        ext = next == FRAGMENT ? 8 : 8 + p[at + 1] * 8u;
        if (ext > end - at)
            return ESTAB_SEG_DROP_IP_HEADER;
        if (next == FRAGMENT && (get_be16(p + at + 2) & 0xfff9) != 0)
            return ESTAB_SEG_DROP_IP_FRAGMENT; /* RFC 6946: an atomic one is whole */
        if (next == ROUTING && p[at + 3] != 0)
            return ESTAB_SEG_DROP_IP_SOURCE_ROUTE; /* RFC 5095: type 0 above all */
        if (next == HOP_BY_HOP || next == DESTINATION) {
            v = check_v6_options(p + at + 2, ext - 2);
            if (v != ESTAB_SEG_NONE)
                return v;
        }
        next = p[at];
        at += ext;
    }
    ip->version = 6;
    ip->addr_len = 16;
    ip->tos = (uint8_t)(get_be16(p) >> 4);
    ip->ttl = p[7];
    ip->proto = next;
    ip->df = true;
    ip->src = p + 8;
    ip->dst = p + 24;
    ip->payload = p + at;
    ip->payload_len = end - at;
    return ESTAB_SEG_NONE;
}

enum estab_verdict
estab_ip_parse(struct ip_header *ip, const uint8_t *packet, uint32_t len, bool csum_verified)
{
    if (len > 0 && packet[0] >> 4 == 4)
        return parse_v4(ip, packet, len, csum_verified);
    if (len > 0 && packet[0] >> 4 == 6)
        return parse_v6(ip, packet, len);
    return ESTAB_SEG_DROP_IP_VERSION;
}

uint32_t
estab_ip_write(uint8_t *out, unsigned version, uint8_t proto, uint8_t ttl, uint8_t tos,
               const uint8_t *src, const uint8_t *dst, uint16_t id, uint32_t payload_len)
{
    uint16_t sum;

    if (version == 4) {
        out[0] = 0x45;
        out[1] = tos;
        put_be16(out + 2, 20 + payload_len);
        put_be16(out + 4, id);
        put_be16(out + 6, 0x4000); /* DF: path MTU discovery, RFC 1191 §3 (RFC7323-5.7-PMTUD) */
        out[8] = ttl;
        out[9] = proto;
        put_be16(out + 10, 0);
        memcpy(out + 12, src, 4);
        memcpy(out + 16, dst, 4);
        sum = (uint16_t)~csum_fold(estab_csum_add(out, 20, 0));
        memcpy(out + 10, &sum, 2);
        return 20;
    }
    put_be32(out, 6u << 28 | (uint32_t)tos << 20);
    put_be16(out + 4, payload_len);
    out[6] = proto;
    out[7] = ttl;
    memcpy(out + 8, src, 16);
    memcpy(out + 24, dst, 16);
    return 40;
}
