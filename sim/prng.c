/* SPDX-License-Identifier: MIT */
/* See prng.h. The generators are Blackman's and Vigna's xoshiro256** and SplitMix64. */
#include "sim/prng.h"

static uint64_t
rotate_left(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static uint64_t
scramble(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

uint64_t
sim_mix(uint64_t a, uint64_t b)
{
    return scramble(scramble(a + 0x9e3779b97f4a7c15U) ^ (b + 0xd1b54a32d192ed03U));
}

void
sim_prng_seed(struct sim_prng *r, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15U;
        r->s[i] = scramble(seed);
    }
}

uint64_t
sim_prng_next(struct sim_prng *r)
{
    uint64_t result = rotate_left(r->s[1] * 5, 7) * 9;
    uint64_t t = r->s[1] << 17;

    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotate_left(r->s[3], 45);
    return result;
}

uint64_t
sim_prng_below(struct sim_prng *r, uint64_t n)
{
    /* The bias of the remainder is below n / 2^64: nothing a simulation can see. */
    return sim_prng_next(r) % n;
}

uint64_t
sim_prng_between(struct sim_prng *r, uint64_t lo, uint64_t hi)
{
    return lo + sim_prng_below(r, hi - lo + 1);
}

bool
sim_prng_chance(struct sim_prng *r, uint32_t ppm)
{
    if (ppm == 0)
        return false;
    if (ppm >= SIM_PPM)
        return true;
    return sim_prng_below(r, SIM_PPM) < ppm;
}

uint64_t
sim_prng_log(struct sim_prng *r, unsigned max_log2)
{
    uint64_t size = (uint64_t)1 << sim_prng_below(r, max_log2 + 1);

    return sim_prng_between(r, (size + 1) / 2, size);
}

/* Octet i of a stream is octet i % 8, lowest first, of the word mixed from (id, i / 8). */
static uint8_t
stream_octet(uint64_t id, uint64_t offset)
{
    return (uint8_t)(sim_mix(id, offset / 8) >> 8 * (offset % 8));
}

/* The lowest octet comes first on every machine; compilers make one load or store of it. */
static void
put_word(uint8_t *p, uint64_t w)
{
    p[0] = (uint8_t)w;
    p[1] = (uint8_t)(w >> 8);
    p[2] = (uint8_t)(w >> 16);
    p[3] = (uint8_t)(w >> 24);
    p[4] = (uint8_t)(w >> 32);
    p[5] = (uint8_t)(w >> 40);
    p[6] = (uint8_t)(w >> 48);
    p[7] = (uint8_t)(w >> 56);
}

static uint64_t
get_word(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

void
sim_stream_fill(uint64_t id, uint64_t offset, uint8_t *buf, size_t len)
{
    size_t i = 0;

    for (; i < len && (offset + i) % 8 != 0; i++)
        buf[i] = stream_octet(id, offset + i);
    for (; len - i >= 8; i += 8)
        put_word(buf + i, sim_mix(id, (offset + i) / 8));
    for (; i < len; i++)
        buf[i] = stream_octet(id, offset + i);
}

size_t
sim_stream_match(uint64_t id, uint64_t offset, const uint8_t *buf, size_t len)
{
    size_t i = 0;

    for (; i < len && (offset + i) % 8 != 0; i++)
        if (buf[i] != stream_octet(id, offset + i))
            return i;
    while (len - i >= 8 && get_word(buf + i) == sim_mix(id, (offset + i) / 8))
        i += 8;
    for (; i < len; i++)
        if (buf[i] != stream_octet(id, offset + i))
            return i;
    return len;
}
