/* SPDX-License-Identifier: MIT */
/* SipHash (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012); see siphash.h. */
#include "base/siphash.h"

#include "base/bytes.h"

static uint64_t
rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void
sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

static inline uint64_t
siphash(const struct siphash_key *key, const uint8_t *p, size_t len, unsigned c, unsigned d)
{
    uint64_t v[4] = { key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
                      key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u };
    uint64_t m, last = (uint64_t)len << 56;
    size_t whole = len & ~(size_t)7, i;
    unsigned r;

    for (i = 0; i < whole; i += 8) {
        m = get_le64(p + i);
        v[3] ^= m;
        for (r = 0; r < c; r++)
            sip_round(v);
        v[0] ^= m;
    }
    for (i = whole; i < len; i++)
        last |= (uint64_t)p[i] << 8 * (i - whole);
    v[3] ^= last;
    for (r = 0; r < c; r++)
        sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (r = 0; r < d; r++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
estab_siphash24(const struct siphash_key *key, const void *data, size_t len)
{
    return siphash(key, data, len, 2, 4);
}

uint64_t
estab_siphash13(const struct siphash_key *key, const void *data, size_t len)
{
    return siphash(key, data, len, 1, 3);
}

struct siphash_key
estab_siphash_derive(const uint8_t secret[32], const char *label)
{
    struct siphash_key a = { get_le64(secret), get_le64(secret + 8) };
    struct siphash_key b = { get_le64(secret + 16), get_le64(secret + 24) };
    size_t len = 0;
    struct siphash_key out;

    while (label[len] != '\0')
        len++;
    out.k0 = estab_siphash24(&a, label, len) ^ estab_siphash24(&b, label, len);
    a.k0 ^= 1;
    b.k1 ^= 1;
    out.k1 = estab_siphash24(&a, label, len) + estab_siphash24(&b, label, len);
    return out;
}
