/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071); see checksum.h. 2^16 is 1 modulo 2^16 - 1, so words of 32 bits
 * give the same sum as words of 16, and 64-bit accumulators need no look at carries: a sum grows
 * by less than 2^33 for each 8 octets. Loads and stores go through memcpy: any alignment. Called
 * for each packet in and out.
 */
#include "wire/checksum.h"

#include "wire/checksum_x86.h"

#include <string.h>

static inline uint64_t
load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t
halves(uint64_t v)
{
    return (v & 0xffffffffu) + (v >> 32);
}

#if defined(__GNUC__)
/* 16 octets side by side. `all` takes whole 64-bit words, modulo 2^64, and `high` their upper
 * halves: all - (high << 32) is then the sum of the lower ones. */
typedef uint64_t vec __attribute__((vector_size(16)));
#define STEP 64

#define SUM_STEP(p, v, all, high)                                                                  \
    do {                                                                                           \
        memcpy((v), (p), STEP);                                                                    \
        (all)[0] += (v)[0];                                                                        \
        (high)[0] += (v)[0] >> 32;                                                                 \
        (all)[1] += (v)[1];                                                                        \
        (high)[1] += (v)[1] >> 32;                                                                 \
        (all)[0] += (v)[2];                                                                        \
        (high)[0] += (v)[2] >> 32;                                                                 \
        (all)[1] += (v)[3];                                                                        \
        (high)[1] += (v)[3] >> 32;                                                                 \
    } while (0)

static inline uint64_t
total(const vec all[2], const vec high[2])
{
    vec h = high[0] + high[1], low = all[0] + all[1] - (h << 32);

    return low[0] + low[1] + h[0] + h[1];
}
#endif

uint64_t
estab_csum_add(const void *data, size_t len, uint64_t sum)
{
    const uint8_t *p = data;

#if defined(CHECKSUM_X86)
    if (len >= CHECKSUM_X86_MIN && checksum_x86_works())
        return estab_csum_add_x86(data, len, sum);
#endif
#if defined(__GNUC__)
    if (len >= STEP) {
        vec v[4], all[2] = { { 0 } }, high[2] = { { 0 } };

        for (; len >= STEP; len -= STEP, p += STEP)
            SUM_STEP(p, v, all, high);
        sum += total(all, high);
    }
#endif
    for (; len >= 8; len -= 8, p += 8)
        sum += halves(load64(p));
    return sum + csum_tail(p, len);
}

uint64_t
estab_csum_copy(void *dst, const void *src, size_t len, uint64_t sum)
{
    const uint8_t *p = src;
    uint8_t *d = dst;

#if defined(CHECKSUM_X86)
    if (len >= CHECKSUM_X86_MIN && checksum_x86_works())
        return estab_csum_copy_x86(dst, src, len, sum);
#endif
#if defined(__GNUC__)
    if (len >= STEP) {
        vec v[4], all[2] = { { 0 } }, high[2] = { { 0 } };

        for (; len >= STEP; len -= STEP, p += STEP, d += STEP) {
            SUM_STEP(p, v, all, high);
            memcpy(d, v, STEP);
        }
        sum += total(all, high);
    }
#endif
    for (; len >= 8; len -= 8, p += 8, d += 8) {
        uint64_t v = load64(p);

        memcpy(d, &v, 8);
        sum += halves(v);
    }
    return sum + csum_copy_tail(d, p, len);
}

uint64_t
estab_csum_pseudo(const uint8_t *src, const uint8_t *dst, unsigned addr_len, uint8_t proto,
                  uint32_t len)
{
    /* IPv4 has the protocol and a length of 16 bits in its pseudo-header, IPv6 a length of 32 and
     * the protocol in 32: the same sum. */
    uint8_t rest[8] = { (uint8_t)(len >> 24),
                        (uint8_t)(len >> 16),
                        (uint8_t)(len >> 8),
                        (uint8_t)len,
                        0,
                        0,
                        0,
                        proto };
    uint64_t sum = halves(load64(rest));

    if (addr_len == 4) {
        uint32_t a, b;

        memcpy(&a, src, 4);
        memcpy(&b, dst, 4);
        return sum + a + b;
    }
    return sum + halves(load64(src)) + halves(load64(src + 8)) + halves(load64(dst)) +
           halves(load64(dst + 8));
}
