/* SPDX-License-Identifier: MIT */
/* Ethernet frames, ARP, neighbour discovery and group membership: octets and structs. */
#include "wire/arp.h"
#include "wire/ethernet.h"
#include "wire/groups.h"
#include "wire/nd.h"

#include "base/bytes.h"
#include "harness/test.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t us[6] = { 2, 0, 0, 0, 0, 1 }, them[6] = { 2, 0, 0, 0, 0, 2 };
static const uint8_t our6[16] = { 0xfe, 0x80, [15] = 1 }, their6[16] = { 0xfe, 0x80, [15] = 2 };
static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };

TEST(a_frame_reads_back_with_and_without_a_vlan)
{
    for (unsigned vlan = 0; vlan < 4095; vlan += 819) {
        uint8_t p[64] = { 0 };
        struct ether_frame f;
        uint32_t header = estab_ether_write(p, them, us, (uint16_t)vlan, ETHER_IPV6);

        assert_int_equal(header, vlan == 0 ? 14 : 18);
        assert_true(estab_ether_parse(&f, p, 64));
        assert_memory_equal(f.dst, them, 6);
        assert_memory_equal(f.src, us, 6);
        assert_int_equal(f.vlan, vlan);
        assert_int_equal(f.type, ETHER_IPV6);
        assert_ptr_equal(f.payload, p + header);
        assert_int_equal(f.payload_len, 64 - header);
    }
}

TEST(a_frame_cut_off_in_its_header_is_refused)
{
    for (unsigned vlan = 0; vlan < 2; vlan++)
        for (uint32_t len = 0; len <= 18; len++) {
            uint8_t p[18], *exact = malloc(len + 1);
            struct ether_frame f;
            uint32_t header = estab_ether_write(p, them, us, (uint16_t)vlan, ETHER_ARP);

            memcpy(exact, p, len < header ? len : header);
            assert_int_equal(len >= header,
                             estab_ether_parse(&f, exact, len < header ? len : header));
            free(exact);
        }
}

TEST(a_length_in_the_place_of_the_type_is_no_ip)
{
    uint8_t p[64];
    struct ether_frame f;

    estab_ether_write(p, them, us, 0, 0x05ff);
    assert_false(estab_ether_parse(&f, p, 64));
    estab_ether_write(p, them, us, 0, 0x0600);
    assert_true(estab_ether_parse(&f, p, 64));
}

/* vuln: Uninitialised or padding memory leak in frames (Etherleak) */
TEST(short_frames_are_filled_with_zeros)
{
    uint8_t p[80], zero[80] = { 0 };

    memset(p, 0x5a, sizeof(p));
    assert_int_equal(estab_ether_pad(p, 42, 80), 60);
    assert_memory_equal(p + 42, zero, 18);
    assert_int_equal(p[60], 0x5a);
    assert_int_equal(estab_ether_pad(p, 70, 80), 70);
    assert_int_equal(estab_ether_pad(p, 42, 50), 50);
}

TEST(multicast_addresses_have_their_group_addresses)
{
    static const uint8_t v4[4] = { 239, 129, 2, 3 }, all4[4] = { 255, 255, 255, 255 };
    static const uint8_t want4[6] = { 1, 0, 0x5e, 1, 2, 3 }, want6[6] = { 0x33, 0x33, 0, 0, 0, 1 };
    uint8_t mac[6];

    estab_ether_group(mac, v4, 4); /* 23 bits: the highest of 129 is not among them */
    assert_memory_equal(mac, want4, 6);
    estab_ether_group(mac, all_nodes, 16);
    assert_memory_equal(mac, want6, 6);
    estab_ether_group(mac, all4, 4);
    assert_int_equal(mac[0] & mac[5], 0xff);
}

static void
an_arp(uint8_t p[28])
{
    struct arp_packet a = { .op = ARP_REQUEST,
                            .sha = { 2, 0, 0, 0, 0, 2 },
                            .spa = { 10, 0, 0, 2 },
                            .tpa = { 10, 0, 0, 1 } };

    estab_arp_write(p, &a);
}

