/* SPDX-License-Identifier: MIT */
/* a * b / c through 128 bits; cube roots. */
#include "base/mul.h"

#include "harness/test.h"
#include "sim/prng.h"

/* The product in four pieces of 32 bits, and q * c + rest = product. */
static void
multiply(uint64_t a, uint64_t b, uint64_t *hi, uint64_t *lo)
{
    uint64_t p00 = (a & 0xffffffff) * (b & 0xffffffff), p01 = (a & 0xffffffff) * (b >> 32);
    uint64_t p10 = (a >> 32) * (b & 0xffffffff), p11 = (a >> 32) * (b >> 32);
    uint64_t mid = (p00 >> 32) + (p01 & 0xffffffff) + (p10 & 0xffffffff);

    *lo = mid << 32 | (p00 & 0xffffffff);
    *hi = p11 + (p01 >> 32) + (p10 >> 32) + (mid >> 32);
}

static void
check(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t q = estab_muldiv64(a, b, c), hi, lo, qhi, qlo, rest;

    multiply(a, b, &hi, &lo);
    if (c == 0 || hi >= c) {
        assert_int_equal(q, UINT64_MAX);
        return;
    }
    multiply(q, c, &qhi, &qlo);
    rest = lo - qlo;
    assert_int_equal(hi - qhi - (lo < qlo), 0);
    assert_true(rest < c);
}

TEST(the_quotient_and_its_rest_give_the_product)
{
    static const uint64_t edges[] = { 0,
                                      1,
                                      2,
                                      3,
                                      0xffffffff,
                                      1u << 31,
                                      0x100000000u,
                                      UINT64_MAX,
                                      UINT64_MAX - 1,
                                      (uint64_t)1 << 63,
                                      1000000000,
                                      0x8000000000000001u };
    struct sim_prng dice;

    for (unsigned i = 0; i < 12 * 12 * 12; i++)
        check(edges[i % 12], edges[i / 12 % 12], edges[i / 144]);
    sim_prng_seed(&dice, 1);
    for (unsigned i = 0; i < 20000; i++)
        check(sim_prng_log(&dice, 63), sim_prng_log(&dice, 63), sim_prng_log(&dice, 63));
}

TEST(what_does_not_fit_saturates)
{
    assert_int_equal(estab_muldiv64(UINT64_MAX, 2, 1), UINT64_MAX);
    assert_int_equal(estab_muldiv64(UINT64_MAX, UINT64_MAX, UINT64_MAX), UINT64_MAX);
    assert_int_equal(estab_muldiv64(1, 1, 0), UINT64_MAX);
    assert_int_equal(estab_muldiv64(UINT64_MAX, 3, 4), UINT64_MAX / 4 * 3 + 2);
}

/* r^3 =< x < (r + 1)^3, without overflow: 2642245 is the root of UINT64_MAX. */
static void
check_root(uint64_t x)
{
    uint64_t r = estab_cbrt64(x), next = r + 1;

    assert_true(r <= 2642245);
    assert_true(r * r * r <= x);
    if (r < 2642245)
        assert_true(next * next * next > x);
}

/* RFC9438-FXP: every root that a 64-bit number can have, at the edge where it begins. */
TEST(the_cube_root_is_exact_around_every_cube)
{
    for (uint64_t r = 0; r <= 2642245; r++) {
        uint64_t cube = r * r * r;

        assert_int_equal(estab_cbrt64(cube), r);
        if (r > 0)
            assert_int_equal(estab_cbrt64(cube - 1), r - 1);
        if (r > 1)
            assert_int_equal(estab_cbrt64(cube + 1), r);
    }
    assert_int_equal(estab_cbrt64(UINT64_MAX), 2642245);
}

TEST(the_cube_root_of_anything_is_the_largest_that_fits)
{
    struct sim_prng dice;

    sim_prng_seed(&dice, 3);
    for (unsigned bits = 0; bits < 64; bits++) {
        check_root((uint64_t)1 << bits);
        check_root(((uint64_t)1 << bits) - 1);
    }
    for (unsigned i = 0; i < 200000; i++)
        check_root(sim_prng_next(&dice) >> (i & 63));
}
