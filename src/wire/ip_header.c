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

/* RFC 7126 §4.3, §4.4 (RFC7126-SRCROUTE): source-routed datagrams are dropped, a TCP segment like
 * any other, so that there is no route to be kept, reversed or overridden (MUST-53, SHLD-24); other
 * options are passed over (MUST-50), if their lengths hold. */
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

/* Octets of a transport's header without which a first fragment says nothing. */
static uint32_t
transport_header(uint8_t proto)
{
    return proto == IP_PROTO_TCP                                                         ? 20
           : proto == IP_PROTO_UDP || proto == IP_PROTO_ICMP || proto == IP_PROTO_ICMPV6 ? 8
                                                                                         : 0;
}

/* Can the fragment be part of a datagram of at most 65535 octets? `before` counts those in front of
 * the fragmented payload. */
static enum estab_verdict
check_fragment(struct ip_header *ip, uint32_t before)
{
    /* RFC 791 §3.2, RFC 8200 §4.5 (RFC8200-4.5-FRAG): all but the last in units of eight octets,
     * none without any, and none beyond the largest datagram (CVE-1999-0128). */
    if (ip->payload_len == 0 || (ip->more && ip->payload_len % 8 != 0) ||
        before + ip->offset + ip->payload_len > 65535)
        return ESTAB_SEG_DROP_IP_FRAGMENT;
    /* RFC 1858 §3, RFC 3128 (RFC6274-V4SEC): ports and control bits are in the first fragment, and
     * no second one begins among them. */
    if ((ip->offset == 0 && ip->payload_len < transport_header(ip->proto)) ||
        (ip->offset == 8 && ip->proto == IP_PROTO_TCP))
        return ESTAB_SEG_DROP_FRAGMENT_TINY;
    ip->fragment = true;
    return ESTAB_SEG_DROP_IP_FRAGMENT;
}

static enum estab_verdict
parse_v4(struct ip_header *ip, const uint8_t *p, uint32_t len, bool csum_verified)
{
    uint32_t header, total, fragment;
    enum estab_verdict v;

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
    ip->header_len = header;
    v = header > 20 ? check_v4_options(p + 20, header - 20) : ESTAB_SEG_NONE;
    if (v != ESTAB_SEG_NONE || (fragment & 0x3fff) == 0)
        return v;
    ip->more = (fragment & 0x2000) != 0;
    ip->offset = (fragment & 0x1fff) * 8;
    ip->id = get_be16(p + 4);
    return check_fragment(ip, header);
}

#define ROUTER_ALERT 5

static void
tell_problem(struct ip_header *ip, uint8_t code, uint32_t at)
{
    ip->problem = true;
    ip->problem_code = code;
    ip->problem_at = at;
}

/* RFC 8200 §4.2 (RFC8200-4.2-OPTACT): what an unknown option asks for stands in the two highest bits
 * of its type. The options begin at octet `at` of the packet. */
static enum estab_verdict
check_v6_options(struct ip_header *ip, const uint8_t *opt, uint32_t len, uint32_t at)
{
    uint32_t i = 0;

    while (i < len) {
        if (opt[i] == 0) { /* Pad1 */
            i++;
            continue;
        }
        if (i + 2 > len || opt[i + 1] > len - i - 2)
            return ESTAB_SEG_DROP_IP_HEADER;
        if (opt[i] >> 6 != 0) { /* not "skip over": we know none of them */
            if (opt[i] >> 6 >= 2)
                tell_problem(ip, 2, at + i);
            ip->problem_to_groups = opt[i] >> 6 == 2;
            return ESTAB_SEG_DROP_IP_OPTION;
        }
        ip->router_alert |=
            at == 42 && opt[i] == ROUTER_ALERT && opt[i + 1] == 2 && get_be16(opt + i + 2) == 0;
        i += 2u + opt[i + 1];
    }
    return ESTAB_SEG_NONE;
}

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, NO_NEXT = 59, DESTINATION = 60 };

static bool
is_extension(uint8_t next)
{
    return next == HOP_BY_HOP || next == ROUTING || next == FRAGMENT || next == DESTINATION;
}

/* RFC 7112 §5 (RFC7112-FIRST): the first fragment holds every header up to the transport's; `next`
 * begins at `at`. */
static bool
chain_is_whole(const uint8_t *p, uint32_t at, uint32_t end, uint8_t next)
{
    uint32_t n, ext;

    for (n = 0; is_extension(next); n++) {
        if (n == EXTENSIONS_MAX || end - at < 8)
            return false;
        ext = next == FRAGMENT ? 8 : 8 + p[at + 1] * 8u;
        if (ext > end - at)
            return false;
        next = p[at];
        at += ext;
    }
    return end - at >= transport_header(next);
}

