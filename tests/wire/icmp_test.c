/* SPDX-License-Identifier: MIT */
/* ICMP and ICMPv6 messages and the packets that they quote. */
#include "wire/icmp.h"

#include "harness/test.h"
#include "sim/prng.h"
#include "wire/packet.h"
#include "wire/tcp_header.h"

#include <string.h>

static const uint8_t a4[4] = { 192, 0, 2, 1 }, b4[4] = { 192, 0, 2, 2 };
static const uint8_t a6[16] = { 0xfe, 0x80, [15] = 1 }, b6[16] = { 0xfe, 0x80, [15] = 2 };

static struct ip_header
around(const uint8_t *message, uint32_t len, unsigned version)
{
    return (struct ip_header){
        .version = (uint8_t)version,
        .proto = version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6,
        .addr_len = version == 4 ? 4 : 16,
        .src = version == 4 ? a4 : a6,
        .dst = version == 4 ? b4 : b6,
        .payload = message,
        .payload_len = len,
    };
}

static uint32_t
write_message(uint8_t *p, unsigned version, uint8_t type, uint8_t code, uint32_t rest,
              const void *body, uint32_t len)
{
    return estab_icmp_write(p, version, type, code, rest, body, len, version == 4 ? a4 : a6,
                            version == 4 ? b4 : b6);
}

TEST(what_is_written_reads_back)
{
    for (unsigned version = 4; version <= 6; version += 2)
        for (uint32_t len = 0; len < 70; len++) {
            uint8_t p[100], body[70];
            struct icmp_message m;
            struct ip_header ip;
            uint32_t n;

            sim_stream_fill(version, len, body, sizeof(body));
            n = write_message(p, version, version == 4 ? 8 : 128, 0, 0x12345678, body, len);
            assert_int_equal(n, 8 + len);
            ip = around(p, n, version);
            assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_NONE);
            assert_int_equal(m.kind, ICMP_ECHO_REQUEST);
            assert_int_equal(m.body_len, 4 + len); /* from the identifier on */
            assert_int_equal(get_be32(m.body), 0x12345678);
            assert_memory_equal(m.body + 4, body, len);
        }
}

TEST(every_flipped_bit_and_every_truncation_is_malformed)
{
    for (unsigned version = 4; version <= 6; version += 2) {
        uint8_t p[60];
        struct icmp_message m;
        struct ip_header ip;
        uint32_t n = write_message(p, version, 3, 1, 0, "some packet of ours, quoted", 27);

        for (uint32_t bit = 0; bit < n * 8; bit++) {
            p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            ip = around(p, n, version);
            assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_DROP_ICMP_MALFORMED);
            p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (uint32_t len = 0; len < n; len++) {
            uint8_t *copy = exact(p, len);

            ip = around(copy, len, version);
            assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_DROP_ICMP_MALFORMED);
            free(copy);
        }
    }
}

/* RFC 4443 §2.3: the checksum of ICMPv6 covers the addresses, that of ICMP does not. */
TEST(icmpv6_for_another_address_fails_its_checksum)
{
    uint8_t p[60];
    struct icmp_message m;
    struct ip_header ip = around(p, write_message(p, 6, 128, 0, 1, "x", 1), 6);

    ip.dst = a6;
    assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_DROP_ICMP_MALFORMED);
    ip = around(p, write_message(p, 4, 8, 0, 1, "x", 1), 4);
    ip.dst = a4;
    assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_NONE);
}

static enum icmp_kind
kind_of(unsigned version, unsigned type, unsigned code)
{
    uint8_t p[60];
    struct icmp_message m;
    struct ip_header ip = around(
        p, write_message(p, version, (uint8_t)type, (uint8_t)code, 0, "12345678", 8), version);

    assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_NONE);
    assert_int_equal(m.type, type);
    assert_int_equal(m.code, code);
    return m.kind;
}

