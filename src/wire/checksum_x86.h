/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum with the wide registers of x86-64, chosen at run time, and the last octets
 * of a sum, which every version shares. For checksum.c and checksum_x86.c only.
 */
#ifndef WIRE_CHECKSUM_X86_H
#define WIRE_CHECKSUM_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && defined(__x86_64__)
#define CHECKSUM_X86
#define CHECKSUM_X86_MIN 128 /* shorter ones are not worth the choice */

/* The processor's abilities are looked up once, by the compiler's start-up code: no state here. */
static inline bool
checksum_x86_works(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

uint64_t estab_csum_add_x86(const void *data, size_t len, uint64_t sum);
uint64_t estab_csum_copy_x86(void *dst, const void *src, size_t len, uint64_t sum);
#endif

/* The last 0..7 octets, as if zeros followed; while copying them. */
static inline uint64_t
csum_copy_tail(uint8_t *d, const uint8_t *p, size_t len)
{
    uint64_t sum = 0;
    uint32_t four;
    uint16_t two = 0;

    if (len & 4) {
        memcpy(&four, p, 4);
        memcpy(d, &four, 4);
        sum += four;
        p += 4;
        d += 4;
    }
    if (len & 2) {
        memcpy(&two, p, 2);
        memcpy(d, &two, 2);
        sum += two;
        p += 2;
        d += 2;
    }
    if (len & 1) {
        two = 0;
        memcpy(&two, p, 1);
        *d = *p;
        sum += two;
    }
    return sum;
}

static inline uint64_t
csum_tail(const uint8_t *p, size_t len)
{
    uint8_t copy[8];

    return csum_copy_tail(copy, p, len);
}

#endif
