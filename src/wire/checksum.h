/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071): sums of 16-bit words in native byte order, folded and
 * complemented at the end. A partial sum covers a part that starts at an even offset of the whole;
 * for one that starts at an odd offset, csum_odd() turns it. The sum of the whole with the checksum field
 * included folds to 0xffff when the checksum is right.
 */
#ifndef WIRE_CHECKSUM_H
#define WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Adds `len` octets at any alignment to `sum`. An odd last octet counts as the first of a pair. */
uint64_t estab_csum_add(const void *data, size_t len, uint64_t sum);
/* The same while copying: one pass over the octets. */
uint64_t estab_csum_copy(void *dst, const void *src, size_t len, uint64_t sum);

/* Folds to 16 bits, in native byte order. */
static inline uint16_t
csum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffffu) + (sum >> 32);
    sum = (sum & 0xffffffffu) + (sum >> 32);
    sum = (sum & 0xffffu) + (sum >> 16);
    sum = (sum & 0xffffu) + (sum >> 16);
    return (uint16_t)sum;
}

/* A partial sum that began at an odd offset. */
static inline uint64_t
csum_odd(uint64_t sum)
{
    uint16_t s = csum_fold(sum);
    return (uint16_t)(s << 8 | s >> 8);
}

/* The pseudo-header of RFC 9293 §3.1 (IPv4: addr_len 4; IPv6, RFC 8200 §8.1: 16). `len` counts the
 * upper-layer header and its data. */
uint64_t estab_csum_pseudo(const uint8_t *src, const uint8_t *dst, unsigned addr_len, uint8_t proto,
                           uint32_t len);

#endif
