/* SPDX-License-Identifier: MIT */
/* Addresses: one type for IPv4 and IPv6, so that the family is data and never a second file. */
#ifndef ESTAB_ADDR_H
#define ESTAB_ADDR_H

#include "estab/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum estab_family {
    ESTAB_UNSPEC = 0,
    ESTAB_INET = 4,
    ESTAB_INET6 = 6,
};

/* An IPv4 address fills bytes[0..3] in network order, the rest is zero. `zone` is the interface
 * number of a link-local address, 0 otherwise. An all-zero struct is "any address". */
struct estab_addr {
    uint8_t family; /* enum estab_family */
    uint8_t pad[3];
    uint32_t zone;
    uint8_t bytes[16];
};

struct estab_endpoint {
    struct estab_addr addr;
    uint16_t port; /* host byte order */
};

/* Text of the longest address and endpoint, with the closing zero. */
#define ESTAB_ADDR_TEXT 56
#define ESTAB_ENDPOINT_TEXT 64

ESTAB_API struct estab_addr estab_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
ESTAB_API bool estab_addr_equal(const struct estab_addr *a, const struct estab_addr *b);
/* True for 0.0.0.0, ::, and the family-less any address. */
ESTAB_API bool estab_addr_is_any(const struct estab_addr *a);
ESTAB_API bool estab_addr_is_multicast(const struct estab_addr *a);
ESTAB_API bool estab_addr_is_loopback(const struct estab_addr *a);

/* Parses "192.0.2.1" or "2001:db8::1" (RFC 4291 §2.2). Returns 0 or -ESTAB_EINVAL. */
ESTAB_API ESTAB_MUST_CHECK int estab_addr_parse(struct estab_addr *out, const char *text);
/* Parses an address with a prefix length, "192.0.2.1/24"; without one the whole address. */
ESTAB_API ESTAB_MUST_CHECK int estab_addr_parse_prefix(struct estab_addr *out, unsigned *prefix_len,
                                                       const char *text);
/* Writes the text (IPv6 as RFC 5952 asks) and returns `buf`, which holds ESTAB_ADDR_TEXT bytes. */
ESTAB_API char *estab_addr_format(const struct estab_addr *a, char *buf);
/* "192.0.2.1:80", "[2001:db8::1]:80"; `buf` holds ESTAB_ENDPOINT_TEXT bytes. */
ESTAB_API char *estab_endpoint_format(const struct estab_endpoint *e, char *buf);

#ifdef __cplusplus
}
#endif

#endif
