/* SPDX-License-Identifier: MIT */
/* IP headers: every length that lies, fragments, source routes and chains of extensions. */
#include "wire/ip_header.h"

#include "harness/test.h"
#include "sim/prng.h"
#include "wire/packet.h"

#include <string.h>

static const uint8_t src4[4] = { 192, 0, 2, 1 }, dst4[4] = { 198, 51, 100, 2 };
static const uint8_t src6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
static const uint8_t dst6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 };

/* Parses a copy that ends where the packet ends. */
static enum estab_verdict
parse_exact(const uint8_t *packet, uint32_t len, bool verified, struct ip_header *out)
{
    uint8_t *p = exact(packet, len);
    struct ip_header ip;
    enum estab_verdict v = estab_ip_parse(&ip, p, len, verified);

    if (v == ESTAB_SEG_NONE) {
        assert_true(ip.payload >= p && ip.payload + ip.payload_len <= p + len);
        ip.src = packet + (ip.src - p);
        ip.dst = packet + (ip.dst - p);
        ip.payload = packet + (ip.payload - p);
        if (out != NULL)
            *out = ip;
    }
    free(p);
    return v;
}

static uint32_t
packet_v4(uint8_t *p, uint32_t payload)
{
    memset(p, 0xab, 20 + payload);
    return estab_ip_write(p, 4, IP_PROTO_TCP, 64, 0x2e, src4, dst4, 7, payload) + payload;
}

static uint32_t
packet_v6(uint8_t *p, uint32_t payload)
{
    memset(p, 0xab, 40 + payload);
    return estab_ip_write(p, 6, IP_PROTO_TCP, 63, 0x2e, src6, dst6, 0, payload) + payload;
}

TEST(what_is_written_reads_back)
{
    uint8_t p[200];
    struct ip_header ip;

    assert_int_equal(parse_exact(p, packet_v4(p, 30), false, &ip), ESTAB_SEG_NONE);
    assert_true(ip.version == 4 && ip.addr_len == 4 && ip.proto == IP_PROTO_TCP);
    assert_true(ip.ttl == 64 && ip.tos == 0x2e && ip.df);
    assert_memory_equal(ip.src, src4, 4);
    assert_memory_equal(ip.dst, dst4, 4);
    assert_ptr_equal(ip.payload, p + 20);
    assert_int_equal(ip.payload_len, 30);
    assert_int_equal(get_be16(p + 4), 7);
    assert_int_equal(csum_fold(estab_csum_add(p, 20, 0)), 0xffff);

    assert_int_equal(parse_exact(p, packet_v6(p, 30), false, &ip), ESTAB_SEG_NONE);
    assert_true(ip.version == 6 && ip.addr_len == 16 && ip.proto == IP_PROTO_TCP);
    assert_true(ip.ttl == 63 && ip.tos == 0x2e);
    assert_memory_equal(ip.src, src6, 16);
    assert_memory_equal(ip.dst, dst6, 16);
    assert_ptr_equal(ip.payload, p + 40);
    assert_int_equal(ip.payload_len, 30);
}

TEST(every_truncation_is_refused)
{
    uint8_t p[200];
    uint32_t len = packet_v4(p, 40);

    assert_int_equal(parse_exact(p, 0, false, NULL), ESTAB_SEG_DROP_IP_VERSION);
    for (uint32_t n = 1; n < len; n++)
        assert_int_equal(parse_exact(p, n, false, NULL), ESTAB_SEG_DROP_IP_HEADER);
    len = packet_v6(p, 40);
    for (uint32_t n = 1; n < len; n++)
        assert_int_equal(parse_exact(p, n, false, NULL), ESTAB_SEG_DROP_IP_HEADER);
}

/* Ethernet pads short frames: what lies behind the packet is not part of it. */
TEST(padding_of_the_link_is_cut_off)
{
    uint8_t p[200];
    struct ip_header ip;

    packet_v4(p, 6);
    assert_int_equal(parse_exact(p, 46, false, &ip), ESTAB_SEG_NONE);
    assert_int_equal(ip.payload_len, 6);
    packet_v6(p, 0);
    assert_int_equal(parse_exact(p, 46, false, &ip), ESTAB_SEG_NONE);
    assert_int_equal(ip.payload_len, 0);
}