TEST(an_arp_packet_reads_back)
{
    uint8_t p[28];
    struct arp_packet a;

    an_arp(p);
    assert_true(estab_arp_parse(&a, p, 28));
    assert_int_equal(a.op, ARP_REQUEST);
    assert_memory_equal(a.sha, them, 6);
    assert_int_equal(get_be32(a.spa), 0x0a000002);
    assert_int_equal(get_be32(a.tpa), 0x0a000001);
}

/* RFC 826, Packet Reception. vuln: ARP length/type parsing bugs */
TEST(only_requests_and_replies_for_ipv4_over_ethernet_are_arp)
{
    struct arp_packet a;

    for (uint32_t at = 0; at < 8; at++)
        for (unsigned v = 0; v < 256; v++) {
            uint8_t p[28];
            bool good;

            an_arp(p);
            good = p[at] == v || (at == 7 && v == ARP_REPLY);
            p[at] = (uint8_t)v;
            assert_int_equal(estab_arp_parse(&a, p, 28), good);
        }
    for (uint32_t len = 0; len < 28; len++) {
        uint8_t p[28], *exact = malloc(len + 1);

        an_arp(p);
        memcpy(exact, p, len);
        assert_false(estab_arp_parse(&a, exact, len));
        free(exact);
    }
}

/* ---- neighbour discovery ---- */

static struct ip_header
around(const uint8_t *message, uint32_t len, const uint8_t *src, const uint8_t *dst)
{
    return (struct ip_header){ .version = 6,
                               .proto = IP_PROTO_ICMPV6,
                               .ttl = 255,
                               .addr_len = 16,
                               .src = src,
                               .dst = dst,
                               .payload = message,
                               .payload_len = len };
}

TEST(solicitations_and_advertisements_read_back)
{
    static const uint8_t types[] = { ND_ROUTER_SOLICIT, ND_NEIGHBOUR_SOLICIT, ND_NEIGHBOUR_ADVERT };

    for (unsigned i = 0; i < 3; i++)
        for (unsigned bits = 0; bits < 16; bits++) {
            struct nd_message m = { .type = types[i],
                                    .target = our6,
                                    .link = bits & 1 ? us : NULL,
                                    .router = bits & 2,
                                    .solicited = bits & 4,
                                    .override = bits & 8 },
                              out;
            uint8_t p[ND_MESSAGE_MAX];
            uint32_t len = estab_nd_write(p, &m, their6, our6);
            struct ip_header ip = around(p, len, their6, our6);
            struct icmp_message icmp;

            assert_int_equal(estab_icmp_parse(&icmp, &ip), ESTAB_SEG_NONE); /* the checksum */
            assert_int_equal(estab_nd_parse(&out, &ip), ESTAB_SEG_NONE);
            assert_int_equal(out.type, types[i]);
            assert_int_equal(out.link != NULL, m.link != NULL);
            if (m.link != NULL)
                assert_memory_equal(out.link, us, 6);
            if (types[i] != ND_ROUTER_SOLICIT)
                assert_memory_equal(out.target, our6, 16);
            if (types[i] != ND_NEIGHBOUR_ADVERT)
                continue;
            assert_int_equal(out.router, m.router);
            assert_int_equal(out.solicited, m.solicited);
            assert_int_equal(out.override, m.override);
        }
}

/* RFC 4861 §6.1, §7.1, §8.1, §11.2 */
TEST(a_hop_limit_below_255_is_from_beyond_a_router)
{
    struct nd_message m = { .type = ND_NEIGHBOUR_SOLICIT, .target = our6 }, out;
    uint8_t p[ND_MESSAGE_MAX];
    uint32_t len = estab_nd_write(p, &m, their6, our6);
    struct ip_header ip = around(p, len, their6, our6);

    for (ip.ttl = 0; ip.ttl < 255; ip.ttl++)
        assert_int_equal(estab_nd_parse(&out, &ip), ESTAB_SEG_DROP_ND_HOP_LIMIT);
    assert_int_equal(estab_nd_parse(&out, &ip), ESTAB_SEG_NONE);
}

