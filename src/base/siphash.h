/* SPDX-License-Identifier: MIT */
/* SipHash: a keyed function that an outsider without the key can neither compute nor invert.
 * ISNs, ports, timestamps and cookies use SipHash-2-4; the tables use the faster 1-3. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t k0, k1;
};

/* A key of its own for each purpose, derived from the host's secret and a label. */
struct siphash_key estab_siphash_derive(const uint8_t secret[32], const char *label);

/* SipHash-2-4 of `len` octets; the same value on every byte order. */
uint64_t estab_siphash24(const struct siphash_key *key, const void *data, size_t len);

/* SipHash-1-3 of `len` octets. */
uint64_t estab_siphash13(const struct siphash_key *key, const void *data, size_t len);

#endif