/* RFC1122-3.2.1.1 */
TEST(other_versions_are_refused)
{
    uint8_t p[200];
    uint32_t len = packet_v6(p, 40);

    for (unsigned version = 0; version < 16; version++) {
        if (version == 4 || version == 6)
            continue;
        p[0] = (uint8_t)(version << 4 | 5);
        assert_int_equal(parse_exact(p, len, true, NULL), ESTAB_SEG_DROP_IP_VERSION);
    }
}

/* RFC791-3.1-LEN, CVE-2018-16601 and its kin: header length against total length against what is there.
 * vuln: IP header length / total length inconsistency */
TEST(every_header_length_with_every_total_length)
{
    uint8_t p[120];
    struct ip_header ip;

    for (unsigned ihl = 0; ihl < 16; ihl++)
        for (uint32_t total = 0; total < 140; total++) {
            bool good = ihl >= 5 && total >= ihl * 4 && total <= sizeof(p);

            packet_v4(p, 100);
            memset(p + 20, 1, 40); /* options: NOP */
            p[0] = (uint8_t)(0x40 | ihl);
            put_be16(p + 2, total);
            sum_v4(p);
            assert_int_equal(parse_exact(p, sizeof(p), false, &ip),
                             good ? ESTAB_SEG_NONE : ESTAB_SEG_DROP_IP_HEADER);
            if (good)
                assert_int_equal(ip.payload_len, total - ihl * 4);
        }
}