TEST(every_message_has_its_least_length_and_code_0)
{
    static const uint8_t least[5] = { 8, 16, 24, 24, 40 };

    for (uint8_t type = ND_ROUTER_SOLICIT; type <= ND_REDIRECT; type++)
        for (uint32_t len = 0; len <= 40; len++) {
            uint8_t *p = calloc(1, len + 1);
            struct nd_message m;
            struct ip_header ip = around(p, len, their6, our6);

            p[0] = type;
            if (len >= 24)
                p[8] = 0xfe, p[9] = 0x80;
            /* whole options of 8 octets with length 0 are what follows: only the exact length is good */
            assert_int_equal(estab_nd_parse(&m, &ip) == ESTAB_SEG_NONE,
                             len == least[type - ND_ROUTER_SOLICIT]);
            if (len == least[type - ND_ROUTER_SOLICIT]) {
                p[1] = 1;
                assert_int_equal(estab_nd_parse(&m, &ip), ESTAB_SEG_DROP_ND_MALFORMED);
            }
            free(p);
        }
}

/* The rules about addresses of RFC 4861 §6.1.1, §6.1.2, §7.1.1, §7.1.2, §8.1. */
TEST(addresses_that_a_message_may_not_have_refuse_it)
{
    static const uint8_t nobody[16], global[16] = { 0x20, 1, 0xd, 0xb8, [15] = 9 };
    static const uint8_t group[16] = { 0xff, 2, [11] = 1, [12] = 0xff, [15] = 1 };
    static const struct {
        uint8_t type;
        bool link, solicited;
        const uint8_t *src, *dst, *target;
        bool good;
    } cases[] = {
        { ND_NEIGHBOUR_SOLICIT, true, false, their6, our6, our6, true },
        { ND_NEIGHBOUR_SOLICIT, false, false, nobody, group, our6, true },
        { ND_NEIGHBOUR_SOLICIT, true, false, nobody, group, our6, false },
        { ND_NEIGHBOUR_SOLICIT, false, false, nobody, our6, our6, false },
        { ND_NEIGHBOUR_SOLICIT, false, false, their6, our6, all_nodes, false },
        { ND_NEIGHBOUR_ADVERT, true, true, their6, our6, their6, true },
        { ND_NEIGHBOUR_ADVERT, true, false, their6, all_nodes, their6, true },
        { ND_NEIGHBOUR_ADVERT, true, true, their6, all_nodes, their6, false },
        { ND_NEIGHBOUR_ADVERT, true, true, their6, our6, all_nodes, false },
        { ND_ROUTER_SOLICIT, false, false, nobody, all_nodes, NULL, true },
        { ND_ROUTER_SOLICIT, true, false, nobody, all_nodes, NULL, false },
        { ND_ROUTER_SOLICIT, true, false, their6, all_nodes, NULL, true },
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct nd_message m = { .type = cases[i].type,
                                .target = cases[i].target,
                                .link = cases[i].link ? them : NULL,
                                .solicited = cases[i].solicited },
                          out;
        uint8_t p[ND_MESSAGE_MAX];
        uint32_t len = estab_nd_write(p, &m, cases[i].src, cases[i].dst);
        struct ip_header ip = around(p, len, cases[i].src, cases[i].dst);

        if ((estab_nd_parse(&out, &ip) == ESTAB_SEG_NONE) != cases[i].good)
            fail_msg("case %u", i);
    }
    for (unsigned good = 0; good < 2; good++) { /* a router speaks from its link-local address */
        uint8_t p[16] = { ND_ROUTER_ADVERT };
        struct nd_message out;
        struct ip_header ip = around(p, 16, good ? their6 : global, all_nodes);

        assert_int_equal(estab_nd_parse(&out, &ip) == ESTAB_SEG_NONE, good);
    }
}

