/* SPDX-License-Identifier: MIT */
/*
 * A captured packet as a segment. Captures are cut (snap length), taken before a network card has
 * cut segments and summed them (offload), and hold anything at all: so what the stack would refuse
 * is read here as far as it goes, and nothing behind the captured octets is touched.
 */
#include "base/bytes.h"
#include "trace/analysis.h"
#include "wire/checksum.h"
#include "wire/tcp_header.h"

#include <string.h>

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_ICMPV6 = 58, EXTENSIONS_MAX = 8 };

struct ip_seen {
    unsigned version, proto, addr_len;
    const uint8_t *src, *dst, *payload;
    uint32_t captured, payload_len; /* of the payload: octets here, and on the wire */
    uint8_t ttl, ecn;
    uint16_t id;
    bool is_fragment, is_later_fragment;
};

static bool
parse_v4(struct ip_seen *ip, const uint8_t *p, uint32_t len, uint32_t wire_len)
{
    uint32_t header, total;

    if (len < 20)
        return false;
    header = (p[0] & 15u) * 4;
    total = get_be16(p + 2);
    if (total == 0 || total > wire_len)
        total = wire_len; /* more than 64 KiB for a card to cut, or a capture that lies */
    if (header < 20 || header > len || header > total)
        return false;
    ip->addr_len = 4;
    ip->src = p + 12;
    ip->dst = p + 16;
    ip->proto = p[9];
    ip->ttl = p[8];
    ip->ecn = p[1] & 3;
    ip->id = get_be16(p + 4);
    ip->is_fragment = (get_be16(p + 6) & 0x3fff) != 0;
    ip->is_later_fragment = (get_be16(p + 6) & 0x1fff) != 0;
    ip->payload = p + header;
    ip->payload_len = total - header;
    ip->captured = len - header < ip->payload_len ? len - header : ip->payload_len;
    return true;
}

static bool
parse_v6(struct ip_seen *ip, const uint8_t *p, uint32_t len, uint32_t wire_len)
{
    uint32_t total, at = 40;

    if (len < 40)
        return false;
    total = get_be16(p + 4);
    total = total == 0 || total + 40 > wire_len ? wire_len : total + 40;
    ip->addr_len = 16;
    ip->src = p + 8;
    ip->dst = p + 24;
    ip->proto = p[6];
    ip->ttl = p[7];
    ip->ecn = p[1] >> 4 & 3;
    for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
        bool is_fragment = ip->proto == 44;

        if (ip->proto != 0 && ip->proto != 43 && ip->proto != 60 && !is_fragment)
            break;
        if (len - at < 8)
            return false;
        if (is_fragment) {
            ip->is_fragment = ip->is_fragment || (get_be16(p + at + 2) & 0xfff9) != 0;
            ip->is_later_fragment = (get_be16(p + at + 2) & 0xfff8) != 0;
        }
        ip->proto = p[at];
        at += is_fragment ? 8 : (p[at + 1] + 1u) * 8;
        if (at > len || at > total)
            return false;
        if (ip->is_later_fragment)
            break;
    }
    ip->payload = p + at;
    ip->payload_len = total - at;
    ip->captured = len - at < ip->payload_len ? len - at : ip->payload_len;
    return true;
}

static bool
parse_ip(struct ip_seen *ip, const uint8_t *p, uint32_t len, uint32_t wire_len)
{
    *ip = (struct ip_seen){ .version = len > 0 ? p[0] >> 4 : 0 };
    if (ip->version == 4)
        return parse_v4(ip, p, len, wire_len);
    return ip->version == 6 && parse_v6(ip, p, len, wire_len);
}

static struct estab_endpoint
endpoint(const struct ip_seen *ip, const uint8_t *addr, uint16_t port)
{
    struct estab_endpoint e = { .port = port };

    e.addr.family = (uint8_t)(ip->version == 4 ? ESTAB_INET : ESTAB_INET6);
    memcpy(e.addr.bytes, addr, ip->addr_len);
    return e;
}

/* ---- TCP ---- */

/* Of a segment that is here as a whole. A card that sums for the host leaves
 * the sum of the pseudo-header in the field: that is no damage. */
static bool
is_damaged(const struct ip_seen *ip)
{
    uint64_t pseudo;
    uint16_t field;

    pseudo = estab_csum_pseudo(ip->src, ip->dst, ip->addr_len, PROTO_TCP, ip->payload_len);
    if (csum_fold(estab_csum_add(ip->payload, ip->payload_len, pseudo)) == 0xffff)
        return false;
    memcpy(&field, ip->payload + 16, 2);
    return field != csum_fold(pseudo);
}

