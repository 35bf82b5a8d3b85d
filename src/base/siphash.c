/* SPDX-License-Identifier: MIT */
/*
 * SipHash (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012); see siphash.h. Octets
 * are read as little-endian words whatever the machine. Called from stack/demux.c for each segment
 * and, with keys of their own, where numbers must not be guessed: tcp/isn.c, ports, timestamps.
 */
#include "base/siphash.h"

#include "base/bytes.h"

static inline uint64_t
rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline void
sip_rounds(struct sip *s, unsigned n)
{
    while (n-- > 0) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotl(s->v1, 13) ^ s->v0;
        s->v3 = rotl(s->v3, 16) ^ s->v2;
        s->v0 = rotl(s->v0, 32) + s->v3;
        s->v2 += s->v1;
        s->v3 = rotl(s->v3, 21) ^ s->v0;
        s->v1 = rotl(s->v1, 17) ^ s->v2;
        s->v2 = rotl(s->v2, 32);
    }
}

static inline void
sip_word(struct sip *s, uint64_t m, unsigned c)
{
    s->v3 ^= m;
    sip_rounds(s, c);
    s->v0 ^= m;
}

/* The last 0..7 octets as a word; zeros stand for those that are missing. */
static inline uint64_t
last_octets(const uint8_t *p, size_t len)
{
    uint64_t m = 0;
    unsigned shift = 0;

    if (len & 4) {
        m = get_le32(p);
        p += 4;
        shift = 32;
    }
    if (len & 2) {
        m |= (uint64_t)(p[0] | (unsigned)p[1] << 8) << shift;
        p += 2;
        shift += 16;
    }
    return len & 1 ? m | (uint64_t)p[0] << shift : m;
}

static inline uint64_t
siphash(const struct siphash_key *key, const uint8_t *p, size_t len, unsigned c, unsigned d)
{
    struct sip s = { key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
                     key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u };
    uint64_t length = (uint64_t)len << 56;

    for (; len >= 8; len -= 8, p += 8)
        sip_word(&s, get_le64(p), c);
    sip_word(&s, length | last_octets(p, len), c);
    s.v2 ^= 0xff;
    sip_rounds(&s, d);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
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