/* RFC 4861 §4.2, §4.6; RFC 4191 §2.2 */
TEST(a_router_advertisement_tells_prefixes_mtu_and_times)
{
    uint8_t p[16 + 8 + 32 + 8 + 8] = {
        ND_ROUTER_ADVERT,
        0,
        0,
        0,
        64,
        0x80 | 0x08,
        0x07,
        0x08,
        0,
        0,
        0x75,
        0x30,
        0,
        0,
        3,
        0xe8,
        1,
        1,
        2,
        0,
        0,
        0,
        0,
        2, /* source link-layer address */
        3,
        4,
        64,
        0xc0,
        0,
        1,
        0x51,
        0x80,
        0,
        0,
        0x38,
        0x40,
        0,
        0,
        0,
        0,
        0x20,
        1,
        0xd,
        0xb8,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        5,
        1,
        0,
        0,
        0,
        0,
        5,
        0xdc,
        200,
        1,
        0,
        0,
        0,
        0,
        0,
        0, /* unknown: passed over */
    };
    struct nd_message m;
    struct ip_header ip = around(p, sizeof(p), their6, all_nodes);

    assert_int_equal(estab_nd_parse(&m, &ip), ESTAB_SEG_NONE);
    assert_int_equal(m.hop_limit, 64);
    assert_true(m.managed);
    assert_int_equal(m.preference, 1);
    assert_int_equal(m.router_lifetime, 1800);
    assert_int_equal(m.reachable_ms, 30000);
    assert_int_equal(m.retrans_ms, 1000);
    assert_int_equal(m.mtu, 1500);
    assert_memory_equal(m.link, them, 6);
    assert_int_equal(m.prefixes, 1);
    assert_int_equal(m.prefix[0].len, 64);
    assert_true(m.prefix[0].on_link && m.prefix[0].autonomous);
    assert_int_equal(m.prefix[0].valid, 86400);
    assert_int_equal(m.prefix[0].preferred, 14400);
}

/* RFC 4861 §4.6. vuln: IPv6 RA/ND option parsing overflow */
TEST(options_of_any_length_end_within_the_message)
{
    for (uint8_t type = ND_ROUTER_SOLICIT; type <= ND_REDIRECT; type++)
        for (unsigned kind = 0; kind < 32; kind++)
            for (unsigned units = 0; units < 256; units++)
                for (uint32_t room = 0; room <= 48; room += 4) {
                    static const uint8_t least[5] = { 8, 16, 24, 24, 40 };
                    uint32_t head = least[type - ND_ROUTER_SOLICIT], len = head + room;
                    uint8_t *p = calloc(1, len);
                    struct nd_message m;
                    struct ip_header ip = around(p, len, their6, our6);
                    enum estab_verdict v;

                    p[0] = type;
                    if (head >= 24)
                        p[8] = 0xfe, p[9] = 0x80;
                    if (room >= 4) {
                        p[head] = (uint8_t)kind;
                        p[head + 1] = (uint8_t)units;
                    }
                    v = estab_nd_parse(&m, &ip);
                    assert_int_equal(v, room == 0 || (units > 0 && units * 8 == room)
                                            ? ESTAB_SEG_NONE
                                            : ESTAB_SEG_DROP_ND_MALFORMED);
                    free(p);
                }
}

TEST(more_prefixes_than_we_look_at_are_passed_over)
{
    uint8_t p[16 + 20 * 32] = { ND_ROUTER_ADVERT };
    struct nd_message m;
    struct ip_header ip = around(p, sizeof(p), their6, all_nodes);

    for (unsigned i = 0; i < 20; i++) {
        p[16 + i * 32] = 3;
        p[16 + i * 32 + 1] = 4;
        p[16 + i * 32 + 2] = i == 0 ? 129 : 64; /* a prefix longer than an address is none */
    }
    assert_int_equal(estab_nd_parse(&m, &ip), ESTAB_SEG_NONE);
    assert_int_equal(m.prefixes, ND_PREFIXES_MAX);
}

/* ---- groups ---- */

/* RFC 3810 §5.2, RFC 3376 §4.2: hop limit 1, router alert, and the checksums are right. */
TEST(a_report_is_a_whole_packet_with_a_router_alert)
{
    for (unsigned n = 4; n <= 16; n += 12) {
        uint8_t groups[32] = { 0 }, p[128];
        struct ip_header ip;
        uint32_t len;

        groups[0] = groups[n] = n == 4 ? 239 : 0xff;
        groups[n - 1] = 7;
        len = estab_group_report(p, n, n == 4 ? (const uint8_t *)"\x0a\0\0\1" : our6,
                                 GROUP_TO_EXCLUDE, groups, 2);
        assert_int_equal(estab_ip_parse(&ip, p, len, false), ESTAB_SEG_NONE);
        assert_int_equal(ip.ttl, 1);
        if (n == 16) {
            struct icmp_message m;

            assert_int_equal(ip.proto, IP_PROTO_ICMPV6);
            assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_NONE);
            assert_int_equal(get_be32(p + 40), 0x3a000502); /* next header, length, router alert */
        } else {
            assert_int_equal(ip.proto, IP_PROTO_IGMP);
            assert_int_equal(csum_fold(estab_csum_add(ip.payload, ip.payload_len, 0)), 0xffff);
            assert_int_equal(get_be32(p + 20), 0x94040000);
        }
        assert_int_equal(ip.payload[0], n == 16 ? MLD_REPORT : IGMP_REPORT);
        assert_int_equal(get_be16(ip.payload + 6), 2);
        assert_int_equal(ip.payload[8], GROUP_TO_EXCLUDE);
        assert_memory_equal(ip.payload + 12, groups, n);
        assert_int_equal(ip.payload_len, 8 + 2 * (4 + n));
    }
}

