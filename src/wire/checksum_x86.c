/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071) with AVX2: the sums of checksum.c, 128 octets a turn. Called
 * from checksum.c when the processor has it; empty on other machines.
 */
#include "wire/checksum_x86.h"

#if defined(CHECKSUM_X86)

#define AVX2 __attribute__((target("avx2")))
#define STEP 128

typedef uint64_t vec __attribute__((vector_size(32)));

#define SUM(v, k)                                                                                  \
    do {                                                                                           \
        all##k += (v);                                                                             \
        high##k += (v) >> 32;                                                                      \
    } while (0)

/* The four lanes, the sum of the lower halves got back from all - (high << 32), as one number. */
#define TOTAL(out, all, high)                                                                      \
    do {                                                                                           \
        vec low_ = (all) - ((high) << 32);                                                         \
        (out) += low_[0] + low_[1] + low_[2] + low_[3];                                            \
        (out) += (high)[0] + (high)[1] + (high)[2] + (high)[3];                                    \
    } while (0)

static inline uint64_t
halves(uint64_t v)
{
    return (v & 0xffffffffu) + (v >> 32);
}

AVX2 uint64_t
estab_csum_add_x86(const void *data, size_t len, uint64_t sum)
{
    const uint8_t *p = data;
    vec all0 = { 0 }, all1 = { 0 }, high0 = { 0 }, high1 = { 0 };
    uint64_t word;

    for (; len >= STEP; len -= STEP, p += STEP) {
        vec a, b, c, d;

        memcpy(&a, p, 32);
        memcpy(&b, p + 32, 32);
        memcpy(&c, p + 64, 32);
        memcpy(&d, p + 96, 32);
        SUM(a, 0);
        SUM(b, 1);
        SUM(c, 0);
        SUM(d, 1);
    }
    for (; len >= 32; len -= 32, p += 32) {
        vec a;

        memcpy(&a, p, 32);
        SUM(a, 0);
    }
    all0 += all1;
    high0 += high1;
    TOTAL(sum, all0, high0);
    for (; len >= 8; len -= 8, p += 8) {
        memcpy(&word, p, 8);
        sum += halves(word);
    }
    return sum + csum_tail(p, len);
}

AVX2 uint64_t
estab_csum_copy_x86(void *dst, const void *src, size_t len, uint64_t sum)
{
    const uint8_t *p = src;
    uint8_t *q = dst;
    vec all0 = { 0 }, all1 = { 0 }, high0 = { 0 }, high1 = { 0 };
    uint64_t word;

    for (; len >= STEP; len -= STEP, p += STEP, q += STEP) {
        vec a, b, c, d;

        memcpy(&a, p, 32);
        memcpy(&b, p + 32, 32);
        memcpy(&c, p + 64, 32);
        memcpy(&d, p + 96, 32);
        memcpy(q, &a, 32);
        memcpy(q + 32, &b, 32);
        memcpy(q + 64, &c, 32);
        memcpy(q + 96, &d, 32);
        SUM(a, 0);
        SUM(b, 1);
        SUM(c, 0);
        SUM(d, 1);
    }
    for (; len >= 32; len -= 32, p += 32, q += 32) {
        vec a;

        memcpy(&a, p, 32);
        memcpy(q, &a, 32);
        SUM(a, 0);
    }
    all0 += all1;
    high0 += high1;
    TOTAL(sum, all0, high0);
    for (; len >= 8; len -= 8, p += 8, q += 8) {
        memcpy(&word, p, 8);
        memcpy(q, &word, 8);
        sum += halves(word);
    }
    return sum + csum_copy_tail(q, p, len);
}

#else
/* ISO C wants a declaration in every file. */
typedef int checksum_x86_is_empty;
#endif
