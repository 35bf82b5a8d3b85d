/* SPDX-License-Identifier: MIT */
/* See packet.h. Written to be obvious, not fast: RFC 791 §3.1, RFC 8200 §3, RFC 9293 §3.1. */
#include "sim/packet.h"

#include <string.h>

enum { ICMP = 1, TCP = 6, ICMPV6 = 58 };

static uint32_t
be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
be32(const uint8_t *p)
{
    return be16(p) << 16 | be16(p + 2);
}

static void
put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* RFC 1071: the sum of 16-bit words, the carries added at the end. */
static uint32_t
sum(const uint8_t *p, uint32_t len, uint32_t start)
{
    uint64_t total = start;

    for (; len >= 2; p += 2, len -= 2)
        total += be16(p);
    if (len == 1)
        total += (uint32_t)p[0] << 8;
    while (total >> 16 != 0)
        total = (total & 0xffff) + (total >> 16);
    return (uint32_t)total;
}

/* Over the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1). ICMP for IPv4 has none. */
static uint32_t
pseudo_sum(const uint8_t *ip, unsigned version, unsigned proto, uint32_t len)
{
    uint32_t start = (len >> 16) + (len & 0xffff) + proto;

    if (version == 4)
        return proto == ICMP ? 0 : sum(ip + 12, 8, start);
    return sum(ip + 8, 32, start);
}

static void
read_options(struct estab_trace_segment *seg, const uint8_t *p, uint32_t len)
{
    while (len > 0 && p[0] != 0) {
        uint32_t n;

        if (p[0] == 1) {
            p++;
            len--;
            continue;
        }
        if (len < 2 || p[1] < 2 || p[1] > len)
            return;
        n = p[1];
        if (p[0] == 2 && n == 4) {
            seg->has_mss = true;
            seg->mss = (uint16_t)be16(p + 2);
        } else if (p[0] == 3 && n == 3) {
            seg->has_wscale = true;
            seg->wscale = p[2];
        } else if (p[0] == 4 && n == 2) {
            seg->sack_permitted = true;
        } else if (p[0] == 5 && n >= 10 && n <= 34 && (n - 2) % 8 == 0) {
            seg->sack_blocks = (uint8_t)((n - 2) / 8);
            for (uint32_t i = 0; i < seg->sack_blocks; i++) {
                seg->sack[i][0] = be32(p + 2 + 8 * i);
                seg->sack[i][1] = be32(p + 6 + 8 * i);
            }
        } else if (p[0] == 8 && n == 10) {
            seg->has_ts = true;
            seg->ts_val = be32(p + 2);
            seg->ts_ecr = be32(p + 6);
        } else if (p[0] == 34 && (seg->ctl & ESTAB_CTL_SYN) != 0 &&
                   (n == 2 || (n >= 6 && n <= 18 && n % 2 == 0))) {
            seg->has_fast_open = true;
            seg->fast_open_len = (uint8_t)(n - 2);
        }
        p += n;
        len -= n;
    }
}

static void
read_tcp(struct sim_packet *p, const uint8_t *tcp, uint32_t len)
{
    uint32_t offset;

    if (len < 20)
        return;
    offset = (uint32_t)(tcp[12] >> 4) * 4;
    if (offset < 20 || offset > len)
        return;
    p->is_tcp = true;
    p->tcp_header_len = offset;
    p->src.port = (uint16_t)be16(tcp);
    p->dst.port = (uint16_t)be16(tcp + 2);
    p->seg.seq = be32(tcp + 4);
    p->seg.ack = be32(tcp + 8);
    p->seg.ctl = tcp[13];
    p->seg.wnd = be16(tcp + 14);
    p->seg.up = (uint16_t)be16(tcp + 18);
    p->seg.len = len - offset;
    p->text = tcp + offset;
    read_options(&p->seg, tcp + 20, offset - 20);
}

void
sim_packet_read(struct sim_packet *p, const uint8_t *data, uint32_t len)
{
    uint32_t header, proto, payload;
    bool header_valid = true;

    memset(p, 0, sizeof *p);
    if (len < 20)
        return;
    p->version = data[0] >> 4;
    if (p->version == 4) {
        header = (uint32_t)(data[0] & 15) * 4;
        p->ip_len = be16(data + 2);
        if (header < 20 || header > p->ip_len || p->ip_len > len || (be16(data + 6) & 0x3fff) != 0)
            return;
        proto = data[9];
        p->ttl = data[8];
        header_valid = sum(data, header, 0) == 0xffff;
        p->src.addr.family = p->dst.addr.family = ESTAB_INET;
        memcpy(p->src.addr.bytes, data + 12, 4);
        memcpy(p->dst.addr.bytes, data + 16, 4);
    } else if (p->version == 6 && len >= 40) {
        header = 40;
        p->ip_len = 40 + be16(data + 4);
        if (p->ip_len > len)
            return;
        proto = data[6];
        p->ttl = data[7];
        p->src.addr.family = p->dst.addr.family = ESTAB_INET6;
        memcpy(p->src.addr.bytes, data + 8, 16);
        memcpy(p->dst.addr.bytes, data + 24, 16);
    } else {
        return;
    }
    p->is_ip = true;
    p->ip_header_len = header;
    payload = p->ip_len - header;
    p->is_icmp = proto == (p->version == 4 ? ICMP : ICMPV6);
    p->sums_valid = header_valid && sum(data + header, payload,
                                        pseudo_sum(data, p->version, proto, payload)) == 0xffff;
    if (proto == TCP)
        read_tcp(p, data + header, payload);
}