/* vuln: IGMP/MLD parsing (NULL deref, leak) */
TEST(a_query_tells_how_long_an_answer_may_wait)
{
    uint8_t p[28] = { MLD_QUERY, 0, 0, 0, 0x03, 0xe8 };
    struct ip_header ip = around(p, 28, their6, all_nodes);
    struct group_query q;

    ip.router_alert = true;
    assert_false(estab_group_query_parse(&q, &ip)); /* from beyond the link */
    ip.ttl = 1;
    ip.router_alert = false;
    assert_false(estab_group_query_parse(&q, &ip)); /* RFC 3810 §6.2 */
    ip.router_alert = true;
    assert_true(estab_group_query_parse(&q, &ip));
    assert_null(q.group);
    assert_int_equal(q.max_delay_ms, 1000);
    put_be16(p + 4, 0x8000); /* RFC 3810 §5.1.3: (0 | 0x1000) << 3 */
    assert_true(estab_group_query_parse(&q, &ip));
    assert_int_equal(q.max_delay_ms, 0x8000);
    for (uint32_t len = 0; len < 28; len++) {
        ip.payload_len = len;
        assert_int_equal(estab_group_query_parse(&q, &ip), len == 24);
    }
}

/* vuln: IGMP/MLD parsing (NULL deref, leak)
 * Queries of all versions and what is no query, of each length up to 64 octets, with random contents
 * and a checksum that is right: what is taken has the length its version has at least, and the group
 * it names lies within it. IGMPv1 and v2: 8 octets, v3: 12 or more; MLDv1: 24, MLDv2: 28 or more. */
TEST(group_messages_of_any_length_and_content_are_read_within_their_end)
{
    static const uint8_t types[] = { IGMP_QUERY, 0x12, 0x16, 0x17,      IGMP_REPORT,
                                     MLD_QUERY,  131,  132,  MLD_REPORT };
    uint32_t seed = 5;

    for (unsigned version = 4; version <= 6; version += 2)
        for (unsigned t = 0; t < sizeof(types); t++)
            for (uint32_t len = 0; len <= 64; len++)
                for (unsigned round = 0; round < 40; round++) {
                    uint8_t *p =
                        malloc(len > 0 ? len : 1); /* so that a sanitizer sees who reads too far */
                    struct ip_header ip = { .version = version,
                                            .addr_len = version == 4 ? 4 : 16,
                                            .ttl = 1,
                                            .src = their6,
                                            .dst = all_nodes,
                                            .router_alert = true,
                                            .payload = p,
                                            .payload_len = len };
                    uint32_t least = version == 4 ? 8 : 24, addr_len = version == 4 ? 4 : 16;
                    struct group_query q;

                    for (uint32_t i = 0; i < len; i++) {
                        seed = seed * 1664525 + 1013904223;
                        p[i] = round < 2 ? (uint8_t)(255 * round) : (uint8_t)(seed >> 24);
                    }
                    if (len > 0)
                        p[0] = types[t];
                    if (version == 4 && len >= 4) {
                        uint16_t sum;

                        put_be16(p + 2, 0);
                        sum = (uint16_t)~csum_fold(estab_csum_add(p, len, 0));
                        memcpy(p + 2, &sum, 2);
                    }
                    if (estab_group_query_parse(&q, &ip)) {
                        assert_true(len >= least);
                        assert_int_equal(p[0], version == 4 ? IGMP_QUERY : MLD_QUERY);
                        assert_true(q.group == NULL ||
                                    (q.group >= p && q.group + addr_len <= p + len));
                        assert_true(q.max_delay_ms <= (version == 4 ? 3174400u : 8387584u));
                    } else {
                        bool none = len > least && len < least + 4; /* RFC 3376 §7.1 */

                        assert_true(len < least || none ||
                                    p[0] != (version == 4 ? IGMP_QUERY : MLD_QUERY));
                    }
                    free(p);
                }
}

