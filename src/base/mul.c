/* SPDX-License-Identifier: MIT */
/*
 * 64 x 64 / 64 through a 128-bit product; see mul.h. By long division, bit by bit, when the
 * product does not fit into 64 bits, so that every machine gets the same. And the cube root, digit
 * by digit in base 2. Called from tcp/.
 */
#include "base/mul.h"

uint64_t
estab_muldiv64(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    uint64_t mid = ah * bl + (al * bl >> 32), hi, lo, rem, q = 0;
    uint64_t mid2 = al * bh + (uint32_t)mid;
    int i;

    hi = ah * bh + (mid >> 32) + (mid2 >> 32);
    lo = mid2 << 32 | (uint32_t)(al * bl);
    if (c == 0 || hi >= c)
        return UINT64_MAX;
    if (hi == 0)
        return lo / c;
    rem = hi;
    for (i = 63; i >= 0; i--) {
        uint64_t carry = rem >> 63;

        rem = rem << 1 | (lo >> i & 1);
        q <<= 1;
        if (carry != 0 || rem >= c) {
            rem -= c;
            q |= 1;
        }
    }
    return q;
}

uint32_t
estab_cbrt64(uint64_t x)
{
    uint64_t root = 0;
    int shift;

    /* `root` is the root of x's leading digits in base 8; one more of them gives one more bit.
     * Taking a 1 costs (2r + 1)^3 - (2r)^3 = 3 * 2r * (2r + 1) + 1. */
    for (shift = 63; shift >= 0; shift -= 3) {
        uint64_t cost;

        root *= 2;
        cost = 3 * root * (root + 1) + 1;
        if (x >> shift >= cost) {
            x -= cost << shift;
            root++;
        }
    }
    return (uint32_t)root;
}
