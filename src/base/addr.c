/* SPDX-License-Identifier: MIT */
/*
 * Addresses and their text: RFC 4291 §2.2 in, RFC 5952 out, with the zone of RFC 4007 §11 as a
 * number, "fe80::1%2". See include/estab/addr.h. For users, the tools and the tests.
 */
#include "estab/addr.h"

#include "estab/err.h"

#include <string.h>

struct estab_addr
estab_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct estab_addr){ .family = ESTAB_INET, .bytes = { a, b, c, d } };
}

bool
estab_addr_equal(const struct estab_addr *a, const struct estab_addr *b)
{
    return a->family == b->family && a->zone == b->zone && memcmp(a->bytes, b->bytes, 16) == 0;
}

bool
estab_addr_is_any(const struct estab_addr *a)
{
    static const uint8_t zero[16];

    return memcmp(a->bytes, zero, 16) == 0;
}

bool
estab_addr_is_multicast(const struct estab_addr *a)
{
    return a->family == ESTAB_INET    ? a->bytes[0] >> 4 == 14
           : a->family == ESTAB_INET6 ? a->bytes[0] == 0xff
                                      : false;
}

bool
estab_addr_is_loopback(const struct estab_addr *a)
{
    static const uint8_t one[16] = { [15] = 1 };

    return a->family == ESTAB_INET    ? a->bytes[0] == 127
           : a->family == ESTAB_INET6 ? memcmp(a->bytes, one, 16) == 0
                                      : false;
}

/* Decimal without sign or leading zeros, at most `max`; NULL: none there. */
static const char *
parse_decimal(const char *t, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;

    if (*t < '0' || *t > '9' || (t[0] == '0' && t[1] >= '0' && t[1] <= '9'))
        return NULL;
    for (; *t >= '0' && *t <= '9'; t++) {
        v = v * 10 + (uint64_t)(*t - '0');
        if (v > max)
            return NULL;
    }
    *out = (uint32_t)v;
    return t;
}

