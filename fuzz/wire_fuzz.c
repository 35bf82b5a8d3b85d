/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the parsers of src/wire: nothing they return may point outside of the packet, and what
 * they understood, written and read again, must mean the same. The input is an IP packet, an
 * Ethernet frame, or the message of any of these protocols; the mutator makes most sums right.
 */
#include "fuzz/fix_sums.h"
#include "wire/arp.h"
#include "wire/dhcp.h"
#include "wire/icmp.h"
#include "wire/nd.h"
#include "wire/tcp_header.h"
#include "wire/udp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

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

/* ---- what lies on an Ethernet ---- */

static void
check_arp(const uint8_t *data, uint32_t len)
{
    struct arp_packet a, again;
    uint8_t written[ARP_LEN];

    if (!estab_arp_parse(&a, data, len))
        return;
    REQUIRE(len >= ARP_LEN && (a.op == ARP_REQUEST || a.op == ARP_REPLY));
    estab_arp_write(written, &a);
    REQUIRE(memcmp(written, data, ARP_LEN) == 0);
    REQUIRE(estab_arp_parse(&again, written, ARP_LEN));
}

/* `p` has room for `n` octets within the packet, or is not told. */
static bool
is_told_inside(const uint8_t *p, size_t n, const struct ip_header *ip)
{
    return p == NULL || is_inside(p, n, ip->payload, ip->payload_len);
}

static void
check_nd(const struct ip_header *ip)
{
    struct nd_message m, again;
    uint8_t out[ND_MESSAGE_MAX];
    struct ip_header of_it = *ip;

    if (ip->payload_len < 8 || !nd_is_type(ip->payload[0]) ||
        estab_nd_parse(&m, ip) != ESTAB_SEG_NONE)
        return;
    REQUIRE(ip->ttl == 255 && m.prefixes <= ND_PREFIXES_MAX);
    REQUIRE(is_told_inside(m.link, 6, ip));
    for (unsigned i = 0; i < m.prefixes; i++)
        REQUIRE(is_inside(m.prefix[i].prefix, 16, ip->payload, ip->payload_len) &&
                m.prefix[i].len <= 128);
    if (m.type >= ND_NEIGHBOUR_SOLICIT)
        REQUIRE(is_inside(m.target, 16, ip->payload, ip->payload_len));
    if (m.type == ND_REDIRECT)
        REQUIRE(is_inside(m.dst, 16, ip->payload, ip->payload_len));
    if (m.type == ND_REDIRECT || m.type == ND_ROUTER_ADVERT)
        return;
    of_it.payload = out;
    of_it.payload_len = estab_nd_write(out, &m, ip->src, ip->dst);
    REQUIRE(of_it.payload_len <= ND_MESSAGE_MAX);
    REQUIRE(estab_nd_parse(&again, &of_it) == ESTAB_SEG_NONE && again.type == m.type);
    REQUIRE((again.link == NULL) == (m.link == NULL) &&
            (m.link == NULL || memcmp(again.link, m.link, 6) == 0));
}

static void
check_group(const struct ip_header *ip)
{
    struct group_query q;

    if (!estab_group_query_parse(&q, ip))
        return;
    REQUIRE(is_told_inside(q.group, ip->addr_len, ip));
    REQUIRE(ip->payload_len >= (ip->version == 4 ? 8 : 24) && q.max_delay_ms < 1u << 24);
}

static void
check_dhcp(const uint8_t *data, size_t len)
{
    struct dhcp_message m, again;
    uint8_t out[ESTAB_DHCP_MESSAGE];

    if (estab_dhcp_parse(&m, data, len) != ESTAB_DHCP_VERDICT_COUNT)
        return;
    REQUIRE(len >= DHCP_FIXED && m.n_dns <= ESTAB_DHCP_DNS && m.n_routes <= ESTAB_DHCP_ROUTES);
    REQUIRE(memchr(m.name, 0, sizeof m.name) != NULL && (m.mtu == 0 || m.mtu >= 576));
    for (unsigned i = 0; i < m.n_routes; i++)
        REQUIRE(m.routes[i].len <= 32);
    if (m.op != 1 || m.type == 0 || m.hardware_len > sizeof m.hardware)
        return;
    REQUIRE(estab_dhcp_write(out, &m) <= ESTAB_DHCP_MESSAGE);
    REQUIRE(estab_dhcp_parse(&again, out, estab_dhcp_write(out, &m)) == ESTAB_DHCP_VERDICT_COUNT);
    REQUIRE(again.type == m.type && again.xid == m.xid);
}

static void
check_dhcp_in_ip(const uint8_t *data, size_t len)
{
    const uint8_t *message;
    size_t message_len = 0;

    message = estab_dhcp_read_ip(data, len, &message_len);
    if (message == NULL)
        return;
    REQUIRE(is_inside(message, message_len, data, len));
    check_dhcp(message, message_len);
}

/* ---- IP and what it carries ---- */

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
    if (ip.proto == IP_PROTO_IGMP && ip.version == 4)
        check_group(&ip);
    if (ip.proto != (ip.version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6))
        return;
    if (ip.version == 6) { /* a parser must hold whatever the sum was */
        check_nd(&ip);
        check_group(&ip);
    }
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

static void
check_frame(const uint8_t *data, uint32_t len)
{
    struct ether_frame f;

    if (!estab_ether_parse(&f, data, len))
        return;
    REQUIRE(is_inside(f.src, 6, data, len) && is_inside(f.dst, 6, data, len));
    REQUIRE(is_inside(f.payload, f.payload_len, data, len) && f.vlan <= 4095);
    if (f.type == ETHER_ARP)
        check_arp(f.payload, f.payload_len);
    if (f.type != ETHER_IPV4 && f.type != ETHER_IPV6)
        return;
    check_ip(f.payload, f.payload_len, false);
    check_dhcp_in_ip(f.payload, f.payload_len);
}

/* The input as a message from a neighbour, with addresses it may have. */
static void
check_messages(const uint8_t *data, uint32_t len)
{
    static const uint8_t link_local[16] = { 0xfe, 0x80, [15] = 2 };
    static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };

    for (unsigned version = 4; version <= 6; version += 2)
        for (unsigned ttl = 1; ttl <= 255; ttl += 254) {
            struct ip_header ip = { .version = version,
                                    .addr_len = version == 4 ? 4 : 16,
                                    .ttl = (uint8_t)ttl,
                                    .src = link_local,
                                    .dst = all_nodes,
                                    .proto = version == 4 ? IP_PROTO_IGMP : IP_PROTO_ICMPV6,
                                    .payload = data,
                                    .payload_len = len };

            check_group(&ip);
            if (version == 6)
                check_nd(&ip);
        }
}

/* Three of four times the sums are made right afterwards, two of four the lengths too; as a packet, or
 * as a frame when it can be one. */
size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, max);
    if (seed % 4 == 0 || size > 65535)
        return size;
    fix_ip(data, (uint32_t)size, seed % 4 >= 2);
    fix_frame(data, (uint32_t)size, seed % 4 >= 2);
    return size;
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
    check_frame(data, (uint32_t)size);
    check_arp(data, (uint32_t)size);
    check_messages(data, (uint32_t)size);
    check_dhcp(data, size);
    check_dhcp_in_ip(data, size);
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