bool
sim_segment_equal(const struct estab_trace_segment *a, const struct estab_trace_segment *b)
{
    if (a->seq != b->seq || a->ack != b->ack || a->wnd != b->wnd || a->len != b->len ||
        a->up != b->up || a->ctl != b->ctl || a->has_mss != b->has_mss ||
        a->has_wscale != b->has_wscale || a->sack_permitted != b->sack_permitted ||
        a->has_ts != b->has_ts || a->sack_blocks != b->sack_blocks ||
        a->has_fast_open != b->has_fast_open || a->fast_open_len != b->fast_open_len)
        return false;
    if ((a->has_mss && a->mss != b->mss) || (a->has_wscale && a->wscale != b->wscale) ||
        (a->has_ts && (a->ts_val != b->ts_val || a->ts_ecr != b->ts_ecr)))
        return false;
    for (unsigned i = 0; i < a->sack_blocks && i < 4; i++)
        if (a->sack[i][0] != b->sack[i][0] || a->sack[i][1] != b->sack[i][1])
            return false;
    return true;
}

bool
sim_endpoint_equal(const struct estab_endpoint *a, const struct estab_endpoint *b)
{
    return a->port == b->port && estab_addr_equal(&a->addr, &b->addr);
}

void
sim_packet_seal(uint8_t *data, uint32_t len)
{
    unsigned version = len != 0 ? data[0] >> 4 : 0;
    uint32_t header = version == 4 ? 20 : 40, at;
    unsigned proto;

    if ((version != 4 && version != 6) || len < header)
        return;
    if (version == 4) {
        header = (uint32_t)(data[0] & 15) * 4;
        if (header < 20 || header > len)
            return;
        put16(data + 10, 0);
        put16(data + 10, ~sum(data, header, 0));
    }
    proto = version == 4 ? data[9] : data[6];
    at = proto == TCP ? 16 : 2;
    if ((proto != TCP && proto != ICMP && proto != ICMPV6) || len < header + at + 2)
        return;
    put16(data + header + at, 0);
    put16(data + header + at,
          ~sum(data + header, len - header, pseudo_sum(data, version, proto, len - header)));
}

uint32_t
sim_icmp_error(uint8_t *out, enum sim_icmp what, uint32_t mtu, const uint8_t *packet, uint32_t len)
{
    struct sim_packet p;
    uint32_t header, quoted, total;

    sim_packet_read(&p, packet, len);
    if (!p.is_tcp)
        return 0; /* an error about an ICMP message is never sent (RFC 1122 §3.2.2) */
    header = p.version == 4 ? 20 : 40;
    quoted = p.ip_header_len + 8;
    total = header + 8 + quoted;
    memset(out, 0, total);
    if (p.version == 4) {
        out[0] = 0x45;
        put16(out + 2, total);
        out[8] = 64;
        out[9] = ICMP;
        memcpy(out + 12, packet + 16, 4);
        memcpy(out + 16, packet + 12, 4);
        out[20] = 3; /* destination unreachable */
        out[21] = what == SIM_ICMP_TOO_BIG ? 4 : what == SIM_ICMP_PORT_UNREACHABLE ? 3 : 1;
        if (what == SIM_ICMP_TOO_BIG)
            put16(out + 26, mtu);
    } else {
        out[0] = 0x60;
        put16(out + 4, 8 + quoted);
        out[6] = ICMPV6;
        out[7] = 64;
        memcpy(out + 8, packet + 24, 16);
        memcpy(out + 24, packet + 8, 16);
        out[40] = what == SIM_ICMP_TOO_BIG ? 2 : 1;
        out[41] = what == SIM_ICMP_TOO_BIG ? 0 : what == SIM_ICMP_PORT_UNREACHABLE ? 4 : 3;
        if (what == SIM_ICMP_TOO_BIG) {
            put16(out + 44, mtu >> 16);
            put16(out + 46, mtu);
        }
    }
    memcpy(out + header + 8, packet, quoted);
    sim_packet_seal(out, total);
    return total;
}

uint32_t
sim_packet_forge(uint8_t *out, const uint8_t *packet, uint32_t len, uint64_t random)
{
    /* No bare SYN: in SYN-SENT it is a simultaneous open, and in TIME-WAIT a new connection. */
    static const uint8_t ctl[8] = {
        ESTAB_CTL_RST,
        ESTAB_CTL_RST | ESTAB_CTL_ACK,
        ESTAB_CTL_ACK,
        ESTAB_CTL_FIN | ESTAB_CTL_ACK,
        ESTAB_CTL_SYN | ESTAB_CTL_ACK,
        0,
        ESTAB_CTL_SYN | ESTAB_CTL_FIN | ESTAB_CTL_ACK,
        ESTAB_CTL_FIN | ESTAB_CTL_PSH | ESTAB_CTL_URG,
    };
    uint32_t text = (uint32_t)(random >> 3 & 7), total, seq, ack;
    struct sim_packet p;
    uint8_t *tcp;

    sim_packet_read(&p, packet, len);
    if (!p.is_tcp || p.ip_header_len > 40)
        return 0;
    total = p.ip_header_len + 20 + text;
    memcpy(out, packet, p.ip_header_len + 20);
    if (p.version == 4)
        put16(out + 2, total);
    else
        put16(out + 4, 20 + text);
    tcp = out + p.ip_header_len;
    seq = p.seg.seq + 0x70000000 + (uint32_t)(random >> 8 & 0x1fffffff);
    ack = p.seg.ack + 0x70000000 + (uint32_t)(random >> 35 & 0x1fffffff);
    put16(tcp + 4, seq >> 16);
    put16(tcp + 6, seq);
    put16(tcp + 8, ack >> 16);
    put16(tcp + 10, ack);
    tcp[12] = 0x50;
    tcp[13] = ctl[random & 7];
    memset(tcp + 20, 0xbd, text);
    sim_packet_seal(out, total);
    return total;
}