static const char *
parse_v4(uint8_t out[4], const char *t)
{
    uint32_t i, v;

    for (i = 0; i < 4; i++) {
        if (i > 0 && *t++ != '.')
            return NULL;
        t = parse_decimal(t, 255, &v);
        if (t == NULL)
            return NULL;
        out[i] = (uint8_t)v;
    }
    return t;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static const char *
parse_v6(uint8_t out[16], const char *t)
{
    unsigned n = 0, gap = 17; /* octets so far; where "::" stood */

    memset(out, 0, 16);
    if (t[0] == ':') {
        if (t[1] != ':')
            return NULL;
        gap = 0;
        t += 2;
    }
    while (n < 16 && hex_digit(*t) >= 0) {
        const char *group = t;
        unsigned v = 0, digits = 0;

        for (; hex_digit(*t) >= 0; t++) {
            v = v << 4 | (unsigned)hex_digit(*t);
            if (++digits > 4)
                return NULL;
        }
        if (*t == '.') { /* the last four octets as IPv4 */
            t = n <= 12 ? parse_v4(out + n, group) : NULL;
            if (t == NULL)
                return NULL;
            n += 4;
            break;
        }
        out[n++] = (uint8_t)(v >> 8);
        out[n++] = (uint8_t)v;
        if (*t != ':')
            break;
        t++;
        if (*t == ':') {
            if (gap != 17)
                return NULL;
            gap = n;
            t++;
        } else if (hex_digit(*t) < 0) {
            return NULL;
        }
    }
    if (gap == 17)
        return n == 16 ? t : NULL;
    if (n >= 16)
        return NULL;
    memmove(out + 16 - (n - gap), out + gap, n - gap);
    memset(out + gap, 0, 16 - n);
    return t;
}

static const char *
parse_addr(struct estab_addr *out, const char *text)
{
    struct estab_addr a;
    const char *end;

    memset(&a, 0, sizeof(a));
    end = parse_v4(a.bytes, text);
    a.family = ESTAB_INET;
    if (end == NULL || (*end != '\0' && *end != '/')) {
        memset(&a, 0, sizeof(a));
        end = parse_v6(a.bytes, text);
        a.family = ESTAB_INET6;
        if (end != NULL && *end == '%')
            end = parse_decimal(end + 1, UINT32_MAX, &a.zone);
    }
    if (end != NULL)
        *out = a;
    return end;
}

int
estab_addr_parse(struct estab_addr *out, const char *text)
{
    struct estab_addr a;
    const char *end = parse_addr(&a, text);

    if (end == NULL || *end != '\0')
        return -ESTAB_EINVAL;
    *out = a;
    return 0;
}

int
estab_addr_parse_prefix(struct estab_addr *out, unsigned *prefix_len, const char *text)
{
    struct estab_addr a;
    const char *end = parse_addr(&a, text);
    uint32_t max, len;

    if (end == NULL)
        return -ESTAB_EINVAL;
    max = a.family == ESTAB_INET ? 32 : 128;
    len = max;
    if (*end == '/')
        end = parse_decimal(end + 1, max, &len);
    if (end == NULL || *end != '\0')
        return -ESTAB_EINVAL;
    *out = a;
    *prefix_len = len;
    return 0;
}

static char *
put_decimal(char *p, uint32_t v)
{
    char digits[10];
    unsigned n = 0;

    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    while (n > 0)
        *p++ = digits[--n];
    return p;
}

static char *
put_v4(char *p, const uint8_t *b)
{
    unsigned i;

    for (i = 0; i < 4; i++) {
        if (i > 0)
            *p++ = '.';
        p = put_decimal(p, b[i]);
    }
    return p;
}

static char *
put_v6(char *p, const uint8_t *b)
{
    static const char hex[] = "0123456789abcdef";
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    unsigned i, run, best = 8, best_len = 1;

    /* RFC 5952 §5: an IPv4-mapped address shows its IPv4 address. */
    if (memcmp(b, mapped, 12) == 0) {
        memcpy(p, "::ffff:", 7);
        return put_v4(p + 7, b + 12);
    }
    /* RFC 5952 §4.2: the longest run of two or more zero groups, the first of equals, is "::" */
    for (i = 0; i < 8; i++) {
        for (run = 0; i + run < 8 && b[2 * (i + run)] == 0 && b[2 * (i + run) + 1] == 0; run++)
            ;
        if (run > best_len) {
            best = i;
            best_len = run;
        }
    }
    for (i = 0; i < 8; i++) {
        unsigned v = (unsigned)b[2 * i] << 8 | b[2 * i + 1];
        int shift = 12;

        if (i == best) {
            *p++ = ':';
            *p++ = ':';
            i += best_len - 1;
            continue;
        }
        if (i > 0 && p[-1] != ':')
            *p++ = ':';
        while (shift > 0 && v >> shift == 0)
            shift -= 4;
        for (; shift >= 0; shift -= 4)
            *p++ = hex[v >> shift & 15];
    }
    return p;
}

char *
estab_addr_format(const struct estab_addr *a, char *buf)
{
    char *p = buf;

    if (a->family == ESTAB_INET) {
        p = put_v4(p, a->bytes);
    } else if (a->family == ESTAB_INET6) {
        p = put_v6(p, a->bytes);
        if (a->zone != 0) {
            *p++ = '%';
            p = put_decimal(p, a->zone);
        }
    } else {
        *p++ = '*';
    }
    *p = '\0';
    return buf;
}

char *
estab_endpoint_format(const struct estab_endpoint *e, char *buf)
{
    bool v6 = e->addr.family == ESTAB_INET6;
    char *p = buf;

    if (v6)
        *p++ = '[';
    (void)estab_addr_format(&e->addr, p);
    p += strlen(p);
    if (v6)
        *p++ = ']';
    *p++ = ':';
    p = put_decimal(p, e->port);
    *p = '\0';
    return buf;
}
