/* SPDX-License-Identifier: MIT */
/* The lowest and the highest bit that is set, of a number that is not 0. Used by wheel.c and chunks.c. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdint.h>

static inline unsigned
lowest_bit(uint64_t x)
{
#if defined(__GNUC__)
    return (unsigned)__builtin_ctzll(x);
#else
    unsigned n = 0, half;

    for (half = 32; half > 0; half /= 2)
        if ((x & (((uint64_t)1 << half) - 1)) == 0) {
            x >>= half;
            n += half;
        }
    return n;
#endif
}

static inline unsigned
highest_bit(uint64_t x)
{
#if defined(__GNUC__)
    return 63u - (unsigned)__builtin_clzll(x);
#else
    unsigned n = 0, half;

    for (half = 32; half > 0; half /= 2)
        if (x >> half != 0) {
            x >>= half;
            n += half;
        }
    return n;
#endif
}

#endif