static void
take_segment(struct estab_trace_segment *to, const struct tcp_seg *s, uint32_t len)
{
    to->seq = s->seq;
    to->ack = s->ack;
    to->wnd = s->wnd;
    to->len = len;
    to->up = s->up;
    to->ctl = s->ctl;
    to->ae = s->ae;
    to->has_mss = s->has_mss;
    to->mss = s->mss;
    to->has_wscale = s->has_wscale;
    to->wscale = s->wscale;
    to->sack_permitted = s->sack_permitted;
    to->has_ts = s->has_ts;
    to->ts_val = s->ts_val;
    to->ts_ecr = s->ts_ecr;
    to->has_fast_open = s->has_fast_open;
    to->fast_open_len = s->fast_open_len;
    to->sack_blocks = s->sack_blocks < 4 ? s->sack_blocks : 4;
    memcpy(to->sack, s->sack, sizeof to->sack);
}

static enum parsed
parse_tcp(struct packet_seen *p, const struct ip_seen *ip)
{
    uint8_t bare[TCP_HEADER_MIN];
    const uint8_t *tcp = ip->payload;
    uint32_t captured = ip->captured, header;
    struct tcp_seg seg = { 0 };

    if (captured < TCP_HEADER_MIN)
        return PARSED_MALFORMED;
    header = (tcp[12] >> 4) * 4u;
    if (header < TCP_HEADER_MIN || header > ip->payload_len)
        return PARSED_MALFORMED;
    if (header > captured) { /* cut within the options: what the fixed part says */
        memcpy(bare, tcp, sizeof bare);
        bare[12] = (uint8_t)(0x50 | (bare[12] & 15));
        tcp = bare;
        captured = sizeof bare;
    }
    if (estab_tcp_parse(&seg, tcp, captured) != ESTAB_SEG_NONE)
        return PARSED_MALFORMED;
    take_segment(&p->seg, &seg, ip->payload_len - header);
    p->from = endpoint(ip, ip->src, seg.src_port);
    p->to = endpoint(ip, ip->dst, seg.dst_port);
    p->ttl = ip->ttl;
    p->ecn = ip->ecn;
    p->ip_id = ip->id;
    p->has_ip_id = ip->version == 4 && ip->id != 0;
    p->checksum = get_be16(ip->payload + 16);
    p->summed = ip->captured == ip->payload_len && ip->payload_len <= UINT16_MAX;
    p->damaged = p->summed && is_damaged(ip);
    return PARSED_TCP;
}

/* ---- ICMP: errors about a segment ---- */

static bool
is_error(unsigned version, unsigned type)
{
    if (version == 4)
        return type == 3 || type == 11 || type == 12;
    return type >= 1 && type <= 4;
}

static enum parsed
parse_icmp(struct icmp_seen *icmp, const struct ip_seen *ip)
{
    struct ip_seen about;
    const uint8_t *p = ip->payload;

    if (ip->captured < 8 || !is_error(ip->version, p[0]))
        return PARSED_OTHER;
    if (!parse_ip(&about, p + 8, ip->captured - 8, UINT16_MAX) || about.is_later_fragment ||
        about.proto != PROTO_TCP || about.captured < 4)
        return PARSED_OTHER;
    *icmp = (struct icmp_seen){
        .from = endpoint(ip, ip->src, 0).addr,
        .family = (uint8_t)(ip->version == 4 ? ESTAB_INET : ESTAB_INET6),
        .type = p[0],
        .code = p[1],
        .local = endpoint(&about, about.src, get_be16(about.payload)),
        .remote = endpoint(&about, about.dst, get_be16(about.payload + 2)),
    };
    return PARSED_ICMP;
}

enum parsed
estab_trace_parse(struct packet_seen *p, struct icmp_seen *icmp, const uint8_t *packet,
                  uint32_t len, uint32_t wire_len)
{
    struct ip_seen ip;

    if (!parse_ip(&ip, packet, len, wire_len))
        return PARSED_MALFORMED;
    if (ip.is_fragment && ip.proto == PROTO_TCP)
        return PARSED_FRAGMENT;
    p->packet = packet;
    p->packet_len = len;
    p->octets = wire_len;
    if (ip.proto == PROTO_TCP)
        return parse_tcp(p, &ip);
    if (ip.proto == (ip.version == 4 ? PROTO_ICMP : PROTO_ICMPV6) && !ip.is_later_fragment)
        return parse_icmp(icmp, &ip);
    return PARSED_OTHER;
}
