/* SPDX-License-Identifier: MIT */
/* Packets octet by octet, for the tests of the parsers: a piece of memory that ends where the
 * packet ends, so that the sanitizer sees every octet read beyond it. */
#ifndef TESTS_WIRE_PACKET_H
#define TESTS_WIRE_PACKET_H

#include "base/bytes.h"
#include "wire/checksum.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A copy of the first `len` octets that is exactly as long; free() it. */
static inline uint8_t *
exact(const uint8_t *data, size_t len)
{
    uint8_t *p = malloc(len > 0 ? len : 1);

    if (p != NULL && len > 0)
        memcpy(p, data, len);
    return p;
}

/* Fills in the IPv4 header checksum. */
static inline void
sum_v4(uint8_t *p)
{
    uint16_t field;

    put_be16(p + 10, 0);
    field = (uint16_t)~csum_fold(estab_csum_add(p, (p[0] & 15u) * 4, 0));
    memcpy(p + 10, &field, 2);
}

#endif
