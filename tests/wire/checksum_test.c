/* SPDX-License-Identifier: MIT */
/* The Internet checksum (RFC 1071) against its definition, octet by octet. */
#include "wire/checksum.h"

#include "base/bytes.h"
#include "harness/test.h"
#include "sim/prng.h"
#include "wire/checksum_x86.h"

#include <string.h>

/* The sum as it stands in a packet: big-endian words, an odd octet padded with zero. */
static uint16_t
model(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint64_t)p[i] << 8 : p[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* A sum in native order, as the octets that it gives in a packet. */
static uint16_t
on_the_wire(uint64_t sum)
{
    uint16_t native = csum_fold(sum);
    uint8_t octets[2];

    memcpy(octets, &native, 2);
    return get_be16(octets);
}

/* RFC 1071 §3: the example's octets sum to ddf2. */
TEST(the_example_of_the_rfc)
{
    static const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

    assert_int_equal(on_the_wire(estab_csum_add(data, sizeof(data), 0)), 0xddf2);
}

/* What both ends of every connection stand on. */
TEST(every_length_and_alignment_agrees_with_the_definition)
{
    static uint8_t from[512], to[512];

    sim_stream_fill(1, 0, from, sizeof(from));
    for (size_t at = 0; at < 16; at++)
        for (size_t len = 0; len <= 300; len++) {
            uint16_t expected = model(from + at, len);
            size_t to_at = (at * 7 + len) % 16;

            assert_int_equal(on_the_wire(estab_csum_add(from + at, len, 0)), expected);
            memset(to, 0xee, sizeof(to));
            assert_int_equal(on_the_wire(estab_csum_copy(to + to_at, from + at, len, 0)), expected);
            assert_memory_equal(to + to_at, from + at, len);
            assert_int_equal(to[to_at + len], 0xee); /* and not an octet more */
            assert_true(to_at == 0 || to[to_at - 1] == 0xee);
        }
}

TEST(long_sums_do_not_lose_a_carry)
{
    static uint8_t ones[65535 + 64], copy[sizeof(ones)];
    static const size_t lengths[] = { 127, 128, 129, 1460, 4095, 8192, 65535 };

    memset(ones, 0xff, sizeof(ones));
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        uint16_t expected = model(ones + 1, lengths[i]);

        assert_int_equal(on_the_wire(estab_csum_add(ones + 1, lengths[i], 0)), expected);
        assert_int_equal(on_the_wire(estab_csum_copy(copy, ones + 1, lengths[i], 0)), expected);
        /* on top of a sum that is large already */
        assert_int_equal(on_the_wire(estab_csum_add(ones, 65534, (uint64_t)0xffff << 40)), 0xffff);
    }
}

TEST(zeros_sum_to_zero_and_nothing_else_does)
{
    uint8_t data[256] = { 0 };

    for (size_t len = 0; len <= sizeof(data); len++)
        assert_int_equal(csum_fold(estab_csum_add(data, len, 0)), 0);
    for (size_t i = 0; i < sizeof(data); i++) {
        memset(data, 0, sizeof(data));
        data[i] = 1;
        assert_int_not_equal(csum_fold(estab_csum_add(data, sizeof(data), 0)), 0);
        memset(data, 0xff, sizeof(data));
        assert_int_equal(csum_fold(estab_csum_add(data, sizeof(data), 0)), 0xffff);
    }
}

TEST(parts_add_up_wherever_the_cut_is)
{
    uint8_t data[400];

    sim_stream_fill(2, 0, data, sizeof(data));
    for (size_t cut = 0; cut <= sizeof(data); cut++) {
        uint64_t sum = estab_csum_add(data, cut, 0);
        uint64_t rest = estab_csum_add(data + cut, sizeof(data) - cut, 0);

        if (cut % 2 == 0)
            assert_int_equal(on_the_wire(estab_csum_add(data + cut, sizeof(data) - cut, sum)),
                             model(data, sizeof(data)));
        sum += cut % 2 != 0 ? csum_odd(rest) : rest;
        assert_int_equal(on_the_wire(sum), model(data, sizeof(data)));
    }
}

TEST(folding_keeps_the_value_of_any_sum)
{
    struct sim_prng dice;

    assert_int_equal(csum_fold(0), 0);
    assert_int_equal(csum_fold(UINT64_MAX), 0xffff);
    assert_int_equal(csum_fold(0x10000), 1);
    sim_prng_seed(&dice, 3);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t sum = sim_prng_log(&dice, 63);
        uint16_t folded = csum_fold(sum);

        assert_int_equal(folded % 0xffff, sum % 0xffff);
        assert_int_equal(folded == 0, sum == 0);
    }
}

/* RFC 9293 §3.1 and RFC 8200 §8.1: what is summed in front of the segment. */
TEST(the_pseudo_header_is_the_one_of_its_family)
{
    uint8_t src[16], dst[16], pseudo[40] = { 0 };

    sim_stream_fill(4, 0, src, 16);
    sim_stream_fill(5, 0, dst, 16);
    for (uint32_t len = 0; len <= 65535; len += 257) {
        memset(pseudo, 0, sizeof(pseudo));
        memcpy(pseudo, src, 4);
        memcpy(pseudo + 4, dst, 4);
        pseudo[9] = 6;
        put_be16(pseudo + 10, len);
        assert_int_equal(on_the_wire(estab_csum_pseudo(src, dst, 4, 6, len)), model(pseudo, 12));
        memcpy(pseudo, src, 16);
        memcpy(pseudo + 16, dst, 16);
        put_be32(pseudo + 32, len * 1000);
        put_be32(pseudo + 36, 58);
        assert_int_equal(on_the_wire(estab_csum_pseudo(src, dst, 16, 58, len * 1000)),
                         model(pseudo, 40));
    }
}

#if defined(CHECKSUM_X86)
/* The same file must behave the same on a processor without AVX2. */
TEST(the_wide_version_agrees_with_the_definition_from_its_first_octet)
{
    static uint8_t from[600], to[600];

    if (!checksum_x86_works())
        TEST_SKIP("this processor has no AVX2");
    sim_stream_fill(6, 0, from, sizeof(from));
    for (size_t len = 0; len <= 500; len++) {
        size_t at = len % 32;

        assert_int_equal(on_the_wire(estab_csum_add_x86(from + at, len, 0)), model(from + at, len));
        memset(to, 0xee, sizeof(to));
        assert_int_equal(on_the_wire(estab_csum_copy_x86(to + 1, from + at, len, 0)),
                         model(from + at, len));
        assert_memory_equal(to + 1, from + at, len);
        assert_int_equal(to[len + 1], 0xee);
    }
}
#endif
