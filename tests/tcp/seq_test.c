/* SPDX-License-Identifier: MIT */
/* Sequence-number arithmetic across the wrap: RFC 9293 §3.4. */
#include "harness/test.h"

#include "tcp/seq.h"

static const uint32_t bases[] = { 0,          1,          2,          0x7ffffffe, 0x7fffffff,
                                  0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0x12345678 };
static const uint32_t steps[] = { 0, 1, 2, 3, 1000, 65535, 0x3fffffff, 0x7ffffffe, 0x7fffffff };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* RFC9293-3.4-MOD32: b = a + n is not before a, for every n below 2^31, wherever a stands. */
TEST(order_holds_across_the_wrap)
{
    for (size_t i = 0; i < COUNT(bases); i++)
        for (size_t k = 0; k < COUNT(steps); k++) {
            uint32_t a = bases[i], b = a + steps[k];

            assert_int_equal(seq_lt(a, b), steps[k] != 0);
            assert_true(seq_leq(a, b));
            assert_false(seq_lt(b, a) && steps[k] != 0);
            assert_int_equal(seq_gt(b, a), steps[k] != 0);
            assert_true(seq_geq(b, a));
            assert_int_equal(seq_geq(a, b), steps[k] == 0);
            assert_int_equal(seq_max(a, b), b);
            assert_int_equal(seq_max(b, a), b);
            assert_int_equal(seq_min(a, b), a);
            assert_int_equal(seq_min(b, a), a);
        }
}

/* left =< x < left + size, and lo =< x =< hi, against plain 64-bit arithmetic. */
TEST(windows_hold_across_the_wrap)
{
    static const uint32_t sizes[] = { 0, 1, 2, 1000, 65535, 1u << 30 };

    for (size_t i = 0; i < COUNT(bases); i++)
        for (size_t k = 0; k < COUNT(sizes); k++)
            for (int64_t off = -3; off <= 3; off++) {
                uint32_t left = bases[i], size = sizes[k];
                uint32_t x = left + (uint32_t)off, y = left + size + (uint32_t)off;

                assert_int_equal(seq_in_window(x, left, size), off >= 0 && off < (int64_t)size);
                assert_int_equal(seq_in_window(y, left, size), off < 0 && (int64_t)size + off >= 0);
                assert_int_equal(seq_between(left, x, left + size),
                                 off >= 0 && off <= (int64_t)size);
                assert_int_equal(seq_between(left, y, left + size),
                                 off <= 0 && (int64_t)size + off >= 0);
            }
}

/* Every pair of a random walk is ordered as its 64-bit positions are. */
TEST(order_of_a_long_walk)
{
    uint64_t at = 0xfffffff000000000u, rnd = 88172645463325252u;

    for (int i = 0; i < 200000; i++) {
        uint64_t before = at;

        rnd ^= rnd << 13;
        rnd ^= rnd >> 7;
        rnd ^= rnd << 17;
        at += rnd & 0x3fffffff;
        assert_int_equal(seq_lt((tcp_seq)before, (tcp_seq)at), before != at);
        assert_true(seq_leq((tcp_seq)before, (tcp_seq)at));
    }
}