static enum estab_verdict
parse_v6_fragment(struct ip_header *ip, const uint8_t *p, uint32_t at, uint32_t end)
{
    ip->proto = p[at];
    ip->more = (p[at + 3] & 1) != 0;
    ip->offset = get_be16(p + at + 2) & 0xfff8;
    ip->id = get_be32(p + at + 4);
    ip->payload = p + at + 8;
    ip->payload_len = end - at - 8;
    ip->header_len = at;
    /* RFC 8200 §4.5: two mistakes of the sender that it is told of */
    if (ip->more && ip->payload_len % 8 != 0)
        tell_problem(ip, 0, 4);
    else if (at - 40 + ip->offset + ip->payload_len > 65535)
        tell_problem(ip, 0, at + 2);
    else if (ip->offset == 0 && !chain_is_whole(p, at + 8, end, ip->proto))
        return ESTAB_SEG_DROP_FRAGMENT_TINY;
    return check_fragment(ip, at - 40);
}

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
    ip->version = 6;
    ip->addr_len = 16;
    ip->tos = (uint8_t)(get_be16(p) >> 4);
    ip->ttl = p[7];
    ip->df = true;
    ip->src = p + 8;
    ip->dst = p + 24;
    ip->proto = 0;
    ip->payload = p + end;
    ip->payload_len = 0; /* until the headers in front of it are good */
    ip->next_at = 6;
    next = p[6];
    for (n = 0; is_extension(next); n++) {
        /* RFC 8200 §4.1 (RFC8200-4-CHAIN): hop-by-hop options first or not at all */
        if (next == HOP_BY_HOP && n > 0) {
            tell_problem(ip, 1, ip->next_at);
            return ESTAB_SEG_DROP_IP_HEADER;
        }
        if (n == EXTENSIONS_MAX || end - at < 8)
            return ESTAB_SEG_DROP_IP_HEADER;
        ext = next == FRAGMENT ? 8 : 8 + p[at + 1] * 8u;
        if (ext > end - at)
            return ESTAB_SEG_DROP_IP_HEADER;
        ip->has_fragment_header |= next == FRAGMENT;
        if (next == FRAGMENT && (get_be16(p + at + 2) & 0xfff9) != 0)
            return parse_v6_fragment(ip, p, at, end); /* RFC 6946: an atomic one is whole */
        if (next == ROUTING && p[at + 3] != 0) {
            /* RFC 8200 §4.4, RFC 5095 §3: type 0 above all */
            tell_problem(ip, 0, at + 2);
            return ESTAB_SEG_DROP_IP_SOURCE_ROUTE;
        }
        if (next == HOP_BY_HOP || next == DESTINATION) {
            v = check_v6_options(ip, p + at + 2, ext - 2, at + 2);
            if (v != ESTAB_SEG_NONE)
                return v;
            ip->router_alert &= p[6] == HOP_BY_HOP;
        }
        next = p[at];
        ip->next_at = at;
        at += ext;
    }
    ip->proto = next;
    ip->payload = p + at;
    ip->payload_len = end - at;
    ip->header_len = at;
    return ESTAB_SEG_NONE;
}

bool
estab_ip_is_icmp_error(const uint8_t *p, uint32_t len)
{
    uint32_t at = 40, n, ext;
    uint8_t next;

    if (p[0] >> 4 == 4) {
        at = (p[0] & 15u) * 4;
        /* RFC 1122 §3.2.2: what is not one of the queries and their answers */
        return p[9] == IP_PROTO_ICMP && len > at && p[at] != 0 && p[at] != 8 &&
               (p[at] < 13 || p[at] > 18);
    }
    next = p[6];
    for (n = 0; is_extension(next) && n < 2 * EXTENSIONS_MAX; n++) {
        if (len < at || len - at < 8)
            return false;
        ext = next == FRAGMENT ? 8 : 8 + p[at + 1] * 8u;
        next = p[at];
        at += ext;
    }
    return next == IP_PROTO_ICMPV6 && len > at && p[at] < 128;
}

enum estab_verdict
estab_ip_parse(struct ip_header *ip, const uint8_t *packet, uint32_t len, bool csum_verified)
{
    ip->fragment = ip->problem = ip->problem_to_groups = ip->has_fragment_header = false;
    ip->router_alert = false;
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
