/* SPDX-License-Identifier: MIT */
/* SipHash against the vectors of its paper (Appendix A) and its reference program. */
#include "base/siphash.h"

#include "harness/test.h"

#include <string.h>

static const struct siphash_key key = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };

static const uint8_t *
counting(uint8_t buf[64])
{
    for (unsigned i = 0; i < 64; i++)
        buf[i] = (uint8_t)i;
    return buf;
}

TEST(siphash24_gives_the_values_of_the_paper)
{
    /* of 0, 1, ... 15 octets 00 01 02 ...; the sixteenth is the example worked out in the paper */
    static const uint64_t expected[16] = {
        0x726fdb47dd0e0e31u, 0x74f839c593dc67fdu, 0x0d6c8009d9a94f5au, 0x85676696d7fb7e2du,
        0xcf2794e0277187b7u, 0x18765564cd99a68du, 0xcbc9466e58fee3ceu, 0xab0200f58b01d137u,
        0x93f5f5799a932462u, 0x9e0082df0ba9e4b0u, 0x7a5dbbc594ddb9f3u, 0xf4b32f46226bada7u,
        0x751e8fbc860ee5fbu, 0x14ea5627c0843d90u, 0xf723ca908e7af2eeu, 0xa129ca6149be45e5u,
    };
    uint8_t data[64];

    for (size_t len = 0; len < 16; len++)
        assert_int_equal(estab_siphash24(&key, counting(data), len), expected[len]);
}

/* Written once more from the paper, octet by octet, for any number of rounds. */
static uint64_t
model(const struct siphash_key *k, const uint8_t *data, size_t len, int c, int d)
{
    uint64_t v[4] = { k->k0 ^ 0x736f6d6570736575u, k->k1 ^ 0x646f72616e646f6du,
                      k->k0 ^ 0x6c7967656e657261u, k->k1 ^ 0x7465646279746573u };

#define ROTATE(x, n) (x = x << (n) | x >> (64 - (n)))
#define ROUNDS(n)                                                                                  \
    for (int r = 0; r < (n); r++) {                                                                \
        v[0] += v[1], ROTATE(v[1], 13), v[1] ^= v[0], ROTATE(v[0], 32);                            \
        v[2] += v[3], ROTATE(v[3], 16), v[3] ^= v[2];                                              \
        v[0] += v[3], ROTATE(v[3], 21), v[3] ^= v[0];                                              \
        v[2] += v[1], ROTATE(v[1], 17), v[1] ^= v[2], ROTATE(v[2], 32);                            \
    }
    for (size_t block = 0; block <= len / 8; block++) {
        uint64_t m = 0;

        for (size_t i = 0; i < 8; i++) {
            size_t at = block * 8 + i;
            uint8_t octet = at < len ? data[at] : 0;

            if (block == len / 8 && i == 7)
                octet = (uint8_t)len;
            m |= (uint64_t)octet << 8 * i;
        }
        v[3] ^= m;
        ROUNDS(c)
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    ROUNDS(d)
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

TEST(both_variants_agree_with_the_model_at_every_length_and_alignment)
{
    uint8_t buf[80], data[64];

    for (size_t at = 0; at < 8; at++)
        for (size_t len = 0; len <= 64; len++) {
            memcpy(buf + at, counting(data), 64);
            assert_int_equal(estab_siphash24(&key, buf + at, len), model(&key, data, len, 2, 4));
            assert_int_equal(estab_siphash13(&key, buf + at, len), model(&key, data, len, 1, 3));
        }
}

TEST(keys_differ_by_label_and_by_every_octet_of_the_secret)
{
    static const char *const labels[] = { "isn", "ports", "cookies", "timestamps", "table", "" };
    struct siphash_key seen[6 + 32];
    size_t n = 0;

    for (size_t i = 0; i < 6 + 32; i++) {
        uint8_t secret[32] = { 1, 2, 3 };

        if (i >= 6)
            secret[i - 6] ^= 0x80;
        seen[n] = estab_siphash_derive(secret, labels[i < 6 ? i : 0]);
        for (size_t k = 0; k < n; k++) {
            assert_true(seen[k].k0 != seen[n].k0);
            assert_true(seen[k].k1 != seen[n].k1);
        }
        n++;
    }
}

TEST(a_key_derived_again_is_the_same)
{
    uint8_t secret[32] = { 42 };
    struct siphash_key a = estab_siphash_derive(secret, "isn");
    struct siphash_key b = estab_siphash_derive(secret, "isn");

    assert_true(a.k0 == b.k0 && a.k1 == b.k1);
}
