/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071); see checksum.h. Four independent 64-bit accumulators of 32-bit
 * words, so that carries never have to be looked at inside the loop and the additions run side by
 * side. Loads and stores go through memcpy: any alignment.
 */
#include "wire/checksum.h"

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

/* The last 0..7 octets, as if zeros followed. */
static inline uint64_t
tail(const uint8_t *p, size_t len)
{
    uint64_t v = 0;

    memcpy(&v, p, len);
    return halves(v);
}

#if defined(__GNUC__)
/* 16 octets in a vector register: two 64-bit sums of 32-bit words, low and high halves apart. */
typedef uint64_t vec __attribute__((vector_size(16)));
#define STEP (4 * sizeof(vec))

/* The octets at p in four vectors, added to four accumulators. */
#define SUM_STEP(p, v, acc)                                                                        \
    do {                                                                                           \
        memcpy((v), (p), STEP);                                                                    \
        (acc)[0] += ((v)[0] & 0xffffffffu) + ((v)[1] & 0xffffffffu);                               \
        (acc)[1] += ((v)[0] >> 32) + ((v)[1] >> 32);                                               \
        (acc)[2] += ((v)[2] & 0xffffffffu) + ((v)[3] & 0xffffffffu);                               \
        (acc)[3] += ((v)[2] >> 32) + ((v)[3] >> 32);                                               \
    } while (0)

static inline uint64_t
total(const vec acc[4])
{
    return acc[0][0] + acc[0][1] + acc[1][0] + acc[1][1] + acc[2][0] + acc[2][1] + acc[3][0] +
           acc[3][1];
}
#endif

uint64_t
estab_csum_add(const void *data, size_t len, uint64_t sum)
{
    const uint8_t *p = data;

#if defined(__GNUC__)
    if (len >= STEP) {
        vec v[4], acc[4] = { { 0 } };

        for (; len >= STEP; len -= STEP, p += STEP)
            SUM_STEP(p, v, acc);
        sum += total(acc);
    }
#endif
    for (; len >= 8; len -= 8, p += 8)
        sum += halves(load64(p));
    return len > 0 ? sum + tail(p, len) : sum;
}

uint64_t
estab_csum_copy(void *dst, const void *src, size_t len, uint64_t sum)
{
    const uint8_t *p = src;
    uint8_t *d = dst;

#if defined(__GNUC__)
    if (len >= STEP) {
        vec v[4], acc[4] = { { 0 } };

        for (; len >= STEP; len -= STEP, p += STEP, d += STEP) {
            SUM_STEP(p, v, acc);
            memcpy(d, v, STEP);
        }
        sum += total(acc);
    }
#endif
    for (; len >= 8; len -= 8, p += 8, d += 8) {
        uint64_t v = load64(p);

        memcpy(d, &v, 8);
        sum += halves(v);
    }
    if (len > 0) {
        memcpy(d, p, len);
        sum += tail(p, len);
    }
    return sum;
}

uint64_t
estab_csum_pseudo(const uint8_t *src, const uint8_t *dst, unsigned addr_len, uint8_t proto,
                  uint32_t len)
{
    uint8_t rest[8] = { (uint8_t)(len >> 24),
                        (uint8_t)(len >> 16),
                        (uint8_t)(len >> 8),
                        (uint8_t)len,
                        0,
                        0,
                        0,
                        proto };
    uint64_t sum;

    if (addr_len == 4) {
        uint32_t a, b;

        memcpy(&a, src, 4);
        memcpy(&b, dst, 4);
        sum = (uint64_t)a + b;
    } else {
        sum = halves(load64(src)) + halves(load64(src + 8)) + halves(load64(dst)) +
              halves(load64(dst + 8));
    }
    return sum + halves(load64(rest));
}