TEST(kinds_of_icmp)
{
    static const enum icmp_kind unreachable[16] = {
        [0] = ICMP_NET_UNREACHABLE,   [1] = ICMP_HOST_UNREACHABLE,  [2] = ICMP_PROTO_UNREACHABLE,
        [3] = ICMP_PORT_UNREACHABLE,  [4] = ICMP_PACKET_TOO_BIG,    [5] = ICMP_HOST_UNREACHABLE,
        [6] = ICMP_NET_UNREACHABLE,   [7] = ICMP_HOST_UNREACHABLE,  [8] = ICMP_HOST_UNREACHABLE,
        [9] = ICMP_NET_UNREACHABLE,   [10] = ICMP_HOST_UNREACHABLE, [11] = ICMP_NET_UNREACHABLE,
        [12] = ICMP_HOST_UNREACHABLE, [13] = ICMP_ADMIN_PROHIBITED, [14] = ICMP_HOST_UNREACHABLE,
        [15] = ICMP_HOST_UNREACHABLE,
    };

    for (unsigned code = 0; code < 256; code++) {
        assert_int_equal(kind_of(4, 3, code), code < 16 ? unreachable[code] : ICMP_OTHER);
        assert_int_equal(kind_of(4, 11, code), ICMP_TIME_EXCEEDED);
    }
    assert_int_equal(kind_of(4, 0, 0), ICMP_ECHO_REPLY);
    assert_int_equal(kind_of(4, 8, 0), ICMP_ECHO_REQUEST);
    assert_int_equal(kind_of(4, 4, 0), ICMP_SOURCE_QUENCH); /* known, to be dropped */
    assert_int_equal(kind_of(4, 5, 1), ICMP_REDIRECT);
    assert_int_equal(kind_of(4, 12, 0), ICMP_PARAMETER_PROBLEM);
    for (unsigned type = 13; type < 256; type++)
        assert_int_equal(kind_of(4, type, 0), ICMP_OTHER);
}

TEST(kinds_of_icmpv6)
{
    static const enum icmp_kind unreachable[7] = {
        ICMP_NET_UNREACHABLE,  ICMP_ADMIN_PROHIBITED, ICMP_HOST_UNREACHABLE, ICMP_HOST_UNREACHABLE,
        ICMP_PORT_UNREACHABLE, ICMP_HOST_UNREACHABLE, ICMP_HOST_UNREACHABLE,
    };

    for (unsigned code = 0; code < 256; code++) {
        assert_int_equal(kind_of(6, 1, code), code < 7 ? unreachable[code] : ICMP_OTHER);
        assert_int_equal(kind_of(6, 2, code), ICMP_PACKET_TOO_BIG);
        assert_int_equal(kind_of(6, 3, code), ICMP_TIME_EXCEEDED);
        assert_int_equal(kind_of(6, 4, code),
                         code == 1 ? ICMP_PROTO_UNREACHABLE : ICMP_PARAMETER_PROBLEM);
    }
    for (unsigned type = 5; type < 256; type++)
        assert_int_equal(kind_of(6, type, 0), type == 128   ? ICMP_ECHO_REQUEST
                                              : type == 129 ? ICMP_ECHO_REPLY
                                              : type == 137 ? ICMP_REDIRECT
                                                            : ICMP_OTHER);
}

/* RFC 1191 §4: 16 bits, 0 from an old router; RFC 4443 §3.2: 32 bits. */
TEST(packet_too_big_tells_the_mtu)
{
    uint8_t p[60];
    struct icmp_message m;
    struct ip_header ip = around(p, write_message(p, 4, 3, 4, 1400, "12345678", 8), 4);

    assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_NONE);
    assert_int_equal(m.mtu, 1400);
    assert_memory_equal(m.body, "12345678", 8);
    ip = around(p, write_message(p, 4, 3, 4, 0xffff0000, "", 0), 4);
    assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_NONE);
    assert_int_equal(m.mtu, 0);
    ip = around(p, write_message(p, 6, 2, 0, 0x12345678, "", 0), 6);
    assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_NONE);
    assert_int_equal(m.mtu, 0x12345678);
    ip = around(p, write_message(p, 4, 3, 3, 1400, "", 0), 4);
    assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_NONE);
    assert_int_equal(m.mtu, 0); /* another kind has none */
}

