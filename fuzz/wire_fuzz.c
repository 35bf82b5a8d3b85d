/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the parsers of src/wire: nothing they return may point outside of the packet, and what
 * they understood, written and read again, must mean the same.
 */
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip_header.h"
#include "wire/tcp_header.h"
#include "wire/udp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static bool
is_inside(const uint8_t *p, size_t len, const uint8_t *data, size_t size)
{
    return len == 0 || (p >= data && p + len <= data + size);
}

static void
check_tcp(const uint8_t *data, uint32_t len)
{
    uint8_t header[TCP_HEADER_MAX];
    struct tcp_seg seg, again;

    if (estab_tcp_parse(&seg, data, len) != ESTAB_SEG_NONE)
        return;
    REQUIRE(seg.header_len >= TCP_HEADER_MIN && seg.header_len <= TCP_HEADER_MAX);
    REQUIRE(seg.header_len + seg.len == len);
    REQUIRE(is_inside(seg.text, seg.len, data, len));
    REQUIRE(seg.sack_blocks <= TCP_SACK_BLOCKS_MAX);
    for (unsigned layout = 0; layout < 2; layout++) {
        uint32_t n;

        memset(header, 0xee, sizeof header);
        n = estab_tcp_write(header, &seg, layout);
        REQUIRE(n == estab_tcp_header_len(&seg, layout) && n % 4 == 0 && n <= TCP_HEADER_MAX);
        REQUIRE(estab_tcp_parse(&again, header, n) == ESTAB_SEG_NONE);
        REQUIRE(again.seq == seg.seq && again.ack == seg.ack && again.wnd == seg.wnd &&
                again.up == seg.up && again.src_port == seg.src_port &&
                again.dst_port == seg.dst_port && again.ctl == seg.ctl && again.len == 0);
        REQUIRE(again.has_mss == seg.has_mss && (!seg.has_mss || again.mss == seg.mss));
        REQUIRE(again.has_wscale == seg.has_wscale &&
                (!seg.has_wscale || again.wscale == seg.wscale));
        REQUIRE(again.sack_permitted == seg.sack_permitted && again.has_ts == seg.has_ts);
        REQUIRE(!seg.has_ts || (again.ts_val == seg.ts_val && again.ts_ecr == seg.ts_ecr));
        /* Blocks for which there is no room beside the timestamps are left out. */
        REQUIRE(again.sack_blocks <= seg.sack_blocks);
        for (unsigned i = 0; i < again.sack_blocks; i++)
            REQUIRE(again.sack[i][0] == seg.sack[i][0] && again.sack[i][1] == seg.sack[i][1]);
    }
}

static void
check_ip(const uint8_t *data, uint32_t len, bool csum_verified)
{
    struct ip_header ip;
    struct icmp_message m;
    struct icmp_quote q;
    struct udp_header u;
    enum estab_verdict v;

    v = estab_ip_parse(&ip, data, len, csum_verified);
    if (ip.problem)
        REQUIRE(v != ESTAB_SEG_NONE && ip.version == 6 && ip.problem_at < len &&
                ip.problem_code <= 2);
    if (v != ESTAB_SEG_NONE && !ip.fragment)
        return;
    REQUIRE(!ip.fragment || (v == ESTAB_SEG_DROP_IP_FRAGMENT && ip.payload_len > 0 &&
                             ip.offset % 8 == 0 && ip.offset + ip.payload_len <= 65535));
    REQUIRE(ip.header_len <= (size_t)(ip.payload - data));
    if (len > 40)
        (void)estab_ip_is_icmp_error(data, len);
    REQUIRE((ip.version == 4 && ip.addr_len == 4) || (ip.version == 6 && ip.addr_len == 16));
    REQUIRE(is_inside(ip.src, ip.addr_len, data, len));
    REQUIRE(is_inside(ip.dst, ip.addr_len, data, len));
    REQUIRE(is_inside(ip.payload, ip.payload_len, data, len));
    if (ip.fragment)
        return;
    if (ip.proto == IP_PROTO_UDP && estab_udp_parse(&u, &ip) == ESTAB_SEG_NONE) {
        REQUIRE(is_inside(u.data, u.data_len, ip.payload, ip.payload_len));
        (void)estab_udp_checksum_is_right(&u, &ip);
    }
    if (ip.proto == IP_PROTO_TCP)
        check_tcp(ip.payload, ip.payload_len);
    if (ip.proto != (ip.version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6))
        return;
    if (estab_icmp_parse(&m, &ip) != ESTAB_SEG_NONE)
        return;
    REQUIRE(is_inside(m.body, m.body_len, data, len));
    if (!estab_icmp_quote(&q, &m, ip.version))
        return;
    REQUIRE(is_inside(q.src, q.addr_len, data, len) && is_inside(q.dst, q.addr_len, data, len));
}

/* The fast sum and the copying sum against the definition. */
static void
check_sums(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len + 1);
    uint64_t sum = 0;

    if (copy == NULL)
        return;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint64_t)data[i] << 8 : data[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    copy[len] = 0x77;
    for (unsigned way = 0; way < 2; way++) {
        uint16_t folded = csum_fold(way == 0 ? estab_csum_add(data, len, 0)
                                             : estab_csum_copy(copy, data, len, 0));
        uint8_t octets[2];

        memcpy(octets, &folded, 2); /* native order: the octets are in the order of the wire */
        REQUIRE((uint64_t)(octets[0] << 8 | octets[1]) % 0xffff == sum % 0xffff);
    }
    REQUIRE((len == 0 || memcmp(copy, data, len) == 0) && copy[len] == 0x77);
    free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t addr[16] = { 0 };
    struct ip_header ip = { .version = 4, .proto = IP_PROTO_ICMP, .addr_len = 4 };
    struct icmp_message m;
    struct icmp_quote q;

    if (size > 65535)
        return 0;
    check_sums(data, size);
    check_ip(data, (uint32_t)size, false);
    check_ip(data, (uint32_t)size, true);
    check_tcp(data, (uint32_t)size);
    ip.src = ip.dst = addr;
    ip.payload = data;
    ip.payload_len = (uint32_t)size;
    if (estab_icmp_parse(&m, &ip) == ESTAB_SEG_NONE && estab_icmp_quote(&q, &m, 4))
        REQUIRE(is_inside(q.src, q.addr_len, data, size));
    m = (struct icmp_message){ .kind = ICMP_NET_UNREACHABLE,
                               .body = data,
                               .body_len = (uint32_t)size };
    for (unsigned version = 4; version <= 6; version += 2)
        if (estab_icmp_quote(&q, &m, version))
            REQUIRE(is_inside(q.dst, q.addr_len, data, size));
    return 0;
}
