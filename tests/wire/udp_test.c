/* SPDX-License-Identifier: MIT */
/* UDP headers: RFC 768, RFC 8200 §8.1. */
#include "wire/udp.h"

#include "harness/test.h"
#include "sim/prng.h"
#include "wire/packet.h"

#include <string.h>

static const uint8_t src[16] = { 0x20, 1, [15] = 1 }, dst[16] = { 0x20, 1, [15] = 2 };

static struct ip_header
around(const uint8_t *payload, uint32_t len, unsigned version)
{
    return (struct ip_header){
        .version = (uint8_t)version,
        .proto = IP_PROTO_UDP,
        .addr_len = version == 4 ? 4 : 16,
        .src = src,
        .dst = dst,
        .payload = payload,
        .payload_len = len,
    };
}

/* Every length; and every bit of it, flipped, is seen by the checksum or the length. */
TEST(what_is_written_reads_back_and_a_flipped_bit_does_not)
{
    for (unsigned version = 4; version <= 6; version += 2)
        for (uint32_t len = 0; len < 60; len++) {
            uint8_t p[UDP_HEADER + 60];
            struct udp_header u;
            struct ip_header ip;

            sim_stream_fill(version, len, p + UDP_HEADER, len);
            estab_udp_write(p, 1234, 4321, src, dst, version == 4 ? 4 : 16, p + UDP_HEADER, len);
            ip = around(p, UDP_HEADER + len, version);
            assert_int_equal(estab_udp_parse(&u, &ip), ESTAB_SEG_NONE);
            assert_true(u.src_port == 1234 && u.dst_port == 4321 && u.data_len == len);
            assert_ptr_equal(u.data, p + UDP_HEADER);
            assert_true(estab_udp_checksum_is_right(&u, &ip));
            for (uint32_t bit = 0; bit < (UDP_HEADER + len) * 8; bit++) {
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
                if (estab_udp_parse(&u, &ip) == ESTAB_SEG_NONE && !u.no_checksum)
                    assert_false(estab_udp_checksum_is_right(&u, &ip));
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
        }
}

/* Nothing is read beyond the payload, whatever the length field says. */
TEST(a_header_is_read_within_its_end)
{
    for (uint32_t len = 0; len < 40; len++)
        for (uint32_t field = 0; field < 80; field++) {
            uint8_t p[80] = { 0, 7, 0, 9 }, *copy;
            struct udp_header u;
            struct ip_header ip;

            put_be16(p + 4, field);
            put_be16(p + 6, 1);
            copy = exact(p, len);
            ip = around(copy, len, 4);
            if (len >= 8 && field >= 8 && field <= len) {
                assert_int_equal(estab_udp_parse(&u, &ip), ESTAB_SEG_NONE);
                assert_int_equal(u.data_len, field - 8);
                (void)estab_udp_checksum_is_right(&u, &ip);
            } else {
                assert_int_equal(estab_udp_parse(&u, &ip), ESTAB_SEG_DROP_UDP_HEADER);
            }
            free(copy);
        }
}

/* The sum of nothing but zeros and of what makes it zero are told apart from none. */
TEST(a_checksum_that_comes_out_as_zero_is_sent_as_ones)
{
    unsigned ones = 0;

    for (uint32_t i = 0; i < 65536; i++) {
        uint8_t p[10] = { 0 };

        put_be16(p + 8, i);
        estab_udp_write(p, 1, 2, src, dst, 16, p + 8, 2);
        assert_int_not_equal(get_be16(p + 6), 0);
        ones += get_be16(p + 6) == 0xffff;
    }
    assert_int_equal(ones, 1);
}