/* ---- the quoted packet ---- */

static uint32_t
quoted_packet(uint8_t *p, unsigned version, unsigned ihl)
{
    struct tcp_seg seg = { .src_port = 1000, .dst_port = 80, .seq = 0x01020304, .ctl = CTL_ACK };
    uint32_t header = estab_ip_write(p, version, IP_PROTO_TCP, 64, 0, version == 4 ? a4 : a6,
                                     version == 4 ? b4 : b6, 0, 20 + (ihl - 5) * 4);

    if (version == 4) {
        p[0] = (uint8_t)(0x40 | ihl);
        memset(p + 20, 1, (ihl - 5) * 4);
        header = ihl * 4;
    }
    return header + estab_tcp_write(p + header, &seg, 0);
}

static bool
read_quote(struct icmp_quote *q, const uint8_t *data, uint32_t len, unsigned version)
{
    struct icmp_message m = { .kind = ICMP_HOST_UNREACHABLE, .body = data, .body_len = len };

    return estab_icmp_quote(q, &m, version);
}

/* RFC 792: the header and 64 bits of what follows are all one can count on. */
TEST(a_quote_is_read_as_far_as_it_goes)
{
    for (unsigned version = 4; version <= 6; version += 2)
        for (unsigned ihl = 5; ihl <= (version == 4 ? 15u : 5u); ihl++) {
            uint8_t p[100];
            uint32_t n = quoted_packet(p, version, ihl);
            uint32_t header = version == 4 ? ihl * 4 : 40;

            for (uint32_t len = 0; len <= n; len++) {
                uint8_t *copy = exact(p, len);
                struct icmp_quote q;

                assert_int_equal(read_quote(&q, copy, len, version), len >= header + 4);
                if (len >= header + 4) {
                    assert_int_equal(q.version, version);
                    assert_int_equal(q.proto, IP_PROTO_TCP);
                    assert_true(q.src_port == 1000 && q.dst_port == 80);
                    assert_memory_equal(q.src, version == 4 ? a4 : a6, q.addr_len);
                    assert_memory_equal(q.dst, version == 4 ? b4 : b6, q.addr_len);
                    assert_int_equal(q.has_seq, len >= header + 8);
                    if (q.has_seq)
                        assert_int_equal(q.seq, 0x01020304);
                }
                free(copy);
            }
        }
}

/* CVE-2022-23093: the inner header length is not to be believed. */
TEST(a_quote_that_is_no_packet_of_ours_is_refused)
{
    uint8_t p[100];
    uint32_t n = quoted_packet(p, 4, 5);
    struct icmp_quote q;

    assert_true(read_quote(&q, p, n, 4));
    assert_false(read_quote(&q, p, n, 6));
    for (unsigned ihl = 0; ihl < 5; ihl++) {
        p[0] = (uint8_t)(0x40 | ihl);
        assert_false(read_quote(&q, p, n, 4));
    }
    for (unsigned ihl = 10; ihl < 16; ihl++) { /* beyond the quote */
        p[0] = (uint8_t)(0x40 | ihl);
        assert_false(read_quote(&q, p, n, 4));
    }
    n = quoted_packet(p, 4, 5);
    p[9] = 99;
    assert_false(read_quote(&q, p, n, 4));
    p[9] = IP_PROTO_UDP; /* has ports, and no sequence number */
    assert_true(read_quote(&q, p, n, 4));
    assert_false(q.has_seq);
    n = quoted_packet(p, 4, 5);
    put_be16(p + 6, 1); /* a later fragment has no ports */
    assert_false(read_quote(&q, p, n, 4));
    put_be16(p + 6, 0x2000); /* the first one has */
    assert_true(read_quote(&q, p, n, 4));

    n = quoted_packet(p, 6, 5);
    assert_true(read_quote(&q, p, n, 6));
    assert_false(read_quote(&q, p, n, 4));
    p[6] = 60; /* we send no extension headers */
    assert_false(read_quote(&q, p, n, 6));
}