/* RFC 3376 §7.1, RFC 3810 §8.1: its length (and code) tell the version of a query; other lengths are none. */
TEST(a_query_tells_its_version)
{
    uint8_t six[40] = { MLD_QUERY, 0, 0, 0, 0x80, 0 }, four[20];
    struct ip_header ip = around(six, 24, their6, all_nodes);
    struct group_query q;

    ip.router_alert = true;
    ip.ttl = 1;
    assert_true(estab_group_query_parse(&q, &ip));
    assert_int_equal(q.version, 1);
    assert_int_equal(q.max_delay_ms, 0x8000); /* as it is */
    ip.payload_len = 28;
    assert_true(estab_group_query_parse(&q, &ip));
    assert_int_equal(q.version, 2);
    ip = (struct ip_header){ .version = 4, .addr_len = 4, .ttl = 1, .payload = four };
    for (unsigned code = 0; code < 256; code += 51)
        for (uint32_t len = 0; len <= 20; len++) {
            uint16_t sum;

            memset(four, 0, sizeof(four));
            four[0] = IGMP_QUERY;
            four[1] = (uint8_t)code;
            sum = (uint16_t)~csum_fold(estab_csum_add(four, len, 0));
            memcpy(four + 2, &sum, 2);
            ip.payload_len = len;
            assert_int_equal(estab_group_query_parse(&q, &ip), len == 8 || len >= 12);
            if (len == 8 || len >= 12)
                assert_int_equal(q.version, len >= 12 ? 3 : code != 0 ? 2 : 1);
            if (len == 8)
                assert_int_equal(q.max_delay_ms, code != 0 ? 100 * code : 10000);
        }
}

/* RFC 2236 §2, RFC 2710 §3: to the group itself, or to all routers when it is left. */
TEST(an_old_report_is_a_whole_packet_with_a_router_alert)
{
    static const struct {
        uint8_t type;
        bool routers;
    } kinds[2][3] = { { { IGMP1_REPORT, false }, { IGMP2_REPORT, false }, { IGMP2_LEAVE, true } },
                      { { MLD1_REPORT, false }, { MLD1_DONE, true }, { MLD1_DONE, true } } };

    for (unsigned n = 4; n <= 16; n += 12)
        for (unsigned i = 0; i < 3; i++) {
            static const uint8_t from4[4] = { 10, 0, 0, 1 };
            uint8_t group[16] = { 0 }, routers[16] = { 0 }, p[72];
            struct ip_header ip;
            uint32_t len;
            uint8_t type = kinds[n == 16][i].type;

            group[0] = n == 4 ? 239 : 0xff;
            group[n - 1] = 7;
            routers[0] = n == 4 ? 224 : 0xff;
            routers[1] = n == 4 ? 0 : 2;
            routers[n - 1] = 2;
            len = estab_group_old_report(p, n, n == 4 ? from4 : our6, type, group);
            assert_int_equal(len, n == 4 ? 32 : 72);
            assert_int_equal(estab_ip_parse(&ip, p, len, false), ESTAB_SEG_NONE);
            assert_int_equal(ip.ttl, 1);
            assert_memory_equal(ip.dst, kinds[n == 16][i].routers ? routers : group, n);
            assert_int_equal(ip.payload[0], type);
            assert_memory_equal(ip.payload + (n == 4 ? 4 : 8), group, n);
            if (n == 16) {
                struct icmp_message m;

                assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_NONE);
                assert_int_equal(get_be32(p + 40), 0x3a000502);
            } else {
                assert_int_equal(csum_fold(estab_csum_add(ip.payload, ip.payload_len, 0)), 0xffff);
                assert_int_equal(get_be32(p + 20), 0x94040000);
            }
        }
}
