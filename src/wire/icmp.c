/* SPDX-License-Identifier: MIT */
/*
 * ICMP (RFC 792, RFC 1191 §4) and ICMPv6 (RFC 4443); see icmp.h. Called from stack/icmp_input.c,
 * which decides what an error may do to a connection.
 */
#include "wire/icmp.h"

#include "base/bytes.h"
#include "wire/checksum.h"

#include <string.h>

static enum icmp_kind
kind_v4(uint8_t type, uint8_t code)
{
    switch (type) {
    case 0:
        return ICMP_ECHO_REPLY;
    case 8:
        return ICMP_ECHO_REQUEST;
    case 3:
        switch (code) {
        case 0:
        case 6:
        case 9:
        case 11:
            return ICMP_NET_UNREACHABLE;
        case 2:
            return ICMP_PROTO_UNREACHABLE;
        case 3:
            return ICMP_PORT_UNREACHABLE;
        case 4:
            return ICMP_PACKET_TOO_BIG;
        case 13:
            return ICMP_ADMIN_PROHIBITED;
        default:
            return code <= 15 ? ICMP_HOST_UNREACHABLE : ICMP_OTHER;
        }
    case 4:
        return ICMP_SOURCE_QUENCH;
    case 5:
        return ICMP_REDIRECT;
    case 11:
        return ICMP_TIME_EXCEEDED;
    case 12:
        return ICMP_PARAMETER_PROBLEM;
    default:
        return ICMP_OTHER;
    }
}

static enum icmp_kind
kind_v6(uint8_t type, uint8_t code)
{
    switch (type) {
    case 128:
        return ICMP_ECHO_REQUEST;
    case 129:
        return ICMP_ECHO_REPLY;
    case 1:
        return code == 0   ? ICMP_NET_UNREACHABLE
               : code == 1 ? ICMP_ADMIN_PROHIBITED
               : code == 4 ? ICMP_PORT_UNREACHABLE
               : code <= 6 ? ICMP_HOST_UNREACHABLE
                           : ICMP_OTHER;
    case 2:
        return ICMP_PACKET_TOO_BIG;
    case 3:
        return ICMP_TIME_EXCEEDED;
    case 4:
        return code == 1 ? ICMP_PROTO_UNREACHABLE : ICMP_PARAMETER_PROBLEM;
    case 137:
        return ICMP_REDIRECT;
    default:
        return ICMP_OTHER;
    }
}

enum estab_verdict
estab_icmp_parse(struct icmp_message *m, const struct ip_header *ip)
{
    const uint8_t *p = ip->payload;
    uint64_t sum = 0;
    bool echo;

    if (ip->payload_len < 8)
        return ESTAB_SEG_DROP_ICMP_MALFORMED;
    if (ip->version == 6)
        sum = estab_csum_pseudo(ip->src, ip->dst, 16, IP_PROTO_ICMPV6, ip->payload_len);
    if (csum_fold(estab_csum_add(p, ip->payload_len, sum)) != 0xffff)
        return ESTAB_SEG_DROP_ICMP_MALFORMED;
    *m = (struct icmp_message){ .type = p[0], .code = p[1] };
    m->kind = ip->version == 4 ? kind_v4(p[0], p[1]) : kind_v6(p[0], p[1]);
    if (m->kind == ICMP_PACKET_TOO_BIG)
        m->mtu = ip->version == 4 ? get_be16(p + 6) : get_be32(p + 4);
    if (m->kind == ICMP_REDIRECT && ip->version == 4)
        m->gateway = p + 4;
    echo = m->kind == ICMP_ECHO_REQUEST || m->kind == ICMP_ECHO_REPLY;
    m->body = p + (echo ? 4 : 8);
    m->body_len = ip->payload_len - (echo ? 4 : 8);
    return ESTAB_SEG_NONE;
}

bool
estab_icmp_quote(struct icmp_quote *q, const struct icmp_message *m, unsigned version)
{
    const uint8_t *p = m->body;
    uint32_t header, len = m->body_len;

    if (len < 1 || p[0] >> 4 != version)
        return false;
    if (version == 4) {
        if (len < 20)
            return false;
        header = (p[0] & 15u) * 4;
        /* a later fragment quotes no ports */
        if (header < 20 || (get_be16(p + 6) & 0x1fff) != 0)
            return false;
        *q = (struct icmp_quote){ .version = 4, .addr_len = 4, .proto = p[9] };
        q->src = p + 12;
        q->dst = p + 16;
    } else {
        header = 40;
        if (len < 40)
            return false;
        *q = (struct icmp_quote){ .version = 6, .addr_len = 16, .proto = p[6] };
        q->flow = get_be32(p) & 0xfffff;
        q->src = p + 8;
        q->dst = p + 24;
        if (q->proto == 44) { /* the first fragment of a datagram of ours */
            if (len < 48 || (get_be16(p + 42) & 0xfff8) != 0)
                return false;
            q->proto = p[40];
            header = 48;
        }
    }
    if (version == 6 && q->proto == IP_PROTO_ICMPV6 && len >= header + 8 && p[header] == 129) {
        q->is_echo_reply = true;
        q->echo = get_be32(p + header + 4);
        return true;
    }
    if (q->proto == (version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6) && len >= header + 8 &&
        p[header] == (version == 4 ? 8 : 128)) {
        q->is_echo_request = true;
        q->echo = get_be32(p + header + 4);
        return true;
    }
    if ((q->proto != IP_PROTO_TCP && q->proto != IP_PROTO_UDP) || len < header + 4)
        return false;
    q->src_port = get_be16(p + header);
    q->dst_port = get_be16(p + header + 2);
    q->has_seq = q->proto == IP_PROTO_TCP && len >= header + 8;
    if (q->has_seq)
        q->seq = get_be32(p + header + 4);
    return true;
}

void
estab_icmp_write_header(uint8_t out[8], unsigned version, uint8_t type, uint8_t code, uint32_t rest,
                        const uint8_t *body, uint32_t body_len, const uint8_t *src,
                        const uint8_t *dst)
{
    uint64_t sum = 0;
    uint16_t field;

    out[0] = type;
    out[1] = code;
    put_be16(out + 2, 0);
    put_be32(out + 4, rest);
    if (version == 6)
        sum = estab_csum_pseudo(src, dst, 16, IP_PROTO_ICMPV6, 8 + body_len);
    sum = estab_csum_add(out, 8, sum);
    field = (uint16_t)~csum_fold(estab_csum_add(body, body_len, sum));
    memcpy(out + 2, &field, 2);
}

uint32_t
estab_icmp_write(uint8_t *out, unsigned version, uint8_t type, uint8_t code, uint32_t rest,
                 const uint8_t *body, uint32_t body_len, const uint8_t *src, const uint8_t *dst)
{
    if (body_len > 0)
        memmove(out + 8, body, body_len);
    estab_icmp_write_header(out, version, type, code, rest, out + 8, body_len, src, dst);
    return 8 + body_len;
}