/* RFC1122-3.2.1.2 */
TEST(one_flipped_bit_fails_the_header_checksum)
{
    uint8_t p[60];
    uint32_t len = packet_v4(p, 40);

    for (unsigned bit = 8; bit < 160; bit++) {
        enum estab_verdict v;

        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        v = parse_exact(p, len, false, NULL);
        /* a total length that is too long is seen before */
        assert_true(v == ESTAB_SEG_DROP_IP_CHECKSUM ||
                    ((bit / 8 == 2 || bit / 8 == 3) && v == ESTAB_SEG_DROP_IP_HEADER));
        p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    p[10] ^= 1;
    assert_int_equal(parse_exact(p, len, true, NULL), ESTAB_SEG_NONE); /* the link verified it */
}

/* RFC 791 §3.2, RFC 3128 §2, CVE-1999-0128: which fragments can be part of a datagram. */
TEST(fragments_are_told_by_offset_and_flag)
{
    uint8_t p[60];
    uint32_t len = packet_v4(p, 40);
    struct ip_header ip;

    for (uint32_t word = 0; word <= 0xffff; word++) {
        bool whole = (word & 0x3fff) == 0;
        uint32_t offset = (word & 0x1fff) * 8;

        put_be16(p + 6, word);
        assert_int_equal(estab_ip_parse(&ip, p, len, true), whole ? ESTAB_SEG_NONE
                                                            : offset == 8
                                                                ? ESTAB_SEG_DROP_FRAGMENT_TINY
                                                                : ESTAB_SEG_DROP_IP_FRAGMENT);
        assert_int_equal(ip.fragment, !whole && offset != 8 && offset + len <= 65535);
        if (whole)
            assert_int_equal(ip.df, (word & 0x4000) != 0);
        if (ip.fragment) {
            assert_int_equal(ip.offset, offset);
            assert_int_equal(ip.more, (word & 0x2000) != 0);
            assert_int_equal(ip.id, 7);
            assert_int_equal(ip.payload_len, 40);
        }
    }
}

static enum estab_verdict
parse_options(const uint8_t *options, uint32_t n)
{
    uint8_t p[100];
    uint32_t header = 20 + (n + 3) / 4 * 4;

    memset(p, 0, sizeof(p));
    estab_ip_write(p, 4, IP_PROTO_TCP, 64, 0, src4, dst4, 0, header - 20 + 20);
    p[0] = (uint8_t)(0x40 | header / 4);
    memcpy(p + 20, options, n);
    sum_v4(p);
    return parse_exact(p, header + 20, false, NULL);
}

/* RFC7126-SRCROUTE: RFC 7126 §4.3, §4.4. */
TEST(source_routes_are_refused_wherever_they_stand)
{
    static const uint8_t loose[] = { 131, 7, 4, 1, 2, 3, 4 }, strict[] = { 137, 3, 4 };
    static const uint8_t later[] = { 1, 1, 7, 3, 4, 131, 3, 4 }, behind_end[] = { 0, 131, 3, 4 };

    assert_int_equal(parse_options(loose, sizeof(loose)), ESTAB_SEG_DROP_IP_SOURCE_ROUTE);
    assert_int_equal(parse_options(strict, sizeof(strict)), ESTAB_SEG_DROP_IP_SOURCE_ROUTE);
    assert_int_equal(parse_options(later, sizeof(later)), ESTAB_SEG_DROP_IP_SOURCE_ROUTE);
    assert_int_equal(parse_options(behind_end, sizeof(behind_end)), ESTAB_SEG_NONE);
}

/* MUST-50: unknown options are passed over. */
TEST(other_options_of_ipv4_are_skipped_by_their_length)
{
    for (unsigned kind = 2; kind < 256; kind++)
        for (unsigned len = 0; len <= 40; len++) {
            uint8_t options[40] = { 0 };
            bool route = kind == 131 || kind == 137;

            options[0] = (uint8_t)kind;
            options[1] = (uint8_t)len;
            if (len < 2)
                assert_int_equal(parse_options(options, 40), ESTAB_SEG_DROP_IP_HEADER);
            else
                assert_int_equal(parse_options(options, 40),
                                 route ? ESTAB_SEG_DROP_IP_SOURCE_ROUTE : ESTAB_SEG_NONE);
        }
    /* a length beyond the header, or none at all */
    for (unsigned n = 1; n <= 40; n++) {
        uint8_t options[40];

        memset(options, 1, sizeof(options));
        options[39] = 7;
        assert_int_equal(parse_options(options, 40), ESTAB_SEG_DROP_IP_HEADER);
        options[39] = 1;
        options[40 - n] = 7;
        if (n >= 2) {
            options[41 - n] = (uint8_t)(n + 1);
            assert_int_equal(parse_options(options, 40), ESTAB_SEG_DROP_IP_HEADER);
        }
    }
}

/* ---- IPv6 ---- */

/* CVE-2020-17441: the payload length against what is there.
 * vuln: IPv6 payload length mismatch */
TEST(every_payload_length_of_ipv6)
{
    uint8_t p[140];
    struct ip_header ip;

    packet_v6(p, 100);
    for (uint32_t n = 0; n <= 65535; n++) {
        enum estab_verdict v;

        put_be16(p + 4, n);
        v = estab_ip_parse(&ip, p, sizeof(p), false);
        assert_int_equal(v, n <= 100 ? ESTAB_SEG_NONE : ESTAB_SEG_DROP_IP_HEADER);
        if (v == ESTAB_SEG_NONE)
            assert_int_equal(ip.payload_len, n);
    }
}

/* A packet with extension headers, each 8 octets: next header, length, and 6 octets. */
static uint32_t
chain(uint8_t *p, const uint8_t *kinds, unsigned n, uint32_t text)
{
    uint8_t *ext = p + 40;

    estab_ip_write(p, 6, n > 0 ? kinds[0] : IP_PROTO_TCP, 64, 0, src6, dst6, 0, 8 * n + text);
    for (unsigned i = 0; i < n; i++, ext += 8) {
        memset(ext, 0, 8);
        ext[0] = i + 1 < n ? kinds[i + 1] : IP_PROTO_TCP;
        if (kinds[i] == 0 || kinds[i] == 60)
            ext[2] = 1, ext[3] = 4; /* PadN */
    }
    memset(ext, 0xcd, text);
    return 40 + 8 * n + text;
}

/* RFC8504-EHLIMIT */
TEST(extension_headers_are_walked_up_to_eight)
{
    static const uint8_t all[] = { 0, 60, 43, 44, 60, 60, 60, 60, 60 };
    uint8_t p[200];
    struct ip_header ip;

    for (unsigned n = 0; n <= 9; n++) {
        uint32_t len = chain(p, all, n, 20);

        if (n == 9) {
            assert_int_equal(parse_exact(p, len, false, NULL), ESTAB_SEG_DROP_IP_HEADER);
            break;
        }
        assert_int_equal(parse_exact(p, len, false, &ip), ESTAB_SEG_NONE);
        assert_int_equal(ip.proto, IP_PROTO_TCP);
        assert_ptr_equal(ip.payload, p + 40 + 8 * n);
        assert_int_equal(ip.payload_len, 20);
        for (uint32_t cut = 1; cut < len; cut++)
            assert_int_equal(parse_exact(p, cut, false, NULL), ESTAB_SEG_DROP_IP_HEADER);
    }
}

/* The chain ends at the payload's end, whatever the lengths in it say. */
TEST(a_chain_is_cut_by_the_payload_length)
{
    static const uint8_t kinds[] = { 60, 60, 60 };
    uint8_t p[200];

    for (uint32_t payload = 0; payload < 24; payload++) {
        chain(p, kinds, 3, 40);
        put_be16(p + 4, payload);
        assert_int_equal(parse_exact(p, 40 + 24 + 40, false, NULL), ESTAB_SEG_DROP_IP_HEADER);
    }
    for (unsigned n = 1; n < 256; n++) {
        uint32_t len = chain(p, kinds, 1, 40);

        p[41] = (uint8_t)n;
        memset(p + 42, 0, 6 + 40); /* Pad1 */
        assert_int_equal(parse_exact(p, len, false, NULL),
                         n <= 5 ? ESTAB_SEG_NONE : ESTAB_SEG_DROP_IP_HEADER);
    }
}

/* RFC 8200 §4.1: hop-by-hop options directly behind the IPv6 header or not at all; the loops of
 * CVE-2020-13984 and its kin end here too. */
TEST(hop_by_hop_options_come_first)
{
    static const uint8_t first[] = { 0, 60 }, second[] = { 60, 0 }, twice[] = { 0, 0 };
    uint8_t p[200];

    assert_int_equal(parse_exact(p, chain(p, first, 2, 20), false, NULL), ESTAB_SEG_NONE);
    assert_int_equal(parse_exact(p, chain(p, second, 2, 20), false, NULL),
                     ESTAB_SEG_DROP_IP_HEADER);
    assert_int_equal(parse_exact(p, chain(p, twice, 2, 20), false, NULL), ESTAB_SEG_DROP_IP_HEADER);
}

/* MUST-50, RFC8200-4.2-OPTACT: the two highest bits of an unknown option say skip, discard, or discard
 * and tell, and whether that goes for groups; the pointer is that of the option. */
TEST(unknown_ipv6_options_are_skipped_or_refused_as_they_ask)
{
    static const uint8_t kinds[] = { 60 };

    for (unsigned kind = 2; kind < 256; kind++)
        for (unsigned len = 0; len <= 6; len++) {
            uint8_t p[200];
            uint32_t n = chain(p, kinds, 1, 20);
            struct ip_header ip;

            memset(p + 42, 0, 6);
            p[42] = (uint8_t)kind;
            p[43] = (uint8_t)len;
            assert_int_equal(estab_ip_parse(&ip, p, n, false), len > 4 ? ESTAB_SEG_DROP_IP_HEADER
                                                               : kind >> 6 == 0
                                                                   ? ESTAB_SEG_NONE
                                                                   : ESTAB_SEG_DROP_IP_OPTION);
            assert_int_equal(ip.problem, len <= 4 && kind >> 6 >= 2);
            if (ip.problem) {
                assert_int_equal(ip.problem_code, 2);
                assert_int_equal(ip.problem_at, 42);
                assert_int_equal(ip.problem_to_groups, kind >> 6 == 2);
            }
        }
}

/* RFC 2711 §2.1: two octets, 0 for MLD, in the hop-by-hop header and nowhere else. */
TEST(the_router_alert_of_mld_is_seen_where_it_may_stand)
{
    static const uint8_t kinds[] = { 0, 60 };

    for (unsigned first = 0; first < 2; first++)
        for (unsigned value = 0; value < 2; value++) {
            uint8_t p[200];
            uint32_t n = chain(p, kinds + first, 2 - first, 20);
            struct ip_header ip;

            memcpy(p + 42, (uint8_t[6]){ 5, 2, 0, (uint8_t)value, 1, 0 }, 6);
            assert_int_equal(estab_ip_parse(&ip, p, n, false), ESTAB_SEG_NONE);
            assert_int_equal(ip.router_alert, first == 0 && value == 0);
            p[43] = 1; /* too short to have a value */
            p[45] = 1;
            p[46] = 0;
            assert_int_equal(estab_ip_parse(&ip, p, n, false), ESTAB_SEG_NONE);
            assert_false(ip.router_alert);
        }
}

TEST(an_ipv6_option_without_a_length_is_refused)
{
    static const uint8_t kinds[] = { 60 };
    uint8_t p[200];
    uint32_t n = chain(p, kinds, 1, 20);

    memset(p + 42, 0, 6);
    p[47] = 5;
    assert_int_equal(parse_exact(p, n, false, NULL), ESTAB_SEG_DROP_IP_HEADER);
}

/* RFC 6946: offset 0 and no more fragments is a whole packet. */
TEST(an_atomic_fragment_is_whole_and_every_other_is_refused)
{
    static const uint8_t kinds[] = { 44 };
    uint8_t p[200];
    uint32_t n = chain(p, kinds, 1, 20);
    struct ip_header ip;

    for (uint32_t word = 0; word <= 0xffff; word++) {
        bool last = (word & 1) == 0; /* only that may have 20 octets */
        uint32_t offset = word & 0xfff8;

        put_be16(p + 42, word);
        assert_int_equal(estab_ip_parse(&ip, p, n, false), (word & 0xfff9) == 0 ? ESTAB_SEG_NONE
                                                           : last && offset == 8
                                                               ? ESTAB_SEG_DROP_FRAGMENT_TINY
                                                               : ESTAB_SEG_DROP_IP_FRAGMENT);
        assert_int_equal(ip.fragment, offset != 0 && offset != 8 && last && offset + 20 <= 65535);
        if (ip.fragment) {
            assert_int_equal(ip.offset, offset);
            assert_int_equal(ip.header_len, 40);
            assert_int_equal(ip.next_at, 6);
        }
    }
    put_be16(p + 42, 0);
    p[41] = 0xff; /* reserved: not a length */
    assert_int_equal(parse_exact(p, n, false, &ip), ESTAB_SEG_NONE);
    assert_int_equal(ip.payload_len, 20);
}

/* RFC5095-RH0: routing headers that want to go on are refused, whatever their type. */
TEST(a_routing_header_with_segments_left_is_refused)
{
    static const uint8_t kinds[] = { 43 };
    uint8_t p[200];
    uint32_t n = chain(p, kinds, 1, 20);

    for (unsigned type = 0; type < 256; type++)
        for (unsigned left = 0; left < 256; left += 51) {
            p[42] = (uint8_t)type;
            p[43] = (uint8_t)left;
            assert_int_equal(parse_exact(p, n, false, NULL),
                             left == 0 ? ESTAB_SEG_NONE : ESTAB_SEG_DROP_IP_SOURCE_ROUTE);
        }
}

TEST(headers_that_are_not_walked_are_left_to_the_caller)
{
    static const uint8_t others[] = { 1, 17, 50, 51, 58, 59, 135, 255 };
    uint8_t p[200];
    struct ip_header ip;

    for (unsigned i = 0; i < sizeof(others); i++) {
        uint32_t n = packet_v6(p, 20);

        p[6] = others[i];
        assert_int_equal(parse_exact(p, n, false, &ip), ESTAB_SEG_NONE);
        assert_int_equal(ip.proto, others[i]);
        assert_int_equal(ip.payload_len, 20);
    }
}

TEST(random_packets_are_read_within_their_end)
{
    struct sim_prng dice;

    sim_prng_seed(&dice, 1);
    for (unsigned n = 0; n < 100000; n++) {
        static const uint8_t next[] = { 0, 43, 44, 60, 6, 58 };
        uint32_t len = (uint32_t)sim_prng_below(&dice, 120);
        uint8_t p[120];

        sim_stream_fill(9, n * 120ull, p, sizeof(p));
        p[0] = sim_prng_chance(&dice, 500000) ? 0x60 : (uint8_t)(0x40 | (p[0] & 15));
        for (unsigned i = 0; i < 3; i++) /* plausible now and then */
            p[(const unsigned[]){ 6, 40, 48 }[i]] = next[sim_prng_below(&dice, 6)];
        put_be16(p + (p[0] == 0x60 ? 4 : 2), (uint32_t)sim_prng_below(&dice, len + 2));
        p[41] &= 3;
        p[49] &= 1;
        if (p[0] != 0x60)
            p[6] &= 0x40, p[7] = 0;
        (void)parse_exact(p, len, n % 2 == 0, NULL);
    }
}
